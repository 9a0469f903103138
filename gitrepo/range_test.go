package gitrepo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// formats are the two kinds of repository.
var formats = []string{"sha1", "sha256"}

func eachFormat(t *testing.T, f func(*testing.T, *testRepo)) {
	t.Helper()
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			f(t, newTestRepo(t, "--object-format="+format))
		})
	}
}

func TestCollectRange(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "README", "one\n", "src/a.go", "a\n", "src/deep/b.go", "b\n")
		renamed := r.commit("rename", "README", "two\n")
		r.run("mv", "src/a.go", "src/c.go")
		renamed2 := r.commit("rename and edit", "src/c.go", "a\n")
		if err := os.Chmod(r.dir+"/src/c.go", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("c.go", r.dir+"/src/link"); err != nil {
			t.Fatal(err)
		}
		modes := r.commit("modes")
		if err := os.Remove(r.dir + "/src/link"); err != nil {
			t.Fatal(err)
		}
		replaced := r.commit("a link becomes a directory", "src/link/x", "x\n")
		r.run("update-index", "--add", "--cacheinfo", "160000,"+root+",sub")
		r.run("commit", "-q", "-m", "submodule")
		sub := r.head()
		empty := r.commit("empty")

		repo := r.open()
		c := collectRange(t, repo, root, empty, CollectOptions{})
		want := map[string]string{
			renamed:  "100644 100644 README",
			renamed2: "100644 0 src/a.go\n0 100644 src/c.go",
			modes:    "100644 100755 src/c.go\n0 120000 src/link",
			replaced: "120000 0 src/link\n0 100644 src/link/x",
			sub:      "0 160000 sub",
			empty:    "160000 0 sub",
		}
		if got := ids(c.Commits); !slices.Equal(got, []string{renamed, renamed2, modes, replaced, sub, empty}) {
			t.Fatalf("commits %v", got)
		}
		for _, commit := range c.Commits {
			if got := changes(commit); got != want[commit.ID] {
				t.Errorf("%s changes\n%s\nwant\n%s", commit.ID, got, want[commit.ID])
			}
			if !commit.New || !slices.Equal(commit.Refs, []string{"refs/heads/x"}) || commit.Lines != -1 {
				t.Errorf("commit %+v", commit)
			}
			if got := r.run("cat-file", "commit", commit.ID); got != strings.TrimSpace(string(commit.Raw)) {
				t.Errorf("raw %q, want %q", commit.Raw, got)
			}
			if want := strings.Fields(r.run("rev-parse", commit.ID+"^@")); !slices.Equal(commit.Parents, want) {
				t.Errorf("parents %v, want %v", commit.Parents, want)
			}
		}
		u := c.Updates[0]
		if u.Ref != "refs/heads/x" || u.Old != root || u.New != empty || u.Forced || u.NewCommits != 6 || u.Moved != 0 || len(u.Carried) != 6 || u.Object != "commit" {
			t.Errorf("update %+v", u)
		}
		noGaps(t, c)

		whole := collectRange(t, repo, "", renamed, CollectOptions{})
		if got := ids(whole.Commits); !slices.Equal(got, []string{root, renamed}) {
			t.Errorf("without a base: %v", got)
		}
		if got := changes(whole.Commits[0]); got != "0 100644 README\n0 100644 src/a.go\n0 100644 src/deep/b.go" {
			t.Errorf("the root changes %q", got)
		}
		if got := whole.Updates[0]; got.Old != "" || got.NewCommits != 2 {
			t.Errorf("without a base: %+v", got)
		}
	})
}

// TestCollectRangeDiverged: a base that went on is no forced update, and an empty range is no act.
func TestCollectRangeDiverged(t *testing.T) {
	r := newTestRepo(t)
	fork := r.commit("fork", "a", "1")
	r.run("switch", "-q", "-c", "topic")
	topic := r.commit("topic", "b", "1")
	r.run("switch", "-q", "main")
	base := r.commit("main goes on", "a", "2")
	repo := r.open()
	c := collectRange(t, repo, base, topic, CollectOptions{})
	if u := c.Updates[0]; u.Old != fork || u.Forced || !slices.Equal(ids(c.Commits), []string{topic}) || u.Action() != "" {
		t.Errorf("update %+v", u)
	}
	c = collectRange(t, repo, base, fork, CollectOptions{})
	if u := c.Updates[0]; u.Action() != "" || len(c.Commits) != 0 {
		t.Errorf("empty range: %+v", u)
	}
}

// TestCollectRangeAgainstGit compares random histories with rev-list and diff-tree.
func TestCollectRangeAgainstGit(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		random := rand.New(rand.NewPCG(1, 2))
		commits := []string{r.commit("root", "a/b/c", "0")}
		for i := range 60 {
			r.run("checkout", "-q", "--detach", commits[max(0, len(commits)-1-random.IntN(4))])
			if i%7 == 6 {
				_, _ = r.try("merge", "-q", "-s", "ours", "-m", "merge", commits[random.IntN(len(commits))])
			}
			path := fmt.Sprintf("d%d/%d", random.IntN(3), random.IntN(4))
			if random.IntN(4) == 0 {
				path = fmt.Sprintf("d%d/%d/x", random.IntN(3), random.IntN(4))
			}
			_ = os.RemoveAll(r.dir + "/" + path)
			if info, err := os.Stat(r.dir + "/" + path[:4]); err == nil && !info.IsDir() {
				_ = os.Remove(r.dir + "/" + path[:4])
			}
			commits = append(commits, r.commit(fmt.Sprint(i), path, fmt.Sprint(i)))
		}
		r.branches(commits)
		if random.IntN(2) == 0 {
			r.run("gc", "-q")
		}
		said, of := map[string]string{}, "" // by git, of each commit
		for line := range strings.Lines(r.input(strings.Join(commits, "\n")+"\n", "diff-tree", "--stdin", "-r", "--no-renames", "--raw", "--no-abbrev")) {
			if line = strings.TrimSuffix(line, "\n"); line[0] != ':' {
				of = line
			} else {
				said[of] = strings.TrimPrefix(said[of]+"\n"+line, "\n")
			}
		}
		repo := r.open()
		for range 25 {
			base, head := commits[random.IntN(len(commits))], commits[random.IntN(len(commits))]
			c := collectRange(t, repo, base, head, CollectOptions{})
			noGaps(t, c)
			got, want := ids(c.Commits), strings.Fields(r.run("rev-list", base+".."+head))
			slices.Sort(want)
			sorted := slices.Sorted(slices.Values(got))
			if !slices.Equal(sorted, want) {
				t.Fatalf("%s..%s: %v, git says %v", base, head, got, want)
			}
			seen := map[string]bool{}
			for _, commit := range c.Commits {
				for _, p := range commit.Parents {
					if slices.Contains(want, p) && !seen[p] {
						t.Errorf("commit %s comes before its parent %s", commit.ID, p)
					}
				}
				seen[commit.ID] = true
				if len(commit.Parents) == 1 {
					if got, want := rawChanges(commit), said[commit.ID]; got != want {
						t.Errorf("commit %s changes\n%s\ngit says\n%s", commit.ID, got, want)
					}
				}
			}
		}
	})
}

// rawChanges writes changes as git diff-tree --raw does, sorted as it sorts.
func rawChanges(c evidence.Commit) string {
	null := strings.Repeat("0", len(c.ID))
	var lines []string
	for _, ch := range c.Changes {
		status, before, after := "M", ch.Old.ID, ch.New.ID
		if ch.Old.Mode == 0 {
			status, before = "A", null
		}
		if ch.New.Mode == 0 {
			status, after = "D", null
		}
		lines = append(lines, fmt.Sprintf(":%06o %06o %s %s %s\t%s", ch.Old.Mode, ch.New.Mode, before, after, status, ch.Path))
	}
	return strings.Join(lines, "\n")
}

func TestCommits(t *testing.T) {
	r := newTestRepo(t)
	a := r.commit("a", "f", "1")
	b := r.commit("b", "f", "2")
	c := r.commit("c", "f", "3")
	repo := r.open()
	got, gaps, err := repo.Commits(t.Context(), []string{c}, []string{a}, 2)
	if err != nil || len(gaps) != 0 || !slices.Equal(ids(got), []string{b, c}) {
		t.Errorf("%v, gaps %v, error %v", ids(got), gaps, err)
	}
	got, gaps, err = repo.Commits(t.Context(), []string{c}, []string{a}, 1)
	if err != nil || len(got) != 0 || len(gaps) != 1 || gaps[0].Kind != evidence.GapLimit {
		t.Errorf("over the limit: %v, gaps %v, error %v", ids(got), gaps, err)
	}
	if _, _, err := repo.Commits(t.Context(), []string{"main"}, nil, 1); err == nil {
		t.Error("a name that is no id was taken for one")
	}
}

func TestLimitsOnChanges(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root")
	head := r.commit("three", "a", "1", "b", "1", "c", "1")
	repo := r.open()
	c := collectRange(t, repo, root, head, CollectOptions{Limits: Limits{MaxChanges: 3}})
	noGaps(t, c)
	c = collectRange(t, repo, root, head, CollectOptions{Limits: Limits{MaxChanges: 2}})
	if g := c.Commits[0].Gaps; len(g) != 1 || g[0].Kind != evidence.GapLimit {
		t.Errorf("gaps of the commit: %+v", g)
	}
	c = collectRange(t, repo, root, head, CollectOptions{Limits: Limits{MaxChangesInAll: 2}})
	if len(c.Gaps) != 1 || c.Gaps[0].Kind != evidence.GapLimit {
		t.Errorf("gaps: %+v", c.Gaps)
	}
}

func TestDeepTree(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root")
	fine := r.commit("deep", strings.Repeat("d/", maxTreeDepth)+"f", "1")
	deep := r.commit("deeper", strings.Repeat("d/", maxTreeDepth+1)+"f", "1")
	repo := r.open()
	noGaps(t, collectRange(t, repo, root, fine, CollectOptions{}))
	c := collectRange(t, repo, fine, deep, CollectOptions{})
	if g := c.Commits[0].Gaps; len(g) != 1 || g[0].Kind != evidence.GapLimit {
		t.Errorf("gaps: %+v", g)
	}
}

func TestFile(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		if err := os.Symlink("policies.hcl", r.dir+"/link"); err != nil {
			t.Fatal(err)
		}
		head := r.commit("root", "policies.hcl", "policy\n", "a/b/c", "deep\n", "large", strings.Repeat("x", MaxFileSize+1))
		repo := r.open()
		for path, want := range map[string]string{"policies.hcl": "policy\n", "a/b/c": "deep\n"} {
			if got, err := repo.File(head, path); err != nil || string(got) != want {
				t.Errorf("%s: %q, error %v", path, got, err)
			}
		}
		for _, path := range []string{"none", "a/none", "a/b/c/d", "", "/policies.hcl", "a//b", "..", "Policies.hcl"} {
			if _, err := repo.File(head, path); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: error %v", path, err)
			}
		}
		for _, path := range []string{"link", "a"} {
			if _, err := repo.File(head, path); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("%q: error %v", path, err)
			}
		}
		if _, err := repo.File(head, "large"); !errors.Is(err, ErrTooLarge) {
			t.Errorf("large: error %v", err)
		}
		if raw, err := repo.Commit(head); err != nil || !strings.HasPrefix(string(raw), "tree ") {
			t.Errorf("commit %q, error %v", raw, err)
		}
		if _, err := repo.Commit(strings.Repeat("1", len(head))); !errors.Is(err, ErrMissing) {
			t.Errorf("error %v", err)
		}
	})
}
