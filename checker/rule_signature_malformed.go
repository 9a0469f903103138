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
	case objectEncoded:
		return one(deny(
			"the message of "+a.name()+" is not written in UTF-8",
			"Git shows the message in that encoding, so that people read another one than was judged: "+a.who.detail+".",
			"Write it in UTF-8: `git config --unset i18n.commitEncoding`, and then `git commit --amend`; for an earlier commit, `git rebase --force-rebase`.",
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
