package hooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/internal/gitserver"
)

// useServerRemit makes the stand-in for remit refuse mallory and say what it sees.
func (w *world) useServerRemit() {
	w.write(w.remit, `#!/bin/sh
who=${GL_USER:-${REMOTE_USER:-$GATE_USER}}
while read -r old new ref; do
	echo "remit: $who pushes a $(git cat-file -t "$new") to $ref, config $(grep -c '"version": 1' remit/server.json)" >&2
done
[ "$who" != mallory ]
`, 0o755)
}

// checkPush pushes as alice and as mallory, and wants said in what the hooks tell alice.
func checkPush(t *testing.T, w *world, s *gitserver.Server, work, repository, said string) {
	t.Helper()
	for _, user := range []string{"alice", "mallory"} {
		w.git(work, "commit", "-q", "--allow-empty", "-m", "by "+user)
		env := w.env
		w.env = append(append([]string{"LC_ALL=C"}, env...), s.Env(user)...)
		code, out := w.run(work, "", "git", "push", s.URL(user, repository), "HEAD:refs/heads/"+user)
		w.env = env
		want := "remit: " + user + " pushes a commit to refs/heads/" + user + ", config 1"
		if !strings.Contains(out, want) || !strings.Contains(out, said) || strings.Count(out, "remit: "+user) != 1 {
			t.Errorf("%s: %q and %q expected once: %s", user, want, said, out)
		}
		if (code == 0) != (user == "alice") {
			t.Errorf("%s: exit %d: %s", user, code, out)
		}
	}
}

func TestServerHookOverSSHAndHTTP(t *testing.T) {
	w := newWorld(t)
	w.useServerRemit()
	work, bare := w.repo()
	w.write(filepath.Join(bare, "hooks", "pre-receive"), "#!/bin/sh\necho earlier \"$(wc -l)\" >&2\n", 0o755)
	w.installServer(bare)
	users := []string{"alice", "mallory"}
	t.Run("ssh", func(t *testing.T) {
		checkPush(t, w, gitserver.SSH(t, w.dir, users), work, "bare.git", "earlier 1")
	})
	t.Run("http", func(t *testing.T) {
		checkPush(t, w, gitserver.HTTP(t, w.dir, users), work, "bare.git", "earlier 1")
	})
}

// The three places where gitolite lets an administrator put a pre-receive hook.
func TestServerHookInGitolite(t *testing.T) {
	w := newWorld(t)
	w.useServerRemit()
	work, _ := w.repo()
	g := gitserver.Gitolite(t, []string{"alice", "mallory"}, `repo one two three
    RW+ = alice mallory
repo three
    option hook.pre-receive = first pre-receive
`)
	install := func(repository, dir string) {
		t.Helper()
		c, err := hooks.Install(hooks.InstallOptions{
			HooksDir: dir, Set: hooks.Server, Remit: w.remit, GitDir: g.GitDir(repository), Server: &hooks.ServerConfig{RootKey: "k", PusherEnv: "GL_USER"},
		})
		if err != nil || len(c) != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	state := func(repository string) hooks.State {
		return conditions(t, filepath.Join(g.GitDir(repository), "hooks"))["pre-receive"]
	}

	t.Run("one repository", func(t *testing.T) {
		install("one", filepath.Join(g.GitDir("one"), "hooks"))
		g.Setup(t) // leaves it alone
		checkPush(t, w, g.Server, work, "one", "")
		if s := state("one"); s.Condition != hooks.Installed {
			t.Errorf("%+v", s)
		}
		if _, err := hooks.Uninstall(filepath.Join(g.GitDir("one"), "hooks")); err != nil {
			t.Error(err)
		}
	})
	t.Run("repo-specific", func(t *testing.T) {
		dir := filepath.Join(g.LocalCode, "hooks", "repo-specific")
		w.write(filepath.Join(dir, "first"), "#!/bin/sh\necho first \"$(wc -l)\" >&2\n", 0o755)
		install("three", dir)
		g.Setup(t)
		checkPush(t, w, g.Server, work, "three", "first 1")
		_, err := hooks.Install(hooks.InstallOptions{
			HooksDir: filepath.Join(g.GitDir("three"), "hooks"), Set: hooks.Server, Remit: w.remit, GitDir: g.GitDir("three"),
		})
		if err == nil || !strings.Contains(err.Error(), "gitolite") {
			t.Errorf("installed over gitolite's link: %v", err)
		}
	})
	t.Run("all repositories", func(t *testing.T) {
		dir := filepath.Join(g.LocalCode, "hooks", "common")
		w.write(filepath.Join(dir, "pre-receive"), "#!/bin/sh\necho common \"$(wc -l)\" >&2\n", 0o755)
		g.Setup(t)
		install("two", dir)
		// gitolite links remit's script at once, but the earlier hook under its new name only at its
		// next setup. In between nothing gets through unchecked.
		env := w.env
		w.env = append(append([]string{}, env...), g.Env("alice")...)
		if code, out := w.run(work, "", "git", "push", g.URL("alice", "two"), "HEAD:refs/heads/early"); code == 0 || !strings.Contains(out, "gone") {
			t.Errorf("exit %d: %s", code, out)
		}
		w.env = env
		g.Setup(t)
		checkPush(t, w, g.Server, work, "two", "common 1")
		if s := state("two"); s.Condition != hooks.Installed {
			t.Errorf("%+v", s)
		}
		if link, err := os.Readlink(filepath.Join(g.GitDir("two"), "hooks", "pre-receive")); err != nil || link != filepath.Join(dir, "pre-receive") {
			t.Errorf("linked to %q, %v", link, err)
		}
	})
}
