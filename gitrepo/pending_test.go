package gitrepo

import (
	"strings"
	"testing"
)

func TestPending(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "f", "1\n")
		head := r.commit("head", "f", "2\n", "g", "1\n")
		raw := r.run("cat-file", "commit", head) + "\n"
		r.run("reset", "-q", "--soft", root)
		c, err := r.open().Pending(t.Context(), []byte(raw), true)
		if err != nil || c.ID != head || changes(c) != "100644 100644 f\n0 100644 g" || c.Lines != 3 || len(c.Gaps) != 0 {
			t.Errorf("%+v, error %v", c, err)
		}
		c, err = r.open().Pending(t.Context(), []byte(strings.Replace(raw, root, strings.Repeat("1", len(root)), 1)), false)
		if err != nil || len(c.Gaps) != 1 {
			t.Errorf("the parent is missing: %+v, error %v", c, err)
		}
		if _, err := r.open().Pending(t.Context(), []byte("x"), false); err == nil {
			t.Error("what is no commit was read as one")
		}
	})
}

func TestEverHad(t *testing.T) {
	r := newTestRepo(t)
	before := r.commit("before", "f", "1")
	r.commit("added", "policies.hcl", "x", "q", "x")
	r.run("rm", "-q", "policies.hcl")
	after := r.commit("removed")
	repo := r.open()
	for _, test := range []struct {
		commit, path string
		want         bool
	}{
		{after, "policies.hcl", true},
		{before, "policies.hcl", false},
		{after, "policies.*", false},
		{after, ":(glob)*", false},
		{after, "Policies.hcl", false},
	} {
		if got, err := repo.EverHad(t.Context(), test.commit, test.path); err != nil || got != test.want {
			t.Errorf("%s: %v, error %v", test.path, got, err)
		}
	}
	// History that a graft hides is history.
	r.write(".git/info/grafts", after+"\n")
	r.run("replace", "--graft", after)
	if got, err := r.open().EverHad(t.Context(), after, "policies.hcl"); err != nil || !got {
		t.Errorf("behind a graft: %v, error %v", got, err)
	}
	// So is history behind a shallow mark, where it is here; where it is not, nothing is believed.
	r.write(".git/shallow", after+"\n")
	if got, err := r.open().EverHad(t.Context(), after, "policies.hcl"); err != nil || !got {
		t.Errorf("behind a shallow mark: %v, error %v", got, err)
	}
	m := openMirror(t, r.filtering().fileURL(), "")
	if err := m.Fetch(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Repo().EverHad(t.Context(), after, "policies.hcl"); err == nil {
		t.Error("a shallow history was believed")
	}
}

func TestDefaultRef(t *testing.T) {
	r := newTestRepo(t)
	if got, err := r.open().DefaultRef(); err != nil || got != "refs/heads/main" {
		t.Errorf("%s, error %v", got, err)
	}
	r.run("checkout", "-q", "--detach", r.commit("x"))
	if got, err := r.open().DefaultRef(); err == nil {
		t.Errorf("detached: %s", got)
	}
}

func TestParseRawDiff(t *testing.T) {
	r := newTestRepo(t)
	r.commit("root", "gone", "1", "odd\nname", "1")
	r.run("mv", "gone", "new")
	r.write("odd\nname", "2")
	r.run("add", "-A")
	out, err := r.command("diff-index", "--cached", "--raw", "-z", "--no-renames", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRawDiff(string(out))
	if err != nil || len(got) != 3 || got[0].Path != "gone" || got[0].New.Mode != 0 || got[2].Path != "odd\nname" || got[2].Old.Mode != 0o100644 {
		t.Errorf("%+v, error %v", got, err)
	}
	for _, bad := range []string{"x", ":100644 100644 a b M\x00", ":100644 100644 a b M\x00\x00", "100644 100644 a b M\x00p\x00", ":x 100644 a b M\x00p\x00"} {
		if got, err := ParseRawDiff(bad); err == nil || got != nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}
