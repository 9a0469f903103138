package actiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// mainGate lets nothing onto main that no human approved.
const mainGate = `
gate "main needs a human" {
  actions   = ["commit", "pull_request"]
  branches  = ["main"]
  approvers = [human.alice, human.bob]
}
`

// mergeOf is what the forge makes of a head that it merges onto a commit.
func (r *rig) mergeOf(parent, head string) string {
	return r.commit(commit{parents: []string{parent, head}, tree: r.git(slug, "", "merge-tree", "--write-tree", parent, head), message: "Merge pull request", forge: true})
}

// green lists the names of check runs on a commit that GitHub takes for a success.
func (r *rig) greens(head string) string {
	var names []string
	for _, run := range r.d.CheckRuns(slug, head) {
		if run.Status == "completed" && (run.Conclusion == "success" || run.Conclusion == "neutral" || run.Conclusion == "skipped") {
			names = append(names, run.Name)
		}
	}
	return strings.Join(names, ", ")
}

func (r *rig) wantsGreen(when, head, want string) {
	r.t.Helper()
	if got := r.greens(head); got != want {
		r.t.Errorf("%s: green is %q, want %q: %+v", when, got, want, r.d.CheckRuns(slug, head))
	}
}

// TestAttackQueueNames: a merge group goes to the base that the event names, whatever branches are called that
// somebody pushed; its members are what is merged there.
func TestAttackQueueNames(t *testing.T) {
	name := func(base string, n int, on string) string {
		return fmt.Sprintf("refs/heads/gh-readonly-queue/%s/pr-%d-%s", base, n, on)
	}
	for title, c := range map[string]struct {
		policy, path string
		forge        func(r *rig, n int, head, group string)
		code         int
		verdict, log string
	}{
		"the queue's own": {"", "src/payments/card.go", func(*rig, int, string, string) {}, 4, "pending", "approval-missing"},
		"another base in a name": {"", "src/payments/card.go", func(r *rig, n int, _, group string) {
			r.d.Push(slug, "refs/heads/agent/x", group, "coder")
			r.d.Push(slug, name("agent/x", n, strings.Repeat("0", 39)+"1"), group, "coder")
		}, 3, "undecided", "several branches with names of the merge queue"},
		"another base in a name elsewhere": {"", "src/payments/card.go", func(r *rig, n int, head, _ string) {
			r.d.Push(slug, name("agent/x", n, r.base), head, "coder")
		}, 4, "pending", "approval-missing"},
		"another member in a name": {mainGate, "src/cart.go", func(r *rig, _ int, head, group string) {
			r.d.Push(slug, "refs/heads/agent/base", r.base, "coder")
			r.d.Push(slug, "refs/heads/agent/pay2", head, "coder")
			other := r.d.OpenPull(slug, gh.PullRequest{Title: "Elsewhere", Author: "coder", HeadRef: "agent/pay2", HeadSHA: head, BaseRef: "agent/base"})
			r.d.Push(slug, name("main", other, strings.Repeat("0", 39)+"1"), group, "coder")
		}, 3, "undecided", "several branches with names of the merge queue"},
		"another pull request of the head": {mainGate, "src/cart.go", func(r *rig, _ int, head, _ string) {
			r.d.Push(slug, "refs/heads/agent/base", r.base, "coder")
			r.d.Push(slug, "refs/heads/agent/pay2", head, "coder")
			r.d.OpenPull(slug, gh.PullRequest{Title: "Elsewhere", Author: "coder", HeadRef: "agent/pay2", HeadSHA: head, BaseRef: "agent/base"})
		}, 4, "pending", "approval-missing"},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t, policyWith(c.policy))
			n, head := r.pull(c.path)
			group := r.mergeOf(r.base, head)
			r.d.Push(slug, name("main", n, r.base), group, "alice")
			c.forge(r, n, head, group)
			r.on("merge_group", gh.EventOf{Number: n, After: group}).wants(c.code, c.verdict, c.log)
			r.wantsGreen("the group", group, "")
		})
	}
	t.Run("only a name for another base", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		n, head := r.pull("src/payments/card.go")
		group := r.mergeOf(r.base, head)
		r.d.Push(slug, "refs/heads/agent/x", group, "coder")
		r.d.Push(slug, name("agent/x", n, r.base), group, "coder")
		r.on("merge_group", gh.EventOf{Number: n, After: group}).wants(4, "pending", "approval-missing")
		r.wantsGreen("the group", group, "")
	})
	t.Run("nothing to merge", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		n, _ := r.pull("src/cart.go")
		r.d.Push(slug, name("main", n, r.base), r.base, "coder")
		r.on("merge_group", gh.EventOf{Number: n, After: r.base}).wants(3, "undecided", "adds nothing to refs/heads/main")
		r.wantsGreen("the group", r.base, "")
	})
	t.Run("a member that goes elsewhere", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		n, head := r.pull("src/cart.go")
		group := r.mergeOf(r.base, head)
		r.d.Push(slug, name("main", n, r.base), group, "alice")
		event := r.d.Event("merge_group", gh.EventOf{Repository: slug, Number: n, After: group})
		r.d.Push(slug, "refs/heads/agent/base", r.base, "coder")
		r.d.Retarget(slug, n, "agent/base", "coder")
		r.run("merge_group", event).wants(3, "undecided", "goes to refs/heads/agent/base")
		r.wantsGreen("the group", group, "")
	})
}

// TestAttackOtherBase: what was allowed for one base says nothing of another, and what holds for none any more is
// no success.
func TestAttackOtherBase(t *testing.T) {
	start := func(t *testing.T) (*rig, int, string) {
		r := newRig(t, policyWith(mainGate))
		r.d.Push(slug, "refs/heads/agent/base", r.base, "coder")
		head := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{"src/x.go": "package x\n"}, message: "X"})
		r.d.Push(slug, pay, head, "coder")
		n := r.d.OpenPull(slug, gh.PullRequest{Title: "Pay", Author: "coder", HeadRef: "agent/pay", HeadSHA: head, BaseRef: "agent/base"})
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(0, "allow")
		r.wantsGreen("for agent/base", head, "remit: agent/base")
		return r, n, head
	}
	t.Run("retargeted", func(t *testing.T) {
		r, n, head := start(t)
		r.d.Retarget(slug, n, "main", "coder")
		r.wantsGreen("for main, before any run", head, "remit: agent/base")
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(4, "pending", "approval-missing")
		r.wantsGreen("for main", head, "")
		r.checkNamed(head, "remit: agent/base", "cancelled")
		r.d.Retarget(slug, n, "agent/base", "coder")
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(0, "allow")
		r.wantsGreen("for agent/base again", head, "remit: agent/base")
		r.check(head, "cancelled") // which said what it waits for
	})
	t.Run("another pull request", func(t *testing.T) {
		r, _, head := start(t)
		r.d.Push(slug, "refs/heads/agent/pay2", head, "coder")
		other := r.open("agent/pay2", head)
		r.on("pull_request_target", gh.EventOf{Number: other}).wants(4, "pending", "approval-missing")
		r.wantsGreen("both", head, "remit: agent/base")
		r.check(head, "action_required")
	})
	t.Run("closed and opened again", func(t *testing.T) {
		r, n, head := start(t)
		r.d.SetState(slug, n, "closed", "coder")
		r.on("pull_request_target", gh.EventOf{Number: n, Action: "closed"}).wants(0, "allow", "is closed")
		r.wantsGreen("closed", head, "")
		r.d.SetState(slug, n, "open", "coder")
		r.on("pull_request_target", gh.EventOf{Number: n, Action: "reopened"}).wants(0, "allow")
		r.wantsGreen("open again", head, "remit: agent/base")
	})
	t.Run("merged", func(t *testing.T) {
		r, n, head := start(t)
		r.d.Merge(slug, n, "bob", "")
		r.on("pull_request_target", gh.EventOf{Number: n, Action: "closed"}).wants(0, "allow", "is closed")
		r.wantsGreen("merged", head, "remit: agent/base")
	})
	t.Run("base deleted and made again", func(t *testing.T) {
		r, n, head := start(t)
		r.d.Push(slug, "refs/heads/agent/base", "", "coder")
		r.d.SetState(slug, n, "closed", "coder") // as GitHub does
		r.on("pull_request_target", gh.EventOf{Number: n, Action: "closed"}).wants(0, "allow", "is closed")
		r.wantsGreen("without a base", head, "")
		r.d.Push(slug, "refs/heads/agent/base", r.base, "coder")
		r.wantsGreen("made again", head, "")
	})
	t.Run("pushed before", func(t *testing.T) {
		r := newRig(t, policyWith(mainGate))
		head := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{"src/x.go": "package x\n"}, message: "X"})
		r.d.Push(slug, pay, head, "coder")
		r.on("push", gh.EventOf{Ref: pay, After: head}).wants(0, "allow")
		r.wantsGreen("pushed", head, "remit (push)")
		r.on("pull_request_target", gh.EventOf{Number: r.open("agent/pay", head)}).wants(4, "pending", "approval-missing")
		r.wantsGreen("opened", head, "remit (push)")
	})
}

// TestAttackDraft: a draft cannot be merged, and nothing tells in time that it is none any more.
func TestAttackDraft(t *testing.T) {
	for _, draft := range []bool{true, false} {
		r := newRig(t, policyWith(`
gate "what is ready needs a human" {
  actions   = ["pull_request"]
  branches  = ["main"]
  when      = !pr.draft
  approvers = [human.alice, human.bob]
}
`))
		_, head := r.pull("src/cart.go")
		r.d.Change(func(s *gh.Scenario) { s.Repositories[0].PullRequests[0].Draft = draft })
		r.on("pull_request_target", gh.EventOf{Number: 1}).wants(4, "pending", "approval-missing")
		r.wantsGreen("draft", head, "")
	}
}

// TestAttackStaleRun: a run that read what was before says what is now, or nothing.
func TestAttackStaleRun(t *testing.T) {
	stale := func(r *rig) {
		for _, op := range []string{"pulls/get", "pulls/list-reviews", "issues/list-events", "pulls/list"} {
			r.d.Inject(gh.Fault{Operation: op, Kind: gh.FaultStale, Times: 2, Back: 2})
		}
	}
	t.Run("base", func(t *testing.T) {
		r := newRig(t, policyWith(mainGate))
		r.d.Push(slug, "refs/heads/agent/base", r.base, "coder")
		head := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{"src/x.go": "package x\n"}, message: "X"})
		r.d.Push(slug, pay, head, "coder")
		n := r.d.OpenPull(slug, gh.PullRequest{Title: "Pay", Author: "coder", HeadRef: "agent/pay", HeadSHA: head, BaseRef: "agent/base"})
		r.d.Retarget(slug, n, "main", "coder")
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(4, "pending")
		event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: n})
		stale(r)
		r.run("pull_request_target", event).wants(4, "pending", "approval-missing")
		r.wantsGreen("the late run", head, "")
	})
	t.Run("objection", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		n, head := r.pull("src/payments/card.go")
		r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
		r.d.Advance(time.Second)
		r.d.Review(slug, n, gh.Review{User: "alice", State: "CHANGES_REQUESTED"})
		r.on("pull_request_target", gh.EventOf{Number: n})
		r.wantsGreen("objected", head, "")
		event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: n})
		stale(r)
		r.run("pull_request_target", event)
		r.wantsGreen("the late run", head, "")
	})
}

// TestAttackObserveElsewhere: a base whose policy only observes makes no check of another base neutral, and
// neither does a push there.
func TestAttackObserveElsewhere(t *testing.T) {
	for _, pulls := range []int{1, 21} {
		r := newRig(t, policyWith("settings {\n  bases = [\"release/**\"]\n}\ngrant \"releases\" {\n  to = [agent.coder]\n  actions = [\"commit\", \"pull_request\"]\n  branches = [\"release/**\"]\n  paths = [\"**\"]\n}\n"))
		lax := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{"policies.hcl": policyWith("settings {\n  mode = \"observe\"\n}\n")}, message: "Lax"})
		r.d.Push(slug, "refs/heads/release/x", lax, "alice") // by an agent's hand it would not count at all
		head := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{lax}, files: map[string]string{"deploy/evil": "x\n"}, message: "X"})
		for i := range pulls {
			b := fmt.Sprintf("agent/p%d", i)
			r.d.Push(slug, "refs/heads/"+b, head, "coder")
			r.open(b, head)
		}
		r.on("pull_request_target", gh.EventOf{Number: 1})
		r.wantsGreen("onto main", head, "")
		r.d.Push(slug, "refs/heads/release/x", head, "coder")
		r.on("push", gh.EventOf{Ref: "refs/heads/release/x", Before: lax, After: head})
		r.wantsGreen("pushed to release/x", head, "remit (push)")
		r.check(head, "failure")
	}
}

// TestAttackManyRuns: ours is found among thousands of the same name that others made.
func TestAttackManyRuns(t *testing.T) {
	r := newRig(t, policyWith(mainGate))
	n, head := r.pull("src/cart.go")
	r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
	r.on("pull_request_target", gh.EventOf{Number: n}).wants(0, "allow")
	r.check(head, "success")
	r.d.Change(func(s *gh.Scenario) {
		for i := range 3000 {
			s.Repositories[0].CheckRuns = append(s.Repositories[0].CheckRuns, &gh.CheckRun{
				Name: "remit", HeadSHA: head, App: "github-actions", Status: "completed", Conclusion: "success", Title: fmt.Sprint(i),
			})
		}
	})
	r.d.Advance(time.Second)
	r.d.Review(slug, n, gh.Review{User: "alice", State: "CHANGES_REQUESTED"})
	r.on("pull_request_target", gh.EventOf{Number: n}).wants(1, "deny")
	ours := 0
	for _, run := range r.d.CheckRuns(slug, head) {
		if strings.HasPrefix(run.ExternalID, "remit:") {
			if ours++; run.Conclusion != "failure" {
				t.Errorf("ours says %s", run.Conclusion)
			}
		}
	}
	if ours != 1 {
		t.Errorf("%d check runs are ours", ours)
	}
}

// TestLeftHead: what a check said of the commit that a pull request left is taken back with the push; what it says
// for another pull request that has it still stays.
func TestLeftHead(t *testing.T) {
	r := newRig(t, policyWith(""))
	number, head := r.pull("src/cart.go")
	r.d.Push(slug, "refs/heads/release", r.base, "alice")
	r.d.Push(slug, "refs/heads/agent/other", head, "coder")
	other := r.d.OpenPull(slug, gh.PullRequest{Title: "Elsewhere", Author: "coder", HeadRef: "agent/other", HeadSHA: head, BaseRef: "release"})
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	r.check(head, "success")
	r.on("pull_request_target", gh.EventOf{Number: other}).wants(0, "allow")
	r.checkNamed(head, "remit: release", "success")

	next := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{head}, files: map[string]string{"src/more.go": "package x\n"}, message: "More"})
	r.d.Push(slug, pay, next, "coder")
	r.on("pull_request_target", gh.EventOf{Number: number, Action: "synchronize", Before: head}).wants(0, "allow")
	r.check(next, "success")
	if run := r.check(head, "cancelled"); !strings.Contains(run.Title, "no open pull request of this commit goes to the default branch any more") {
		t.Errorf("%+v", run)
	}
	r.checkNamed(head, "remit: release", "success") // near: it goes there still

	r.d.SetState(slug, other, "closed", "coder")
	r.d.ClearJournal()
	r.on("pull_request_target", gh.EventOf{Number: number, Action: "synchronize", Before: head}).wants(0, "allow")
	r.checkNamed(head, "remit: release", "cancelled")
	if n := len(r.d.Journal().Counted()); n > 12 {
		t.Errorf("%d requests cost quota", n)
	}
	for _, before := range []string{"", "x", strings.Repeat("0", 40), next} {
		payload := strings.Replace(string(r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: number, Action: "synchronize", Before: head})), head, before, 1)
		r.run("pull_request_target", []byte(payload)).wants(0, "allow")
		r.check(next, "success")
	}
}

// TestBaseBegun: who makes a branch that settings.bases lists, or moves it with force, chooses the policy that it
// begins with; that counts only if the default branch's policy knows a human by the account.
func TestBaseBegun(t *testing.T) {
	r := newRig(t, policyWith(`settings { mode = "observe" }`))
	enforced := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": policyWith(`settings { bases = ["release/*"] }`)}, message: "Enforce"})
	r.d.Push(slug, main, enforced, "alice")
	n := 0
	unsigned := func(base string) *result {
		n++
		branch := fmt.Sprintf("agent/try%d", n)
		head := r.commit(commit{parents: []string{r.d.Refs(slug)["refs/heads/"+base]}, files: map[string]string{fmt.Sprintf("deploy/%d", n): "x\n"}, message: "Unsigned"})
		r.d.Push(slug, "refs/heads/"+branch, head, "coder")
		return r.on("pull_request_target", gh.EventOf{Number: r.d.OpenPull(slug, gh.PullRequest{Title: "x", Author: "coder", HeadRef: branch, HeadSHA: head, BaseRef: base})})
	}
	r.d.Push(slug, "refs/heads/release/1", r.base, "alice")
	unsigned("release/1").wants(0, "deny", "Nothing is blocked") // near: alice may, and what she chose observes
	for _, who := range []string{"coder", "mallory"} {
		r.d.Push(slug, "refs/heads/release/2", r.base, who)
		unsigned("release/2").wants(1, "deny", "unsigned", "made, or moved with force, by the account \""+who)
		r.d.Push(slug, "refs/heads/release/2", "", who)
	}
	r.d.Push(slug, "refs/heads/release/3", enforced, "coder")
	unsigned("release/3").wants(1, "deny", "unsigned") // near: the same policy, whoever made it
	r.d.ForcePush(slug, "refs/heads/release/3", r.base, "coder")
	unsigned("release/3").wants(1, "deny", "unsigned", "moved with force")
	r.d.ForcePush(slug, "refs/heads/release/3", enforced, "bob")
	r.d.ForcePush(slug, "refs/heads/release/3", r.base, "bob")
	unsigned("release/3").wants(0, "deny", "Nothing is blocked") // near: bob may

	// What the log does not tell is nobody's.
	r.d.Push(slug, "refs/heads/release/4", r.base, "alice")
	r.d.Change(func(s *gh.Scenario) {
		s.Repositories[0].Activity = slices.DeleteFunc(s.Repositories[0].Activity, func(a *gh.Activity) bool { return a.Ref == "refs/heads/release/4" })
	})
	unsigned("release/4").wants(1, "deny", "unsigned", "does not tell who made it")
}
