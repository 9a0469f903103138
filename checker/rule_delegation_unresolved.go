package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// delegationUnresolved: the delegation that the act names was not found.
func delegationUnresolved(a *act) []verdict.Finding {
	if a.who.problem != bundleMissing {
		return nil
	}
	reason := "The act names it by digest, and its text was not found"
	if a.who.bundle.Source != "" && a.who.bundle.Source != delegation.RefName(a.who.trailer.Digest) {
		reason += " at " + inert.Word(a.who.bundle.Source)
	}
	if a.who.detail != "" {
		reason += ": " + told(a.who.detail)
	}
	ref := delegation.RefName(a.who.trailer.Digest)
	if ref == "" { // as only a push can name one
		return one(deny(
			"the delegation "+inert.Word(a.who.trailer.Digest)+" of "+a.name()+" cannot be found",
			"The push names it by what is no digest, or by the beginning of one with which not exactly one delegation here begins.",
			"Name it whole: `git push -o delegation=sha256:…`, with the 64 digits that `remit delegations --format json` prints, and publish it.",
		))
	}
	return one(deny(
		"the delegation "+shortDigest(a.who.trailer.Digest)+" of "+a.name()+" cannot be found",
		reason+".",
		"Publish it: `git push <remote> "+ref+"` (the pre-push hook does so; with --force where something else stands there), or fetch it: `git fetch <remote> "+ref+":"+ref+"`.",
	))
}
