package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
)

func TestGetenv(t *testing.T) {
	e := Env{Environ: []string{"A=1", "AB=2", "A=3=4", "B"}}
	for name, want := range map[string]string{"A": "3=4", "AB": "2", "B": "", "C": "", "": ""} {
		if got := e.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	w := newWorld(t)
	w.write("work/a/b/c", "")
	w.gitIn(w.dir, "init", "-q", "--bare", w.path("bare.git"))
	w.git("worktree", "add", "-q", w.path("linked"), "-b", "other")
	main := w.path("work/.git")
	for dir, want := range map[string][3]string{
		"work":     {w.path("work"), main, main},
		"work/a/b": {w.path("work"), main, main},
		"linked":   {w.path("linked"), filepath.Join(main, "worktrees", "linked"), main},
		"bare.git": {"", w.path("bare.git"), w.path("bare.git")},
	} {
		got, err := Find(Env{Environ: w.env.Environ, Dir: w.path(dir)})
		if err != nil {
			t.Fatal(err)
		}
		if have := [3]string{got.Worktree, got.GitDir, got.CommonDir}; have != want || got.Repo != nil {
			t.Errorf("%s: %q, want %q", dir, have, want)
		}
	}
	_, err := Open(Env{Environ: w.env.Environ, Dir: w.dir})
	if !errors.Is(err, gitrepo.ErrNoRepository) || fault.KindOf(err) != fault.Usage || fault.FixOf(err) == "" {
		t.Errorf("beside it: %v", err)
	}
}

func TestHead(t *testing.T) {
	w := newWorld(t)
	head := func() string { return w.open().Head() }
	if got := head(); got != "refs/heads/main" {
		t.Errorf("on main it is %q", got)
	}
	w.git("checkout", "-q", "-b", "agent/pay")
	if got := head(); got != "refs/heads/agent/pay" {
		t.Errorf("on agent/pay it is %q", got)
	}
	w.git("checkout", "-q", "--detach")
	if got := head(); got != "HEAD" {
		t.Errorf("detached it is %q", got)
	}
	w.write("work/.git/rebase-merge/head-name", "refs/heads/agent/pay\n")
	if got := head(); got != "refs/heads/agent/pay" {
		t.Errorf("in a rebase it is %q", got)
	}
	w.write("work/.git/rebase-merge/head-name", "detached HEAD\n")
	if got := head(); got != "HEAD" {
		t.Errorf("in a rebase of no branch it is %q", got)
	}
}

func TestGitSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	if out, err := w.open().Git(t.Context(), "rev-parse", "--show-toplevel"); err != nil || out != w.path("work") {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := w.open().Git(t.Context(), "rev-parse", "--verify", "nothing"); err == nil || !strings.HasPrefix(err.Error(), "git rev-parse: fatal:") {
		t.Errorf("error %v", err)
	}
	bare := w.path("bare.git")
	w.gitIn(w.dir, "init", "-q", "--bare", bare)
	b, err := Find(Env{Environ: w.env.Environ, Dir: bare})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := b.Git(t.Context(), "rev-parse", "--is-bare-repository"); err != nil || out != "true" {
		t.Errorf("bare: %q, %v", out, err)
	}
}

func TestConfigValue(t *testing.T) {
	w := newWorld(t)
	w.git("config", "github.user", "alice")
	w.git("config", "a.path", "~/x")
	o := w.open()
	if got := o.ConfigValue(t.Context(), "github.user"); got != "alice" {
		t.Errorf("got %q", got)
	}
	if got, want := o.ConfigValue(t.Context(), "--type=path", "a.path"), filepath.Join(os.Getenv("HOME"), "x"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := o.ConfigValue(t.Context(), "github.users"); got != "" {
		t.Errorf("what is not set is %q", got)
	}
}

func TestStagedDiff(t *testing.T) {
	w := newWorld(t)
	w.write("work/a b", "x")
	w.write("work/unstaged", "x")
	w.git("add", "a b")
	staged := func(want ...string) {
		t.Helper()
		diff, err := w.open().StagedDiff(t.Context(), "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		changes, err := gitrepo.ParseRawDiff(diff)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, c := range changes {
			paths = append(paths, c.Path)
		}
		if strings.Join(paths, ",") != strings.Join(want, ",") {
			t.Errorf("staged are %q, want %q", paths, want)
		}
	}
	staged("a b")
	w.git("commit", "-q", "-m", "second")
	staged()
	w.git("checkout", "-q", "--orphan", "new") // before its first commit
	staged("a b")
}
