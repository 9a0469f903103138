package gitrepo

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// lines is a text of n lines, of which one is replaced.
func lines(n int, replace ...string) string {
	var b strings.Builder
	for i := range n {
		line := "line " + string(rune('a'+i))
		if len(replace) == 2 && line == "line "+replace[0] {
			line = replace[1]
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// last is the evidence of a range's head.
func last(t *testing.T, repo *Repo, base, head string) evidence.Commit {
	t.Helper()
	c := collectRange(t, repo, base, head, CollectOptions{})
	noGaps(t, c)
	commit := c.Commits[len(c.Commits)-1]
	if commit.ID != head {
		t.Fatalf("the last commit is %s, not %s", commit.ID, head)
	}
	return commit
}

// TestMergeCarriesToAnotherName: git takes what one side changed to where the other side moved it, and the
// merge answers for it there.
func TestMergeCarriesToAnotherName(t *testing.T) {
	for name, test := range map[string]struct {
		theirs   func(r *testRepo) // on the branch that is merged
		ours     func(r *testRepo)
		changes  string
		followed []string
	}{
		"a file that they moved": {
			theirs:   func(r *testRepo) { r.run("mv", "src/a", "owners") },
			ours:     func(r *testRepo) { r.write("src/a", lines(20, "c", "mine")) },
			changes:  "100644 100644 owners\n100644 0 src/a",
			followed: []string{"owners"},
		},
		"a file that we moved": {
			theirs:   func(r *testRepo) { r.write("src/a", lines(20, "c", "theirs")) },
			ours:     func(r *testRepo) { r.run("mv", "src/a", "src/b") },
			changes:  "100644 0 src/a\n100644 100644 src/b",
			followed: []string{"src/b"},
		},
		"a file that nobody else touched": {
			theirs: func(r *testRepo) { r.run("mv", "src/a", "owners") },
			ours:   func(r *testRepo) { r.write("src/other", "mine\n") },
		},
		"both sides, the same lines apart": {
			theirs: func(r *testRepo) { r.write("src/a", lines(20, "c", "theirs")) },
			ours:   func(r *testRepo) { r.write("src/a", lines(20, "q", "mine")) },
		},
		"both sides the same": {
			theirs: func(r *testRepo) { r.write("src/a", lines(20, "c", "same")) },
			ours:   func(r *testRepo) { r.write("src/a", lines(20, "c", "same")); r.write("x", "x\n") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestRepo(t)
			r.write("src/a", lines(20))
			r.write("src/z", lines(3))
			r.run("add", "-A")
			r.run("commit", "-q", "-m", "base")
			base := r.head()
			r.run("switch", "-q", "-c", "side")
			test.theirs(r)
			r.run("add", "-A")
			r.run("commit", "-q", "-m", "theirs")
			r.run("switch", "-q", "main")
			test.ours(r)
			r.run("add", "-A")
			r.run("commit", "-q", "-m", "ours")
			r.run("merge", "-q", "-m", "merge", "side")
			m := last(t, r.open(), base, r.head())
			if !m.Merge.Recomputed || !m.Merge.Same || changes(m) != test.changes || !slices.Equal(m.Merge.Followed, test.followed) {
				t.Errorf("merge %+v, changes\n%s\nwant\n%s\nfollowed %q", m.Merge, changes(m), test.changes, test.followed)
			}
		})
	}
}

// TestMergeLeftAsItIs: what git leaves after a conflict is the merger's choice, be it one of the sides.
func TestMergeLeftAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		theirs, ours func(r *testRepo)
		conflicts    []string
	}{
		"changed and deleted": {
			theirs:    func(r *testRepo) { r.write("f", lines(20, "c", "theirs")) },
			ours:      func(r *testRepo) { r.run("rm", "-q", "f") },
			conflicts: []string{"f"},
		},
		"deleted and changed": {
			theirs:    func(r *testRepo) { r.run("rm", "-q", "f") },
			ours:      func(r *testRepo) { r.write("f", lines(20, "c", "ours")) },
			conflicts: []string{"f"},
		},
		"added twice": {
			theirs:    func(r *testRepo) { r.write("new", "theirs\n") },
			ours:      func(r *testRepo) { r.write("new", "ours\n") },
			conflicts: []string{"new"},
		},
		"one line": {
			theirs:    func(r *testRepo) { r.write("f", lines(20, "c", "theirs")) },
			ours:      func(r *testRepo) { r.write("f", lines(20, "c", "ours")) },
			conflicts: []string{"f"},
		},
		"a link and a file": {
			theirs: func(r *testRepo) { r.write("new", "theirs\n") },
			ours: func(r *testRepo) {
				r.run("update-index", "--add", "--cacheinfo", "120000,"+r.run("hash-object", "-w", "f")+",new")
			},
			conflicts: []string{"new"},
		},
		"two files": {
			theirs: func(r *testRepo) { r.write("one", "theirs\n") },
			ours:   func(r *testRepo) { r.write("two", "ours\n") },
		},
		"deleted twice": {
			theirs: func(r *testRepo) { r.run("rm", "-q", "f") },
			ours:   func(r *testRepo) { r.run("rm", "-q", "f"); r.write("two", "ours\n"); r.run("add", "two") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestRepo(t)
			base := r.commit("base", "f", lines(20), "g", "g\n")
			r.run("switch", "-q", "-c", "side")
			test.theirs(r)
			r.run("add", "-A")
			r.run("commit", "-q", "-m", "theirs")
			r.run("switch", "-q", "main")
			test.ours(r)
			if name != "a link and a file" {
				r.run("add", "-A")
			}
			r.run("commit", "-q", "-m", "ours")
			out, err := r.try("merge-tree", "--write-tree", "main", "side")
			if (err != nil) != (len(test.conflicts) > 0) {
				t.Fatalf("git merge-tree: %v", err)
			}
			tree, _, _ := strings.Cut(out, "\n")
			repo := r.open()
			for what, tree := range map[string]string{"as git leaves it": tree, "ours": "main^{tree}", "theirs": "side^{tree}"} {
				id := r.run("commit-tree", tree, "-p", "main", "-p", "side", "-m", what)
				m := last(t, repo, base, id)
				if !slices.Equal(m.Merge.Conflicts, test.conflicts) {
					t.Errorf("%s: conflicts %q, want %q", what, m.Merge.Conflicts, test.conflicts)
				}
				for _, path := range test.conflicts {
					if !slices.ContainsFunc(m.Changes, func(c evidence.Change) bool { return c.Path == path }) {
						t.Errorf("%s: changes %q without %s", what, changes(m), path)
					}
				}
				if what == "as git leaves it" && len(test.conflicts) == 0 && (len(m.Changes) > 0 || !m.Merge.Same) {
					t.Errorf("%s: a clean merge changes %q", what, changes(m))
				}
			}
		})
	}
}

// TestMergeWhereSidesMetTwice: two commits are the best at which the sides met, and a merge is held against
// what merging these gives: against neither of them alone, by which the revert of one would not show.
func TestMergeWhereSidesMetTwice(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "f", "old\n", "g", "old\n", "both", lines(20))
		one := r.commit("one", "f", "new\n", "both", lines(20, "c", "one"))
		r.run("switch", "-q", "-c", "side", base)
		two := r.commit("two", "g", "new\n", "both", lines(20, "q", "two"))
		r.run("merge", "-q", "-m", "side takes one", one)
		r.commit("more", "side", "1\n")
		r.run("switch", "-q", "main")
		r.run("merge", "-q", "-m", "main takes two", two)
		r.commit("more too", "main", "1\n")
		if n := len(strings.Fields(r.run("merge-base", "--all", "main", "side"))); n != 2 {
			t.Fatalf("%d merge bases", n)
		}
		repo := r.open()
		r.run("merge", "-q", "-m", "clean", "side")
		if m := last(t, repo, base, r.head()); !m.Merge.Recomputed || len(m.Changes) > 0 {
			t.Errorf("a clean merge: %+v, changes %q", m.Merge, changes(m))
		}
		r.write("f", "old\n") // as one of the two places has it
		r.run("add", "-A")
		r.run("commit", "-q", "--amend", "-m", "revert")
		if m := last(t, repo, base, r.head()); changes(m) != "100644 100644 f" {
			t.Errorf("a revert: %+v, changes %q", m.Merge, changes(m))
		}
	})
}

func landed(l Landing) string {
	return changes(evidence.Commit{Changes: l.Changes})
}

// TestLanding: what merging a branch would change is what differs at the branch afterwards, by the names
// that it has there.
func TestLanding(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "src/a", lines(20), "src/b", "b\n", "f", "1\n")
		r.run("switch", "-q", "-c", "topic")
		topic := r.commit("topic", "src/a", lines(20, "c", "mine"))
		r.run("switch", "-q", "-c", "touchy", base)
		touchy := r.commit("touchy", "f", "2\n")
		r.run("switch", "-q", "main")
		same := r.commit("same", "other", "1\n")
		r.run("mv", "src/a", "owners")
		moved := r.commit("moved", "f", "3\n")

		repo := r.open()
		for name, test := range map[string]struct {
			tip, head string
			changes   string
			followed  []string
			conflicts []string
		}{
			"on what it left":        {tip: base, head: topic, changes: "100644 100644 src/a"},
			"on nothing":             {head: base, changes: "0 100644 f\n0 100644 src/a\n0 100644 src/b"},
			"on a base that went on": {tip: same, head: topic, changes: "100644 100644 src/a"},
			"where it was moved":     {tip: moved, head: topic, changes: "100644 100644 owners", followed: []string{"owners"}},
			"what is there already":  {tip: moved, head: base},
			"in conflict":            {tip: moved, head: touchy, changes: "100644 100644 f", conflicts: []string{"f"}},
		} {
			l := repo.Landing(t.Context(), test.tip, test.head)
			if len(l.Gaps) > 0 || !l.Merge.Recomputed || landed(l) != test.changes ||
				!slices.Equal(l.Merge.Followed, test.followed) || !slices.Equal(l.Merge.Conflicts, test.conflicts) || l.Tree == "" {
				t.Errorf("%s: %+v, gaps %v, changes %q, want %q", name, l.Merge, l.Gaps, landed(l), test.changes)
			}
			if name == "where it was moved" {
				tree, err := repo.TreeOf(l.Tree)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := fs.ReadFile(tree, "owners"); err != nil || string(got) != lines(20, "c", "mine") {
					t.Errorf("owners would be %q, %v", got, err)
				}
			}
		}
		if l := repo.Landing(t.Context(), moved, strings.Repeat("1", len(base))); len(l.Gaps) == 0 || l.Changes != nil {
			t.Errorf("of a commit that is not here: %+v", l)
		}
	})
}

// TestPushLands: onto a long-lived ref lands all that differs there; onto another, where it is moved, what is
// not as it is on the default branch.
func TestPushLands(t *testing.T) {
	r := newTestRepo(t)
	base := r.commit("base", "f", "1\n")
	r.run("branch", "release/1")
	r.run("branch", "work", base)
	main := r.commit("main", "feature", "1\n")
	r.run("switch", "-q", "-c", "docs")
	docs := r.commit("docs", "doc", "1\n")
	r.run("switch", "-q", "work")
	work := r.commit("work", "w", "1\n")
	r.run("update-ref", "refs/heads/docs", main) // what the server has: the commit itself is still new
	r.run("update-ref", "-d", "refs/heads/docs")
	r.run("switch", "-q", "--detach", main)
	r.run("cherry-pick", work)
	rebased := r.head()
	repo := r.open()
	long := func(ref string) bool {
		return ref == "refs/heads/main" || strings.HasPrefix(ref, "refs/heads/release/")
	}
	for name, test := range map[string]struct {
		update  RefUpdate
		landing string
	}{
		"main under a commit":       {RefUpdate{Ref: "refs/heads/release/1", Old: base, New: docs}, "0 100644 doc\n0 100644 feature"},
		"main as it is":             {RefUpdate{Ref: "refs/heads/release/1", Old: base, New: main}, "0 100644 feature"},
		"a new commit on main":      {RefUpdate{Ref: "refs/heads/main", Old: main, New: docs}, "0 100644 doc"},
		"new commits on a branch":   {RefUpdate{Ref: "refs/heads/agent/1", New: docs}, ""},
		"a rebase onto main":        {RefUpdate{Ref: "refs/heads/work", Old: work, New: rebased}, ""},
		"a branch put back to main": {RefUpdate{Ref: "refs/heads/work", Old: work, New: base}, ""},
		"main put back":             {RefUpdate{Ref: "refs/heads/main", Old: main, New: base}, "100644 0 feature"},
	} {
		c, err := repo.CollectPush(t.Context(), []RefUpdate{test.update}, CollectOptions{DefaultBranch: "refs/heads/main", LongLived: long})
		if err != nil {
			t.Fatal(err)
		}
		noGaps(t, c)
		u := c.Updates[0]
		if got := changes(evidence.Commit{Changes: u.Landing}); got != test.landing || len(u.LandingGaps) > 0 || u.LongLived != long(u.Ref) {
			t.Errorf("%s: lands %q, want %q (%+v)", name, got, test.landing, u)
		}
	}
}

// TestPushLandsWhereItIsAsked: a ref that is moved by itself brings what its new tip has and its old one had
// not, and takes away the rest, where the policy asks for the paths of a push. What only brings new commits is
// told by these.
func TestPushLandsWhereItIsAsked(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "f", "1\n")
		pay := r.commit("pay", "payments/a", "1\n")
		r.run("branch", "pay")
		docs := r.commit("docs", "docs/a", "1\n")
		r.run("switch", "-q", "-c", "ops", base)
		ops := r.commit("ops", "deploy/a", "1\n")
		r.run("tag", "marks", ops)
		r.run("switch", "-q", "--detach", docs)
		r.run("cherry-pick", ops)
		rebased := r.head()
		r.run("switch", "-q", "-c", "own", docs)
		own := r.commit("own", "src/a", "1\n")
		r.run("switch", "-q", "main")
		for _, c := range []struct{ name, ref, before, after, want string }{
			{"a forced update takes away", "refs/heads/pay", pay, base, "100644 0 payments/a"},
			{"a new branch onto what is there", "refs/heads/new", "", base, "100644 0 docs/a\n100644 0 payments/a"},
			{"a new branch where the default one is", "refs/heads/same", "", docs, ""},
			{"catching up with the default one", "refs/heads/pay", pay, docs, ""},
			{"back to where the default branch is", "refs/heads/own", own, docs, "100644 0 src/a"},
			{"onto the default branch, from beside it", "refs/heads/ops", ops, docs, "100644 0 deploy/a"},
			{"a tag, likewise", "refs/tags/marks", ops, docs, "100644 0 deploy/a"},
			{"back to what the default branch began at", "refs/heads/ops", ops, base, "100644 0 deploy/a"},
			{"a rebase, which keeps it", "refs/heads/ops", ops, rebased, ""},
			{"another's work in its place", "refs/heads/ops", ops, own, "100644 0 deploy/a\n0 100644 src/a"},
		} {
			update := []RefUpdate{{Ref: c.ref, Old: c.before, New: c.after}}
			for _, asked := range []bool{true, false} {
				got, err := r.open().CollectPush(t.Context(), update, CollectOptions{Land: asked})
				if err != nil {
					t.Fatal(err)
				}
				noGaps(t, got)
				want := c.want
				if !asked {
					want = ""
				}
				if landed := changes(evidence.Commit{Changes: got.Updates[0].Landing}); landed != want {
					t.Errorf("%s, asked %t: %q, not %q", c.name, asked, landed, want)
				}
			}
		}
	})
}

// TestLandingFar: where two histories met long ago, what a merge would bring is the same as if they had met just now:
// what was carried to another name, a conflict, and a file that both changed apart. So it is with a commit-graph
// that says what the commits say.
func TestLandingFar(t *testing.T) {
	r := newTestRepo(t)
	r.commit("base", "src/a", lines(20), "src/z", lines(3), "moved", lines(9), "clash", "1\n")
	base := r.head()
	r.run("switch", "-q", "-c", "side")
	r.commit("theirs", "src/a", lines(20, "c", "theirs"), "moved", lines(9, "b", "theirs"), "clash", "2\n", "new", "n\n")
	side := r.head()
	r.run("switch", "-q", "main")
	r.run("mv", "moved", "carried")
	r.commit("ours", "src/a", lines(20, "q", "ours"), "clash", "3\n")
	tree := r.run("rev-parse", "HEAD^{tree}")
	near := r.run("commit-tree", tree, "-p", base, "-m", "near")
	for range 4 {
		r.empty("main", farFrom/4, "far")
	}
	far := r.run("rev-parse", "main")
	r.run("update-ref", "refs/heads/near", near)
	noted := func(at Landing) Landing { // git's marks in the file in conflict name the commits
		at.Tree, at.Changes = "", slices.Clone(at.Changes)
		for i, c := range at.Changes {
			if c.Path == "clash" {
				at.Changes[i].New.ID = ""
			}
		}
		return at
	}
	want := r.open().Landing(t.Context(), near, side)
	if len(want.Gaps) > 0 || len(want.Merge.Conflicts) != 1 || len(want.Changes) < 4 || !slices.Contains(want.Merge.Followed, "carried") {
		t.Fatalf("near: %+v", want)
	}
	for _, graph := range []bool{false, true} {
		if graph {
			r.run("commit-graph", "write", "--reachable")
		}
		repo := r.open()
		got := repo.Landing(t.Context(), far, side)
		if !reflect.DeepEqual(noted(got), noted(want)) {
			t.Errorf("far: %+v\nnear: %+v", got, want)
		}
		if work, err := repo.scratch(); err != nil || strings.Count(fmt.Sprint(fs.Glob(os.DirFS(work.objects()), "??/*")), "/") < 2 {
			t.Errorf("nothing stood in for the commits: %v", err)
		}
	}
}
