package actiontest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing/keystore"
)

// merged merges a pull request of coder's that changes a file on top of main, and returns the merge.
func (r *deployRig) merged(path string, reviewers ...string) (number int, tip string) {
	r.t.Helper()
	head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.d.Refs(slug)[main]}, files: map[string]string{path: "package x\n"}, message: "Add " + path})
	branch := "agent/" + strings.ReplaceAll(path, "/", "-")
	r.d.Push(slug, "refs/heads/"+branch, head, "coder")
	number = r.open(branch, head)
	for _, by := range reviewers {
		r.d.Review(slug, number, gh.Review{User: by, State: "APPROVED"})
	}
	r.d.Advance(time.Second)
	r.d.Merge(slug, number, "alice", "")
	return number, r.d.Refs(slug)[main]
}

// approval is bob's signed approval of a request.
func (r *deployRig) approval(q *delegation.Signed[delegation.Request]) string {
	r.t.Helper()
	a := dt.NewApprovalOf("human.bob", q)
	a.PolicyDigest = r.policyDigest()
	a.NotBefore = r.d.Now().Truncate(time.Second)
	a.NotAfter = a.NotBefore.Add(time.Hour)
	return "INPUT_APPROVALS=" + dt.SignStatement(r.t, a).Text()
}

// TestAttackDeploy: what is deployed is what was approved, all of it, and no more.
func TestAttackDeploy(t *testing.T) {
	t.Parallel()
	r := newDeployRig(t, "")
	r.deploy(r.request(r.tip).Text()).is("allow")
	old := r.tip
	var unread int
	var below, typo string
	r.attack("an approved typo on top of an unreviewed merge", func() {
		unread, below = r.merged("src/evil.go")
		_, typo = r.merged("src/typo.go", "bob")
		r.deploy(r.request(typo).Text()).is("pending", missing)
	})
	r.attack("somebody else's approval of the merge below", func() {
		r.d.Review(slug, unread, gh.Review{User: "mallory", State: "APPROVED"})
		r.deploy(r.request(typo).Text()).is("pending", missing, ineligible)
	})
	r.attack("green checks and a deployment's success on it", func() {
		for _, app := range []string{"github-actions", "remit"} {
			r.green(typo, app, "")
			r.green(below, app, "")
		}
		id := r.d.Deploy(slug, gh.Deployment{SHA: typo, Ref: "main", Environment: "production", Creator: "coder", Payload: []byte(fmt.Sprintf(`{"remit":%q}`, r.request(typo).Text()))})
		r.d.Change(func(s *gh.Scenario) {
			v := s.Repositories[0].Deployments[0]
			v.Statuses = append(v.Statuses, &gh.DeploymentStatus{State: "success", Creator: "coder"})
		})
		r.on("deployment", gh.EventOf{Deployment: id}, "INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production").is("pending", missing, ineligible)
	})
	r.attack("near: bob read the merge below too", func() {
		r.d.Review(slug, unread, gh.Review{User: "bob", State: "APPROVED"})
		got := r.deploy(r.request(typo).Text())
		if got.is("allow"); got.outputs["commit"] != typo {
			r.t.Errorf("outputs %v", got.outputs)
		}
	})
	r.attack("rollback", func() {
		q := r.request(old)
		r.deploy(q.Text()).is("pending", missing, "deploy-ref")
		r.deploy(q.Text(), "INPUT_APPROVALS="+r.wrongApproval(q)).is("pending", missing, "deploy-ref")
	})
	r.attack("near: rollback that bob signed", func() {
		q := r.request(old)
		if got := r.deploy(q.Text(), r.approval(q)); got.outputs["commit"] != old {
			r.t.Errorf("outputs %v\n%s", got.outputs, got.stdout)
		} else {
			got.is("allow")
		}
	})
	r.attack("a push between the request and the deploy", func() {
		q := r.request(typo)
		evil := r.commit(commit{by: "agent.coder", parents: []string{typo}, files: map[string]string{"src/late.go": "package late\n"}, message: "Late"})
		r.d.Push(slug, main, evil, "coder")
		got := r.deploy(q.Text())
		if got.is("allow"); got.outputs["commit"] != typo {
			r.t.Errorf("asked for %s, the job gets %s", typo, got.outputs["commit"])
		}
		// The deployment is of what is at the branch now, and the request of what was.
		id := r.d.Deploy(slug, gh.Deployment{SHA: evil, Ref: "main", Environment: "production", Creator: "coder", Payload: []byte(fmt.Sprintf(`{"remit":%q}`, r.request(typo).Text()))})
		r.on("deployment", gh.EventOf{Deployment: id}, "INPUT_MODE=deploy", "INPUT_ENVIRONMENT=production").is("deny", "request-mismatch")
		// Nobody approved what came late.
		r.deploy(r.request(evil).Text()).is("pending", missing)
	})
	r.attack("what was approved, forced away from the branch", func() {
		r.d.ForcePush(slug, main, old, "coder")
		r.deploy(r.request(typo).Text()).is("deny", missing, "deploy-ref")
	})
}

// asks is a request of alice's own, which needs no delegation.
func (r *deployRig) asks(commit, environment string) *delegation.Signed[delegation.Request] {
	r.t.Helper()
	return r.request(commit, func(q *delegation.Request) {
		q.Signer, q.Delegation, q.Environment = dt.Party("human.alice"), "", environment
	})
}

// wrongApproval is bob's signed approval of a request with another nonce.
func (r *deployRig) wrongApproval(q *delegation.Signed[delegation.Request]) string {
	other := r.request(q.Statement.Commit)
	return strings.TrimPrefix(r.approval(other), "INPUT_APPROVALS=")
}

// TestAttackEqualTree: a pull request counts only for what the forge merged it as.
func TestAttackEqualTree(t *testing.T) {
	t.Parallel()
	r := newDeployRig(t, "")
	head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{"src/x.go": "package x\n"}, message: "Add x"})
	r.d.Push(slug, "refs/heads/agent/x", head, "coder")
	number := r.open("agent/x", head)
	r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
	same := r.commit(commit{parents: []string{r.tip}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "Add x (#2)", forge: true, pgp: true})
	r.d.Push(slug, main, same, "coder")
	r.attack("pushed by hand with the tree of an approved one", func() { r.deploy(r.request(same).Text()).is("pending", missing) })
	r.attack("near: merged", func() {
		r.d.ForcePush(slug, main, r.tip, "alice")
		r.d.Merge(slug, number, "alice", "")
		r.deploy(r.request(r.d.Refs(slug)[main]).Text()).is("allow")
	})
}

// TestAttackEnvironment: an environment is what the policy declares, without case, and nothing that is
// computed.
func TestAttackEnvironment(t *testing.T) {
	t.Parallel()
	r := newDeployRig(t, "")
	q := r.request(r.tip)
	for _, env := range []string{"${{ inputs.environment }}", "*", "productıon", "production/../staging", " production2"} {
		r.attack("not the one that was asked for: "+env, func() { r.deploy(q.Text(), "INPUT_ENVIRONMENT="+env).is("deny", "request-mismatch") })
	}
	for _, env := range []string{"prod", "staging", "production2", "PRODUCTION-EU"} {
		r.attack("not in the policy: "+env, func() {
			r.deploy(r.asks(r.tip, env).Text(), "INPUT_ENVIRONMENT="+env).is("deny", "environment-undeclared")
		})
	}
	r.attack("near: in the policy", func() { r.deploy(r.asks(r.tip, "production").Text()).is("allow") })
	r.attack("near: in capitals, once", func() {
		r.deploy(q.Text(), "INPUT_ENVIRONMENT=PRODUCTION").is("allow")
		r.deploy(q.Text(), "INPUT_ENVIRONMENT=Production").is("deny", "request-replayed")
		for _, ref := range r.deployedRefs() {
			if strings.Contains(strings.ToLower(ref), "/production/") && !strings.Contains(ref, "/production/") {
				r.t.Errorf("ref %s", ref)
			}
		}
	})
}

// TestAttackLateDeploy: a job that is run again days later is judged by what holds then.
func TestAttackLateDeploy(t *testing.T) {
	t.Parallel()
	r := newDeployRig(t, "")
	r.d.Advance(71 * time.Hour)
	r.attack("near: approved 71 hours ago", func() { r.deploy(r.asks(r.tip, "production").Text()).is("allow") })
	r.attack("by an agent whose delegation ended", func() { r.deploy(r.request(r.tip).Text()).is("deny", "delegation-expired") })
	r.d.Advance(2 * time.Hour)
	r.attack("approved 73 hours ago", func() { r.deploy(r.asks(r.tip, "production").Text()).is("pending", missing, "approval-expired") })
	r.attack("a request from before", func() {
		q := r.asks(r.tip, "production")
		r.d.Advance(11 * time.Minute)
		if got := r.deploy(q.Text()); got.code != 1 || got.outputs["commit"] != "" || !strings.Contains(fmt.Sprint(got.rules()), "request-expired") {
			r.t.Errorf("exit %d, rules %v", got.code, got.rules())
		}
	})
}

// TestAttackRevoked: what the default branch's policy says by now holds, whatever it said before.
func TestAttackRevoked(t *testing.T) {
	t.Parallel()
	r := newDeployRig(t, "")
	r.attack("near: before", func() { r.deploy(r.request(r.tip).Text()).is("allow") })
	p := &topic{rig: r.rig}
	p.head = r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.base}, files: map[string]string{"src/late.go": "package x\n"}, message: "Late"})
	r.d.Push(slug, "refs/heads/agent/late", p.head, "coder")
	p.number = r.open("agent/late", p.head)
	event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: p.number})
	r.run("pull_request_target", event).is("allow")
	r.check(p.head, "success")
	changed := func(more string) {
		next := r.commit(commit{by: "human.alice", parents: []string{r.d.Refs(slug)[main]}, files: map[string]string{"policies.hcl": policyWith(more)}, message: "Change the policy"})
		r.d.Push(slug, main, next, "alice")
	}
	again := func(verdict string, rules ...string) {
		r.t.Helper()
		r.run("pull_request_target", event, "GITHUB_RUN_ATTEMPT=2").is(verdict, rules...)
		r.check(p.head, conclusions[verdict])
	}
	r.attack("the policy asks for more", func() {
		changed("\ngate \"all\" {\n  actions = [\"pull_request\", \"deploy\"]\n  approvals = 2\n  approvers = [human.alice, human.bob]\n}\n")
		again("pending", missing)
		r.deploy(r.request(r.tip).Text()).is("pending", missing)
	})
	r.attack("the delegations are revoked", func() {
		changed(fmt.Sprintf("\nrevoke \"called off\" {\n  delegations = [%q, %q]\n}\n", r.chain.Digest(), r.rig.chain().Digest()))
		again("deny", "delegation-revoked")
		r.deploy(r.request(r.tip).Text()).is("deny", "delegation-revoked")
	})
	r.attack("the grant is gone", func() {
		changed("\nforbid \"no more\" {\n  to = [agent.coder]\n}\n")
		again("deny", "forbidden")
		r.deploy(r.request(r.tip).Text()).is("deny", "forbidden")
	})
	r.attack("near: as it was", func() {
		changed("")
		again("allow")
		r.deploy(r.request(r.tip).Text()).is("allow")
	})
}

// TestAttackForgedDeploys: a ref that says that something was deployed makes nothing approved, wherever
// it points. What it does, where whoever likes may create one: it hides the steps below it, as
// docs/github.md says of the ruleset for these tags.
func TestAttackForgedDeploys(t *testing.T) {
	t.Parallel()
	r := newDeployRig(t, "")
	r.deploy(r.request(r.tip).Text()).is("allow")
	_, below := r.merged("src/evil.go")
	_, typo := r.merged("src/typo.go", "bob")
	_, unread := r.merged("src/more.go")
	forge := func(environment, digits, commit string) {
		r.git(slug, "", "update-ref", "refs/tags/remit/deployed/"+environment+"/"+strings.Repeat(digits, 16), commit)
	}
	r.attack("for another environment", func() {
		forge("staging", "0a", below)
		r.deploy(r.request(typo).Text()).is("pending", missing)
	})
	r.attack("at a commit aside", func() {
		forge("production", "0b", r.commit(commit{parents: []string{below}, files: map[string]string{"x": "x\n"}, message: "Aside"}))
		r.deploy(r.request(typo).Text()).is("pending", missing)
	})
	r.attack("at the very commit that is asked for", func() {
		forge("production", "0c", unread)
		r.deploy(r.request(unread).Text()).is("pending", missing)
	})
	r.attack("limit: at the merge that nobody read", func() {
		forge("production", "0d", below)
		r.git(slug, "", "update-ref", "-d", "refs/tags/remit/deployed/production/"+strings.Repeat("0c", 16))
		r.deploy(r.request(typo).Text()).is("allow")
		r.deploy(r.request(unread).Text()).is("pending", missing) // what comes after it still waits
	})
}

// TestAttackForgedDeploysLogged: where the policy names the audit log's key, a ref that the log does not have hides
// nothing.
func TestAttackForgedDeploysLogged(t *testing.T) {
	t.Parallel()
	key := auditKey(t)
	signer, err := keystore.Parse([]byte(key), nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := log.VerifierKey("github.com/acme/shop/audit", signer.SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	r := newDeployRigOf(t, "settings {\n  audit_key = \""+verifier+"\"\n}\n"+policyWith(""))
	r.withIssuer().claims["workflow_ref"], r.issuer.claims["job_workflow_ref"] = "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "acme/shop/.github/workflows/deploy.yml@refs/heads/main"
	// The log that the policy names is not there: nothing is let through.
	r.deploy(r.request(r.tip).Text()).wants(3, "undecided", "the log is not there")
	r.begin(key, "INPUT_WORKFLOWS=remit.yml deploy.yml").wantsFold(0, "1 appended")
	r.deploy(r.request(r.tip).Text(), "GITHUB_RUN_ATTEMPT=2").is("allow")
	r.issuer.claims["run_attempt"] = "2"
	r.deploy(r.request(r.tip).Text(), "GITHUB_RUN_ATTEMPT=2", "GITHUB_JOB=again").is("allow")
	r.fold(key, "INPUT_WORKFLOWS=remit.yml deploy.yml").wantsFold(0, "2 appended, of which nobody vouches for 1")

	_, below := r.merged("src/evil.go")
	_, typo := r.merged("src/typo.go", "bob")
	r.attack("a mark of today at the merge that nobody read", func() {
		r.git(slug, "", "update-ref", "refs/tags/remit/deployed/production/"+r.d.Now().UTC().Format("20060102T150405Z")+"-"+strings.Repeat("0d", 16), below)
		r.deploy(r.request(typo).Text()).is("pending", missing)
	})
	r.attack("one from long ago", func() {
		r.git(slug, "", "update-ref", "refs/tags/remit/deployed/production/20200101T000000Z-"+strings.Repeat("0e", 16), below)
		r.deploy(r.request(typo).Text()).is("pending", missing)
	})
	r.attack("one without a time", func() {
		r.git(slug, "", "update-ref", "refs/tags/remit/deployed/production/"+strings.Repeat("0f", 16), below)
		r.deploy(r.request(typo).Text()).is("pending", missing)
	})
}

// TestAttackReleaseLine: a rollback is whatever does not come after the newest commit that was let through, on
// whichever branch it is, and what was approved onto it after that.
func TestAttackReleaseLine(t *testing.T) {
	for name, c := range map[string]struct {
		from    func(one, fix string) string
		verdict string
		code    int
	}{
		"from before the fix": {func(one, _ string) string { return one }, "pending", 4},
		"from after the fix":  {func(_, fix string) string { return fix }, "allow", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDeployRigOf(t, strings.Replace(policyWith(""), `deploy_from = ["main"]`, `deploy_from = ["main", "release/**"]`, 1))
			step := func(branch, base, path, text, from string) string {
				head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{from}, files: map[string]string{path: text}, message: path})
				r.d.Push(slug, "refs/heads/"+branch, head, "coder")
				n := r.d.OpenPull(slug, gh.PullRequest{Title: path, Author: "coder", HeadRef: branch, HeadSHA: head, BaseRef: base})
				r.d.Advance(time.Second)
				r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
				r.d.Advance(time.Second)
				r.d.Merge(slug, n, "alice", "")
				return r.d.Refs(slug)["refs/heads/"+base]
			}
			one := step("agent/one", "main", "src/one.go", "1\n", r.tip)
			r.deploy(r.request(one).Text()).wants(0, "allow")
			r.d.Advance(time.Second)
			fix := step("agent/fix", "main", "src/pay.go", "fixed\n", one)
			r.deploy(r.request(fix).Text()).wants(0, "allow")
			r.d.Advance(time.Second)
			r.d.Push(slug, "refs/heads/release/x", c.from(one, fix), "coder")
			typo := step("agent/typo", "release/x", "src/typo.go", "typo\n", c.from(one, fix))
			r.deploy(r.request(typo).Text()).wants(c.code, c.verdict)
		})
	}
}

// TestDeployKeyRevoked: where a human's key is revoked, what the denial says to do is enough.
func TestDeployKeyRevoked(t *testing.T) {
	newKey := func(who names.Principal) delegation.Party {
		return delegation.Party{Name: who, Key: dt.Key(string(who) + " again")}
	}
	r := newDeployRig(t, "")
	changes := func(who names.Principal, listed bool) {
		text := policyWith(fmt.Sprintf("\nrevoke \"stolen\" {\n  keys = [%q]\n}\n", dt.Key(string(who)).Fingerprint()))
		if old := fmt.Sprintf("%q", dt.Key(string(who)).AuthorizedKey()); listed {
			text = strings.Replace(text, "["+old+"]", "["+old+", "+fmt.Sprintf("%q", newKey(who).Key.AuthorizedKey())+"]", 1)
		}
		next := r.commit(commit{by: "human.alice", parents: []string{r.d.Refs(slug)[main]}, files: map[string]string{"policies.hcl": text}, message: "Change the policy"})
		r.d.Push(slug, main, next, "alice")
	}
	signed := func(q delegation.Request, by delegation.Party) string {
		t.Helper()
		q.Signer = by
		s, err := delegation.SignStatement(q, dt.Signer(string(by.Name)+" again"))
		if err != nil {
			t.Fatal(err)
		}
		return s.Text()
	}
	const human = "add a new key of human.alice to the policy (keys)"
	changes("human.alice", false)
	asked := r.asks(r.tip, "production")
	r.deploy(asked.Text()).wants(1, "deny", "key-revoked", human, "make the request again with it (`remit request deploy`)")
	under := r.request(r.tip)
	r.deploy(under.Text()).wants(1, "deny", "key-revoked", human, "human.alice delegates again with it (`remit delegate`)", "`remit request deploy`")

	changes("human.alice", true)
	again := asked.Statement
	again.Nonce = delegation.NewNonce()
	r.deploy(r.asks(r.tip, "production").Text()).wants(1, "deny", "key-revoked") // near: with the old one
	r.deploy(signed(again, newKey("human.alice"))).wants(0, "allow")
	chain := r.chain[0].Delegation
	chain.Delegator = newKey("human.alice")
	bundle := delegation.Chain{dt.Forge(t, chain, dt.Signer("human.alice again"))}
	r.publish(slug, bundle)
	r.deploy(r.request(r.tip, func(q *delegation.Request) { q.Delegation = bundle.Digest() }).Text()).wants(0, "allow")

	// An approver's.
	changes("human.bob", false)
	_, tip := r.merged("src/unread.go")
	q := r.request(tip)
	approve := func(key string) string {
		a := dt.NewApprovalOf("human.bob", q)
		a.Approver.Key = dt.Key(key)
		a.PolicyDigest = digestOf(r.git(slug, "", "show", r.d.Refs(slug)[main]+":policies.hcl") + "\n")
		a.NotBefore = r.d.Now().Truncate(time.Second)
		a.NotAfter = a.NotBefore.Add(time.Hour)
		s, err := delegation.SignStatement(a, dt.Signer(key))
		if err != nil {
			t.Fatal(err)
		}
		return "INPUT_APPROVALS=" + s.Text()
	}
	r.deploy(q.Text(), approve("human.bob")).wants(4, "pending", "add a new key of human.bob to the policy (keys), and approve again with that: `remit approve`")
	changes("human.bob", true)
	r.deploy(q.Text(), approve("human.bob")).wants(4, "pending")
	r.deploy(q.Text(), approve("human.bob again")).wants(0, "allow")
}
