package policy_test

import (
	"fmt"
	"os"
	"time"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// A policy is read as a whole or not at all. Everything in it knows its line.
func ExampleParse() {
	src := []byte(`repository = "github.com/acme/shop"

human "alice" {
  keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"]
}

agent "coder" {
  delegators = [human.alice]
}

grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}
`)
	p, diags := policy.Parse(src, policy.FileName)
	if diags.HasErrors() {
		fmt.Println(diags.Err())
		return
	}
	for _, g := range p.Grants {
		fmt.Printf("line %d: %s: %v %v under %v for %s\n", g.Position.Line, g.Name, g.To, g.Actions, g.Paths, g.MaxTTL)
	}
	fmt.Println(p.Principal("agent.coder").Delegators, p.Principal("agent.mallory") != nil)
	by, protected := p.Protects(".github/workflows/ci.yml")
	fmt.Println(by, protected)
	// Output:
	// line 11: coder writes code: [agent.coder] [commit] under [src/**] for 1h0m0s
	// [human.alice] false
	// .github/** true
}

// Whatever the language does not know is an error that shows its line and, often, what was meant.
func ExampleDiagnostics_WriteText() {
	src := []byte(`repository = "github.com/acme/shop"
human "alice" {}
agent "coder" {
  delegators = [human.alicia]
}
`)
	p, diags := policy.Parse(src, policy.FileName)
	fmt.Println("a policy:", p != nil)
	if err := diags.WriteText(os.Stdout, src, false); err != nil {
		fmt.Println(err)
	}
	// Output:
	// a policy: false
	// Error: Unknown reference
	//
	//   on policies.hcl line 4:
	//    4:   delegators = [human.alicia]
	//                       ^^^^^^^^^^^^
	//
	// The policy has no human "alicia". Did you mean human.alice?
}

// A condition goes by the facts of one act. Where a fact is not known it does not guess.
func ExampleCondition_Eval() {
	src := []byte(`repository = "github.com/acme/shop"
forbid "large changes" {
  actions = ["commit"]
  when    = commit.files_changed > 50 || time.weekday == "Sunday"
}
`)
	p, diags := policy.Parse(src, policy.FileName)
	if diags.HasErrors() {
		fmt.Println(diags.Err())
		return
	}
	when := p.Forbids[0].When
	monday := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for _, files := range []int{3, 51, -1} { // -1: they were not counted
		fmt.Println(when.Eval(policy.Facts{Action: names.Commit, FilesChanged: files, Time: monday}))
	}
	// Output:
	// false <nil>
	// true <nil>
	// false commit.files_changed: its value is not known
}
