package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
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
			case a.request == nil && ref == "HEAD":
				fix = a.onBranch()
			case a.request == nil && strings.HasPrefix(ref, "refs/tags/"):
				fix = "Give the tag a name that it covers"
			case a.request == nil:
			case a.kind == names.Deploy:
				why, fix = ", and a deploy is from each ref of deploy_from that leads to its commit", "Deploy a commit to which only such refs lead"
			default:
				fix = "Ask for what it covers"
			}
			found = append(found, deny(
				inert.Word(ref)+" is outside the delegation",
				linkText(s.link)+" "+covers("branches", s.link.Scope.Branches)+why+".",
				fix+orWider(ref, s.link.Delegator.Name),
			))
		}
	}
	return limit(found)
}

// orWider offers a delegation that covers a ref; no delegation covers a commit on no branch.
func orWider(ref string, delegator names.Principal) string {
	if ref == "HEAD" {
		return "."
	}
	one := "one"
	if strings.HasPrefix(ref, "refs/tags/") {
		one = "a delegation"
	}
	return ", or ask " + string(delegator) + " for " + one + " that covers this (--branch)."
}

// onBranch says, without a full stop, how to get onto a branch from a detached HEAD: one that the act's chain covers,
// where its patterns show one.
func (a *act) onBranch() string {
	return "No branch is checked out: make one for this, such as `git switch -c " + a.exampleBranch() + "`"
}

// exampleBranch is a name that every link of the act's chain covers, as far as that is easily found.
func (a *act) exampleBranch() string {
	for i := range a.who.chain {
		for _, p := range a.who.chain[i].Scope.Branches {
			name := strings.TrimPrefix(p.String(), "refs/heads/")
			if start := strings.TrimRight(name, "*"); start != name {
				name = start + "task"
			}
			covered := !slices.ContainsFunc(a.who.chain, func(l delegation.Link) bool { return !matches(l.Scope.Branches, "refs/heads/"+name) })
			if covered && names.CheckRef("refs/heads/"+name) == nil && inShellOr(name, "") == name {
				return name
			}
		}
	}
	return "agent/task"
}
