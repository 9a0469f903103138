package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// forbidden: a forbid of the policy matches. It looks at every principal on the chain, so that
// nobody gains anything by having an agent do what they may not.
func forbidden(a *act) []verdict.Finding {
	found := a.reachForbidden()
	if a.kind == "" || a.who.principal == "" {
		return found
	}
	for _, r := range a.judge.policy.Forbids {
		s := selector{r.To, r.Actions, r.Branches, r.Paths, r.Environments, r.When}
		hit, ok := s.selects(a, a.everyone())
		if !ok {
			continue
		}
		reason := "The policy forbids it"
		switch {
		case hit.who != "" && hit.who != a.who.principal:
			reason += " to " + string(hit.who) + ", from whom " + string(a.who.principal) + " has its authority"
		case hit.who != "":
			reason += " to " + string(hit.who)
		}
		if r.Reason != "" {
			reason += ": " + quoted(r.Reason)
		}
		if hit.why != "" {
			reason += " (" + hit.why + ")"
		}
		if a.asked != nil && a.kind == names.Deploy && r.Branches != nil {
			reason += "; " + inert.Word(hit.ref) + " leads to the commit, whatever the request says"
		}
		f := deny(
			a.name()+" is forbidden by "+quoted(r.Name),
			reason+".",
			"No grant or approval lifts a forbid. Leave this out, or have a maintainer change the policy.",
		)
		if hit.unknown {
			f = undecided(
				"it is not known whether "+a.name()+" is forbidden by "+quoted(r.Name),
				"The rule names paths, and it could not be learned which this changes"+because(a.request.ChangesWhy)+".",
				"Run the gate again where it can read the commit and what is deployed.",
			)
		}
		f = at(f, r.Position)
		f.Path = hit.path
		found = append(found, f)
	}
	return limit(found)
}
