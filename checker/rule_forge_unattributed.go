package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// forgeUnattributed: the forge says which account did it, and that account is nobody of the policy.
func forgeUnattributed(a *act) []verdict.Finding {
	if a.who.problem != accountUnlisted {
		return nil
	}
	fix := "Have a maintainer add the account to its principal (github = \"…\") in " + inert.Word(a.judge.policy.File) + "."
	if a.pull != nil {
		fix = "Sign it (`remit pr sign`), or have a maintainer add the account to its principal (github = \"…\") in " + inert.Word(a.judge.policy.File) + "."
	}
	return one(deny(
		"nobody of the policy answers for "+a.name(),
		"It rests on the forge's word alone: "+told(a.who.detail)+".",
		fix,
	))
}
