package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// scopeBranch: a link of the chain does not cover the ref that the act is for.
func scopeBranch(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, s := range a.cover.links {
		for _, ref := range s.refs {
			why, fix := onlyNamed(s.link.Scope.Branches, ref), "Push to a branch that it covers"
			switch {
			case a.request == nil:
			case a.kind == names.Deploy:
				why, fix = ", and a deploy is from each ref of deploy_from that leads to its commit", "Deploy a commit to which only such refs lead"
			default:
				fix = "Ask for what it covers"
			}
			found = append(found, deny(
				inert.Word(ref)+" is outside the delegation",
				linkText(s.link)+" "+covers("branches", s.link.Scope.Branches)+why+".",
				fix+", or ask "+string(s.link.Delegator.Name)+" for one that covers this (--branch).",
			))
		}
	}
	return limit(found)
}
