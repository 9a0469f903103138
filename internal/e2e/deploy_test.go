package e2e

import (
	"slices"
	"strings"
	"testing"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// merged is a shop whose main has a pull request of the coder's that bob approved and merged.
func merged(t *testing.T) (s *shop, commit string) {
	t.Helper()
	s = newShop(t, theRig(t))
	s.employ("agent/cart")
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")
	s.double.Review(repository, number, gh.Review{User: "bob", State: "APPROVED"})
	s.double.Merge(repository, number, "bob", "")
	commit = s.double.Refs(repository)["refs/heads/main"]
	s.git("coder", "fetch -q origin")
	if got := s.git("coder", "rev-parse origin/main"); got != commit {
		t.Fatalf("main is at %s, not at the merge %s", got, commit)
	}
	return s, commit
}

// dispatch is the event of somebody who starts the deploy workflow with a request.
func (s *shop) dispatch(request string) event {
	return event{name: "workflow_dispatch", payload: s.double.Event("workflow_dispatch", gh.EventOf{
		Repository: repository, Sender: "coder", Inputs: map[string]string{"request": request},
	})}
}

// wantDeployed fails the test unless exactly this commit was deployed, "" for none.
func (o *outcome) wantDeployed(commit string) {
	o.t.Helper()
	if got := strings.TrimSpace(o.files["deployed"]); got != commit || o.outputs["commit"] != commit {
		o.t.Fatalf("the output is %q and %q was deployed, want %q", o.outputs["commit"], got, commit)
	}
	if ran := o.step("deploy") == "success"; ran != (commit != "") {
		o.t.Fatalf("the step that deploys: %q", o.step("deploy"))
	}
}

// A request of which bob approved the commit deploys once.
func TestDeployOnce(t *testing.T) {
	s, commit := merged(t)
	e := s.dispatch(s.request(commit))
	o := s.act("deploy.yml", e)
	o.want("allow", 0)
	o.wantDeployed(commit)
	var used, deployed []string
	for ref, at := range s.double.Refs(repository) {
		switch {
		case strings.HasPrefix(ref, "refs/tags/remit/requests/"):
			used = append(used, ref)
		case strings.HasPrefix(ref, "refs/tags/remit/deployed/production/"):
			deployed = append(deployed, at)
		}
	}
	if len(used) != 1 || !slices.Equal(deployed, []string{commit}) {
		t.Errorf("refs of used requests: %v; of what was deployed: %v", used, deployed)
	}

	o = s.act("deploy.yml", e)
	o.want("deny", 1)
	o.wantDeployed("")
	if !strings.Contains(string(o.report), "request-replayed") || !strings.Contains(o.summary, "request-replayed") {
		t.Errorf("the report does not say that the request was used: %s", o.summary)
	}
}

// By way of a deployment whose payload is the request.
func TestDeployOfPayload(t *testing.T) {
	s, commit := merged(t)
	deployment := s.double.Deploy(repository, gh.Deployment{
		SHA: commit, Ref: "main", Environment: "production", Creator: "coder", Payload: []byte(`{"remit":"` + s.request(commit) + `"}`),
	})
	o := s.act("deploy.yml", event{name: "deployment", payload: s.double.Event("deployment", gh.EventOf{Repository: repository, Deployment: deployment})})
	o.want("allow", 0)
	o.wantDeployed(commit)
}

// Without anything that says who asks, and for a commit that nobody approved, the gate stays shut.
func TestDeployRefused(t *testing.T) {
	s, merge := merged(t)
	o := s.act("deploy.yml", s.dispatch(""))
	if code := o.exitCode(); code == 0 || o.outputs["verdict"] == "allow" {
		t.Errorf("without a request: exit %d, %v", code, o.outputs)
	}
	o.wantDeployed("")

	// What was signed for another environment.
	o = s.act("deploy.yml", s.dispatch(s.requestFor("staging", merge)))
	o.want("deny", 1)
	o.wantDeployed("")

	// What was merged without bob.
	s.git("coder", "checkout -q -b agent/more origin/main")
	s.commit("coder", "More", map[string]string{"src/cart/more.go": "package cart\n"})
	s.push("coder", "agent/more")
	number := s.open("agent/more", "More")
	s.double.Merge(repository, number, "alice", "")
	s.git("coder", "fetch -q origin")
	commit := s.double.Refs(repository)["refs/heads/main"]
	e := s.dispatch(s.request(commit))
	o = s.act("deploy.yml", e)
	o.want("pending", 4)
	o.wantDeployed("")

	// The request was not used up by that, and a review after the merge lets it through.
	s.double.Review(repository, number, gh.Review{User: "bob", State: "APPROVED"})
	o = s.act("deploy.yml", e)
	o.want("allow", 0)
	o.wantDeployed(commit)
}

// An approval that bob signed does as well as a review, for this request alone.
func TestDeployBySignedApproval(t *testing.T) {
	s, _ := merged(t)
	s.git("coder", "checkout -q -b agent/more origin/main")
	s.commit("coder", "More", map[string]string{"src/cart/more.go": "package cart\n"})
	s.push("coder", "agent/more")
	s.double.Merge(repository, s.open("agent/more", "More"), "alice", "")
	s.git("coder", "fetch -q origin")
	commit := s.double.Refs(repository)["refs/heads/main"]
	request, another := s.request(commit), s.request(commit)
	approved := func(request string) event {
		return event{name: "workflow_dispatch", payload: s.double.Event("workflow_dispatch", gh.EventOf{
			Repository: repository, Sender: "coder", Inputs: map[string]string{"request": request, "approvals": s.approve(another)},
		})}
	}
	o := s.act("deploy.yml", approved(request))
	o.want("pending", 4)
	o.wantDeployed("")
	o = s.act("deploy.yml", approved(another))
	o.want("allow", 0)
	o.wantDeployed(commit)
}

// Of two runs that use a request at the same time, one wins.
func TestDeployRace(t *testing.T) {
	s, commit := merged(t)
	e := s.dispatch(s.request(commit))
	var outcomes [2]*outcome
	t.Run("runs", func(t *testing.T) {
		for i := range outcomes {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				outcomes[i] = s.in(t).act("deploy.yml", e)
			})
		}
	})
	var verdicts []string
	deployed := 0
	for _, o := range outcomes {
		verdicts = append(verdicts, o.outputs["verdict"])
		if o.step("deploy") == "success" {
			deployed++
		}
	}
	slices.Sort(verdicts)
	if deployed != 1 || !slices.Equal(verdicts, []string{"allow", "deny"}) {
		t.Errorf("%d deployed, and the verdicts are %v", deployed, verdicts)
	}
}
