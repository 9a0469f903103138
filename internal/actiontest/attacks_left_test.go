package actiontest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// flood adds more to a pull request than is read of it.
func flood(what string, at time.Time) func(p *gh.PullRequest) {
	return func(p *gh.PullRequest) {
		for range 3100 {
			if what == "events" {
				p.Timeline = append(p.Timeline, &gh.Event{Event: "referenced", Actor: "mallory", CreatedAt: at, CommitID: p.HeadSHA})
			} else {
				p.Reviews = append(p.Reviews, &gh.Review{User: "mallory", State: "COMMENTED", CommitID: p.HeadSHA, SubmittedAt: at})
			}
		}
	}
}

// group makes the merge queue put a pull request on top of a commit.
func (r *rig) group(n int, on, head, how string) string {
	g := r.mergeOf(on, head)
	if how == "squash" {
		g = r.commit(commit{parents: []string{on}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: fmt.Sprintf("X (#%d)", n), forge: true})
	}
	r.d.Push(slug, fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", n, on), g, "alice")
	return g
}

// TestAttackLeftGreen: no success stands under a pull request for which no run starts, because its commit was the head of
// another once.
func TestAttackLeftGreen(t *testing.T) {
	start := func(t *testing.T) (*rig, int, string) {
		r := newRig(t, policyWith(mainGate))
		n, head := r.pull("src/cart.go")
		r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
		r.d.Advance(time.Second)
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(0, "allow")
		return r, n, head
	}
	again := func(r *rig, branch, head string) {
		m := r.d.OpenPull(slug, gh.PullRequest{Title: "X", Author: "github-actions[bot]", HeadRef: branch, HeadSHA: head})
		r.wantsGreen("opened with a workflow's token, which starts no run", head, "")
		if got := r.on("pull_request_target", gh.EventOf{Number: m}); got.code == 0 {
			r.t.Error("near: judged, it is allowed")
		}
	}
	t.Run("pushed away with a workflow's token", func(t *testing.T) {
		r, n, h1 := start(t)
		h2 := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{h1}, files: map[string]string{"src/more.go": "x\n"}, message: "More"})
		r.d.Push(slug, pay, h2, "github-actions[bot]") // no synchronize
		r.d.Review(slug, n, gh.Review{User: "bob", State: "CHANGES_REQUESTED"})
		r.d.Advance(time.Second)
		run := r.d.AddRun(slug, gh.WorkflowRun{Name: "remit-review", HeadBranch: "agent/pay", HeadSHA: h2, Event: "pull_request_review", Status: "completed", Conclusion: "success"})
		r.on("workflow_run", gh.EventOf{Run: run}).wants(1, "deny")
		r.d.Push(slug, "refs/heads/agent/again", h1, "github-actions[bot]")
		again(r, "agent/again", h1)
	})
	t.Run("squashed and reverted", func(t *testing.T) {
		r, n, head := start(t)
		sq := r.commit(commit{parents: []string{r.base}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "X (#1)", forge: true})
		r.d.Merge(slug, n, "alice", sq)
		r.on("pull_request_target", gh.EventOf{Number: n, Action: "closed"}).wants(0, "allow")
		r.d.Push(slug, main, r.commit(commit{by: "human.alice", parents: []string{sq}, tree: r.git(slug, "", "rev-parse", r.base+"^{tree}"), message: "Revert"}), "alice")
		r.d.Advance(time.Second)
		again(r, "agent/pay", head)
	})
}

// TestAttackSameSecond: of what was read in one second the worse stays, whichever run posts last.
func TestAttackSameSecond(t *testing.T) {
	r := newRig(t, policyWith(""))
	n, head := r.pull("src/payments/card.go")
	r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
	r.on("pull_request_target", gh.EventOf{Number: n}, "GITHUB_RUN_ID=9002").wants(0, "allow")
	r.d.Review(slug, n, gh.Review{User: "bob", State: "CHANGES_REQUESTED"})
	r.on("pull_request_target", gh.EventOf{Number: n}, "GITHUB_RUN_ID=9001", "GITHUB_RUN_ATTEMPT=2").wants(1, "deny")
	r.wantsGreen("objected", head, "")
}

// TestAttackStrangerRed: nothing that anybody may do who can only read the repository turns another's check.
func TestAttackStrangerRed(t *testing.T) {
	for _, how := range []string{"eighteen bases", "events at yours", "reviews at yours", "events at theirs", "reviews at theirs", "reviews during the run"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t, policyWith("")) // no gate asks
			n, head := r.pull("src/cart.go")
			m := n
			if strings.HasSuffix(how, "theirs") {
				m = r.stranger(pay, head, "main", "mine")
			}
			if how == "eighteen bases" {
				r.git("mallory/shop", "", "fetch", "-q", r.dir(slug), pay+":refs/heads/mine")
				for i := range 18 {
					r.d.Push(slug, fmt.Sprintf("refs/heads/b%d", i), r.base, "alice")
					r.d.OpenPull(slug, gh.PullRequest{Title: "Mine", Author: "mallory", HeadRepo: "mallory/shop", HeadRef: "mine", HeadSHA: head, BaseRef: fmt.Sprintf("b%d", i)})
				}
			}
			what, at, _ := strings.Cut(how, " at ")
			if at != "" {
				now := r.d.Now()
				r.d.Change(func(s *gh.Scenario) { flood(what, now)(s.Repositories[0].PullRequests[m-1]) })
			}
			event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: n})
			if how == "reviews during the run" {
				stop, done := make(chan bool), make(chan bool)
				go func() {
					defer close(done)
					for {
						select {
						case <-stop:
							return
						case <-time.After(100 * time.Millisecond):
							r.d.Review(slug, n, gh.Review{User: "mallory", State: "COMMENTED"})
						}
					}
				}()
				defer func() { close(stop); <-done }()
			}
			r.run("pull_request_target", event).wants(0, "allow")
			r.check(head, "success")
		})
	}
}

// TestAttackStrangerQueue: a pull request of a merge group's commit does not turn the group's check.
func TestAttackStrangerQueue(t *testing.T) {
	r := newRig(t, policyWith(""))
	n, head := r.pull("src/cart.go")
	g := r.group(n, r.base, head, "merge")
	r.on("merge_group", gh.EventOf{Number: n, After: g}).wants(0, "allow")
	r.d.Advance(time.Second)
	m := r.stranger(g, g, "main", "mine")
	r.on("pull_request_target", gh.EventOf{Number: m})
	r.wantsGreen("a stranger opened a pull request of the group's commit", g, "remit")
	r.on("merge_group", gh.EventOf{Number: n, After: g}).wants(0, "allow")
	r.d.Advance(time.Second)
	r.d.SetState(slug, m, "closed", "mallory")
	r.on("pull_request_target", gh.EventOf{Number: m, Action: "closed"})
	r.wantsGreen("and closed it", g, "remit")
}

// TestAttackBudget: a run that has much to say takes back a success that holds no more before it says anything new.
func TestAttackBudget(t *testing.T) {
	for _, k := range []int{12, 18, 45} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			r := newRig(t, policyWith(mainGate))
			n, head := r.pull("src/cart.go")
			r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
			r.d.Advance(time.Second)
			r.on("pull_request_target", gh.EventOf{Number: n}).wants(0, "allow")
			r.git("mallory/shop", "", "fetch", "-q", r.dir(slug), pay+":refs/heads/mine")
			for i := range k {
				r.d.Push(slug, fmt.Sprintf("refs/heads/b%d", i), r.base, "alice")
				r.d.OpenPull(slug, gh.PullRequest{Title: "Mine", Author: "mallory", HeadRepo: "mallory/shop", HeadRef: "mine", HeadSHA: head, BaseRef: fmt.Sprintf("b%d", i)})
			}
			r.d.Advance(time.Second)
			r.d.Review(slug, n, gh.Review{User: "bob", State: "CHANGES_REQUESTED"})
			r.d.Advance(time.Second)
			for i := range 2 {
				r.d.ClearJournal()
				got := r.on("pull_request_target", gh.EventOf{Number: n})
				s := "none"
				for _, c := range r.d.CheckRuns(slug, head) {
					if c.Name == "remit" {
						s = c.Conclusion
					}
				}
				t.Logf("run %d: exit %d %q %v, remit is %s, of %d runs; %d requests", i, got.code, got.outputs["verdict"], got.rules(), s, len(r.d.CheckRuns(slug, head)), len(r.d.Journal()))
				if s == "success" {
					t.Errorf("%d bases: bob objects, and remit is green after the run", k)
				}
			}
		})
	}
}
