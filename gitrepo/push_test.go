package gitrepo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
)

// server is a bare repository whose pre-receive hook is this test binary.
type server struct {
	*testRepo
	seen string // where the hook writes
}

func newServer(t *testing.T, client *testRepo, init ...string) *server {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "server.git")
	client.run(append([]string{"init", "-q", "--bare", "-b", "main", dir}, init...)...)
	client.run("remote", "add", "origin", dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{client.in(dir), filepath.Join(t.TempDir(), "seen")}
	hook := "#!/bin/sh\nexec '" + self + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	client.env = append(client.env, hookVariable+"="+s.seen)
	return s
}

// push pushes and returns what the hook collected.
func (s *server) push(client *testRepo, args ...string) received {
	client.t.Helper()
	_ = os.Remove(s.seen)
	client.run(append([]string{"push", "-q", "origin"}, args...)...)
	content, err := os.ReadFile(s.seen)
	if err != nil {
		client.t.Fatal(err)
	}
	var r received
	if err := json.Unmarshal(content, &r); err != nil {
		client.t.Fatal(err)
	}
	return r
}

func update(t *testing.T, c Collected, ref string) evidence.Update {
	t.Helper()
	for _, u := range c.Updates {
		if u.Ref == ref {
			return u
		}
	}
	t.Fatalf("no update of %s in %+v", ref, c.Updates)
	return evidence.Update{}
}

// TestPush walks through the life of a server's refs.
func TestPush(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		format := r.run("rev-parse", "--show-object-format")
		s := newServer(t, r, "--object-format="+format)
		a := r.commit("a", "f", "1\n")
		b := r.commit("b", "f", "2\n")

		got := s.push(r, "main")
		if len(got.Dirs) < 2 || !strings.Contains(got.Dirs[0], "objects/") {
			t.Errorf("no quarantine was seen: %v", got.Dirs)
		}
		c := got.Collected
		noGaps(t, &c)
		u := update(t, c, "refs/heads/main")
		if u.Old != "" || u.New != b || u.Forced || u.NewCommits != 2 || u.Moved != 0 || !slices.Equal(u.Carried, []string{a, b}) || u.Object != "commit" {
			t.Errorf("first push: %+v", u)
		}
		if !slices.Equal(ids(c.Commits), []string{a, b}) || changes(c.Commits[1]) != "100644 100644 f" || !c.Commits[1].New || !slices.Equal(c.Commits[0].Refs, []string{"refs/heads/main"}) {
			t.Errorf("first push: commits %+v", c.Commits)
		}

		// Two branches bring one commit; one of them brings another on top.
		r.run("switch", "-q", "-c", "one")
		shared := r.commit("shared", "s", "1\n")
		r.run("switch", "-q", "-c", "two")
		top := r.commit("top", "t", "1\n")
		c = s.push(r, "one", "two").Collected
		noGaps(t, &c)
		if !slices.Equal(ids(c.Commits), []string{shared, top}) ||
			!slices.Equal(sorted(c.Commits[0].Refs), []string{"refs/heads/one", "refs/heads/two"}) ||
			!slices.Equal(c.Commits[1].Refs, []string{"refs/heads/two"}) {
			t.Errorf("two branches: %+v", c.Commits)
		}
		if u := update(t, c, "refs/heads/two"); u.NewCommits != 2 || u.Moved != 0 || !slices.Equal(u.Carried, []string{shared, top}) || u.Action() != "" {
			t.Errorf("two branches: %+v", u)
		}

		// A new branch on commits that another branch has: nothing is new, all of it is carried.
		c = s.push(r, top+":refs/heads/three").Collected
		noGaps(t, &c)
		u = update(t, c, "refs/heads/three")
		if u.NewCommits != 0 || u.Moved != 2 || !slices.Equal(u.Carried, []string{shared, top}) || u.Forced || u.Action() != "push" {
			t.Errorf("moved: %+v", u)
		}
		if len(c.Commits) != 2 || c.Commits[0].New || len(c.Commits[0].Refs) != 0 || changes(c.Commits[1]) != "0 100644 t" {
			t.Errorf("moved: commits %+v", c.Commits)
		}

		// Fast-forward of main onto them, with a commit of its own.
		r.run("switch", "-q", "main")
		r.run("merge", "-q", "--ff-only", "two")
		own := r.commit("own", "o", "1\n")
		c = s.push(r, "main").Collected
		u = update(t, c, "refs/heads/main")
		if u.Old != b || u.NewCommits != 1 || u.Moved != 2 || u.Forced || !slices.Equal(u.Carried, []string{shared, top, own}) {
			t.Errorf("fast-forward: %+v", u)
		}
		if len(c.Commits) != 3 || !c.Commits[2].New || c.Commits[1].New {
			t.Errorf("fast-forward: %+v", ids(c.Commits))
		}

		// A branch that catches up with main carries nothing, and what moved is counted.
		c = s.push(r, "main:one").Collected
		if u := update(t, c, "refs/heads/one"); u.NewCommits != 0 || u.Moved != 2 || len(u.Carried) != 0 || u.Forced || len(c.Commits) != 0 {
			t.Errorf("catching up: %+v", u)
		}

		// Rewritten, rewound and deleted.
		r.run("switch", "-q", "two")
		r.run("commit", "-q", "--amend", "-m", "rewritten")
		c = s.push(r, "+two").Collected
		if u := update(t, c, "refs/heads/two"); !u.Forced || u.NewCommits != 1 || u.Old != top {
			t.Errorf("rewritten: %+v", u)
		}
		c = s.push(r, "+"+shared+":refs/heads/two").Collected
		if u := update(t, c, "refs/heads/two"); !u.Forced || u.NewCommits != 0 || u.Moved != 0 || len(u.Carried) != 0 {
			t.Errorf("rewound: %+v", u)
		}
		c = s.push(r, ":two").Collected
		if u := update(t, c, "refs/heads/two"); u.New != "" || u.Old != shared || u.Object != "" || u.Action() != "delete" {
			t.Errorf("deleted: %+v", u)
		}

		// Tags: light, annotated with a new commit, a tag of that tag, and one that moves.
		r.run("tag", "light", b)
		r.run("switch", "-q", "--detach", "main")
		tagged := r.commit("tagged", "x", "1\n")
		r.run("tag", "-m", "release", "v1")
		r.run("tag", "-m", "tag of a tag", "v2", "v1")
		c = s.push(r, "light", "v2").Collected
		noGaps(t, &c)
		if u := update(t, c, "refs/tags/light"); u.Object != "commit" || u.NewCommits != 0 || len(u.Carried) != 0 || u.Forced {
			t.Errorf("light tag: %+v", u)
		}
		if u := update(t, c, "refs/tags/v2"); u.Object != "tag" || u.NewCommits != 1 || !slices.Equal(u.Carried, []string{tagged}) || u.Forced {
			t.Errorf("annotated tag: %+v", u)
		}
		if len(c.Commits) != 1 || !slices.Equal(c.Commits[0].Refs, []string{"refs/tags/v2"}) {
			t.Errorf("annotated tag: %+v", c.Commits)
		}
		if len(c.Tags) != 2 || c.Tags[0].Ref != "refs/tags/v2" || c.Tags[1].ID != r.run("rev-parse", "v1") || !bytes.HasPrefix(c.Tags[1].Raw, []byte("object "+tagged)) {
			t.Errorf("tags %+v", c.Tags)
		}
		// A commit that only an annotated tag reaches is not new.
		c = s.push(r, tagged+":refs/heads/late").Collected
		if u := update(t, c, "refs/heads/late"); u.NewCommits != 0 || u.Moved != 1 {
			t.Errorf("known by its tag: %+v", u)
		}
		c = s.push(r, "+main:refs/tags/light").Collected
		if u := update(t, c, "refs/tags/light"); !u.Forced {
			t.Errorf("moved tag: %+v", u)
		}

		// Refs to other things.
		blob := r.input("content", "hash-object", "-w", "--stdin")
		c = s.push(r, blob+":refs/heads-of/blob", "main^{tree}:refs/heads-of/tree").Collected
		noGaps(t, &c)
		if u := update(t, c, "refs/heads-of/blob"); u.Object != "blob" || u.Delegations || len(u.Carried) != 0 {
			t.Errorf("blob: %+v", u)
		}
		if u := update(t, c, "refs/heads-of/tree"); u.Object != "tree" {
			t.Errorf("tree: %+v", u)
		}
	})
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// TestPushDelegations: a delegation and the commit that names it come in together.
func TestPushDelegations(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		s := newServer(t, r, "--object-format="+r.run("rev-parse", "--show-object-format"))
		r.commit("root")
		s.push(r, "main")
		chain, other := testChain(t, "one"), testChain(t, "other")
		if err := r.open().StoreBundle(t.Context(), chain); err != nil {
			t.Fatal(err)
		}
		r.commit(delegation.AddTrailer("subject\n", chain.Digest(), "#"))
		ref := delegation.RefName(chain.Digest())
		c := s.push(r, "main", ref).Collected
		noGaps(t, &c)
		u := update(t, c, ref)
		if !u.Delegations || u.Object != "blob" || !bytes.Equal(u.Bundle.Raw, chain.Marshal()) || u.Old != "" || len(u.Carried) != 0 {
			t.Errorf("delegation: %+v", u)
		}
		if b := c.Bundles[chain.Digest()]; !bytes.Equal(b.Raw, chain.Marshal()) {
			t.Errorf("bundles %+v", c.Bundles)
		}
		// Once it is there, it is found there.
		r.commit(delegation.AddTrailer("second\n", chain.Digest(), "#"))
		c = s.push(r, "main").Collected
		if b := c.Bundles[chain.Digest()]; !bytes.Equal(b.Raw, chain.Marshal()) || b.Source != ref {
			t.Errorf("bundles %+v", c.Bundles)
		}
		// Changed, deleted, a commit, and something of the wrong name.
		blob := r.input("other", "hash-object", "-w", "--stdin")
		c = s.push(r, "+"+blob+":"+ref, "main:refs/remit/other").Collected
		if u := update(t, c, ref); u.Old == "" || !u.Delegations || !u.Forced || string(u.Bundle.Raw) != "other" {
			t.Errorf("changed: %+v", u)
		}
		if u := update(t, c, "refs/remit/other"); !u.Delegations || u.Object != "commit" || len(u.Bundle.Raw) != 0 || u.Bundle.Why == "" {
			t.Errorf("a commit: %+v", u)
		}
		c = s.push(r, ":"+ref).Collected
		if u := update(t, c, ref); u.Old == "" || u.New != "" || !u.Delegations || len(u.Bundle.Raw) != 0 {
			t.Errorf("deleted: %+v", u)
		}
		large := r.input(strings.Repeat("x", delegation.MaxBundleSize+1), "hash-object", "-w", "--stdin")
		c = s.push(r, large+":"+delegation.RefName(other.Digest())).Collected
		if u := update(t, c, delegation.RefName(other.Digest())); len(u.Bundle.Raw) != 0 || u.Bundle.Why == "" {
			t.Errorf("large: %+v", u)
		}
		// Commits below refs/remit/ make no commit known: they would slip past the branch rules.
		r.run("switch", "-q", "--detach")
		hidden := r.commit("hidden", "h", "1")
		s.push(r, hidden+":refs/remit/hidden")
		c = s.push(r, hidden+":refs/heads/shown").Collected
		if u := update(t, c, "refs/heads/shown"); u.NewCommits != 1 {
			t.Errorf("hidden before: %+v", u)
		}
	})
}

// TestPushUntrueOld: what the client says that a ref was is no evidence. A false value must not make
// its commits count as known to the receiver.
func TestPushUntrueOld(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "f", "1")
	r.run("switch", "-q", "-c", "agent")
	evil := r.commit("evil", "f", "2")
	child := r.commit("child", "f", "3")
	r.run("switch", "-q", "main")
	r.run("update-ref", "-d", "refs/heads/agent") // the objects are there, as in a quarantine
	repo := r.open()
	c, err := repo.CollectPush(t.Context(), []RefUpdate{
		{Ref: "refs/heads/a", Old: evil, New: child},
		{Ref: "refs/heads/b", Old: strings.Repeat("0", 40), New: evil},
	}, CollectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if u := update(t, *c, "refs/heads/b"); u.NewCommits != 1 || !slices.Equal(u.Carried, []string{evil}) {
		t.Errorf("update %+v", u)
	}
	if u := update(t, *c, "refs/heads/a"); u.Old != "" || u.NewCommits != 2 {
		t.Errorf("update %+v", u)
	}
	if len(c.Gaps) != 1 || !strings.Contains(c.Gaps[0].What, "refs/heads/a") {
		t.Errorf("gaps %+v", c.Gaps)
	}
	// A ref that was not there is said to be.
	c, err = repo.CollectPush(t.Context(), []RefUpdate{{Ref: "refs/heads/main", New: child}}, CollectOptions{})
	if err != nil || len(c.Gaps) != 1 || update(t, *c, "refs/heads/main").Old != root {
		t.Errorf("%+v, error %v", c, err)
	}
}

func TestPushGapsAndLimits(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "f", "1")
	r.run("switch", "-q", "-c", "x")
	middle := r.commit("middle", "f", "2")
	head := r.commit("head", "f", "3")
	r.run("switch", "-q", "main")
	r.run("branch", "-q", "-D", "x")
	push := []RefUpdate{{Ref: "refs/heads/x", New: head}}
	collect := func(opt CollectOptions, updates ...RefUpdate) *Collected {
		t.Helper()
		c, err := r.open().CollectPush(t.Context(), updates, opt)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := collect(CollectOptions{}, push...)
	noGaps(t, c)
	for _, limits := range []Limits{{MaxCommits: 1}, {MaxUpdates: 1}} {
		c := collect(CollectOptions{Limits: limits}, RefUpdate{Ref: "refs/heads/x", New: head}, RefUpdate{Ref: "refs/heads/y", New: head})
		if len(c.Gaps) == 0 || c.Gaps[0].Kind != evidence.GapLimit {
			t.Errorf("%+v: gaps %+v", limits, c.Gaps)
		}
	}
	c = collect(CollectOptions{}, RefUpdate{Ref: "refs/heads/x", New: strings.Repeat("1", 40)})
	wantGap(t, c, "refs/heads/x", "fetch it")
	if err := os.Remove(loosePath(r, middle)); err != nil {
		t.Fatal(err)
	}
	wantGap(t, collect(CollectOptions{}, push...), middle, "fetch it")
	// What a ref leaves behind is part of the question too.
	r.run("update-ref", "refs/heads/old", root)
	r.write(".git/refs/heads/old", strings.Repeat("2", 40)+"\n")
	c = collect(CollectOptions{}, RefUpdate{Ref: "refs/heads/old", Old: strings.Repeat("2", 40), New: root})
	if len(c.Gaps) == 0 || !update(t, *c, "refs/heads/old").Forced {
		t.Errorf("the old commit is gone: %+v", c)
	}
	for _, bad := range []string{"main", "xyz", strings.Repeat("a", 64)} {
		if _, err := r.open().CollectPush(t.Context(), []RefUpdate{{Ref: "refs/heads/x", New: bad}}, CollectOptions{}); err == nil {
			t.Errorf("%q was taken for an id", bad)
		}
	}
}

func TestPushDefaultBranch(t *testing.T) {
	r := newTestRepo(t)
	a := r.commit("a", "f", "1")
	b := r.commit("b", "f", "2")
	r.run("branch", "-q", "develop", a)
	r.run("symbolic-ref", "HEAD", "refs/heads/nowhere")
	repo := r.open()
	for branch, want := range map[string][]string{
		"": {a, b}, "refs/heads/none": {a, b}, "refs/heads/develop": {b}, "refs/heads/main": nil,
	} {
		c, err := repo.CollectPush(t.Context(), []RefUpdate{{Ref: "refs/heads/new", New: b}}, CollectOptions{DefaultBranch: branch})
		if err != nil {
			t.Fatal(err)
		}
		if u := update(t, *c, "refs/heads/new"); !slices.Equal(u.Carried, want) || u.NewCommits != 0 {
			t.Errorf("default branch %q: %+v", branch, u)
		}
	}
}

// TestPushToAnother: on a client the receiver is another repository, of which it knows some refs.
func TestPushToAnother(t *testing.T) {
	r := newTestRepo(t)
	a := r.commit("a", "f", "1")
	b := r.commit("b", "f", "2")
	chain := testChain(t, "one")
	repo := r.open()
	if err := repo.StoreBundle(t.Context(), chain); err != nil {
		t.Fatal(err)
	}
	ref := delegation.RefName(chain.Digest())
	c, err := repo.CollectPush(t.Context(), []RefUpdate{
		{Ref: "refs/heads/main", Old: a, New: b},
		{Ref: ref, New: r.run("rev-parse", ref)},
	}, CollectOptions{Receiver: map[string]string{"refs/heads/main": a}})
	if err != nil {
		t.Fatal(err)
	}
	noGaps(t, c)
	if u := update(t, *c, "refs/heads/main"); u.NewCommits != 1 || u.Old != a || u.Forced {
		t.Errorf("update %+v", u)
	}
	if u := update(t, *c, ref); u.Old != "" || u.Bundle.Raw == nil {
		t.Errorf("update %+v", u)
	}
	if _, err := repo.CollectPush(t.Context(), nil, CollectOptions{Receiver: map[string]string{"refs/heads/x": "x"}}); err == nil {
		t.Error("an id that is none was taken")
	}
	set := evidence.Set{Gaps: []evidence.Gap{{What: "kept"}}}
	c.Gaps = append(c.Gaps, evidence.Gap{What: "added"})
	c.AddTo(&set)
	if len(set.Gaps) != 2 || len(set.Updates) != 2 || len(set.Commits) != 1 {
		t.Errorf("set %+v", set)
	}
}

func TestParseUpdates(t *testing.T) {
	id, null := strings.Repeat("a", 40), strings.Repeat("0", 40)
	got, err := ParseUpdates(strings.NewReader(null+" "+id+" refs/heads/a b\n"+id+" "+null+" refs/x\n"), 2)
	if err != nil || !slices.Equal(got, []RefUpdate{{"refs/heads/a b", null, id}, {"refs/x", id, null}}) {
		t.Errorf("%+v, error %v", got, err)
	}
	for _, bad := range []string{"x\n", id + " " + id + "\n", id + " " + id + " \n", strings.Repeat(id+" "+id+" r\n", 3), id + " " + id + " " + strings.Repeat("r", maxUpdateLine)} {
		if got, err := ParseUpdates(strings.NewReader(bad), 2); err == nil || got != nil {
			t.Errorf("%.90q: %+v", bad, got)
		}
	}
}

// manyRefs is a receiver with n branches of a commit each, on one trunk.
func manyRefs(t testing.TB, n int) (repo *testRepo, head string) {
	r := newTestRepo(t, "--bare")
	var b strings.Builder
	commit := func(ref string, date int, from string) {
		fmt.Fprintf(&b, "commit %s\nmark :%s\ncommitter C <c@example.com> %d +0000\ndata 1\nx\n%sM 100644 inline f\ndata 1\nx\n\n",
			ref, strings.TrimPrefix(ref, "refs/heads/b"), testEpoch+date, from)
	}
	for i := range 100 {
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter C <c@example.com> %d +0000\ndata 1\nx\nM 100644 inline f\ndata %d\n%d\n\n", testEpoch+i, len(fmt.Sprint(i)), i)
	}
	for i := 1; i <= n; i++ {
		commit(fmt.Sprintf("refs/heads/b%d", i), 1000+i, "from refs/heads/main\n")
	}
	r.input(b.String(), "fast-import", "--quiet")
	r.run("pack-refs", "--all")
	r.run("repack", "-adq")
	return r, r.run("commit-tree", "main^{tree}", "-p", "main", "-m", "new")
}

func TestPushToManyRefs(t *testing.T) {
	r, head := manyRefs(t, 10_000)
	few, headOfFew := manyRefs(t, 1000)
	push := func(r *testRepo, head string) (c *Collected, bytes uint64) {
		repo := r.open()
		bytes = allocated(func() {
			var err error
			if c, err = repo.CollectPush(t.Context(), []RefUpdate{{Ref: "refs/heads/new", New: head}}, CollectOptions{}); err != nil {
				t.Fatal(err)
			}
		})
		return c, bytes
	}
	_, least := push(few, headOfFew)
	c, most := push(r, head)
	if most > 20*least {
		t.Errorf("10,000 refs ask for %d bytes, 1,000 for %d", most, least)
	}
	repo := r.open()
	noGaps(t, c)
	if u := c.Updates[0]; u.NewCommits != 1 || u.Moved != 0 {
		t.Errorf("update %+v", u)
	}
	// Nothing of the 10,000 is read where nothing can be new.
	c, err := repo.CollectPush(t.Context(), []RefUpdate{{Ref: "refs/heads/copy", New: r.run("rev-parse", "b77")}}, CollectOptions{})
	if err != nil || c.Updates[0].NewCommits != 0 || c.Updates[0].Moved != 1 {
		t.Errorf("%+v, error %v", c, err)
	}
}

func BenchmarkPushTo10kRefs(b *testing.B) {
	r, head := manyRefs(b, 10_000)
	for b.Loop() {
		repo, err := Open(Options{GitDir: r.dir})
		if err != nil {
			b.Fatal(err)
		}
		c, err := repo.CollectPush(b.Context(), []RefUpdate{{Ref: "refs/heads/new", New: head}}, CollectOptions{})
		if err != nil || len(c.Commits) != 1 || len(c.Gaps) != 0 {
			b.Fatal(c, err)
		}
		if err := repo.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
