package actiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

func TestAllowed(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	for _, kind := range []string{"pull_request_target", "pull_request"} {
		got := r.on(kind, gh.EventOf{Number: number})
		got.wants(0, "allow", "remit: allowed")
		if got.outputs["commit"] != "" || !strings.Contains(got.summary, "remit: allowed") || got.report.Acts[0].SeenBy != "activity log" {
			t.Errorf("%+v", got)
		}
	}
	run := r.check(head, "success")
	if !strings.Contains(run.Text, "advisory") || !strings.Contains(run.DetailsURL, "/acme/shop/actions/runs/9001") {
		t.Errorf("%+v", run)
	}
	if n := len(r.d.Journal().Writes()); n != 1 {
		t.Errorf("%d writes: a result that says the same is posted again", n)
	}
}

func TestDenied(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("deploy/app.yaml")
	got := r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(1, "deny", "remit: denied", "scope-path")
	r.check(head, "failure")
	if strings.Contains(got.stdout, "::error") {
		t.Error("what the check run shows is annotated too")
	}
}

func TestPendingThenApproved(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/payments/card.go")
	got := r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(4, "pending", "waiting for approval")
	r.check(head, "action_required")
	if strings.Contains(strings.ToUpper(got.stdout), "FAILED") {
		t.Errorf("waiting is called failed:\n%s", got.stdout)
	}
	id := r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
	r.on("pull_request_review", gh.EventOf{Number: number, Review: id}).wants(0, "allow")
	r.check(head, "success")
	r.d.Dismiss(slug, number, id, "alice", "no")
	r.on("pull_request_review", gh.EventOf{Number: number, Review: id, Action: "dismissed"}).wants(4, "pending")
	r.check(head, "action_required")
}

// TestFork: the token of a fork's pull request may write nothing, so that the result is the exit code
// and the summary. The workflow that its end starts may post the check run.
func TestFork(t *testing.T) {
	r := newRig(t, policyWith(""))
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.Scope.Branches = dt.Refs("agent/**", "main")
	}})
	r.publish("mallory/shop", chain) // where the head is
	head := r.commit(commit{
		repo: "mallory/shop", by: "agent.coder", chain: chain, parents: []string{r.base}, files: map[string]string{"deploy/app.yaml": "x\n"}, message: "Deploy",
	})
	r.d.Push("mallory/shop", "refs/heads/agent/fork", head, "mallory")
	number := r.d.OpenPull(slug, gh.PullRequest{Title: "Deploy", Author: "mallory", HeadRepo: "mallory/shop", HeadRef: "agent/fork", HeadSHA: head})
	got := r.on("pull_request", gh.EventOf{Number: number}, "INPUT_TOKEN=ghs_fork")
	got.wants(1, "deny", "scope-path", "::error", "checks: write", "workflow_run")
	r.noCheck(head)
	if !strings.Contains(got.summary, "remit: denied") || !strings.Contains(got.summary, "checks: write") {
		t.Errorf("the summary is %s", got.summary)
	}

	run := r.d.AddRun(slug, gh.WorkflowRun{Name: "remit-review", HeadBranch: "agent/fork", HeadSHA: head, HeadRepo: "mallory/shop", Event: "pull_request_review", Status: "completed", Conclusion: "success"})
	r.on("workflow_run", gh.EventOf{Run: run}).wants(1, "deny", "scope-path")
	r.check(head, "failure")

	r.d.SetState(slug, number, "closed", "mallory")
	r.on("workflow_run", gh.EventOf{Run: run}).wants(0, "allow", "no open pull request", "nothing to judge")
	r.on("pull_request_target", gh.EventOf{Number: number, Action: "closed"}).wants(0, "allow", "is closed")
	r.check(head, "cancelled") // nothing of it can be merged
}

// TestUnlearned: what cannot be learned is never a success, and the check run says so where one can be
// posted.
func TestUnlearned(t *testing.T) {
	for name, c := range map[string]struct {
		faults []gh.Fault
		posted bool
		said   string
	}{
		"the pull request": {faults: []gh.Fault{{Operation: "pulls/get", Kind: gh.FaultStatus, Status: 502, Times: -1}}, said: "502"},
		"the reviews":      {faults: []gh.Fault{{Operation: "pulls/list-reviews", Kind: gh.FaultStatus, Status: 503, Times: -1}}, posted: true, said: "reviews"},
		"cut reviews":      {faults: []gh.Fault{{Operation: "pulls/list-reviews", Kind: gh.FaultTruncated, Times: -1}}, posted: true, said: "reviews"},
		"the pushes":       {faults: []gh.Fault{{Operation: "repos/list-activities", Kind: gh.FaultStatus, Status: 500, Times: -1}}, posted: true, said: "pushes"},
		"a limit":          {faults: []gh.Fault{{Operation: "issues/list-events", Kind: gh.FaultSecondary, Times: -1}}, posted: true, said: "rate limit"},
		"too many requests": {
			faults: []gh.Fault{{Operation: "pulls/list", Kind: gh.FaultStatus, Status: 429, RetryAfter: 3600, Times: -1}}, posted: true, said: "rate limit",
		},
		"a role": {faults: []gh.Fault{{Operation: "repos/get-collaborator-permission-level", Kind: gh.FaultStatus, Status: 502, Times: -1}}, posted: true, said: "role"},
		"the check run": {
			faults: []gh.Fault{{Operation: "checks/create", Kind: gh.FaultStatus, Status: 502, Times: -1}}, said: "creating the check run",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith("gate \"all\" {\n  actions = [\"pull_request\"]\n  approvers = [human.bob]\n}\n"))
			number, head := r.pull("src/cart.go")
			r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
			for _, f := range c.faults {
				r.d.Inject(f)
			}
			got := r.on("pull_request_target", gh.EventOf{Number: number})
			got.wants(3, "undecided", c.said)
			if !c.posted {
				r.noCheck(head)
				if !strings.Contains(got.stdout, "::error") {
					t.Error("no annotation")
				}
			} else if run := r.check(head, "failure"); !strings.Contains(run.Title, "could not decide") {
				t.Errorf("%+v", run)
			}
			r.d.ClearFaults()
			r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
			r.check(head, "success")
		})
	}
}

// TestUnaskedReviews: where nobody is asked, it changes nothing that the reviews cannot be read.
func TestUnaskedReviews(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	r.d.Inject(gh.Fault{Operation: "pulls/list-reviews", Kind: gh.FaultStatus, Status: 503, Times: -1})
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	r.check(head, "success")
	// What is asked for does not wait for what could not be read either: it stays closed.
	_, head = r.pull("policies.hcl")
	r.on("pull_request_target", gh.EventOf{Number: number + 1})
	r.check(head, "failure")
}

// TestPermissions: what the token lacks is named, with how to add it.
func TestPermissions(t *testing.T) {
	all := map[string]string{"contents": "read", "pull_requests": "read", "checks": "write"}
	for _, missing := range []string{"", "contents", "pull_requests", "checks"} {
		r := newRig(t, policyWith(""), func(s *gh.Scenario) {
			some := map[string]string{}
			for name, level := range all {
				if name != missing {
					some[name] = level
				}
			}
			s.Tokens = append(s.Tokens, &gh.Token{Value: "ghs_some", App: "github-actions", Permissions: some})
		})
		number, head := r.pull("src/cart.go")
		got := r.on("pull_request_target", gh.EventOf{Number: number}, "INPUT_TOKEN=ghs_some")
		switch missing {
		case "":
			got.wants(0, "allow")
			r.check(head, "success")
		case "checks":
			got.wants(0, "allow", "`checks: write`")
			r.noCheck(head)
		case "contents": // the double's git is open, GitHub's is not
			got.wants(3, "undecided", "`contents: read`")
			r.check(head, "failure")
		default:
			got.wants(3, "undecided", "`pull-requests: read`")
			const fix = "Add `pull-requests: read`"
			if n, all := strings.Count(got.stdout, fix), strings.Count(got.stdout, "::error")+1; n == 0 || n > all {
				t.Errorf("the fix is said %d times, in one report and %d annotations:\n%s", n, all-1, got.stdout)
			}
		}
	}
}

// TestHeadMoved: a push while the check goes on gets no check run from what was judged before it.
func TestHeadMoved(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: number})
	next := r.commit(commit{by: "agent.coder", parents: []string{head}, files: map[string]string{"deploy/x": "x\n"}, message: "More"})
	// The check reads the head three times from then on, and sees the old one but for the last time.
	r.d.Push(slug, pay, next, "coder")
	r.d.Inject(gh.Fault{Operation: "pulls/get", Kind: gh.FaultStale, Times: 2})
	r.d.Inject(gh.Fault{Operation: "repos/list-activities", Kind: gh.FaultStale, Times: -1})
	r.d.Inject(gh.Fault{Operation: "pulls/list", Kind: gh.FaultStale, Times: 2})
	got := r.run("pull_request_target", event)
	got.wants(3, "undecided", "is "+next[:10]+" now")
	r.check(head, "failure")
	r.noCheck(next)
	r.d.ClearFaults()
	r.run("pull_request_target", event).wants(1, "deny") // live state, whatever the event says
	r.check(next, "failure")
	r.check(head, "cancelled")
}

// TestSameHead: a head is judged once for each open pull request that has it, each base by a check of its own, and
// the run's own result is that of the one that was asked about.
func TestSameHead(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	r.d.Push(slug, "refs/heads/other", r.base, "alice")
	other := r.d.OpenPull(slug, gh.PullRequest{Title: "Elsewhere", Author: "coder", HeadRef: "agent/pay", HeadSHA: head, BaseRef: "other"})
	for range 2 {
		r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
		r.on("pull_request_target", gh.EventOf{Number: other}).wants(1, "deny", "not-granted")
		r.check(head, "success")
		r.checkNamed(head, "remit: other", "failure")
	}
	// Two onto one base, of which one is denied: the worst counts for both.
	twin := r.d.OpenPull(slug, gh.PullRequest{Title: "Mine", Author: "alice", HeadRef: "agent/pay2", HeadSHA: head, BaseRef: "other"})
	r.on("pull_request_target", gh.EventOf{Number: twin}).wants(1, "deny", "not-granted")
	r.checkNamed(head, "remit: other", "failure")
	r.d.SetState(slug, twin, "closed", "alice")
	r.d.SetState(slug, other, "closed", "coder")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	r.check(head, "success")
	if run := r.checkNamed(head, "remit: other", "cancelled"); !strings.Contains(run.Title, "no open pull request of this commit goes to other any more") {
		t.Errorf("%+v", run)
	}
}

// TestBasePolicy: a base has its own policy only where the default branch's lists it.
func TestBasePolicy(t *testing.T) {
	lax := strings.Replace(policyWith(""), `paths    = ["src/**"]`, `paths    = ["**"]`, 1)
	wide := func(d *delegation.Delegation) { d.Scope.Paths = dt.Paths("**") }
	for name, c := range map[string]struct {
		settings string
		release  string // the policy there
		code     int
		verdict  string
	}{
		"not listed":            {release: lax, code: 1, verdict: "deny"},
		"listed":                {settings: `settings { bases = ["release"] }`, release: lax, code: 0, verdict: "allow"},
		"another is listed":     {settings: `settings { bases = ["release/**"] }`, release: lax, code: 1, verdict: "deny"},
		"listed, and stricter":  {settings: `settings { bases = ["release"] }`, release: policyWith(""), code: 1, verdict: "deny"},
		"listed, not valid":     {settings: `settings { bases = ["release"] }`, release: "nonsense", code: 2, verdict: "undecided"},
		"not listed, not valid": {release: "nonsense", code: 1, verdict: "deny"},
		"listed, without one":   {settings: `settings { bases = ["release"] }`, code: 3, verdict: "undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(c.settings))
			release := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": c.release}, message: "Release"})
			r.d.Push(slug, "refs/heads/release", release, "alice")
			head := r.commit(commit{by: "agent.coder", chain: r.chain(wide), parents: []string{release}, files: map[string]string{"notes.md": "x\n"}, message: "Notes"})
			r.d.Push(slug, pay, head, "coder")
			number := r.d.OpenPull(slug, gh.PullRequest{Title: "Notes", Author: "coder", HeadRef: "agent/pay", HeadSHA: head, BaseRef: "release"})
			got := r.on("pull_request_target", gh.EventOf{Number: number})
			got.wants(c.code, c.verdict)
			// Into main it takes the release's commit along, and main's policy rules.
			r.d.Retarget(slug, number, "main", "coder")
			r.on("pull_request_target", gh.EventOf{Number: number, Action: "edited", From: "release"}).wants(1, "deny")
		})
	}
}

// TestBootstrap: where the default branch never had a policy nothing is enforced; where it lost it
// everything is.
func TestBootstrap(t *testing.T) {
	r := newRig(t, "")
	number, head := r.pull("src/cart.go")
	got := r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(0, "allow", "no policy is in force yet", "remit init")
	if run := r.check(head, "neutral"); !strings.Contains(run.Title, "no policy is in force") {
		t.Errorf("%+v", run)
	}

	// One that brings a policy sees what that would decide.
	with := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{head}, files: map[string]string{"policies.hcl": policyWith("")}, message: "Policy"})
	r.d.Push(slug, pay, with, "coder")
	got = r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(0, "deny", "no policy is in force yet", "scope-path")
	if !got.report.Observe {
		t.Error("the report does not say that nothing is blocked")
	}
	r.check(with, "neutral")

	broken := r.commit(commit{by: "human.alice", parents: []string{with}, files: map[string]string{"policies.hcl": "nonsense\n::error::x"}, message: "Broken"})
	r.d.Push(slug, pay, broken, "coder")
	got = r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(0, "undecided", "is not valid")
	r.check(broken, "neutral")

	// It comes to main, and goes again.
	came := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": policyWith("")}, message: "Policy"})
	gone := r.commit(commit{by: "human.alice", parents: []string{came}, files: map[string]string{"policies.hcl": ""}, message: "No policy"})
	r.d.Push(slug, main, gone, "alice")
	got = r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(3, "undecided", "had a policies.hcl and has none now")
	r.check(broken, "failure")
	// A policy on another branch changes nothing about that.
	r.d.Push(slug, "refs/heads/release", came, "alice")
	r.d.Retarget(slug, number, "release", "coder")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(3, "undecided")
}

func TestObserve(t *testing.T) {
	r := newRig(t, policyWith(`settings { mode = "observe" }`))
	number, head := r.pull("deploy/app.yaml")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "deny", "Nothing is blocked")
	r.check(head, "neutral")
	r.d.Inject(gh.Fault{Operation: "pulls/list-reviews", Kind: gh.FaultStatus, Status: 502, Times: -1})
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "deny")
	r.check(head, "neutral")
}

// TestPolicyElsewhere: an organisation's policy rules, whatever the repository itself has.
func TestPolicyElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		policy  string
		code    int
		verdict string
		rule    string
	}{
		"allows":                   {policyWith(""), 0, "allow", ""},
		"is for another":           {strings.Replace(policyWith(""), "acme/shop", "acme/other", 1), 1, "deny", "policy-repository"},
		"is for all":               {strings.Replace(policyWith(""), `repository = "github.com/acme/shop"`, `repositories = ["github.com/acme/*"]`, 1), 0, "allow", ""},
		"is not there":             {"", 3, "undecided", "history-incomplete"},
		"is not valid":             {"nonsense", 2, "undecided", "history-incomplete"},
		"denies what ours allowed": {strings.Replace(policyWith(""), `["src/**"]`, `["lib/**"]`, 1), 1, "deny", "not-granted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(""), func(s *gh.Scenario) {
				s.Repositories = append(s.Repositories, &gh.Repository{Name: "acme/policy", Refs: map[string]string{"refs/heads/main": strings.Repeat("a", 40)}})
			})
			r.initBare("acme/policy")
			files := map[string]string{"README": "x\n"}
			if c.policy != "" {
				files["policies.hcl"] = c.policy
			}
			r.git("acme/policy", "", "update-ref", main, r.commit(commit{repo: "acme/policy", files: files, message: "Policy"}))
			number, _ := r.pull("src/cart.go")
			got := r.on("pull_request_target", gh.EventOf{Number: number}, "INPUT_POLICY-REPOSITORY=acme/policy")
			got.wants(c.code, c.verdict)
			if c.rule != "" && !slices.Contains(got.rules(), c.rule) {
				t.Errorf("rules %v", got.rules())
			}
		})
	}
}

// TestCost: what a check asks of the API does not grow with the commits of a pull request.
func TestCost(t *testing.T) {
	for _, commits := range []int{1, 100, 1000} {
		r := newRig(t, policyWith(""))
		chain, head := r.chain(), r.base
		tree := r.tree(commit{repo: slug, parents: []string{r.base}, files: map[string]string{"src/cart.go": "package cart\n"}})
		for i := range commits {
			head = r.commit(commit{by: "agent.coder", chain: chain, parents: []string{head}, tree: tree, message: fmt.Sprintf("Step %d", i)})
		}
		r.d.Push(slug, pay, head, "coder")
		number := r.open("agent/pay", head)
		r.d.Review(slug, number, gh.Review{User: "bob", State: "APPROVED"})
		event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: number})
		r.d.ClearJournal()
		r.fetches.Store(0)
		got := r.run("pull_request_target", event)
		got.wants(0, "allow")
		if n := len(got.report.Acts); n != commits+1 {
			t.Errorf("%d acts", n)
		}
		all, counted := len(r.d.Journal()), len(r.d.Journal().Counted())
		t.Logf("%d commits: %d requests, %d of which cost quota; %d git requests", commits, all, counted, r.fetches.Load())
		if all > 20 || counted > 9 { // the second reading adds none that counts: nothing is new to it
			t.Errorf("%d commits: %d requests, %d of which cost quota", commits, all, counted)
		}
		r.d.ClearJournal()
		r.run("pull_request_target", event).wants(0, "allow")
		if n := len(r.d.Journal().Writes()); n != 0 {
			t.Errorf("%d writes where nothing changed", n)
		}
	}
}

// TestUsage: what is no step of a workflow, or asks for nothing, says so.
func TestUsage(t *testing.T) {
	r := newRig(t, policyWith(""))
	for name, c := range map[string]struct {
		kind string
		e    gh.EventOf
		more []string
		code int
		said string
	}{
		"another mode":      {"push", gh.EventOf{Ref: main, After: r.base}, []string{"INPUT_MODE=x"}, 2, "mode is check, deploy or fold"},
		"no repository":     {"push", gh.EventOf{Ref: main, After: r.base}, []string{"GITHUB_REPOSITORY="}, 2, "no step of a GitHub workflow"},
		"no token":          {"push", gh.EventOf{Ref: main, After: r.base}, []string{"INPUT_TOKEN="}, 2, "token is empty"},
		"an app":            {"push", gh.EventOf{Ref: main, After: r.base}, []string{"INPUT_APP-ID=x"}, 2, "app-id"},
		"a policy's place":  {"push", gh.EventOf{Ref: main, After: r.base}, []string{"INPUT_POLICY-REPOSITORY=x"}, 2, "owner/name"},
		"an API by http":    {"push", gh.EventOf{Ref: main, After: r.base}, []string{"GITHUB_API_URL=http://example.com"}, 2, "not https"},
		"a server by http":  {"push", gh.EventOf{Ref: main, After: r.base}, []string{"GITHUB_SERVER_URL=http://example.com"}, 2, "unencrypted"},
		"a dispatch":        {"workflow_dispatch", gh.EventOf{}, nil, 2, "pull-request"},
		"a dispatch's word": {"workflow_dispatch", gh.EventOf{Inputs: map[string]string{"pull-request": "x"}}, nil, 2, "pull-request"},
		"no event file":     {"push", gh.EventOf{Ref: main, After: r.base}, []string{"GITHUB_EVENT_PATH=/nowhere"}, 3, "reading the event"},
		"no environment":    {"workflow_dispatch", gh.EventOf{}, []string{"INPUT_MODE=deploy"}, 2, "environment is empty"},
		"another event":     {"push", gh.EventOf{Ref: main, After: r.base}, []string{"GITHUB_EVENT_NAME=schedule"}, 2, "nothing to check"},
	} {
		got := r.on(c.kind, c.e, c.more...)
		if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.said) {
			t.Errorf("%s: exit %d\n%s%s", name, got.code, got.stdout, got.stderr)
		}
		if got.outputs["verdict"] == "allow" || got.outputs["commit"] != "" {
			t.Errorf("%s: outputs %v", name, got.outputs)
		}
	}
	for name, payload := range map[string]string{
		"twice": `{"pull_request":{"number":1},"pull_request":{"number":2}}`, "cut": `{"pull_request":{"numb`, "empty": "", "none": `{"action":"opened"}`,
	} {
		if got := r.run("pull_request_target", []byte(payload)); got.code != 3 || got.outputs["verdict"] != "undecided" {
			t.Errorf("%s: exit %d, %v", name, got.code, got.outputs)
		}
	}
	number, head := r.pull("src/cart.go")
	r.on("workflow_dispatch", gh.EventOf{Inputs: map[string]string{"pull-request": fmt.Sprint(number)}}).wants(0, "allow")
	r.check(head, "success")
}

// TestTime: a commit is in time where the delegation held when it was pushed, by the forge's log. Where
// the log does not say, nobody knows.
func TestTime(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	// Another commit on top, and then the branch is made anew: the first came with the first push.
	next := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{head}, files: map[string]string{"src/two.go": "package x\n"}, message: "Two"})
	r.d.Push(slug, pay, next, "coder")
	r.d.Advance(2 * time.Hour)
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")

	late := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{head}, files: map[string]string{"src/late.go": "package x\n"}, message: "Late", at: dt.Start()})
	r.d.ForcePush(slug, pay, late, "coder")
	got := r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(1, "deny", "delegation-expired")
	for _, a := range got.report.Acts {
		if a.Subject == head && a.Verdict != "allow" {
			t.Errorf("what was pushed in time: %+v", a)
		}
	}
	r.d.Change(func(s *gh.Scenario) { s.Repositories[0].Activity = nil })
	got = r.on("pull_request_target", gh.EventOf{Number: number})
	got.wants(3, "undecided", "pushes")
}

// TestSquashedPushes: a commit counts from the push that first had it, also where the branch does not
// have what else came with that.
func TestSquashedPushes(t *testing.T) {
	r := newRig(t, policyWith(""))
	chain := r.chain()
	one := r.commit(commit{by: "agent.coder", chain: chain, parents: []string{r.base}, files: map[string]string{"src/one.go": "package x\n"}, message: "One"})
	two := r.commit(commit{by: "agent.coder", chain: chain, parents: []string{one}, files: map[string]string{"src/two.go": "package x\n"}, message: "Two"})
	r.d.Push(slug, pay, two, "coder") // both at once
	number := r.open("agent/pay", two)
	r.d.Advance(2 * time.Hour)
	r.d.ForcePush(slug, pay, one, "coder") // without the second
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
}

// TestStatement: who answers for a pull request is told by its signed statement.
func TestStatement(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*delegation.PullRequest)
		code    int
		verdict string
		rule    string
	}{
		"right":           {code: 0, verdict: "allow"},
		"of another base": {change: func(p *delegation.PullRequest) { p.BaseRef = "refs/heads/release" }, code: 1, verdict: "deny", rule: "request-mismatch"},
		"of another head": {change: func(p *delegation.PullRequest) { p.Head = strings.Repeat("ab", 20) }, code: 1, verdict: "deny", rule: "request-mismatch"},
		"of another delegation": {
			change: func(p *delegation.PullRequest) { p.Delegation = "sha256:" + strings.Repeat("ab", 32) }, code: 1, verdict: "deny", rule: "delegation-unresolved",
		},
	} {
		r := newRig(t, policyWith(""))
		chain := r.chain()
		head := r.commit(commit{by: "agent.coder", chain: chain, parents: []string{r.base}, files: map[string]string{"src/x.go": "package x\n"}, message: "X"})
		r.d.Push(slug, pay, head, "coder")
		p := dt.NewPullRequest("agent.coder")
		p.Head, p.Delegation = head, chain.Digest()
		if c.change != nil {
			c.change(&p)
		}
		body, err := delegation.AddToBody("Please.", dt.SignStatement(t, p))
		if err != nil {
			t.Fatal(err)
		}
		number := r.d.OpenPull(slug, gh.PullRequest{Title: "X", Author: "coder", Body: body, HeadRef: "agent/pay", HeadSHA: head})
		got := r.on("pull_request_target", gh.EventOf{Number: number})
		if got.code != c.code || c.rule != "" && !slices.Contains(got.rules(), c.rule) {
			t.Errorf("%s: exit %d, rules %v\n%s", name, got.code, got.rules(), got.stdout)
		}
	}
}

// TestLines: what a condition on changed lines asks about is fetched and counted.
func TestLines(t *testing.T) {
	r := newRig(t, policyWith(`
forbid "large changes" {
  actions = ["commit"]
  when    = commit.lines_changed > 3
}`))
	head := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{"src/x.go": "a\nb\nc\n"}, message: "Three"})
	r.d.Push(slug, pay, head, "coder")
	number := r.open("agent/pay", head)
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	next := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{head}, files: map[string]string{"src/x.go": "a\nb\nc\nd\n"}, message: "Four"})
	r.d.Push(slug, pay, next, "coder")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(1, "deny", "forbidden")
}
