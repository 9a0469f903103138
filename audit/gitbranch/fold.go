package gitbranch

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/inert"
)

const (
	foldAtOnce  = 250      // spooled entries that are appended by one commit of the log
	bytesAtOnce = 32 << 20 // of what is spooled, likewise
	maxWhy      = 20       // sentences on what stays
)

// The limits of what a log takes that nobody vouches for: whoever may make refs can hand over as much as they like. What
// is beyond them stays in the spool, so that nothing is lost, and hinders nobody for whom somebody vouches.
const (
	MaxClaims          = 8        // entries of one identity
	maxClaimedIndex    = 4096     // lines of a part of the index, beyond which it gets none more
	maxUnattested      = 5_000    // in one fold
	maxUnattestedBytes = 64 << 20 // likewise
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
	Why        []string // why they do, sentences without a full stop, as many as anybody reads
	More       int      // refs that were not looked at
}

// folding is a fold that runs.
type folding struct {
	*Fold
	out     Folded
	claims  int  // entries that nobody vouches for and that are appended
	claimed int  // bytes of those
	crowded int  // entries that stay since there are too many of their identity, or of those that are kept with it
	later   int  // that stay for the next fold
	locked  bool // refs could not be taken away
}

// because adds a sentence on what stays.
func (f *folding) because(format string, args ...any) {
	if len(f.out.Why) < maxWhy {
		f.out.Why = append(f.out.Why, fmt.Sprintf(format, args...))
	}
}

// Run folds what is spooled now. Of very many refs it takes some, which nobody can choose.
func (f *Fold) Run(ctx context.Context) (Folded, error) {
	run := &folding{Fold: f}
	refs, err := run.list(ctx)
	if err == nil {
		// Where somebody spoiled the log it goes on from the state before, and is read only then.
		_, _, err = f.Log.Append(ctx, nil)
	}
	if err == nil && f.Most > 0 && len(refs) > f.Most {
		refs, run.out.More = refs[:f.Most], len(refs)-f.Most
	}
	for err == nil && len(refs) > 0 {
		var n int
		n, err = run.fold(ctx, refs[:min(len(refs), foldAtOnce)])
		refs = refs[n:]
	}
	if err != nil {
		return run.out, fmt.Errorf("folding the audit log: %w", err)
	}
	run.out.Left += run.crowded + run.later
	if run.crowded > 0 {
		run.because("%d entries stay that nobody vouches for: the log has too many of the same identity, which are not all true", run.crowded)
	}
	if run.later > 0 {
		run.because("%d entries stay that nobody vouches for: one fold takes at most %d such, of %d MiB in all, and the next one goes on", run.later, maxUnattested, maxUnattestedBytes>>20)
	}
	if run.locked {
		run.because("what is in the log stays in the spool too, and is known as such: a lock is in its way, as a killed git leaves one. See that no git runs there, and remove what ends in .lock below %s", f.Store.common)
	}
	return run.out, nil
}

// spoolRef is a ref of the spool and the object that it is at.
type spoolRef struct{ name, id string }

// list is the refs that are folded, in their order: of more than are read at once, some by chance. Whoever makes many
// that stay could else see to it that others are never read.
func (f *folding) list(ctx context.Context) ([]spoolRef, error) {
	var refs []spoolRef
	seen := uint64(0)
	keep := func(line string) error {
		id, name, ok := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		if !ok || !strings.HasPrefix(name, SpoolPrefix) {
			return nil
		}
		seen++
		if len(refs) < maxSpooled {
			refs = append(refs, spoolRef{name, id})
			return nil
		}
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}
		if at := binary.BigEndian.Uint64(b[:]) % seen; at < maxSpooled {
			refs[at] = spoolRef{name, id}
		}
		return nil
	}
	var err error
	if f.Store.remote != "" {
		err = f.Store.eachLine(ctx, f.Store.remoteEnvironment(f.Store.remoteEnv), keep, "ls-remote", "--quiet", f.Store.remote, SpoolPrefix+"*")
	} else {
		err = f.Store.eachLine(ctx, f.Store.env, keep, "for-each-ref", "--format=%(objectname) %(refname)", SpoolPrefix)
	}
	slices.SortFunc(refs, func(a, b spoolRef) int { return strings.Compare(a.name, b.name) })
	return refs, err
}

var errEnough = errors.New("it is enough for one commit of the log")

// fold folds the first of some refs, and returns how many.
func (f *folding) fold(ctx context.Context, refs []spoolRef) (int, error) {
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
	from := map[*audit.Entry]spoolRef{}
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
			f.out.Left++
			f.because("%s", why)
		case s == nil:
			f.out.Junk++
			gone = append(gone, refs[i])
		default:
			all, from[s.Entry] = append(all, s), refs[i]
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	in, err := f.append(ctx, all)
	if err != nil {
		return 0, err
	}
	for _, e := range in {
		gone = append(gone, from[e])
	}
	return done, f.remove(ctx, gone)
}

// append appends what may be, and returns what is in the log then.
func (f *folding) append(ctx context.Context, all []*Spooled) (in []*audit.Entry, err error) {
	entries := make([]*audit.Entry, len(all))
	var bundles [][]byte
	for i, s := range all {
		entries[i], bundles = s.Entry, append(bundles, s.Bundles...)
	}
	fresh, echoes, err := f.sift(ctx, entries)
	if err != nil {
		return nil, err
	}
	f.out.Again += len(echoes)
	if len(fresh) == 0 {
		return echoes, nil
	}
	appended, _, err := f.Log.Append(ctx, bundles, fresh...)
	if err != nil {
		return nil, err
	}
	for i, a := range appended {
		if a.Again {
			f.out.Again++
			continue
		}
		f.out.Appended++
		if fresh[i].Attestation.IsZero() {
			f.out.Unattested++
		}
		if len(a.Others) > 0 && !slices.Contains(f.out.Squatted, fresh[i].ID) {
			f.out.Squatted = append(f.out.Squatted, fresh[i].ID)
		}
	}
	return append(echoes, fresh...), nil
}

// sift parts entries into those that are to be appended and echoes: what nobody vouches for and the log has, or is
// about to get, with somebody who does, as from a writer that sends its entry again after its token has ended, or from
// somebody who repeats what is true. What is beyond the limits is neither.
func (f *folding) sift(ctx context.Context, entries []*audit.Entry) (fresh, echoes []*audit.Entry, err error) {
	vouched := map[string]bool{} // by what the entry says without an attestation
	claimed := map[string]bool{} // what the log has and nobody vouches for, by its bytes
	claims := map[string]int{}   // how many of those, by identity
	var ids []string
	for _, e := range entries {
		if e.Attestation.IsZero() {
			ids = append(ids, e.ID)
		} else if err := vouch(vouched, e); err != nil {
			return nil, nil, err
		}
	}
	known, err := f.Log.Lookup(ctx, ids...)
	if err != nil {
		return nil, nil, err
	}
	for _, list := range known {
		for _, found := range list {
			e, err := audit.Parse(found.Bytes)
			if err != nil {
				return nil, nil, err
			}
			if e.Attestation.IsZero() {
				claimed[string(found.Bytes)] = true
				claims[e.ID]++
				continue
			}
			if err := vouch(vouched, e); err != nil {
				return nil, nil, err
			}
		}
	}
	lines, err := f.indexLines(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		b, err := e.Encode()
		if err != nil {
			return nil, nil, err
		}
		part := log.IndexPath(e.ID)
		switch {
		case vouched[string(b)]:
			echoes = append(echoes, e)
			continue
		case !e.Attestation.IsZero() || claimed[string(b)]:
		case claims[e.ID] >= MaxClaims || lines[part] >= maxClaimedIndex:
			f.crowded++
			continue
		case f.claims >= maxUnattested || f.claimed+len(b) > maxUnattestedBytes:
			f.later++
			continue
		default:
			claimed[string(b)] = true
			claims[e.ID]++
			f.claims, f.claimed = f.claims+1, f.claimed+len(b)
		}
		lines[part]++
		fresh = append(fresh, e)
	}
	return fresh, echoes, nil
}

// indexLines is how many lines the parts of the index have that identities are in.
func (f *folding) indexLines(ctx context.Context, ids []string) (map[string]int, error) {
	lines := map[string]int{}
	if len(ids) == 0 {
		return lines, nil
	}
	var paths []string
	for _, id := range ids {
		paths = append(paths, log.IndexPath(id))
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	view, err := f.Log.Store.Look(ctx)
	if err != nil {
		return nil, err
	}
	files, err := view.Read(ctx, paths)
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		log.ParseIndex(files[i], func(string, int64) { lines[p]++ })
	}
	return lines, nil
}

func vouch(vouched map[string]bool, e *audit.Entry) error {
	b, err := e.Claim()
	vouched[string(b)] = err == nil
	return err
}

// read is what a ref of the spool holds: an entry, nil for junk, or why it stays.
func (f *folding) read(ctx context.Context, ref spoolRef, o object) (s *Spooled, why string) {
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
func (f *folding) remove(ctx context.Context, refs []spoolRef) error {
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
		_, err := f.Store.run(ctx, nil, "update-ref", "-d", r.name, r.id)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && strings.Contains(err.Error(), ".lock") {
			f.locked = true
		}
	}
	return nil
}
