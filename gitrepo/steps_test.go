package gitrepo

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/evidence"
)

func TestSteps(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "f", "1\n")
		direct := r.commit("direct", "f", "2\n")
		r.run("switch", "-q", "-c", "topic", root)
		one := r.commit("one", "a", "1\n")
		two := r.commit("two", "a", "2\n")
		r.run("switch", "-q", "main")
		r.run("merge", "-q", "--no-ff", "-m", "merge", "topic")
		merge := r.head()
		r.run("switch", "-q", "-c", "squashed", direct)
		r.commit("three", "b", "1\n")
		four := r.commit("four", "b", "2\n")
		r.run("switch", "-q", "main")
		r.run("merge", "-q", "--squash", "squashed")
		squash := r.commit("squash")
		repo := r.open()
		full := []FirstParentStep{
			{Commit: direct, Parent: root, Commits: []string{direct}},
			{Commit: merge, Parent: direct, Commits: []string{one, two, merge}},
			{Commit: squash, Parent: merge, Commits: []string{squash}},
		}
		for _, tt := range []struct {
			from, to string
			limit    int
			want     []FirstParentStep
			err      error
		}{
			{root, squash, 100, full, nil},
			{direct, merge, 3, full[1:2], nil},
			{squash, squash, 100, nil, nil},
			{"", merge, 100, append([]FirstParentStep{{Commit: root, Commits: []string{root}}}, full[:2]...), nil},
			{one, squash, 100, nil, ErrNotOnLine}, // reachable, by a second parent
			{four, squash, 100, nil, ErrNotOnLine},
			{squash, root, 100, nil, ErrNotOnLine},
			{root, squash, 2, nil, ErrLimit},
			{direct, merge, 2, nil, ErrLimit}, // one step, three commits
			{root, strings.Repeat("1", len(root)), 100, nil, ErrMissing},
		} {
			got, err := repo.Steps(t.Context(), tt.from, tt.to, tt.limit)
			if len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) || !errors.Is(err, tt.err) {
				t.Errorf("%s..%s: %+v, error %v; want %+v, %v", tt.from, tt.to, got, err, tt.want, tt.err)
			}
		}
		if _, err := repo.Steps(t.Context(), "main", squash, 100); err == nil {
			t.Error("a name that is no id was taken for one")
		}
	})
}

// TestStepsShallow: where history was cut off there are no steps rather than some.
func TestStepsShallow(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "f", "1\n")
	r.run("switch", "-q", "-c", "topic")
	for i := range 5 {
		r.commit(fmt.Sprint("topic ", i), "a", fmt.Sprint(i))
	}
	r.run("switch", "-q", "main")
	r.run("merge", "-q", "--no-ff", "-m", "merge", "topic")
	merge := r.head()
	m := openMirror(t, r.filtering().fileURL(), "")
	if err := m.Fetch(t.Context(), root, merge); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Repo().Steps(t.Context(), root, merge, 100); !errors.Is(err, ErrMissing) {
		t.Errorf("%v, error %v", got, err)
	}
	if yes, err := m.Repo().IsAncestor(t.Context(), r.run("rev-parse", "topic~3"), merge); yes || !errors.Is(err, ErrMissing) {
		t.Errorf("behind what is missing: %t, %v", yes, err)
	}
	fetchRange(t, m, root, merge, RangeOptions{})
	if got, err := m.Repo().Steps(t.Context(), root, merge, 100); err != nil || len(got) != 1 || len(got[0].Commits) != 6 {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestRemerge(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		r.filtering()
		r.empty("main", 10, "old")
		fork := r.commit("fork", "f", tenLines, "g", "1\n")
		r.run("switch", "-q", "-c", "topic")
		first := r.commit("one", "f", strings.Replace(tenLines, "1\n", "one\n", 1))
		head := r.commit("two", "h", "1\n")
		r.run("switch", "-q", "main")
		r.empty("main", 20, "main goes on")
		parent := r.commit("base", "f", strings.Replace(tenLines, "10", "ten", 1))

		made := func(name string, args ...string) string {
			r.run("checkout", "-q", "-B", name, parent)
			r.run(args...)
			return r.head()
		}
		merge := made("merged", "merge", "-q", "--no-ff", "-m", "merge", head)
		r.run("checkout", "-q", "-B", "squash", parent)
		r.run("merge", "-q", "--squash", head)
		squash := r.commit("squash")
		rebase := made("rebase", "cherry-pick", first, head)
		evilMerge := func() string {
			r.run("checkout", "-q", "-B", "evil", merge)
			r.write("evil", "1\n")
			r.run("add", "-A")
			r.run("commit", "-q", "--amend", "-m", "evil")
			return r.head()
		}()
		r.run("checkout", "-q", "-B", "other", fork)
		conflicting := r.commit("conflict", "f", strings.Replace(tenLines, "10", "TEN", 1))
		resolved := func() string {
			r.run("checkout", "-q", "-B", "resolved", parent)
			_, _ = r.try("merge", "-q", conflicting)
			return r.commit("resolved", "f", tenLines)
		}()

		m := openMirror(t, r.fileURL(), "")
		for _, tt := range []struct {
			name, head, commit string
			equal              bool
			conflicts          int
		}{
			{"merge", head, merge, true, 0},
			{"squash", head, squash, true, 0},
			{"rebase", head, rebase, true, 0},
			{"all but the last of a rebase", head, r.run("rev-parse", rebase+"^"), false, 0},
			{"a part of the pull request", first, squash, false, 0},
			{"evil", head, evilMerge, false, 0},
			{"conflict", conflicting, resolved, false, 1},
		} {
			if err := m.FetchMerges(t.Context(), 1, [2]string{parent, tt.head}); err != nil {
				t.Fatal(err)
			}
			if err := m.Fetch(t.Context(), tt.commit); err != nil {
				t.Fatal(err)
			}
			got, equal, err := m.Repo().Remerge(t.Context(), parent, tt.head, tt.commit)
			if err != nil || !got.Recomputed || equal != tt.equal || len(got.Conflicts) != tt.conflicts {
				t.Errorf("%s: %+v, equal %t, error %v", tt.name, got, equal, err)
			}
		}
		// What is not here is merged into nothing.
		empty := openMirror(t, r.fileURL(), "")
		if err := empty.Fetch(t.Context(), parent, head, merge); err != nil {
			t.Fatal(err)
		}
		got, equal, err := empty.Repo().Remerge(t.Context(), parent, head, merge)
		if err != nil || got.Recomputed || equal || !strings.Contains(got.Why, "the server did not give it") {
			t.Errorf("history is missing: %+v, equal %t, error %v", got, equal, err)
		}
		if _, _, err := empty.Repo().Remerge(t.Context(), parent, head, squash); !errors.Is(err, ErrMissing) {
			t.Errorf("the commit is missing: %v", err)
		}
	})
}

// TestRemergeSettings: neither attributes of the tree nor settings of the caller change what comes out.
func TestRemergeSettings(t *testing.T) {
	r := newTestRepo(t).filtering()
	twoSides(r, []string{"f", tenLines, ".gitattributes", "* merge=ours\nf merge=union\n"},
		[]string{"f", strings.Replace(tenLines, "1\n", "one\n", 1)}, []string{"f", strings.Replace(tenLines, "1\n", "uno\n", 1)})
	parent, head := r.run("rev-parse", "main"), r.run("rev-parse", "side")
	r.run("merge", "-q", "-m", "by union", "side") // without a conflict
	commit := r.head()
	m := openMirror(t, r.fileURL(), "")
	if err := errors.Join(m.FetchMerges(t.Context(), 0, [2]string{parent, head}), m.Fetch(t.Context(), commit)); err != nil {
		t.Fatal(err)
	}
	got, equal, err := m.Repo().Remerge(t.Context(), parent, head, commit)
	if err != nil || !got.Recomputed || equal || !slices.Equal(got.Conflicts, []string{"f"}) {
		t.Errorf("%+v, equal %t, error %v", got, equal, err)
	}
}

func TestDiff(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		one := r.commit("one", "a", "1\n", "d/b", "1\n")
		two := r.commit("two", "a", "2\n", "d/b", "1\n", "c", "1\n")
		repo := r.open()
		text := func(from, to string) string {
			got, gaps := repo.Diff(t.Context(), from, to)
			if len(gaps) > 0 {
				return gaps[0].Detail
			}
			return changes(evidence.Commit{Changes: got})
		}
		for _, tt := range [][3]string{
			{one, two, "100644 100644 a\n0 100644 c"},
			{two, one, "100644 100644 a\n100644 0 c"},
			{one, one, ""},
			{"", one, "0 100644 a\n0 100644 d/b"},
			{one, "", "100644 0 a\n100644 0 d/b"},
		} {
			if got := text(tt[0], tt[1]); got != tt[2] {
				t.Errorf("%s..%s: %q, want %q", tt[0], tt[1], got, tt[2])
			}
		}
		unknown := strings.Repeat("1", len(one))
		for _, id := range []string{unknown, "main"} {
			if got, gaps := repo.Diff(t.Context(), one, id); len(got) != 0 || len(gaps) != 1 || gaps[0].Kind != evidence.GapHistory {
				t.Errorf("%s: %v, gaps %+v", id, got, gaps)
			}
		}
	})
}

func TestFirstPushes(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "f", "0")
		var commits []string
		for i := range 6 {
			commits = append(commits, r.commit(fmt.Sprint(i), "f", fmt.Sprint(i+1)))
		}
		r.run("checkout", "-q", "--detach", commits[3])
		abandoned := r.commit("abandoned", "f", "x")
		repo := r.open()
		unknown := strings.Repeat("1", len(base))
		push := func(minute int, after string) evidence.Push {
			by := evidence.Account{ID: 7}
			if after == unknown {
				by.ID = 8
			}
			return evidence.Push{Ref: "refs/heads/topic", After: after, At: time.Unix(int64(60*minute), 0), By: by}
		}
		pushes := []evidence.Push{ // the newest first
			push(9, commits[5]),
			push(8, commits[4]),
			push(7, ""),          // deleted
			push(6, commits[1]),  // forced back
			push(5, unknown),     // not here
			push(4, abandoned),   // brought 2 and 3 first
			push(3, commits[1]),  // again
			push(2, commits[1]),  // brought 0 and 1
			push(1, base),        // the branch was made
			push(0, "not an id"), // nonsense
			push(-1, commits[0][:10]),
		}
		got, err := repo.FirstPushes(t.Context(), pushes, commits)
		if err != nil {
			t.Fatal(err)
		}
		for i, minute := range []int64{2, 2, 4, 4, 8, 9} {
			if p := got[commits[i]]; p.At.Unix() != 60*minute || p.Ref == "" {
				t.Errorf("commit %d came with %+v", i, p)
			} else if unread := p.Unread != nil && p.Unread.After == unknown; unread != (minute > 5) {
				t.Errorf("commit %d: a push that cannot be read may have been before: %v", i, p.Unread)
			}
		}
		if len(got) != 6 {
			t.Errorf("%d commits", len(got))
		}
		if got, err = repo.FirstPushes(t.Context(), pushes[8:], commits); err != nil || len(got) != 0 {
			t.Errorf("no push has them: %v, %v", got, err)
		}
		// Where only the tip of what was left behind is here, its path is not followed.
		m := openMirror(t, r.filtering().fileURL(), "")
		fetchRange(t, m, commits[2], commits[5], RangeOptions{})
		if got, err = m.Repo().FirstPushes(t.Context(), pushes, commits[3:]); err != nil || got[commits[3]].At.Unix() != 60*8 {
			t.Errorf("the push is not here: %v, %v", got, err)
		}
		if err := m.Fetch(t.Context(), abandoned); err != nil {
			t.Fatal(err)
		}
		if got, err = m.Repo().FirstPushes(t.Context(), pushes, commits[3:]); err != nil || got[commits[3]].At.Unix() != 60*4 {
			t.Errorf("the push is here: %v, %v", got, err)
		}
	})
}

// TestFirstPushesMany: what it takes grows with commits and pushes, and not with their product.
func TestFirstPushesMany(t *testing.T) {
	const commits, every = 4_999, 10
	r := history(t, commits+1)
	all := strings.Fields(r.run("rev-list", "--reverse", "main"))[1:]
	var pushes []evidence.Push
	for i := every - 1; i < len(all); i += every {
		pushes = append(pushes, evidence.Push{After: all[i], At: time.Unix(int64(i), 0)})
	}
	slices.Reverse(pushes)
	find := func(pushes []evidence.Push, all []string) (got map[string]FirstPush, bytes uint64) {
		repo := r.open()
		bytes = allocated(func() {
			var err error
			if got, err = repo.FirstPushes(t.Context(), pushes, all); err != nil || len(got) != len(pushes)*every {
				t.Fatalf("%d commits, error %v", len(got), err)
			}
		})
		return got, bytes
	}
	half := len(pushes) / 2 // of the earlier ones: they are listed latest first
	_, few := find(pushes[len(pushes)-half:], all[:half*every])
	got, many := find(pushes, all)
	if many > 3*few {
		t.Errorf("%d commits and %d pushes ask for %d bytes, half of them for %d", len(all), len(pushes), many, few)
	}
	for i, id := range all[:len(got)] {
		if want := int64(i - i%every + every - 1); got[id].At.Unix() != want {
			t.Fatalf("commit %d came with the push of %d, want %d", i, got[id].At.Unix(), want)
		}
	}
}
