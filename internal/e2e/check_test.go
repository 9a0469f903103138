package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

const cart = "package cart\n\ntype Cart struct{}\n"

// A pull request inside the remit passes.
func TestCheckAllows(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	head := s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")

	o := s.act("check.yml", s.pull(number))
	o.want("allow", 0)
	if c := s.check(head); c.Status != "completed" || c.Conclusion != "success" {
		t.Errorf("the check run is %s, %s: %s", c.Status, c.Conclusion, c.Title)
	}
	if o.step("after") != "success" {
		t.Error("the step after the action did not run")
	}
	if len(o.report) == 0 || len(o.sarif) == 0 || o.summary == "" {
		t.Errorf("report of %d bytes, SARIF of %d, summary %q", len(o.report), len(o.sarif), o.summary)
	}
	if got := o.outputs["commit"]; got != "" {
		t.Errorf("a check lets no commit through, and the output is %q", got)
	}

	if waits := run(t, s.dir, s.env("alice"), "git", "--git-dir="+s.path("srv/acme/shop.git"), "for-each-ref", "refs/remit/audit/spool/"); strings.Count(waits, "refs/remit/audit/spool/") != 1 {
		t.Errorf("for the audit log waits %q", waits)
	}

	// The same again: the same check run, with nothing new to post.
	before := s.check(head)
	s.act("check.yml", s.pull(number)).want("allow", 0)
	if after := s.check(head); after.ID != before.ID || after.Conclusion != "success" {
		t.Errorf("a second check run: %d after %d, %s", after.ID, before.ID, after.Conclusion)
	}
}

// A file outside of the remit fails, with an annotation on it.
func TestCheckDenies(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")
	head := s.sneak("Tune replicas", map[string]string{"deploy/production/app.yaml": "replicas: 300\n"})
	s.push("coder", "agent/cart")

	o := s.act("check.yml", s.pull(number))
	o.want("deny", 1)
	c := s.check(head)
	if c.Status != "completed" || c.Conclusion != "failure" {
		t.Errorf("the check run is %s, %s: %s", c.Status, c.Conclusion, c.Title)
	}
	var paths []string
	for _, a := range c.Annotations {
		paths = append(paths, a.Path+" "+a.Level)
	}
	if !strings.Contains(strings.Join(paths, "\n"), "deploy/production/app.yaml failure") || strings.Contains(strings.Join(paths, "\n"), "src/cart/cart.go") {
		t.Errorf("annotations: %v", paths)
	}
	for where, text := range map[string]string{"check run": c.Summary + c.Text, "summary": o.summary, "report": string(o.report), "log": o.log} {
		if !strings.Contains(text, "scope-path") || !strings.Contains(text, "coder") {
			t.Errorf("the %s does not say what was denied to whom: %s", where, text)
		}
	}
	if o.step("after") == "success" {
		t.Error("the step after the action ran")
	}
}

// A gate waits, says so, and opens once the right human has reviewed this very commit.
func TestCheckWaitsForApproval(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/pay")
	head := s.commit("coder", "Pay by card", map[string]string{"src/pay/pay.go": "package pay\n\nfunc Card() {}\n"})
	s.push("coder", "agent/pay")
	number := s.open("agent/pay", "Pay by card")

	o := s.act("check.yml", s.pull(number))
	o.want("pending", 4)
	first := s.check(head)
	if first.Status != "completed" || first.Conclusion != "action_required" {
		t.Errorf("the check run is %s, %s: %s", first.Status, first.Conclusion, first.Title)
	}
	if !strings.Contains(o.log, "waiting for approval") || strings.Contains(o.log, "FAILED") {
		t.Errorf("the log does not say what it waits for: %s", o.log)
	}

	// alice delegated, so that her approval does not count.
	review := s.double.Review(repository, number, gh.Review{User: "alice", State: "APPROVED"})
	o = s.act("check.yml", s.reviewed(number, review))
	o.want("pending", 4)
	if !strings.Contains(o.summary, "alice") {
		t.Errorf("the summary does not say why alice's review was ignored: %s", o.summary)
	}

	review = s.double.Review(repository, number, gh.Review{User: "bob", State: "APPROVED"})
	s.act("check.yml", s.reviewed(number, review)).want("allow", 0)
	if c := s.check(head); c.ID != first.ID || c.Conclusion != "success" {
		t.Errorf("the check run is %d after %d, %s: %s", c.ID, first.ID, c.Conclusion, c.Title)
	}

	// A new commit was approved by nobody.
	next := s.commit("coder", "Pay by card, twice", map[string]string{"src/pay/pay.go": "package pay\n\nfunc Card() { Card() }\n"})
	s.push("coder", "agent/pay")
	s.act("check.yml", s.pull(number)).want("pending", 4)
	if c := s.check(next); c.Conclusion != "action_required" {
		t.Errorf("the check run of the new commit is %s", c.Conclusion)
	}

	// The review of it comes by way of the workflow that announces reviews.
	s.double.Review(repository, number, gh.Review{User: "bob", State: "APPROVED"})
	announced := s.double.AddRun(repository, gh.WorkflowRun{
		Name: "remit-review", Path: ".github/workflows/remit-review.yml", Event: "pull_request_review", HeadBranch: "agent/pay", HeadSHA: next,
		Status: "completed", Conclusion: "success", Actor: "bob", PullRequests: []int{number},
	})
	s.act("check.yml", event{name: "workflow_run", payload: s.double.Event("workflow_run", gh.EventOf{Repository: repository, Run: announced})}).want("allow", 0)
	if c := s.check(next); c.Conclusion != "success" {
		t.Errorf("the check run of the new commit is %s", c.Conclusion)
	}
}

// The number of calls does not grow with the number of commits.
func TestCheckCalls(t *testing.T) {
	s := newShop(t, theRig(t))
	calls := func(branch string, more int) int {
		s.employ(branch)
		s.commit("coder", "Add a cart", map[string]string{"src/" + branch + "/cart.go": cart})
		s.push("coder", branch)
		number := s.open(branch, "Add a cart")
		s.act("check.yml", s.pull(number)).want("allow", 0)
		for i := range more {
			s.commit("coder", "More", map[string]string{"src/" + branch + "/more.go": "package cart\n" + strings.Repeat("\n", i)})
		}
		s.push("coder", branch)
		s.double.ClearJournal()
		s.act("check.yml", s.pull(number)).want("allow", 0)
		return len(s.double.Journal().Counted())
	}
	one, many := calls("agent/cart", 1), calls("agent/more", 12)
	if many != one || one == 0 {
		t.Errorf("%d calls for 1 more commit, %d for 12", one, many)
	}
}

// Whether and how deep the repository was checked out before changes nothing, and nothing that the
// checkout's configuration names is run.
func TestCheckIgnoresTheCheckout(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	allowed := s.open("agent/cart", "Add a cart")
	s.git("coder", "checkout -q -b agent/more")
	s.push("coder", "agent/more")
	denied := s.open("agent/more", "Tune replicas")
	s.sneak("Tune replicas", map[string]string{"deploy/production/app.yaml": "replicas: 300\n"})
	s.push("coder", "agent/more")

	for _, c := range []struct {
		number  int
		verdict string
		code    int
	}{{denied, "deny", 1}, {allowed, "allow", 0}} {
		o := s.act("checkout.yml", s.pull(c.number))
		o.want(c.verdict, c.code)
		if got := strings.TrimSpace(o.files["shallow"]); got != "true" {
			t.Errorf("the checkout is to be shallow, and is-shallow-repository is %q", got)
		}
		if o.files["trapped-action"] != "" {
			t.Error("the action ran what the checkout's configuration names")
		}
		if o.files["trap"] == "" {
			t.Error("git status did not run the trap either, so that this test shows nothing")
		}
	}
}

// As the workflow of the action's own repository uses it, and as one that pins a branch does.
func TestCheckFromSource(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	head := s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")
	s.serveAction()

	e := s.pull(number)
	s.act("self.yml", e).want("allow", 0)
	e.source = true
	o := s.act("check.yml", e)
	o.want("allow", 0)
	if !strings.Contains(o.log, "building remit from") {
		t.Error("it was not built from source")
	}
	if c := s.check(head); c.Conclusion != "success" {
		t.Errorf("the check run is %s", c.Conclusion)
	}
}

// The token of a fork's pull request cannot write: the summary and the exit code tell the verdict.
func TestCheckOfFork(t *testing.T) {
	s := newShop(t, theRig(t))
	s.git("mallory", "checkout -q -b fix")
	head := s.commit("mallory", "Fix the cart", map[string]string{"src/cart/cart.go": cart})
	s.git("mallory", "push -q "+s.path("srv/mallory/shop.git")+" fix")
	number := s.double.OpenPull(repository, gh.PullRequest{Author: "mallory", Title: "Fix the cart", HeadRepo: "mallory/shop", HeadRef: "fix"})

	e := s.pull(number)
	e.name, e.token = "pull_request", forkToken
	o := s.act("check.yml", e)
	o.want("deny", 1)
	if !strings.Contains(o.summary, "unsigned") {
		t.Errorf("the summary does not say why: %s", o.summary)
	}
	if strings.Contains(o.log, "panic") || strings.Contains(o.log, "goroutine ") {
		t.Errorf("it crashed: %s", o.log)
	}
	if !strings.Contains(o.log, "\n::error title=remit%3A unsigned::") {
		t.Errorf("no remark in place of the check run's: %s", o.log)
	}
	if runs := s.double.CheckRuns(repository, head); len(runs) != 0 {
		t.Errorf("check runs by a token that cannot write: %+v", runs)
	}

	// The base's own workflow has a token that can.
	s.act("check.yml", s.pull(number)).want("deny", 1)
	if c := s.check(head); c.Conclusion != "failure" {
		t.Errorf("the check run is %s", c.Conclusion)
	}
}

// A direct push is judged on its newest commit: what a pull request brought in passes.
func TestCheckPush(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")
	before := s.double.Refs(repository)["refs/heads/main"]
	s.double.Merge(repository, number, "alice", "")
	merge := s.double.Refs(repository)["refs/heads/main"]
	pushed := func(before, after string) event {
		return event{name: "push", payload: s.double.Event("push", gh.EventOf{Repository: repository, Ref: "refs/heads/main", Before: before, After: after, Sender: "coder"})}
	}
	s.act("check.yml", pushed(before, merge)).want("allow", 0)
	if c := s.checkNamed(merge, "remit (push)"); c.Conclusion != "success" {
		t.Errorf("the check run of the merge is %s", c.Conclusion)
	}

	s.git("coder", "fetch -q origin")
	s.git("coder", "checkout -q -B main origin/main")
	head := s.sneak("Straight to main", map[string]string{"deploy/production/app.yaml": "replicas: 300\n"})
	s.push("coder", "main")
	s.act("check.yml", pushed(merge, head)).want("deny", 1)
	if c := s.checkNamed(head, "remit (push)"); c.Conclusion != "failure" {
		t.Errorf("the check run of the push is %s", c.Conclusion)
	}
}

// What cannot be read is not allowed, and the step says that it could not decide.
func TestCheckUndecided(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	head := s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")
	s.double.Inject(gh.Fault{Operation: "repos/list-activities", Kind: gh.FaultStatus, Status: 403})
	s.act("check.yml", s.pull(number)).want("undecided", 3)
	if c := s.check(head); c.Conclusion != "failure" || !strings.Contains(c.Title+c.Summary, "could not") {
		t.Errorf("the check run is %s, %q", c.Conclusion, c.Title)
	}
	s.double.ClearFaults()
	s.act("check.yml", s.pull(number)).want("allow", 0)
	if c := s.check(head); c.Conclusion != "success" {
		t.Errorf("the check run is %s once it can be read", c.Conclusion)
	}
}

// Where there never was a policy nothing is enforced, and where one was taken away all is.
func TestCheckWithoutPolicy(t *testing.T) {
	s := newShop(t, theRig(t))
	s.git("alice", "checkout -q --orphan fresh")
	s.git("alice", "rm -q --cached policies.hcl")
	if err := os.Remove(s.path("alice/policies.hcl")); err != nil {
		t.Fatal(err)
	}
	fresh := s.commit("alice", "Start without a policy", nil)
	s.pusher("alice")
	s.git("alice", "push -q --force origin fresh:main")
	s.double.Refs(repository)
	s.git("alice", "checkout -q -b change")
	head := s.commit("alice", "Change something", map[string]string{"README.md": "# The shop\n"})
	s.push("alice", "change")
	number := s.double.OpenPull(repository, gh.PullRequest{Author: "alice", Title: "Change", HeadRef: "change"})
	if o := s.act("check.yml", s.pull(number)); o.exitCode() != 0 || o.step("after") != "success" {
		t.Errorf("without a policy: exit %d, %v", o.exitCode(), o.outputs)
	}
	if c := s.check(head); c.Conclusion != "neutral" {
		t.Errorf("the check run is %s", c.Conclusion)
	}

	s.git("alice", "checkout -q -B gone origin/main", "--")
	s.git("alice", "reset -q --hard "+fresh)
	text, err := os.ReadFile(s.path("bob/policies.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	s.commit("alice", "Add a policy", map[string]string{"policies.hcl": string(text)})
	s.git("alice", "rm -q policies.hcl")
	s.git("alice", "commit -q -m", "Take it away")
	s.git("alice", "push -q --force origin gone:main")
	s.double.Refs(repository)
	if o := s.act("check.yml", s.pull(number)); o.exitCode() == 0 {
		t.Errorf("with a policy that is gone: %v", o.outputs)
	}
	if c := s.check(head); c.Conclusion != "failure" {
		t.Errorf("the check run is %s", c.Conclusion)
	}
}

// A merge group is judged with every pull request in it.
func TestCheckMergeGroup(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	first := s.open("agent/cart", "Add a cart")
	s.git("coder", "checkout -q -b agent/more origin/main")
	s.commit("coder", "More", map[string]string{"src/cart/more.go": "package cart\n"})
	s.push("coder", "agent/more")
	second := s.open("agent/more", "More")

	base := s.double.Refs(repository)["refs/heads/main"]
	one := s.enqueue(first, "agent/cart", base)
	two := s.enqueue(second, "agent/more", one)
	s.act("check.yml", s.group(first, base, one)).want("allow", 0)
	s.act("check.yml", s.group(second, one, two)).want("allow", 0)
	if c := s.check(two); c.Conclusion != "success" {
		t.Errorf("the check run of the group is %s", c.Conclusion)
	}

	// What the queue adds that no pull request has is nobody's.
	s.git("alice", "checkout -q --detach "+two)
	write(t, s.path("alice/src/cart/evil.go"), "package cart\n")
	s.git("alice", "add -A")
	s.git("alice", "-c commit.gpgsign=false commit -q --amend --no-edit")
	evil := s.git("alice", "rev-parse HEAD")
	s.git("alice", "push -q --force origin HEAD:"+queue(second, one))
	s.act("check.yml", s.group(second, one, evil)).want("undecided", 3)
	if c := s.check(evil); c.Conclusion != "failure" {
		t.Errorf("the check run of the changed group is %s", c.Conclusion)
	}
}

// queue is the branch of a merge queue's entry.
func queue(number int, base string) string {
	return fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", number, base)
}

// enqueue merges a branch onto a commit as GitHub's queue would, unsigned, and gives the merge.
func (s *shop) enqueue(number int, branch, onto string) string {
	s.t.Helper()
	s.git("alice", "fetch -q origin")
	s.git("alice", "checkout -q --detach "+onto)
	s.git("alice", "-c commit.gpgsign=false merge -q --no-ff -m", fmt.Sprintf("Merge pull request #%d from acme/%s", number, branch), "origin/"+branch)
	s.git("alice", "push -q origin HEAD:"+queue(number, onto))
	return s.git("alice", "rev-parse HEAD")
}

func (s *shop) group(number int, base, head string) event {
	return event{name: "merge_group", payload: s.double.Event("merge_group", gh.EventOf{Repository: repository, Number: number, Before: base, After: head})}
}

// A policy that only observes reports what it would deny, and blocks nothing.
func TestCheckObserves(t *testing.T) {
	s := newShop(t, theRig(t))
	text, err := os.ReadFile(s.path("alice/policies.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	s.commit("alice", "Observe", map[string]string{"policies.hcl": strings.Replace(string(text), "\nhuman", "\nsettings {\n  mode = \"observe\"\n}\n\nhuman", 1)})
	s.push("alice", "main")
	s.git("coder", "fetch -q origin")
	s.employ("agent/cart")
	head := s.sneak("Tune replicas", map[string]string{"deploy/production/app.yaml": "replicas: 300\n"})
	s.push("coder", "agent/cart")
	number := s.double.OpenPull(repository, gh.PullRequest{Author: "coder", Title: "Tune replicas", HeadRef: "agent/cart"})
	o := s.act("check.yml", s.pull(number))
	o.want("deny", 0)
	if !strings.Contains(o.summary, "scope-path") || o.step("after") != "success" {
		t.Errorf("it does not say what it would deny, or blocked: %s", o.summary)
	}
	if c := s.check(head); c.Conclusion == "failure" || c.Conclusion == "action_required" {
		t.Errorf("the check run is %s, which blocks", c.Conclusion)
	}
}
