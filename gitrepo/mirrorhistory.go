package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// What of a whole history is fetched.
const (
	commitsOnly = "tree:0"
	topTrees    = "tree:1" // and the top directory of each commit
)

// FetchHistory gets the whole history of commits, given by their ids, without what they hold: to ask
// which of them come after which. A mirror for that is for nothing else, since commits that are here
// are taken to be here with their trees.
func (m *Mirror) FetchHistory(ctx context.Context, commits ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids, err := anyIDs(commits)
	if err == nil {
		err = m.fetchHistory(ctx, ids, commitsOnly)
	}
	if err != nil {
		return fmt.Errorf("fetching history from %s: %w", m.where(), err)
	}
	return nil
}

// EverHad is [Repo.EverHad] for a file in the top directory. Like FetchHistory it takes a mirror of its
// own, and fetches the whole history with its top directories: it is for the rare case that a file
// which should be there is not.
func (m *Mirror) EverHad(ctx context.Context, commit, name string) (had bool, err error) {
	err = m.inTopDirectories(ctx, commit, name, func(ctx context.Context) error {
		had, err = m.repo.EverHad(ctx, commit, name)
		return err
	})
	return had, err
}

// Touching is [Repo.Touching] for a file in the top directory, at the cost of EverHad.
func (m *Mirror) Touching(ctx context.Context, commit, name string, limit int) (commits []string, err error) {
	err = m.inTopDirectories(ctx, commit, name, func(ctx context.Context) error {
		commits, err = m.repo.Touching(ctx, commit, name, limit)
		return err
	})
	return commits, err
}

// inTopDirectories asks something about the history of a file in the top directory, which it fetches first.
func (m *Mirror) inTopDirectories(ctx context.Context, commit, name string, ask func(context.Context) error) error {
	if strings.Contains(name, "/") {
		return fmt.Errorf("%s is not in the top directory", inert.Quote(name))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ids, err := anyIDs([]string{commit})
	if err == nil {
		err = m.fetchHistory(ctx, ids, topTrees)
	}
	if err != nil {
		return fmt.Errorf("fetching the history of %s from %s: %w", inert.Quote(commit), m.where(), err)
	}
	return m.within(ctx, ask)
}

// fetchHistory fetches commits with all that they descend from. A server that cannot leave out trees
// gives all of them.
func (m *Mirror) fetchHistory(ctx context.Context, ids []oid, filter string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := m.settle(ids); err != nil {
		return err
	}
	var specs strings.Builder
	for _, id := range ids {
		specs.WriteString("+" + id.String() + ":" + mirrored + id.String() + "\n")
	}
	var err error
	for _, f := range []string{filter, "blob:none"} {
		_, err = m.run(ctx, specs.String(),
			"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
			"--filter="+f, "--stdin", "origin")
		var absent *absentError
		if err == nil || errors.As(err, &absent) || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		m.used = true
	}
	return err
}

// Bundles fetches delegations at their refs, by digest. One that is not there, or is not what its ref
// says, is without content and says why.
func (m *Mirror) Bundles(ctx context.Context, digests ...string) map[string]evidence.Bundle {
	found := make(map[string]evidence.Bundle, len(digests))
	fail := func(err error) map[string]evidence.Bundle {
		for _, d := range digests {
			found[d] = evidence.Bundle{Source: delegation.RefName(d), Why: err.Error()}
		}
		return found
	}
	if len(digests) == 0 {
		return found
	}
	refs, err := m.Refs(ctx, delegationRefs)
	if err != nil {
		return fail(err)
	}
	var ids []string
	for _, d := range digests {
		if id := refs[delegation.RefName(d)]; id != "" {
			ids = append(ids, id)
		}
	}
	// One that cannot be had does not keep the others away; what is missing is said below.
	if err := m.FetchBlobs(ctx, ids...); err != nil && !errors.Is(err, ErrNotFound) {
		return fail(err)
	}
	repo := m.Repo()
	err = repo.with(func(s *remembering) error {
		for _, d := range digests {
			b := evidence.Bundle{Source: delegation.RefName(d) + " of " + m.where()}
			id, ok := parseOID(refs[delegation.RefName(d)])
			if !ok {
				b.Why = "there is no such ref"
			} else if b.Raw, _, err = readBundle(s, id, d, delegation.ParseBundle); err != nil {
				b.Raw, b.Why = nil, err.Error()
			}
			found[d] = b
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return found
}

// Descendants are those of some commits that come after a commit: that reach it and are not it. More
// than limit commits that it does not reach are an [ErrLimit]; history that is not here, an [ErrMissing].
func (r *Repo) Descendants(ctx context.Context, commit string, among []string, limit int) ([]string, error) {
	var out []string
	from, err := r.parse(commit)
	var tips []oid
	if err == nil {
		tips, err = r.parseAll(among)
	}
	if err == nil {
		err = r.with(func(s *remembering) error {
			g := newGraph(r, s)
			w, err := g.between(ctx, tips, []oid{from}, limit)
			if err != nil {
				return err
			}
			if len(w.broken) > 0 {
				return w.broken[0].err
			}
			after := map[oid]bool{from: true}
			for _, n := range w.commits { // parents first
				for _, p := range n.parents {
					if after[p] {
						after[n.id] = true
						break
					}
				}
			}
			for i, id := range tips {
				if id != from && after[id] {
					out = append(out, among[i])
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what comes after commit %s: %w", inert.Quote(commit), err)
	}
	return out, nil
}

// Line is a commit and its first parents, the newest first and at most limit of them. whole says that
// the last is a root.
func (r *Repo) Line(ctx context.Context, commit string, limit int) (line []string, whole bool, err error) {
	id, err := r.parse(commit)
	if err == nil {
		err = r.with(func(s *remembering) error {
			for len(line) < limit {
				if err := ctx.Err(); err != nil {
					return err
				}
				raw, err := readKind(s, id, plumbing.CommitObject, MaxCommitSize)
				if err != nil {
					return err
				}
				head, err := parseHeader(raw, r.format.idSize)
				if err != nil {
					return err
				}
				line = append(line, id.String())
				if whole = len(head.parents) == 0; whole {
					break
				}
				id = head.parents[0]
			}
			return nil
		})
	}
	if err != nil {
		return nil, false, fmt.Errorf("following the first parents of commit %s: %w", inert.Quote(commit), err)
	}
	return line, whole, nil
}
