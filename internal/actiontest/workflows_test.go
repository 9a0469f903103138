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

// TestSecretReferences: the name of a secret that is not the agent's, in any file that it changes. A name
// that stood there before, one of its own environment, and a word that only looks like one are none.
func TestSecretReferences(t *testing.T) {
	for name, c := range map[string]struct {
		text, level string
		code        int
		verdict     string
		rules       []string
	}{
		"another's":             {"var token = os.Getenv(\"LIVE_TOKEN\")\n", "deny", 1, "deny", []string{"secret-cross-environment", "src/pay.go"}},
		"a warning":             {"var token = os.Getenv(\"LIVE_TOKEN\")\n", "warn", 0, "allow", []string{"secret-cross-environment"}},
		"nobody looks":          {"var token = os.Getenv(\"LIVE_TOKEN\")\n", "off", 0, "allow", nil},
		"its own":               {"var token = os.Getenv(\"STAGING_TOKEN\")\n", "deny", 0, "allow", nil},
		"in other letters":      {"var liveToken = \"live_token\"\n", "deny", 0, "allow", nil},
		"it was there, unmoved": {"", "deny", 0, "allow", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(`
settings {
  secret_references = "`+c.level+`"
}

environment "staging" {
  secrets = ["STAGING_*"]
}

environment "live" {
  secrets = ["LIVE_*"]
}

grant "coder works on staging" {
  to           = [agent.coder]
  actions      = ["secret"]
  environments = ["staging"]
}
`))
			base := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"src/old.go": "// LIVE_TOKEN\n"}, message: "Old"})
			r.d.Push(slug, main, base, "alice")
			chain := r.chain(func(d *delegation.Delegation) {
				d.Scope.Actions, d.Scope.Environments = append(d.Scope.Actions, "secret"), dt.Names("staging")
			})
			head := r.commit(commit{
				by: "agent.coder", chain: chain, parents: []string{base}, message: "Pay",
				files: map[string]string{"src/pay.go": "package pay\n\n" + c.text, "src/old.go": "// LIVE_TOKEN\n// and more\n"},
			})
			r.d.Push(slug, pay, head, "coder")
			got := r.on("pull_request_target", gh.EventOf{Number: r.open("agent/pay", head)})
			got.wants(c.code, c.verdict, c.rules...)
			if c.rules == nil && strings.Contains(got.stdout, "secret-cross-environment") {
				t.Errorf("it is found: %s", got.stdout)
			}
		})
	}
}
