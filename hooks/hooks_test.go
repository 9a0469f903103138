package hooks_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/hooks"
)

// world is a throw-away folder with a stand-in for remit and a git that reads nobody's configuration.
type world struct {
	t     *testing.T
	dir   string
	remit string // the stand-in
	log   string // what ran, a line each; "remit NAME args | input" for remit
	env   []string
}

// awkward is in every path of these tests.
const awkward = `it's a "dir" $(no) `

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), awkward)
	w := &world{t: t, dir: dir, remit: filepath.Join(dir, "bin'", "remit"), log: filepath.Join(dir, "log")}
	home := filepath.Join(dir, "home")
	w.mkdir(filepath.Dir(w.remit), home)
	w.env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(home, "config"),
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=a@example.com",
		"LOG=" + w.log,
	}
	w.write(w.remit, "#!/bin/sh\necho \"remit $2\" >>\"$LOG\"\n[ \"$2\" != pre-push ] && [ \"$2\" != pre-receive ] || cat >>\"$LOG\"\n[ ! -e \"$LOG.deny\" ]\n", 0o755)
	return w
}

func (w *world) mkdir(dirs ...string) {
	w.t.Helper()
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) write(path, text string, mode os.FileMode) {
	w.t.Helper()
	w.mkdir(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask
		w.t.Fatal(err)
	}
}

// logged returns what ran since the last call.
func (w *world) logged() string {
	w.t.Helper()
	b, err := os.ReadFile(w.log)
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	if err := os.RemoveAll(w.log); err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// run runs a command and returns its exit status and output.
func (w *world) run(dir, stdin, name string, args ...string) (int, string) {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, w.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		w.t.Fatalf("running %s: %v", name, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	code, out := w.run(dir, "", "git", args...)
	if code != 0 {
		w.t.Fatalf("git %q: exit %d: %s", args, code, out)
	}
	return out
}

// repo makes a repository with one commit and a bare one to push to.
func (w *world) repo() (work, bare string) {
	w.t.Helper()
	work, bare = filepath.Join(w.dir, "work"), filepath.Join(w.dir, "bare.git")
	w.git(w.dir, "init", "-q", "-b", "main", "--template=", work)
	w.git(w.dir, "init", "-q", "-b", "main", "--template=", "--bare", bare)
	w.git(work, "remote", "add", "origin", bare)
	w.git(work, "commit", "-q", "--allow-empty", "-m", "first")
	return work, bare
}

func (w *world) install(dir string) []hooks.Change {
	w.t.Helper()
	c, err := hooks.Install(hooks.InstallOptions{HooksDir: dir, Set: hooks.Client, Remit: w.remit})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) installServer(bare string) []hooks.Change {
	w.t.Helper()
	c, err := hooks.Install(hooks.InstallOptions{
		HooksDir: filepath.Join(bare, "hooks"), Set: hooks.Server, Remit: w.remit, GitDir: bare,
		Server: &hooks.ServerConfig{RootKey: "ssh-ed25519 AAAA alice", PusherEnv: "GATE_USER"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func conditions(t *testing.T, dir string) map[string]hooks.State {
	t.Helper()
	list, err := hooks.Status(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]hooks.State{}
	for _, s := range list {
		m[s.Hook] = s
	}
	return m
}

// snapshot describes every file below dir: name, mode, link target or bytes.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b.WriteString(path + " " + info.Mode().String() + " ")
		if info.Mode()&os.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			b.WriteString("-> " + to + "\n")
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		b.WriteString("\n")
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return b.String()
}

func TestClientHooksRunWithRealGit(t *testing.T) {
	w := newWorld(t)
	work, _ := w.repo()
	for _, c := range w.install(filepath.Join(work, ".git", "hooks")) {
		if c.Action != hooks.Created || c.Before != "" {
			t.Errorf("%+v", c)
		}
	}
	w.git(work, "commit", "-q", "--allow-empty", "-m", "second")
	if got, want := w.logged(), "remit pre-commit\nremit prepare-commit-msg\n"; got != want {
		t.Errorf("commit ran %q, want %q", got, want)
	}
	head := strings.TrimSpace(w.git(work, "rev-parse", "HEAD"))
	w.git(work, "push", "-q", "origin", "main")
	zero := strings.Repeat("0", 40)
	if got, want := w.logged(), "remit pre-push\nrefs/heads/main "+head+" refs/heads/main "+zero+"\n"; got != want {
		t.Errorf("push ran %q, want %q", got, want)
	}
	w.write(w.log+".deny", "", 0o644)
	if code, _ := w.run(work, "", "git", "commit", "-q", "--allow-empty", "-m", "third"); code == 0 {
		t.Error("a commit that remit denies went through")
	}
}

func TestEarlierHookRunsFirst(t *testing.T) {
	for _, shell := range []string{"dash", "bash"} {
		t.Run(shell, func(t *testing.T) {
			w := newWorld(t)
			work, _ := w.repo()
			dir := filepath.Join(work, ".git", "hooks")
			w.write(filepath.Join(dir, "pre-commit"), "#!/bin/sh\necho earlier pre-commit >>\"$LOG\"\nexit \"${FAIL:-0}\"\n", 0o755)
			w.write(filepath.Join(dir, "prepare-commit-msg"), "#!/bin/sh\necho \"earlier $# ${1##*/} $2\" >>\"$LOG\"\n", 0o755)
			w.write(filepath.Join(dir, "pre-push"), "#!/bin/sh\necho \"earlier $1\" >>\"$LOG\"\ncat >>\"$LOG\"\nexit \"${FAIL:-0}\"\n", 0o700)
			for _, c := range w.install(dir) {
				if c.Action != hooks.Created || c.Before != c.Path+".before-remit" {
					t.Errorf("%+v", c)
				}
			}
			if shell == "bash" {
				useShell(t, w, dir)
			}
			w.git(work, "commit", "-q", "--allow-empty", "-m", "second")
			want := "earlier pre-commit\nremit pre-commit\nearlier 2 COMMIT_EDITMSG message\nremit prepare-commit-msg\n"
			if got := w.logged(); got != want {
				t.Errorf("commit ran %q, want %q", got, want)
			}
			line := "refs/heads/main " + strings.TrimSpace(w.git(work, "rev-parse", "HEAD")) + " refs/heads/main " + strings.Repeat("0", 40) + "\n"
			w.env = append(w.env, "FAIL=7")
			if code, _ := w.run(work, "", "git", "push", "-q", "origin", "main"); code == 0 {
				t.Error("push went through although the earlier hook failed")
			}
			if got, want := w.logged(), "earlier origin\n"+line; got != want {
				t.Errorf("failing earlier hook: ran %q, want %q", got, want)
			}
			if code, _ := w.run(work, "", filepath.Join(dir, "pre-commit")); code != 7 {
				t.Errorf("exit status %d, want the earlier hook's 7", code)
			}
			w.logged()
			w.env = append(w.env, "FAIL=0")
			w.git(work, "push", "-q", "origin", "main")
			if got, want := w.logged(), "earlier origin\n"+line+"remit pre-push\n"+line; got != want {
				t.Errorf("push ran %q, want %q", got, want)
			}
		})
	}
}

// useShell makes the installed scripts run under bash, as they do where that is sh.
func useShell(t *testing.T, w *world, dir string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	for _, name := range hooks.Client.Names() {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w.write(path, strings.Replace(string(b), "#!/bin/sh", "#!"+bash+" --posix", 1), 0o755)
	}
}

func TestInputReachesBothHooksUnchanged(t *testing.T) {
	long := strings.Repeat("refs/heads/x 0123456789012345678901234567890123456789 refs/heads/x 0123456789012345678901234567890123456789\n", 20_000)
	for name, input := range map[string]string{
		"empty": "", "line": "a b c\n", "no newline at end": "a b c", "newlines at end": "a\n\n\n",
		"shell": "$(touch pwned) `touch pwned` \\n %s %d ' \" *\n", "2 MB": long,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bare := filepath.Join(w.dir, "bare.git")
			hook := filepath.Join(bare, "hooks", "pre-receive")
			w.write(hook, "#!/bin/sh\ncat >\"$LOG.earlier\"\n", 0o755)
			w.installServer(bare)
			if code, out := w.run(bare, input, hook); code != 0 || out != "" {
				t.Fatalf("exit %d: %s", code, out)
			}
			earlier, err := os.ReadFile(w.log + ".earlier")
			if err != nil || string(earlier) != input {
				t.Errorf("earlier hook read %d bytes, want %d (%v)", len(earlier), len(input), err)
			}
			if got := w.logged(); got != "remit pre-receive\n"+input {
				t.Errorf("remit read %d bytes, want %d", len(got)-len("remit pre-receive\n"), len(input))
			}
			if _, err := os.Stat(filepath.Join(bare, "pwned")); err == nil {
				t.Error("input was run as a command")
			}
		})
	}
	t.Run("earlier hook reads nothing", func(t *testing.T) {
		w := newWorld(t)
		hook := filepath.Join(w.dir, "bare.git", "hooks", "pre-receive")
		w.write(hook, "#!/bin/sh\nexit 0\n", 0o755)
		w.installServer(filepath.Join(w.dir, "bare.git"))
		if code, out := w.run(w.dir, long, hook); code != 0 || out != "" {
			t.Errorf("exit %d: %s", code, out)
		}
		if got := w.logged(); got != "remit pre-receive\n"+long {
			t.Errorf("remit read %d bytes", len(got))
		}
	})
}

// Hooks that look for their parts by their own name must not be led astray by being renamed.
func TestEarlierHookKeepsItsName(t *testing.T) {
	for name, tt := range map[string]struct{ hook, want string }{
		"husky": {"#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n", "husky pre-push\nremit pre-push\n"},
		"folder of hooks": {
			"#!/bin/bash\ndata=$(cat)\nfor hook in \"$(dirname \"$0\")/$(basename \"$0\").d\"/*; do\n\techo \"$data\" | \"$hook\" \"$@\" || exit\ndone\n",
			"part a b in\nremit pre-push\n",
		},
		"strict shell":  {"#!/bin/sh -e\nn=${0##*/}\nfalse\necho unreachable >>\"$LOG\"\n", ""},
		"fails":         {"#!/bin/sh\nn=${0##*/}\necho $n >>\"$LOG\"\nexit 9\n", "pre-push\n"},
		"main guard":    {"#!/bin/bash\nd=$(dirname \"$0\")\n[ \"${BASH_SOURCE[0]}\" = \"$0\" ] && echo main >>\"$LOG\"\n", "main\nremit pre-push\n"},
		"reads itself":  {"#!/bin/sh\ngrep -c UNIQUE \"$0\" >>\"$LOG\"\n", "1\nremit pre-push\n"},
		"other program": {"#!/usr/bin/env -S perl -w\nopen(L, '>>', $ENV{LOG}); print L \"perl @ARGV\\n\";\n", "perl a b\nremit pre-push\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(w.dir, "_")
			w.write(filepath.Join(dir, "pre-push"), tt.hook, 0o755)
			w.write(filepath.Join(dir, "h"), "echo husky \"$(basename \"$0\")\" >>\"$LOG\"\n", 0o644)
			w.write(filepath.Join(dir, "pre-push.d", "a"), "#!/bin/sh\necho \"part $* $(cat)\" >>\"$LOG\"\n", 0o755)
			before := snapshot(t, dir)
			w.install(dir)
			code, out := w.run(w.dir, "in\n", filepath.Join(dir, "pre-push"), "a", "b")
			want := tt.want
			if strings.HasSuffix(want, "remit pre-push\n") {
				want += "in\n"
			} else if code == 0 {
				t.Error("failure was lost")
			}
			if got := w.logged(); got != want {
				t.Errorf("ran %q, want %q (exit %d: %s)", got, want, code, out)
			}
			if _, err := hooks.Uninstall(dir); err != nil {
				t.Fatal(err)
			}
			if after := snapshot(t, dir); after != before {
				t.Errorf("after uninstall:\n%s\nwant:\n%s", after, before)
			}
		})
	}
}

func TestUninstallRestoresBytesModeAndLinks(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.dir, "hooks")
	w.write(filepath.Join(w.dir, "target"), "#!/bin/sh\necho linked >>\"$LOG\"\n", 0o755)
	w.write(filepath.Join(dir, "pre-commit"), "#!/bin/sh\necho \x00\xff odd bytes", 0o750)
	w.write(filepath.Join(dir, "pre-push.sample"), "sample", 0o644)
	w.write(filepath.Join(dir, "prepare-commit-msg"), "#!/bin/sh\necho not run >>\"$LOG\"\n", 0o644)
	if err := os.Symlink("../target", filepath.Join(dir, "pre-push")); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, w.dir)
	w.install(dir)
	if code, _ := w.run(w.dir, "", filepath.Join(dir, "pre-push")); code != 0 {
		t.Errorf("linked hook: exit %d", code)
	}
	if code, _ := w.run(w.dir, "", filepath.Join(dir, "prepare-commit-msg")); code != 0 {
		t.Errorf("hook that was not executable: exit %d", code)
	}
	if got, want := w.logged(), "linked\nremit pre-push\nremit prepare-commit-msg\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	changes, err := hooks.Uninstall(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if want := map[bool]hooks.Action{true: hooks.Unchanged, false: hooks.Restored}[c.Hook == "pre-receive"]; c.Action != want {
			t.Errorf("%s: %s, want %s", c.Hook, c.Action, want)
		}
	}
	if after := snapshot(t, w.dir); after != before {
		t.Errorf("after uninstall:\n%s\nwant:\n%s", after, before)
	}
	if _, err := hooks.Uninstall(dir); err != nil || snapshot(t, w.dir) != before {
		t.Errorf("uninstalling twice changed something (%v)", err)
	}
	if _, err := hooks.Uninstall(filepath.Join(w.dir, "nowhere")); err != nil {
		t.Errorf("uninstalling where nothing is: %v", err)
	}
}

func TestInstallTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.dir, "hooks")
	w.write(filepath.Join(dir, "pre-commit"), "#!/bin/sh\n", 0o755)
	w.install(dir)
	once := snapshot(t, dir)
	for _, c := range w.install(dir) {
		if c.Action != hooks.Unchanged {
			t.Errorf("%+v", c)
		}
	}
	if snapshot(t, dir) != once {
		t.Error("installing twice changed something")
	}
	// Another remit: updated, and the earlier hook is still the earlier hook.
	old := w.remit
	w.remit = filepath.Join(w.dir, "other", "remit")
	for _, c := range w.install(dir) {
		if c.Action != hooks.Updated {
			t.Errorf("%+v", c)
		}
	}
	if s := conditions(t, dir)["pre-commit"]; s.Remit != w.remit || s.Condition != hooks.Installed || s.Before == "" || s.Note == "" {
		t.Errorf("%+v", s)
	}
	w.remit = old
	w.install(dir)
	if snapshot(t, dir) != once {
		t.Error("installing the first remit again gave something else")
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.dir, "hooks")
	for name, s := range conditions(t, dir) {
		if s.Condition != hooks.Absent {
			t.Errorf("no folder: %s is %s", name, s.Condition)
		}
	}
	w.install(dir)
	push := filepath.Join(dir, "pre-push")
	script, err := os.ReadFile(push)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		damage func()
		want   hooks.Condition
		note   bool
	}{
		"whole":           {func() {}, hooks.Installed, false},
		"line added":      {func() { w.write(push, string(script)+"true\n", 0o755) }, hooks.Changed, true},
		"cut short":       {func() { w.write(push, string(script[:len(script)-2]), 0o755) }, hooks.Changed, true},
		"check disabled":  {func() { w.write(push, strings.Replace(string(script), "exec", "exit", 1), 0o755) }, hooks.Changed, true},
		"other hook's":    {func() { w.write(push, strings.Replace(string(script), "hook pre-push", "hook pre-commit", 1), 0o755) }, hooks.Changed, true},
		"marker only":     {func() { w.write(push, "#!/bin/sh\n# remit-hook pre-push", 0o755) }, hooks.Changed, true},
		"not executable":  {func() { w.write(push, string(script), 0o644) }, hooks.Changed, true},
		"somebody else's": {func() { w.write(push, "#!/bin/sh\n# remit-hooks are nice\n", 0o755) }, hooks.Foreign, false},
		"empty":           {func() { w.write(push, "", 0o755) }, hooks.Foreign, false},
		"large program":   {func() { w.write(push, strings.Repeat("x", 2<<20), 0o755) }, hooks.Foreign, false},
		"deleted":         {func() { _ = os.Remove(push) }, hooks.Absent, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.write(push, string(script), 0o755)
			tt.damage()
			s := conditions(t, dir)["pre-push"]
			if s.Condition != tt.want || (s.Note != "") != tt.note {
				t.Errorf("%+v, want %s", s, tt.want)
			}
			_ = os.RemoveAll(push + ".before-remit")
		})
	}
}

func TestChangedHookIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.dir, "hooks")
	w.install(dir)
	push := filepath.Join(dir, "pre-push")
	script, _ := os.ReadFile(push)
	text := string(script) + "# mine\n"
	w.write(push, text, 0o755)
	changes, err := hooks.Install(hooks.InstallOptions{HooksDir: dir, Set: hooks.Client, Remit: w.remit})
	if err == nil || len(changes) != 2 {
		t.Errorf("install over a changed hook: %v, %v", changes, err)
	}
	changes, err = hooks.Uninstall(dir)
	if err == nil || len(changes) != 3 {
		t.Errorf("uninstall of a changed hook: %v, %v", changes, err)
	}
	if b, _ := os.ReadFile(push); string(b) != text {
		t.Error("the changed hook was touched")
	}
}

func TestAnotherToolReplacesTheScript(t *testing.T) {
	const earlier, other = "#!/bin/sh\necho a\n", "#!/bin/sh\necho b\n"
	w := newWorld(t)
	dir := filepath.Join(w.dir, "hooks")
	push := filepath.Join(dir, "pre-push")
	w.write(push, earlier, 0o755)
	w.install(dir)
	w.write(push, earlier, 0o755) // the tool writes what it wrote before
	if s := conditions(t, dir)["pre-push"]; s.Condition != hooks.Foreign {
		t.Errorf("%+v", s)
	}
	w.install(dir)
	if s := conditions(t, dir)["pre-push"]; s.Condition != hooks.Installed || s.Before == "" {
		t.Errorf("%+v", s)
	}
	w.write(push, other, 0o755) // it writes something else: neither may be lost
	before := snapshot(t, dir)
	if _, err := hooks.Install(hooks.InstallOptions{HooksDir: dir, Set: hooks.Client, Remit: w.remit}); err == nil || !strings.Contains(err.Error(), "two earlier hooks") {
		t.Errorf("error %v", err)
	}
	if snapshot(t, dir) != before {
		t.Error("a refused install changed something")
	}
	if _, err := hooks.Uninstall(dir); err == nil {
		t.Error("uninstall did not tell of two earlier hooks")
	}
	a, _ := os.ReadFile(push)
	b, _ := os.ReadFile(push + ".before-remit")
	if string(a) != other || string(b) != earlier {
		t.Errorf("lost a hook: %q, %q", a, b)
	}
}

func TestWhatIsMissingStops(t *testing.T) {
	w := newWorld(t)
	work, bare := w.repo()
	dir := filepath.Join(work, ".git", "hooks")
	w.write(filepath.Join(dir, "pre-push"), "#!/bin/sh\n", 0o755)
	w.install(dir)
	w.installServer(bare)
	if err := os.Rename(w.remit, w.remit+".gone"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"commit", "--allow-empty", "-m", "x"}, {"push", "origin", "main"}, {"push", "--no-verify", "origin", "main"}} {
		if code, out := w.run(work, "", "git", args...); code == 0 || !strings.Contains(out, "remit") {
			t.Errorf("git %s without remit: exit %d, %s", args[0], code, out)
		}
	}
	if code, out := w.run(work, "", filepath.Join(dir, "pre-push")); code != 3 || !strings.Contains(out, "mv -f ") {
		t.Errorf("exit %d, %s", code, out)
	}
	// What the message says mends it, quotes in the path and all.
	_, out := w.run(work, "", filepath.Join(dir, "pre-commit"))
	_, undo, _ := strings.Cut(out, "without it: ")
	if code, out := w.run(work, "", "sh", "-c", undo); code != 0 {
		t.Errorf("%s: %s", undo, out)
	}
	if s := conditions(t, dir)["pre-commit"]; s.Condition != hooks.Absent {
		t.Errorf("%+v", s)
	}
	// A remit in PATH serves, but not one found relative to the current folder.
	name := filepath.Join(work, "remit")
	if err := os.Rename(w.remit+".gone", name); err != nil {
		t.Fatal(err)
	}
	env := w.env
	w.env = slices.Concat(env, []string{"PATH=.:" + os.Getenv("PATH")})
	if code, _ := w.run(work, "", filepath.Join(dir, "pre-push")); code != 3 {
		t.Errorf("a remit in the current folder was run (exit %d)", code)
	}
	w.env = slices.Concat(env, []string{"PATH=" + work + ":" + os.Getenv("PATH")})
	if code, out := w.run(work, "", filepath.Join(dir, "pre-push")); code != 0 {
		t.Errorf("a remit in PATH was not run: exit %d, %s", code, out)
	}
	// An earlier hook that disappears stops too; installing again goes on without it.
	if err := os.Remove(filepath.Join(dir, "pre-push.before-remit")); err != nil {
		t.Fatal(err)
	}
	if code, out := w.run(work, "", filepath.Join(dir, "pre-push")); code != 3 || !strings.Contains(out, "is gone") {
		t.Errorf("exit %d, %s", code, out)
	}
	if s := conditions(t, dir)["pre-push"]; s.Condition != hooks.Changed {
		t.Errorf("%+v", s)
	}
	w.install(dir)
	if code, out := w.run(work, "", filepath.Join(dir, "pre-push")); code != 0 {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestInstallRefuses(t *testing.T) {
	w := newWorld(t)
	ok := hooks.InstallOptions{HooksDir: filepath.Join(w.dir, "hooks"), Set: hooks.Client, Remit: w.remit}
	key := &hooks.ServerConfig{RootKey: "ssh-ed25519 AAAA"}
	for name, change := range map[string]func(*hooks.InstallOptions){
		"no set":                  func(o *hooks.InstallOptions) { o.Set = 0 },
		"unknown set":             func(o *hooks.InstallOptions) { o.Set = 9 },
		"no folder":               func(o *hooks.InstallOptions) { o.HooksDir = "" },
		"relative folder":         func(o *hooks.InstallOptions) { o.HooksDir = "hooks" },
		"no remit":                func(o *hooks.InstallOptions) { o.Remit = "" },
		"relative remit":          func(o *hooks.InstallOptions) { o.Remit = "bin/remit" },
		"newline in remit":        func(o *hooks.InstallOptions) { o.Remit = "/a\nexit 0" },
		"escape in folder":        func(o *hooks.InstallOptions) { o.HooksDir = "/a\x1b[2J" },
		"server without config":   func(o *hooks.InstallOptions) { o.Set, o.GitDir = hooks.Server, w.dir },
		"server without key":      func(o *hooks.InstallOptions) { o.Set, o.GitDir, o.Server = hooks.Server, w.dir, &hooks.ServerConfig{} },
		"server without folder":   func(o *hooks.InstallOptions) { o.Set, o.Server = hooks.Server, key },
		"client with config":      func(o *hooks.InstallOptions) { o.Server, o.GitDir = key, w.dir },
		"another hook's drop-ins": func(o *hooks.InstallOptions) { o.HooksDir = filepath.Join(w.dir, "post-receive.d") },
	} {
		t.Run(name, func(t *testing.T) {
			o := ok
			change(&o)
			if c, err := hooks.Install(o); err == nil {
				t.Errorf("installed %v", c)
			}
			if s := snapshot(t, filepath.Join(w.dir, "hooks")); s != "" {
				t.Errorf("left behind:\n%s", s)
			}
		})
	}
	if _, err := hooks.Install(ok); err != nil {
		t.Errorf("the same options unchanged: %v", err)
	}
}

func TestServersThatOwnTheirHooks(t *testing.T) {
	w := newWorld(t)
	bare := filepath.Join(w.dir, "bare.git")
	dir := filepath.Join(bare, "hooks")
	o := hooks.InstallOptions{HooksDir: dir, Set: hooks.Server, Remit: w.remit, GitDir: bare, Server: &hooks.ServerConfig{RootKey: "k"}}

	w.write(filepath.Join(dir, "pre-receive"), "#!/usr/bin/env bash\n# AUTO GENERATED BY GITEA, DO NOT MODIFY\n", 0o755)
	if _, err := hooks.Install(o); err == nil || !strings.Contains(err.Error(), "pre-receive.d") {
		t.Errorf("over Gitea's: %v", err)
	}
	o.HooksDir = filepath.Join(dir, "pre-receive.d")
	c, err := hooks.Install(o)
	if err != nil || len(c) != 1 || filepath.Base(c[0].Path) != "remit" {
		t.Fatalf("%+v, %v", c, err)
	}
	if code, out := w.run(bare, "x\n", c[0].Path); code != 0 || w.logged() != "remit pre-receive\nx\n" {
		t.Errorf("exit %d: %s", code, out)
	}
	if s := conditions(t, o.HooksDir); len(s) != 1 || s["pre-receive"].Condition != hooks.Installed {
		t.Errorf("%+v", s)
	}
	if _, err := hooks.Uninstall(o.HooksDir); err != nil || snapshot(t, o.HooksDir) != "" {
		t.Errorf("not gone: %v", err)
	}

	w.write(filepath.Join(o.HooksDir, "remit"), "#!/bin/sh\n", 0o755)
	if _, err := hooks.Install(o); err == nil || !strings.Contains(err.Error(), "not remit's") {
		t.Errorf("over somebody's drop-in: %v", err)
	}

	// gitolite's link to its driver of several hooks; the same link elsewhere is just a link.
	if err := os.Remove(filepath.Join(dir, "pre-receive")); err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(w.dir, "driver"), "#!/bin/sh\n", 0o755)
	if err := os.Symlink(filepath.Join(w.dir, "driver"), filepath.Join(dir, "pre-receive")); err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(bare, "gl-conf"), "", 0o644)
	o.HooksDir = dir
	if _, err := hooks.Install(o); err == nil || !strings.Contains(err.Error(), "gitolite") {
		t.Errorf("over gitolite's: %v", err)
	}
	if err := os.Remove(filepath.Join(bare, "gl-conf")); err != nil {
		t.Fatal(err)
	}
	if _, err := hooks.Install(o); err != nil {
		t.Errorf("over a link: %v", err)
	}
}

// A hook that is linked from where remit was installed, as gitolite links hooks/common.
func TestLinkToRemitsHook(t *testing.T) {
	w := newWorld(t)
	common, bare := filepath.Join(w.dir, "common"), filepath.Join(w.dir, "bare.git")
	o := hooks.InstallOptions{HooksDir: common, Set: hooks.Server, Remit: w.remit, GitDir: bare, Server: &hooks.ServerConfig{RootKey: "k"}}
	w.mkdir(filepath.Join(bare, "hooks"))
	if _, err := hooks.Install(o); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(bare, "hooks", "pre-receive")
	if err := os.Symlink(filepath.Join(common, "pre-receive"), link); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, w.dir)
	if s := conditions(t, filepath.Dir(link))["pre-receive"]; s.Condition != hooks.Installed {
		t.Errorf("%+v", s)
	}
	o.HooksDir = filepath.Dir(link)
	if c, err := hooks.Install(o); err != nil || c[0].Action != hooks.Unchanged {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := hooks.Uninstall(o.HooksDir); err == nil {
		t.Error("uninstall took a link away")
	}
	if snapshot(t, w.dir) != before {
		t.Error("something changed")
	}
}

// The script that git runs becomes remit: the process stays the same one.
func TestScriptIsOneExec(t *testing.T) {
	w := newWorld(t)
	w.write(w.remit, "#!/bin/sh\necho $$\n", 0o755)
	dir := filepath.Join(w.dir, "hooks")
	w.install(dir)
	cmd := exec.Command(filepath.Join(dir, "pre-push"))
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(out.String()), cmd.Process.Pid; got != itoa(want) {
		t.Errorf("remit ran as process %s, git started %d", got, want)
	}
}

func BenchmarkScript(b *testing.B) {
	dir := b.TempDir()
	remit, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := hooks.Install(hooks.InstallOptions{HooksDir: dir, Set: hooks.Client, Remit: remit}); err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{"through the script": filepath.Join(dir, "pre-push"), "the program alone": remit} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(path).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
