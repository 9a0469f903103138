package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// signatureMalformed: the object or its signature is not in the one form that is accepted.
// A second form of the same signature would be a second commit id that its signer never made.
func signatureMalformed(a *act) []verdict.Finding {
	switch a.who.problem {
	case objectMalformed:
		return one(deny(
			a.name()+" is not a well-formed git object",
			"Two readers could take it for two different things: "+a.who.detail+".",
			"Make the "+string(a.kind)+" again with git itself.",
		))
	case signatureUnparsed:
		return one(deny(
			"the signature of "+a.name()+" is malformed",
			"It is not the SSHSIG that ssh-keygen or remit writes: "+a.who.detail+".",
			"Sign it again, with `"+a.renew()+"` or `git commit --amend`.",
		))
	default:
		return nil
	}
}
