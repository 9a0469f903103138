package gitserver_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/internal/gitserver"
)

// hook tells the pusher what it sees, and refuses mallory.
const hook = `#!/bin/sh
while read -r old new ref; do
	echo "pusher ${GL_USER:-${REMOTE_USER:-$GATE_USER}} ref $ref type $(git cat-file -t "$new") quarantine ${GIT_QUARANTINE_PATH:+yes} extra $EXTRA" >&2
done
[ "${GL_USER:-${REMOTE_USER:-$GATE_USER}}" != mallory ]
`

// client is a user with a work tree.
type client struct {
	t   *testing.T
	dir string
	env []string
}

func newClient(t *testing.T) *client {
	t.Helper()
	c := &client{t: t, dir: t.TempDir(), env: []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}}
	c.git("init", "-q", "-b", "main")
	return c
}

func (c *client) try(env []string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = c.dir, append(append([]string{}, c.env...), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *client) git(args ...string) string {
	c.t.Helper()
	out, err := c.try(nil, args...)
	if err != nil {
		c.t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(out)
}

// checkPushes pushes as alice and as mallory and checks what the hook saw and did.
func checkPushes(t *testing.T, s *gitserver.Server, repository, bare string) {
	t.Helper()
	c := newClient(t)
	if err := os.WriteFile(filepath.Join(c.dir, "noise"), noise(3<<20), 0o600); err != nil { // too large for one HTTP request
		t.Fatal(err)
	}
	c.git("add", "noise")
	c.git("commit", "-q", "-m", "first")
	for _, user := range []string{"alice", "mallory"} {
		out, err := c.try(s.Env(user), "push", s.URL(user, repository), "main:refs/heads/"+user)
		want := fmt.Sprintf("pusher %s ref refs/heads/%s type commit quarantine yes extra it's there", user, user)
		if !strings.Contains(out, want) {
			t.Errorf("the hook did not say %q: %s", want, out)
		}
		if (err == nil) != (user == "alice") {
			t.Errorf("push by %s: %v", user, err)
		}
		c.git("commit", "-q", "--allow-empty", "-m", "for the next")
	}
	out, err := c.try(s.Env("alice"), "ls-remote", s.URL("alice", repository))
	if err != nil || !strings.Contains(out, "refs/heads/alice") || strings.Contains(out, "refs/heads/mallory") {
		t.Errorf("refs: %v: %s", err, out)
	}
	// What was refused stayed in quarantine.
	if _, err := c.try(nil, "-C", bare, "cat-file", "-e", c.git("rev-parse", "main~1")); err == nil {
		t.Error("mallory's commit is in the repository")
	}
	if _, err := c.try(nil, "-C", bare, "cat-file", "-e", c.git("rev-parse", "main~2")); err != nil {
		t.Errorf("alice's commit is not in the repository: %v", err)
	}
}

// noise is data that does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// bareRepository makes a repository with the hook.
func bareRepository(t *testing.T) (dir, bare string) {
	t.Helper()
	dir = t.TempDir()
	bare = filepath.Join(dir, "acme", "shop.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--template=", bare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	putHook(t, filepath.Join(bare, "hooks", "pre-receive"))
	return dir, bare
}

func putHook(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(hook), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestSSH(t *testing.T) {
	dir, bare := bareRepository(t)
	s := gitserver.SSH(t, dir, []string{"alice", "mallory"}, "EXTRA=it's there")
	checkPushes(t, s, "acme/shop.git", bare)

	c := newClient(t)
	command := s.Env("alice")
	ssh := strings.TrimPrefix(command[len(command)-1], "GIT_SSH_COMMAND=")
	url := strings.SplitN(strings.TrimPrefix(s.URL("alice", ""), "ssh://"), "/", 2)[0]
	account, address, _ := strings.Cut(url, "@")
	host, port, _ := strings.Cut(address, ":")
	out, err := exec.Command("sh", "-c", ssh+" -p "+port+" "+account+"@"+host+" id").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "only git is served here") {
		t.Errorf("a command other than git's: %v: %s", err, out)
	}
	if _, err := c.try(append(s.Env("alice"), "GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o IdentityFile=none -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"), "ls-remote", s.URL("alice", "acme/shop.git")); err == nil {
		t.Error("read without a key")
	}
}

func TestHTTP(t *testing.T) {
	dir, bare := bareRepository(t)
	s := gitserver.HTTP(t, dir, []string{"alice", "mallory"}, "EXTRA=it's there")
	checkPushes(t, s, "acme/shop.git", bare)

	c := newClient(t)
	c.git("commit", "-q", "--allow-empty", "-m", "x")
	good := s.URL("alice", "acme/shop.git")
	if _, err := c.try(s.Env("alice"), "push", strings.Replace(good, "alice", "bob", 1), "main:x"); err == nil {
		t.Error("an unknown user pushed")
	}
	_, rest, _ := strings.Cut(good, "@")
	if _, err := c.try(s.Env("alice"), "push", "http://"+rest, "main:x"); err == nil {
		t.Error("somebody pushed without a name")
	}
	if out, err := c.try(s.Env("alice"), "ls-remote", "http://"+rest); err != nil {
		t.Errorf("reading without a name: %v: %s", err, out)
	}
}

func TestGitolite(t *testing.T) {
	g := gitserver.Gitolite(t, []string{"alice", "mallory"}, "repo shop\n    RW+ = alice mallory\n    R = alice\n", "EXTRA=it's there")
	putHook(t, filepath.Join(g.GitDir("shop"), "hooks", "pre-receive"))
	checkPushes(t, g.Server, "shop", g.GitDir("shop"))
}
