package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// unsigned: the object carries no SSH signature, so that nobody can be named.
func unsigned(a *act) []verdict.Finding {
	if a.who.problem != notSigned {
		return nil
	}
	reason := "Only a signature by a key of the policy proves who made it; author and committer are text that anybody can write."
	if a.who.detail != "" {
		reason = "It counts as unsigned: " + a.who.detail + "."
	}
	return one(deny(
		a.name()+" is not signed",
		reason,
		"Sign it: an agent runs `remit use <delegation>` and then `remit resign "+a.resignRange()+"`; a human sets gpg.format=ssh and commit.gpgsign=true and amends it.",
	))
}

// resignRange is the range that `remit resign` mends an act with.
func (a *act) resignRange() string {
	if a.commit != nil && len(a.commit.Parents) > 0 {
		return shortID(a.commit.Parents[0]) + "..HEAD"
	}
	return "<base>..HEAD"
}
