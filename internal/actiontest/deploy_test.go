package actiontest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/names"
)

// deployRig is the shop with pull request 1 merged to main by bob, who approved it.
type deployRig struct {
	*rig

	chain delegation.Chain // coder may ask for deploys to production
	tip   string
}

func newDeployRig(t *testing.T, more string, change ...func(*gh.Scenario)) *deployRig {
	t.Helper()
	return newDeployRigOf(t, policyWith(more), change...)
}

func newDeployRigOf(t *testing.T, policy string, change ...func(*gh.Scenario)) *deployRig {
	t.Helper()
	r := &deployRig{rig: newRig(t, policy, change...)}
	number, _ := r.pull("src/cart.go")
	r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
	r.d.Merge(slug, number, "alice", "")
	r.tip = r.d.Refs(slug)[main]
	r.chain = dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.Scope.Actions, d.Scope.Environments = []names.Action{names.Deploy}, dt.Names("production", "staging")
		d.Scope.Branches, d.Scope.Paths = dt.Refs("**"), nil
		d.NotAfter = d.NotBefore.Add(time.Hour)
	}})
	r.publish(slug, r.chain)
	return r
}

// request is coder's request to deploy a commit to production, for the next ten minutes.
func (r *deployRig) request(commit string, change ...func(*delegation.Request)) *delegation.Signed[delegation.Request] {
	r.t.Helper()
	q := dt.NewRequest("agent.coder")
	q.Commit, q.Delegation = commit, r.chain.Digest()
	q.NotBefore = r.d.Now().Truncate(time.Second)
	q.NotAfter = q.NotBefore.Add(10 * time.Minute)
	q.Nonce = delegation.NewNonce()
	for _, f := range change {
		f(&q)
	}
	return dt.SignStatement(r.t, q)
}

// deploy dispatches the workflow with a request.
func (r *deployRig) deploy(text string, more ...string) *result {
	r.t.Helper()
	return r.on("workflow_dispatch", gh.EventOf{Inputs: map[string]string{"request": text}},
		append([]string{"INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production", "INPUT_REQUEST=" + text}, more...)...)
}

func (r *deployRig) deployedRefs() []string {
	var refs []string
	for ref := range r.d.Refs(slug) {
		if strings.HasPrefix(ref, "refs/tags/remit/") {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

func TestDeployOnce(t *testing.T) {
	r := newDeployRig(t, "")
	run := r.d.AddRun(slug, gh.WorkflowRun{Event: "workflow_dispatch", HeadSHA: r.tip, HeadBranch: "main"})
	q := r.request(r.tip)
	got := r.deploy(q.Text(), fmt.Sprintf("GITHUB_RUN_ID=%d", run))
	got.wants(0, "allow")
	if got.outputs["commit"] != r.tip {
		t.Errorf("outputs %v", got.outputs)
	}
	if got.report.Acts[0].SeenBy != "the forge's clock, at the run's creation" {
		t.Errorf("%+v", got.report.Acts[0])
	}
	refs := r.deployedRefs()
	if len(refs) != 2 || !strings.HasPrefix(refs[0], "refs/tags/remit/deployed/production/") || !strings.HasSuffix(refs[0], "Z-"+q.Statement.Nonce) ||
		refs[1] != "refs/tags/remit/requests/"+q.Statement.Nonce || r.d.Refs(slug)[refs[0]] != r.tip || r.d.Refs(slug)[refs[1]] != r.tip {
		t.Errorf("refs %v", refs)
	}

	// The same job again, and the same request in another.
	for _, run := range []string{fmt.Sprint(run), "17"} {
		got = r.deploy(q.Text(), "GITHUB_RUN_ID="+run, "GITHUB_RUN_ATTEMPT=2")
		got.wants(1, "deny", "request-replayed")
		if got.outputs["commit"] != "" {
			t.Errorf("outputs %v", got.outputs)
		}
	}
	// A new request for the same commit is another deploy.
	r.deploy(r.request(r.tip).Text()).wants(0, "allow")
}

// TestDeployByUnlistedGate: the gate says at which commit it runs, and the policy which may be.
func TestDeployByUnlistedGate(t *testing.T) {
	listed := "0123456789abcdef0123456789abcdef01234567"
	r := newDeployRig(t, `
workflows {
  gate_commits = ["`+listed+`"]
}`)
	q := r.request(r.tip)
	for _, ref := range []string{"fedcba9876543210fedcba9876543210fedcba98", "v1", "refs/heads/main", listed[:39], ""} {
		got := r.deploy(q.Text(), "GITHUB_ACTION_REF="+ref)
		got.wants(1, "deny", "deploy-ungated")
	}
	if refs := r.deployedRefs(); len(refs) > 0 {
		t.Errorf("refs %v", refs)
	}
	// Nothing was used up.
	r.deploy(q.Text(), "GITHUB_ACTION_REF="+strings.ToUpper(listed)).wants(0, "allow")
}

// TestDeployDenied: a request is for what it names, and for what the policy lets be deployed.
func TestDeployDenied(t *testing.T) {
	r := newDeployRig(t, `
environment "staging" {
  deploy_from = ["release"]
}`)
	side := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"x": "x\n"}, message: "Aside"})
	r.d.Push(slug, "refs/heads/side", side, "alice")
	for name, c := range map[string]struct {
		q    *delegation.Signed[delegation.Request]
		more []string
		rule string
	}{
		"another environment": {q: r.request(r.tip), more: []string{"INPUT_ENVIRONMENT=staging"}, rule: "request-mismatch"},
		"an environment that nobody declared": {
			q: r.request(r.tip, func(q *delegation.Request) { q.Environment = "qa" }), more: []string{"INPUT_ENVIRONMENT=qa"}, rule: "environment-undeclared",
		},
		"another run":              {q: r.request(r.tip, func(q *delegation.Request) { q.RunID = 5 }), rule: "request-mismatch"},
		"another attempt":          {q: r.request(r.tip, func(q *delegation.Request) { q.RunID, q.RunAttempt = 9001, 2 }), rule: "request-mismatch"},
		"another job":              {q: r.request(r.tip, func(q *delegation.Request) { q.RunID, q.Job = 9001, "x" }), rule: "request-mismatch"},
		"another repository":       {q: r.request(r.tip, func(q *delegation.Request) { q.RepositoryID = 1 }), rule: "request-mismatch"},
		"a commit of a side":       {q: r.request(side), rule: "deploy-ref"},
		"a commit that is nowhere": {q: r.request(strings.Repeat("ab", 20)), rule: "deploy-ref"},
		"too late": {
			q: r.request(r.tip, func(q *delegation.Request) {
				q.NotBefore, q.NotAfter = dt.Start().Add(-time.Hour), dt.Start().Add(-30*time.Minute)
			}),
			rule: "request-expired",
		},
		"by mallory": {q: r.request(r.tip, func(q *delegation.Request) {
			q.Signer, q.Delegation = dt.Party("human.mallory"), ""
		}), rule: "unknown-key"},
	} {
		got := r.deploy(c.q.Text(), c.more...)
		if got.code == 0 || got.outputs["verdict"] == "allow" || got.outputs["commit"] != "" || !slices.Contains(got.rules(), c.rule) {
			t.Errorf("%s: exit %d, %v, rules %v\n%s", name, got.code, got.outputs, got.rules(), got.stdout)
		}
	}
	for name, text := range map[string]string{"none": "", "nonsense": "nonsense", "JSON": "{}"} {
		got := r.deploy(text)
		if got.code != 1 || got.outputs["commit"] != "" {
			t.Errorf("%s: exit %d\n%s", name, got.code, got.stdout)
		}
	}
	if refs := r.deployedRefs(); len(refs) != 0 {
		t.Errorf("refs %v", refs)
	}
}

// TestDeployment: the request is in the payload of a deployment, as it is now.
func TestDeployment(t *testing.T) {
	for _, form := range []string{`{"remit":%q}`, `%q`, `{"other":1,"remit":%q,"approvals":""}`} {
		r := newDeployRig(t, "")
		q := r.request(r.tip)
		id := r.d.Deploy(slug, gh.Deployment{SHA: r.tip, Ref: "main", Environment: "production", Creator: "coder", Payload: []byte(fmt.Sprintf(form, q.Text()))})
		mode := []string{"INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production"}
		got := r.on("deployment", gh.EventOf{Deployment: id}, mode...)
		got.wants(0, "allow")
		if got.outputs["commit"] != r.tip || got.report.Acts[0].SeenBy != "the forge's clock, at the deployment's creation" {
			t.Errorf("%v, %+v", got.outputs, got.report.Acts[0])
		}
		got = r.on("deployment", gh.EventOf{Deployment: id}, mode...)
		got.wants(1, "deny", "request-replayed")
		statuses := r.d.State().Repositories[0].Deployments[0].Statuses
		if len(statuses) != 1 || statuses[0].State != "failure" || !strings.Contains(statuses[0].Description, "request-replayed") {
			t.Errorf("%+v", statuses)
		}
	}
	r := newDeployRig(t, "")
	other := r.d.Deploy(slug, gh.Deployment{SHA: r.base, Ref: "main", Environment: "production", Creator: "coder", Payload: []byte(fmt.Sprintf(`{"remit":%q}`, r.request(r.tip).Text()))})
	got := r.on("deployment", gh.EventOf{Deployment: other}, "INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production")
	got.wants(1, "deny", "request-mismatch")
	for _, payload := range []string{`{}`, `{"remit":1}`, `"x"`} {
		id := r.d.Deploy(slug, gh.Deployment{SHA: r.tip, Ref: "main", Environment: "production", Creator: "coder", Payload: []byte(payload)})
		got := r.on("deployment", gh.EventOf{Deployment: id}, "INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production")
		if got.code != 1 || got.outputs["commit"] != "" {
			t.Errorf("%s: exit %d\n%s", payload, got.code, got.stdout)
		}
	}
}

// TestDeploySteps: every step since what was let through last must have been approved.
func TestDeploySteps(t *testing.T) {
	r := newDeployRig(t, "")
	r.deploy(r.request(r.tip).Text()).wants(0, "allow")

	// Two more pull requests, of which one was merged without an approval.
	var tips []string
	for i, approved := range []bool{false, true} {
		path := fmt.Sprintf("src/%d.go", i)
		head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{path: "package x\n"}, message: "Add " + path})
		branch := fmt.Sprintf("agent/%d", i)
		r.d.Push(slug, "refs/heads/"+branch, head, "coder")
		number := r.open(branch, head)
		if approved {
			r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
		}
		r.d.Merge(slug, number, "alice", "")
		tips = append(tips, r.d.Refs(slug)[main])
	}
	waits := r.request(tips[1])
	got := r.deploy(waits.Text())
	got.wants(4, "pending", "approval-missing")
	if len(r.deployedRefs()) != 2 {
		t.Errorf("refs %v", r.deployedRefs())
	}
	// A request that was used up is that, whatever else it would wait for.
	r.git(slug, "", "update-ref", waits.Statement.UsedRef(), r.tip)
	r.deploy(waits.Text()).wants(1, "deny", "request-replayed")

	// A signed approval that names the request counts for all of it.
	q := r.request(tips[1])
	sign := func(change ...func(*delegation.Approval)) string {
		a := dt.NewApprovalOf("human.bob", q)
		a.PolicyDigest = r.policyDigest()
		for _, f := range change {
			f(&a)
		}
		return dt.SignStatement(t, a).Text()
	}
	r.deploy(q.Text(), "INPUT_APPROVALS="+sign(func(a *delegation.Approval) { a.Environment = "staging" })).wants(4, "pending")
	r.deploy(q.Text(), "INPUT_APPROVALS=\n"+sign()+"\n").wants(0, "allow")

	// What is deployed now is newer than the first: going back is a decision of its own.
	got = r.deploy(r.request(r.tip).Text())
	got.wants(4, "pending", "deploy-ref")

	// Pushed to main past the forge's merges: nobody reviewed it.
	by := r.commit(commit{by: "human.alice", parents: []string{tips[1]}, files: map[string]string{"src/direct.go": "package x\n"}, message: "By hand"})
	r.d.Push(slug, main, by, "alice")
	got = r.deploy(r.request(by).Text())
	got.wants(4, "pending", "no pull request was merged as it")
}

func (r *rig) policyDigest() string {
	r.t.Helper()
	return digestOf(r.git(slug, "", "show", r.base+":policies.hcl") + "\n")
}

// TestRunners: of runs that use the same request at once, one gets the commit.
func TestRunners(t *testing.T) {
	r := newDeployRig(t, "")
	text := r.request(r.tip).Text()
	payload := r.d.Event("workflow_dispatch", gh.EventOf{Repository: slug, Inputs: map[string]string{"request": text}})
	results := make([]*result, 5)
	var wait sync.WaitGroup
	for i := range results {
		dir := filepath.Join(r.root, fmt.Sprintf("runner%d", i))
		for _, d := range []string{dir + "/temp", dir + "/tmp"} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(dir+"/event.json", payload, 0o600); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			results[i] = runIn(t, r.d, nil, dir, []string{
				"GITHUB_API_URL=" + r.d.URL(), "GITHUB_SERVER_URL=" + r.web, "GITHUB_EVENT_NAME=workflow_dispatch", "GITHUB_RUN_ID=9001",
				"INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production", "INPUT_REQUEST=" + text,
			})
		})
	}
	wait.Wait()
	won := 0
	for _, got := range results {
		switch {
		case got.code == 0 && got.outputs["commit"] == r.tip:
			won++
		case got.code != 1 || got.outputs["commit"] != "" || !slices.Contains(got.rules(), "request-replayed"):
			t.Errorf("exit %d, %v\n%s", got.code, got.outputs, got.stdout)
		}
	}
	if won != 1 {
		t.Errorf("%d runs got the commit", won)
	}
}

// TestDeployUnlearned: what goes wrong with the gate lets nothing through.
func TestDeployUnlearned(t *testing.T) {
	for name, f := range map[string]gh.Fault{
		"the repository":  {Operation: "repos/get", Kind: gh.FaultStatus, Status: 502, Times: -1},
		"the records":     {Operation: "repos/list-pull-requests-associated-with-commit", Kind: gh.FaultStatus, Status: 502, Times: -1},
		"the reviews":     {Operation: "pulls/list-reviews", Kind: gh.FaultTruncated, Times: -1},
		"the ref":         {Operation: "git/create-ref", Kind: gh.FaultStatus, Status: 502, Times: -1},
		"a ref, was done": {Operation: "git/create-ref", Kind: gh.FaultStatus, Status: 502, Times: -1, Applied: true},
		"the record":      {Operation: "git/create-ref", Kind: gh.FaultStatus, Status: 502, Times: -1, Skip: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDeployRig(t, "")
			r.d.Inject(f)
			got := r.deploy(r.request(r.tip).Text())
			got.wants(3, "undecided")
			if got.outputs["commit"] != "" {
				t.Errorf("outputs %v", got.outputs)
			}
		})
	}
	t.Run("a token that may not write", func(t *testing.T) {
		r := newDeployRig(t, "")
		got := r.deploy(r.request(r.tip).Text(), "INPUT_TOKEN=ghs_fork")
		got.wants(3, "undecided", "`contents: write`")
	})
	t.Run("no policy", func(t *testing.T) {
		r := &deployRig{rig: newRig(t, "")}
		r.chain = r.rig.chain()
		got := r.deploy(r.request(r.base).Text())
		got.wants(3, "undecided", "never had a policies.hcl")
		if got.outputs["commit"] != "" {
			t.Errorf("outputs %v", got.outputs)
		}
	})
}

// TestForgedRefs: whoever can write tags can say that something was deployed. Such a tag aside of the line,
// or at what is asked for, changes nothing. (One at a merge below does: TestAttackForgedDeploys.)
func TestForgedRefs(t *testing.T) {
	r := newDeployRig(t, "")
	// A ref below the gate's own is nothing to deploy from, whatever the policy's patterns say.
	side := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"x": "x\n"}, message: "Aside"})
	r.git(slug, "", "update-ref", "refs/tags/remit/deployed/production/"+strings.Repeat("0a", 16), side)
	r.git(slug, "", "update-ref", "refs/tags/remit/deployed/production/"+strings.Repeat("0b", 16), r.git(slug, "x", "hash-object", "-w", "--stdin"))
	if got := r.deploy(r.request(side).Text()); got.code == 0 || !slices.Contains(got.rules(), "deploy-ref") {
		t.Errorf("exit %d, %v", got.code, got.rules())
	}
	r.deploy(r.request(r.tip).Text()).wants(0, "allow")

	wide := newDeployRig(t, "")
	policy := strings.Replace(policyWith(""), `deploy_from = ["main"]`, `deploy_from = ["refs/tags/**"]`, 1)
	tip := wide.commit(commit{by: "human.alice", parents: []string{wide.tip}, files: map[string]string{"policies.hcl": policy}, message: "Deploy tags"})
	wide.d.Push(slug, main, tip, "alice")
	wide.git(slug, "", "update-ref", "refs/tags/remit/requests/"+strings.Repeat("0c", 16), wide.tip)
	if got := wide.deploy(wide.request(wide.tip).Text()); got.code == 0 || !slices.Contains(got.rules(), "deploy-ref") {
		t.Errorf("exit %d, %v", got.code, got.rules())
	}
	wide.git(slug, "", "update-ref", "refs/tags/v1", wide.tip)
	if got := wide.deploy(wide.request(wide.tip).Text()); slices.Contains(got.rules(), "deploy-ref") {
		t.Errorf("a tag of the policy's: exit %d, %v", got.code, got.rules())
	}
}

// TestMergedElsewhere: a pull request that was merged into another branch was approved for that one.
func TestMergedElsewhere(t *testing.T) {
	r := newDeployRig(t, "")
	r.d.Push(slug, "refs/heads/side", r.tip, "alice")
	head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{"src/side.go": "package x\n"}, message: "Aside"})
	r.d.Push(slug, "refs/heads/agent/side", head, "coder")
	number := r.d.OpenPull(slug, gh.PullRequest{Title: "Aside", Author: "coder", HeadRef: "agent/side", HeadSHA: head, BaseRef: "side"})
	r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
	r.d.Merge(slug, number, "alice", "")
	tip := r.d.Refs(slug)["refs/heads/side"]
	r.d.Push(slug, main, tip, "alice")
	r.deploy(r.request(tip).Text()).wants(4, "pending", "into refs/heads/side")
}

// TestDeployCost: what a deploy asks of the API grows with the pull requests that it brings, not with
// their commits.
func TestDeployCost(t *testing.T) {
	r := newDeployRig(t, "")
	event := r.d.Event("workflow_dispatch", gh.EventOf{Repository: slug})
	r.d.ClearJournal()
	r.run("workflow_dispatch", event, "INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production", "INPUT_REQUEST="+r.request(r.tip).Text()).wants(0, "allow")
	all, counted := len(r.d.Journal()), len(r.d.Journal().Counted())
	t.Logf("%d requests, %d of which cost quota; %d git requests", all, counted, r.fetches.Load())
	if all > 15 || counted > 11 {
		t.Errorf("%d requests, %d of which cost quota", all, counted)
	}
}

// TestDeployLimit: the first deploy of a long history takes a signed approval, and no reading of all of it.
func TestDeployLimit(t *testing.T) {
	r := newDeployRig(t, "")
	tip := r.tip
	for i := range 40 {
		tip = r.commit(commit{by: "human.alice", parents: []string{tip}, tree: r.git(slug, "", "rev-parse", tip+"^{tree}"), message: fmt.Sprintf("Step %d", i)})
	}
	r.d.Push(slug, main, tip, "alice")
	q := r.request(tip)
	r.d.ClearJournal()
	got := r.deploy(q.Text())
	got.wants(4, "pending", "more than 30 steps")
	if n := len(r.d.Journal()); n > 4 {
		t.Errorf("%d requests", n)
	}
	a := dt.NewApprovalOf("human.bob", q)
	a.PolicyDigest = r.policyDigest()
	r.deploy(q.Text(), "INPUT_APPROVALS="+dt.SignStatement(t, a).Text()).wants(0, "allow")
	// From then on only what comes after it counts.
	got = r.deploy(r.request(tip).Text())
	got.wants(4, "pending", "no pull request was merged as it")
	head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{tip}, files: map[string]string{"src/new.go": "package x\n"}, message: "New"})
	r.d.Push(slug, "refs/heads/agent/new", head, "coder")
	number := r.open("agent/new", head)
	r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
	r.d.Merge(slug, number, "alice", "")
	r.deploy(r.request(r.d.Refs(slug)[main]).Text()).wants(0, "allow")
}

// TestRotate: the gate before something else than a deploy takes a signed approval, lets through what the
// request names, once, and records no deploy.
func TestRotate(t *testing.T) {
	r := newDeployRig(t, `
grant "coder asks for rotations" {
  to           = [agent.coder]
  actions      = ["rotate"]
  environments = ["production"]
}
`)
	r.chain = dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.Scope.Actions, d.Scope.Environments, d.Scope.Paths = []names.Action{names.Rotate}, dt.Names("production"), nil
		d.NotAfter = d.NotBefore.Add(time.Hour)
	}})
	r.publish(slug, r.chain)
	turn := func() *delegation.Signed[delegation.Request] {
		return r.request(r.tip, func(q *delegation.Request) { q.Action, q.Targets = names.Rotate, []string{"DB_PASSWORD"} })
	}
	rotate := []string{"INPUT_ACTION=rotate", "INPUT_TARGETS=DB_PASSWORD\n"}
	q := turn()
	r.deploy(q.Text(), rotate...).wants(4, "pending", "approval-missing", "a review is of a pull request")

	approval := dt.NewApprovalOf("human.bob", q)
	approval.PolicyDigest = r.policyDigest()
	approval.NotBefore = r.d.Now().Truncate(time.Second)
	approval.NotAfter = approval.NotBefore.Add(time.Hour)
	approved := append(slices.Clone(rotate), "INPUT_APPROVALS="+dt.SignStatement(t, approval).Text())
	r.deploy(q.Text(), append(slices.Clone(approved), "INPUT_TARGETS=DB_PASSWORD\nAPI_KEY")...).wants(1, "deny", "request-mismatch")
	r.deploy(q.Text(), append(slices.Clone(approved), "INPUT_ACTION=deploy")...).wants(1, "deny", "request-mismatch")
	r.deploy(q.Text(), append(slices.Clone(approved), "INPUT_TARGETS=")...).wants(2, "undecided", "a target for each thing to rotate")
	r.deploy(q.Text(), append(slices.Clone(approved), "INPUT_ENVIRONMENT=")...).wants(1, "deny", "request-mismatch")
	got := r.deploy(q.Text(), approved...)
	got.wants(0, "allow")
	if got.outputs["commit"] != "" { // nobody reviewed it: it is not for a deploy
		t.Errorf("outputs %v", got.outputs)
	}
	r.deploy(q.Text(), approved...).wants(1, "deny", "request-replayed")
	for _, ref := range r.deployedRefs() {
		if strings.Contains(ref, "/deployed/") {
			t.Errorf("a rotation is recorded as a deploy: %s", ref)
		}
	}
}

// TestDeployRace: what another gate lets through while a request is judged, used up or recorded counts against it.
// Whoever sees that is refused, and told to ask anew.
func TestDeployRace(t *testing.T) {
	for name, c := range map[string]struct {
		ref         string // of the marks: the other gate runs to its end before the one that begins so is made
		newer       bool   // the other lets something newer through
		environment string // of the other
		observe     bool
		code        int
		verdict     string
		through     bool
	}{
		"before it is used up":      {"refs/tags/remit/requests/", true, "production", false, 3, "undecided", false},
		"before it is recorded":     {"refs/tags/remit/deployed/", true, "production", false, 3, "undecided", false},
		"an older one (near)":       {"refs/tags/remit/requests/", false, "production", false, 0, "allow", true},
		"to another (near)":         {"refs/tags/remit/requests/", true, "staging", false, 0, "allow", true},
		"with a policy of no force": {"refs/tags/remit/requests/", true, "production", true, 0, "pending", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			more := "environment \"staging\" {\n}\n"
			if c.observe {
				more += "settings {\n  mode = \"observe\"\n}\n"
			}
			policy := strings.Replace(policyWith(more), "environments = [\"production\"]\n  max_ttl", "environments = [\"production\", \"staging\"]\n  max_ttl", 1)
			r := newDeployRigOf(t, policy)
			older := r.tip
			head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{older}, files: map[string]string{"src/more.go": "package x\n"}, message: "More"})
			r.d.Push(slug, "refs/heads/agent/more", head, "coder")
			number := r.open("agent/more", head)
			r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
			r.d.Merge(slug, number, "alice", "")
			first, second := older, r.d.Refs(slug)[main]
			if !c.newer {
				first, second = second, first
			}
			mine := r.request(first)
			theirs := r.request(second, func(q *delegation.Request) { q.Environment = c.environment })

			target, err := url.Parse(r.d.URL())
			if err != nil {
				t.Fatal(err)
			}
			proxy := httputil.NewSingleHostReverseProxy(target)
			var once sync.Once
			var other *result
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, err := io.ReadAll(req.Body)
				if err != nil {
					t.Error(err)
				}
				if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/git/refs") && strings.Contains(string(body), c.ref) {
					once.Do(func() { other = r.deploy(theirs.Text(), "INPUT_ENVIRONMENT="+c.environment) })
				}
				req.Body = io.NopCloser(bytes.NewReader(body))
				proxy.ServeHTTP(w, req)
			}))
			t.Cleanup(server.Close)
			got := r.deploy(mine.Text(), "GITHUB_API_URL="+server.URL)
			if other == nil {
				t.Fatal("the other gate did not run")
			}
			other.wants(0, "allow")
			got.wants(c.code, c.verdict)
			if (got.outputs["commit"] == first) != c.through {
				t.Errorf("commit %q", got.outputs["commit"])
			}
			if said := strings.Contains(got.stdout, "something else was let through to the environment while this was judged") && strings.Contains(got.stdout, "Make a new request: nothing was deployed by this one."); said == c.through {
				t.Errorf("%s%s", got.stdout, got.stderr)
			}
		})
	}
}
