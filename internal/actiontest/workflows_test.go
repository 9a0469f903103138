package actiontest

import (
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

const smokeWorkflow = `on: push
permissions: {}
jobs:
  smoke:
    runs-on: ubuntu-24.04
    environment: staging
    steps:
      - run: ./smoke
        env: { TOKEN: "${{ secrets.SECRET }}" }
`

// TestWorkflowSecrets: a pull request answers for what its workflows newly reach, with the line. The
// action fetches the files that it takes, and compares them with where the branch began.
func TestWorkflowSecrets(t *testing.T) {
	policy := policyWith(`
environment "staging" {
  secrets = ["STAGING_*"]
}

environment "live" {
  secrets = ["LIVE_*"]
}

grant "coder writes workflows" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = [".github/**"]
}

grant "coder works on staging" {
  to           = [agent.coder]
  actions      = ["secret"]
  environments = ["staging"]
}
`)
	wide := func(d *delegation.Delegation) {
		d.Scope.Paths, d.Scope.Environments = dt.Paths("**"), dt.Names("*")
		d.Scope.Actions = append(d.Scope.Actions, "secret")
	}
	for name, c := range map[string]struct {
		secret  string
		code    int
		verdict string
		rules   []string
	}{
		"its own":   {"STAGING_TOKEN", 4, "pending", []string{"protected-path"}},
		"another's": {"LIVE_TOKEN", 1, "deny", []string{"secret-cross-environment", "not-granted", ".github/workflows/smoke.yml:9:28"}},
		"nobody's":  {"TOKEN", 1, "deny", []string{"secret-undeclared"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policy)
			head := r.commit(commit{
				by: "agent.coder", chain: r.chain(wide), parents: []string{r.base}, message: "Smoke",
				files: map[string]string{".github/workflows/smoke.yml": strings.Replace(smokeWorkflow, "SECRET", c.secret, 1)},
			})
			r.d.Push(slug, pay, head, "coder")
			r.on("pull_request_target", gh.EventOf{Number: r.open("agent/pay", head)}).wants(c.code, c.verdict, c.rules...)
			if run := r.check(head, map[int]string{1: "failure", 4: "action_required"}[c.code]); c.code == 1 {
				found := false
				for _, a := range run.Annotations {
					found = found || a.Path == ".github/workflows/smoke.yml" && a.StartLine == 9
				}
				if !found {
					t.Errorf("no annotation stands on line 9: %+v", run.Annotations)
				}
			}
		})
	}
}
