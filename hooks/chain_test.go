package hooks_test

import (
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
	if err := w.chain(dir, existing).Write(existing); err != nil {
		t.Fatal(err)
	}
	w.git(work, "config", "core.hooksPath", dir)
	return work, dir
}

func (w *world) chain(dir, existing string) hooks.Chain {
	return hooks.Chain{Dir: dir, Value: dir, Usual: existing, Remit: w.remit, Undo: "git config --unset core.hooksPath"}
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
	if got, want := w.logged(), "theirs pre-commit\nremit pre-commit\nremit prepare-commit-msg\ntheirs 1 third :\nremit commit-msg\n"; got != want {
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
	// Doing it again changes nothing.
	before := snapshot(t, dir)
	if err := w.chain(dir, existing).Write(existing); err != nil || snapshot(t, dir) != before {
		t.Errorf("chaining twice: %v", err)
	}
}

// An editor may have left anything of the message; without one and without a hook nobody touched it.
func TestChainLooksAtTheMessageAgain(t *testing.T) {
	w := newWorld(t)
	work, _ := chained(t, w, filepath.Join(w.dir, "none"))
	w.env = append(w.env, "GIT_EDITOR=echo edited >>")
	w.git(work, "commit", "-q", "--allow-empty", "-m", "second", "-e")
	if got, want := w.logged(), "remit pre-commit\nremit prepare-commit-msg\nremit commit-msg\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

// A core.hooksPath that is set later is followed, wherever it stands in the configuration; the chain's own is not.
func TestChainFollows(t *testing.T) {
	w := newWorld(t)
	usual := filepath.Join(w.dir, "work", ".git", "hooks")
	work, dir := chained(t, w, usual)
	w.write(filepath.Join(usual, "post-commit"), "#!/bin/sh\necho usual >>\"$LOG\"\n", 0o755)
	theirs := filepath.Join(work, "their hooks")
	w.write(filepath.Join(theirs, "post-commit"), "#!/bin/sh\necho theirs >>\"$LOG\"\n", 0o755)
	w.write(filepath.Join(theirs, "pre-commit"), "#!/bin/sh\necho theirs first >>\"$LOG\"\n", 0o755)
	for _, c := range []struct {
		values []string
		want   string
	}{
		{[]string{dir}, "remit pre-commit\nremit prepare-commit-msg\nusual\n"},
		{[]string{"their hooks", dir}, "theirs first\nremit pre-commit\nremit prepare-commit-msg\ntheirs\n"},
		{[]string{"/nowhere", theirs, dir}, "theirs first\nremit pre-commit\nremit prepare-commit-msg\ntheirs\n"},
		{[]string{"their hooks", "", dir}, "theirs first\nremit pre-commit\nremit prepare-commit-msg\ntheirs\n"},
		{[]string{dir + "/../hooks", dir}, "remit pre-commit\nremit prepare-commit-msg\nusual\n"}, // itself, by another name
	} {
		w.git(work, "config", "--unset-all", "core.hooksPath")
		for _, v := range c.values {
			w.git(work, "config", "--add", "core.hooksPath", v)
		}
		w.logged()
		w.git(work, "commit", "-q", "--allow-empty", "-m", "x")
		if got := w.logged(); got != c.want {
			t.Errorf("%q: ran %q, want %q", c.values, got, c.want)
		}
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
	if code, out := w.run(work, "", "sh", "-c", undo+"\ngit commit -q --allow-empty -m second"); code != 0 {
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
	for _, name := range []string{"reference-transaction", "post-index-change", "push-to-checkout", "proc-receive"} {
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
	if err := w.chain(dir, existing).Write(existing); err != nil {
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
	if err := w.chain(dir, existing).Write(existing); err != nil {
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
		p4-pre-submit`)
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
	for name, c := range map[string]hooks.Chain{
		"itself":               {Dir: dir, Value: dir, Usual: dir, Remit: w.remit},
		"itself, written else": {Dir: dir, Value: dir, Usual: dir + "/../chain/", Remit: w.remit},
		"itself by a link":     {Dir: dir, Value: dir, Usual: link, Remit: w.remit},
		"nothing":              {Dir: dir, Value: dir, Remit: w.remit},
		"a relative path":      {Dir: dir, Value: dir, Usual: ".husky/_", Remit: w.remit},
		"no remit":             {Dir: dir, Value: dir, Usual: w.dir},
		"a relative folder":    {Dir: "chain", Value: dir, Usual: w.dir, Remit: w.remit},
		"a newline":            {Dir: dir, Value: dir, Usual: "/a\nb", Remit: w.remit},
		"a value of two lines": {Dir: dir, Value: "a\nb", Usual: w.dir, Remit: w.remit},
	} {
		if err := c.Write(w.dir); err == nil {
			t.Errorf("chained to %s", name)
		}
	}
	if s := snapshot(t, dir); s != "" {
		t.Errorf("left behind:\n%s", s)
	}
}

// How the chain's hooks stand is told without changing them, the ones that run first and those of other tools too.
func TestChainStates(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "their hooks")
	w.write(filepath.Join(existing, "pre-push"), say("theirs"), 0o755)
	_, dir := chained(t, w, existing)
	if err := os.Remove(filepath.Join(dir, "prepare-commit-msg")); err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(dir, "pre-commit"), say("other"), 0o755)
	before := snapshot(t, dir)
	states, err := w.chain(dir, existing).States(existing)
	if err != nil || snapshot(t, dir) != before {
		t.Fatal(err)
	}
	got := map[string]hooks.State{}
	for _, s := range states {
		got[s.Hook] = s
	}
	if s := got["pre-push"]; s.Condition != hooks.Installed || s.Before != filepath.Join(existing, "pre-push") || s.Remit != w.remit || s.Note != "" {
		t.Errorf("%+v", s)
	}
	if got["prepare-commit-msg"].Condition != hooks.Absent || got["pre-commit"].Condition != hooks.Foreign {
		t.Errorf("%+v", got)
	}
	if err := os.Rename(w.remit, w.remit+".gone"); err != nil {
		t.Fatal(err)
	}
	states, err = w.chain(dir, existing).States(existing)
	if err != nil || !slices.ContainsFunc(states, func(s hooks.State) bool { return s.Hook == "pre-push" && strings.Contains(s.Note, "no remit at") }) {
		t.Errorf("%+v, %v", states, err)
	}
}
