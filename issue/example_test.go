package issue_test

import (
	"fmt"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// Alice gives the coder ten minutes. For longer than the policy lets it nothing is signed that could be used:
// the refusal says what would be denied, and what to do.
func ExampleOrder_Issue() {
	p, diags := policy.Parse(fmt.Appendf(nil, `repository = "github.com/acme/shop"
human "alice" { keys = [%q] }
agent "coder" { delegators = [human.alice] }
grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**"]
  max_ttl  = "10m"
}
`, dt.Key("human.alice").AuthorizedKey()), policy.FileName)
	if diags.HasErrors() {
		fmt.Println(diags.Err())
		return
	}
	for _, lasts := range []time.Duration{10 * time.Minute, time.Hour} {
		order := issue.Order{
			Policy:   p,
			By:       &issue.Issuer{Party: dt.Party("human.alice"), Signer: dt.Signer("human.alice")},
			Delegate: "agent.coder",
			Key:      dt.Key("agent.coder"),
			Scope: delegation.Scope{
				Repositories: []string{p.Repository}, Actions: []names.Action{names.Commit},
				Branches: dt.Refs("agent/**"), Paths: dt.Paths("src/**"),
			},
			Terms: issue.Terms{Lasts: lasts, Why: "SHOP-1412"},
			Now:   dt.Start(), Clock: "this machine's clock",
		}
		chain, _, err := order.Issue()
		if err != nil {
			fmt.Println(err)
			fmt.Println("hint:", fault.FixOf(err))
			continue
		}
		for _, s := range chain.Sentences() {
			fmt.Println(s)
		}
	}
	// Output:
	// human.alice lets agent.coder commit on agent/** under src/**, in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, for "SHOP-1412"
	// the delegation of human.alice to agent.coder lasts 1h (delegation-too-long, policies.hcl:4): no grant to agent.coder lets a delegation last longer than 10m (max_ttl)
	// hint: use --for 10m or less
}
