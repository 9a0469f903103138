package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// requestMissing: something is to be done that takes a signed request, and none was handed over.
func requestMissing(a *act) []verdict.Finding {
	if a.who.problem != requestAbsent {
		return nil
	}
	reason := "What an environment gets is asked for by a signed request, which says who wants it, on whose authority and for which commit"
	if a.who.detail != "" {
		reason += ": " + told(a.who.detail)
	}
	return one(deny(
		"nobody asked for this "+string(a.kind)+" with a signed request",
		reason+".",
		"Make one with `remit request "+string(a.kind)+" …` and hand it over: in the deployment's payload, as the workflow's input `request`, or as a file.",
	))
}
