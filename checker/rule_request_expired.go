package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/verdict"
)

// requestExpired: a request is used outside of the minutes that it is for.
func requestExpired(a *act) []verdict.Finding {
	if a.asked == nil {
		return nil
	}
	c, now := a.asked.Statement, a.judge.set.At
	switch c.StateAt(now, a.judge.policy.Settings.ClockSkew) {
	case delegation.Live:
		return nil
	case delegation.TooEarly:
		return one(deny(
			a.name()+" is not valid yet",
			"It holds from "+clock(c.NotBefore)+", and it is "+clock(now)+" ("+a.judge.set.AtSource+").",
			"Wait until then, or make a new one with `"+a.renew()+"`.",
		))
	default:
		return one(deny(
			a.name()+" has run out",
			"It ended at "+clock(c.NotAfter)+", and it is "+clock(now)+" ("+a.judge.set.AtSource+"). A request lives for minutes, so that it cannot be kept and used later.",
			"Make a new one with `"+a.renew()+"`.",
		))
	}
}
