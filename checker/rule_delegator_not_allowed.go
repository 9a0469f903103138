package checker

import (
	"slices"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// delegatorNotAllowed: somebody delegated to an agent to whom the policy does not let them delegate.
func delegatorNotAllowed(a *act) []verdict.Finding {
	var found []verdict.Finding
	for i := range a.who.chain {
		l := &a.who.chain[i]
		if i == 0 && l.Delegator.Name.Kind() != names.Human {
			found = append(found, deny(
				a.linkText(l)+" does not start with a human",
				"Every chain starts with a human whom the policy lists; "+string(l.Delegator.Name)+" cannot start one here.",
				"Have a human delegate to "+string(l.Delegate.Name)+", or to somebody who may pass it on.",
			))
			continue
		}
		if i == 0 && a.judge.policy.Principal(l.Delegator.Name) == nil {
			found = append(found, deny(
				a.linkText(l)+" starts with somebody whom the policy does not list",
				"Every chain starts with a human whom the policy lists, and "+string(l.Delegator.Name)+" is not in "+inert.Word(a.judge.policy.File)+".",
				"Have a maintainer add "+string(l.Delegator.Name)+" to the policy, or have a human who is listed delegate.",
			))
			continue
		}
		block := a.judge.policy.Principal(l.Delegate.Name)
		if block == nil || slices.Contains(block.Delegators, l.Delegator.Name) {
			continue // an unknown delegate is unknown-key's matter
		}
		found = append(found, at(deny(
			string(l.Delegator.Name)+" may not delegate to "+string(l.Delegate.Name),
			"The policy lets "+list(block.Delegators)+" delegate to "+string(l.Delegate.Name)+", and nobody else.",
			"Have one of them delegate, or have a maintainer add "+string(l.Delegator.Name)+" to the `delegators` of "+string(l.Delegate.Name)+".",
		), block.Position))
	}
	return found
}
