package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/internal/gitserver"
)

const (
	repository    = "acme/shop"
	workflowToken = "ghs_theworkflowstoken"
	forkToken     = "ghs_readonlytoken"
)

// policyText rules the shop. Keys: alice, bob, coder.
const policyText = `repository = "github.com/acme/shop"

human "alice" {
  github = "alice"
  keys   = ["%s"]
}

human "bob" {
  github = "bob"
  keys   = ["%s"]
}

agent "coder" {
  keys       = ["%s"]
  delegators = [human.alice]
}

environment "staging" {
  deploy_from = ["main"]
}

environment "production" {
  deploy_from = ["main"]
}

grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}

grant "coder asks for deploys" {
  to           = [agent.coder]
  actions      = ["deploy"]
  environments = ["staging", "production"]
  max_ttl      = "1h"
}

gate "payments need a human" {
  actions   = ["commit"]
  paths     = ["src/pay/**"]
  approvers = [human.bob]
}

gate "production needs a human" {
  actions      = ["deploy"]
  environments = ["production"]
  approvers    = [human.bob]
}

workflows {
  gate_commits = ["` + gateCommit + `"]
}
`

// gateCommit is the commit at which workflows use the action, and the only one at which the gate may be.
const gateCommit = "0123456789abcdef0123456789abcdef01234567"

// shop is a repository on a forge, with the people who work on it. In its folder:
//
//	home/NAME            $HOME and $REMIT_HOME of each
//	NAME                 the clone of each
//	srv/acme/shop.git    what the forge has
type shop struct {
	t      testing.TB
	rig    *rig
	dir    string
	double *gh.Double
	server string        // GITHUB_SERVER_URL
	runs   *atomic.Int64 // of act
}

func newShop(t testing.TB, rig *rig) *shop {
	t.Helper()
	s := &shop{t: t, rig: rig, dir: t.TempDir(), runs: new(atomic.Int64)}
	people := []string{"alice", "bob", "coder", "mallory"}
	keys := map[string]string{}
	for _, who := range people {
		if err := os.MkdirAll(s.path("home/"+who), 0o700); err != nil {
			t.Fatal(err)
		}
		line := s.remit(who, "", "key", "new", who)
		keys[who] = strings.Join(strings.Fields(line)[:2], " ")
	}
	for _, name := range []string{"acme", "mallory"} {
		bare := "srv/" + name + "/shop.git"
		run(t, s.dir, s.env("alice"), "git", "init", "-q", "--bare", "-b", "main", bare)
		// As on GitHub: any commit by its id, and partial clones.
		for _, setting := range []string{"uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"} {
			run(t, s.path(bare), s.env("alice"), "git", "config", setting, "true")
		}
	}
	files := map[string]string{
		"policies.hcl":               fmt.Sprintf(policyText, keys["alice"], keys["bob"], keys["coder"]),
		"README.md":                  "# Shop\n",
		"src/cart/cart.go":           "package cart\n",
		"src/pay/pay.go":             "package pay\n",
		"deploy/production/app.yaml": "replicas: 3\n",
	}
	s.clone("alice")
	s.git("alice", "checkout -q -b main")
	s.signAs("alice")
	s.commit("alice", "Start the shop", files)
	s.git("alice", "push -q origin main")
	s.git("alice", "remote set-head origin main")
	s.git("alice", "push -q "+s.path("srv/mallory/shop.git")+" main")

	s.double = gh.Start(t, s.scenario())
	s.server = s.serve()
	for _, who := range people[1:] {
		s.clone(who)
	}
	s.signAs("bob")
	return s
}

func (s *shop) scenario() gh.Scenario {
	permissions := map[string]string{
		"contents": "write", "pull_requests": "read", "checks": "write", "deployments": "read", "actions": "read",
	}
	return gh.Scenario{
		Users: []*gh.User{{ID: 1, Login: "alice"}, {ID: 2, Login: "bob"}, {ID: 3, Login: "coder"}, {ID: 4, Login: "mallory"}},
		Apps:  []*gh.App{{ID: 15368, Slug: "github-actions"}},
		Tokens: []*gh.Token{
			{Value: workflowToken, App: "github-actions", Permissions: permissions, Repositories: []string{repository}},
			{Value: forkToken, App: "github-actions", ReadOnly: true, Repositories: []string{repository}},
		},
		Repositories: []*gh.Repository{
			{
				ID: 4711, Name: repository, GitDir: s.path("srv/acme/shop.git"), GitPusher: "alice",
				Roles: map[string]string{"alice": "admin", "bob": "maintain", "coder": "write"},
			},
			{ID: 4712, Name: "mallory/shop", ForkOf: repository, GitDir: s.path("srv/mallory/shop.git"), GitPusher: "mallory"},
		},
	}
}

// serve serves the repositories as GitHub does: at server/owner/name, to read with a token or none, and to hand entries
// over to the audit log with the workflow's.
func (s *shop) serve() string {
	s.t.Helper()
	backend, err := url.Parse(gitserver.HTTP(s.t, s.path("srv"), []string{"git"}).URL("git", ""))
	if err != nil {
		s.t.Fatal(err)
	}
	secret, _ := backend.User.Password()
	backend.User = nil
	// Over the web entries for the audit log come in, and nothing else.
	hook := "#!/bin/sh\ntest -n \"$REMOTE_USER\" || exit 0\nwhile read -r _ _ ref; do\n\tcase $ref in refs/remit/audit/spool/*) ;; *) exit 1 ;; esac\ndone\n"
	if err := os.WriteFile(s.path("srv/acme/shop.git/hooks/pre-receive"), []byte(hook), 0o700); err != nil {
		s.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(backend)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, token, given := r.BasicAuth(); given && (user != "x-access-token" || token != workflowToken && token != forkToken) {
			s.t.Errorf("git logged in as %q with a token that is none", user)
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") || r.URL.Query().Get("service") == "git-receive-pack" {
			if _, token, _ := r.BasicAuth(); token != workflowToken || !strings.HasPrefix(r.URL.Path, "/acme/shop.git/") {
				http.Error(w, "read only", http.StatusForbidden)
				return
			}
			r.SetBasicAuth("git", secret)
			proxy.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Authorization")
		proxy.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// in is the shop for a test within the test.
func (s *shop) in(t testing.TB) *shop {
	inner := *s
	inner.t = t
	return &inner
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

// env is somebody's environment: nothing of this machine's but PATH.
func (s *shop) env(who string) []string {
	home := s.path("home/" + who)
	return []string{
		"PATH=" + filepath.Dir(s.program()) + ":" + os.Getenv("PATH"), "HOME=" + home, "REMIT_HOME=" + home, "XDG_CONFIG_HOME=" + home,
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C.UTF-8",
		"GIT_AUTHOR_NAME=" + who, "GIT_AUTHOR_EMAIL=" + who + "@shop.example",
		"GIT_COMMITTER_NAME=" + who, "GIT_COMMITTER_EMAIL=" + who + "@shop.example",
	}
}

func (s *shop) program() string { return s.rig.remit }

// remit runs remit as somebody, in a folder of the shop.
func (s *shop) remit(who, dir string, args ...string) string {
	s.t.Helper()
	return run(s.t, s.path(dir), s.env(who), s.program(), args...)
}

// git runs git in somebody's clone. Words are separated by spaces; more are added as they are.
func (s *shop) git(who, line string, more ...string) string {
	s.t.Helper()
	return run(s.t, s.path(who), s.env(who), "git", append(strings.Fields(line), more...)...)
}

func (s *shop) clone(who string) {
	s.t.Helper()
	run(s.t, s.dir, s.env(who), "git", "clone", "-q", s.path("srv/acme/shop.git"), who)
}

// signAs has a human's git sign with the human's own key.
func (s *shop) signAs(who string) {
	s.t.Helper()
	for _, kv := range [][2]string{
		{"gpg.format", "ssh"},
		{"gpg.ssh.program", s.program()},
		{"commit.gpgsign", "true"},
		{"user.signingkey", s.path("home/" + who + "/keys/" + who + ".pub")},
	} {
		s.git(who, "config", kv[0], kv[1])
	}
}

// commit writes files into somebody's clone and commits them. It gives the commit's id.
func (s *shop) commit(who, message string, files map[string]string) string {
	s.t.Helper()
	for name, content := range files {
		write(s.t, s.path(who+"/"+name), content)
	}
	s.git(who, "add -A")
	s.git(who, "commit -q -m", message)
	return s.git(who, "rev-parse HEAD")
}

// push pushes a branch with somebody's account. Hooks are advice, and the forge has none.
func (s *shop) push(who, branch string) {
	s.t.Helper()
	s.pusher(who)
	s.git(who, "push -q --no-verify origin", branch)
	s.double.Refs(repository) // has the double take the push over, as this pusher's
}

// pusher is whose account the next pushes to the forge's repository are by.
func (s *shop) pusher(who string) {
	s.double.Change(func(state *gh.Scenario) {
		for _, r := range state.Repositories {
			if r.Name == repository {
				r.GitPusher = who
			}
		}
	})
}

// employ has alice delegate to the coder for an hour, and puts that in force in the coder's clone, on
// a new branch.
func (s *shop) employ(branch string) {
	s.t.Helper()
	digest := s.remit("alice", "alice", "delegate", "coder", "--for", "1h", "--why", "SHOP-1412",
		"--action", "commit,pull_request,deploy", "--branch", "agent/**,main", "--path", "src/**", "--environment", "staging,production")
	s.git("coder", "fetch -q origin +refs/remit/*:refs/remit/*")
	s.remit("coder", "coder", "use", digest)
	s.git("coder", "checkout -q -b", branch, "origin/main")
}

// sneak commits as the coder, around all of remit's advice: its key and a true trailer.
func (s *shop) sneak(message string, files map[string]string) string {
	s.t.Helper()
	digest := s.inForce()
	s.remit("coder", "coder", "use", "--none")
	for name, content := range files {
		write(s.t, s.path("coder/"+name), content)
	}
	s.git("coder", "add -A")
	s.git("coder", "-c gpg.format=ssh -c gpg.ssh.program="+s.program()+" -c user.signingkey="+s.path("home/coder/keys/coder.pub")+
		" -c core.hooksPath=/dev/null commit -q --cleanup=verbatim -S -m", message+"\n\nDelegation: "+digest+"\n")
	s.remit("coder", "coder", "use", digest)
	return s.git("coder", "rev-parse HEAD")
}

// open opens a pull request of the coder's branch, with the statement that answers for it.
func (s *shop) open(branch, title string) int {
	s.t.Helper()
	return s.double.OpenPull(repository, gh.PullRequest{Author: "coder", Title: title, HeadRef: branch, Body: s.body("Please.", branch)})
}

// pull is the event of a pull request as GitHub would send it now.
func (s *shop) pull(number int) event {
	return event{name: "pull_request_target", payload: s.double.Event("pull_request_target", gh.EventOf{Repository: repository, Number: number})}
}

// reviewed is the event of a review.
func (s *shop) reviewed(number int, review int64) event {
	return event{name: "pull_request_review", payload: s.double.Event("pull_request_review", gh.EventOf{Repository: repository, Number: number, Review: review})}
}

// serveAction has the server serve remit-sh/remit, as a branch has it.
func (s *shop) serveAction() {
	s.t.Helper()
	bare := s.path("srv/remit-sh/remit.git")
	run(s.t, s.dir, s.env("alice"), "git", "init", "-q", "--bare", "-b", "main", bare)
	for _, line := range []string{"add --all", "commit --quiet --message=x"} {
		run(s.t, s.dir, append(s.env("alice"), "GIT_DIR="+bare, "GIT_WORK_TREE="+s.rig.source), "git", strings.Fields(line)...)
	}
}

// check is the only check run of remit's on a commit.
func (s *shop) check(commit string) gh.CheckRun {
	s.t.Helper()
	return s.checkNamed(commit, "remit")
}

// checkNamed is the check run of a name, which is the only one on a commit.
func (s *shop) checkNamed(commit, name string) gh.CheckRun {
	s.t.Helper()
	runs := s.double.CheckRuns(repository, commit)
	if len(runs) != 1 || runs[0].Name != name {
		s.t.Fatalf("want one check run %q on %s, not %+v", name, commit, runs)
	}
	return runs[0]
}
