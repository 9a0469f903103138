package hooks_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/hooks"
)

// chained makes a repository whose core.hooksPath is a chain to existing.
func chained(t *testing.T, w *world, existing string) (work, dir string) {
	t.Helper()
	work, _ = w.repo()
	dir = filepath.Join(work, ".git", "remit", "hooks")
	if err := hooks.Chain(dir, existing, w.remit); err != nil {
		t.Fatal(err)
	}
	w.git(work, "config", "core.hooksPath", dir)
	return work, dir
}

func TestChain(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "their hooks")
	work, dir := chained(t, w, existing)

	w.git(work, "commit", "-q", "--allow-empty", "-m", "second")
	if got, want := w.logged(), "remit pre-commit\nremit prepare-commit-msg\n"; got != want {
		t.Errorf("nothing to chain to: ran %q, want %q", got, want)
	}
	// Hooks that are added later run, with git's arguments, input and environment.
	w.write(filepath.Join(existing, "pre-commit"), "#!/bin/sh\necho theirs \"${0##*/}\" >>\"$LOG\"\n", 0o755)
	w.write(filepath.Join(existing, "commit-msg"), "#!/bin/sh\necho \"theirs $# $(cat \"$1\") $GIT_EDITOR\" >>\"$LOG\"\n", 0o755)
	w.write(filepath.Join(existing, "post-commit"), "#!/bin/sh\necho not executable >>\"$LOG\"\n", 0o644)
	w.write(filepath.Join(existing, "post-rewrite"), "#!/bin/sh\necho \"$1\" >>\"$LOG\"\ncut -c41 >>\"$LOG\"\n", 0o755)
	w.mkdir(filepath.Join(existing, "post-checkout"))
	w.git(work, "commit", "-q", "--allow-empty", "-m", "third")
	if got, want := w.logged(), "theirs pre-commit\nremit pre-commit\nremit prepare-commit-msg\ntheirs 1 third :\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	w.git(work, "commit", "-q", "--amend", "--allow-empty", "--no-verify", "-m", "fourth")
	if got, want := w.logged(), "remit prepare-commit-msg\namend\n \n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	line := "refs/heads/main " + strings.TrimSpace(w.git(work, "rev-parse", "HEAD")) + " refs/heads/main " + strings.Repeat("0", 40) + "\n"
	w.write(filepath.Join(existing, "pre-push"), "#!/bin/sh\necho \"theirs $1\" >>\"$LOG\"\ncat >>\"$LOG\"\n[ ! -e \"$LOG.no\" ] || exit 5\n", 0o755)
	w.write(w.log+".no", "", 0o644)
	if code, _ := w.run(work, "", "git", "push", "-q", "origin", "main"); code == 0 || w.logged() != "theirs origin\n"+line {
		t.Error("their pre-push failed and the push went on")
	}
	if err := os.Remove(w.log + ".no"); err != nil {
		t.Fatal(err)
	}
	w.git(work, "push", "-q", "origin", "main")
	if got, want := w.logged(), "theirs origin\n"+line+"remit pre-push\n"+line; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	// Their commit-msg can still refuse.
	w.write(filepath.Join(existing, "commit-msg"), "#!/bin/sh\nexit 1\n", 0o755)
	if code, _ := w.run(work, "", "git", "commit", "-q", "--allow-empty", "-m", "x"); code == 0 {
		t.Error("their commit-msg failed and the commit went on")
	}
	// Doing it again changes nothing, and tells where it leads.
	before := snapshot(t, dir)
	if err := hooks.Chain(dir, existing, w.remit); err != nil || snapshot(t, dir) != before {
		t.Errorf("chaining twice: %v", err)
	}
	if to, err := hooks.ChainedTo(dir); err != nil || to != existing {
		t.Errorf("chained to %q, %v", to, err)
	}
	if err := hooks.Chain(dir, filepath.Join(w.dir, "other"), w.remit); err != nil {
		t.Fatal(err)
	}
	if to, err := hooks.ChainedTo(dir); err != nil || to != filepath.Join(w.dir, "other") {
		t.Errorf("chained to %q, %v", to, err)
	}
}

// If hooks are installed too, remit runs once.
func TestChainToInstalledHooks(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "work", ".git", "hooks")
	work, _ := chained(t, w, existing)
	w.write(filepath.Join(existing, "pre-commit"), "#!/bin/sh\necho theirs >>\"$LOG\"\n", 0o755)
	w.install(existing)
	w.git(work, "commit", "-q", "--allow-empty", "-m", "second")
	if got, want := w.logged(), "theirs\nremit pre-commit\nremit prepare-commit-msg\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	w.git(work, "push", "-q", "origin", "main")
	if got := w.logged(); strings.Count(got, "remit") != 1 {
		t.Errorf("ran %q", got)
	}
}

func TestChainWithoutRemit(t *testing.T) {
	w := newWorld(t)
	work, _ := chained(t, w, filepath.Join(w.dir, "hooks"))
	if err := os.Remove(w.remit); err != nil {
		t.Fatal(err)
	}
	code, out := w.run(work, "", "git", "commit", "-q", "--allow-empty", "-m", "second")
	if code == 0 || !strings.Contains(out, "no remit at") {
		t.Errorf("exit %d: %s", code, out)
	}
	_, undo, _ := strings.Cut(out, "without it: ")
	undo = strings.Replace(undo, "COMMAND", "commit -q --allow-empty -m second", 1)
	if code, out := w.run(work, "", "sh", "-c", undo); code != 0 {
		t.Errorf("%s: %s", undo, out)
	}
}

// Some hooks change git by being there: these are chained to only if they are.
func TestChainLeavesGitAsItIs(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "hooks")
	work, dir := chained(t, w, existing)
	names := func() []string {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, f := range files {
			list = append(list, f.Name())
		}
		return list
	}
	without := names()
	for _, name := range []string{"reference-transaction", "push-to-checkout", "proc-receive"} {
		if slices.Contains(without, name) {
			t.Errorf("%s is there", name)
		}
	}
	// A push into this repository still updates its work tree.
	w.git(work, "config", "receive.denyCurrentBranch", "updateInstead")
	other := filepath.Join(w.dir, "other")
	w.git(w.dir, "clone", "-q", work, other)
	w.write(filepath.Join(other, "f"), "x", 0o644)
	w.git(other, "add", "f")
	w.git(other, "commit", "-q", "-m", "second")
	w.git(other, "push", "-q", "origin", "main")
	if _, err := os.Stat(filepath.Join(work, "f")); err != nil {
		t.Errorf("the work tree was not updated: %v", err)
	}

	w.write(filepath.Join(existing, "reference-transaction"), "#!/bin/sh\necho \"$1 $(cut -d' ' -f3 | head -n1)\" >>\"$LOG\"\n", 0o755)
	if err := hooks.Chain(dir, existing, w.remit); err != nil {
		t.Fatal(err)
	}
	w.logged()
	w.git(work, "branch", "b")
	if got, want := w.logged(), "prepared refs/heads/b\ncommitted refs/heads/b\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	if err := os.Remove(filepath.Join(existing, "reference-transaction")); err != nil {
		t.Fatal(err)
	}
	if err := hooks.Chain(dir, existing, w.remit); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, without) {
		t.Errorf("%q, want %q", got, without)
	}
}

// Every hook that this git documents is chained to, or left out on purpose.
func TestChainKnowsEveryHook(t *testing.T) {
	w := newWorld(t)
	_, dir := chained(t, w, filepath.Join(w.dir, "hooks"))
	all := strings.Fields(`applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg
		commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update post-receive post-update
		pre-auto-gc post-rewrite sendemail-validate p4-changelist p4-prepare-changelist p4-post-changelist
		p4-pre-submit post-index-change`)
	for _, name := range all {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v", name, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(all) {
		t.Errorf("%d files, want %d (%v)", len(files), len(all), err)
	}
}

func TestChainRefuses(t *testing.T) {
	w := newWorld(t)
	dir, link := filepath.Join(w.dir, "chain"), filepath.Join(w.dir, "link")
	w.mkdir(dir)
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][3]string{
		"itself":               {dir, dir, w.remit},
		"itself, written else": {dir, dir + "/../chain/", w.remit},
		"itself by a link":     {dir, link, w.remit},
		"nothing":              {dir, "", w.remit},
		"a relative path":      {dir, ".husky/_", w.remit},
		"a home":               {dir, "~/hooks", w.remit},
		"no remit":             {dir, w.dir, ""},
		"a relative folder":    {"chain", w.dir, w.remit},
		"a newline":            {dir, "/a\nb", w.remit},
	} {
		if err := hooks.Chain(args[0], args[1], args[2]); err == nil {
			t.Errorf("chained to %s", name)
		}
	}
	if s := snapshot(t, dir); s != "" {
		t.Errorf("left behind:\n%s", s)
	}
	if to, err := hooks.ChainedTo(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no chain: %q, %v", to, err)
	}
}
