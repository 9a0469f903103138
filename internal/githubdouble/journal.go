package githubdouble

import (
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Entry is one request in the journal.
type Entry struct {
	At          time.Time      `json:"at"` // the server's clock
	Method      string         `json:"method"`
	Path        string         `json:"path"` // with the query
	Operation   string         `json:"operation,omitzero"`
	Token       string         `json:"token,omitzero"` // whose: the login or app, never the value
	Status      int            `json:"status"`
	NotModified bool           `json:"not_modified,omitzero"` // answered 304, which costs no quota
	Write       bool           `json:"write,omitzero"`        // it changed something
	Fault       string         `json:"fault,omitzero"`        // the kind of fault that struck
	Body        jsontext.Value `json:"body,omitempty"`        // what was sent
}

// Journal is a list of requests, the first one first.
type Journal []Entry

// Journal is every request so far.
func (d *Double) Journal() Journal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.journal)
}

// ClearJournal forgets the requests so far: to count those of one step.
func (d *Double) ClearJournal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.journal = nil
}

// JournalTo writes each further entry to w as a line of JSON.
func (d *Double) JournalTo(w io.Writer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sink = func(e Entry) {
		line, err := json.Marshal(e)
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		if err != nil {
			d.failures = append(d.failures, "writing the journal: "+err.Error())
		}
	}
}

// Of are the requests for one operation, by GitHub's operation id such as "pulls/list-reviews".
func (j Journal) Of(operation string) Journal {
	return j.filter(func(e Entry) bool { return e.Operation == operation })
}

// Writes are the requests that changed something.
func (j Journal) Writes() Journal { return j.filter(func(e Entry) bool { return e.Write }) }

// Counted are the requests that cost quota: all but 304.
func (j Journal) Counted() Journal { return j.filter(func(e Entry) bool { return !e.NotModified }) }

func (j Journal) filter(keep func(Entry) bool) Journal {
	var out Journal
	for _, e := range j {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// record appends to the journal. Called under the lock.
func (d *Double) record(e Entry) {
	d.journal = append(d.journal, e)
	if d.sink != nil {
		d.sink(e)
	}
}
