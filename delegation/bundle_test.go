package delegation_test

import (
	"reflect"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
)

// TestReader: links that bundles have in common are verified once, and a link that differs in anything, its signature
// alone too, is another one.
func TestReader(t *testing.T) {
	root := dt.New("human.alice", "agent.planner")
	root.Scope.Depth = 1
	sign := func(d delegation.Delegation, by string) delegation.Link {
		l, err := delegation.Sign(d, dt.Signer(by))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first, forged := sign(root, "human.alice"), sign(root, "human.alice")
	spoiled := *forged.Envelope
	spoiled.Sig = append([]byte{spoiled.Sig[0] ^ 1}, spoiled.Sig[1:]...)
	forged.Envelope = &spoiled
	part := dt.New("agent.planner", "agent.coder")
	part.Parent = first.Digest
	one := sign(part, "agent.planner")
	part.Purpose = "another"
	two := sign(part, "agent.planner")

	var r delegation.Reader
	for i, c := range []delegation.Chain{{first, one}, {forged, one}, {first, two}, {forged, two}, {first, one}} {
		got, err := r.ParseBundle(c.Marshal())
		want, wantErr := delegation.ParseBundle(c.Marshal())
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("chain %d is read otherwise than alone: %v, %v", i, err, wantErr)
		}
		if holds := got.Authentic() == nil; holds != (i%2 == 0) {
			t.Errorf("chain %d holds: %v", i, holds)
		}
	}
}
