package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/verdict"
)

// backdated reports that the committer's date and the time at which the commit was first seen lie
// on two sides of a delegation's window. It decides nothing: the date is text by the committer.
func backdated(a *act) []verdict.Finding {
	if a.object == nil || a.seen.Time.IsZero() {
		return nil
	}
	skew := a.judge.policy.Settings.ClockSkew
	dated := a.object.Committer.When
	for i := range a.who.chain {
		l := &a.who.chain[i]
		if l.StateAt(a.seen.Time, skew) == delegation.Live || l.StateAt(dated, skew) != delegation.Live {
			continue
		}
		return one(verdict.Finding{
			Effect:  verdict.Note,
			Summary: a.name() + " is dated inside a window in which it was not seen",
			Reason: "Its committer date, " + clock(dated) + ", lies within " + linkText(l) + "; it was first seen at " +
				clock(a.seen.Time) + " (" + a.seen.By + "). The committer's date is never evidence.",
			Fix: "Nothing to do for the date itself.",
		})
	}
	return nil
}
