package gitrepo

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/inert"
)

// What a commit is known to be while two histories are followed to where they meet.
const (
	fromOne uint8 = 1 << iota // reachable from the first side
	fromTwo                   // reachable from the second side
	stale                     // reachable from a commit that both sides reach
	noted                     // among the candidates
	queued                    // waiting
)

// meeting is what following two histories to where they meet found.
type meeting struct {
	bases []*node // reached from both sides and from no other such commit, the latest first
	lost  []broken
	reach int     // commits that were reached
	flags []uint8 // of each node of the graph, by its index; those that came later have none
}

// of are the flags of a commit.
func (m *meeting) of(n *node) uint8 {
	if int(n.index) < len(m.flags) {
		return m.flags[n.index]
	}
	return 0
}

// mark sets the flags of a commit.
func (m *meeting) mark(n *node, flags uint8) {
	if int(n.index) >= len(m.flags) {
		m.flags = append(m.flags, make([]uint8, int(n.index)+1-len(m.flags))...)
	}
	m.flags[n.index] = flags
}

// meet follows two histories until all that is left is common to both, the way git merge-base does.
// It asks for the same commits, so where nothing is lost here git misses nothing either. What a walk found to lie
// behind the frontier it asks of the commit-graph, as git does.
func (g *graph) meet(ctx context.Context, one, two []oid) (*meeting, error) {
	m := &meeting{}
	var waiting queue
	fresh := 0 // waiting commits that are not stale
	reach := func(n, child *node, flags uint8) {
		before := m.of(n)
		if before&flags == flags {
			return
		}
		look := g.load
		if n.outlined || child != nil && child.outlined { // behind the frontier
			look = g.outline
		}
		if err := look(n); err != nil {
			if before == 0 {
				m.lost = append(m.lost, broken{n.id, idOf(child), err})
			}
			m.mark(n, before|flags)
			return
		}
		n.forget()
		m.mark(n, before|flags|queued)
		switch {
		case before&queued == 0:
			if before == 0 {
				m.reach++
			}
			heap.Push(&waiting, n)
			if (before|flags)&stale == 0 {
				fresh++
			}
		case before&stale == 0 && flags&stale != 0:
			fresh--
		}
	}
	for _, id := range one {
		reach(g.at(id), nil, fromOne)
	}
	for _, id := range two {
		reach(g.at(id), nil, fromTwo)
	}
	var candidates []*node
	for turn := 1; fresh > 0; turn++ {
		if turn%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if g.seen > maxWalk {
			return nil, fmt.Errorf("%w: more than %d commits", errLimit, maxWalk)
		}
		if err := g.repo.budget.take(lookAtCommits); err != nil {
			return nil, err
		}
		n := heap.Pop(&waiting).(*node)
		m.mark(n, m.of(n)&^queued)
		flags := m.of(n) & (fromOne | fromTwo | stale)
		if flags&stale == 0 {
			fresh--
		}
		if flags == fromOne|fromTwo {
			if m.of(n)&noted == 0 {
				m.mark(n, m.of(n)|noted)
				candidates = append(candidates, n)
			}
			flags |= stale // what is behind it; not it
		}
		for _, p := range g.before(n) {
			reach(p, n, flags)
		}
	}
	for _, n := range candidates {
		if m.of(n)&stale == 0 {
			m.bases = append(m.bases, n)
			if err := g.load(n); err != nil {
				m.lost = append(m.lost, broken{n.id, oid{}, err})
			}
			n.forget()
		}
	}
	slices.SortStableFunc(m.bases, func(a, b *node) int { return cmp.Compare(b.date, a.date) })
	return m, nil
}

// meetOnce is meet of two commits. What was found of two is kept.
func (g *graph) meetOnce(ctx context.Context, one, two oid) (*meeting, error) {
	pair := [2]oid{one, two}
	if m := g.met[pair]; m != nil {
		return m, nil
	}
	m, err := g.meet(ctx, []oid{one}, []oid{two})
	if err != nil {
		return nil, err
	}
	if g.met == nil {
		g.met = map[[2]oid]*meeting{}
	}
	g.met[pair] = m
	return m, nil
}

func idOf(n *node) oid {
	if n == nil {
		return oid{}
	}
	return n.id
}

// err says what the search could not read, nil where it read all.
func (m *meeting) err() error {
	if len(m.lost) == 0 {
		return nil
	}
	b := m.lost[0]
	if b.child.isZero() {
		return b.err
	}
	return fmt.Errorf("the parent of commit %s: %w", b.child, b.err)
}

// reaches reports whether a commit is another one or among its ancestors. What is missing is an
// error only where it could change the answer.
func (g *graph) reaches(ctx context.Context, ancestor, of oid) (bool, error) {
	m, err := g.meet(ctx, []oid{ancestor}, []oid{of})
	if err != nil {
		return false, err
	}
	if n := g.at(ancestor); n.err == nil && m.of(n)&fromTwo != 0 {
		return true, nil
	}
	return false, m.err()
}

// bestBases are the merge bases of two commits: common ancestors that no other one descends from.
func (g *graph) bestBases(ctx context.Context, a, b oid) ([]*node, error) {
	m, err := g.meet(ctx, []oid{a}, []oid{b})
	if err != nil {
		return nil, err
	}
	if err := m.err(); err != nil {
		return nil, err
	}
	if len(m.bases) < 2 {
		return m.bases, nil
	}
	// Dates that go backwards can leave a candidate that another one descends from.
	var best []*node
	for i, n := range m.bases {
		redundant := false
		for j, other := range m.bases {
			if i == j || redundant {
				continue
			}
			if redundant, err = g.reaches(ctx, n.id, other.id); err != nil {
				return nil, err
			}
		}
		if !redundant {
			best = append(best, n)
		}
	}
	return best, nil
}

// lacksForMerge reports whether merging commits one after the other would ask for history that is
// not here. git merges several merge bases with each other first, so their histories count too.
func (g *graph) lacksForMerge(ctx context.Context, parents []oid) (bool, error) {
	todo := [][]oid{parents}
	for left := maxMeetings; len(todo) > 0; {
		merged := todo[0]
		todo = todo[1:]
		for i := 1; i < len(merged) && left > 0; i++ {
			left--
			m, err := g.meet(ctx, merged[:i], merged[i:i+1])
			if err != nil {
				return false, err
			}
			if len(m.lost) > 0 {
				return true, nil
			}
			if len(m.bases) > 1 {
				bases := make([]oid, 0, len(m.bases))
				for _, b := range m.bases {
					bases = append(bases, b.id)
				}
				todo = append(todo, bases)
			}
		}
	}
	return false, nil
}

// IsAncestor reports whether a commit is of's ancestor, or of itself. The error wraps [ErrMissing]
// where a part of the history that could hold it is not here.
func (r *Repo) IsAncestor(ctx context.Context, ancestor, of string) (yes bool, err error) {
	ids, err := r.parseAll([]string{ancestor, of})
	if err == nil {
		err = r.with(func(s *remembering) error {
			yes, err = newGraph(r, s).reaches(ctx, ids[0], ids[1])
			return err
		})
	}
	if err != nil {
		return false, fmt.Errorf("looking for commit %s in the history of %s: %w", inert.Quote(ancestor), inert.Quote(of), err)
	}
	return yes, nil
}

// MergeBase returns the latest of the best common ancestors of two commits, "" where they have none.
// The error wraps [ErrMissing] where a part of the history that could hold one is not here.
func (r *Repo) MergeBase(ctx context.Context, a, b string) (base string, err error) {
	bases, err := r.MergeBases(ctx, a, b)
	if err != nil || len(bases) == 0 {
		return "", err
	}
	return bases[0], nil
}

// MergeBases returns the best common ancestors of two commits, the latest first. The error is as MergeBase's.
func (r *Repo) MergeBases(ctx context.Context, a, b string) (bases []string, err error) {
	ids, err := r.parseAll([]string{a, b})
	if err == nil {
		err = r.with(func(s *remembering) error {
			found, err := newGraph(r, s).bestBases(ctx, ids[0], ids[1])
			for _, n := range found {
				bases = append(bases, n.id.String())
			}
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("finding where the histories of %s and %s meet: %w", inert.Quote(a), inert.Quote(b), err)
	}
	return bases, nil
}
