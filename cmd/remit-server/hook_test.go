package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/internal/cli"
)

// TestMain lets this program be remit and remit-server, by the name that it is started by.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "remit":
		os.Exit(cli.Main())
	case "remit-server":
		main() // which exits
	}
	if len(os.Args) > 1 && os.Args[1] == "hook" {
		os.Exit(2) // it is no hook under this name
	}
	os.Exit(m.Run())
}

// site is a folder with a git repository, a clone of it, and a server of audit logs.
type site struct {
	t   *testing.T
	dir string
}

func (s site) path(name string) string { return filepath.Join(s.dir, name) }

// try runs a program in a folder.
func (s site) try(dir, name string, args ...string) (string, error) {
	if own := s.path("bin/" + name); strings.HasPrefix(name, "remit") {
		name = own
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = s.path(dir)
	cmd.Env = []string{
		"PATH=" + s.path("bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + s.path("home"), "REMIT_HOME=" + s.path("home"),
		"GIT_CONFIG_GLOBAL=" + s.path("gitconfig"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + s.dir, "LC_ALL=C", "PUSHER=alice",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s site) run(dir, name string, args ...string) string {
	s.t.Helper()
	out, err := s.try(dir, name, args...)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func (s site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestHook: a hook hands what it decides over to a server. Where the server is away, nothing is let in.
func TestHook(t *testing.T) {
	s := site{t, t.TempDir()}
	for _, dir := range []string{"bin", "home", "logs"} {
		if err := os.Mkdir(s.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"remit", "remit-server"} {
		// No symbolic link: a program's path is that of what such a link leads to.
		s.run(".", "cp", self, s.path("bin/"+name))
	}
	key := s.run(".", "remit", "key", "new", "alice")
	s.write("alice.pub", key+"\n")
	s.write("gitconfig", fmt.Sprintf("[user]\n\tname = Alice\n\temail = alice@shop.example\n\tsigningkey = %s\n[gpg]\n\tformat = ssh\n[commit]\n\tgpgsign = true\n", s.path("home/keys/alice")))
	s.run(".", "git", "init", "-q", "--bare", "-b", "main", "shop.git")
	s.run(".", "git", "clone", "-q", "shop.git", "shop")
	s.write("shop/policies.hcl", fmt.Sprintf("repository = \"github.com/acme/shop\"\n\nhuman \"alice\" {\n  keys = [%q]\n}\n", strings.Join(strings.Fields(key)[:2], " ")))
	s.run("shop", "git", "add", "-A")
	s.run("shop", "git", "commit", "-q", "-m", "Start with a policy")

	s.run("shop", "git", "push", "-q", "origin", "main")

	// The server, with a log for the repository whose writer is the hook.
	s.run(".", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "log.key")
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listen.Addr().String()
	if err := listen.Close(); err != nil {
		t.Fatal(err)
	}
	config := func(writer string) {
		s.write("server.hcl", fmt.Sprintf(`listen     = %q
public_url = "http://%s"

log {
  folder { path = %q }
  repository "github.com/acme/shop" {
    key_file = "log.key"
    writers  = [%q]
    public   = true
  }
}
`, address, address, s.path("logs"), writer))
	}
	config(strings.Join(strings.Fields(key)[:2], " "))
	vkey := ""
	for line := range strings.Lines(s.run(".", "remit-server", "check", "--config", "server.hcl")) {
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "github.com/acme/shop/audit+") {
				vkey = word
			}
		}
	}
	s.run(".", "remit-server", "log", "create", "--config", "server.hcl", "--repository", "github.com/acme/shop")
	if out, err := s.try("shop.git", "remit", "hooks", "install", "--server", "--root-key", "../alice.pub", "--audit-server", "http://audit.example.com", "--audit-key", vkey); err == nil {
		t.Fatalf("entries are handed over in the clear:\n%s", out)
	}
	said := s.run("shop.git", "remit", "hooks", "install", "--server", "--root-key", "../alice.pub", "--pusher-env", "PUSHER", "--audit-server", "http://"+address, "--audit-key", vkey)
	_, after, _ := strings.Cut(said, "among the writers of the repository:\n")
	writer, _, _ := strings.Cut(after, "\n")
	config(strings.Join(strings.Fields(writer)[:2], " "))

	s.write("shop/a", "a\n")
	s.run("shop", "git", "add", "-A")
	s.run("shop", "git", "commit", "-q", "-m", "Add a")
	server := exec.Command(s.path("bin/remit-server"), "serve", "--config", "server.hcl")
	server.Dir = s.dir
	var logged bytes.Buffer
	server.Stderr = &logged
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() }) // where it did not end by itself
	wait(t, address)
	s.run("shop", "git", "push", "-q", "origin", "main")
	s.run("shop", "git", "checkout", "-q", "-b", "agent/x")
	s.run("shop", "git", "-c", "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", "Not signed")
	out, err := s.try("shop", "git", "push", "origin", "agent/x")
	if err == nil || !strings.Contains(out, "unsigned") || !strings.Contains(out, "audit entry 1 of http://"+address) {
		t.Fatalf("%v\n%s", err, out)
	}
	log := "http://" + address + "/log/github.com/acme/shop/audit"
	list := s.run("shop", "remit", "audit", "log", "--log", log, "--key", vkey)
	if strings.Count(list, "\n") != 1 || !strings.Contains(list, "denied (unsigned)") || !strings.Contains(list, "alice changed a: allowed") || strings.Contains(list, "unattested") {
		t.Errorf("the log says:\n%s", list)
	}
	s.run("shop", "remit", "audit", "verify", "--log", log, "--key", vkey)
	if _, err := s.try("shop.git", "git", "rev-parse", "--verify", "refs/heads/_audit/log"); err == nil {
		t.Error("the repository has a log of its own, too")
	}

	// Another key is none of that log's.
	other := strings.Replace(vkey, "acme/shop", "acme/wiki", 1)
	if out, err := s.try("shop.git", "remit", "hooks", "install", "--server", "--audit-key", other); err == nil {
		t.Errorf("a key whose name does not fit it is taken:\n%s", out)
	}
	// The server goes away.
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &logged)
	}
	s.run("shop", "git", "checkout", "-q", "main")
	s.write("shop/b", "b\n")
	s.run("shop", "git", "add", "-A")
	s.run("shop", "git", "commit", "-q", "-m", "Add b")
	out, err = s.try("shop", "git", "push", "origin", "main")
	if err == nil || !strings.Contains(out, "could not be recorded") {
		t.Fatalf("let in without a record: %v\n%s", err, out)
	}
}

// wait waits until something listens.
func wait(t *testing.T, address string) {
	t.Helper()
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err == nil {

			_ = c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the server does not start")
}
