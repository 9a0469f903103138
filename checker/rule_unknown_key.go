package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// unknownKey: the signature is good, and its key belongs to nobody whom the policy lists.
func unknownKey(a *act) []verdict.Finding {
	switch a.who.problem {
	case keyUnknown:
		reason := "The policy lists no principal with this key, and no delegation was made to it."
		if a.who.detail != "" {
			reason = "The policy lists no principal with this key, and " + a.who.detail + "."
		}
		return one(deny(
			a.name()+" is signed by the unknown key "+a.who.fingerprint(),
			reason,
			"Sign with a key of the policy or under a delegation (`remit use <delegation>`, then `"+a.renew()+"`), or have a maintainer add the key to "+inert.Word(a.judge.policy.File)+".",
		))
	case delegateUnknown:
		does := " acts for somebody"
		if a.foreseen {
			does = " names somebody"
		}
		return one(deny(
			a.name()+does+" whom the policy does not know",
			"Nobody may act whom the policy does not list: "+a.who.detail+".",
			"Have a maintainer add the agent to "+inert.Word(a.judge.policy.File)+", or use a delegation to an agent that is listed.",
		))
	default:
		return nil
	}
}
