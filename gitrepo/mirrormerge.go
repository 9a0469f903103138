package gitrepo

import (
	"context"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
)

// remerge is a merge to be made again.
type remerge struct {
	parents []oid
	tree    oid // that it has; zero for one that was never made
}

// fetchMerged gets the contents that merging commits again takes, and returns what is each merge's own,
// as far as that can be told; whoever judges says why, where it cannot.
//
// What both sides changed is fetched in one request. What finding renames takes, git asks for itself
// when it merges them here.
func (m *Mirror) fetchMerged(ctx context.Context, merges []remerge) ([][]evidence.Change, error) {
	if len(merges) == 0 {
		return nil, nil
	}
	var blobs blobSet
	byPath := make([]*pathMerge, len(merges))
	err := m.repo.with(func(s *remembering) error {
		g := newGraph(m.repo, s)
		for i, again := range merges {
			if again.tree.isZero() { // what both sides changed is the same, whatever it is held against
				theirs := g.at(again.parents[1])
				if err := g.load(theirs); err != nil {
					return err
				}
				again.tree = theirs.tree
			}
			byPath[i] = &pathMerge{graph: g, src: s, limit: Limits{}.withDefaults().MaxChanges, commits: again.parents, merged: again.tree}
			if byPath[i].find(ctx) != nil {
				byPath[i] = nil
				continue
			}
			for _, c := range byPath[i].contested {
				if err := blobs.add(c.base, c.ours, c.theirs); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		err = m.fetchMissing(ctx, blobs.ids, contents)
	}
	if err != nil {
		return nil, err
	}
	own := make([][]evidence.Change, len(merges))
	for i, again := range merges {
		if byPath[i] != nil && byPath[i].settle(ctx) == nil {
			own[i] = byPath[i].own
		}
		if again.tree.isZero() || byPath[i] != nil && len(own[i]) > 0 && byPath[i].simpleBase() != nil {
			m.mergeHere(ctx, again.parents) // what git makes of them will be asked
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// mergeHere has git merge commits where it may fetch what it lacks, so that nothing is missing where they are
// judged. What comes out here is not used.
func (m *Mirror) mergeHere(ctx context.Context, parents []oid) {
	// Where a fetch ended is no end of history: what is behind it may have come with another fetch, and git
	// would take the two sides for unrelated.
	work := &scratch{dir: m.dir, program: m.git, env: append(slices.Clone(m.env), "GIT_NO_LAZY_FETCH=0", "GIT_SHALLOW_FILE="), fetches: true}
	_ = m.within(ctx, func(ctx context.Context) error {
		_, err := m.repo.recomputeIn(ctx, work, parents)
		return err
	})
}

// changes is what can be read of what differs between two trees. Whoever judges them says what
// cannot.
func (g *graph) changes(before, after oid) []evidence.Change {
	d := differ{src: g.src, idSize: g.repo.format.idSize, limit: Limits{}.withDefaults().MaxChanges, looks: looks{all: &g.repo.budget}}
	d.run(before, after)
	return d.changes
}

// fetchChanged gets the contents of all files that commits change. merged has what is a merge's own.
func (m *Mirror) fetchChanged(ctx context.Context, commits []*node, merged map[oid][]evidence.Change) error {
	var blobs blobSet
	err := m.repo.with(func(s *remembering) error {
		g := newGraph(m.repo, s)
		for _, n := range commits {
			if err := ctx.Err(); err != nil {
				return err
			}
			var before oid
			changes := merged[n.id]
			switch len(n.parents) {
			case 0:
				changes = g.changes(before, n.tree)
			case 1:
				p := g.at(n.parents[0])
				if err := g.load(p); err != nil {
					return err
				}
				changes = g.changes(p.tree, n.tree)
			}
			for _, c := range changes {
				if err := blobs.add(c.Old, c.New); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.fetchMissing(ctx, blobs.ids, contents)
}

// blobSet collects the contents to fetch.
type blobSet struct {
	ids  []oid
	have map[oid]bool
}

func (b *blobSet) add(entries ...evidence.Entry) error {
	for _, e := range entries {
		id, ok := parseOID(e.ID)
		if !ok || e.Mode == modeGitlink || b.have[id] {
			continue
		}
		if len(b.ids) == maxWants {
			return fmt.Errorf("%w: the contents of more than %d files", errLimit, maxWants)
		}
		if b.have == nil {
			b.have = map[oid]bool{}
		}
		b.have[id] = true
		b.ids = append(b.ids, id)
	}
	return nil
}
