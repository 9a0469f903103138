package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// statementMalformedRule: a signed statement is not in the one form that is accepted.
func statementMalformedRule(a *act) []verdict.Finding {
	if a.who.problem != statementMalformed {
		return nil
	}
	return one(deny(
		"the signed statement of "+a.name()+" is malformed",
		"Two readers could take it for two different things: "+told(a.who.detail)+".",
		"Make it again with `"+a.renew()+"`, and hand it over as it was printed.",
	))
}
