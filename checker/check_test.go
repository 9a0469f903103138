package checker_test

import (
	"testing"

	"github.com/remit-sh/remit/checker"
)

const coderEverywhere = `
grant "coder everywhere" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["**"]
}
`

// TestPolicyElsewhereIsProtected: the policy is protected wherever in the repository it was read,
// and so is what another file system takes for it.
func TestPolicyElsewhereIsProtected(t *testing.T) {
	for path, want := range map[string]string{
		"ops/remit.hcl":   "pending",
		"ops/remit.hcl.x": "allow",
		"ops/Remit.HCL":   "deny",
		"remit.hcl":       "allow",
	} {
		s := parseScenario(t, "delegate d1 human.alice -> agent.coder paths=**\n"+
			"commit c1 by=agent.coder under=d1 on=refs/heads/agent/pay\n  ~ "+path)
		p := s.parsePolicy(basePolicy(t) + coderEverywhere)
		p.Path = "ops/remit.hcl"
		if r := checker.Check(p, s.set); r.Verdict.String() != want {
			t.Errorf("%s: %s, want %s", path, s.outline(r), want)
		}
	}
}
