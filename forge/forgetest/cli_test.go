package forgetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/internal/cli"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

const cliPolicy = `repository = "github.com/acme/shop"

human "alice" { keys = ["%s"] }

agent "coder" { delegators = [human.alice] }

environment "staging" {}

grant "coder" {
  to           = [agent.coder]
  actions      = ["commit", "pull_request", "deploy"]
  branches     = ["agent/**", "main"]
  paths        = ["src/**"]
  environments = ["staging"]
  alone        = true
}
`

// desk is a clone of the shop's repository with the keys of alice and coder at hand, and a double of the
// GitHub that has the repository itself.
type desk struct {
	t   *testing.T
	dir string
	env []string
	d   *gh.Double
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	k := &desk{t: t, dir: t.TempDir()}
	k.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + k.dir, "REMIT_HOME=" + filepath.Join(k.dir, "home"), "XDG_CONFIG_HOME=" + k.dir,
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@shop.example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@shop.example",
	}
	if err := os.MkdirAll(k.path("shop/src"), 0o700); err != nil {
		t.Fatal(err)
	}
	key := k.ok("key", "new", "alice")
	coder := k.ok("key", "new", "coder")
	k.write("shop/policies.hcl", fmt.Sprintf(cliPolicy, key))
	k.write("shop/src/pay.go", "package pay\n")
	k.write("coder.pub", coder+"\n")
	for _, line := range []string{
		"init -q -b main", "add -A", "commit -q -m Start", "clone -q --bare . ../shop.git", "remote add origin ../shop.git", "fetch -q", "remote set-head origin main",
	} {
		k.git(line)
	}
	s := shop()
	s.Repositories = []*gh.Repository{{
		ID: 4711, Name: "acme/shop", GitDir: k.path("shop.git"), GitPusher: "coder", Roles: map[string]string{"alice": "admin", "coder": "write"},
		Workflows: []*gh.Workflow{{File: "deploy.yml", Inputs: []string{"request"}}, {File: "other.yml"}},
	}}
	s.Tokens = append(s.Tokens, &gh.Token{Value: "reader", App: "remit", Permissions: map[string]string{"pull_requests": "read"}})
	k.d = gh.Start(t, s)
	k.env = append(k.env, "GITHUB_API_URL="+k.d.URL(), "GITHUB_TOKEN="+token)
	digest := k.ok("delegate", "coder", "--for", "1h", "--why", "SHOP-1412", "--action", "pull_request,deploy", "--branch", "agent/**", "--branch", "main",
		"--path", "src/**", "--environment", "staging", "--to-key", "../coder.pub")
	k.env = append(k.env, "REMIT_DELEGATION="+digest)
	return k
}

func (k *desk) path(name string) string { return filepath.Join(k.dir, name) }

func (k *desk) write(name, text string) {
	k.t.Helper()
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *desk) git(line string) {
	k.t.Helper()
	cmd := exec.Command("git", strings.Fields(line)...)
	cmd.Dir, cmd.Env = k.path("shop"), k.env
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("git %s: %v: %s", line, err, out)
	}
}

// run runs remit in the clone. Words with a "=" in front of the command go to its environment.
func (k *desk) run(args ...string) (code int, stdout, stderr string) {
	k.t.Helper()
	env := k.env
	for len(args) > 0 && strings.Contains(args[0], "=") && !strings.HasPrefix(args[0], "-") {
		env, args = append(env[:len(env):len(env)], args[0]), args[1:]
	}
	var out, errs bytes.Buffer
	code = cli.Run(bg, &cli.Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Environ: env, Dir: k.path("shop"), Executable: "/nowhere/remit",
		Now: func() time.Time { return noon },
	}, args)
	return code, strings.TrimSuffix(out.String(), "\n"), errs.String()
}

func (k *desk) ok(args ...string) string {
	k.t.Helper()
	code, stdout, stderr := k.run(args...)
	if code != 0 {
		k.t.Fatalf("remit %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// fails runs remit, which must end so, say these things, print nothing and write nothing to GitHub.
func (k *desk) fails(want int, args []string, says ...string) {
	k.t.Helper()
	before := len(k.d.Journal().Writes())
	code, stdout, stderr := k.run(args...)
	if code != want || stdout != "" {
		k.t.Errorf("remit %s: exit %d, not %d: %q, %s", strings.Join(args, " "), code, want, stdout, stderr)
	}
	for _, s := range says {
		if !strings.Contains(stderr, s) {
			k.t.Errorf("remit %s does not say %q: %s", strings.Join(args, " "), s, stderr)
		}
	}
	if n := len(k.d.Journal().Writes()); n != before {
		k.t.Errorf("remit %s wrote %d times", strings.Join(args, " "), n-before)
	}
	if strings.Contains(stderr, token) {
		k.t.Errorf("remit %s shows the token", strings.Join(args, " "))
	}
}

func (k *desk) commit(text string) {
	k.t.Helper()
	k.write("shop/src/pay.go", text)
	k.git("-c core.hooksPath=/dev/null commit -q -a -m Pay")
}

func (k *desk) pulls() []*gh.PullRequest { return k.d.State().Repositories[0].PullRequests }

// statement is the one that a text carries, which must be there, with the chain that it was made under.
func (k *desk) statement(body string) delegation.PullRequest {
	k.t.Helper()
	s := k.signed(body)
	if problems := s.Bundle.Problems("github.com/acme/shop", 0); len(problems) > 0 {
		k.t.Errorf("%+v", problems)
	}
	return s.Statement
}

func (k *desk) signed(body string) *delegation.Signed[delegation.PullRequest] {
	k.t.Helper()
	file, ok, err := delegation.FindInBody(body)
	if !ok || err != nil {
		k.t.Fatalf("%t, %v: %s", ok, err, body)
	}
	s, err := delegation.ParseSigned[delegation.PullRequest](file)
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

func TestPrOpen(t *testing.T) {
	k := newDesk(t)
	k.git("switch -q -c agent/pay")
	k.commit("package pay // by card\n")
	k.fails(1, []string{"pr", "open"}, "refs/heads/agent/pay has not been pushed to origin", "hint: push it first: `git push -u origin agent/pay:refs/heads/agent/pay`")
	k.git("push -q origin agent/pay")
	k.fails(2, []string{"GITHUB_TOKEN=", "pr", "open"}, "there is no token for GitHub")
	k.fails(2, []string{"pr", "open", "--token-env", "OTHER"}, "there is no token for GitHub in OTHER")
	k.fails(3, []string{"GITHUB_TOKEN=reader", "pr", "open"}, "opening the pull request: the token may not do this", "hint: it takes the permission `pull-requests: write`")
	k.fails(3, []string{"GITHUB_TOKEN=wrong", "pr", "open"}, "Use a token that is still valid")
	k.fails(1, []string{"pr", "open", "--base", "nowhere"}, "scope-branch")
	k.fails(1, []string{"pr", "open", "--base", "agent/nowhere"}, "GitHub refused the request: 422")

	k.write("text.md", "By card.\n")
	url := k.ok("OTHER="+token, "GITHUB_TOKEN=", "pr", "open", "--title", "Pay by card", "--draft", "--body", "../text.md", "--token-env", "OTHER", "--api", k.d.URL()+"/")
	if url != "https://github.com/acme/shop/pull/1" || len(k.pulls()) != 1 {
		t.Fatalf("%q, %d pull requests", url, len(k.pulls()))
	}
	p := k.pulls()[0]
	first := k.statement(p.Body)
	if p.Title != "Pay by card" || !p.Draft || !strings.HasPrefix(p.Body, "By card.\n\n<!-- remit:") || first.Head != p.HeadSHA || first.BaseRef != "refs/heads/main" {
		t.Errorf("%+v, %+v", p, first)
	}
	// Its delegation is where the check finds it.
	k.git("fetch -q origin " + delegation.RefName(first.Delegation))

	// After another push the statement is replaced; what somebody wrote around it stays.
	k.d.Change(func(s *gh.Scenario) {
		s.Repositories[0].PullRequests[0].Body = "Edited.\n\n" + p.Body + "\r\n\r\nBelow.\r\n"
	})
	k.commit("package pay // and by bank\n")
	k.fails(1, []string{"pr", "open"}, "is at "+first.Head+" in origin")
	k.git("push -q origin agent/pay")
	k.fails(3, []string{"GITHUB_TOKEN=reader", "pr", "open"}, "updating the pull request: the token may not do this")
	if again := k.ok("pr", "open"); again != url || len(k.pulls()) != 1 {
		t.Errorf("%q, %d pull requests", again, len(k.pulls()))
	}
	p = k.pulls()[0]
	second := k.statement(p.Body)
	if second.Head == first.Head || second.Head != p.HeadSHA || p.Title != "Pay by card" {
		t.Errorf("%+v, %+v", p, second)
	}
	for _, text := range []string{"Edited.\n\nBy card.", "Below."} {
		if !strings.Contains(p.Body, text) {
			t.Errorf("%q is gone: %q", text, p.Body)
		}
	}
	// A closed one is left alone.
	k.d.SetState("acme/shop", 1, "closed", "alice")
	if url := k.ok("pr", "open"); !strings.HasSuffix(url, "/2") || k.pulls()[1].Title != "Pay" {
		t.Errorf("%q, %+v", url, k.pulls()[1])
	}
}

// TestPrOpenByWhatIsSaid: rules that go by how a pull request is opened are held against what the flags say, and
// those that go by what it gets later against nothing.
func TestPrOpenByWhatIsSaid(t *testing.T) {
	k := newDesk(t)
	k.git("switch -q -c agent/pay")
	k.commit("package pay // by card\n")
	k.git("push -q origin agent/pay")
	base, err := os.ReadFile(k.path("shop/policies.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	forbid := func(name, when string) {
		k.write(name, string(base)+"forbid \"x\" {\n  actions = [\"pull_request\"]\n  when = "+when+"\n}\n")
	}
	forbid("drafts.hcl", "pr.draft")
	k.fails(1, []string{"pr", "open", "--draft", "--policy", "../drafts.hcl"}, "forbidden")
	forbid("titles.hcl", `!startswith(pr.title, "feat: ")`)
	k.fails(1, []string{"pr", "open", "--policy", "../titles.hcl"}, "forbidden") // the commit's subject, "Pay"
	k.fails(1, []string{"pr", "open", "--title", "fix: pay", "--policy", "../titles.hcl"}, "forbidden")
	forbid("all.hcl", `pr.draft || !pr.draft || act.ref == "refs/heads/main"`)
	k.fails(1, []string{"pr", "open", "--policy", "../all.hcl"}, "forbidden")
	forbid("later.hcl", `pr.draft || !startswith(pr.title, "feat: ") || !contains(pr.labels, "reviewed") || pr.number > 0 || commit.files_changed > 0`)
	k.ok("pr", "sign", "--policy", "../later.hcl")
	k.ok("pr", "open", "--title", "feat: pay", "--policy", "../later.hcl")
	// One that is open keeps its title, whatever the flags say.
	k.ok("pr", "open", "--title", "fix: pay", "--policy", "../titles.hcl")
	if len(k.pulls()) != 1 || k.pulls()[0].Title != "feat: pay" {
		t.Errorf("%+v", k.pulls())
	}
}

// TestPrBodyTooLong: where the text leaves no room for the chain, the statement stands alone.
func TestPrBodyTooLong(t *testing.T) {
	k := newDesk(t)
	k.git("switch -q -c agent/pay")
	k.commit("package pay // by card\n")
	k.git("push -q origin agent/pay")
	k.write("text.md", strings.Repeat("x", 62_500))
	code, _, stderr := k.run("pr", "open", "--body", "../text.md")
	if code != 0 || !strings.Contains(stderr, "note: with its delegations the statement is too long for the text of a pull request: they are read from refs/remit/delegations/") {
		t.Fatalf("%d: %s", code, stderr)
	}
	s := k.signed(k.pulls()[0].Body)
	if s.Bundle != nil || s.Statement.Delegation == "" {
		t.Errorf("%+v", s)
	}
	k.git("fetch -q origin " + delegation.RefName(s.Statement.Delegation))
	k.write("text.md", strings.Repeat("x", 65_000))
	k.fails(1, []string{"pr", "open", "--body", "../text.md"}, "the text of a pull request takes")
}

func TestRequestSend(t *testing.T) {
	k := newDesk(t)
	deploy := func(args ...string) []string {
		return append([]string{"request", "deploy", "--environment", "staging"}, args...)
	}
	k.fails(3, append([]string{"GITHUB_TOKEN=reader"}, deploy("--send", "deployment")...), "creating the deployment", "hint: it takes the permission `deployments: write`")
	k.fails(3, append([]string{"GITHUB_TOKEN=reader"}, deploy("--send", "dispatch=deploy.yml")...), "starting the workflow", "hint: it takes the permission `actions: write`")
	k.fails(3, deploy("--send", "dispatch=nowhere.yml"), "GitHub knows no such thing")
	k.fails(1, deploy("--send", "dispatch=other.yml"), "Unexpected inputs provided")
	k.fails(1, []string{"request", "deploy", "--environment", "production", "--send", "deployment"}, "environment-undeclared")

	id, err := strconv.ParseInt(k.ok(deploy("--send", "deployment", "--output", "../request")...), 10, 64)
	made := k.d.State().Repositories[0].Deployments
	if err != nil || len(made) != 1 || made[0].ID != id || made[0].Environment != "staging" || made[0].Description != "SHOP-1412" {
		t.Fatalf("%d, %v: %+v", id, err, made)
	}
	kept, err := os.ReadFile(k.path("request"))
	var payload struct {
		Remit string `json:"remit"`
	}
	if err != nil || json.Unmarshal(made[0].Payload, &payload) != nil || payload.Remit+"\n" != string(kept) {
		t.Errorf("%s, and kept is %s, %v", made[0].Payload, kept, err)
	}
	asked := k.request(payload.Remit)
	if asked.Commit != made[0].SHA || asked.Ref != "refs/heads/main" || asked.Environment != "staging" {
		t.Errorf("%+v", asked)
	}

	digest := k.ok(deploy("--send", "dispatch=deploy.yml")...)
	runs := k.d.State().Repositories[0].Runs
	if len(runs) != 1 || runs[0].HeadBranch != "main" || !strings.HasPrefix(digest, "sha256:") {
		t.Fatalf("%q, %+v", digest, runs)
	}
	k.request(runs[0].Inputs["request"])

	var row struct {
		Request    string `json:"request"`
		Digest     string `json:"digest"`
		Deployment int64  `json:"deployment"`
	}
	out := k.ok(deploy("--send", "deployment", "--format", "json")...)
	if err := json.Unmarshal([]byte(out), &row); err != nil || row.Deployment == 0 || row.Deployment == id {
		t.Errorf("%v: %s", err, out)
	}
	k.request(row.Request)
}

// request is the request of a word, which must hold together.
func (k *desk) request(word string) delegation.Request {
	k.t.Helper()
	file, err := delegation.DecodeText(word)
	if err != nil {
		k.t.Fatal(err)
	}
	s, err := delegation.ParseSigned[delegation.Request](file)
	if err != nil || s.Bundle == nil {
		k.t.Fatalf("%v, bundle %v", err, s)
	}
	return s.Statement
}
