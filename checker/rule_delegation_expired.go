package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// delegationExpired: a link of the chain had ended when the act was first seen. The committer's
// date is never evidence: whoever commits can write any date.
func delegationExpired(a *act) []verdict.Finding {
	var found []verdict.Finding
	for i := range a.who.chain {
		l := &a.who.chain[i]
		if a.seen.Time.IsZero() || l.StateAt(a.seen.Time, a.judge.policy.Settings.ClockSkew) != delegation.Expired {
			continue
		}
		f := deny(
			a.linkText(l)+" has run out",
			"It ended at "+clock(l.NotAfter)+", and "+a.name()+" "+a.wasSeen("first seen")+"."+a.claimedDate(l),
			"Get a new delegation from "+string(a.leaf().Delegator.Name)+", put it in force with `remit use <digest>`, then "+a.signAgain()+".",
		)
		if a.foreseen || a.judge.set.Making != "" {
			f.Reason = "It ended at " + clock(l.NotAfter) + ", and now it is " + clock(a.seen.Time) + " (" + a.seen.By + ")."
			f.Fix = "Get a new delegation from " + string(l.Delegator.Name) + ", put it in force with `remit use <digest>`, then " + a.doAgain() + "`" + a.renew() + "`."
		}
		if a.commit != nil && a.commit.Push == nil && a.judge.set.Surface == evidence.SurfaceForge {
			// It may well have been in time: the forge did not say.
			f.Effect = verdict.Undecided
			f.Reason = "It ended at " + clock(l.NotAfter) + ". The forge does not say when " + a.name() + " was pushed, and now it is " +
				clock(a.seen.Time) + " (" + a.seen.By + ")."
			f.Fix = "Let the check read the activity of the repository that the branch is in, or sign again under a new delegation: `remit use <digest>`, then `" + a.renew() + "`."
		}
		found = append(found, f)
	}
	return found
}

// claimedDate adds to a reason what the committer's date says, where that would have been in time.
func (a *act) claimedDate(l *delegation.Link) string {
	if a.object == nil || l.StateAt(a.object.Committer.When, 0) != delegation.Live {
		return ""
	}
	return " Its committer date, " + clock(a.object.Committer.When) + ", is no evidence."
}
