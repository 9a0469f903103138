package log

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/inert"
)

const (
	// CheckpointPath is where the signed checkpoint is.
	CheckpointPath = "checkpoint"
	maxCheckpoint  = 16 << 10 // bytes of a signed checkpoint, cosignatures of witnesses included
	maxSize        = 1 << 48  // entries; far more than hash indexes have room for
)

// Checkpoint is what a log had in it at one moment: whoever keeps one can tell later that the log still continues it.
type Checkpoint struct {
	Origin string // which log
	Size   int64  // how many entries
	Hash   tlog.Hash
	Signed []byte // the signed note; what is not from it is not verified
}

// text is the body of the note: c2sp.org/tlog-checkpoint.
func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Hash[:]))
}

// OpenCheckpoint reads a signed checkpoint and verifies that the key signed it. Signatures of others, such as
// witnesses, are passed over. It takes no checkpoint in another form than the log writes, and none with extension lines.
func OpenCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	c, err := openCheckpoint(signed, key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: %w", err)
	}
	return c, nil
}

func openCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	if key == nil {
		return Checkpoint{}, errors.New("there is no key to verify it with")
	}
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("it has %d bytes, at most %d are read", len(signed), maxCheckpoint)
	}
	n, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("it is not signed by the log's key: %s", inert.Error(err))
	}
	// The same signature written in another way would be a checkpoint that was altered and verifies.
	for _, s := range n.Sigs {
		raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil || base64.StdEncoding.EncodeToString(raw) != s.Base64 {
			return Checkpoint{}, errors.New("its signature is not in canonical base64")
		}
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != key.Name() {
		return Checkpoint{}, fmt.Errorf("it is of the log %s, not %s", inert.Quote(c.Origin), inert.Quote(key.Name()))
	}
	c.Signed = append([]byte(nil), signed...)
	return c, nil
}

// PeekCheckpoint reads a signed checkpoint of which nothing is verified: what somebody says of a log.
func PeekCheckpoint(signed []byte) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: it has %d bytes, at most %d are read", len(signed), maxCheckpoint)
	}
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("reading a checkpoint: it has no signature")
	}
	c, err := parseCheckpoint(text + "\n")
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: %w", err)
	}
	return c, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, errors.New("it must have three lines: origin, size, root hash")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxSize {
		return Checkpoint{}, fmt.Errorf("%s is no size", inert.Quote(lines[1]))
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%s is no hash", inert.Quote(lines[2]))
	}
	c := Checkpoint{Origin: lines[0], Size: size, Hash: hash}
	if c.text() != text {
		return Checkpoint{}, errors.New("it is not in its canonical form")
	}
	return c, nil
}
