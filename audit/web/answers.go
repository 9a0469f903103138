package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/authority"
	"github.com/remit-sh/remit/audit/export"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// The limits of an answer.
const (
	usualEntries = 50
	maxEntries   = 200
	maxLooked    = 5_000 // entries that are looked through for one answer: a fraction of a second
	maxChains    = 200
	maxText      = 1_000 // bytes of a part of what is asked
)

// aboutJSON is what the page says of the log.
type aboutJSON struct {
	Log     string     `json:"log"`
	Key     string     `json:"key"`
	KeyFrom string     `json:"key_from"`
	Size    int64      `json:"size"`
	Root    string     `json:"root"`
	Revoked bool       `json:"revoked"` // it is known which delegations were revoked
	Rules   []ruleJSON `json:"rules"`
}

type ruleJSON struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	var out aboutJSON
	err := s.read(r.Context(), func(reader *log.Reader) error {
		c := reader.Checkpoint()
		out = aboutJSON{Log: inert.Line(c.Origin), Key: s.Key, KeyFrom: s.KeyFrom, Size: c.Size, Root: c.Hash.String(), Revoked: s.Standing != nil, Rules: []ruleJSON{}}
		for id, text := range s.Rules {
			out.Rules = append(out.Rules, ruleJSON{id, text})
		}
		slices.SortFunc(out.Rules, func(a, b ruleJSON) int { return strings.Compare(a.ID, b.ID) })
		return nil
	})
	if err != nil {
		return err
	}
	return s.writeJSON(w, r, out)
}

func noQuery(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, "nothing is asked for behind a question mark here")
	}
	return nil
}

// listJSON is entries that are asked for, the newest first.
type listJSON struct {
	Size    int64       `json:"size"`
	Entries []rowJSON   `json:"entries"`
	Next    int64       `json:"next"`   // where to go on in the same direction
	End     bool        `json:"end"`    // there is nothing left that way
	Looked  int64       `json:"looked"` // entries that were looked through for it
	Chains  []chainJSON `json:"chains"` // those behind the entries, each once
	More    int         `json:"more"`   // chains that are left out
}

// rowJSON is an entry in a list. All texts are safe to show.
type rowJSON struct {
	Index    int64    `json:"index"`
	Time     string   `json:"time"`
	At       string   `json:"at"` // the time for people
	Sentence string   `json:"sentence"`
	Verdict  string   `json:"verdict"`
	Word     string   `json:"word"`             // the verdict for people
	Blocked  string   `json:"blocked,omitzero"` // why nothing was blocked
	Attested bool     `json:"attested"`         // somebody vouches that it is of the surface that it names
	Perhaps  bool     `json:"perhaps,omitzero"` // what it leaves out may be what was asked for
	Surface  string   `json:"surface"`          // where it was decided
	Chains   []string `json:"chains"`           // by their digests
	Where    string   `json:"where,omitzero"`   // the environment
}

type chainJSON struct {
	Digest  string     `json:"digest"`
	RootKey string     `json:"root_key,omitzero"`
	Forged  bool       `json:"forged,omitzero"`
	Links   []linkJSON `json:"links"`
}

type linkJSON struct {
	Delegator string `json:"delegator"`
	Delegate  string `json:"delegate"`
	Digest    string `json:"digest"`
	Key       string `json:"key,omitzero"`
	NotAfter  string `json:"not_after"`
	Until     string `json:"until"` // for people
	Purpose   string `json:"purpose,omitzero"`
	Minted    bool   `json:"minted,omitzero"`
	State     string `json:"state"`
}

func (s *Server) serveEntries(w http.ResponseWriter, r *http.Request) error {
	filter, stretch, err := s.parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var out listJSON
	err = s.read(r.Context(), func(reader *log.Reader) error {
		out = listJSON{Size: reader.Checkpoint().Size, Entries: []rowJSON{}, Chains: []chainJSON{}}
		var chains []*audit.Chain
		known := map[string]bool{}
		stretch.At = min(stretch.At, out.Size)
		var err error
		out.Next, out.End, err = query.Some(r.Context(), reader, filter, stretch, func(f *query.Found) error {
			out.Entries = append(out.Entries, rowOf(f))
			for i := range f.Entry.Chains.Items {
				c := &f.Entry.Chains.Items[i]
				switch digest := leafOf(c); {
				case known[digest]:
				case len(chains) == maxChains:
					out.More++
				default:
					known[digest] = true
					chains = append(chains, c)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if out.Looked = stretch.At - out.Next; stretch.OldestFirst {
			out.Looked = -out.Looked
			slices.Reverse(out.Entries)
		}
		out.Chains, err = s.chains(r.Context(), reader, chains)
		return err
	})
	if err != nil {
		return err
	}
	return s.writeJSON(w, r, out)
}

// parse reads what is asked: the filters as the command line names them; "before" or "after", an index; "limit".
func (s *Server) parse(raw string) (*query.Filter, query.Stretch, error) {
	stretch := query.Stretch{At: 1 << 62, Limit: usualEntries, Most: maxLooked}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, stretch, refuse(http.StatusBadRequest, "the address cannot be read: %s", inert.Error(err))
	}
	var asked query.Asked
	for _, part := range asked.Parts() {
		if list := values[part.Name]; len(list) > 0 {
			*part.Text = list[0]
		}
	}
	known := map[string]bool{"before": true, "after": true, "limit": true}
	for _, part := range asked.Parts() {
		known[part.Name] = true
	}
	for name, list := range values {
		switch {
		case !known[name]:
			return nil, stretch, refuse(http.StatusBadRequest, "there is no filter %s", inert.Quote(name))
		case len(list) > 1:
			return nil, stretch, refuse(http.StatusBadRequest, "%s is there more than once", name)
		case len(list[0]) > maxText:
			return nil, stretch, refuse(http.StatusBadRequest, "%s is longer than %d bytes", name, maxText)
		}
	}
	number := func(name string, least, most int64) (int64, error) {
		n, err := strconv.ParseInt(values.Get(name), 10, 64)
		if err != nil || n < least || n > most {
			return 0, refuse(http.StatusBadRequest, "%s is a number from %d to %d", name, least, most)
		}
		return n, nil
	}
	if values.Has("before") && values.Has("after") {
		return nil, stretch, refuse(http.StatusBadRequest, "before and after are two ways to go")
	}
	for name, take := range map[string]func(int64){
		"before": func(n int64) { stretch.At = n },
		"after":  func(n int64) { stretch.At, stretch.OldestFirst = n, true },
		"limit":  func(n int64) { stretch.Limit = int(n) },
	} {
		if !values.Has(name) {
			continue
		}
		least, most := int64(0), int64(1<<62)
		if name == "limit" {
			least, most = 1, maxEntries
		}
		n, err := number(name, least, most)
		if err != nil {
			return nil, stretch, err
		}
		take(n)
	}
	filter, err := asked.Filter(s.Now())
	if err != nil {
		return nil, stretch, refuse(http.StatusBadRequest, "%s", inert.LineOf(err.Error(), 2000))
	}
	return filter, stretch, nil
}

func rowOf(f *query.Found) rowJSON {
	e := f.Entry
	out := rowJSON{
		Index: f.Index, Time: e.Time.Format(time.RFC3339), At: names.Stamp(e.Time), Sentence: e.Sentence(), Verdict: e.Verdict.String(), Word: export.VerdictWord(e.Verdict),
		Attested: !e.Attestation.IsZero(), Perhaps: f.Perhaps, Surface: inert.Word(e.Surface), Chains: []string{},
	}
	if e.Question.Environment != "" {
		out.Where = inert.Word(e.Question.Environment)
	}
	switch {
	case e.Bootstrap:
		out.Blocked = "nothing was blocked: no policy was in force"
	case e.Observe:
		out.Blocked = "nothing was blocked: the policy only observes"
	}
	for i := range e.Chains.Items {
		out.Chains = append(out.Chains, leafOf(&e.Chains.Items[i]))
	}
	return out
}

func leafOf(c *audit.Chain) string { return c.Links[len(c.Links)-1].Digest }

// How a delegation stands, where nobody but the time tells.
const (
	live    = "live"
	expired = "expired"
	forged  = "forged"
)

// chains are chains with how each link stands today.
func (s *Server) chains(ctx context.Context, reader *log.Reader, chains []*audit.Chain) ([]chainJSON, error) {
	standing := make([][]string, len(chains))
	if s.Standing != nil && len(chains) > 0 {
		paths := make([]string, len(chains))
		for i, c := range chains {
			paths[i] = log.BundlePath(leafOf(c))
		}
		bundles, err := reader.Files(ctx, paths)
		if err != nil {
			return nil, err
		}
		standing = s.Standing(ctx, bundles)
	}
	now := s.Now()
	out := make([]chainJSON, len(chains))
	for i, c := range chains {
		out[i] = chainJSON{Digest: leafOf(c), RootKey: word(c.RootKey), Forged: c.Forged}
		for k := range c.Links {
			l := &c.Links[k]
			row := linkJSON{
				Delegator: inert.Word(l.Delegator), Delegate: inert.Word(l.Delegate), Digest: l.Digest, Key: word(l.Key), NotAfter: l.NotAfter.Format(time.RFC3339),
				Until: names.Stamp(l.NotAfter), Minted: l.Minted, State: live,
			}
			if l.Purpose != "" {
				row.Purpose = inert.Line(l.Purpose)
			}
			switch {
			case c.Forged:
				row.State = forged
			case k < len(standing[i]) && standing[i][k] != "":
				row.State = standing[i][k]
			case !now.Before(l.NotAfter):
				row.State = expired
			}
			out[i].Links = append(out[i].Links, row)
		}
	}
	return out, nil
}

// word is a text as a word that is safe to show; "" for none.
func word(s string) string {
	if s == "" {
		return ""
	}
	return inert.Word(s)
}

// entryJSON is one entry with all that it says and the proof that it is in the log. All texts but Bytes are safe to show.
type entryJSON struct {
	rowJSON

	ID        string        `json:"id"`
	Facts     []factJSON    `json:"facts"`
	Acts      []actJSON     `json:"acts"`
	CutActs   int           `json:"cut_acts"`
	Findings  []findingJSON `json:"findings"`
	Gates     []gateJSON    `json:"gates"`
	All       []chainJSON   `json:"all_chains"`
	Authority authorityJSON `json:"authority"`
	Proof     proofJSON     `json:"proof"`
}

type factJSON struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type actJSON struct {
	Text       string   `json:"text"`
	Verdict    string   `json:"verdict"`
	Word       string   `json:"word"`
	Key        string   `json:"key,omitzero"`
	Evidence   string   `json:"evidence,omitzero"`
	Seen       string   `json:"seen,omitzero"`
	Delegation string   `json:"delegation,omitzero"`
	Paths      []string `json:"paths"`
	CutPaths   int      `json:"cut_paths"`
	Rules      []string `json:"rules"`
}

type findingJSON struct {
	Rule   string `json:"rule"`
	Effect string `json:"effect"`
	Count  int    `json:"count"`
	Text   string `json:"text,omitzero"`
}

type gateJSON struct {
	Text string `json:"text"`
}

type authorityJSON struct {
	Held   int      `json:"held"`   // delegations that hold together
	Absent int      `json:"absent"` // that the log does not have, and on which nothing was allowed
	Faults []string `json:"faults"`
}

// proofJSON is what a browser needs to check that the entry is in the log.
type proofJSON struct {
	Entry      string   `json:"entry"` // its bytes, base64
	Index      int64    `json:"index"`
	Size       int64    `json:"size"`
	Hashes     []string `json:"hashes"` // from the leaf up, base64
	Checkpoint string   `json:"checkpoint"`
}

// entry calls f with an entry and its proof.
func (s *Server) entry(ctx context.Context, name string, f func(*log.Reader, *query.Found, *log.Receipt) error) error {
	index, err := strconv.ParseInt(name, 10, 64)
	if err != nil || index < 0 || strconv.FormatInt(index, 10) != name {
		return refuse(http.StatusBadRequest, "%s is no number of an entry", inert.Quote(name))
	}
	return s.read(ctx, func(reader *log.Reader) error {
		if size := reader.Checkpoint().Size; index >= size {
			return refuse(http.StatusNotFound, "there is no entry %d: the log has %d, numbered from 0", index, size)
		}
		found, _, _, err := query.Find(ctx, reader, query.Name{Index: index})
		if err != nil {
			return err
		}
		receipt, err := reader.Receipt(ctx, index, found.Bytes)
		if err != nil {
			return err
		}
		return f(reader, found, receipt)
	})
}

func (s *Server) serveEntry(w http.ResponseWriter, r *http.Request, name string) error {
	if err := noQuery(r); err != nil {
		return err
	}
	var out entryJSON
	err := s.entry(r.Context(), name, func(reader *log.Reader, f *query.Found, receipt *log.Receipt) error {
		e := f.Entry
		out = entryJSON{
			rowJSON: rowOf(f), ID: e.ID, Facts: []factJSON{}, Acts: []actJSON{}, CutActs: e.Acts.Cut, Findings: []findingJSON{}, Gates: []gateJSON{},
			Authority: authorityJSON{Faults: []string{}},
			Proof: proofJSON{
				Entry: base64.StdEncoding.EncodeToString(f.Bytes), Index: f.Index, Size: receipt.Checkpoint.Size, Hashes: []string{},
				Checkpoint: string(receipt.Checkpoint.Signed),
			},
		}
		for _, h := range receipt.Proof {
			out.Proof.Hashes = append(out.Proof.Hashes, h.String())
		}
		for _, fact := range export.Facts(e) {
			out.Facts = append(out.Facts, factJSON(fact))
		}
		for i := range e.Acts.Items {
			out.Acts = append(out.Acts, actOf(&e.Acts.Items[i]))
		}
		for _, found := range e.Rules.Items {
			out.Findings = append(out.Findings, findingJSON{inert.Word(found.ID), inert.Word(found.Effect), found.Count, s.Rules[found.ID]})
		}
		for i := range e.Gates.Items {
			out.Gates = append(out.Gates, gateJSON{export.GateLine(&e.Gates.Items[i])})
		}
		var chains []*audit.Chain
		for i := range e.Chains.Items {
			chains = append(chains, &e.Chains.Items[i])
		}
		var err error
		if out.All, err = s.chains(r.Context(), reader, chains); err != nil {
			return err
		}
		checker := authority.NewChecker(reader.Files)
		if err := checker.Check(r.Context(), f.Index, []*audit.Entry{e}); err != nil {
			return err
		}
		checked := checker.Result()
		out.Authority.Held, out.Authority.Absent = checked.Delegations, checked.Missing
		for i := range checked.Faults {
			out.Authority.Faults = append(out.Authority.Faults, inert.LineOf(checked.Faults[i].Text, 4000))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.writeJSON(w, r, out)
}

func actOf(a *audit.Act) actJSON {
	out := actJSON{
		Text: export.ActTitle(a), Verdict: a.Verdict.String(), Word: export.VerdictWord(a.Verdict), Key: word(a.Key), Evidence: word(a.Evidence),
		Delegation: a.Delegation, Paths: []string{}, CutPaths: a.Paths.Cut, Rules: []string{},
	}
	if !a.Seen.IsZero() {
		out.Seen = names.Stamp(a.Seen) + " (" + inert.Line(a.SeenBy) + ")"
	}
	for _, p := range a.Paths.Items {
		out.Paths = append(out.Paths, inert.Word(p))
	}
	for _, rule := range a.Rules.Items {
		out.Rules = append(out.Rules, inert.Word(rule))
	}
	return out
}

// serveFile hands an entry over as a file: its receipt, or its bytes.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, name, form string) error {
	if err := noQuery(r); err != nil {
		return err
	}
	h := w.Header()
	var out []byte
	err := s.entry(r.Context(), name, func(_ *log.Reader, f *query.Found, receipt *log.Receipt) error {
		if form == "json" {
			h.Set("Content-Type", "application/json")
			h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="entry-%d.json"`, f.Index))
			out = f.Bytes
			return nil
		}
		out = receipt.Encode()
		if _, _, err := log.OpenReceipt(out, s.Log.Verifier); err != nil {
			return errors.Join(log.ErrCorrupt, err)
		}
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="entry-%d.tlog-proof"`, f.Index))
		return nil
	})
	if err != nil {
		return err
	}
	return s.write(w, r, out)
}
