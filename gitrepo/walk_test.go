package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// chain makes commits without git commit, for histories of any shape and any dates. Its lines are
// "<date> <parents as indexes>".
func makeHistory(r *testRepo, dates []int64, parents [][]int) []string {
	var b strings.Builder
	for i := range dates {
		fmt.Fprintf(&b, "commit refs/heads/c%d\nmark :%d\ncommitter C <c@example.com> %d +0000\ndata 1\nx\n", i, i+1, dates[i])
		for j, p := range parents[i] {
			word := "merge"
			if j == 0 {
				word = "from"
			}
			fmt.Fprintf(&b, "%s :%d\n", word, p+1)
		}
		b.WriteString("\n")
	}
	r.input(b.String(), "fast-import", "--quiet", "--date-format=raw-permissive")
	ids := make([]string, len(dates))
	for line := range strings.Lines(r.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/")) {
		var i int
		var id string
		if _, err := fmt.Sscanf(line, "refs/heads/c%d %s", &i, &id); err != nil {
			r.t.Fatal(err)
		}
		ids[i] = id
	}
	return ids
}

// between walks, and returns the commits and how many were looked at.
func between(t *testing.T, r *Repo, include, exclude []string, limit int) (found []string, seen int, err error) {
	t.Helper()
	in, err := r.parseAll(include)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.parseAll(exclude)
	if err != nil {
		t.Fatal(err)
	}
	werr := r.with(func(s *remembering) error {
		g := newGraph(r, s)
		w, err := g.between(t.Context(), in, out, limit)
		for _, n := range w.commits {
			found = append(found, n.id.String())
		}
		seen = g.seen
		return err
	})
	return found, seen, werr
}

// TestWalkAgainstGit: random histories whose dates lie in all directions.
func TestWalkAgainstGit(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, skew := range []int64{0, 30, 100_000} {
		r := newTestRepo(t)
		const n = 300
		dates, parents := make([]int64, n), make([][]int, n)
		for i := range n {
			dates[i] = testEpoch + int64(i)*60
			if skew > 0 {
				dates[i] = max(0, dates[i]+random.Int64N(2*skew*60)-skew*60)
			}
			for range 1 + random.IntN(2) {
				if p := i - 1 - random.IntN(6); p >= 0 && !slices.Contains(parents[i], p) {
					parents[i] = append(parents[i], p)
				}
			}
		}
		commits := makeHistory(r, dates, parents)
		repo := r.open()
		pick := func() (out []string) {
			for range 1 + random.IntN(3) {
				out = append(out, commits[random.IntN(n)])
			}
			return out
		}
		surplus := 0
		for i := range 150 {
			switch i { // from then on half of the frontier is in a commit-graph, then all of it, in two files
			case 50:
				r.input(commits[n/2]+"\n", "commit-graph", "write", "--split=no-merge", "--stdin-commits")
			case 100:
				r.run("commit-graph", "write", "--split=no-merge", "--reachable")
				if notes := repo.openCommitGraph(); notes == nil || notes.size() != n {
					t.Fatal("the commit-graph is not read")
				}
			}
			include, exclude := pick(), pick()
			got, _, err := between(t, repo, include, exclude, 1000)
			if err != nil {
				t.Fatal(err)
			}
			want := reachable(commits, parents, include, exclude)
			for id := range want {
				if !slices.Contains(got, id) {
					t.Fatalf("skew %d: %v not %v: commit %s is missing", skew, include, exclude, id)
				}
			}
			if len(got) != len(want) {
				surplus++
			}
			if skew == 0 {
				if git := strings.Fields(r.run(slices.Concat([]string{"rev-list"}, include, []string{"--not"}, exclude)...)); len(git) != len(got) {
					t.Fatalf("%v not %v: got %d commits, git says %d", include, exclude, len(got), len(git))
				}
			}
		}
		if skew < 1000 && surplus > 0 || surplus > 30 { // allowed where dates mean nothing at all
			t.Errorf("skew %d: %d of 150 walks found more than there is", skew, surplus)
		}
	}
}

// reachable is the definition, without any dates.
func reachable(commits []string, parents [][]int, include, exclude []string) map[string]bool {
	found := map[string]bool{}
	var visit func(i int, in bool)
	visit = func(i int, in bool) {
		if found[commits[i]] == in {
			return
		}
		found[commits[i]] = in
		for _, p := range parents[i] {
			visit(p, in)
		}
	}
	for _, id := range include {
		visit(slices.Index(commits, id), true)
	}
	gone := map[int]bool{}
	var remove func(i int)
	remove = func(i int) {
		if gone[i] {
			return
		}
		gone[i] = true
		delete(found, commits[i])
		for _, p := range parents[i] {
			remove(p)
		}
	}
	for _, id := range exclude {
		remove(slices.Index(commits, id))
	}
	return found
}

// TestWalkIsNotLedAstray: dates are the committer's to choose, and must neither hide a commit nor
// make a check of a few commits walk the whole history.
func TestWalkIsNotLedAstray(t *testing.T) {
	r := newTestRepo(t)
	const trunk = 3000
	var dates []int64
	var parents [][]int
	add := func(date int64, from ...int) int {
		dates, parents = append(dates, date), append(parents, from)
		return len(dates) - 1
	}
	add(testEpoch)
	for i := 1; i < trunk; i++ {
		add(testEpoch+int64(i)*60, i-1)
	}
	tip := trunk - 1
	line := func(from, length int, date func(int) int64) int {
		for i := range length {
			from = add(date(i), from)
		}
		return from
	}
	backdated := line(tip-5, 20, func(int) int64 { return 1 })
	rising := line(tip-5, 20, func(i int) int64 { return int64(i) })
	future := line(tip-5, 20, func(int) int64 { return 1 << 40 })
	backdatedTip := line(tip, 3, func(int) int64 { return 1 }) // the base itself ends in forged dates
	honest := line(tip-5, 20, func(i int) int64 { return testEpoch + trunk*60 + int64(i) })
	old := line(tip-2000, 20, func(i int) int64 { return testEpoch + trunk*60 + int64(i) })
	orphan := add(5)
	orphan = line(orphan, 19, func(i int) int64 { return 5 + int64(i) })
	fresh := add(testEpoch + trunk*60)
	fresh = line(fresh, 19, func(i int) int64 { return testEpoch + trunk*60 + int64(i) })
	commits := makeHistory(r, dates, parents)
	r.run("repack", "-adq")
	repo := r.open()
	for _, test := range []struct {
		name       string
		head, base int
		want       int
		looked     int // at most
	}{
		{"honest", honest, tip, 20, 200}, // those of an hour more
		{"backdated", backdated, tip, 20, 300},
		{"backdated, with rising dates", rising, tip, 20, 300},
		{"future", future, tip, 20, 200},
		{"base ends in backdated commits", honest, backdatedTip, 20, 300},
		{"both", backdated, backdatedTip, 20, 300},
		{"long ago", old, tip, 20, 3000},
		{"no common history, and older than all", orphan, tip, 20, 3100},
		{"no common history, and new", fresh, tip, 20, 300},
	} {
		got, seen, err := between(t, repo, []string{commits[test.head]}, []string{commits[test.base]}, 1000)
		if err != nil || len(got) != test.want {
			t.Errorf("%s: %d commits, want %d, error %v", test.name, len(got), test.want, err)
		}
		if seen > test.looked {
			t.Errorf("%s: looked at %d commits, at most %d are needed", test.name, seen, test.looked)
		}
	}
	if _, _, err := between(t, repo, []string{commits[tip]}, nil, trunk-1); !errors.Is(err, errLimit) {
		t.Errorf("over the limit: %v", err)
	}
	if got, _, err := between(t, repo, []string{commits[tip]}, nil, trunk); err != nil || len(got) != trunk {
		t.Errorf("at the limit: %d commits, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := repo.CollectRange(ctx, "", commits[tip], "refs/heads/x", CollectOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// TestWalkWithFastClocks: what a base has is not taken for new because a clock was fast when it was made, though a ref
// says that its parent is there, and much was made since by clocks that are right.
func TestWalkWithFastClocks(t *testing.T) {
	for name, dates := range map[string][]int64{
		"an hour": {60 * 60}, "a week": {7 * 24 * 60 * 60}, "after now": {1 << 40}, "a row of them": {1 << 40, 1<<40 + 1, 1<<40 + 2},
		"a row of half an hour": {30 * 60, 30*60 + 1, 30*60 + 2}, "none": {0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestRepo(t)
			var all []int64
			var parents [][]int
			add := func(date int64, from ...int) int {
				all, parents = append(all, testEpoch+date), append(parents, from)
				return len(all) - 1
			}
			at := add(0)
			for i := range 200 {
				at = add(int64(i+1), at)
			}
			tagged := at
			for i, d := range dates {
				if at = add(201+d, at); i < len(dates)-1 {
					tagged = at
				}
			}
			forked := add(230, at)
			for i := range 300 {
				at = add(240+int64(i), at)
			}
			commits := makeHistory(r, all, parents)
			got, _, err := between(t, r.open(), []string{commits[forked]}, []string{commits[at], commits[tagged]}, 1000)
			if err != nil || len(got) != 1 || got[0] != commits[forked] {
				t.Errorf("%d commits are new, error %v", len(got), err)
			}
		})
	}
}

func TestCommitHeader(t *testing.T) {
	id := strings.Repeat("a", 40)
	ok := "tree " + id + "\nparent " + id + "\nauthor A <a> 1 +0000\ncommitter C > <c> 1700000001 +0000\n\nparent " + id + "\n"
	h, err := parseHeader([]byte(ok), sha1Size)
	if err != nil || h.tree.String() != id || len(h.parents) != 1 || h.date != 1700000001 {
		t.Errorf("%+v, error %v", h, err)
	}
	// git takes no parent that does not follow the tree.
	h, err = parseHeader([]byte("tree "+id+"\nauthor A <a> 1 +0000\nparent "+id+"\ncommitter C <c> 1 +0000\n\n"), sha1Size)
	if err != nil || len(h.parents) != 0 {
		t.Errorf("%+v, error %v", h, err)
	}
	for _, bad := range []string{
		"", "tree ", "tree " + id, "parent " + id + "\ntree " + id + "\n", "tree " + strings.ToUpper(id) + "\n",
		"tree " + id + "a\n", "tree " + id + "\nparent x\n", "tree " + id + "\nparent " + id, " tree " + id + "\n",
		"tree " + id + "\n" + strings.Repeat("parent "+id+"\n", maxParents+1),
	} {
		if h, err := parseHeader([]byte(bad), sha1Size); !errors.Is(err, errCommit) || !h.tree.isZero() {
			t.Errorf("%.60q: %+v, error %v", bad, h, err)
		}
	}
	for _, date := range []string{"", "x", "-5 +0000", "99999999999999999999 +0000"} {
		h, err := parseHeader([]byte("tree "+id+"\ncommitter C <c> "+date+"\n\n"), sha1Size)
		if err != nil || h.date != 0 {
			t.Errorf("date %q: %+v, error %v", date, h, err)
		}
	}
}
