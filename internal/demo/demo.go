// Package demo plays the whole story on throw-away repositories, with real keys, commits and pushes.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
	ws "github.com/remit-sh/remit/workspace"
)

// Env is what a play takes from its surroundings.
type Env struct {
	Stdout     io.Writer
	Environ    []string // "NAME=value"
	Executable string   // absolute path of remit
	Now        func() time.Time
}

// Play plays the whole story in a folder that is there and empty: a human delegates to a planner, the planner
// passes a part on to a coder, and the server's hook judges what they push. Nothing outside of it is touched.
func Play(ctx context.Context, env *Env, dir string) error {
	return (&stage{ctx: ctx, env: env, dir: dir}).play()
}

// stage is where the demo plays: one bare repository with the server's hook, and a clone and a key
// store for each of the three.
type stage struct {
	ctx     context.Context
	env     *Env
	dir     string
	denials int // shown so far: the first is shown whole
}

const demoPolicy = `repository = "demo.example/acme/shop"

settings {
  max_chain_ttl = "1h"
}

human "alice" {
  keys = ["%s"]
}

agent "planner" {
  keys       = ["%s"]
  delegators = [human.alice]
}

agent "coder" { # no key here: it is minted for each delegation
  delegators = [agent.planner]
}

environment "staging" {
  secrets = ["STAGING_*"]
}

environment "production" {
  paths   = ["deploy/production/**"]
  secrets = ["PROD_*"]
}

grant "agents write code" {
  to       = [agent.planner, agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}

grant "agents work on staging" {
  to           = [agent.planner, agent.coder]
  actions      = ["secret"]
  environments = ["staging"]
}
`

// demoWorkflow is a test of what runs in staging, with a secret that it reads.
const demoWorkflow = `on: push
permissions: {}
jobs:
  smoke:
    runs-on: ubuntu-latest
    environment: staging
    steps:
      - run: ./smoke
        env:
          TOKEN: ${{ secrets.%s }}
`

func (s *stage) play() error {
	steps := []func() error{s.setUp, s.delegate, s.accepted, s.outOfScope, s.crosses, s.runOut, s.revoked, s.recorded}
	for _, step := range steps {
		if err := step(); err != nil {
			return fault.Undecidedf("the demo did not go as it should: %w", err)
		}
	}
	s.say("\nEvery step was real: keys, commits, pushes, and a server's hook that never saw a token.")
	return nil
}

// setUp makes the repositories, the keys and the policy.
func (s *stage) setUp() error {
	s.title("1. Alice pushes a policy. The server trusts her key, and from now on the policy.")
	for _, who := range []string{"alice", "planner", "coder"} {
		if err := os.MkdirAll(s.home(who), 0o700); err != nil {
			return err
		}
	}
	keys := map[string]string{}
	for _, who := range []string{"alice", "planner", "coder"} {
		line, err := s.quiet(who, s.dir, "remit", "key", "new", who)
		if err != nil {
			return err
		}
		keys[who] = line
	}
	root := filepath.Join(s.dir, "alice.pub")
	if err := os.WriteFile(root, []byte(keys["alice"]+"\n"), 0o600); err != nil {
		return err
	}
	for _, c := range [][]string{
		{"git", "init", "-q", "--bare", "-b", "main", "shop.git"},
		{"git", "clone", "-q", "shop.git", "alice"},
	} {
		if _, err := s.quiet("alice", s.dir, c[0], c[1:]...); err != nil {
			return err
		}
	}
	server := filepath.Join(s.dir, "shop.git")
	if _, err := s.quiet("alice", server, "remit", "hooks", "install", "--server", "--root-key", root, "--pusher-env", "DEMO_PUSHER"); err != nil {
		return err
	}
	work := s.clone("alice")
	files := map[string]string{
		"policies.hcl":                fmt.Sprintf(demoPolicy, bareKey(keys["alice"]), bareKey(keys["planner"])),
		"src/pay.go":                  "package pay\n",
		"deploy/production/app.yaml":  "replicas: 3\n",
		"deploy/production/README.md": "Ask the release team.\n",
		".github/workflows/smoke.yml": fmt.Sprintf(demoWorkflow, "STAGING_TOKEN"),
	}
	for name, content := range files {
		if err := write(filepath.Join(work, name), content); err != nil {
			return err
		}
	}
	// Alice is no agent: git signs for her with her own key, and no delegation is in force.
	for _, kv := range [][2]string{
		{"gpg.format", "ssh"},
		{"gpg.ssh.program", s.env.Executable},
		{"commit.gpgsign", "true"},
		{"user.signingkey", filepath.Join(s.home("alice"), "keys", "alice.pub")},
	} {
		if _, err := s.quiet("alice", work, "git", "config", kv[0], kv[1]); err != nil {
			return err
		}
	}
	if _, err := s.quiet("alice", work, "git", "checkout", "-q", "-b", "main"); err != nil {
		return err
	}
	if err := s.commit("alice", work, "Start the shop with a policy"); err != nil {
		return err
	}
	if err := s.push("alice", work, "main", true); err != nil {
		return err
	}
	if _, err := s.quiet("alice", work, "git", "remote", "set-head", "origin", "main"); err != nil {
		return err
	}
	for _, who := range []string{"planner", "coder"} {
		if _, err := s.quiet(who, s.dir, "git", "clone", "-q", "shop.git", who); err != nil {
			return err
		}
	}
	return nil
}

// delegate hands authority from Alice to the planner, and a part of it on to the coder.
func (s *stage) delegate() error {
	s.title("2. Alice delegates an hour to the planner, who passes ten minutes of src/** on to the coder.")
	toPlanner, err := s.shown("alice", s.clone("alice"), "remit", "delegate", "planner", "--for", "1h", "--why", "SHOP-1412",
		"--action", "commit", "--branch", "agent/**", "--path", "src/**", "--depth", "1")
	if err != nil {
		return err
	}
	if err := s.fetchDelegations("planner"); err != nil {
		return err
	}
	return s.passOn(toPlanner, "10m")
}

// passOn has the planner delegate to the coder, and the coder put that in force.
func (s *stage) passOn(parent, lasts string) error {
	if _, err := s.quiet("planner", s.clone("planner"), "remit", "use", parent); err != nil {
		return err
	}
	coderKey := "../home/coder/keys/coder.pub"
	digest, err := s.shown("planner", s.clone("planner"), "remit", "delegate", "coder", "--for", lasts, "--why", "SHOP-1412: pay by card",
		"--action", "commit", "--branch", "agent/**", "--path", "src/**", "--to-key", coderKey)
	if err != nil {
		return err
	}
	if err := s.fetchDelegations("coder"); err != nil {
		return err
	}
	_, err = s.quiet("coder", s.clone("coder"), "remit", "use", digest)
	return err
}

// accepted: a commit inside the remit.
func (s *stage) accepted() error {
	s.title("3. The coder commits in src/ and pushes.")
	work := s.clone("coder")
	if _, err := s.quiet("coder", work, "git", "checkout", "-q", "-b", "agent/pay"); err != nil {
		return err
	}
	if err := write(filepath.Join(work, "src/pay.go"), "package pay\n\nfunc Card() {}\n"); err != nil {
		return err
	}
	if err := s.commit("coder", work, "Pay by card"); err != nil {
		return err
	}
	return s.push("coder", work, "agent/pay", true)
}

// outOfScope: a change that the coder may not make. Its own hooks would refuse to sign it, so that
// it goes around them; the server does not care.
func (s *stage) outOfScope() error {
	s.title("4. The coder changes deploy/production, around its own hooks. The server refuses.")
	work := s.clone("coder")
	if err := write(filepath.Join(work, "deploy/production/app.yaml"), "replicas: 300\n"); err != nil {
		return err
	}
	if err := s.sneak("coder", work, "Tune replicas", ""); err != nil {
		return err
	}
	if err := s.push("coder", work, "agent/pay", false); err != nil {
		return err
	}
	_, err := s.quiet("coder", work, "git", "reset", "-q", "--hard", "origin/agent/pay")
	return err
}

// crosses: a job of staging is to read a secret of production. The hook would refuse it too; here the
// work tree is asked.
func (s *stage) crosses() error {
	s.title("5. The coder has a job of staging read a secret of production. The work tree already tells.")
	work := s.clone("coder")
	if err := write(filepath.Join(work, ".github/workflows/smoke.yml"), fmt.Sprintf(demoWorkflow, "PROD_TOKEN")); err != nil {
		return err
	}
	args := []string{"workflow", "check", "--base", "origin/main", "--as", "agent.coder"}
	s.say("   coder$ remit %s", quoteWords(args))
	out, err := s.run("coder", work, "remit", args...)
	var code *exec.ExitError
	if !errors.As(err, &code) || code.ExitCode() != verdict.ExitDeny {
		return fmt.Errorf("the workflow was not denied: %w: %s", err, out)
	}
	s.report("", out)
	_, err = s.quiet("coder", work, "git", "checkout", "-q", ".")
	return err
}

// runOut: the delegation ends, and a commit that claims to be older is refused.
func (s *stage) runOut() error {
	s.title("6. A delegation of two seconds runs out. A commit dated back into it is refused.")
	parent, err := s.inForce("planner")
	if err != nil {
		return err
	}
	issued := s.env.Now()
	if err := s.passOn(parent, "2s"); err != nil {
		return err
	}
	select {
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(time.Until(issued.Add(4 * time.Second))):
	}
	work := s.clone("coder")
	if err := write(filepath.Join(work, "src/pay.go"), "package pay\n\nfunc Card() { /* late */ }\n"); err != nil {
		return err
	}
	if err := s.sneak("coder", work, "Finish in time, honestly", issued.Format(time.RFC3339)); err != nil {
		return err
	}
	if err := s.push("coder", work, "agent/pay", false); err != nil {
		return err
	}
	_, err = s.quiet("coder", work, "git", "reset", "-q", "--hard", "origin/agent/pay")
	return err
}

// recorded: all of that is in the audit log, and one entry says on whose authority.
func (s *stage) recorded() error {
	s.title("8. All of it is in the server's audit log: who, on whose authority, what, and what came of it.")
	work := s.clone("alice")
	if _, err := s.quiet("alice", work, "git", "fetch", "-q", "origin"); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"audit", "log", "--agent", "coder"},
		{"audit", "show", "4"},
		{"audit", "verify"},
	} {
		s.say("   alice$ remit %s", quoteWords(args))
		out, err := s.run("alice", work, "remit", args...)
		if err != nil {
			return fmt.Errorf("remit %s: %w: %s", quoteWords(args), err, out)
		}
		s.report("", out)
	}
	return nil
}

// revoked: the coder is revoked, and the planner works on.
func (s *stage) revoked() error {
	s.title("7. Alice revokes the coder. The coder is out; the planner works on.")
	alice := s.clone("alice")
	if _, err := s.shown("alice", alice, "remit", "revoke", "--agent", "coder", "--why", "it tried production"); err != nil {
		return err
	}
	if err := s.commit("alice", alice, "Revoke the coder"); err != nil {
		return err
	}
	if err := s.push("alice", alice, "main", true); err != nil {
		return err
	}
	parent, err := s.inForce("planner")
	if err != nil {
		return err
	}
	if err := s.passOn(parent, "10m"); err != nil {
		return err
	}
	coder := s.clone("coder")
	if err := write(filepath.Join(coder, "src/more.go"), "package pay\n"); err != nil {
		return err
	}
	if err := s.commit("coder", coder, "One more thing"); err != nil {
		return err
	}
	if err := s.push("coder", coder, "agent/pay", false); err != nil {
		return err
	}
	planner := s.clone("planner")
	if _, err := s.quiet("planner", planner, "git", "checkout", "-q", "-b", "agent/plan"); err != nil {
		return err
	}
	if err := write(filepath.Join(planner, "src/plan.go"), "package pay\n\n// by hand, then\n"); err != nil {
		return err
	}
	if err := s.commit("planner", planner, "Do it myself"); err != nil {
		return err
	}
	return s.push("planner", planner, "agent/plan", true)
}

func (s *stage) home(who string) string  { return filepath.Join(s.dir, "home", who) }
func (s *stage) clone(who string) string { return filepath.Join(s.dir, who) }

// inForce is the delegation that somebody's clone uses.
func (s *stage) inForce(who string) (string, error) {
	use, ok, err := ws.ReadUse(ws.Env{}, filepath.Join(s.clone(who), ".git"))
	if err == nil && !ok {
		err = errors.New("no delegation is in force")
	}
	return use.Delegation, err
}

// fetchDelegations gets what was published.
func (s *stage) fetchDelegations(who string) error {
	_, err := s.quiet(who, s.clone(who), "git", "fetch", "-q", "origin", "refs/remit/delegations/*:refs/remit/delegations/*")
	return err
}

// commit commits everything as somebody's git does it.
func (s *stage) commit(who, work, subject string) error {
	if _, err := s.quiet(who, work, "git", "add", "-A"); err != nil {
		return err
	}
	_, err := s.quiet(who, work, "git", "commit", "-q", "-m", subject)
	return err
}

// sneak commits with the coder's key and a true trailer, and without any of remit's advice.
func (s *stage) sneak(who, work, subject, date string) error {
	digest, err := s.inForce(who)
	if err != nil {
		return err
	}
	if _, err := s.quiet(who, work, "git", "add", "-A"); err != nil {
		return err
	}
	if date != "" {
		s.env.Environ = append(s.env.Environ, "GIT_COMMITTER_DATE="+date, "GIT_AUTHOR_DATE="+date)
		defer func() { s.env.Environ = s.env.Environ[:len(s.env.Environ)-2] }()
	}
	use := filepath.Join(work, ".git", filepath.FromSlash(ws.UseFile))
	if err := os.Rename(use, use+".aside"); err != nil {
		return err
	}
	defer func() { _ = os.Rename(use+".aside", use) }() // the demo's own folder
	key := filepath.Join(s.home(who), "keys", who+".pub")
	_, err = s.quiet(who, work, "git", "-c", "gpg.format=ssh", "-c", "gpg.ssh.program="+s.env.Executable, "-c", "user.signingkey="+key,
		"commit", "-q", "-S", "-m", subject+"\n\nDelegation: "+digest)
	return err
}

// push pushes and says how it ended. It is an error if the server decides otherwise than expected.
func (s *stage) push(who, work, branch string, accepted bool) error {
	args := []string{"push", "--no-verify", "origin", branch}
	s.say("   %s$ git push origin %s", who, branch)
	out, err := s.run(who, work, "git", args...)
	s.remote(out)
	switch {
	case (err == nil) != accepted:
		return fmt.Errorf("the push of %s to %s went the other way: %s", who, branch, out)
	case accepted:
		s.say("   accepted")
	default:
		s.say("   refused")
	}
	return nil
}

// remote prints what the server said: the first denial as it came, later ones without the lines
// that say again who acted and by what policy.
func (s *stage) remote(out string) { s.report("remote:", out) }

// report prints the lines of a report that have a prefix.
func (s *stage) report(prefix, out string) {
	said := false
	keep := true
	for line := range strings.Lines(out) {
		text, ok := strings.CutPrefix(line, prefix)
		if text = strings.TrimRight(text, " \n"); !ok || strings.TrimSpace(text) == "" {
			continue
		}
		fact := strings.TrimPrefix(strings.TrimSpace(text), "│")
		if !strings.HasPrefix(fact, "  ") { // not the continuation of a line
			label := strings.TrimSpace(fact)
			keep = s.denials == 0 || !strings.HasPrefix(label, "authority") && !strings.HasPrefix(label, "evidence") &&
				!strings.HasPrefix(label, "ref ") && !strings.HasPrefix(label, "remit: policy") && !strings.HasPrefix(label, "remit: each rule") && label != ""
		}
		if keep {
			s.say("   %s", report.Inert(prefix+text))
		}
		said = said || strings.Contains(text, "denied")
	}
	if said {
		s.denials++
	}
}

// shown runs a command of the story, with its output; it returns the last line of standard output.
func (s *stage) shown(who, dir, name string, args ...string) (string, error) {
	s.say("   %s$ %s %s", who, name, quoteWords(args))
	out, err := s.quiet(who, dir, name, args...)
	if err != nil {
		return "", err
	}
	if out != "" {
		s.say("   %s", report.Inert(out))
	}
	return out, nil
}

// quiet runs a command of the set-up and returns its standard output.
func (s *stage) quiet(who, dir, name string, args ...string) (string, error) {
	cmd := s.command(who, dir, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, quoteWords(args), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *stage) run(who, dir, name string, args ...string) (string, error) {
	out, err := s.command(who, dir, name, args...).CombinedOutput()
	return string(out), err
}

// command runs a program as one of the three: with a key store, a git configuration and a login of
// their own, and nothing of the caller's.
func (s *stage) command(who, dir, name string, args ...string) *exec.Cmd {
	if name == "remit" {
		name = s.env.Executable
	}
	cmd := exec.CommandContext(s.ctx, name, args...)
	cmd.Dir = dir
	for _, kv := range s.env.Environ {
		if !strings.HasPrefix(kv, "GIT_") && !strings.HasPrefix(kv, "REMIT_") && !strings.HasPrefix(kv, "SSH_AUTH_SOCK=") ||
			strings.HasSuffix(strings.SplitN(kv, "=", 2)[0], "_DATE") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+s.home(who), "REMIT_HOME="+s.home(who), "XDG_CONFIG_HOME="+s.home(who),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME="+who, "GIT_AUTHOR_EMAIL="+who+"@demo.example",
		"GIT_COMMITTER_NAME="+who, "GIT_COMMITTER_EMAIL="+who+"@demo.example",
		// A real server sets this itself, from the account that logged in.
		"DEMO_PUSHER="+who)
	return cmd
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.env.Stdout, format+"\n", args...) }

func (s *stage) title(text string) { s.say("\n%s", text) }

// bareKey is an authorized_keys line without its comment.
func bareKey(line string) string {
	f := strings.Fields(line)
	return strings.Join(f[:min(2, len(f))], " ")
}

func write(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

// quoteWords shows arguments as a shell would take them.
func quoteWords(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = a
		if strings.ContainsAny(a, " *\n") {
			words[i] = "'" + strings.ReplaceAll(a, "\n", "\\n") + "'"
		}
	}
	return strings.Join(words, " ")
}
