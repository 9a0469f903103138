// Package export writes entries of the audit log in the forms that others read: JSON Lines, each with the proof that
// it is in the log; events of OCSF for what collects security events; and a page for people that needs nothing but a
// browser.
//
// What agents wrote (titles, purposes, paths, names) does nothing but be read in any of them: JSON has escapes for
// what is invisible, reorders or acts on a terminal, and decodes to what the entry holds; the page shows them as text
// that was made inert.
package export

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/inert"
)

// version is that of the rows in JSON. Members may be added within a version.
const version = 1

// The forms, as users name them.
const (
	JSONL = "jsonl"
	OCSF  = "ocsf"
	HTML  = "html"
)

// Forms are the forms of [New].
func Forms() []string { return []string{JSONL, OCSF, HTML} }

// About is what a form says beside the entries.
type About struct {
	Checkpoint log.Checkpoint // what was read by
	Key        string         // the verifier key by which it was proven
	At         time.Time      // when it was exported
	Asked      string         // the filters, in words; "" for all entries
	Tool       string         // version of remit
}

// Item is an entry with the proof that it is in the log.
type Item struct {
	*query.Found

	Receipt *log.Receipt
}

// Writer writes entries one by one. What it was not told to close is not whole.
type Writer interface {
	Add(Item) error
	Close() error
}

// New is the writer of a form.
func New(form string, w io.Writer, about About) (Writer, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	switch form {
	case JSONL:
		return &lines{out: out, line: func(i Item) any { return provenRow(i) }}, nil
	case OCSF:
		return &lines{out: out, line: func(i Item) any { return event(i, about) }}, nil
	case HTML:
		return newPage(out, about)
	default:
		return nil, fmt.Errorf("there is no form %q", form)
	}
}

// lines writes a line of JSON an entry.
type lines struct {
	out  *bufio.Writer
	line func(Item) any
}

func (l *lines) Add(i Item) error {
	b, err := json.Marshal(l.line(i))
	if err != nil {
		return fmt.Errorf("encoding entry %d: %s", i.Index, inert.Error(err))
	}
	_, err = l.out.Write(append(inert.JSON(b), '\n'))
	return err
}

func (l *lines) Close() error { return l.out.Flush() }

// Row is an entry for programs.
type Row struct {
	Version  int            `json:"version"`
	Index    int64          `json:"index"`
	Sentence string         `json:"sentence"`
	Attested bool           `json:"attested"`         // somebody vouches that it is of the surface that it names
	Perhaps  bool           `json:"perhaps,omitzero"` // what it leaves out may be what was asked for
	Entry    jsontext.Value `json:"entry"`
}

// RowOf is the row of an entry.
func RowOf(f *query.Found) Row {
	return Row{version, f.Index, f.Entry.Sentence(), !f.Entry.Attestation.IsZero(), f.Perhaps, jsontext.Value(f.Bytes)}
}

// Encode is the row as a line of JSON that is safe to print.
func (r *Row) Encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding entry %d: %s", r.Index, inert.Error(err))
	}
	return append(inert.JSON(b), '\n'), nil
}

// proven is a row with its proof. The hash of the entry is over its bytes: "entry" in its compact form, with no escape
// that JSON does not need.
type proven struct {
	Row

	LeafHash   string   `json:"leaf_hash"` // RFC 6962, base64
	Proof      []string `json:"proof"`     // from the leaf up, base64
	Checkpoint string   `json:"checkpoint"`
	Digest     string   `json:"digest"`
}

func provenRow(i Item) proven {
	out := proven{
		Row: RowOf(i.Found), LeafHash: tlog.RecordHash(i.Bytes).String(), Proof: []string{},
		Checkpoint: string(i.Receipt.Checkpoint.Signed), Digest: audit.Digest(i.Bytes),
	}
	for _, h := range i.Receipt.Proof {
		out.Proof = append(out.Proof, h.String())
	}
	return out
}
