package gitrepo

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
)

func TestMirrorEverHad(t *testing.T) {
	r := newTestRepo(t)
	before := r.commit("before", "README", "one\n", "docs/policies.hcl", "elsewhere\n")
	r.commit("with", "policies.hcl", "x\n")
	r.run("rm", "-q", "policies.hcl")
	after := r.commit("after", "README", "two\n")
	eachServer(t, r, func(t *testing.T, m *Mirror) {
		for commit, want := range map[string]bool{before: false, after: true} {
			own := openMirror(t, m.url.String(), "")
			if had, err := own.EverHad(t.Context(), commit, "policies.hcl"); err != nil || had != want {
				t.Errorf("%s: %t, %v", commit, had, err)
			}
		}
		if _, err := m.EverHad(t.Context(), before, "docs/policies.hcl"); err == nil {
			t.Error("a file that is not looked for is said to be missing")
		}
		if _, err := m.EverHad(t.Context(), strings.Repeat("a", len(before)), "policies.hcl"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a commit that is not there: %v", err)
		}
	})
}

func TestMirrorHistory(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "a", "1\n")
	one := r.commit("one", "a", "2\n")
	r.run("checkout", "-q", "-b", "side", root)
	side := r.commit("side", "b", "1\n")
	r.run("checkout", "-q", "-")
	r.run("merge", "-q", "--no-edit", "side")
	merge := r.head()
	tip := r.commit("tip", "a", "3\n")
	eachServer(t, r, func(t *testing.T, m *Mirror) {
		if err := m.FetchHistory(t.Context(), tip, side); err != nil {
			t.Fatal(err)
		}
		repo := m.Repo()
		for _, c := range []struct {
			of    string
			among []string
			want  []string
		}{
			{side, []string{root, one, side, merge, tip}, []string{merge, tip}},
			{one, []string{tip, side, root}, []string{tip}},
			{tip, []string{root, one, side, merge, tip}, nil},
			{root, []string{side}, []string{side}},
			{root, nil, nil},
		} {
			if got, err := repo.Descendants(t.Context(), c.of, c.among, 100); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("after %s: %v, %v, want %v", c.of, got, err, c.want)
			}
		}
		if got, err := repo.Descendants(t.Context(), root, []string{tip}, 1); !errors.Is(err, ErrLimit) {
			t.Errorf("over the limit: %v, %v", got, err)
		}
		if got, err := repo.Descendants(t.Context(), root, []string{strings.Repeat("a", 40)}, 100); !errors.Is(err, ErrMissing) {
			t.Errorf("a commit that is not here: %v, %v", got, err)
		}
		line, whole, err := repo.Line(t.Context(), tip, 10)
		if err != nil || !whole || !slices.Equal(line, []string{tip, merge, one, root}) {
			t.Errorf("%v, %t, %v", line, whole, err)
		}
		if line, whole, err := repo.Line(t.Context(), tip, 2); err != nil || whole || !slices.Equal(line, []string{tip, merge}) {
			t.Errorf("%v, %t, %v", line, whole, err)
		}
	})
}

func TestMirrorBundles(t *testing.T) {
	r := newTestRepo(t)
	r.commit("root")
	good, wrong, absent := testChain(t, "one"), testChain(t, "other"), testChain(t, "third")
	if err := r.open().StoreBundle(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	r.run("update-ref", delegation.RefName(wrong.Digest()), r.input(string(good.Marshal()), "hash-object", "-w", "--stdin"))
	eachServer(t, r, func(t *testing.T, m *Mirror) {
		got := m.Bundles(t.Context(), good.Digest(), wrong.Digest(), absent.Digest(), "sha256:nonsense")
		if b := got[good.Digest()]; !bytes.Equal(b.Raw, good.Marshal()) || b.Why != "" {
			t.Errorf("%+v", b)
		}
		for _, d := range []string{wrong.Digest(), absent.Digest(), "sha256:nonsense"} {
			if b, asked := got[d]; !asked || b.Raw != nil || b.Why == "" {
				t.Errorf("%s: %+v", d, b)
			}
		}
	})
	gone := openMirror(t, "file:///nowhere", "")
	if b := gone.Bundles(t.Context(), good.Digest())[good.Digest()]; b.Raw != nil || b.Why == "" {
		t.Errorf("no server: %+v", b)
	}
}
