package e2e

import (
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
	head := s.sneak("Tune replicas", map[string]string{"deploy/production/app.yaml": "replicas: 300\n"})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")

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
	if !strings.Contains(o.log, "waits for approval") || strings.Contains(o.log, "FAILED") {
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
	s.employ("agent/cart")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")
	s.double.ClearJournal()
	s.act("check.yml", s.pull(number)).want("allow", 0)
	one := len(s.double.Journal().Counted())

	for i := range 12 {
		s.commit("coder", "More", map[string]string{"src/cart/more.go": "package cart\n" + strings.Repeat("\n", i)})
	}
	s.push("coder", "agent/cart")
	s.double.ClearJournal()
	s.act("check.yml", s.pull(number)).want("allow", 0)
	if many := len(s.double.Journal().Counted()); many != one || one == 0 {
		t.Errorf("%d calls for 1 commit, %d for 13", one, many)
	}
}

// Whether and how deep the repository was checked out before changes nothing, and nothing that the
// checkout's configuration names is run.
func TestCheckIgnoresTheCheckout(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	s.sneak("Tune replicas", map[string]string{"deploy/production/app.yaml": "replicas: 300\n"})
	s.push("coder", "agent/cart")
	denied := s.open("agent/cart", "Tune replicas")
	s.git("coder", "checkout -q -b agent/more origin/main")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/more")
	allowed := s.open("agent/more", "Add a cart")

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
	if runs := s.double.CheckRuns(repository, head); len(runs) != 0 {
		t.Errorf("check runs by a token that cannot write: %+v", runs)
	}

	// The base's own workflow has a token that can.
	s.act("check.yml", s.pull(number)).want("deny", 1)
	if c := s.check(head); c.Conclusion != "failure" {
		t.Errorf("the check run is %s", c.Conclusion)
	}
}
