package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/verdict"
)

// delegationNotYetValid: the act was seen before a link of its chain begins.
func delegationNotYetValid(a *act) []verdict.Finding {
	var found []verdict.Finding
	for i := range a.who.chain {
		l := &a.who.chain[i]
		if a.seen.Time.IsZero() || l.StateAt(a.seen.Time, a.judge.policy.Settings.ClockSkew) != delegation.TooEarly {
			continue
		}
		found = append(found, deny(
			a.linkText(l)+" is not valid yet",
			"It begins at "+clock(l.NotBefore)+", and "+a.name()+" was seen at "+clock(a.seen.Time)+" ("+a.seen.By+").",
			"Wait until then, or have the clocks of the two machines set right.",
		))
	}
	return found
}
