package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// delegationTooDeep: the chain was passed on more often than a link of it allows.
func delegationTooDeep(a *act) []verdict.Finding {
	return a.chainProblems("delegation-too-deep", "was passed on too often",
		"Have the delegator above issue a delegation with a greater --depth, or delegate without the agent in between.")
}
