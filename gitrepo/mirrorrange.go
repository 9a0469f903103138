package gitrepo

import (
	"context"
	"fmt"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// How a range is fetched: as deep as it is expected to be, and deeper until it is whole.
const (
	depthSlack  = 16 // generations behind what is expected, where histories meet and merges start
	depthGrowth = 4
	maxDepth    = 1 << 15 // beyond it all of the history is asked for
	maxHint     = 20_000
)

// RangeOptions say what is needed of a range.
type RangeOptions struct {
	Hint  int  // commits that are expected; what is wrong costs time only
	Lines bool // the contents of all files that the commits change, to count lines
}

// FetchRange gets all that judging base..head takes: its commits and their trees, the commits at its
// edge, where base and head meet, and for each merge in it what merging its parents again takes. base
// may have moved on since head left it; "" is for all of head's history. It costs about what the
// range costs, or what base has that head does not where that is more.
//
// The error wraps [ErrNotFound] where the server does not have a commit, [ErrLimit] where this takes
// more than a mirror fetches, and [ErrMissing] where the server's own history is cut off.
func (m *Mirror) FetchRange(ctx context.Context, base, head string, o RangeOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fetchRange(ctx, base, head, o); err != nil {
		return fmt.Errorf("fetching the range %s..%s from %s: %w", inert.Quote(base), inert.Quote(head), m.where(), err)
	}
	return nil
}

func (m *Mirror) fetchRange(ctx context.Context, base, head string, o RangeOptions) error {
	names := []string{head}
	if base != "" {
		names = append(names, base)
	}
	tips, err := anyIDs(names)
	if err != nil {
		return err
	}
	var s span
	err = m.deepen(ctx, tips, o.Hint, func(g *graph) (bool, error) {
		s, err = g.span(ctx, tips[1:], tips[0])
		return s.lacks, err
	})
	if err != nil {
		return err
	}
	var merges []remerge
	var merged []*node
	for _, n := range s.commits {
		if len(n.parents) > 1 && len(n.parents) <= maxMergedParents {
			merges, merged = append(merges, remerge{n.parents, n.tree}), append(merged, n)
		}
	}
	own, err := m.fetchMerged(ctx, merges)
	if err != nil || !o.Lines {
		return err
	}
	again := make(map[oid][]evidence.Change, len(own))
	for i, n := range merged {
		again[n.id] = own[i]
	}
	return m.fetchChanged(ctx, s.commits, again)
}

// FetchMerges gets what merging pairs of commits again takes, for [Repo.Remerge]: the history in which
// they meet and the contents of the files that both sides changed.
func (m *Mirror) FetchMerges(ctx context.Context, hint int, pairs ...[2]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var merges []remerge
	var tips []oid
	for _, p := range pairs {
		ids, err := anyIDs(p[:])
		if err != nil {
			return fmt.Errorf("fetching what merging takes: %w", err)
		}
		merges, tips = append(merges, remerge{parents: ids}), append(tips, ids...)
	}
	err := m.deepen(ctx, tips, hint, func(g *graph) (bool, error) {
		for _, pair := range merges {
			if lacks, err := g.lacksForMerge(ctx, pair.parents); lacks || err != nil {
				return lacks, err
			}
		}
		return false, nil
	})
	if err == nil {
		_, err = m.fetchMerged(ctx, merges)
	}
	if err != nil {
		return fmt.Errorf("fetching what merging takes from %s: %w", m.where(), err)
	}
	return nil
}

// deepen fetches the histories of some commits, each time several times as much, until nothing is
// lacking any more.
func (m *Mirror) deepen(ctx context.Context, tips []oid, hint int, lacks func(*graph) (bool, error)) error {
	if len(tips) == 0 {
		return nil
	}
	if err := m.settle(tips); err != nil {
		return err
	}
	for depth := min(max(hint, 0), maxHint) + m.slack; ; depth *= depthGrowth {
		more, err := m.look(lacks)
		if err != nil || !more {
			return err
		}
		last := depth > maxDepth
		if last {
			depth = wholeHistory
		}
		if err := m.fetchAll(ctx, tips, depth); err != nil {
			return err
		}
		if !last {
			continue
		}
		if more, err = m.look(lacks); err == nil && more {
			err = fmt.Errorf("%w: the server's own history is cut off, or was taken away meanwhile", ErrMissing)
		}
		return err
	}
}

func (m *Mirror) look(f func(*graph) (bool, error)) (yes bool, err error) {
	err = m.repo.with(func(s *remembering) error {
		yes, err = f(newGraph(m.repo, s))
		return err
	})
	return yes, err
}
