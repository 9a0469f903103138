package checker

import (
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// delegationForged: a link is not signed by the key that it names, or claims a human's name with
// a key that is not that human's.
func delegationForged(a *act) []verdict.Finding {
	found := a.chainProblems("delegation-forged", "is forged",
		"Do not use it. Ask the delegator for a delegation that they sign themselves, and find out where this one came from.")
	if len(a.who.chain) == 0 {
		return found
	}
	root := a.who.chain[0].Delegator
	block := a.judge.policy.Principal(root.Name)
	if block == nil || root.Name.Kind() != names.Human {
		return found // delegator-not-allowed says so
	}
	if a.judge.policy.KeyOwner(root.Key.Fingerprint()) == block {
		return found
	}
	return append(found, at(deny(
		a.linkText(&a.who.chain[0])+" is not signed with a key of "+string(root.Name),
		"It claims to come from "+string(root.Name)+", and the policy does not list the key "+root.Key.Fingerprint()+" for them.",
		"Have "+string(root.Name)+" delegate with a listed key, or have a maintainer add the key to the policy first.",
	), block.Position))
}
