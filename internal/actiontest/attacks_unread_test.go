package actiontest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/names"
)

// pullOf changes a pull request of the shop as GitHub has it.
func (r *rig) pullOf(number int, f func(p *gh.PullRequest)) {
	r.t.Helper()
	r.d.Change(func(s *gh.Scenario) {
		for _, p := range s.Repositories[0].PullRequests {
			if p.Number == number {
				f(p)
			}
		}
	})
}

// approvalBy is somebody's signed approval of a request, as an input.
func (r *deployRig) approvalBy(who names.Principal, q *delegation.Signed[delegation.Request]) string {
	r.t.Helper()
	a := dt.NewApprovalOf(who, q)
	a.PolicyDigest = r.policyDigest()
	a.NotBefore = r.d.Now().Truncate(time.Second)
	a.NotAfter = a.NotBefore.Add(time.Hour)
	return "INPUT_APPROVALS=" + dt.SignStatement(r.t, a).Text()
}

// unread wants a deploy of the tip to be undecided, to say who gets out of it and how, and to be let through
// once that was done, by nobody else.
func (r *deployRig) unread(words ...string) {
	r.t.Helper()
	r.unreadBut(func(*delegation.Signed[delegation.Request]) {}, words...)
}

// unreadBut is unread, with what does not get out of it.
func (r *deployRig) unreadBut(others func(q *delegation.Signed[delegation.Request]), words ...string) {
	r.t.Helper()
	q := r.request(r.tip)
	got := r.deploy(q.Text())
	got.wants(3, "undecided", append(words, "human.bob", "`remit approve request.txt`", "approvals")...)
	if got.outputs["commit"] != "" {
		r.t.Errorf("outputs %v", got.outputs)
	}
	if slices.Contains(got.rules(), "history-incomplete") || slices.Contains(got.rules(), "limit-exceeded") {
		r.t.Errorf("rules %v, of which no approval is the way out", got.rules())
	}
	others(q)
	got = r.deploy(q.Text(), r.approvalBy("human.bob", q))
	if got.wants(0, "allow"); got.outputs["commit"] != r.tip {
		r.t.Errorf("outputs %v", got.outputs)
	}
	// What comes after it does not ask again.
	_, r.tip = r.merged("src/after.go", "bob")
	r.d.Advance(time.Second)
	r.deploy(r.request(r.tip).Text()).wants(0, "allow")
}

// TestAttackDeployFlood: what was done to a pull request after its merge keeps nothing from being deployed. Where
// what counts cannot be read, a human's signed approval of the request is the way out.
func TestAttackDeployFlood(t *testing.T) {
	t.Parallel()
	many := func(at time.Time, kind string) func(p *gh.PullRequest) {
		return flood(kind, at)
	}
	t.Run("events after the merge", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.d.Advance(time.Minute)
		r.pullOf(1, many(r.d.Now(), "events"))
		r.deploy(r.request(r.tip).Text()).wants(0, "allow")
	})
	t.Run("events before the merge", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.pullOf(1, func(p *gh.PullRequest) {
			p.Timeline = nil
			many(p.CreatedAt, "events")(p)
		})
		r.unread("pull request #1")
	})
	t.Run("reviews after the merge", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.d.Advance(time.Minute)
		r.pullOf(1, many(r.d.Now(), "reviews"))
		r.unread("pull request #1")
	})
	t.Run("some reviews after the merge", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.d.Advance(time.Minute)
		for range 150 {
			r.d.Review(slug, 1, gh.Review{User: "mallory", State: "CHANGES_REQUESTED"})
		}
		r.deploy(r.request(r.tip).Text()).wants(0, "allow")
		r.d.Advance(time.Second)
		r.d.Review(slug, 1, gh.Review{User: "bob", State: "CHANGES_REQUESTED"}) // near: bob's word counts, then too
		r.deploy(r.request(r.tip).Text()).wants(1, "deny", "changes-requested")
		r.d.Advance(time.Second)
		r.d.Review(slug, 1, gh.Review{User: "bob", State: "APPROVED"})
		r.deploy(r.request(r.tip).Text()).wants(0, "allow")
	})
	t.Run("a crowd on every pull request", func(t *testing.T) {
		r := newDeployRig(t, "")
		for i := range 5 {
			_, r.tip = r.merged(fmt.Sprintf("src/crowd%d.go", i), "bob")
		}
		r.d.Advance(time.Minute)
		for n := 1; n <= 6; n++ { // more than the requests of one run are enough for
			r.pullOf(n, many(r.d.Now(), "reviews"))
		}
		r.unread("pull request #1")
	})
	t.Run("an objection that was read", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.d.Review(slug, 1, gh.Review{User: "alice", State: "CHANGES_REQUESTED"})
		r.d.Advance(time.Minute)
		r.pullOf(1, func(p *gh.PullRequest) { p.HeadDeleted = true })
		q := r.request(r.tip)
		r.deploy(q.Text(), r.approvalBy("human.bob", q)).wants(1, "deny", "changes-requested")
	})
	t.Run("the fork is deleted", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.pullOf(1, func(p *gh.PullRequest) { p.HeadDeleted = true })
		r.unreadBut(func(q *delegation.Signed[delegation.Request]) {
			r.deploy(q.Text(), r.approvalBy("human.alice", q)).wants(3, "undecided")
			r.deploy(q.Text(), "INPUT_APPROVALS="+r.wrongApproval(q)).wants(3, "undecided")
		}, "pull request #1")
	})
	t.Run("GitHub does not tell", func(t *testing.T) {
		for _, operation := range []string{"pulls/get", "pulls/list-reviews", "issues/list-events", "pulls/list", "repos/list-activities", "repos/list-pull-requests-associated-with-commit"} {
			r := newDeployRig(t, "")
			r.d.Inject(gh.Fault{Operation: operation, Kind: gh.FaultStatus, Status: 502, Times: -1})
			q := r.request(r.tip)
			r.deploy(q.Text()).wants(3, "undecided", "`remit approve request.txt`")
			r.deploy(q.Text(), r.approvalBy("human.alice", q)).wants(3, "undecided")
			r.deploy(q.Text(), r.approvalBy("human.bob", q)).wants(0, "allow")
		}
	})
	t.Run("strangers open pull requests of the merged head", func(t *testing.T) {
		r := newDeployRig(t, "")
		head := r.d.Refs(slug)[pay]
		for i := range 6 {
			m := r.stranger(pay, head, "main", fmt.Sprintf("mine%d", i))
			r.pullOf(m, many(r.d.Now(), "reviews"))
		}
		r.deploy(r.request(r.tip).Text()).wants(0, "allow")
	})
	t.Run("pushes to the branch after the merge", func(t *testing.T) {
		r := newDeployRig(t, "")
		r.d.Advance(2 * time.Minute)
		r.pushesTo(pay, 600, "mallory")
		r.deploy(r.request(r.tip).Text()).wants(0, "allow")
	})
	t.Run("bob pushes the branch away and back after the merge", func(t *testing.T) {
		r := newDeployRig(t, "")
		head := r.d.Refs(slug)[pay]
		r.pushed(pay, r.base, "bob", true)
		r.pushed(pay, head, "bob", false)
		r.d.Advance(time.Minute)
		r.deploy(r.request(r.tip).Text()).wants(0, "allow")
	})
	t.Run("near: bob pushed before the merge, and much was pushed after it", func(t *testing.T) {
		r := newDeployRig(t, "")
		head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{"src/part.go": "package x\n"}, message: "Part"})
		r.d.Push(slug, "refs/heads/agent/part", head, "bob")
		n := r.open("agent/part", head)
		r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
		r.d.Advance(time.Second)
		r.d.Merge(slug, n, "alice", "")
		r.d.Advance(2 * time.Minute)
		r.pushesTo("refs/heads/agent/part", 600, "mallory")
		r.deploy(r.request(r.d.Refs(slug)[main]).Text()).wants(4, "pending", missing, ineligible)
	})
	t.Run("more pushes before and after the merge than are read", func(t *testing.T) {
		r := newDeployRig(t, "")
		first := r.d.State().Repositories[0].Activity
		r.pushesTo(pay, 600, "mallory")
		r.d.Change(func(s *gh.Scenario) { // before it as well
			log := s.Repositories[0].Activity
			var old []*gh.Activity
			at := first[0].Timestamp.Add(-time.Hour)
			for i := range 300 {
				old = append(old, &gh.Activity{ID: int64(2*i + 1), Ref: pay, After: r.base, Actor: "mallory", Timestamp: at, Type: "branch_creation"},
					&gh.Activity{ID: int64(2*i + 2), Ref: pay, Before: r.base, Actor: "mallory", Timestamp: at, Type: "branch_deletion"})
			}
			s.Repositories[0].Activity = slices.Concat(old, log)
		})
		r.unread("pull request #1")
	})
}

// pushesTo adds pushes to a branch that take it away and back.
func (r *rig) pushesTo(ref string, n int, by string) {
	r.t.Helper()
	at, head := r.d.Now(), r.d.Refs(slug)[ref]
	r.d.Change(func(s *gh.Scenario) {
		log := &s.Repositories[0].Activity
		for range n / 2 {
			*log = append(*log, &gh.Activity{Ref: ref, Before: head, After: r.base, Timestamp: at, Actor: by, Type: "force_push"},
				&gh.Activity{Ref: ref, Before: r.base, After: head, Timestamp: at, Actor: by, Type: "push"})
		}
	})
	r.d.Advance(time.Second)
}
