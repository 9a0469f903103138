package delegation_test

import (
	"fmt"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// A human lets an agent work for ten minutes. The bundle is what is published, and the trailer names
// it in each commit.
func ExampleSign() {
	alice, coder := dt.Signer("human.alice"), dt.Signer("agent.coder") // signing.NewEd25519Signer
	branch, _ := pattern.ParseRef("agent/**")
	path, _ := pattern.ParsePath("src/**")
	start := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	link, err := delegation.Sign(delegation.Delegation{
		Delegator: delegation.Party{Name: "human.alice", Key: alice.SSHPublicKey()},
		Delegate:  delegation.Party{Name: "agent.coder", Key: coder.SSHPublicKey()},
		Scope: delegation.Scope{
			Repositories: []string{"github.com/acme/shop"}, Actions: []names.Action{names.Commit},
			Branches: []pattern.Pattern{branch}, Paths: []pattern.Pattern{path},
		},
		NotBefore: start, NotAfter: start.Add(10 * time.Minute),
		Purpose: "SHOP-1412", Nonce: "000102030405060708090a0b0c0d0e0f", // delegation.NewNonce()
	}, alice)
	if err != nil {
		fmt.Println(err)
		return
	}
	chain := delegation.Chain{link}
	message := delegation.AddTrailer("Pay by card\n", chain.Digest(), "#")

	// The other side reads both. That they parse proves nothing yet.
	read, err := delegation.ParseBundle(chain.Marshal())
	if err != nil {
		fmt.Println(err)
		return
	}
	named, _, err := delegation.ParseTrailer(message)
	fmt.Println(named.Digest == read.Digest(), err, read.Problems("github.com/acme/shop", 0))
	fmt.Println(read.Sentences()[0])
	for _, minute := range []time.Duration{9, 10} {
		fmt.Println(read.Leaf().StateAt(start.Add(minute*time.Minute), 0) == delegation.Live)
	}
	// Output:
	// true <nil> []
	// human.alice lets agent.coder commit on agent/** under src/**, in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, for "SHOP-1412"
	// true
	// false
}

// Whoever passes a delegation on can only narrow it. What a link says beyond the one before is found,
// whoever signed it.
func ExampleChain_Problems() {
	root := dt.New("human.alice", "agent.planner") // for ten minutes, in github.com/acme/shop
	root.Scope.Depth = 1
	first, err := delegation.Sign(root, dt.Signer("human.alice"))
	if err != nil {
		fmt.Println(err)
		return
	}
	part := dt.New("agent.planner", "agent.coder")
	part.Parent = first.Digest
	part.NotAfter = root.NotAfter.Add(time.Hour)
	part.Scope.Actions = []names.Action{names.Commit, names.Tag}
	second, err := delegation.Sign(part, dt.Signer("agent.planner"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range (delegation.Chain{first, second}).Problems("github.com/acme/shop", 0) {
		fmt.Printf("link %d: %s: %s\n", p.Link, p.Rule, p.What)
	}
	for _, p := range (delegation.Chain{first}).Problems("github.com/acme/wiki", 0) {
		fmt.Printf("link %d: %s: %s\n", p.Link, p.Rule, p.What)
	}
	// Output:
	// link 1: delegation-widened: it gives tag, which the link before does not; it ends at 2026-11-22T15:10:00Z, after the link before at 2026-11-22T14:10:00Z
	// link 0: delegation-wrong-repository: it is for github.com/acme/shop and not for "github.com/acme/wiki"
}
