package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// ErrNotOnLine means that a commit is not on the line of first parents that it was looked for on.
var ErrNotOnLine = errors.New("it is not on that branch's line of first parents")

// ErrLimit is wrapped where something is larger than a decision reads.
var ErrLimit = errLimit

// FirstParentStep is one step of a branch along first parents.
type FirstParentStep struct {
	Commit string
	Parent string // its first parent; "" for a root
	// Commits is what the step brought: all that Commit reaches and Parent does not, parents before
	// children, Commit itself last. A merge brings its other parents' commits, a squash only itself.
	Commits []string
}

// Steps returns how a branch got from one commit to another, along first parents, the oldest step
// first. from is "" for all of the branch. The error wraps [ErrNotOnLine] where from is not among
// to's first parents, [ErrLimit] where the steps or the commits that they brought are more than
// limit, and [ErrMissing] where history is not here.
func (r *Repo) Steps(ctx context.Context, from, to string, limit int) (steps []FirstParentStep, err error) {
	tip, err := r.parse(to)
	var start []oid
	if err == nil && from != "" {
		start, err = r.parseAll([]string{from})
	}
	if err == nil {
		err = r.with(func(s *remembering) error {
			steps, err = newGraph(r, s).steps(ctx, start, tip, limit)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("following the branch from %s to %s: %w", inert.Quote(from), inert.Quote(to), err)
	}
	return steps, nil
}

// steps is Steps; from holds one commit or none.
func (g *graph) steps(ctx context.Context, from []oid, to oid, limit int) ([]FirstParentStep, error) {
	line, err := g.firstParents(ctx, from, to, limit)
	if err != nil {
		return nil, err
	}
	w, err := g.between(ctx, []oid{to}, from, limit)
	if err != nil {
		return nil, err
	}
	if len(w.broken) > 0 {
		return nil, fmt.Errorf("commit %s brought: %w", to, w.broken[0].err)
	}
	brought := make(map[oid]*node, len(w.commits)) // by no step yet
	for _, n := range w.commits {
		brought[n.id] = n
	}
	slices.Reverse(line)
	steps := make([]FirstParentStep, 0, len(line))
	for _, n := range line {
		step := FirstParentStep{Commit: n.id.String()}
		if len(n.parents) > 0 {
			step.Parent = n.parents[0].String()
		}
		for _, id := range take(brought, n) {
			step.Commits = append(step.Commits, id.String())
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// firstParents is the line from a commit down to, and without, another; down to the root without one.
func (g *graph) firstParents(ctx context.Context, from []oid, to oid, limit int) ([]*node, error) {
	var line []*node
	for id := to; len(from) == 0 || id != from[0]; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := g.at(id)
		if err := g.load(n); err != nil {
			return nil, err
		}
		if len(line) == limit {
			return nil, fmt.Errorf("%w: more than %d steps", ErrLimit, limit)
		}
		line = append(line, n)
		if len(n.parents) == 0 {
			if len(from) > 0 {
				return nil, fmt.Errorf("commit %s: %w", from[0], ErrNotOnLine)
			}
			break
		}
		id = n.parents[0]
	}
	return line, nil
}

// take removes a commit and all that it reaches from a set, and returns them, parents first.
func take(set map[oid]*node, tip *node) []oid {
	if set[tip.id] == nil {
		return []oid{tip.id} // dates that lie can leave it out of the walk; it is a step all the same
	}
	var out []oid
	type visit struct {
		n    *node
		next int
	}
	delete(set, tip.id)
	stack := []visit{{n: tip}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.n.parents) {
			out = append(out, top.n.id)
			stack = stack[:len(stack)-1]
			continue
		}
		id := top.n.parents[top.next]
		top.next++
		if p := set[id]; p != nil {
			delete(set, id)
			stack = append(stack, visit{n: p})
		}
	}
	return out
}

// Remerge merges a commit's parent and a pull request's head again, following renames as forges do, and says whether what comes out
// is, without a conflict, the tree of the commit that the forge made of them. For a merge or a squash
// parent is the commit's first parent. For a rebase it is what the branch was at before the first of
// the rebased commits, and commit is the last of them.
//
// A merge that could not be done again is no error: the result says why.
func (r *Repo) Remerge(ctx context.Context, parent, head, commit string) (merge evidence.Merge, equal bool, err error) {
	ids, err := r.parseAll([]string{parent, head, commit})
	if err != nil {
		return evidence.Merge{}, false, fmt.Errorf("merging again: %w", err)
	}
	var want oid
	err = r.with(func(s *remembering) error {
		n := &node{id: ids[2]}
		n.load(s, r.format.idSize)
		want = n.tree
		return n.err
	})
	if err != nil {
		return evidence.Merge{}, false, fmt.Errorf("merging again: commit %s: %w", ids[2], err)
	}
	again, err := r.recompute(ctx, ids[:2])
	if err != nil {
		return evidence.Merge{Why: r.whyNotMerged(err)}, false, nil
	}
	equal = again.clean(want)
	return evidence.Merge{Recomputed: true, Conflicts: again.conflicts, Same: equal}, equal, nil
}

// Diff returns the paths that differ between the trees of two commits, and what could not be read of
// them. Either may be "": nothing. Where there is a gap there are no changes: a part of them would
// say of the rest that it is equal.
func (r *Repo) Diff(ctx context.Context, from, to string) ([]evidence.Change, []evidence.Gap) {
	what := "what differs between " + inert.Quote(from) + " and " + inert.Quote(to)
	d := differ{idSize: r.format.idSize, limit: Limits{}.withDefaults().MaxChanges, looks: looks{all: &r.budget}}
	err := r.with(func(s *remembering) error {
		d.src = s
		var trees [2]oid
		for i, commit := range []string{from, to} {
			if commit == "" {
				continue
			}
			id, err := r.parse(commit)
			if err != nil {
				return err
			}
			n := &node{id: id}
			if n.load(s, r.format.idSize); n.err != nil {
				return n.err
			}
			trees[i] = n.tree
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		d.run(trees[0], trees[1])
		return nil
	})
	if err != nil {
		d.failed = append(d.failed, err)
	}
	var gaps []evidence.Gap
	for _, err := range d.failed {
		gaps = append(gaps, r.gap(what, oid{}, err))
	}
	if len(gaps) > 0 {
		return nil, gaps
	}
	return d.changes, nil
}
