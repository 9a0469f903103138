package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// Bounds on what one call asks for.
const (
	maxWants     = 100_000       // objects
	wantsAtOnce  = 5_000         // in one request
	maxAbsent    = 16            // wants that the server does not have, before a call gives up
	contents     = 0             // as a depth: not of commits, and nothing to remember
	wholeHistory = math.MaxInt32 // as a depth: git's number for all of it
)

// where names the server in errors.
func (m *Mirror) where() string { return inert.Quote(m.url.Redacted()) }

// Refs returns what the server's refs name whose full names begin with one of the prefixes; all refs
// without any. An annotated tag is given as what it leads to. Below refs/heads/ and refs/tags/ only
// what is there is asked for; for other prefixes the server lists every ref.
func (m *Mirror) Refs(ctx context.Context, prefixes ...string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	refs, err := m.listRefs(ctx, prefixes)
	if err != nil {
		return nil, fmt.Errorf("listing the refs of %s: %w", m.where(), err)
	}
	return refs, nil
}

func (m *Mirror) listRefs(ctx context.Context, prefixes []string) (map[string]string, error) {
	args := []string{"ls-remote", "--quiet"}
	below := func(p string) func(string) bool { return func(s string) bool { return strings.HasPrefix(s, p) } }
	heads, tags := slices.ContainsFunc(prefixes, below("refs/heads/")), slices.ContainsFunc(prefixes, below("refs/tags/"))
	elsewhere := slices.ContainsFunc(prefixes, func(s string) bool { return !below("refs/heads/")(s) && !below("refs/tags/")(s) })
	if !elsewhere && heads {
		args = append(args, "--heads")
	}
	if !elsewhere && tags {
		args = append(args, "--tags")
	}
	out, err := m.run(ctx, "", append(args, "origin")...)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if _, known := parseOID(id); !ok || !known {
			return nil, fmt.Errorf("%w: it lists %s, which is no ref", ErrUnreachable, inert.Quote(line))
		}
		name = strings.TrimSuffix(name, "^{}") // follows the tag itself
		if len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			refs[name] = id
		}
	}
	return refs, nil
}

// Fetch gets objects by their ids, or what refs name by their full names: of commits and trees
// everything but file contents, and of history nothing. What is here already is not asked for. The
// error wraps [ErrNotFound] and names what the server does not have; all else was fetched then.
//
// Wants by id need a server of git's protocol version 2, or one that says it gives them.
func (m *Mirror) Fetch(ctx context.Context, wants ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids, err := m.ids(ctx, wants)
	if fetchErr := m.fetchMissing(ctx, ids, 1); fetchErr != nil {
		err = errors.Join(err, fetchErr)
	}
	if err != nil {
		return fmt.Errorf("fetching from %s: %w", m.where(), err)
	}
	return nil
}

// FetchBlobs gets file contents by their ids, of which there may be many. It is else like Fetch.
func (m *Mirror) FetchBlobs(ctx context.Context, ids ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	blobs, err := anyIDs(ids)
	if err == nil {
		err = m.fetchMissing(ctx, blobs, contents)
	}
	if err != nil {
		return fmt.Errorf("fetching file contents from %s: %w", m.where(), err)
	}
	return nil
}

// anyIDs reads full names of objects, of either hash.
func anyIDs(names []string) ([]oid, error) {
	if len(names) > maxWants {
		return nil, fmt.Errorf("%w: %d objects at once, at most %d", errLimit, len(names), maxWants)
	}
	out := make([]oid, 0, len(names))
	for _, name := range names {
		id, ok := parseOID(name)
		if !ok {
			return nil, fmt.Errorf("%s is not the full name of an object", inert.Quote(name))
		}
		out = append(out, id)
	}
	return out, nil
}

// ids reads full names of objects, and finds what refs name.
func (m *Mirror) ids(ctx context.Context, wants []string) ([]oid, error) {
	if len(wants) > maxWants {
		return nil, fmt.Errorf("%w: %d objects at once, at most %d", errLimit, len(wants), maxWants)
	}
	var ids []oid
	var names []string
	for _, w := range wants {
		if id, ok := parseOID(w); ok {
			ids = append(ids, id)
		} else if safeRefName(w) {
			names = append(names, w)
		} else {
			return nil, fmt.Errorf("%s is neither the full name of an object nor of a ref", inert.Quote(w))
		}
	}
	if len(names) == 0 {
		return ids, nil
	}
	refs, err := m.listRefs(ctx, names)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		if id, ok := parseOID(refs[name]); ok {
			ids = append(ids, id)
		} else {
			errs = append(errs, &notThere{"ref " + inert.Quote(name)})
		}
	}
	return ids, errors.Join(errs...)
}

// fetchMissing fetches those objects that are not here.
func (m *Mirror) fetchMissing(ctx context.Context, ids []oid, depth int) error {
	if len(ids) == 0 {
		return nil
	}
	if err := m.settle(ids); err != nil {
		return err
	}
	missing, err := m.missing(ids)
	if err != nil {
		return err
	}
	var errs []error
	for part := range slices.Chunk(missing, wantsAtOnce) {
		if err := m.fetchPresent(ctx, part, depth); errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		} else if err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}

// missing are those of the objects that are not here, each once.
func (m *Mirror) missing(ids []oid) ([]oid, error) {
	var out []oid
	err := m.repo.with(func(s *remembering) error {
		asked := map[oid]bool{}
		for _, id := range ids {
			if asked[id] {
				continue
			}
			asked[id] = true
			if has, err := s.has(id); err != nil {
				return err
			} else if !has {
				out = append(out, id)
			}
		}
		return nil
	})
	return out, err
}

// has reports whether an object is here, without reading it where that can be avoided.
func (r *remembering) has(id oid) (bool, error) {
	_, err := r.source.read(id, 0)
	switch {
	case err == nil, errors.Is(err, ErrTooLarge):
		return true, nil
	case errors.Is(err, ErrMissing):
		return false, nil
	}
	return false, err
}

// fetchPresent fetches those objects that the server has. git gives none where one is missing, and
// names one that is, so the others are asked for again.
func (m *Mirror) fetchPresent(ctx context.Context, ids []oid, depth int) error {
	ids = slices.Clone(ids)
	var errs []error
	for len(ids) > 0 {
		err := m.fetchAll(ctx, ids, depth)
		var absent *absentError
		if err == nil {
			break
		}
		if !errors.As(err, &absent) {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, &notThere{"object " + absent.id.String()})
		before := len(ids)
		ids = slices.DeleteFunc(ids, func(id oid) bool { return id == absent.id })
		if len(ids) == before || len(errs) == maxAbsent {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}

// absentError is git's word that the server does not have an object.
type absentError struct{ id oid }

func (e *absentError) Error() string { return (&notThere{"object " + e.id.String()}).Error() }

func (e *absentError) Is(target error) bool { return target == ErrNotFound }

// fetchAll fetches objects, with so many generations of history. What they are is kept as refs, so
// that the next fetch need not bring it again.
func (m *Mirror) fetchAll(ctx context.Context, ids []oid, depth int) error {
	args := []string{
		"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
		"--update-shallow", "--filter=blob:none", "--depth=" + strconv.Itoa(max(depth, 1)), "--stdin", "origin",
	}
	var specs strings.Builder
	for _, id := range ids {
		specs.WriteString("+" + id.String())
		if depth != contents {
			specs.WriteString(":" + mirrored + id.String())
		}
		specs.WriteString("\n")
	}
	if depth == contents { // what else is here does not matter
		args = append([]string{"-c", "fetch.negotiationAlgorithm=noop"}, args...)
	}
	if _, err := m.run(ctx, specs.String(), args...); err != nil {
		return err
	}
	m.used = true
	return nil
}

// mirrored are our own names for what was fetched.
const mirrored = "refs/mirror/"

// File returns the content of a regular file of a commit, and fetches what it takes. See [Repo.File];
// the error wraps [ErrNotFound] too where the server does not have the commit.
func (m *Mirror) File(ctx context.Context, commit, path string) ([]byte, error) {
	id, ok := parseOID(commit)
	if !ok {
		return nil, fmt.Errorf("reading %s of commit %s: it is not the full name of an object", inert.Quote(path), inert.Quote(commit))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fetchMissing(ctx, []oid{id}, 1); err != nil {
		return nil, fmt.Errorf("reading %s of commit %s of %s: %w", inert.Quote(path), id, m.where(), err)
	}
	content, err := m.repo.File(commit, path)
	var object *ObjectError
	if !errors.Is(err, ErrMissing) || !errors.As(err, &object) {
		return content, err
	}
	if blob, ok := parseOID(object.ID); ok {
		if err := m.fetchMissing(ctx, []oid{blob}, contents); err != nil {
			return nil, fmt.Errorf("reading %s of commit %s of %s: %w", inert.Quote(path), id, m.where(), withheld(err))
		}
	}
	return m.repo.File(commit, path)
}

// withheld is the error where the server does not give the content of a file that is there: it is not
// [ErrNotFound], which would say that there is no such file.
func withheld(err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrMissing, err.Error())
	}
	return err
}
