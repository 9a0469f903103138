package gitserver

import (
	"bufio"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// SSH serves the bare repositories below dir with a real sshd. Each user has a key of their own; all log
// in as the account that runs the test, with git's shell as the forced command, and hooks see who in
// GATE_USER. env is added to the environment of git and its hooks.
func SSH(t testing.TB, dir string, users []string, env ...string) *Server {
	t.Helper()
	home := t.TempDir()
	shell := filepath.Join(home, "shell")
	writeFile(t, shell, "#!/bin/sh\n"+exports(append(serverEnv(t, home), env...))+`case $SSH_ORIGINAL_COMMAND in
"git-receive-pack "* | "git-upload-pack "*) exec git shell -c "$SSH_ORIGINAL_COMMAND" ;;
esac
echo "only git is served here" >&2
exit 1
`, 0o700)
	return sshServer(t, filepath.ToSlash(dir), users, func(string) string { return shell })
}

// sshServer runs sshd with a forced command for each user. root begins the path of clone URLs.
func sshServer(t testing.TB, root string, users []string, command func(user string) string) *Server {
	t.Helper()
	sshd, client := program(t, "sshd"), program(t, "ssh")
	if os.Geteuid() == 0 { // where sshd puts away its privileges
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			missing(t, "sshd needs /run/sshd: "+err.Error())
		}
	}
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var authorized strings.Builder
	for _, u := range users {
		public := newKey(t, filepath.Join(dir, "user-"+u))
		fmt.Fprintf(&authorized, "restrict,environment=\"GATE_USER=%s\",command=\"%s\" %s %s\n", u, strings.ReplaceAll(command(u), `"`, `\"`), public, u)
	}
	writeFile(t, filepath.Join(dir, "authorized_keys"), authorized.String(), 0o600)
	host := newKey(t, filepath.Join(dir, "host"))

	port := startSSHD(t, sshd, dir)
	known := filepath.Join(dir, "known_hosts")
	writeFile(t, known, fmt.Sprintf("[127.0.0.1]:%d %s\n", port, host), 0o600)
	return &Server{
		t: t, users: users,
		base: url.URL{Scheme: "ssh", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: root},
		who:  func(string) *url.Userinfo { return url.User(account.Username) },
		login: func(u string) []string {
			return []string{"GIT_SSH_VARIANT=ssh", "GIT_SSH_COMMAND=" + quote(client) + " -F none -i " + quote(filepath.Join(dir, "user-"+u)) +
				" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=" + quote(known)}
		},
	}
}

// startSSHD starts sshd on a free port. The port is free when it is chosen and may be taken when sshd
// asks for it, so a few are tried.
func startSSHD(t testing.TB, sshd, dir string) int {
	t.Helper()
	log := filepath.Join(dir, "log")
	t.Cleanup(func() {
		if b, err := os.ReadFile(log); err == nil && t.Failed() {
			t.Logf("sshd: %s", b)
		}
	})
	for range 5 {
		port := freePort(t)
		config := filepath.Join(dir, fmt.Sprintf("sshd_config.%d", port))
		writeFile(t, config, fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %s
AuthorizedKeysFile %s
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin forced-commands-only
PermitUserEnvironment GATE_USER
AcceptEnv GIT_PROTOCOL
MaxStartups 100
`, port, filepath.Join(dir, "host"), filepath.Join(dir, "authorized_keys")), 0o600)
		cmd := exec.Command(sshd, "-D", "-f", config, "-E", log)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() {
			_ = cmd.Wait() // killed below, or reported by answers
			close(exited)
		}()
		stop := func() {
			_ = cmd.Process.Kill()
			<-exited
		}
		if answers(port, exited) {
			t.Cleanup(stop)
			return port
		}
		stop()
	}
	t.Fatal("gitserver: sshd does not start")
	return 0
}

// answers waits until an SSH server greets on the port.
func answers(port int, exited <-chan struct{}) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		select {
		case <-exited:
			return false
		case <-time.After(10 * time.Millisecond):
		}
		if err := greeting(port); err == nil {
			return true
		}
	}
	return false
}

func greeting(port int) (err error) {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "SSH-2.0-") {
		err = fmt.Errorf("greeted with %q", line)
	}
	return err
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("gitserver: %v is not a TCP address", l.Addr())
	}
	return addr.Port
}

// newKey writes a new private key to path and returns its public half, "type base64".
func newKey(t testing.TB, path string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(pem.EncodeToMemory(block)), 0o600)
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
}

func writeFile(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
