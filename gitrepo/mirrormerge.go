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
	err := m.repo.with(func(s *remembering) error {
		g := newGraph(m.repo, s)
		for _, again := range merges {
			for _, theirs := range again.parents[1:] {
				if err := g.contested(ctx, again.parents[0], theirs, &blobs); err != nil {
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
	err = m.repo.with(func(s *remembering) error {
		g := newGraph(m.repo, s)
		for i, again := range merges {
			if own[i], err = m.mergeHere(ctx, s, g, again); err != nil {
				return err
			}
		}
		return nil
	})
	return own, err
}

// mergeHere merges commits again where git may fetch what it lacks, and nowhere else if that is enough. The
// error is for what ends everything: that a merge cannot be made again is for whoever judges to find.
func (m *Mirror) mergeHere(ctx context.Context, s *remembering, g *graph, again remerge) ([]evidence.Change, error) {
	work := &scratch{dir: m.dir, program: m.git, env: append(slices.Clone(m.env), "GIT_NO_LAZY_FETCH=0"), fetches: true}
	git := func(ctx context.Context) (made remade, src source, err error) {
		err = m.within(ctx, func(ctx context.Context) error {
			made, err = m.repo.recomputeIn(ctx, work, again.parents)
			return err
		})
		return made, s, err
	}
	if again.tree.isZero() {
		_, _, _ = git(ctx)
		return nil, ctx.Err()
	}
	byPath := pathMerge{graph: g, src: s, limit: Limits{}.withDefaults().MaxChanges, commits: again.parents, merged: again.tree, remake: git}
	if err := byPath.run(ctx); err != nil {
		return nil, ctx.Err()
	}
	if len(byPath.own) > 0 { // whether git makes it the same, or what it carried where, will be asked
		_, _, _ = git(ctx)
	}
	return byPath.own, ctx.Err()
}

// contested adds the contents that both sides of a merge made differ from where they met. Where that
// is more than one commit, git finds out what it takes.
func (g *graph) contested(ctx context.Context, ours, theirs oid, blobs *blobSet) error {
	m, err := g.meet(ctx, []oid{ours}, []oid{theirs})
	if err != nil || len(m.bases) != 1 {
		return err
	}
	base := m.bases[0].tree
	changed := map[string]evidence.Change{}
	for _, c := range g.changes(base, g.at(ours).tree) {
		changed[c.Path] = c
	}
	for _, c := range g.changes(base, g.at(theirs).tree) {
		if ours, ok := changed[c.Path]; ok && ours.New != c.New {
			if err := blobs.add(c.Old, c.New, ours.New); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes is what can be read of what differs between two trees. Whoever judges them says what
// cannot.
func (g *graph) changes(before, after oid) []evidence.Change {
	d := differ{src: g.src, idSize: g.repo.format.idSize, limit: Limits{}.withDefaults().MaxChanges}
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
