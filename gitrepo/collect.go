package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/evidence"
)

// Limits bound what one decision reads. A zero field means its default; what exceeds one is a gap
// of kind evidence.GapLimit.
type Limits struct {
	MaxCommits       int // in a range or push; default 20,000
	MaxChanges       int // paths that one commit changes; default 50,000
	MaxChangesInAll  int // paths that all commits change; default 500,000
	MaxUpdates       int // refs that one push updates; default 5,000
	MaxDelegationRef int // delegations that one collection resolves; default 10,000
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.MaxCommits, 20_000},
		{&l.MaxChanges, 50_000},
		{&l.MaxChangesInAll, 500_000},
		{&l.MaxUpdates, 5_000},
		{&l.MaxDelegationRef, 10_000},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return l
}

// CollectOptions say what to collect.
type CollectOptions struct {
	CountLines bool // fill in Commit.Lines and Update.Lines, which reads file contents
	// DefaultBranch is the full name of the branch that updates carry nothing from; "" is the
	// receiver's HEAD. Where there is none, an update of a new ref carries all of its history.
	DefaultBranch string
	// LongLived reports whether a ref, by its full name, is the default branch or another that lives as long
	// (settings.bases). What updates of other refs have of such a branch they do not carry. Nil: only
	// DefaultBranch is one.
	LongLived func(ref string) bool
	// Receiver is what the repository that is pushed to has, by full names of refs, where that is not
	// this one: on a client, as far as it knows. DefaultBranch is then one of them. Nil: this
	// repository's own refs.
	Receiver map[string]string
	// Land has it worked out what lands on refs that are not long-lived too: of a range onto its base, of a
	// push where a ref is moved with force or onto what is there already.
	Land   bool
	Limits Limits
	// Delegations are digests to resolve beside those that commits and tags name, such as the one
	// that a push names.
	Delegations []string
	// IncomingBundles are blobs that come in with refs which are not there yet, by digest.
	// CollectPush adds those of the push itself.
	IncomingBundles map[string]string
}

func (o *CollectOptions) longLived(ref string) bool {
	if o.LongLived != nil {
		return o.LongLived(ref)
	}
	return ref != "" && ref == o.DefaultBranch
}

// Collected is the part of an evidence.Set that a repository can fill in. Clocks are the caller's:
// every Seen is zero.
type Collected struct {
	Updates []evidence.Update
	Commits []evidence.Commit // parents before children
	Tags    []evidence.Tag
	Bundles map[string]evidence.Bundle
	Gaps    []evidence.Gap
	Landing *Landing // of a range onto its base, where that was asked for
}

// AddTo puts what was collected into a set, in place of what it had there; gaps are added.
func (c *Collected) AddTo(set *evidence.Set) {
	set.Updates, set.Commits, set.Tags, set.Bundles = c.Updates, c.Commits, c.Tags, c.Bundles
	set.Gaps = append(set.Gaps, c.Gaps...)
}

// Commits returns the commits that are reachable from the included ones and not from the excluded
// ones, parents before children, each with its changes, and what of the history was missing. More
// than limit commits are a gap and no commits.
func (r *Repo) Commits(ctx context.Context, include, exclude []string, limit int) ([]evidence.Commit, []evidence.Gap, error) {
	opt := CollectOptions{Limits: Limits{MaxCommits: limit}}
	opt.Limits = opt.Limits.withDefaults()
	c := &collection{Collected: &Collected{}, repo: r, opt: opt}
	in, err := r.parseAll(include)
	if err != nil {
		return nil, nil, err
	}
	out, err := r.parseAll(exclude)
	if err != nil {
		return nil, nil, err
	}
	err = c.run(func() error {
		w, err := c.walk(ctx, in, out, "the range")
		if err == nil {
			c.Collected.Commits, err = c.commits(ctx, w.commits)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return c.Collected.Commits, c.Gaps, nil
}

func (r *Repo) parseAll(ids []string) ([]oid, error) {
	out := make([]oid, 0, len(ids))
	for _, s := range ids {
		id, err := r.parse(s)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// CollectRange collects base..head as if it were pushed to ref: all of it counts as new. base and
// head are full names of commits; without a base ("") it is all of head's history. The update's Old
// is where head's history leaves base's, so that a base which went on meanwhile makes it no forced
// one.
func (r *Repo) CollectRange(ctx context.Context, base, head, ref string, opt CollectOptions) (*Collected, error) {
	opt.Limits = opt.Limits.withDefaults()
	c := &collection{Collected: &Collected{}, repo: r, opt: opt}
	tip, err := r.parse(head)
	if err != nil {
		return nil, fmt.Errorf("collecting a range: its head: %w", err)
	}
	var exclude []oid
	if base != "" {
		id, err := r.parse(base)
		if err != nil {
			return nil, fmt.Errorf("collecting a range: its base: %w", err)
		}
		exclude = append(exclude, id)
	}
	if err := c.run(func() error { return c.collectRange(ctx, tip, exclude, ref) }); err != nil {
		return nil, fmt.Errorf("collecting the range %s..%s: %w", base, head, err)
	}
	return c.Collected, nil
}

func (c *collection) collectRange(ctx context.Context, head oid, exclude []oid, ref string) error {
	update := evidence.Update{Ref: ref, New: head.String(), Object: plumbing.CommitObject.String()}
	for _, id := range exclude {
		if err := c.graph.load(c.graph.at(id)); err != nil {
			g := c.repo.gap("the base commit "+id.String(), oid{}, err)
			if errors.Is(err, ErrMissing) {
				g.Fix = "run git fetch origin " + id.String() + ", or fetch the whole history (fetch-depth: 0 in the checkout step)"
			}
			c.Gaps, c.Updates = append(c.Gaps, g), append(c.Updates, update)
			return nil
		}
	}
	c.graph.ahead = c.startAhead()
	w, err := c.walk(ctx, []oid{head}, exclude, "the range")
	c.graph.ahead.stop()
	if err != nil {
		return err
	}
	switch {
	case len(w.commits) == 0:
		update.Old = update.New
	case len(w.edge) > 0:
		fork := w.edge[0]
		for _, n := range w.edge {
			if n.date > fork.date {
				fork = n
			}
		}
		update.Old = fork.id.String()
	}
	update.NewCommits = len(w.commits)
	if update.LongLived = c.opt.longLived(ref); update.LongLived || c.opt.Land {
		l := c.repo.landing(ctx, c.src, c.graph, append([]oid{head}, exclude...))
		c.Landing = &l
	}
	if update.LongLived {
		update.Landing, update.LandingGaps = c.Landing.Changes, c.Landing.Gaps
	}
	if c.Collected.Commits, err = c.commits(ctx, w.commits); err != nil {
		return err
	}
	for i := range c.Collected.Commits {
		commit := &c.Collected.Commits[i]
		commit.Refs = []string{ref}
		update.Carried = append(update.Carried, commit.ID)
	}
	c.Updates = append(c.Updates, update)
	return c.bundles(nil)
}

// collection is one collection under way.
type collection struct {
	*Collected

	repo  *Repo
	opt   CollectOptions
	src   *remembering
	graph *graph
}

// run opens what a collection reads from for as long as f runs.
func (c *collection) run(f func() error) error {
	return c.repo.with(func(s *remembering) error {
		c.src, c.graph = s, newGraph(c.repo, s)
		defer c.dropRepeatedGaps()
		defer c.repo.memory.forget()
		return f()
	})
}

// dropRepeatedGaps keeps each gap once: several walks may come upon the same one.
func (c *collection) dropRepeatedGaps() {
	seen := map[evidence.Gap]bool{}
	c.Gaps = slices.DeleteFunc(c.Gaps, func(g evidence.Gap) bool {
		again := seen[g]
		seen[g] = true
		return again
	})
}

// walk is graph.between, with what is missing made into gaps.
func (c *collection) walk(ctx context.Context, include, exclude []oid, what string) (walked, error) {
	w, err := c.graph.between(ctx, include, exclude, c.opt.Limits.MaxCommits)
	if errors.Is(err, errLimit) {
		c.Gaps = append(c.Gaps, c.repo.gap(what, oid{}, err))
		return walked{}, nil
	}
	if err != nil {
		return walked{}, err
	}
	for _, b := range w.broken {
		c.Gaps = append(c.Gaps, c.repo.gap("commit "+b.id.String(), b.child, b.err))
	}
	return w, nil
}

// chunk is how many consecutive commits one worker takes at a time: enough for it to meet the same
// trees again, few enough to share the work.
const chunk = 16

// commits reads what each commit changes, on every processor.
func (c *collection) commits(ctx context.Context, nodes []*node) ([]evidence.Commit, error) {
	out := make([]evidence.Commit, len(nodes))
	var taken, changes atomic.Int64
	workers := min(runtime.GOMAXPROCS(0), (len(nodes)+chunk-1)/chunk)
	errs := make([]error, workers)
	waiting := make([][]*pathMerge, workers)
	work := func(src *remembering, worker int) error {
		w := &reader{collection: c, src: src, changes: &changes}
		defer func() { waiting[worker] = w.waiting }()
		for {
			from := int(taken.Add(chunk)) - chunk
			if from >= len(nodes) {
				return nil
			}
			for i := from; i < min(from+chunk, len(nodes)); i++ {
				if err := ctx.Err(); err != nil {
					return err
				}
				before := len(w.waiting)
				out[i] = w.commit(ctx, nodes[i])
				if len(w.waiting) > before {
					w.waiting[before].at = i
				}
			}
		}
	}
	var wait sync.WaitGroup
	for i := range workers {
		if i == 0 {
			continue // this goroutine is one of them
		}
		wait.Go(func() { errs[i] = c.repo.with(func(s *remembering) error { return work(s, i) }) })
	}
	if workers > 0 {
		errs[0] = work(c.src, 0)
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	w := &reader{collection: c, src: c.src, changes: &changes}
	w.settle(ctx, slices.Concat(waiting...), nodes, out)
	if most := c.opt.Limits.MaxChangesInAll; changes.Load() > int64(most) {
		err := fmt.Errorf("%w: more than %d paths in all", errChanges, most)
		c.Gaps = append(c.Gaps, c.repo.gap("what the commits change", oid{}, err))
	}
	return out, nil
}

// reader reads commits for one goroutine.
type reader struct {
	*collection

	src       *remembering
	histories *graph       // of what merges merged; nil before the first
	waiting   []*pathMerge // merges of which lines have to be merged
	changes   *atomic.Int64
}

// commit makes the evidence of one commit, which is new until somebody says otherwise.
func (w *reader) commit(ctx context.Context, n *node) evidence.Commit {
	out := evidence.Commit{ID: n.id.String(), Raw: n.raw, New: true, Lines: -1}
	what := "commit " + out.ID
	if out.Raw == nil {
		raw, err := readKind(w.src, n.id, plumbing.CommitObject, MaxCommitSize)
		if err != nil {
			out.Gaps = append(out.Gaps, w.repo.gap(what, oid{}, err))
			return out
		}
		out.Raw = raw
	}
	for _, p := range n.parents {
		out.Parents = append(out.Parents, p.String())
	}
	if w.changes.Load() > int64(w.opt.Limits.MaxChangesInAll) {
		return out
	}
	if len(n.parents) > 1 {
		out.Merge = &evidence.Merge{}
		m, err := w.findMerged(ctx, n)
		switch {
		case err != nil:
			w.notMerged(n, &out, err)
		case len(m.contested) > 0: // lines are merged for all merges at once
			w.waiting = append(w.waiting, m)
		default:
			w.finish(ctx, n, m, &out)
		}
		return out
	}
	if w.changed(n, &out) {
		w.count(n, w.src, &out)
	}
	return out
}

// count completes a commit by what is known once its changes are.
func (w *reader) count(n *node, src source, out *evidence.Commit) {
	what := "commit " + out.ID
	w.changes.Add(int64(len(out.Changes)))
	if err := wrongKinds(w.src, out.Changes, w.repo.format.idSize); err != nil {
		out.Gaps = append(out.Gaps, w.repo.gap(what+": what it changes", n.id, err))
	}
	if w.opt.CountLines {
		lines, err := w.repo.lines.count(src, out.Changes)
		if err != nil {
			out.Gaps = append(out.Gaps, w.repo.gap(what+": the lines it changes", n.id, err))
		}
		out.Lines = lines
	}
}

// changed finds out what a commit with one parent, or none, changes. ok is false where it cannot be read.
func (w *reader) changed(n *node, out *evidence.Commit) (ok bool) {
	d, done := w.early(n)
	if !done {
		var base oid
		if len(n.parents) == 1 {
			var err error
			if base, err = w.treeOf(n.parents[0]); err != nil {
				out.Gaps = append(out.Gaps, w.repo.gap("commit "+n.parents[0].String()+", the parent of "+out.ID, n.id, err))
				return false
			}
		}
		d = differ{src: w.src, idSize: w.repo.format.idSize, limit: w.opt.Limits.MaxChanges, looks: looks{all: &w.repo.budget}}
		d.run(base, n.tree)
	}
	for _, err := range d.failed {
		out.Gaps = append(out.Gaps, w.repo.gap("commit "+out.ID+": what it changes", n.id, err))
	}
	if len(d.failed) > 0 {
		return false // a part of the changes would say of the rest that it was deleted
	}
	out.Changes = d.changes
	return true
}

// early is what was compared ahead.
func (w *reader) early(n *node) (differ, bool) {
	if w.graph.ahead == nil || len(n.parents) != 1 {
		return differ{}, false
	}
	d, ok := w.graph.ahead.done[n.id]
	return d, ok
}

// treeOf finds a parent's tree, in the graph if the walk has been there.
func (w *reader) treeOf(id oid) (oid, error) {
	n := w.graph.known(id) // nobody writes to the graph while commits are read
	if n == nil || !n.loaded {
		n = &node{id: id}
		n.load(w.src, w.repo.format.idSize)
	}
	return n.tree, n.err
}
