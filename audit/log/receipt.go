package log

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/inert"
)

// MaxReceipt is how many bytes a receipt has at most.
const MaxReceipt = 128 << 10

const (
	receiptHeader = "c2sp.org/tlog-proof@v1"
	maxProof      = 64 // hashes
)

// Receipt is one entry with the proof that it is in the log. It verifies without the log.
type Receipt struct {
	Entry      []byte
	Index      int64
	Proof      tlog.RecordProof
	Checkpoint Checkpoint
}

// Receipt proves that the entry at an index is in the log as it is now.
func (l *Log) Receipt(ctx context.Context, index int64) (r *Receipt, err error) {
	err = l.read(ctx, func(s *snapshot) error {
		b, err := s.entry(index)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(s.checkpoint.Size, index, s.hashes)
		if err != nil {
			return s.why(err)
		}
		r = &Receipt{Entry: b, Index: index, Proof: proof, Checkpoint: s.checkpoint}
		return nil
	})
	return r, err
}

// Encode is the receipt as a transparency log proof (https://c2sp.org/tlog-proof), with the entry as its extra data.
// Files of it end in ".tlog-proof".
func (r *Receipt) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", receiptHeader, base64.StdEncoding.EncodeToString(r.Entry), r.Index)
	for _, h := range r.Proof {
		fmt.Fprintf(&b, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	b.WriteString("\n")
	b.Write(r.Checkpoint.Signed)
	return b.Bytes()
}

// IsReceipt reports whether bytes begin as a receipt does, whatever follows.
func IsReceipt(b []byte) bool { return bytes.HasPrefix(b, []byte(receiptHeader+"\n")) }

// OpenReceipt reads a receipt and verifies all of it: the key signed the checkpoint, the entry is in that log at that
// place, and it is an entry. Whatever it takes, [Receipt.Encode] writes again byte for byte.
func OpenReceipt(b []byte, key note.Verifier) (*Receipt, *audit.Entry, error) {
	r, e, err := openReceipt(b, key)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a receipt: %w", err)
	}
	return r, e, nil
}

func openReceipt(b []byte, key note.Verifier) (*Receipt, *audit.Entry, error) {
	if len(b) > MaxReceipt {
		return nil, nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), MaxReceipt)
	}
	head, signed, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return nil, nil, errors.New("it has no checkpoint")
	}
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || len(lines) > 3+maxProof || lines[0] != receiptHeader {
		return nil, nil, fmt.Errorf("it does not begin as a %s with an entry and its index", receiptHeader)
	}
	var r Receipt
	extra, ok := strings.CutPrefix(lines[1], "extra ")
	var err error
	if r.Entry, err = base64.StdEncoding.DecodeString(extra); !ok || err != nil {
		return nil, nil, errors.New("it does not hold the entry")
	}
	number, ok := strings.CutPrefix(lines[2], "index ")
	if r.Index, err = strconv.ParseInt(number, 10, 64); !ok || err != nil || r.Index < 0 {
		return nil, nil, fmt.Errorf("%s is no index", inert.Quote(lines[2]))
	}
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return nil, nil, fmt.Errorf("%s is no hash", inert.Quote(line))
		}
		r.Proof = append(r.Proof, h)
	}
	if r.Checkpoint, err = OpenCheckpoint([]byte(signed), key); err != nil {
		return nil, nil, err
	}
	if r.Index >= r.Checkpoint.Size {
		return nil, nil, fmt.Errorf("it is of entry %d, and its checkpoint is of %d entries", r.Index, r.Checkpoint.Size)
	}
	if err := tlog.CheckRecord(r.Proof, r.Checkpoint.Size, r.Checkpoint.Hash, r.Index, tlog.RecordHash(r.Entry)); err != nil {
		return nil, nil, fmt.Errorf("its proof does not lead from the entry to the checkpoint")
	}
	e, err := audit.Parse(r.Entry)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(r.Encode(), b) {
		return nil, nil, errors.New("it is not in its canonical form")
	}
	return &r, e, nil
}
