package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// sameRange compares what is collected from a mirror with what is collected from the whole.
func sameRange(t *testing.T, m *Mirror, whole *Repo, base, head string, o RangeOptions) {
	t.Helper()
	got := collectRange(t, fetchRange(t, m, base, head, o), base, head, CollectOptions{CountLines: o.Lines})
	want := collectRange(t, whole, base, head, CollectOptions{CountLines: o.Lines})
	noGaps(t, got)
	noGaps(t, want)
	byID := func(commits []evidence.Commit) map[string]evidence.Commit {
		out := map[string]evidence.Commit{}
		for _, c := range commits {
			out[c.ID] = c
		}
		return out
	}
	if g, w := byID(got.Commits), byID(want.Commits); !reflect.DeepEqual(g, w) {
		t.Errorf("range %s..%s:\n%s\nwant\n%s", base, head, describe(got.Commits), describe(want.Commits))
	}
	if base == "" {
		return
	}
	for _, pair := range [][2]string{{base, head}, {head, base}} {
		g, err := m.Repo().MergeBase(t.Context(), pair[0], pair[1])
		w, wantErr := whole.MergeBase(t.Context(), pair[0], pair[1])
		if g != w || err != nil || wantErr != nil {
			t.Errorf("merge base of %v: %s, %v, want %s, %v", pair, g, err, w, wantErr)
		}
		yes, err := m.Repo().IsAncestor(t.Context(), pair[0], pair[1])
		wantYes, wantErr := whole.IsAncestor(t.Context(), pair[0], pair[1])
		if yes != wantYes || err != nil || wantErr != nil {
			t.Errorf("%v is ancestor: %t, %v, want %t, %v", pair, yes, err, wantYes, wantErr)
		}
	}
}

func describe(commits []evidence.Commit) string {
	var b strings.Builder
	for _, c := range commits {
		fmt.Fprintf(&b, "%s %d lines, merge %+v, %s\n", c.ID, c.Lines, c.Merge, changes(c))
	}
	return b.String()
}

// TestMirrorRandom: whatever the shape of the history, a range looks from a mirror as it does from
// the whole repository, and IsAncestor and MergeBase say what git says.
func TestMirrorRandom(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		random := rand.New(rand.NewPCG(3, 4))
		content := func() string {
			lines := strings.Split(strings.Repeat("line\n", 12), "\n")
			for range 3 {
				lines[random.IntN(12)] = fmt.Sprint(random.IntN(100))
			}
			return strings.Join(lines, "\n")
		}
		commits := []string{r.commit("root", "d0/0", content(), "d1/1", content(), "d2/2", content())}
		for i := range 70 {
			r.run("checkout", "-q", "--detach", commits[max(0, len(commits)-1-random.IntN(5))])
			switch {
			case i%5 == 4:
				if _, err := r.try("merge", "-q", "-m", "merge", commits[max(0, len(commits)-1-random.IntN(12))]); err != nil {
					r.run("add", "-A") // conflict marks and all
					r.run("commit", "-q", "--allow-empty", "-m", "conflicts")
				}
				commits = append(commits, r.head())
				continue
			case i%11 == 10:
				if files := strings.Fields(r.run("ls-files")); len(files) > 0 {
					_, _ = r.try("mv", files[0], fmt.Sprintf("d%d/moved%d", i%3, i))
				}
			}
			commits = append(commits, r.commit(fmt.Sprint(i), fmt.Sprintf("d%d/%d", random.IntN(3), random.IntN(3)), content()))
		}
		r.branches(commits)
		r.filtering()
		whole := r.open()
		for i := range 8 {
			m := openMirror(t, r.fileURL(), "")
			m.slack = 1 + i%3
			base, head := commits[random.IntN(len(commits))], commits[random.IntN(len(commits))]
			sameRange(t, m, whole, base, head, RangeOptions{Lines: i%2 == 0})
			want := strings.Fields(r.run("rev-list", base+".."+head))
			got := ids(collectRange(t, m.Repo(), base, head, CollectOptions{}).Commits)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s..%s: %v, git says %v", base, head, got, want)
			}
			wantBases, _ := r.try("merge-base", "--all", base, head)
			if got, err := m.Repo().MergeBase(t.Context(), base, head); err != nil || !slices.Contains(strings.Fields(wantBases), got) {
				t.Errorf("merge base %s, %v; git says %s", got, err, wantBases)
			}
			_, notAncestor := r.try("merge-base", "--is-ancestor", base, head)
			if got, err := m.Repo().IsAncestor(t.Context(), base, head); err != nil || got != (notAncestor == nil) {
				t.Errorf("%s ancestor of %s: %t, %v", base, head, got, err)
			}
			// A second range in the same mirror, on what is here already.
			other := commits[random.IntN(len(commits))]
			sameRange(t, m, whole, other, head, RangeOptions{})
		}
		m := openMirror(t, r.fileURL(), "")
		sameRange(t, m, whole, "", commits[40], RangeOptions{})
	})
}

// TestMirrorMerges: what merging again takes is fetched: a criss-cross, an octopus, renames, and a merge
// whose sides parted long before the range.
func TestMirrorMerges(t *testing.T) {
	t.Parallel()
	r := newTestRepo(t).filtering()
	text := func(s string) string { return strings.Repeat(s+"\n", 20) }
	root := r.commit("root", "f", tenLines, "moved", text("m"), "g", "1\n", "untouched", "nobody asks for this\n")
	r.run("switch", "-q", "-c", "old", root)
	old := r.commit("old", "f", strings.Replace(tenLines, "1\n", "one\n", 1), "new/file", "1\n")
	r.run("switch", "-q", "main")
	for i := range 20 {
		r.commit(fmt.Sprint(i), "g", fmt.Sprint(i))
	}
	r.run("mv", "moved", "elsewhere")
	r.commit("rename and edit", "elsewhere", "before\n"+text("m"))
	base := r.commit("base", "f", strings.Replace(tenLines, "10", "ten", 1))
	// Parted 20 commits ago, renamed on one side and edited on the other.
	r.run("switch", "-q", "-c", "edit", old)
	r.commit("edit", "moved", text("m")+"edited\n")
	r.run("switch", "-q", "-c", "topic", "main")
	r.run("merge", "-q", "-m", "merge", "edit")
	r.commit("after", "h", "1\n")
	r.run("update-ref", "refs/heads/renamed", "HEAD")
	// Criss-cross.
	r.run("switch", "-q", "-c", "x", base)
	x := r.commit("x", "f", strings.Replace(tenLines, "5", "five", 1))
	r.run("switch", "-q", "-c", "y", base)
	y := r.commit("y", "g", "y\n")
	r.run("merge", "-q", "-m", "y takes x", x)
	r.run("switch", "-q", "x")
	r.run("merge", "-q", "-m", "x takes y", y)
	r.commit("x2", "x2", "1\n")
	r.run("switch", "-q", "y")
	r.commit("y2", "y2", "1\n")
	r.run("merge", "-q", "-m", "both", "x")
	r.run("update-ref", "refs/heads/crisscross", "HEAD")
	// Octopus.
	for _, name := range []string{"o1", "o2", "o3"} {
		r.run("switch", "-q", "-c", name, base)
		r.commit(name, name, "1\n")
	}
	r.run("merge", "-q", "-m", "octopus", "o1", "o2")
	r.run("update-ref", "refs/heads/octopus", "HEAD")

	whole := r.open()
	for _, head := range []string{"renamed", "crisscross", "octopus"} {
		for _, lines := range []bool{false, true} {
			m := openMirror(t, r.fileURL(), "")
			m.slack = 1
			id := r.run("rev-parse", head)
			sameRange(t, m, whole, base, id, RangeOptions{Hint: 1, Lines: lines})
			c := collectRange(t, m.Repo(), base, id, CollectOptions{})
			merges := 0
			for _, commit := range c.Commits {
				if commit.Merge != nil {
					merges++
					want := "" // of the merge that followed a rename, what that carried, and where it was
					if head == "renamed" {
						want = "100644 100644 elsewhere\n100644 0 moved"
					}
					if !commit.Merge.Recomputed || !commit.Merge.Same || changes(commit) != want {
						t.Errorf("%s: merge %+v, changes %s", head, commit.Merge, changes(commit))
					}
				}
			}
			if merges == 0 {
				t.Errorf("%s has no merge", head)
			}
			if _, err := m.Repo().File(base, "untouched"); !isMissing(err) {
				t.Errorf("%s: a file that nobody asked for is there, or %v", head, err)
			}
		}
	}
}

// TestMirrorCost: a short range costs little on a long history, and a long one what it is.
func TestMirrorCost(t *testing.T) {
	const depth = 5_000
	r := history(t, depth).filtering()
	web := serveWeb(t, filepath.Dir(r.dir), false)
	whole := r.open()
	for _, tt := range []struct {
		commits, requests int
		bytes             int64
	}{
		{commits: 10, requests: 4, bytes: 100_000},
		{commits: 200, requests: 10, bytes: 900_000},
	} {
		m := openMirror(t, web.url+"/repo", "")
		web.sent.Store(0)
		web.requests.Store(0)
		head, base := r.run("rev-parse", "main"), r.run("rev-parse", fmt.Sprintf("main~%d", tt.commits))
		sameRange(t, m, whole, base, head, RangeOptions{Hint: 10})
		if n := web.sent.Load(); n > tt.bytes {
			t.Errorf("%d commits took %d bytes, more than %d", tt.commits, n, tt.bytes)
		}
		if n := web.requests.Load(); n > int64(tt.requests) {
			t.Errorf("%d commits took %d requests, more than %d", tt.commits, n, tt.requests)
		}
		if _, err := m.Repo().Commit(r.run("rev-parse", "main~4000")); !isMissing(err) {
			t.Errorf("old history was fetched: %v", err)
		}
		before := web.requests.Load()
		fetchRange(t, m, base, head, RangeOptions{})
		if n := web.requests.Load() - before; n != 0 {
			t.Errorf("a range that is here took %d requests", n)
		}
	}
}

// TestMirrorBackdated: the base reaches a part of head's history only behind where the first fetch cut
// it off, and a backdated commit keeps the search for where the two meet from going there. So would
// merging head's parents again, if there were not too many for that.
func TestMirrorBackdated(t *testing.T) {
	t.Parallel()
	r := newTestRepo(t).filtering()
	r.commit("root", "f", "0")
	r.run("switch", "-q", "--orphan", "other")
	first := r.commit("first", "other", "1")
	r.run("switch", "-q", "main")
	r.run("merge", "-q", "--allow-unrelated-histories", "-m", "takes first", first)
	for i := range 30 {
		r.commit(fmt.Sprint(i), "f", fmt.Sprint(i))
	}
	r.env = []string{"GIT_COMMITTER_DATE=@1000000 +0000"}
	r.commit("backdated", "f", "backdated")
	r.env = nil
	met := r.commit("where they meet", "f", "met")
	base := r.commit("base", "f", "base")
	r.run("switch", "-q", "other")
	second := r.commit("second", "other", "2")
	args := []string{"commit-tree", "HEAD^{tree}", "-m", "merge", "-p", second, "-p", met}
	for i := range maxMergedParents {
		args = append(args, "-p", r.run("commit-tree", "HEAD^{tree}", "-m", fmt.Sprint(i), "-p", second))
	}
	head := r.run(args...)
	r.run("update-ref", "refs/heads/head", head)

	m := openMirror(t, r.fileURL(), "")
	m.slack = 4
	sameRange(t, m, r.open(), base, head, RangeOptions{})
	if got := ids(collectRange(t, m.Repo(), base, head, CollectOptions{}).Commits); slices.Contains(got, first) || len(got) != maxMergedParents+2 {
		t.Errorf("commits %v: one of them is %s, which base has", got, first)
	}
}
