package checker

import (
	"strings"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// scopeAction: a link of the chain does not delegate this kind of act.
func scopeAction(a *act) []verdict.Finding {
	found := a.reachBeyondAction()
	for _, s := range a.cover.links {
		if !s.action {
			continue
		}
		more := ""
		if len(s.refs) == 0 {
			more = a.withoutPush()
		}
		found = append(found, deny(
			a.doer()+" was not delegated the action "+string(a.kind),
			linkText(s.link)+" covers "+list(s.link.Scope.Actions)+".",
			"Ask "+string(s.link.Delegator.Name)+" for a delegation with --action "+string(a.kind)+"."+more,
		))
	}
	return found
}

// withoutPush is how an agent does without the action push, as another sentence; "" where it cannot.
func (a *act) withoutPush() string {
	switch {
	case a.kind != names.Push || a.update == nil || !strings.HasPrefix(a.update.Ref, "refs/heads/"):
		return ""
	case a.update.Forced:
		return " Without it, push what was amended or rebased as a new branch: `git push REMOTE HEAD:" + inShell(strings.TrimPrefix(a.update.Ref, "refs/heads/")) + "-2`."
	default:
		return " Without it, push the branch once it has a new commit of yours: that is then judged by itself."
	}
}
