// Package gitserver runs real git servers on the loopback interface for tests: OpenSSH's sshd with a
// forced command for each user, git's HTTP backend, and gitolite. Server hooks then see what they see
// in earnest: quarantined objects, and the pusher in GATE_USER, REMOTE_USER or GL_USER.
//
// Everything lives in the test's temporary folders and is stopped when the test ends. A test is
// skipped where a server is not installed, unless REMIT_CI=1 is set: then it fails.
//
// Only tests may import it.
package gitserver

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Server is a running git server.
type Server struct {
	*Traffic                            // of an HTTP server; nil of others
	base     url.URL                    // of the folder that holds the repositories
	login    func(user string) []string // environment with which a user's git logs in
	who      func(user string) *url.Userinfo
	users    []string
	t        testing.TB
}

// URL is the clone URL of a repository for a user. The repository is named by its path below the
// served folder, such as "acme/shop.git"; for gitolite by gitolite's name for it, such as "shop".
func (s *Server) URL(user, repository string) string {
	s.t.Helper()
	s.known(user)
	u := s.base
	u.User = s.who(user)
	return u.JoinPath(repository).String()
}

// Env is what a user's git needs in its environment, as NAME=VALUE to append to it.
func (s *Server) Env(user string) []string {
	s.t.Helper()
	s.known(user)
	return append([]string{"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS="}, s.login(user)...)
}

func (s *Server) known(user string) {
	s.t.Helper()
	if !slices.Contains(s.users, user) {
		s.t.Fatalf("gitserver: no user %q was set up", user)
	}
}

// program finds an installed program. Without it the test is skipped, or fails if REMIT_CI=1.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, name+" is not installed")
	return ""
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("REMIT_CI") == "1" {
		t.Fatalf("gitserver: %s, and REMIT_CI=1 wants every test to run", why)
	}
	t.Skipf("gitserver: %s", why)
}

// serverEnv is the environment of the server's git: nobody's configuration but the repository's, and
// that nothing goes on behind a push's back, or waits for the disk.
func serverEnv(t testing.TB, home string) []string {
	t.Helper()
	config := filepath.Join(home, "git.config")
	writeFile(t, config, "[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n[core]\n\tfsync = none\n", 0o600)
	return []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + config}
}

// exports writes the sh command that puts variables into the environment.
func exports(env []string) string {
	text := "export"
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		text += " " + name + "=" + quote(value)
	}
	return text + "\n"
}

// quote writes s as one word of sh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
