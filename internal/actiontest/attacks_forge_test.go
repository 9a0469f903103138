package actiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// green posts a check run that says that all is well, as somebody else.
func (r *rig) green(head, app, externalID string) {
	r.t.Helper()
	r.d.Change(func(s *gh.Scenario) {
		s.Repositories[0].CheckRuns = append(s.Repositories[0].CheckRuns, &gh.CheckRun{
			Name: "remit", HeadSHA: head, App: app, Status: "completed", Conclusion: "success", ExternalID: externalID, Title: "allowed", Summary: "Forged",
		})
	})
}

// TestAttackCheckRuns: nothing that a workflow or an App says by a check run, a status or a job's
// result is evidence, and what is not ours is not taken for it.
func TestAttackCheckRuns(t *testing.T) {
	r := newAttackRig(t)
	const ours = "remit:2:1.1.1:"
	for name, c := range map[string]struct{ app, externalID string }{
		"a job of the pull request's own": {"github-actions", ""},
		"another external id":             {"github-actions", "remit:3:" + strings.Repeat("a", 64)},
		"a job's id":                      {"github-actions", "ca395085-040a-526b-2ce8-bdc85f692774"},
		"another App":                     {"remit", ""},
		"another App with our mark":       {"remit", ours + strings.Repeat("a", 64) + ":" + strings.Repeat("b", 16)},
		"another App, partial":            {"remit", ours + "partial"},
	} {
		r.attack(name, func() {
			p := r.topic("deploy/app.yaml")
			r.green(p.head, c.app, c.externalID)
			r.d.ClearJournal()
			p.on("pull_request_target", gh.EventOf{Number: p.number}).is("deny", "not-granted")
			runs := r.d.CheckRuns(slug, p.head)
			if len(runs) != 2 || runs[0].Conclusion != "success" || runs[0].Summary != "Forged" || runs[1].Conclusion != "failure" {
				r.t.Errorf("check runs %+v", runs)
			}
			r.noEvidenceFromChecks()
		})
	}
	r.attack("with our mark, by the same App", func() {
		p := r.topic("deploy/app.yaml")
		r.green(p.head, "github-actions", ours+strings.Repeat("a", 64)+":"+strings.Repeat("b", 16))
		p.judged("deny", "not-granted") // it is overwritten
	})
	r.attack("with our mark, by the same App, as of times to come", func() {
		p := r.topic("deploy/app.yaml")
		r.green(p.head, "github-actions", "remit:2:9999999999.1.1:"+strings.Repeat("a", 64)+":"+strings.Repeat("b", 16))
		p.judged("deny", "not-granted") // it is overwritten
	})
	r.attack("the forged one comes later, and again", func() {
		p := r.topic("deploy/app.yaml")
		p.judged("deny", "not-granted")
		mark := r.d.CheckRuns(slug, p.head)[0].ExternalID
		r.green(p.head, "github-actions", mark)
		p.on("pull_request_target", gh.EventOf{Number: p.number}).is("deny", "not-granted")
		for _, run := range r.d.CheckRuns(slug, p.head) {
			if run.Conclusion != "failure" {
				r.t.Errorf("%+v", run)
			}
		}
	})
	r.attack("the result of a workflow", func() {
		p := r.topic("src/payments/card.go")
		for _, job := range []string{"remit", "remit-review"} {
			run := r.d.AddRun(slug, gh.WorkflowRun{Name: job, HeadBranch: strings.TrimPrefix(p.ref, "refs/heads/"), HeadSHA: p.head, Event: "pull_request", Status: "completed", Conclusion: "success"})
			r.on("workflow_run", gh.EventOf{Run: run}).is("pending", missing)
		}
		r.check(p.head, "action_required")
	})
	r.attack("an environment that somebody approved on the forge", func() {
		p := r.topic("src/payments/card.go")
		run := r.d.AddRun(slug, gh.WorkflowRun{HeadSHA: p.head, Event: "pull_request", Status: "completed", Conclusion: "success", Approvals: []*gh.RunApproval{{User: "bob", State: "approved", Environments: []string{"production"}}}})
		r.on("workflow_run", gh.EventOf{Run: run}).is("pending", missing)
	})
}

// noEvidenceFromChecks fails the test where anything was read of checks before the result was there:
// only posting looks at them.
func (r *rig) noEvidenceFromChecks() {
	r.t.Helper()
	posting := false
	for _, c := range r.d.Journal() {
		about := strings.HasPrefix(c.Operation, "checks/")
		if posting && !about && c.Operation != "pulls/get" {
			r.t.Errorf("%s after a look at the checks", c.Operation)
		}
		posting = posting || about
		if strings.Contains(c.Operation, "status") || strings.HasPrefix(c.Operation, "actions/") {
			r.t.Errorf("%s was asked", c.Operation)
		}
	}
}

// TestAttackCutLists: what the forge lists in part is read to the end, or nothing is decided.
func TestAttackCutLists(t *testing.T) {
	r := newAttackRig(t)
	r.attack("commit 252 of 253, which the next one undoes", func() {
		p := r.topic()
		tree := r.tree(commit{repo: slug, parents: []string{r.base}, files: map[string]string{"src/cart.go": "package cart\n"}})
		for i := range 251 {
			p.head = r.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head}, tree: tree, message: fmt.Sprintf("Step %d", i)})
		}
		p.head = p.change("deploy/app.yaml")
		p.push(r.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head}, files: map[string]string{"deploy/app.yaml": ""}, message: "Undo"}), "coder")
		if got := p.judged("deny", "not-granted"); len(got.report.Acts) != 254 {
			r.t.Errorf("%d acts", len(got.report.Acts))
		}
	})
	// Reviews of three pages: what counts is on the last.
	many := func(last string) *topic {
		p := r.topic("src/payments/card.go")
		at := r.d.Now()
		r.d.Change(func(s *gh.Scenario) {
			pull := s.Repositories[0].PullRequests[len(s.Repositories[0].PullRequests)-1]
			add := func(user, state string) {
				pull.Reviews = append(pull.Reviews, &gh.Review{User: user, State: state, CommitID: p.head, SubmittedAt: at})
			}
			add("bob", "APPROVED")
			for range 210 {
				add("mallory", "COMMENTED")
			}
			if last != "" {
				add("bob", last)
			}
		})
		r.d.Advance(time.Second)
		return p
	}
	r.attack("near: approved on the first page", func() { many("").judged("allow") })
	r.attack("changes requested on the third page", func() { many("CHANGES_REQUESTED").judged("deny", missing, "changes-requested") })
	for name, f := range map[string]gh.Fault{
		"no link on the first page":     {Kind: gh.FaultNoLink},
		"no link, ever":                 {Kind: gh.FaultNoLink, Times: -1},
		"the second page is half there": {Kind: gh.FaultShort, Page: "2"},
		"the first page is half there":  {Kind: gh.FaultShort},
	} {
		r.attack("changes requested, "+name, func() {
			p := many("CHANGES_REQUESTED")
			f.Operation = "pulls/list-reviews"
			r.d.Inject(f)
			defer r.d.ClearFaults()
			got := p.on("pull_request_target", gh.EventOf{Number: p.number})
			if got.code == 0 || got.outputs["verdict"] == "allow" {
				r.t.Errorf("exit %d, %v\n%s", got.code, got.outputs, got.stdout)
			}
			got.is("deny", missing, "changes-requested") // read again
			r.check(p.head, "failure")
		})
	}
	r.attack("more reviews than are read", func() {
		p := r.topic("src/payments/card.go")
		at := r.d.Now()
		r.d.Change(func(s *gh.Scenario) {
			pull := s.Repositories[0].PullRequests[len(s.Repositories[0].PullRequests)-1]
			pull.Reviews = append(pull.Reviews, &gh.Review{User: "bob", State: "APPROVED", CommitID: p.head, SubmittedAt: at})
			for range 3_000 {
				pull.Reviews = append(pull.Reviews, &gh.Review{User: "mallory", State: "COMMENTED", CommitID: p.head, SubmittedAt: at})
			}
		})
		p.judged("undecided", missing, "limit-exceeded")
		r.d.SetState(slug, p.number, "closed", "coder")
	})
	r.attack("bob pushed first, 150 pushes ago", func() {
		p := r.opened(branch{pusher: "bob", paths: []string{"src/payments/card.go"}})
		first := p.head
		p.push(p.change("src/cart.go"), "coder")
		at := r.d.Now()
		r.d.Change(func(s *gh.Scenario) {
			log := &s.Repositories[0].Activity
			for range 75 {
				*log = append(*log, &gh.Activity{Ref: p.ref, Before: p.head, After: first, Timestamp: at, Actor: "coder", Type: "force_push"},
					&gh.Activity{Ref: p.ref, Before: first, After: p.head, Timestamp: at, Actor: "coder", Type: "push"})
			}
		})
		p.review("bob", "APPROVED")
		p.judged("pending", missing, ineligible)
	})
}

// TestAttackOutage: whatever the forge fails at half-way through blocks, and nothing green is posted.
func TestAttackOutage(t *testing.T) {
	r := newAttackRig(t)
	approved := func() *topic {
		p := r.topic("src/payments/card.go")
		at := r.d.Now()
		r.d.Change(func(s *gh.Scenario) {
			pull := s.Repositories[0].PullRequests[len(s.Repositories[0].PullRequests)-1]
			for range 120 {
				pull.Reviews = append(pull.Reviews, &gh.Review{User: "mallory", State: "COMMENTED", CommitID: p.head, SubmittedAt: at})
			}
		})
		p.review("bob", "APPROVED")
		return p
	}
	for name, f := range map[string]gh.Fault{
		"502":             {Kind: gh.FaultStatus, Status: 502},
		"500":             {Kind: gh.FaultStatus, Status: 500},
		"404":             {Kind: gh.FaultStatus, Status: 404},
		"429":             {Kind: gh.FaultStatus, Status: 429, RetryAfter: 2},
		"secondary limit": {Kind: gh.FaultSecondary, RetryAfter: 2},
		"broken off":      {Kind: gh.FaultCut},
		"half a text":     {Kind: gh.FaultTruncated},
	} {
		r.attack(name+" on the second page of reviews", func() {
			p := approved()
			f.Operation, f.Page, f.Times = "pulls/list-reviews", "2", -1
			r.d.Inject(f)
			p.judged("undecided", missing, "history-incomplete")
			r.d.ClearFaults()
			p.judged("allow")
			if f.Status == 404 {
				return
			}
			f.Times = 1
			r.d.Inject(f)
			p.judged("allow") // tried again
			r.d.ClearFaults()
		})
	}
	// A success that stands does not outlive what cannot be learned.
	r.attack("a success from before", func() {
		p := approved()
		p.judged("allow")
		r.d.Inject(gh.Fault{Operation: "repos/list-activities", Kind: gh.FaultSecondary, Times: -1})
		p.judged("undecided", missing, "history-incomplete")
		r.d.ClearFaults()
	})
	r.attack("nothing is to be had at all", func() {
		p := r.topic("src/cart.go")
		event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: p.number})
		r.d.Inject(gh.Fault{Kind: gh.FaultStatus, Status: 503, Times: -1})
		got := r.run("pull_request_target", event)
		got.wants(3, "undecided")
		r.d.ClearFaults()
		if runs := r.d.CheckRuns(slug, p.head); slices.ContainsFunc(runs, func(c gh.CheckRun) bool { return c.Conclusion == "success" }) {
			r.t.Errorf("%+v", runs)
		}
	})
}
