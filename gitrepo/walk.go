package gitrepo

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Bounds of one walk.
const (
	maxWalk     = 1_000_000 // commits that are looked at
	overshoot   = 4         // a walk may take this many times its limit for new before it learns better
	fairTurn    = 4         // every so many turns the side whose dates keep it waiting goes first
	slop        = 32        // commits of the frontier looked at that should be too old to matter
	skew        = 3600      // seconds that a clock may be fast, in a row of commits
	preloadFrom = 256       // tips that are worth another reader
)

// errLimit is wrapped where a walk is given up because it is too long.
var errLimit = errors.New("more history than a decision reads")

// node is one commit in a graph. Of most that a walk meets no more is ever known than where they are, so what is read
// of a commit is apart.
type node struct {
	id oid
	*content
	date int64

	up []*node // its parents, once they were asked for or it was outlined

	loaded bool
	// What the commit-graph says of it, while it is not loaded.
	outlined bool

	// State of the present walk; of no meaning while round differs from the graph's.
	common  bool // reachable from an excluded tip
	waiting bool // in a queue
	done    bool // its parents were looked at
	round   uint32
	age     int64

	place uint32 // where the commit-graph has it, and 1; 0: not known
	index uint32 // of the graph's nodes, in the order in which they were met
}

// content is what a commit says.
type content struct {
	tree    oid
	parents []oid
	raw     []byte // nil once it is known not to be wanted
	err     error  // it could not be read
}

// forget lets go of a commit's text.
func (n *node) forget() {
	if n.loaded {
		n.raw = nil
	}
}

// graph is the history that one decision has read so far. It serves one goroutine.
type graph struct {
	repo  *Repo
	src   source
	nodes map[oid]*node
	round uint32
	seen  int // nodes that were read

	frontier int          // nodes of it that were looked at
	notes    *commitGraph // nil: there is none, or it was not needed yet
	noted    bool         // it was looked for
	noting   []*node      // by their place there: those are in nodes only if they were met before it was opened
	met      map[[2]oid]*meeting

	count  uint32
	unread *content // of all commits that were not read; nobody writes to it
	spare  []node   // for the next ones, so that there are not as many small pieces as commits
	spares []*node  // likewise for their parents

	ahead *ahead // nil where nothing is done ahead
}

// spared is how many nodes are made at once.
const spared = 512

func newGraph(r *Repo, src source) *graph {
	return &graph{repo: r, src: src, nodes: map[oid]*node{}, unread: &content{}}
}

// known returns the node of a commit that was met before, nil for one that was not.
func (g *graph) known(id oid) *node {
	n := g.nodes[id]
	if n == nil && g.notes != nil {
		if place, ok := g.notes.find(id); ok {
			n = g.noting[place]
		}
	}
	return n
}

// at returns the node of a commit, ready for the present walk.
func (g *graph) at(id oid) *node {
	n := g.nodes[id]
	if n != nil {
		return g.fresh(n)
	}
	if g.notes != nil {
		if place, ok := g.notes.find(id); ok {
			return g.placed(place, id)
		}
	}
	n = g.make(id)
	g.nodes[id] = n
	return n
}

// placed returns the node of a commit that the commit-graph has at a place, ready for the present walk.
func (g *graph) placed(place uint32, id oid) *node {
	n := g.noting[place]
	if n == nil {
		if n = g.nodes[id]; n == nil {
			n = g.make(id)
		}
		n.place, g.noting[place] = place+1, n
	}
	return g.fresh(n)
}

func (g *graph) make(id oid) *node {
	if len(g.spare) == 0 {
		g.spare = make([]node, spared)
	}
	n := &g.spare[0]
	g.spare = g.spare[1:]
	n.id, n.content, n.index, n.round = id, g.unread, g.count, g.round
	g.count++
	return n
}

// makeUp is room for a commit's parents.
func (g *graph) makeUp(parents int) []*node {
	if parents > len(g.spares) {
		g.spares = make([]*node, max(spared, parents))
	}
	up := g.spares[:parents:parents]
	g.spares = g.spares[parents:]
	return up
}

// fresh is a node ready for the present walk.
func (g *graph) fresh(n *node) *node {
	if n.round != g.round {
		n.round, n.common, n.waiting, n.done, n.age = g.round, false, false, false, 0
	}
	return n
}

// load reads a commit's header, once.
func (g *graph) load(n *node) error {
	if !n.loaded {
		n.load(g.src, g.repo.format.idSize)
		g.seen++
	}
	return n.err
}

// outline finds out what lies behind a commit of the frontier: by the commit-graph where there is one, if it goes on
// far enough, and else by the commit.
func (g *graph) outline(n *node) error {
	if n.loaded || n.outlined {
		return n.err
	}
	if g.frontier++; g.frontier < graphFrom {
		return g.load(n)
	}
	if !g.noted {
		if g.noted, g.notes = true, g.repo.openCommitGraph(); g.notes != nil {
			g.noting = make([]*node, g.notes.size())
		}
	}
	if g.notes == nil {
		return g.load(n)
	}
	if n.place == 0 {
		place, ok := g.notes.find(n.id)
		if !ok {
			return g.load(n)
		}
		n.place, g.noting[place] = place+1, n
	}
	data, ok := g.notes.at(n.place - 1)
	if !ok {
		return g.load(n)
	}
	n.outlined, n.date, n.up = true, data.When.Unix(), g.makeUp(len(data.ParentHashes))
	for i := range data.ParentHashes {
		n.up[i] = g.placed(data.ParentIndexes[i], makeOID(data.ParentHashes[i][:]))
	}
	g.seen++
	return nil
}

// before are the parents of a commit that was loaded or outlined, ready for the present walk.
func (g *graph) before(n *node) []*node {
	if n.up == nil && len(n.parents) > 0 {
		n.up = g.makeUp(len(n.parents))
		for i, id := range n.parents {
			n.up[i] = g.at(id)
		}
	}
	for _, p := range n.up {
		g.fresh(p)
	}
	return n.up
}

func (n *node) load(src source, idSize int) {
	n.loaded, n.content = true, &content{}
	raw, err := readKind(src, n.id, plumbing.CommitObject, MaxCommitSize)
	if err != nil {
		n.err = err
		return
	}
	head, err := parseHeader(raw, idSize)
	if err != nil {
		n.err = &ObjectError{ID: n.id.String(), Err: fmt.Errorf("%w: %w", ErrCorrupt, err)}
		return
	}
	n.raw, n.tree, n.parents, n.date, n.up = raw, head.tree, head.parents, head.date, nil
}

// tips returns the commits that refs lead to, through any annotated tags, and reads them on every
// processor. Refs to anything else, or to what cannot be read, are left out: with fewer commits on
// the frontier more are judged, never fewer.
func (g *graph) tips(refs map[string]refValue) ([]oid, error) {
	leads := map[oid]oid{} // what each ref names, to what its tag leads to if packed-refs told
	for _, ref := range refs {
		leads[ref.id] = ref.peeled
	}
	var todo []*node
	for id, peeled := range leads {
		if !peeled.isZero() {
			id = peeled
		}
		if n := g.at(id); !n.loaded {
			n.loaded = true
			todo = append(todo, n)
		}
	}
	g.seen += len(todo)
	workers := min(runtime.GOMAXPROCS(0), len(todo)/preloadFrom+1)
	results := make([]error, workers)
	tagged := make([][]oid, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			results[w] = g.repo.with(func(s *remembering) error {
				for _, n := range todo[len(todo)*w/workers : len(todo)*(w+1)/workers] {
					if t := n.loadTip(s, g.repo.format.idSize); !t.isZero() {
						tagged[w] = append(tagged[w], t)
					}
				}
				return nil
			})
		})
	}
	wait.Wait()
	ids := slices.Concat(tagged...)
	for id, peeled := range leads {
		if !peeled.isZero() {
			id = peeled
		}
		if n := g.known(id); n.err == nil {
			ids = append(ids, id)
		}
	}
	return ids, errors.Join(results...)
}

// loadTip reads what a ref names. Where that is a tag, it returns the commit that it leads to.
func (n *node) loadTip(src source, idSize int) oid {
	n.load(src, idSize)
	n.forget() // of the frontier only the place in history matters
	if n.err == nil {
		return oid{}
	}
	if t, err := peel(src, n.id); err == nil && len(t.tags) > 0 && t.kind == plumbing.CommitObject {
		return t.id
	}
	return oid{}
}

// broken is a commit that a walk needed and could not read.
type broken struct {
	id    oid
	child oid // the commit that names it as a parent; zero for a tip
	err   error
}

// walked is what a walk found.
type walked struct {
	commits []*node // reachable from an included tip and not from an excluded one; parents first
	edge    []*node // their parents that are reachable from an excluded tip
	broken  []broken
}

// queue is a heap of commits, the latest first.
type queue []*node

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].date > q[j].date }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*node)) }
func (q *queue) Pop() any {
	old := *q
	n := old[len(old)-1]
	*q = old[:len(old)-1]
	return n
}

// walk is one search for the commits that are reachable from some tips and not from others. It goes
// by date, as git does, so that it stops soon after the two sides meet, and never walks the history
// behind that. Dates are the committers' claims and only set the order: a side whose dates keep it
// waiting still gets every fourth turn, so that no forged date makes the walk long, and an error
// can only leave commits in the result that belong to the frontier, never the reverse.
type walk struct {
	g        *graph
	fresh    queue // commits that are new as far as is known, whose parents were not looked at
	frontier queue // the same for commits known to be reachable from an excluded tip
	found    []*node
	broken   []broken
}

// between walks from the included tips to the excluded ones. More than limit commits are an error
// that wraps errLimit.
func (g *graph) between(ctx context.Context, include, exclude []oid, limit int) (walked, error) {
	g.round++
	w := &walk{g: g}
	for _, id := range exclude {
		w.paint(g.at(id))
	}
	for _, id := range include {
		w.add(g.at(id), oid{})
	}
	for turn := 1; w.next(&w.fresh, false) != nil; turn++ {
		if err := w.check(ctx, turn, limit); err != nil {
			return walked{}, err
		}
		w.step(w.frontierFirst(turn))
	}
	if err := w.settle(ctx, include); err != nil {
		return walked{}, err
	}
	var out walked
	for _, b := range w.broken {
		if !g.at(b.id).common {
			out.broken = append(out.broken, b)
		}
	}
	for _, n := range w.found {
		if !n.common {
			out.commits = append(out.commits, n)
		}
	}
	if len(out.commits) > limit {
		return walked{}, fmt.Errorf("%w: more than %d commits", errLimit, limit)
	}
	out.commits, out.edge = g.order(include, out.commits)
	for _, n := range out.edge { // what is judged is compared with it
		_ = g.load(n) // whoever needs it says what is wrong with it
		n.forget()
	}
	return out, nil
}

// check gives up a walk that is called off or too long.
func (w *walk) check(ctx context.Context, turn, limit int) error {
	if turn%1024 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	if len(w.found) > overshoot*limit+slop || w.g.seen > maxWalk {
		return fmt.Errorf("%w: more than %d commits", errLimit, limit)
	}
	return nil
}

// add puts a commit of the included side into its queue.
func (w *walk) add(n *node, child oid) {
	if n.common || n.waiting || n.done {
		return
	}
	if err := w.g.load(n); err != nil {
		n.done = true
		w.broken = append(w.broken, broken{n.id, child, err})
		return
	}
	n.waiting = true
	heap.Push(&w.fresh, n)
}

// paint marks a commit as reachable from an excluded tip, and with it all that was already reached
// from it. What cannot be read there is passed over: without it less is excluded, never more.
func (w *walk) paint(n *node) {
	todo := []*node{n}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n.common {
			continue
		}
		n.common = true
		n.forget()
		if n.done {
			todo = append(todo, w.g.before(n)...)
			continue
		}
		if w.g.outline(n) == nil {
			n.forget() // of the frontier only the place in history matters
			heap.Push(&w.frontier, n)
		}
	}
}

// next returns the first commit of a queue that still belongs there.
func (w *walk) next(q *queue, common bool) *node {
	for q.Len() > 0 {
		if n := (*q)[0]; n.common == common && !n.done {
			return n
		}
		heap.Pop(q)
	}
	return nil
}

// frontierFirst decides which side goes next: the one with the later commit, except that every
// fourth turn goes to the other.
func (w *walk) frontierFirst(turn int) bool {
	f := w.next(&w.frontier, true)
	if f == nil {
		return false
	}
	return (f.date >= w.next(&w.fresh, false).date) != (turn%fairTurn == 0)
}

// step looks at the parents of the first commit of one side.
func (w *walk) step(frontier bool) {
	q := &w.fresh
	if frontier {
		q = &w.frontier
	}
	n := heap.Pop(q).(*node)
	n.done, n.waiting = true, false
	if frontier {
		for _, p := range w.g.before(n) {
			w.paint(p)
		}
		return
	}
	w.found = append(w.found, n)
	for _, id := range n.parents {
		p := w.g.at(id)
		w.add(p, n.id)
		if w.g.ahead != nil && len(n.parents) == 1 && len(w.found) > aheadFrom && p.loaded && p.err == nil {
			w.g.ahead.offer(n, p)
		}
	}
}

// settle follows the frontier further once nothing new waits, for what was found may still turn out
// to be reachable from it. It stops where the frontier is older than all of that can be.
func (w *walk) settle(ctx context.Context, include []oid) error {
	var left []*node
	for _, n := range w.found {
		if !n.common {
			left = append(left, n)
		}
	}
	left, _ = w.g.order(include, left)
	w.g.setAges(left)
	slices.SortFunc(left, func(a, b *node) int { return cmp.Compare(a.age, b.age) })
	spare := slop
	for turn := 1; ; turn++ {
		for len(left) > 0 && left[0].common {
			left = left[1:]
		}
		n := w.next(&w.frontier, true)
		if len(left) == 0 || n == nil {
			return nil
		}
		if n.date < left[0].age {
			if spare--; spare < 0 {
				return nil
			}
		}
		if err := w.check(ctx, turn, len(w.found)); err != nil {
			return err
		}
		w.step(true)
	}
}

// setAges sets the age of commits that come parents first: the time before which none that descends from one was made.
// That is when its parents were there, by their own dates as far back as they are known to be common, and not its own
// date: a clock that was fast made it later than much that stands on it. What is dated after now says nothing.
func (g *graph) setAges(commits []*node) {
	latest := time.Now().Add(time.Hour).Unix()
	for _, n := range commits {
		n.age = math.MinInt64
		if len(n.parents) == 0 {
			n.age = n.date - skew
		}
		for _, id := range n.parents {
			p := g.at(id)
			age := p.age
			if p.common {
				age = p.date - skew
				if p.date > latest {
					age = math.MinInt64
				}
			}
			n.age = max(n.age, age)
		}
	}
}

// order puts commits in the order of history, parents first and else as the tips name them, and
// lists the parents that are not among them.
func (g *graph) order(tips []oid, commits []*node) (ordered, edge []*node) {
	const (
		unknown = iota
		open
		closed
		outside
	)
	state := make(map[*node]int, len(commits))
	for _, n := range commits {
		state[n] = open
	}
	ordered = make([]*node, 0, len(commits))
	type visit struct {
		n    *node
		next int // parent to look at
	}
	var stack []visit
	for _, tip := range tips {
		if n := g.at(tip); state[n] == open {
			state[n] = closed
			stack = append(stack, visit{n: n})
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(top.n.parents) {
				ordered = append(ordered, top.n)
				stack = stack[:len(stack)-1]
				continue
			}
			p := g.at(top.n.parents[top.next])
			top.next++
			switch {
			case state[p] == open:
				state[p] = closed
				stack = append(stack, visit{n: p})
			case state[p] == unknown && p.common:
				state[p] = outside
				edge = append(edge, p)
			}
		}
	}
	return ordered, edge
}
