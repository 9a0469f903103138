package actiontest

import (
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/verdict"
)

// TestRecorded: a decision is handed over before its check run is posted, with the job's identity token, and the check
// says where. A fold that runs long after brings it into the log, vouched for.
func TestRecorded(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, head := r.pull("src/cart.go")
	got := r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(0, "allow", "recorded as audit entry sha256:")
	e, proof := r.waiting()
	if e.Surface != "github-check" || e.Question.Kind != "pull_request" || e.Question.Subject != "1" || e.Question.Head != head || e.Question.Base != main ||
		e.Repository != "github.com/acme/shop" || e.Verdict != verdict.Allowed || e.Run != (audit.Run{Event: "pull_request_target", ID: "9001", Attempt: 1, Job: "deploy"}) {
		t.Errorf("%+v", e)
	}
	if !strings.Contains(got.stdout, "::add-mask::"+proof) || strings.Contains(strings.ReplaceAll(got.stdout, "::add-mask::"+proof, ""), proof) || strings.Contains(got.stderr+got.summary, proof) {
		t.Errorf("the identity token is not masked:\n%s%s", got.stdout, got.stderr)
	}
	run := r.check(head, "success")
	for where, text := range map[string]string{"check run": run.Text, "summary": got.summary} {
		if !strings.Contains(text, "`remit audit show "+e.ID+"`") || strings.Contains(text, "root hash") {
			t.Errorf("the %s says %q", where, text)
		}
	}

	key := auditKey(t)
	r.fold(key).wantsFold(3, "there is no audit log", "-f create=true")
	if len(r.spooled()) != 1 {
		t.Error("what waits is gone, and no log has it")
	}
	r.d.Advance(40 * 24 * 60 * 60 * 1e9)
	r.begin(key).wantsFold(0, "is begun. It is verified with github.com/acme/shop/audit+", "1 appended, of which nobody vouches for 0")
	all := r.logged(key)
	if len(all) != 1 || all[0].ID != e.ID || all[0].Attestation.Kind != "oidc" || all[0].Attestation.By != "acme/shop/.github/workflows/remit.yml@refs/heads/main run 9001 attempt 1" {
		t.Errorf("the log has %+v", all)
	}
	if left := r.spooled(); len(left) != 0 {
		t.Errorf("these wait still: %v", left)
	}
	r.fold(key).wantsFold(0, "0 appended")

	// The next check says how the log stood; the same occasion judged again is another attempt.
	r.issuer.claims["run_attempt"] = "2"
	got = r.on("pull_request_target", gh.EventOf{Number: number}, "GITHUB_RUN_ATTEMPT=2")
	got.wants(0, "allow", "had 1 entries then, under the root hash")
	r.fold(key).wantsFold(0, "1 appended, of which nobody vouches for 0; 0 were there already")
	if all := r.logged(key); len(all) != 2 || all[1].ID == all[0].ID || all[1].Run.Attempt != 2 {
		t.Errorf("the log has %+v", all)
	}
}

// TestRecordedGate: a deploy that is let through and one that is not are entries too.
func TestRecordedGate(t *testing.T) {
	r := newDeployRig(t, "")
	r.withIssuer().claims["workflow_ref"], r.issuer.claims["job_workflow_ref"] = "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "acme/shop/.github/workflows/deploy.yml@refs/heads/main"
	request := r.request(r.tip)
	got := r.deploy(request.Text())
	got.wants(0, "allow", "recorded as audit entry")
	e, _ := r.waiting()
	if e.Surface != "github-gate" || e.Question.Kind != "deploy" || !strings.HasPrefix(e.Question.Subject, "sha256:") || e.Question.Head != r.tip || e.Question.Environment != "production" {
		t.Errorf("%+v", e)
	}
	key := auditKey(t)
	r.begin(key).wantsFold(0, "nobody vouches for 1", "deploy.yml", "not among the workflows that are believed")
	r.deploy(request.Text(), "GITHUB_RUN_ATTEMPT=2").wants(1, "deny")
	r.issuer.claims["run_attempt"] = "2"
	r.deploy(request.Text(), "GITHUB_RUN_ATTEMPT=2", "GITHUB_JOB=other").wants(1, "deny")
	r.fold(key, "INPUT_WORKFLOWS=remit.yml deploy.yml").wantsFold(0, "2 appended, of which nobody vouches for 1") // one's token was of another attempt
	if all := r.logged(key); len(all) != 3 || all[0].Verdict != verdict.Allowed || all[1].Verdict != verdict.Denied {
		t.Errorf("%+v", all)
	}
}

// TestUnproven: without id-token: write, or where GitHub gives none, a decision is recorded all the same and says what to add.
func TestUnproven(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, _ := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow", "add `id-token: write`", "recorded as audit entry")
	r.withIssuer().bearer = "x"
	got := r.on("pull_request_target", gh.EventOf{Number: number}, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=another", "GITHUB_RUN_ATTEMPT=2")
	got.wants(0, "allow", "gave no identity token", "answers 401", "recorded as audit entry")
	if strings.Contains(got.stdout, "add `id-token: write`") {
		t.Errorf("it says what is there:\n%s", got.stdout)
	}
	for name, address := range map[string]string{"http": "http://127.0.0.1:1/token", "none": "://"} {
		r.on("pull_request_target", gh.EventOf{Number: number}, "ACTIONS_ID_TOKEN_REQUEST_URL="+address, "GITHUB_JOB="+name).wants(0, "allow", "no identity token")
	}
	key := auditKey(t)
	r.begin(key).wantsFold(0, "4 appended, of which nobody vouches for 4")
}

// TestUnrecorded: where nothing can be handed over, nothing is let through, but where the policy says so or blocks nothing.
func TestUnrecorded(t *testing.T) {
	const token = "INPUT_TOKEN=ghs_fork"
	for name, c := range map[string]struct {
		policy, event, path string
		code                int
		verdict             string
		words               []string
	}{
		"enforced":             {policyWith(""), "pull_request_target", "src/cart.go", 3, "undecided", []string{"could not be recorded", "Add `contents: write` and `id-token: write`", "best-effort"}},
		"of a fork":            {policyWith(""), "pull_request", "src/cart.go", 3, "undecided", []string{"could not be recorded", "`pull_request_target`", "best-effort"}},
		"denied all the same":  {policyWith(""), "pull_request", "deploy/x", 1, "deny", []string{"scope-path"}},
		"best effort":          {policyWith("settings {\n  audit = \"best-effort\"\n}"), "pull_request", "src/cart.go", 0, "allow", []string{"is in no audit log"}},
		"best effort, denied":  {policyWith("settings {\n  audit = \"best-effort\"\n}"), "pull_request", "deploy/x", 1, "deny", []string{"is in no audit log"}},
		"observing":            {policyWith("settings {\n  mode = \"observe\"\n}"), "pull_request_target", "deploy/x", 0, "deny", []string{"is in no audit log", "`contents: write`"}},
		"before the first one": {"", "pull_request_target", "src/cart.go", 0, "allow", []string{"is in no audit log"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.policy)
			number, head := r.pull(c.path)
			got := r.on(c.event, gh.EventOf{Number: number}, token)
			got.wants(c.code, c.verdict, c.words...)
			r.noCheck(head)
			if n := len(r.spooled()); n != 0 || strings.Contains(got.stdout+got.summary, "recorded as audit entry") {
				t.Errorf("%d entries wait:\n%s", n, got.stdout)
			}
		})
	}
}

// TestAuditToken: the check's token may be an App's that does not write; the job's own hands the entry over.
func TestAuditToken(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}, "REMIT_AUDIT_TOKEN=ghs_fork").wants(3, "undecided", "could not be recorded")
	r.check(head, "failure")
	r.on("pull_request_target", gh.EventOf{Number: number}, "INPUT_TOKEN=ghs_fork", "REMIT_AUDIT_TOKEN="+"ghs_app", "GITHUB_RUN_ATTEMPT=2").wants(0, "allow", "recorded as audit entry")
}

// TestKeyIsForTheFold: a job that decides never holds the log's key.
func TestKeyIsForTheFold(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	key := auditKey(t)
	got := r.on("pull_request_target", gh.EventOf{Number: number}, "REMIT_AUDIT_KEY="+key)
	got.wantsFold(2, "only the job of the mode fold holds the key")
	r.noCheck(head)
	for name, bad := range map[string]string{"none": "", "a public one": "ssh-ed25519 AAAA", "cut": key[:60]} {
		got := r.fold(bad)
		got.wantsFold(2, "REMIT_AUDIT_KEY")
		if bad != "" && strings.Contains(got.stdout+got.stderr, bad) {
			t.Errorf("%s: the key is printed", name)
		}
	}
}

// TestFoldTakesAway: once the log has what was decided, the refs of delegations that are over go, those that are live
// stay, and what a commit names is read from the log.
func TestFoldTakesAway(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, _ := r.pull("src/cart.go")
	r.publish(slug, r.chain())
	r.on("pull_request_target", gh.EventOf{Number: number}).is("allow")
	key := auditKey(t)
	r.begin(key).wantsFold(0, "1 appended")
	refs := func() int {
		return len(strings.Fields(r.git(slug, "", "for-each-ref", "--format=%(refname)", "refs/remit/delegations/")))
	}
	if n := refs(); n != 1 {
		t.Fatalf("%d delegations are published", n)
	}
	r.d.Advance(26 * time.Hour)
	live := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.NotBefore = r.d.Now().Truncate(time.Second)
		d.NotAfter = d.NotBefore.Add(time.Hour)
	}})
	r.publish(slug, live)
	r.fold(key).wantsFold(0, "0 appended", "taken away, since they are over and nobody needs them: 1 delegations")
	if left := r.git(slug, "", "for-each-ref", "--format=%(refname)", "refs/remit/delegations/"); left != delegation.RefName(live.Digest()) {
		t.Errorf("left are %q", left)
	}
	r.on("pull_request_target", gh.EventOf{Number: number}, "GITHUB_RUN_ATTEMPT=2").is("allow") // by when it was pushed, and the bundle that the log keeps
}
