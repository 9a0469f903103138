package checker_test

import (
	"crypto/sha1"
	"fmt"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// signedByCoder is a commit by agent.coder under a delegation by human.alice for src/**: the object,
// its id and the delegation.
func signedByCoder() ([]byte, string, delegation.Chain, error) {
	link, err := delegation.Sign(dt.New("human.alice", "agent.coder"), dt.Signer("human.alice"))
	if err != nil {
		return nil, "", nil, err
	}
	chain := delegation.Chain{link}
	payload := []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n" +
		"author coder <coder@acme.example> 1795356060 +0000\ncommitter coder <coder@acme.example> 1795356060 +0000\n\n" +
		delegation.AddTrailer("Pay by card\n", chain.Digest(), "#"))
	armored, err := signing.SignSSHSIG(dt.Signer("agent.coder"), signing.NamespaceGit, payload)
	if err != nil {
		return nil, "", nil, err
	}
	raw, err := gitobject.WithSignature(payload, armored)
	if err != nil {
		return nil, "", nil, err
	}
	return raw, fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(raw), raw))), chain, nil
}

// A commit is judged twice: with a change inside of what was delegated to its agent, and outside. What
// was read from git and from the clock is evidence; the verdict comes of that and the policy alone.
func ExampleCheck() {
	p, diags := policy.Parse(fmt.Appendf(nil, `repository = "github.com/acme/shop"
human "alice" { keys = [%q] }
agent "coder" { delegators = [human.alice] }
grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**"]
}
`, dt.Key("human.alice").AuthorizedKey()), policy.FileName)
	raw, id, chain, err := signedByCoder()
	if diags.HasErrors() || err != nil {
		fmt.Println(diags.Err(), err)
		return
	}
	seen := evidence.Seen{Time: dt.Start().Add(time.Minute), By: "server clock"}
	for _, changed := range []string{"src/pay.go", "deploy/app.yaml"} {
		report := checker.Check(p, &evidence.Set{
			Repository: p.Repository, At: seen.Time, AtSource: seen.By, Surface: evidence.SurfaceCheck,
			Commits: []evidence.Commit{{
				ID: id, Raw: raw, New: true, Refs: []string{"refs/heads/agent/pay"}, Seen: seen,
				Changes: []evidence.Change{{Path: changed, New: evidence.Entry{Mode: 0o100644, ID: id}}},
			}},
			Bundles: map[string]evidence.Bundle{chain.Digest(): {Raw: chain.Marshal(), Source: delegation.RefName(chain.Digest())}},
		})
		for _, act := range report.Acts {
			fmt.Printf("%s by %s: %s\n", changed, act.Actor, act.Verdict)
			for _, f := range act.Findings {
				fmt.Printf("  %s: %s\n", f.Rule, f.Summary)
			}
		}
	}
	// Output:
	// src/pay.go by agent.coder: allow
	// deploy/app.yaml by agent.coder: deny
	//   scope-path: deploy/app.yaml is outside the delegation
	//   not-granted: deploy/app.yaml is not granted to agent.coder
}

// Nothing is allowed by being left out: a policy that nobody filled in rules no repository, and what the
// judge should have been told and was not is undecided, which blocks as well.
func ExampleCheck_gap() {
	report := checker.Check(&policy.Policy{}, &evidence.Set{
		Repository: "github.com/acme/shop",
		Gaps:       []evidence.Gap{{Kind: evidence.GapHistory, What: "the range", Detail: "the clone is shallow", Fix: "Run git fetch --unshallow."}},
	})
	fmt.Println(report.Verdict, report.ExitCode())
	for _, f := range report.Findings {
		fmt.Printf("%s (%s): %s\n", f.Rule, f.Effect, f.Summary)
	}
	// Output:
	// deny 1
	// history-incomplete (undecided): the range could not be read
	// policy-repository (deny): the policy is not for github.com/acme/shop
}
