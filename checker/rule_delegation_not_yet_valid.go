package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// delegationNotYetValid: the act was seen before a link of its chain begins.
func delegationNotYetValid(a *act) []verdict.Finding {
	var found []verdict.Finding
	fix := "Wait until then, or have the clocks of the two machines set right."
	if a.judge.set.Surface == evidence.SurfaceForge && !a.foreseen {
		// The forge has recorded it, and no waiting makes it later.
		fix = "Wait until then, then " + a.signAgain() + ". If it should have begun, have the clocks of the two machines set right first."
	}
	for i := range a.who.chain {
		l := &a.who.chain[i]
		if a.seen.Time.IsZero() || l.StateAt(a.seen.Time, a.judge.policy.Settings.ClockSkew) != delegation.TooEarly {
			continue
		}
		found = append(found, deny(
			a.linkText(l)+" is not valid yet",
			"It begins at "+clock(l.NotBefore)+", and "+a.name()+" "+a.wasSeen("seen")+".",
			fix,
		))
	}
	return found
}
