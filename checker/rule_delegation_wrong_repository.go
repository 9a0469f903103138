package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// delegationWrongRepository: a link of the chain is for another repository.
func delegationWrongRepository(a *act) []verdict.Finding {
	return a.chainProblems("delegation-wrong-repository", "is for another repository",
		"Get a delegation for "+inert.Word(a.judge.set.Repository)+" (`remit delegate --repository "+inert.Word(a.judge.set.Repository)+" …`). A fork or a renamed repository needs its own.")
}
