package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// Landing is what would be different at a branch if a commit were merged into it as git and forges do.
type Landing struct {
	// Changes are what differs between the branch's tip and what would stand there, by paths as they
	// land, and the paths that could not be merged without a conflict.
	Changes []evidence.Change
	// Merge says how the two were merged. Followed are paths that hold what git carried there from
	// another name: no comparison of the commit with where it left the branch shows them.
	Merge evidence.Merge
	// Tree is the id of what would stand there, "" where it is not known.
	Tree string
	Gaps []evidence.Gap // what of it could not be read; then there are no changes
}

// Landing works out what merging a commit into a branch that is at tip would change there. tip is "" for a
// branch that is not there yet. Where several commits are the best at which the two met, it is compared
// with none of them alone.
func (r *Repo) Landing(ctx context.Context, tip, head string) (l Landing) {
	names := []string{head}
	if tip != "" {
		names = append(names, tip)
	}
	ids, err := r.parseAll(names)
	if err == nil {
		err = r.with(func(s *remembering) error {
			l = r.landing(ctx, s, newGraph(r, s), ids)
			return nil
		})
	}
	if err != nil {
		l.Gaps = append(l.Gaps, r.gap("what merging "+inert.Quote(head)+" into "+inert.Quote(tip)+" would change", oid{}, err))
	}
	return l
}

// landing is Landing of the first of some commits in the second, or in nothing.
func (r *Repo) landing(ctx context.Context, s *remembering, g *graph, ids []oid) Landing {
	var l Landing
	if err := r.land(ctx, s, g, ids, &l); err != nil {
		if !l.Merge.Recomputed {
			l.Merge.Why = r.whyNotMerged(err)
		}
		onto := "nothing"
		if len(ids) > 1 {
			onto = ids[1].String()
		}
		l.Changes = nil
		l.Gaps = append(l.Gaps, r.gap("what merging "+ids[0].String()+" into "+onto+" would change", oid{}, err))
	}
	return l
}

func (r *Repo) land(ctx context.Context, s *remembering, g *graph, ids []oid, l *Landing) error {
	for _, id := range ids {
		if err := g.load(g.at(id)); err != nil {
			return err
		}
	}
	var before oid
	after := g.at(ids[0]).tree
	if len(ids) > 1 {
		before = g.at(ids[1]).tree
		there, known, err := g.withoutMerge(ctx, ids[1], ids[0])
		if err != nil {
			return err
		}
		if !known {
			return r.landMerge(ctx, s, g, before, []oid{ids[1], ids[0]}, l)
		}
		after = there
	}
	l.Merge.Recomputed, l.Merge.Same = true, true
	return r.landed(s, before, remade{tree: after}, nil, l)
}

// withoutMerge is the tree that a branch gets where merging a commit takes no merge, and whether that is so:
// the branch is fast-forwarded, or has the commit already.
func (g *graph) withoutMerge(ctx context.Context, tip, head oid) (tree oid, known bool, err error) {
	m, err := g.meetOnce(ctx, tip, head)
	if err != nil {
		return oid{}, false, err
	}
	switch {
	case m.of(g.at(tip))&fromTwo != 0:
		return g.at(head).tree, true, nil
	case m.of(g.at(head))&fromOne != 0:
		return g.at(tip).tree, true, nil
	}
	return oid{}, false, m.err()
}

// landMerge merges a commit into a branch: parents are the branch's tip and it.
func (r *Repo) landMerge(ctx context.Context, s *remembering, g *graph, before oid, parents []oid, l *Landing) error {
	git, err := r.foresee(ctx, g, parents)
	if err != nil {
		return err
	}
	made, err := r.withScratch(s)
	if err != nil {
		return err
	}
	l.Merge.Recomputed, l.Merge.Same, l.Merge.Conflicts = true, len(git.conflicts) == 0, git.conflicts
	byPath := pathMerge{
		graph: g, src: made, limit: Limits{}.withDefaults().MaxChanges, commits: parents, merged: git.tree,
	}
	if err := byPath.run(ctx); err != nil {
		return err
	}
	return r.landed(made, before, git, byPath.own, l)
}

// farFrom is how many commits git may have to read to find where two histories meet before it is spared that.
const farFrom = 4096

// foresee merges two commits as [Repo.recompute] does. Where they met once, long ago, git merges stand-ins of them
// whose parent is that commit: it would read all that lies between.
func (r *Repo) foresee(ctx context.Context, g *graph, parents []oid) (remade, error) {
	m, err := g.meetOnce(ctx, parents[0], parents[1])
	if err != nil {
		return remade{}, err
	}
	if m.reach < farFrom || len(m.bases) != 1 || m.err() != nil {
		return r.recompute(ctx, parents)
	}
	work, err := r.scratch()
	if err != nil {
		return remade{}, err
	}
	met := []oid{m.bases[0].id}
	near := make([]oid, len(parents))
	for i, p := range parents {
		if near[i], err = r.interim(ctx, work, g.at(p).tree, met); err != nil {
			return remade{}, err
		}
	}
	return r.recomputeIn(ctx, work, near)
}

// Landing is [Repo.Landing], for which it fetches what merging takes.
func (m *Mirror) Landing(ctx context.Context, tip, head string) Landing {
	repo := m.Repo()
	if tip != "" {
		known := false
		ids, err := repo.parseAll([]string{tip, head})
		if err == nil {
			err = repo.with(func(s *remembering) error {
				g := newGraph(repo, s)
				for _, id := range ids {
					if err := g.load(g.at(id)); err != nil {
						return err
					}
				}
				_, known, err = g.withoutMerge(ctx, ids[0], ids[1])
				return err
			})
		}
		if err == nil && !known || errors.Is(err, ErrMissing) {
			if err := m.FetchMerges(ctx, 0, [2]string{tip, head}); err != nil {
				return Landing{
					Merge: evidence.Merge{Why: err.Error()},
					Gaps:  []evidence.Gap{repo.gap("what merging "+inert.Quote(head)+" into "+inert.Quote(tip)+" would change", oid{}, err)},
				}
			}
		}
	}
	return m.Repo().Landing(ctx, tip, head)
}

// landed compares what was at a branch with what would be. own is what merging path by path would not give.
func (r *Repo) landed(src source, before oid, git remade, own []evidence.Change, l *Landing) error {
	l.Tree = git.tree.String()
	d := r.compare(src, before, git.tree)
	if err := errors.Join(d.failed...); err != nil {
		return err
	}
	known := d.known()
	for _, c := range own {
		if _, conflict := slices.BinarySearch(git.conflicts, c.Path); !conflict && known[c.Path] {
			l.Merge.Followed = append(l.Merge.Followed, c.Path)
		}
	}
	for _, path := range git.conflicts {
		c, err := entriesAt(src, r.format.idSize, path, before, git.tree)
		if err != nil {
			return err
		}
		d.include(known, path, c[0], c[1])
	}
	l.Changes = d.changes
	return nil
}

// compare compares two trees.
func (r *Repo) compare(src source, before, after oid) *differ {
	d := &differ{src: src, idSize: r.format.idSize, limit: Limits{}.withDefaults().MaxChanges, looks: looks{all: &r.budget}}
	d.run(before, after)
	return d
}

// known are the paths that differ.
func (d *differ) known() map[string]bool {
	known := make(map[string]bool, len(d.changes))
	for _, c := range d.changes {
		known[c.Path] = true
	}
	return known
}

// include adds a path to what differs, whether it does or not. One that is known, or on neither side, is
// left out.
func (d *differ) include(known map[string]bool, path string, before, after evidence.Entry) {
	if before == (evidence.Entry{}) && after == (evidence.Entry{}) || known[path] {
		return
	}
	known[path] = true
	d.changes = append(d.changes, evidence.Change{Path: path, Old: before, New: after})
}

// findMerged finds out what of a merge is its maker's own, but for the lines of what both sides changed.
func (w *reader) findMerged(ctx context.Context, n *node) (*pathMerge, error) {
	if len(n.parents) > maxMergedParents {
		return nil, fmt.Errorf("%w: it has %d, at most %d are merged again", errParents, len(n.parents), maxMergedParents)
	}
	if w.histories == nil {
		w.histories = newGraph(w.repo, w.src)
	}
	m := &pathMerge{graph: w.histories, src: w.src, limit: w.opt.Limits.MaxChanges, commits: n.parents, merged: n.tree}
	return m, m.find(ctx)
}

// settle merges the lines of what both sides of some merges changed, with one git for many of them, and
// completes their evidence.
func (w *reader) settle(ctx context.Context, waiting []*pathMerge, nodes []*node, out []evidence.Commit) {
	for len(waiting) > 0 {
		var all []contest
		n := 0
		for n < len(waiting) && (n == 0 || len(all)+len(waiting[n].contested) <= maxContests) {
			all = append(all, waiting[n].contested...)
			n++
		}
		settled, err := w.repo.mergeLines(ctx, all)
		for _, m := range waiting[:n] {
			commit := &out[m.at]
			of := len(m.contested)
			if err == nil {
				err := m.take(settled[:of])
				if settled = settled[of:]; err == nil {
					w.finish(ctx, nodes[m.at], m, commit)
					continue
				}
				w.notMerged(nodes[m.at], commit, err)
				continue
			}
			w.notMerged(nodes[m.at], commit, err)
		}
		waiting = waiting[n:]
	}
}

// finish makes the evidence of a merge of which all is known.
func (w *reader) finish(ctx context.Context, n *node, m *pathMerge, out *evidence.Commit) {
	m.order()
	out.Changes = m.own
	out.Merge.Recomputed, out.Merge.Conflicts, out.Merge.Same = true, m.conflicts, len(m.own) == 0
	src, err := w.repo.mergedSource(w.src)
	if err == nil {
		// What git would have made of it only explains what was found, and tells a forge's own merge: where
		// the sides met at several commits that is not worth what it may cost.
		if len(m.own) > 0 && m.simpleBase() != nil {
			w.asGitMerges(ctx, n, m, out)
			src, err = w.repo.mergedSource(w.src)
		}
	}
	if err != nil {
		out.Changes = nil
		out.Gaps = append(out.Gaps, w.repo.gap("commit "+out.ID+": what it changes", n.id, err))
		return
	}
	w.count(n, src, out)
}

// asGitMerges says what of a merge git itself would have made.
func (w *reader) asGitMerges(ctx context.Context, n *node, m *pathMerge, out *evidence.Commit) {
	git, err := w.repo.recompute(ctx, n.parents)
	if err != nil {
		return // it was merged path by path, which decides
	}
	made, err := w.repo.withScratch(w.src)
	if err != nil {
		return
	}
	if out.Merge.Same = git.clean(n.tree); !out.Merge.Same && len(git.conflicts) == 0 && len(m.conflicts) == len(m.own) {
		return // nothing was carried anywhere
	}
	rest := w.repo.compare(made, git.tree, n.tree)
	if len(rest.failed) > 0 {
		return
	}
	differs := rest.known()
	for _, c := range m.own {
		if _, conflict := slices.BinarySearch(m.conflicts, c.Path); !conflict && !differs[c.Path] {
			out.Merge.Followed = append(out.Merge.Followed, c.Path)
		}
	}
}

// notMerged says why a merge could not be made again.
func (w *reader) notMerged(n *node, out *evidence.Commit, err error) {
	out.Merge.Why = w.repo.whyNotMerged(err)
	if errors.Is(err, errChanges) || errors.Is(err, errTree) || errors.Is(err, errLimit) && !errors.Is(err, errMergeBudget) {
		out.Gaps = append(out.Gaps, w.repo.gap("commit "+out.ID+": what it changes", n.id, err))
		return
	}
	if errors.Is(err, errLimit) {
		g := w.repo.gap("merging the parents of commit "+out.ID+" again", n.id, err)
		g.Fix = "rebase the branch onto its base instead of merging back and forth, or split the push"
		out.Gaps = append(out.Gaps, g)
	}
}
