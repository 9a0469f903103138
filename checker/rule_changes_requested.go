package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// changesRequested: a reviewer whose word counts at a gate asks for changes and has not taken that back.
func changesRequested(a *act) []verdict.Finding {
	var found []verdict.Finding
	said := map[objection]bool{}
	for _, b := range a.ballots {
		for _, o := range b.blocking {
			if said[o] {
				continue
			}
			said[o] = true
			reason := b.asks + ". Whoever may approve there may also stop it, until they say otherwise."
			fix := "Do what the review asks for, or answer it, and have " + o.who + " approve, or the review dismissed by somebody who may approve there and has no part in it."
			if o.dismissed != "" {
				reason += " " + sentence(o.dismissed)
				fix = "Do what the review asks for, or answer it, and have " + o.who + " approve. If they cannot, open a new pull request, and have it reviewed."
			}
			found = append(found, at(deny(o.who+" asks for changes in "+o.cause, reason, fix), b.position))
		}
	}
	return limit(found)
}
