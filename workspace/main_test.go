package workspace

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
)

// TestMain gives git a home of its own: nobody's configuration is read.
func TestMain(m *testing.M) {
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "GIT_") || name == DelegationVariable {
			_ = os.Unsetenv(name) // a name from the environment
		}
	}
	home, err := os.MkdirTemp("", "workspace-test-")
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(home, "gitconfig"),
		"GIT_AUTHOR_NAME": "alice", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "alice", "GIT_COMMITTER_EMAIL": "a@example.com",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// awkward is in every path of these tests.
const awkward = `it's a "dir" [x]* `

// world is a work tree with one commit on main, beside folders of the test's own.
type world struct {
	t   *testing.T
	dir string
	env Env
}

func newWorld(t *testing.T) *world {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir()) // as git names it
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: filepath.Join(top, awkward)}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.gitIn(w.dir, "init", "-q", "-b", "main", "--template=", w.path("work"))
	w.env = Env{Environ: os.Environ(), Dir: w.path("work")}
	w.git("commit", "-q", "--allow-empty", "-m", "first")
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *world) write(name, text string) {
	w.t.Helper()
	path := w.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

func (w *world) link(target, name string) {
	w.t.Helper()
	if err := os.Symlink(target, w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) gitIn(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) git(args ...string) string {
	w.t.Helper()
	return w.gitIn(w.path("work"), args...)
}

// commit makes a commit and returns its id.
func (w *world) commit(message string) string {
	w.t.Helper()
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// origin makes a bare repository, pushes main there, and has this clone know its default branch.
func (w *world) origin() {
	w.t.Helper()
	w.gitIn(w.dir, "init", "-q", "-b", "main", "--template=", "--bare", w.path("origin.git"))
	w.git("remote", "add", "origin", w.path("origin.git"))
	w.git("push", "-q", "origin", "main")
	w.git("remote", "set-head", "origin", "main")
}

func (w *world) open() *Workspace {
	w.t.Helper()
	opened, err := Open(w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(opened.Close)
	return opened
}

// delegate stores a delegation from alice to an agent.
func (w *world) delegate(to names.Principal) delegation.Chain {
	w.t.Helper()
	chain := delegationtest.MakeChain(w.t, "human.alice", delegationtest.Step{To: to})
	if err := w.open().Repo.StoreBundle(w.t.Context(), chain); err != nil {
		w.t.Fatal(err)
	}
	return chain
}
