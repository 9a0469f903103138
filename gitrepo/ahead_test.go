package gitrepo

import (
	"reflect"
	"runtime"
	"testing"
)

// TestAhead: what is compared while the walk goes on is what is compared after it.
func TestAhead(t *testing.T) {
	r := history(t, 1001)
	base, head := r.run("rev-parse", "main~900"), r.run("rev-parse", "main")
	collect := func(processors int) *Collected {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		repo, err := Open(Options{GitDir: r.dir})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = repo.Close() }()
		return collectRange(t, repo, base, head, CollectOptions{})
	}
	alone, together := collect(1), collect(4)
	noGaps(t, together)
	if len(alone.Commits) != 900 || len(alone.Commits[0].Changes) == 0 {
		t.Fatalf("%d commits", len(alone.Commits))
	}
	if !reflect.DeepEqual(alone, together) {
		t.Error("another processor changes what is collected")
	}
}

// TestAheadIsUsed: the result of a commit that was compared ahead is taken, and of no other.
func TestAheadIsUsed(t *testing.T) {
	r := newTestRepo(t)
	base := r.commit("base", "a", "1")
	one := r.commit("one", "a", "2", "b", "1")
	repo := r.open()
	c := &collection{Collected: &Collected{}, repo: repo, opt: CollectOptions{Limits: Limits{}.withDefaults()}}
	err := c.run(func() error {
		parent, n := c.graph.at(mustParse(t, base)), c.graph.at(mustParse(t, one))
		if err := c.graph.load(parent); err != nil {
			return err
		}
		if err := c.graph.load(n); err != nil {
			return err
		}
		c.graph.ahead = c.startAhead()
		if c.graph.ahead == nil {
			t.Skip("there is one processor")
		}
		c.graph.ahead.offer(n, parent)
		for len(c.graph.ahead.jobs) > 0 {
			runtime.Gosched()
		}
		c.graph.ahead.stop()
		d, ok := c.graph.ahead.done[n.id]
		if !ok || len(d.changes) != 2 || len(d.failed) > 0 {
			t.Errorf("found %v: %+v", ok, d.changes)
		}
		c.graph.ahead.done[n.id] = differ{changes: d.changes[:1]}
		out, err := c.commits(t.Context(), []*node{parent, n})
		if err != nil {
			return err
		}
		if len(out[0].Changes) != 1 || len(out[1].Changes) != 1 {
			t.Errorf("%d and %d changes", len(out[0].Changes), len(out[1].Changes))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
