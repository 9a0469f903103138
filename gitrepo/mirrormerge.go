package gitrepo

import (
	"context"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
)

// fetchMerged gets the contents that merging commits again takes, and returns the trees that come
// out; the zero oid where none does, which whoever judges finds out and says.
//
// What both sides changed is fetched in one request. What finding renames takes, git asks for itself
// when it merges them here.
func (m *Mirror) fetchMerged(ctx context.Context, merges [][]oid) ([]oid, error) {
	if len(merges) == 0 {
		return nil, nil
	}
	var blobs blobSet
	err := m.repo.with(func(s *remembering) error {
		g := newGraph(m.repo, s)
		for _, parents := range merges {
			for _, theirs := range parents[1:] {
				if err := g.contested(ctx, parents[0], theirs, &blobs); err != nil {
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
	trees := make([]oid, len(merges))
	work := &scratch{dir: m.dir, program: m.git, env: append(slices.Clone(m.env), "GIT_NO_LAZY_FETCH=0"), fetches: true}
	for i, parents := range merges {
		err := m.within(ctx, func(ctx context.Context) error {
			trees[i], _ = m.repo.recomputeIn(ctx, work, parents)
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return trees, nil
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

// fetchChanged gets the contents of all files that commits change. merged has what a merge is
// compared with.
func (m *Mirror) fetchChanged(ctx context.Context, commits []*node, merged map[oid]oid) error {
	var blobs blobSet
	err := m.repo.with(func(s *remembering) error {
		g := newGraph(m.repo, s)
		for _, n := range commits {
			if err := ctx.Err(); err != nil {
				return err
			}
			var before oid
			switch len(n.parents) {
			case 0:
			case 1:
				p := g.at(n.parents[0])
				if err := g.load(p); err != nil {
					return err
				}
				before = p.tree
			default:
				if before = merged[n.id]; before.isZero() {
					continue
				}
			}
			for _, c := range g.changes(before, n.tree) {
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
