package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// scopeEnvironment: the act changes a path that belongs to an environment which a link of the chain
// does not cover.
func scopeEnvironment(a *act) []verdict.Finding {
	found := a.reachBeyondEnvironment()
	for _, s := range a.cover.links {
		for _, name := range s.envs {
			env := a.judge.policy.Environment(name)
			why, fix := "The change touches paths of "+inert.Word(name)+", and ", "Take those paths out of the change"
			if a.request != nil {
				why, fix = "", "Ask for one that it covers"
			}
			f := deny(
				"the environment "+inert.Word(name)+" is outside the delegation",
				why+linkText(s.link)+" "+covers("environments", s.link.Scope.Environments)+".",
				fix+", or ask "+string(s.link.Delegator.Name)+" for a delegation with --environment "+inert.Word(name)+".",
			)
			if env != nil {
				f = at(f, env.Position)
			}
			found = append(found, f)
		}
	}
	return limit(found)
}
