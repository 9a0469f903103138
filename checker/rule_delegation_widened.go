package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// delegationWidened: a link gives more than the one before it gave. It is denied as a whole and
// never cut down to what would have been allowed.
func delegationWidened(a *act) []verdict.Finding {
	return a.chainProblems("delegation-widened", "gives more than its delegator has",
		"Have it issued again within the parent's actions and time (`remit show "+shortDigest(a.who.trailer.Digest)+"` reads the chain out).")
}
