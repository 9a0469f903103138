//go:build unix

package cli_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killed starts remit as somebody and kills it, and whatever it started, after so long. It reports
// whether remit had ended by itself.
func (s *shop) killed(after time.Duration, who string, args ...string) (ended bool) {
	s.t.Helper()
	program, err := exec.LookPath("remit")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"-c", `umask 0; exec "$0" "$@"`, program}, args...)...)
	cmd.Dir, cmd.Env = s.path("shop"), environment(s.dir, who)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(after)
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may be over
	err = cmd.Wait()
	return err == nil
}

// TestKilled kills commands at many moments. What they leave is the old state or the new one, and
// the same command run again succeeds.
func TestKilled(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		args func(s *shop, round int) []string
		// check looks at what is there, and reports whether it is the new state.
		check func(s *shop, round int) bool
		undo  func(s *shop, round int)
	}{
		{
			name: "key new",
			args: func(*shop, int) []string { return []string{"key", "new", "carol"} },
			check: func(s *shop, _ int) bool {
				entries, err := os.ReadDir(s.path("home/alice/keys"))
				if err != nil {
					s.t.Fatal(err)
				}
				for _, e := range entries {
					if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
						s.t.Errorf("%s is %v, %v", e.Name(), info.Mode(), err)
					}
				}
				if !exists(s.path("home/alice/keys/carol")) {
					return false
				}
				s.ok("alice", "shop", "remit", "key", "show", "carol")
				s.ok("alice", "shop", "ssh-keygen", "-y", "-P", "", "-f", s.path("home/alice/keys/carol"))
				return true
			},
			undo: func(s *shop, _ int) { s.ok("alice", "shop", "sh", "-c", "rm -f $HOME/keys/carol $HOME/keys/carol.pub") },
		},
		{
			name: "delegate",
			args: func(s *shop, _ int) []string {
				return []string{
					"delegate", "coder", "--as", "alice", "--for", "10m", "--why", "x", "--action", "commit",
					"--branch", "agent/**", "--path", "src/**", "--to-key", s.path("home/coder/keys/coder.pub"),
				}
			},
			check: func(s *shop, _ int) bool {
				r := s.run("alice", "shop", nil, "remit", "delegations")
				if r.code != 0 || strings.Contains(r.stderr, "reading delegation") {
					s.t.Errorf("a broken delegation was left: %+v", r)
				}
				return r.stdout != ""
			},
			undo: func(s *shop, _ int) {
				s.ok("alice", "shop", "sh", "-c", "rm -rf .git/refs/remit ../shop.git/refs/remit; find .git ../shop.git -name '*.lock' -delete")
			},
		},
		{
			name: "use",
			args: func(s *shop, round int) []string {
				if round%2 == 0 {
					return []string{"use", s.remit()}
				}
				return []string{"use", "--none"}
			},
			check: func(s *shop, _ int) bool {
				// git works, and either signs and names the delegation, or does neither.
				s.ok("coder", "shop", "sh", "-c", "find .git -name '*.lock' -delete")
				s.ok("coder", "shop", "git", "commit", "-q", "--allow-empty", "-m", "x")
				raw := s.git("coder", "cat-file commit HEAD")
				signed, named := strings.Contains(raw, "\ngpgsig "), strings.Contains(raw, "\nDelegation: ")
				if signed != named {
					s.t.Errorf("half of it is in force: %s", raw)
				}
				return signed
			},
			undo: func(*shop, int) {},
		},
		{
			name: "hooks install",
			args: func(_ *shop, round int) []string {
				if round%2 == 0 {
					return []string{"hooks", "install"}
				}
				return []string{"hooks", "uninstall"}
			},
			check: func(s *shop, _ int) bool {
				s.ok("alice", "shop", "sh", "-c", "rm -f ../ran")
				s.ok("alice", "shop", "git", "commit", "-q", "--allow-empty", "-m", "x")
				if !exists(s.path("ran")) {
					s.t.Error("the hook that was there before did not run")
				}
				return strings.Contains(s.ok("alice", "shop", "remit", "hooks", "status"), "pre-push           installed")
			},
			undo: func(*shop, int) {},
		},
		{
			name: "revoke",
			args: func(*shop, int) []string { return []string{"revoke", "--agent", "coder", "--why", "x"} },
			check: func(s *shop, _ int) bool {
				s.ok("alice", "shop", "remit", "policy", "validate")
				status := s.git("alice", "status --porcelain")
				if strings.Contains(status, "??") {
					s.t.Errorf("what it left would be added: %s", status)
				}
				return strings.Contains(status, "policies.hcl")
			},
			undo: func(s *shop, _ int) { s.git("alice", "checkout -q policies.hcl") },
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.git("coder", "checkout -q -b agent/pay")
			s.write("shop/.git/hooks/pre-commit", "#!/bin/sh\ntouch "+s.path("ran")+"\n")
			s.ok("alice", "shop", "chmod", "755", ".git/hooks/pre-commit")
			states := map[bool]int{}
			who := "alice"
			if c.name == "use" {
				who = "coder"
			}
			const rounds = 40
			began := time.Now()
			s.ok(who, "shop", "remit", c.args(s, 0)...)
			whole := time.Since(began)
			c.undo(s, 0)
			for round := range rounds {
				after := time.Duration(rand.Int64N(int64(whole) * 5 / 4))
				s.killed(after, who, c.args(s, round)...)
				states[c.check(s, round)]++
				if t.Failed() {
					t.Fatalf("round %d, killed after %s", round, after)
				}
				c.undo(s, round)
			}
			// The last word is an undisturbed run's, whatever lies around.
			s.ok(who, "shop", "sh", "-c", "find .git ../shop.git -name '*.lock' -delete")
			s.ok(who, "shop", "remit", c.args(s, 0)...)
			if !c.check(s, 0) {
				t.Error("it does not work any more")
			}
			t.Logf("%s, killed within %s: old state %d times, new %d", c.name, whole*5/4, states[false], states[true])
		})
	}
}
