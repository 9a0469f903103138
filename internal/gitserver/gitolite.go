package gitserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// GitoliteServer is a gitolite of its own, with its home in a temporary folder.
type GitoliteServer struct {
	*Server
	// Home is the home of the account that gitolite runs as; everything of gitolite's lies in it.
	Home string
	// LocalCode is where the administrator's own hooks lie (LOCAL_CODE), in hooks/common and, for
	// repositories with an "option hook.pre-receive" line, in hooks/repo-specific. Changes there
	// take effect by Run("setup").
	LocalCode string

	gitolite string
	env      []string
}

// Gitolite sets gitolite up, reached over sshd with gitolite-shell as each user's forced command.
// conf is its configuration, such as "repo shop\n  RW+ = alice\n". Hooks see who pushes in GL_USER.
func Gitolite(t testing.TB, users []string, conf string, env ...string) *GitoliteServer {
	t.Helper()
	home := t.TempDir()
	g := &GitoliteServer{
		Home: home, LocalCode: filepath.Join(home, "local"), gitolite: program(t, "gitolite"),
		env: append(append(serverEnv(t, home), "USER=git"), env...),
	}
	g.run(t, "setup", "-a", "nobody")
	bin := strings.TrimSpace(g.run(t, "query-rc", "GL_BINDIR"))
	shell := filepath.Join(bin, "gitolite-shell")
	if _, err := os.Stat(shell); err != nil {
		missing(t, "gitolite-shell is not installed: "+err.Error())
	}
	for _, d := range []string{"hooks/common", "hooks/repo-specific"} {
		if err := os.MkdirAll(filepath.Join(g.LocalCode, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rcFile := filepath.Join(home, ".gitolite.rc")
	b, err := os.ReadFile(rcFile)
	if err != nil {
		t.Fatal(err)
	}
	rc := strings.Replace(string(b), "ENABLE => [", "LOCAL_CODE => \"$ENV{HOME}/local\",\nENABLE => [\n'repo-specific-hooks',", 1)
	if !strings.Contains(rc, "'repo-specific-hooks',") {
		t.Fatal("gitserver: this gitolite's default configuration looks different")
	}
	writeFile(t, rcFile, rc, 0o600)
	writeFile(t, filepath.Join(home, ".gitolite", "conf", "gitolite.conf"), conf, 0o600)
	g.Setup(t)

	wrapper := filepath.Join(home, "shell")
	writeFile(t, wrapper, "#!/bin/sh\n"+exports(g.env)+"exec "+quote(shell)+" \"$1\"\n", 0o700)
	g.Server = sshServer(t, "/", users, func(user string) string { return wrapper + " " + user })
	return g
}

// Setup makes gitolite read its configuration and link the administrator's hooks again.
func (g *GitoliteServer) Setup(t testing.TB) {
	t.Helper()
	g.run(t, "compile")
	g.run(t, "setup", "--hooks-only")
	g.run(t, "trigger", "POST_COMPILE")
}

// GitDir is the folder of a repository.
func (g *GitoliteServer) GitDir(repository string) string {
	return filepath.Join(g.Home, "repositories", repository+".git")
}

// run runs the administrator's command.
func (g *GitoliteServer) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(g.gitolite, args...)
	cmd.Env, cmd.Dir = g.env, g.Home
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("gitserver: gitolite %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
