package cli_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/delegation/delegationtest"
)

// shopPolicy rules the shop of most tests. alice and bob are humans, planner and bot have keys of
// their own, coder's are minted. mallory is nobody.
const shopPolicy = `repository = "github.com/acme/shop"

human "alice" {
  keys   = ["%s"]
  emails = ["alice@shop.example"]
}

human "bob" {
  keys   = ["%s"]
  emails = ["bob@shop.example"]
}

agent "planner" {
  keys       = ["%s"]
  delegators = [human.alice, human.bob]
}

agent "coder" {
  delegators = [human.alice, agent.planner]
}

agent "bot" {
  keys       = ["%s"]
  delegators = [human.alice]
}

environment "production" {
  paths = ["deploy/production/**"]
}

grant "agents write code" {
  to       = [agent.planner, agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**", "test/**"]
  max_ttl  = "1h"
}

grant "bot keeps the changelog" {
  to       = [agent.bot]
  actions  = ["commit", "push"]
  branches = ["agent/log"]
  paths    = ["CHANGELOG.md"]
  standing = true
}
`

// people have a key store each.
var people = []string{"alice", "bob", "planner", "coder", "bot", "mallory"}

// principal is the seed of somebody's key.
func seed(who string) string {
	switch who {
	case "alice", "bob", "mallory":
		return "human." + who
	default:
		return "agent." + who
	}
}

func key(who string) string { return delegationtest.Key(seed(who)).AuthorizedKey() }

// start is when every test begins: when the delegations of delegationtest do.
func start() time.Time { return delegationtest.Start() }

// shop is a folder with the shop of most tests:
//
//	home/NAME   $HOME and $REMIT_HOME of each person
//	shop.git    a bare repository with the policy and some files on main; no hook yet
//	shop        a clone of it
//	clock       what time it is
type shop struct {
	t   testing.TB
	dir string
}

var template = sync.OnceValues(func() (map[string]file, error) {
	dir, err := os.MkdirTemp("", "remit-shop-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := buildShop(dir); err != nil {
		return nil, err
	}
	return readTree(dir)
})

// file is one file of the template.
type file struct {
	content []byte
	mode    fs.FileMode
}

// fillShop puts a copy of the shop into dir.
func fillShop(dir string) error {
	files, err := template()
	if err != nil {
		return err
	}
	for name, f := range files {
		path := filepath.Join(dir, name)
		if f.mode.IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, f.content, f.mode.Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readTree(dir string) (map[string]file, error) {
	files := map[string]file{}
	return files, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f := file{mode: info.Mode()}
		if info.Mode().IsRegular() {
			if f.content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		files[name] = f
		return nil
	})
}

func buildShop(dir string) error {
	for _, who := range people {
		if err := writeKey(filepath.Join(dir, "home", who, "keys"), who); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"clock":                           start().Format(time.RFC3339),
		"shop/policies.hcl":               fmt.Sprintf(shopPolicy, key("alice"), key("bob"), key("planner"), key("bot")),
		"shop/src/pay.go":                 "package pay\n",
		"shop/src/old.go":                 "package pay\n\n// An old part, long enough for git to call it a rename when it moves.\nvar Old = []int{1, 2, 3, 5, 8}\n",
		"shop/CHANGELOG.md":               "# Changes\n",
		"shop/deploy/production/app.yaml": "replicas: 3\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"init -q -b main",
		"add -A",
		"-c gpg.format=ssh -c gpg.ssh.program=remit -c user.signingkey=" + filepath.Join(dir, "home/alice/keys/alice.pub") + " commit -q -S -m Start",
		"clone -q --bare . ../shop.git",
		"remote add origin ../shop.git",
		"fetch -q",
		"remote set-head origin main",
		"branch -q -u origin/main",
	} {
		cmd := exec.Command("git", strings.Fields(line)...)
		cmd.Dir = filepath.Join(dir, "shop")
		cmd.Env = environment(dir, "alice")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", line, err, out)
		}
	}
	return nil
}

// writeKey stores somebody's key as remit key new would.
func writeKey(dir, who string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte("remit test key of " + seed(who))) // as delegationtest.Signer
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(sum[:]), who)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, who), pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, who+".pub"), []byte(key(who)+" "+who+"\n"), 0o600)
}

// gitConfig is the file that tests give git for its user's.
var gitConfig, _ = filepath.Abs("../../testdata/gitconfig")

// environment is somebody's, in a shop's folder: nothing of the machine's but PATH.
func environment(dir, who string) []string {
	home := filepath.Join(dir, "home", who)
	now := clock(filepath.Join(dir, "clock"))().Format(time.RFC3339)
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "REMIT_HOME=" + home, "XDG_CONFIG_HOME=" + home,
		clockVariable + "=" + filepath.Join(dir, "clock"),
		"GIT_CONFIG_GLOBAL=" + gitConfig, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "TZ=UTC",
		"GIT_AUTHOR_NAME=" + who, "GIT_AUTHOR_EMAIL=" + who + "@shop.example", "GIT_AUTHOR_DATE=" + now,
		"GIT_COMMITTER_NAME=" + who, "GIT_COMMITTER_EMAIL=" + who + "@shop.example", "GIT_COMMITTER_DATE=" + now,
	}
}

// newShop makes a shop for a test.
func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{t, t.TempDir()}
	if err := fillShop(s.dir); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

// at sets the clock to so long after the start.
func (s *shop) at(after time.Duration) {
	s.write("clock", start().Add(after).Format(time.RFC3339))
}

func (s *shop) write(name, text string) {
	s.t.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a program as somebody, in a folder of the shop. Words of extra with a "=" are added to
// the environment; "<" begins its standard input.
func (s *shop) run(who, in string, extra []string, program string, args ...string) result {
	s.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = s.path(in), environment(s.dir, who)
	for _, e := range extra {
		if text, ok := strings.CutPrefix(e, "<"); ok {
			cmd.Stdin = strings.NewReader(text)
		} else {
			cmd.Env = append(cmd.Env, e)
		}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// ok is the standard output of a command line that must succeed.
func (s *shop) ok(who, in, program string, args ...string) string {
	s.t.Helper()
	r := s.run(who, in, nil, program, args...)
	if r.code != 0 {
		s.t.Fatalf("%s: %s %s: exit %d: %s%s", who, program, strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// git runs git in the work tree, as somebody, and must succeed. Words are separated by spaces.
func (s *shop) git(who, line string, more ...string) string {
	s.t.Helper()
	return s.ok(who, "shop", "git", append(strings.Fields(line), more...)...)
}
