package hooks_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/remit-sh/remit/hooks"
)

func itoa(n int) string { return strconv.Itoa(n) }

// useEnv gives this process the world's environment, for functions that run git themselves.
func (w *world) useEnv() {
	for _, v := range w.env {
		name, value, _ := strings.Cut(v, "=")
		w.t.Setenv(name, value)
	}
}

func TestLocate(t *testing.T) {
	w := newWorld(t)
	w.useEnv()
	work, bare := w.repo()
	sub := filepath.Join(work, "a", "b")
	w.mkdir(sub)
	linked := filepath.Join(w.dir, "linked")
	w.git(work, "worktree", "add", "-q", linked)
	home := filepath.Join(w.dir, "home")
	locate := func(dir string) hooks.Location {
		t.Helper()
		l, err := hooks.Locate(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	usual := filepath.Join(work, ".git", "hooks")
	for _, dir := range []string{work, sub, linked} {
		if l := locate(dir); l.HooksDir != usual || l.Configured != "" || l.Shared() || l.Bare || l.CommonDir != filepath.Join(work, ".git") {
			t.Errorf("%s: %+v", dir, l)
		}
	}
	if l := locate(bare); l.HooksDir != filepath.Join(bare, "hooks") || !l.Bare {
		t.Errorf("%+v", l)
	}
	w.git(work, "config", "core.hooksPath", ".husky/_")
	w.git(bare, "config", "core.hooksPath", "custom")
	for dir, want := range map[string]string{
		sub: filepath.Join(work, ".husky", "_"), linked: filepath.Join(linked, ".husky", "_"), bare: filepath.Join(bare, "custom"),
	} {
		if l := locate(dir); l.HooksDir != want || l.Shared() || l.Scope != "local" || filepath.IsAbs(l.Configured) {
			t.Errorf("%s: %+v, want %s", dir, l, want)
		}
	}
	w.git(work, "config", "--unset", "core.hooksPath")
	w.git(work, "config", "--global", "core.hooksPath", "~/my hooks")
	if l := locate(sub); l.HooksDir != filepath.Join(home, "my hooks") || !l.Shared() {
		t.Errorf("%+v", l)
	}
	w.git(work, "config", "core.hooksPath", "")
	if l, err := hooks.Locate(t.Context(), work); err == nil {
		t.Errorf("empty core.hooksPath: %+v", l)
	}
	if l, err := hooks.Locate(t.Context(), home); err == nil {
		t.Errorf("no repository: %+v", l)
	}
}

// husky points core.hooksPath at a folder whose scripts find their parts by their own name.
func TestInstallRespectsHooksPath(t *testing.T) {
	w := newWorld(t)
	w.useEnv()
	work, _ := w.repo()
	w.write(filepath.Join(work, ".husky", "pre-commit"), "echo mine >>\"$LOG\"\n", 0o644)
	dir := filepath.Join(work, ".husky", "_")
	w.write(filepath.Join(dir, "h"), "#!/usr/bin/env sh\nn=$(basename \"$0\")\ns=$(dirname \"$(dirname \"$0\")\")/$n\n[ ! -f \"$s\" ] && exit 0\nsh -e \"$s\" \"$@\"\nc=$?\nexit $c\n", 0o644)
	for _, name := range []string{"pre-commit", "commit-msg", "pre-push", "prepare-commit-msg"} {
		w.write(filepath.Join(dir, name), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n", 0o755)
	}
	w.git(work, "config", "core.hooksPath", ".husky/_")
	l, err := hooks.Locate(t.Context(), work)
	if err != nil {
		t.Fatal(err)
	}
	w.install(l.HooksDir)
	w.git(work, "commit", "-q", "--allow-empty", "-m", "second")
	if got, want := w.logged(), "mine\nremit pre-commit\nremit prepare-commit-msg\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	w.write(filepath.Join(work, ".husky", "pre-commit"), "exit 1\n", 0o644)
	if code, _ := w.run(work, "", "git", "commit", "-q", "--allow-empty", "-m", "third"); code == 0 {
		t.Error("husky's hook failed and the commit went through")
	}
	if _, err := os.Stat(filepath.Join(work, ".git", "hooks", "pre-commit")); err == nil {
		t.Error("also installed where git does not look")
	}
}
