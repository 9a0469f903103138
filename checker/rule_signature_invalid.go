package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// signatureInvalid: the signature does not verify over the object's own bytes.
func signatureInvalid(a *act) []verdict.Finding {
	if a.who.problem != signatureWrong {
		return nil
	}
	return one(deny(
		"the signature of "+a.name()+" is not valid",
		"It proves nothing about "+a.name()+": "+a.who.detail+".",
		"Sign it again with `"+a.renew()+"`. If you did not change it after signing, find out who did.",
	))
}
