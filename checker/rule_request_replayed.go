package checker

import (
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
			"it is not known whether "+a.name()+" was used before",
			"A request is good for once, and that could not be learned: "+told(r.UsedUnknown)+".",
			"Where the tag was refused, let the account that the gate runs as make tags below refs/tags/remit/. Then run the gate again, with a new request (`"+a.renew()+"`) if this one has run out.",
		))
	default:
		return nil
	}
}
