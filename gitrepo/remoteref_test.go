//go:build unix

package gitrepo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUsersGit: what git complains of when a remote is reached is told as git's own command, in one line in which
// nothing of a server's does anything, and git asks for a password only where somebody is there.
func TestUsersGit(t *testing.T) {
	r := newTestRepo(t)
	commit := r.commit("a")
	program := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\ncase \"$*\" in *get-url*) echo url; exit ;; esac\nprintf 'fatal: no\\n\\n  asks=%s \\033[31mred\\n' \"${GIT_TERMINAL_PROMPT-yes}\" >&2\nexit 128\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var environ []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_TERMINAL_PROMPT=") {
			environ = append(environ, v)
		}
	}
	for name, tc := range map[string]struct {
		asks bool
		env  []string
		want string
	}{
		"nobody is there":         {want: "fatal: no; asks=0 "},
		"somebody is":             {asks: true, want: "fatal: no; asks=yes "},
		"and wants no questions":  {asks: true, env: []string{"GIT_TERMINAL_PROMPT=0"}, want: "fatal: no; asks=0 "},
		"nobody, whatever is set": {env: []string{"GIT_TERMINAL_PROMPT=1"}, want: "fatal: no; asks=0 "},
	} {
		repo, err := Open(Options{GitDir: r.gitDir(), Git: program, Asks: tc.asks, Env: append(environ[:len(environ):len(environ)], tc.env...)})
		if err != nil {
			t.Fatal(err)
		}
		_, listErr := repo.RemoteRefs(context.Background(), "origin", "refs/x")
		_, pushErr := repo.CreateRef(context.Background(), "origin", "refs/x", commit)
		for command, err := range map[string]error{"git ls-remote: ": listErr, "git push: ": pushErr} {
			if err == nil || !strings.Contains(err.Error(), command+tc.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%s: %v, want %s%s", name, err, command, tc.want)
			}
		}
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	}
}
