package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// delegationSpliced: two links that do not belong together were put into one chain.
func delegationSpliced(a *act) []verdict.Finding {
	return a.chainProblems("delegation-spliced", "does not follow from the one before it",
		"Do not use it. Have the delegate of the link before sign a new delegation.")
}
