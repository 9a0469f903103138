package checker

import (
	"strings"

	"github.com/remit-sh/remit/verdict"
)

// requestReplayed: a request was used before. Each is good for once.
func requestReplayed(a *act) []verdict.Finding {
	switch r := a.request; {
	case r == nil || a.asked == nil:
		return nil
	case r.Used:
		reason := "A request is good for once, also where the same job runs again"
		if r.UsedBy != "" {
			reason += ": " + told(r.UsedBy)
		}
		return one(deny(
			a.name()+" was used before",
			reason+".",
			"Make a new one with `"+a.renew()+"`.",
		))
	case r.UsedUnknown != "":
		return one(undecided(
			a.name()+" could not be marked as used",
			"A request is good for once: a mark keeps that, and whoever makes it may go on. Nobody can tell whether it was made: "+told(strings.TrimSuffix(r.UsedUnknown, "."))+".",
			"Mend what is named there, then run the gate again, with a new request (`"+a.renew()+"`) if this one has run out. The mark is a tag below refs/tags/remit/: the account that the gate runs as must be able to make it, and where a policy rules that, a grant must let that account (the action push on refs/tags/remit/**).",
		))
	default:
		return nil
	}
}
