package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// scopeBranch: a link of the chain does not cover the ref that the act is for.
func scopeBranch(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, s := range a.cover.links {
		for _, ref := range s.refs {
			found = append(found, deny(
				show(ref)+" is outside the delegation",
				linkText(s.link)+" "+covers("branches", s.link.Scope.Branches)+".",
				"Push to a branch that it covers, or ask "+string(s.link.Delegator.Name)+" for one that covers this (--branch).",
			))
		}
	}
	return limit(found)
}
