package actiontest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/internal/cli"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/internal/gitserver"
	"github.com/remit-sh/remit/signing"
)

const (
	slug  = "acme/shop"
	main  = "refs/heads/main"
	pay   = "refs/heads/agent/pay"
	token = "ghs_workflowtoken"
)

// shopPolicy rules the shop: alice and bob are humans, coder is an agent whose keys are minted. What
// stands for %s is added to it.
const shopPolicy = `repository = "github.com/acme/shop"

human "alice" {
  github = "alice"
  keys   = [%q]
}

human "bob" {
  github = "bob"
  keys   = [%q]
}

agent "coder" {
  delegators = [human.alice]
}

environment "production" {
  secrets     = ["DB_PASSWORD", "API_KEY"]
  deploy_from = ["main"]
}

grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main", "release"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}

grant "coder asks for deploys" {
  to           = [agent.coder]
  actions      = ["deploy"]
  environments = ["production"]
  max_ttl      = "1h"
}

gate "production needs a human" {
  actions      = ["deploy"]
  environments = ["production"]
  approvers    = [human.alice, human.bob]
}

gate "payments need a human" {
  actions   = ["commit", "pull_request"]
  paths     = ["src/payments/**"]
  approvers = [human.alice, human.bob]
}
%s
`

func policyWith(more string) string {
	return fmt.Sprintf(shopPolicy, dt.Key("human.alice").AuthorizedKey(), dt.Key("human.bob").AuthorizedKey(), more)
}

// rig is GitHub with the shop: a bare repository behind the double, served by git's own backend.
type rig struct {
	t    testing.TB
	d    *gh.Double
	root string // below it are the bare repositories
	web  string
	base string // the first commit of main, which has the policy
	runs int
	// inputs are what every run is given beside the usual.
	inputs []string
	issuer *issuer // of identity tokens; nil: jobs have none

	fetches atomic.Int64
}

// newRig starts with main at a commit that alice signed, holding these files beside the policy. A
// policy of "" is none.
func newRig(t testing.TB, policy string, change ...func(*gh.Scenario)) *rig {
	t.Helper()
	r := &rig{t: t, root: t.TempDir()}
	r.initBare(slug)
	r.initBare("mallory/shop")
	files := map[string]string{"README": "The shop.\n", "src/pay.go": "package pay\n"}
	if policy != "" {
		files["policies.hcl"] = policy
	}
	r.base = r.commit(commit{by: "human.alice", files: files, message: "Start", at: dt.Start()})
	r.git(slug, "", "update-ref", main, r.base)
	r.git("mallory/shop", "", "fetch", "-q", r.dir(slug), "main:main")
	r.serve()
	s := gh.Scenario{
		Now: dt.Start().Add(time.Minute),
		Users: []*gh.User{
			{ID: 1, Login: "alice"}, {ID: 2, Login: "bob"}, {ID: 3, Login: "coder"}, {ID: 4, Login: "mallory"},
		},
		Apps: []*gh.App{{Slug: "github-actions"}, {ID: 77, Slug: "remit"}},
		Tokens: []*gh.Token{
			{Value: token, App: "github-actions"},
			{Value: "ghs_fork", App: "github-actions", ReadOnly: true},
			{Value: "ghs_app", App: "remit"},
		},
		Repositories: []*gh.Repository{
			{
				ID: 4711, Name: slug, GitDir: r.dir(slug), Roles: map[string]string{"alice": "admin", "bob": "write", "coder": "write"},
				CreatedAt: dt.Start().AddDate(-1, 0, 0), GitPusher: "alice",
			},
			{ID: 4712, Name: "mallory/shop", GitDir: r.dir("mallory/shop"), GitPusher: "mallory", ForkOf: slug},
		},
	}
	for _, f := range change {
		f(&s)
	}
	r.d = gh.Start(t, s)
	return r
}

func (r *rig) dir(repo string) string { return filepath.Join(r.root, repo+".git") }

func (r *rig) initBare(repo string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.dir(repo)), 0o700); err != nil {
		r.t.Fatal(err)
	}
	r.git("", "", "init", "-q", "--bare", "-b", "main", r.dir(repo))
	r.git(repo, "", "config", "uploadpack.allowFilter", "true")
	r.git(repo, "", "config", "uploadpack.allowAnySHA1InWant", "true")
}

// serve puts a proxy before git's backend that takes the workflow's tokens as GitHub does.
func (r *rig) serve() {
	r.t.Helper()
	const user = "x-access-token"
	backend := gitserver.HTTP(r.t, r.root, []string{user})
	target, err := url.Parse(backend.URL(user, ""))
	if err != nil {
		r.t.Fatal(err)
	}
	secret, _ := target.User.Password()
	target.User = nil
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		name, password, _ := req.BasicAuth()
		if name != user || !strings.HasPrefix(password, "ghs_") {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if password == "ghs_fork" && (strings.HasSuffix(req.URL.Path, "/git-receive-pack") || req.URL.Query().Get("service") == "git-receive-pack") {
			http.Error(w, "Permission to acme/shop.git denied to github-actions[bot].", http.StatusForbidden)
			return
		}
		if strings.HasSuffix(req.URL.Path, "/git-upload-pack") {
			r.fetches.Add(1)
		}
		req.SetBasicAuth(user, secret)
		proxy.ServeHTTP(w, req)
	}))
	r.t.Cleanup(server.Close)
	r.web = server.URL
}

// git runs git on one of the bare repositories.
func (r *rig) git(repo, stdin string, args ...string) string {
	r.t.Helper()
	if repo != "" {
		args = append([]string{"--git-dir=" + r.dir(repo)}, args...)
	}
	return r.gitEnv(stdin, nil, args...)
}

func (r *rig) gitEnv(stdin string, env []string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.root
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.root, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C"}, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("git %v: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n")
}

// commit is a commit to make.
type commit struct {
	repo    string            // "": the shop
	by      string            // whose key signs it, as a seed of delegationtest; "": nobody's
	name    string            // of author and committer; "": that of by
	chain   delegation.Chain  // under which it is made
	parents []string          // the first one's files are there too
	files   map[string]string // "" takes one away
	tree    string            // instead of files
	message string
	at      time.Time
	forge   bool // as the forge makes them
	pgp     bool // with the forge's signature, which nobody here can check
}

// commit writes a commit to a bare repository.
func (r *rig) commit(c commit) string {
	r.t.Helper()
	if c.repo == "" {
		c.repo = slug
	}
	if c.at.IsZero() {
		c.at = r.d.Now()
	}
	if c.tree == "" {
		c.tree = r.tree(c)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(c.by, "human."), "agent."), " ")
	switch {
	case c.name != "":
		name = c.name
	case name == "":
		name = "Somebody"
	}
	var b strings.Builder
	b.WriteString("tree " + c.tree + "\n")
	for _, p := range c.parents {
		b.WriteString("parent " + p + "\n")
	}
	fmt.Fprintf(&b, "author %s <%s@shop.example> %d +0000\n", name, strings.ToLower(name), c.at.Unix())
	committer := fmt.Sprintf("committer %s <%s@shop.example> %d +0000\n", name, strings.ToLower(name), c.at.Unix())
	if c.forge {
		committer = fmt.Sprintf("committer GitHub <noreply@github.com> %d +0000\n", c.at.Unix())
	}
	b.WriteString(committer)
	head, message := b.String(), c.message+"\n"
	if c.chain != nil {
		message = delegation.AddTrailer(message, c.chain.Digest(), "#")
	}
	raw := head + "\n" + message
	if c.pgp {
		raw = head + "gpgsig -----BEGIN PGP SIGNATURE-----\n \n wsFcBAABCAAQBQJl\n -----END PGP SIGNATURE-----\n\n" + message
	}
	if c.by != "" {
		armored, err := signing.SignSSHSIG(dt.Signer(c.by), signing.NamespaceGit, []byte(raw))
		if err != nil {
			r.t.Fatal(err)
		}
		raw = head + "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(string(armored), "\n"), "\n", "\n ") + "\n\n" + message
	}
	return r.git(c.repo, raw, "hash-object", "-t", "commit", "-w", "--stdin")
}

func (r *rig) tree(c commit) string {
	r.t.Helper()
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(r.root, "index"), "GIT_DIR=" + r.dir(c.repo)}
	if err := os.RemoveAll(filepath.Join(r.root, "index")); err != nil {
		r.t.Fatal(err)
	}
	if len(c.parents) > 0 {
		r.gitEnv("", index, "read-tree", c.parents[0])
	}
	var info strings.Builder
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		if c.files[path] == "" {
			fmt.Fprintf(&info, "0 %s\t%s\x00", strings.Repeat("0", 40), path)
			continue
		}
		fmt.Fprintf(&info, "100644 %s\t%s\x00", r.git(c.repo, c.files[path], "hash-object", "-w", "--stdin"), path)
	}
	r.gitEnv(info.String(), index, "update-index", "-z", "--index-info")
	return r.gitEnv("", index, "write-tree")
}

// chain is a delegation from alice to coder for an hour, for commits below src/ and pull requests to
// main, published in the shop.
func (r *rig) chain(change ...func(*delegation.Delegation)) delegation.Chain {
	r.t.Helper()
	c := dt.MakeChain(r.t, "human.alice", dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.Scope.Branches = dt.Refs("agent/**", "main", "release")
		d.NotAfter = d.NotBefore.Add(time.Hour)
		for _, f := range change {
			f(d)
		}
	}})
	r.publish(slug, c)
	return c
}

func (r *rig) publish(repo string, c delegation.Chain) {
	r.t.Helper()
	r.git(repo, "", "update-ref", delegation.RefName(c.Digest()), r.git(repo, string(c.Marshal()), "hash-object", "-w", "--stdin"))
}

// pull opens a pull request of coder's to main with one commit, which changes a file, and returns its
// number and head.
func (r *rig) pull(path string) (number int, head string) {
	r.t.Helper()
	head = r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{path: "package x\n"}, message: "Change " + path})
	r.d.Push(slug, pay, head, "coder")
	return r.open("agent/pay", head), head
}

// open opens a pull request of coder's to main.
func (r *rig) open(branch, head string) int {
	r.t.Helper()
	return r.d.OpenPull(slug, gh.PullRequest{Title: "Pay", Author: "coder", HeadRef: branch, HeadSHA: head})
}

// result is how a run of the action ended.
type result struct {
	t       testing.TB
	code    int
	stdout  string
	stderr  string
	summary string
	outputs map[string]string
	report  struct {
		Verdict  string
		Observe  bool
		Findings []finding
		Acts     []struct {
			Kind, Subject, Actor, Verdict, SeenBy string
			Findings                              []finding
		}
		Gates []struct {
			Name    string
			Counted []string
		}
	}
}

type finding struct{ Rule, Effect, Summary, Reason, Fix string }

// on runs the action on an event; more are inputs and variables, NAME=value.
func (r *rig) on(kind string, e gh.EventOf, more ...string) *result {
	r.t.Helper()
	if e.Repository == "" {
		e.Repository = slug
	}
	return r.run(kind, r.d.Event(kind, e), slices.Concat(r.inputs, more)...)
}

func (r *rig) run(kind string, payload []byte, more ...string) *result {
	r.t.Helper()
	r.runs++
	dir := filepath.Join(r.root, fmt.Sprintf("run%d", r.runs))
	for _, d := range []string{dir, dir + "/temp", dir + "/tmp"} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/event.json", payload, 0o600); err != nil {
		r.t.Fatal(err)
	}
	env := []string{"GITHUB_API_URL=" + r.d.URL(), "GITHUB_SERVER_URL=" + r.web, "GITHUB_EVENT_NAME=" + kind, "GITHUB_RUN_ID=9001"}
	var web http.RoundTripper
	if r.issuer != nil {
		web, env = r.issuer.server.Client().Transport, append(env, r.issuer.env()...)
	}
	return runIn(r.t, r.d, web, dir, append(env, more...))
}

func runIn(t testing.TB, d *gh.Double, web http.RoundTripper, dir string, more []string) *result {
	t.Helper()
	// Nobody's configuration of git is read: with this one nothing could be fetched.
	config := "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http://\n[core]\n\thooksPath = /nowhere\n[protocol]\n\tallow = never\n"
	for _, file := range []string{dir + "/.gitconfig", dir + "/.git/config"} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	env := &cli.Env{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Dir: dir, Now: d.Now, HTTP: web,
		Wait: func(_ context.Context, by time.Duration) error { d.Advance(by); return nil },
		Environ: append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir + "/tmp", "RUNNER_TEMP=" + dir + "/temp",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.allow", "GIT_CONFIG_VALUE_0=never", "GITHUB_WORKSPACE=" + dir,
			"GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=" + slug, "GITHUB_EVENT_PATH=" + dir + "/event.json",
			"GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=deploy",
			"GITHUB_OUTPUT=" + dir + "/output", "GITHUB_STEP_SUMMARY=" + dir + "/summary",
			"INPUT_MODE=check", "INPUT_TOKEN=" + token, "INPUT_REPOSITORY=github.com/acme/shop", "INPUT_CHECK-NAME=remit", "INPUT_APP-ID=0",
		}, more...),
	}
	res := &result{t: t, code: cli.Run(t.Context(), env, []string{"action"}), stdout: stdout.String(), stderr: stderr.String(), outputs: map[string]string{}}
	if b, err := os.ReadFile(dir + "/summary"); err == nil {
		res.summary = string(b)
	}
	if b, err := os.ReadFile(dir + "/output"); err == nil {
		res.outputs = parseOutputs(t, string(b))
	}
	if file := res.outputs["report"]; file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &res.report, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir + "/tmp"); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	for name, text := range map[string]string{"log": strings.ReplaceAll(res.stdout, "::add-mask::"+token, ""), "errors": res.stderr, "summary": res.summary} {
		if strings.Contains(text, token) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))) {
			t.Errorf("the token is in the %s: %s", name, text)
		}
	}
	return res
}

// parseOutputs reads GITHUB_OUTPUT as the runner does.
func parseOutputs(t testing.TB, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		name, end, ok := strings.Cut(lines[i], "<<")
		if !ok {
			continue
		}
		var value []string
		for i++; i < len(lines) && lines[i] != end; i++ {
			value = append(value, lines[i])
		}
		out[name] = strings.Join(value, "\n")
	}
	return out
}

// wants fails the test unless the run ended so; words must be in its log or errors.
func (r *result) wants(code int, verdict string, words ...string) {
	r.t.Helper()
	if r.code != code || r.outputs["verdict"] != verdict {
		r.t.Errorf("exit %d, verdict %q, want %d, %q\n%s%s", r.code, r.outputs["verdict"], code, verdict, r.stdout, r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stdout+r.stderr, w) {
			r.t.Errorf("the log does not say %q:\n%s%s", w, r.stdout, r.stderr)
		}
	}
}

// rules are the rules of all findings that are more than a note.
func (r *result) rules() []string {
	var rules []string
	add := func(findings []finding) {
		for _, f := range findings {
			if f.Effect != "note" && !slices.Contains(rules, f.Rule) {
				rules = append(rules, f.Rule)
			}
		}
	}
	add(r.report.Findings)
	for _, a := range r.report.Acts {
		add(a.Findings)
	}
	slices.Sort(rules)
	return rules
}

// check is the one check run on a commit.
// check wants one check run for the default branch on a commit, which says so.
func (r *rig) check(head, conclusion string) gh.CheckRun {
	r.t.Helper()
	return r.checkNamed(head, "remit", conclusion)
}

func (r *rig) checkNamed(head, name, conclusion string) gh.CheckRun {
	r.t.Helper()
	var found []gh.CheckRun
	for _, run := range r.d.CheckRuns(slug, head) {
		if run.Name == name {
			found = append(found, run)
		}
	}
	if len(found) != 1 || found[0].Conclusion != conclusion || found[0].Status != "completed" {
		r.t.Fatalf("check runs %+v, want one called %q that says %s", r.d.CheckRuns(slug, head), name, conclusion)
	}
	return found[0]
}

func (r *rig) noCheck(head string) {
	r.t.Helper()
	if runs := r.d.CheckRuns(slug, head); len(runs) != 0 {
		r.t.Errorf("check runs %+v", runs)
	}
}

func digestOf(text string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
}
