package gitrepo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// twoSides is a repository with a fork: HEAD is on main, the other side is "side".
func twoSides(r *testRepo, base, ours, theirs []string) {
	r.commit("base", base...)
	r.run("switch", "-q", "-c", "side")
	r.commit("theirs", theirs...)
	r.run("switch", "-q", "main")
	r.commit("ours", ours...)
}

const tenLines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"

func TestMerges(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		twoSides(r, []string{"f", tenLines, "g", "1\n"},
			[]string{"f", "one\n" + tenLines[2:], "ours", "1\n"},
			[]string{"f", strings.Replace(tenLines, "10", "ten", 1), "theirs", "1\n"})
		fork := r.run("merge-base", "main", "side")
		main := r.run("rev-parse", "main")

		merge := func(name string, args ...string) string {
			r.run("checkout", "-q", "--detach", main)
			_, _ = r.try(append([]string{"merge", "-q", "--no-commit", "--no-ff"}, args...)...)
			r.t.Log(name)
			return name
		}
		type want struct{ changes, conflicts string }
		tests := map[string]want{}
		record := func(message, changes, conflicts string) {
			r.run("add", "-A")
			r.run("commit", "-q", "-m", message)
			tests[r.head()] = want{changes, conflicts}
			r.run("update-ref", "refs/heads/m-"+message, "HEAD")
		}
		merge("clean", "side")
		record("clean", "", "")
		merge("evil", "side")
		r.write("evil", "content that no parent has\n")
		record("evil", "0 100644 evil", "")
		merge("ours", "-s", "ours", "side")
		record("ours", "100644 100644 f\n100644 0 theirs", "")
		// A silent revert: the tree is the last parent's.
		id := r.run("commit-tree", "side^{tree}", "-p", "main", "-p", "side", "-m", "revert")
		r.run("update-ref", "refs/heads/m-revert", id)
		tests[id] = want{"100644 100644 f\n100644 0 ours", ""}

		repo := r.open()
		for id, want := range tests {
			c := collectRange(t, repo, fork, id, CollectOptions{})
			noGaps(t, c)
			last := c.Commits[len(c.Commits)-1]
			if last.ID != id || last.Merge == nil || !last.Merge.Recomputed {
				t.Fatalf("%s: merge %+v", id, last.Merge)
			}
			if got := changes(last); got != want.changes {
				t.Errorf("%s changes\n%s\nwant\n%s", r.run("log", "-1", "--format=%s", id), got, want.changes)
			}
			if got := strings.Join(last.Merge.Conflicts, "\n"); got != want.conflicts {
				t.Errorf("conflicts %q", got)
			}
		}
	})
}

func TestConflictedMerge(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		twoSides(r, []string{"f", "1\n", "g", "1\n"}, []string{"f", "2\n"}, []string{"f", "3\n"})
		fork := r.run("merge-base", "main", "side")
		_, _ = r.try("merge", "side")
		head := r.commit("resolved", "f", "2 and 3\n")
		c := collectRange(t, r.open(), fork, head, CollectOptions{})
		noGaps(t, c)
		m := c.Commits[len(c.Commits)-1]
		if !m.Merge.Recomputed || !slices.Equal(m.Merge.Conflicts, []string{"f"}) || changes(m) != "100644 100644 f" {
			t.Errorf("merge %+v, changes %s", m.Merge, changes(m))
		}
	})
}

func TestOctopus(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "f", "1\n")
		for _, name := range []string{"a", "b", "c"} {
			r.run("switch", "-q", "-c", name, base)
			r.commit(name, name, "1\n")
		}
		r.run("switch", "-q", "main")
		r.commit("main", "m", "1\n")
		r.run("merge", "-q", "-m", "octopus", "a", "b", "c")
		clean := r.head()
		r.write("evil", "1\n")
		r.run("add", "-A")
		r.run("commit", "-q", "--amend", "-m", "evil")
		evil := r.head()
		repo := r.open()
		for id, want := range map[string]string{clean: "", evil: "0 100644 evil"} {
			c := collectRange(t, repo, base, id, CollectOptions{})
			noGaps(t, c)
			m := c.Commits[len(c.Commits)-1]
			if len(m.Parents) != 4 || !m.Merge.Recomputed || changes(m) != want {
				t.Errorf("%d parents, merge %+v, changes %q, want %q", len(m.Parents), m.Merge, changes(m), want)
			}
		}
	})
}

func TestUnrelatedMerge(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "a", "1")
	r.run("switch", "-q", "--orphan", "other")
	r.commit("other", "b", "1")
	r.run("merge", "-q", "--allow-unrelated-histories", "-m", "join", "main")
	c := collectRange(t, r.open(), root, r.head(), CollectOptions{})
	noGaps(t, c)
	if m := c.Commits[len(c.Commits)-1]; !m.Merge.Recomputed || len(m.Changes) != 0 {
		t.Errorf("merge %+v, changes %s", m.Merge, changes(m))
	}
}

// TestAttributesDoNotMerge: whoever can write .gitattributes, in the tree, in the repository or in
// its home, must not decide what a merge recomputes to.
func TestAttributesDoNotMerge(t *testing.T) {
	for _, attributes := range []string{"* merge=ours\n", "* merge=union\n", "* merge=driver\n", "* -diff -merge\n", "* binary\n", "* text eol=crlf\n"} {
		t.Run(strings.TrimSpace(attributes), func(t *testing.T) {
			r := newTestRepo(t)
			twoSides(r, []string{"f", tenLines, ".gitattributes", attributes},
				[]string{"f", "one\n" + tenLines[2:]},
				[]string{"f", strings.Replace(tenLines, "10", "ten", 1)})
			fork := r.run("merge-base", "main", "side")
			touched := filepath.Join(t.TempDir(), "touched")
			r.write(".git/info/attributes", attributes)
			r.write("../attributes", attributes)
			r.run("config", "core.attributesFile", r.dir+"/../attributes")
			r.run("config", "merge.driver.driver", "touch "+touched)
			r.run("config", "merge.ours.driver", "touch "+touched)
			// The merge that git makes without any of that.
			merged := "one\n" + strings.Replace(tenLines[2:], "10", "ten", 1)
			r.write("f", merged)
			r.run("add", "-A", "--force", "f")
			tree := r.run("write-tree")
			id := r.run("commit-tree", tree, "-p", "main", "-p", "side", "-m", "merge")
			// merge=ours would have given this.
			evil := r.run("commit-tree", "main^{tree}", "-p", "main", "-p", "side", "-m", "merge")
			repo := r.open()
			c := collectRange(t, repo, fork, id, CollectOptions{})
			noGaps(t, c)
			if m := c.Commits[len(c.Commits)-1]; !m.Merge.Recomputed || len(m.Changes) != 0 || len(m.Merge.Conflicts) != 0 {
				t.Errorf("merge %+v, changes %s", m.Merge, changes(m))
			}
			c = collectRange(t, repo, fork, evil, CollectOptions{})
			if m := c.Commits[len(c.Commits)-1]; changes(m) != "100644 100644 f" {
				t.Errorf("a dropped side changes %q", changes(m))
			}
			if _, err := os.Stat(touched); err == nil {
				t.Error("a merge driver ran")
			}
		})
	}
}

// TestMergeWithoutGit: where lines have to be merged, no git, or one that is too old, leaves the merge
// undecided and says so. Where nobody changed what the other side changed, no git is asked.
func TestMergeWithoutGit(t *testing.T) {
	r := newTestRepo(t)
	twoSides(r, []string{"f", tenLines}, []string{"f", "one\n" + tenLines[2:]}, []string{"b", "1"})
	fork := r.run("merge-base", "main", "side")
	r.run("merge", "-q", "-m", "m", "side")
	plain := r.head()
	r.run("switch", "-q", "side")
	r.commit("more", "f", "one\n"+tenLines[2:]+"11\n")
	r.run("switch", "-q", "main")
	r.commit("ours too", "f", "one\n"+strings.Replace(tenLines[2:], "5", "five", 1))
	r.run("merge", "-q", "-m", "m", "side")
	head := r.head()
	old := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho usage: git merge-tree base a b >&2\nexit 129\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{old: "git 2.38 or newer", "/nonexistent/git": "could not be merged again", "no-such-git": "git is not installed"} {
		repo, err := Open(Options{GitDir: r.gitDir(), Git: program})
		if err != nil {
			t.Fatal(err)
		}
		c := collectRange(t, repo, fork, head, CollectOptions{})
		m := c.Commits[len(c.Commits)-1]
		if m.Merge.Recomputed || !strings.Contains(m.Merge.Why, want) || len(m.Changes) != 0 {
			t.Errorf("%s: merge %+v", program, m.Merge)
		}
		c2 := collectRange(t, repo, fork, plain, CollectOptions{})
		noGaps(t, c2)
		if m := c2.Commits[len(c2.Commits)-1]; !m.Merge.Recomputed || !m.Merge.Same || len(m.Changes) != 0 {
			t.Errorf("%s: a merge of files that one side changed: %+v", program, m.Merge)
		}
		if got := c.Commits[0]; got.Merge != nil || len(got.Changes) == 0 {
			t.Errorf("other commits must not suffer: %+v", got)
		}
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestScratchIsRemoved: nothing stays in the temporary directory.
func TestScratchIsRemoved(t *testing.T) {
	r := newTestRepo(t)
	twoSides(r, []string{"f", tenLines}, []string{"f", "one\n" + tenLines[2:]}, []string{"f", strings.Replace(tenLines, "10", "ten", 1)})
	fork := r.run("merge-base", "main", "side")
	r.run("merge", "-q", "-m", "m", "side")
	tmp := t.TempDir()
	before := r.run("count-objects", "-v")
	repo, err := Open(Options{GitDir: r.gitDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp}})
	if err != nil {
		t.Fatal(err)
	}
	noGaps(t, collectRange(t, repo, fork, r.head(), CollectOptions{}))
	if made, _ := os.ReadDir(tmp); len(made) != 1 {
		t.Errorf("%d scratch directories", len(made))
	}
	if err := repo.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if after := r.run("count-objects", "-v"); after != before {
		t.Errorf("the repository was written to:\n%s\n%s", before, after)
	}
	if _, err := repo.scratch(); err == nil {
		t.Error("a closed repository made another")
	}
}
