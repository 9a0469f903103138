package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serving opens the repository as a receive hook of a namespace does.
func (r *testRepo) serving(namespace string) *Repo {
	r.t.Helper()
	repo, err := Open(Options{GitDir: r.gitDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + r.t.TempDir()}, Namespace: namespace})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return repo
}

// TestWritten holds what is said of a push to a ref against what git does with one.
func TestWritten(t *testing.T) {
	client := newTestRepo(t)
	start := client.commit("a", "f", "1")
	next := client.commit("b", "f", "2")
	for _, c := range []struct {
		name, ref, want string
		make            func(*testRepo)
	}{
		{"plain", "refs/heads/main", "refs/heads/main", nil},
		{"new", "refs/heads/new", "refs/heads/new", nil},
		{"symbolic", "refs/heads/master", "refs/heads/main", func(s *testRepo) { s.run("symbolic-ref", "refs/heads/master", "refs/heads/main") }},
		{"chain", "refs/heads/a", "refs/heads/main", func(s *testRepo) {
			s.run("symbolic-ref", "refs/heads/b", "refs/heads/main")
			s.run("symbolic-ref", "refs/heads/a", "refs/heads/b")
		}},
		{"to a tag", "refs/heads/a", "refs/tags/x", func(s *testRepo) { s.run("symbolic-ref", "refs/heads/a", "refs/tags/x") }},
		{"dangling", "refs/heads/a", "refs/heads/gone", func(s *testRepo) { s.run("symbolic-ref", "refs/heads/a", "refs/heads/gone") }},
		{"packed target", "refs/heads/a", "refs/heads/main", func(s *testRepo) {
			s.run("pack-refs", "--all")
			s.run("symbolic-ref", "refs/heads/a", "refs/heads/main")
		}},
		{"symbolic link", "refs/heads/a", "refs/heads/main", func(s *testRepo) {
			if err := os.Symlink("refs/heads/main", filepath.Join(s.gitDir(), "refs/heads/a")); err != nil {
				t.Skip(err)
			}
		}},
		{"circle", "refs/heads/a", "", func(s *testRepo) {
			s.run("symbolic-ref", "refs/heads/b", "refs/heads/a")
			s.run("symbolic-ref", "refs/heads/a", "refs/heads/b")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newTestRepo(t, "--bare")
			client.run("push", "-q", server.gitDir(), start+":refs/heads/main")
			if c.make != nil {
				c.make(server)
			}
			got, err := server.serving("").Written(c.ref)
			if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrAlias) {
				t.Fatalf("a push to %s is said to write %q (%v), want %q", c.ref, got, err, c.want)
			}
			out, err := client.try("push", server.gitDir(), next+":"+c.ref)
			if c.want == "" {
				if err == nil {
					t.Errorf("git accepts the push: %s", out)
				}
				return
			}
			if err != nil && c.name == "symbolic link" {
				return // git lists such a ref to nobody, and then finds it in the way
			}
			if err != nil {
				t.Fatalf("git refuses the push: %v", err)
			}
			if id := server.run("rev-parse", c.want); id != next {
				t.Errorf("git did not write %s", c.want)
			}
			for line := range strings.Lines(server.run("for-each-ref", "--format=%(objectname) %(symref) %(refname)") + "\n") {
				if f := strings.Fields(line); f[0] == next && len(f) == 2 && f[1] != c.want {
					t.Errorf("git wrote %s too", f[1])
				}
			}
		})
	}
}

// TestNamespace: a namespace is a repository of its own, which shares nothing but objects with others.
func TestNamespace(t *testing.T) {
	r := newTestRepo(t, "-b", "main")
	a := r.commit("a", "f", "1")
	b := r.commit("b", "f", "2")
	const ns = "refs/namespaces/n/"
	r.run("update-ref", ns+"refs/heads/x", a)
	r.run("update-ref", ns+"refs/namespaces/deep/refs/heads/x", b)
	r.run("symbolic-ref", ns+"HEAD", ns+"refs/heads/trunk")
	r.run("symbolic-ref", ns+"refs/heads/alias", ns+"refs/heads/x")
	r.run("symbolic-ref", ns+"refs/heads/out", "refs/heads/main")
	blob := r.input("bundle", "hash-object", "-w", "--stdin")
	held := delegationRefs + strings.Repeat("a", 64)
	r.run("update-ref", ns+held, blob)
	repo := r.serving("n")

	if ref, err := repo.DefaultRef(); ref != "refs/heads/trunk" || err != nil {
		t.Errorf("default branch %q, error %v", ref, err)
	}
	if ref, err := repo.Written("refs/heads/alias"); ref != "refs/heads/x" || err != nil {
		t.Errorf("alias is %q, error %v", ref, err)
	}
	if ref, err := repo.Written("refs/heads/out"); !errors.Is(err, ErrAlias) {
		t.Errorf("a ref that leads out of the namespace is %q, error %v", ref, err)
	}
	refs, err := repo.ReceiverRefs([]RefUpdate{{Ref: held}, {Ref: delegationRefs + strings.Repeat("b", 64)}})
	if err != nil || refs[held] != blob || refs["refs/heads/x"] != a || refs["refs/heads/main"] != "" || len(refs) != 4 {
		t.Errorf("refs %v, error %v", refs, err)
	}
	r.run("symbolic-ref", "-d", ns+"refs/heads/out")
	c, err := repo.CollectPush(t.Context(), []RefUpdate{
		{Ref: "refs/heads/x", Old: a, New: b}, {Ref: held, Old: blob, New: blob},
	}, CollectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	noGaps(t, c)
	if u := update(t, *c, "refs/heads/x"); u.Old != a || u.NewCommits != 1 {
		t.Errorf("update %+v: what main of another repository has is new to this one", u)
	}
	if u := update(t, *c, held); u.Old != blob {
		t.Errorf("the delegation's ref is said to be new: %+v", u)
	}
	whole, err := r.serving("").ReceiverRefs(nil)
	if err != nil || len(whole) != 1 || whole["refs/heads/main"] != b {
		t.Errorf("refs without a namespace %v, error %v", whole, err)
	}

	if ref, err := r.serving("other").DefaultRef(); err == nil {
		t.Errorf("a namespace without a HEAD has the default branch %q", ref)
	}
	if _, err := Open(Options{GitDir: r.gitDir(), Namespace: "../n"}); err == nil {
		t.Error("a namespace that leads elsewhere is opened")
	}
}
