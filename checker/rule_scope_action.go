package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// scopeAction: a link of the chain does not delegate this kind of act.
func scopeAction(a *act) []verdict.Finding {
	found := a.reachBeyondAction()
	for _, s := range a.cover.links {
		if !s.action {
			continue
		}
		found = append(found, deny(
			a.doer()+" was not delegated the action "+string(a.kind),
			linkText(s.link)+" covers "+list(s.link.Scope.Actions)+".",
			"Ask "+string(s.link.Delegator.Name)+" for a delegation with --action "+string(a.kind)+".",
		))
	}
	return found
}
