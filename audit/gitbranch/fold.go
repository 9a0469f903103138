package gitbranch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/inert"
)

const (
	foldAtOnce  = 250      // spooled entries that are appended by one commit of the log
	bytesAtOnce = 32 << 20 // of what is spooled, likewise
)

// Fold brings what is spooled in a repository into a log. Whoever runs it holds the log's key. Several at once do no
// harm, nor does being killed: an entry leaves the spool only when it is in the log, and is known there by its identity.
type Fold struct {
	Store *Store // where the spool is: its repository, or its remote
	Log   *log.Log
	// Attest looks whether a proof shows that the entry is of the surface that it names, and who vouches for it. The
	// zero attestation says that it does not: the entry is kept, as what somebody claims. An error says that it could
	// not be looked at now: the entry stays in the spool. Nil: nothing is attested. An entry that does not bring the
	// delegations that it names is not attested, whatever shows where it comes from: it could not be held to them.
	Attest func(ctx context.Context, s *Spooled) (audit.Attestation, error)
	// Most is how many refs of the spool are looked at; 0: all. What is left is the next fold's.
	Most int
}

// Folded is what a fold did.
type Folded struct {
	Appended   int
	Again      int      // were in the log already
	Unattested int      // of those that were appended
	Squatted   []string // identities of which the log now has entries that do not say the same
	Junk       int      // refs that no writer of ours makes, taken away
	Left       int      // entries that stay: see Why
	Why        []string // a sentence for each of those, without a full stop
	More       int      // refs that were not looked at
}

// Run folds all that is spooled now.
func (f *Fold) Run(ctx context.Context) (Folded, error) {
	var out Folded
	refs, err := f.list(ctx)
	if err == nil {
		// Where somebody spoiled the log it goes on from the state before, and is read only then.
		_, _, err = f.Log.Append(ctx, nil)
	}
	if err != nil {
		return out, fmt.Errorf("folding the audit log: %w", err)
	}
	if f.Most > 0 && len(refs) > f.Most {
		refs, out.More = refs[:f.Most], len(refs)-f.Most
	}
	for len(refs) > 0 {
		n, err := f.fold(ctx, refs[:min(len(refs), foldAtOnce)], &out)
		if err != nil {
			return out, fmt.Errorf("folding the audit log: %w", err)
		}
		refs = refs[n:]
	}
	return out, nil
}

// spoolRef is a ref of the spool and the object that it is at.
type spoolRef struct{ name, id string }

func (f *Fold) list(ctx context.Context) ([]spoolRef, error) {
	var out string
	var err error
	if f.Store.remote != "" {
		out, err = f.Store.remoteRefs(ctx, SpoolPrefix+"*")
	} else {
		out, err = f.Store.run(ctx, nil, "for-each-ref", fmt.Sprintf("--count=%d", maxSpooled), "--format=%(objectname) %(refname)", SpoolPrefix)
	}
	if err != nil {
		return nil, err
	}
	var refs []spoolRef
	for line := range strings.Lines(out) {
		if id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && strings.HasPrefix(name, SpoolPrefix) && len(refs) < maxSpooled {
			refs = append(refs, spoolRef{name, id})
		}
	}
	return refs, nil
}

var errEnough = errors.New("it is enough for one commit of the log")

// fold folds the first of some refs, and returns how many.
func (f *Fold) fold(ctx context.Context, refs []spoolRef, out *Folded) (int, error) {
	var gone []spoolRef
	var all []*Spooled
	done, size := 0, 0
	ids := make([]string, len(refs))
	for i := range refs {
		ids[i] = refs[i].id
	}
	if f.Store.remote != "" {
		if err := f.Store.fetchObjects(ctx, ids); err != nil {
			return 0, err
		}
	}
	err := f.Store.objects(ctx, "blob", ids, maxSpoolSize, func(i int, o object) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if size += len(o.content); size > bytesAtOnce && i > 0 {
			return errEnough
		}
		done = i + 1
		s, why := f.read(ctx, refs[i], o)
		switch {
		case why != "":
			out.Left++
			out.Why = append(out.Why, why)
		case s == nil:
			out.Junk++
			gone = append(gone, refs[i])
		default:
			all, gone = append(all, s), append(gone, refs[i])
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	if err := f.append(ctx, all, out); err != nil {
		return 0, err
	}
	return done, f.remove(ctx, gone)
}

func (f *Fold) append(ctx context.Context, all []*Spooled, out *Folded) error {
	entries := make([]*audit.Entry, len(all))
	var bundles [][]byte
	for i, s := range all {
		entries[i], bundles = s.Entry, append(bundles, s.Bundles...)
	}
	fresh, err := f.withoutEchoes(ctx, entries)
	if err != nil {
		return err
	}
	out.Again += len(entries) - len(fresh)
	if len(fresh) == 0 {
		return nil
	}
	appended, _, err := f.Log.Append(ctx, bundles, fresh...)
	if err != nil {
		return err
	}
	for i, a := range appended {
		if a.Again {
			out.Again++
			continue
		}
		out.Appended++
		if fresh[i].Attestation.IsZero() {
			out.Unattested++
		}
		if len(a.Others) > 0 {
			out.Squatted = append(out.Squatted, fresh[i].ID)
		}
	}
	return nil
}

// withoutEchoes leaves out entries that nobody vouches for and that the log has, or is about to get, with somebody who
// does: a writer that sends its entry again after its token has ended, or somebody who repeats what is true.
func (f *Fold) withoutEchoes(ctx context.Context, entries []*audit.Entry) ([]*audit.Entry, error) {
	vouched := map[string]bool{} // by what the entry says without an attestation
	var ids []string
	for _, e := range entries {
		if e.Attestation.IsZero() {
			ids = append(ids, e.ID)
		} else if err := vouch(vouched, e); err != nil {
			return nil, err
		}
	}
	known, err := f.Log.Lookup(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for _, list := range known {
		for _, found := range list {
			e, err := audit.Parse(found.Bytes)
			if err != nil {
				return nil, err
			}
			if e.Attestation.IsZero() {
				continue
			}
			if err := vouch(vouched, e); err != nil {
				return nil, err
			}
		}
	}
	var out []*audit.Entry
	for _, e := range entries {
		b, err := e.Encode()
		if err != nil {
			return nil, err
		}
		if !vouched[string(b)] {
			out = append(out, e)
		}
	}
	return out, nil
}

func vouch(vouched map[string]bool, e *audit.Entry) error {
	b, err := e.Claim()
	vouched[string(b)] = err == nil
	return err
}

// read is what a ref of the spool holds: an entry, nil for junk, or why it stays.
func (f *Fold) read(ctx context.Context, ref spoolRef, o object) (s *Spooled, why string) {
	if o.missing {
		return nil, fmt.Sprintf("the object %s of %s is not here", ref.id, inert.Quote(ref.name))
	}
	content := o.content
	if content == nil || ref.name != SpoolPrefix+spoolName(content) {
		return nil, ""
	}
	s, err := parseSpooled(content)
	if err != nil {
		if newer(content) {
			return nil, fmt.Sprintf("the spooled entry %s is of a version that is not known here", spoolName(content))
		}
		return nil, ""
	}
	if f.Attest == nil || !log.HasFiles(s.Entry, s.Bundles) {
		return s, ""
	}
	by, err := f.Attest(ctx, s)
	if err != nil {
		return nil, fmt.Sprintf("whether the spooled entry %s is attested could not be seen: %s", s.Name, inert.Error(err))
	}
	s.Entry.Attestation = by
	return s, ""
}

// newer reports whether something begins as an entry of another version, which a later program may fold.
func newer(b []byte) bool {
	return strings.HasPrefix(string(b), `{"version":`) && !strings.HasPrefix(string(b), fmt.Sprintf(`{"version":%d,`, audit.Version))
}

// remove takes refs away that are still at what was read. Those that somebody else took or moved stay as they are.
func (f *Fold) remove(ctx context.Context, refs []spoolRef) error {
	if len(refs) == 0 {
		return nil
	}
	if f.Store.remote != "" {
		// What stays because it was moved, or because the server is busy, is looked at by the next fold.
		if err := f.Store.deleteRemote(ctx, refs); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return nil
	}
	var all strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&all, "delete %s %s\n", r.name, r.id)
	}
	if _, err := f.Store.run(ctx, strings.NewReader(all.String()), "update-ref", "--stdin"); err == nil {
		return nil
	}
	for _, r := range refs {
		if _, err := f.Store.run(ctx, nil, "update-ref", "-d", r.name, r.id); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
