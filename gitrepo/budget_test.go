package gitrepo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// bomb makes a tree of 16 to the power of depth files out of few objects.
func bomb(r *testRepo, depth int, leaf string) string {
	tree := leaf
	for range depth {
		var b strings.Builder
		for i := range 16 {
			fmt.Fprintf(&b, "040000 tree %s\t%x\n", tree, i)
		}
		tree = r.input(b.String(), "mktree")
	}
	return tree
}

func limited(c *Collected) bool {
	for _, commit := range c.Commits {
		for _, g := range commit.Gaps {
			if g.Kind == evidence.GapLimit {
				return true
			}
		}
	}
	return false
}

// TestSharedTrees: a few objects that share each other make a tree that nobody can go through. It is given up,
// in a plain commit and in a merge of which every file merges by itself.
func TestSharedTrees(t *testing.T) {
	r := newTestRepo(t)
	blob := func(s string) string { return r.input(s, "hash-object", "-w", "--stdin") }
	tree := func(a, b string, depth int) string {
		return bomb(r, depth, r.input(fmt.Sprintf("100644 blob %s\ta\n100644 blob %s\tb\n", blob(a), blob(b)), "mktree"))
	}
	commit := func(tree string, parents ...string) string {
		args := []string{"commit-tree", tree, "-m", "x"}
		for _, p := range parents {
			args = append(args, "-p", p)
		}
		return r.run(args...)
	}
	for depth, over := range map[int]bool{2: false, 6: true} {
		base := commit(tree("a0", "b0", depth))
		one, two := commit(tree("a1", "b0", depth), base), commit(tree("a0", "b1", depth), base)
		merge := commit(tree("a1", "b1", depth), one, two)
		if c := collectRange(t, r.open(), one, merge, CollectOptions{}); limited(c) != over {
			t.Errorf("a merge at depth %d: over the limit %t, want %t", depth, !over, over)
		}
		if c := collectRange(t, r.open(), base, one, CollectOptions{}); limited(c) != over {
			t.Errorf("a commit at depth %d: over the limit %t, want %t", depth, !over, over)
		}
	}
}

// TestEmptyDirectory: git writes none, and no path is changed by one, so that no rule of paths would see it.
func TestEmptyDirectory(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "src/a", "1\n")
		empty := r.input("", "mktree")
		src := r.run("rev-parse", base+":src")
		for name, entries := range map[string]string{
			"at the top":        "040000 tree " + src + "\tsrc\n040000 tree " + empty + "\tzdeploy\n",
			"inside":            "040000 tree " + r.input("040000 tree "+empty+"\td\n", "mktree") + "\tsrc\n",
			"with git's folder": "040000 tree " + empty + "\t.git\n040000 tree " + src + "\tsrc\n",
		} {
			head := r.run("commit-tree", r.input(entries, "mktree"), "-p", base, "-m", name)
			c := collectRange(t, r.open(), base, head, CollectOptions{})
			if g := c.Commits[0].Gaps; len(g) != 1 || g[0].Kind != evidence.GapMalformed || len(c.Commits[0].Changes) > 0 {
				t.Errorf("%s: gaps %v, changes %q", name, g, changes(c.Commits[0]))
			}
		}
		all := r.run("commit-tree", empty, "-p", base, "-m", "nothing is left")
		if c := collectRange(t, r.open(), base, all, CollectOptions{}); changes(c.Commits[0]) != "100644 0 src/a" || len(c.Commits[0].Gaps) > 0 {
			t.Errorf("a commit without any file: %v, %q", c.Commits[0].Gaps, changes(c.Commits[0]))
		}
	})
}

// TestLinesOnce: the same two contents are compared once, under however many names they stand.
func TestLinesOnce(t *testing.T) {
	r := newTestRepo(t)
	many := func(content string) (files []string) {
		for i := range 50 {
			files = append(files, fmt.Sprintf("d/%d", i), content)
		}
		return files
	}
	base := r.commit("base", many(tenLines)...)
	head := r.commit("head", many(strings.Replace(tenLines, "5", "five", 1))...)
	repo := r.open()
	c := collectRange(t, repo, base, head, CollectOptions{CountLines: true})
	noGaps(t, c)
	if c.Commits[0].Lines != 100 || len(repo.lines.known) != 1 {
		t.Errorf("%d lines, compared %d times", c.Commits[0].Lines, len(repo.lines.known))
	}
	repo.lines.read = maxLineBytes
	repo.lines.known = nil
	if c := collectRange(t, repo, base, head, CollectOptions{CountLines: true}); !limited(c) || c.Commits[0].Lines != -1 {
		t.Errorf("beyond the limit: %v, %d lines", c.Commits[0].Gaps, c.Commits[0].Lines)
	}
}

// TestTagsOfAPush: one tag under many names is read again for each of them, so what a push brings is bounded.
func TestTagsOfAPush(t *testing.T) {
	r := newTestRepo(t)
	base := r.commit("base", "f", "1\n")
	tag := r.input(fmt.Sprintf("object %s\ntype commit\ntag v\ntagger C <c@example.com> 0 +0000\n\n%s\n", base, strings.Repeat("x", 1<<19)), "hash-object", "-w", "-t", "tag", "--stdin")
	for n, over := range map[int]bool{3: false, maxTagBytes>>19 + 1: true} {
		var updates []RefUpdate
		for i := range n {
			updates = append(updates, RefUpdate{Ref: fmt.Sprintf("refs/tags/v%d", i), New: tag})
		}
		c, err := r.open().CollectPush(t.Context(), updates, CollectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if (len(c.Gaps) > 0) != over {
			t.Errorf("%d tags: gaps %v", n, c.Gaps)
		}
	}
}
