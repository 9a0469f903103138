package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// environmentUndeclared: the act is for an environment that the policy does not have.
func environmentUndeclared(a *act) []verdict.Finding {
	env := a.environment()
	if env == "" || a.judge.policy.Environment(env) != nil {
		return nil
	}
	var known []string
	for _, e := range a.judge.policy.Environments {
		known = append(known, show(e.Name))
	}
	has := "The policy has none"
	if len(known) > 0 {
		has = "The policy has " + list(known)
	}
	return one(deny(
		"the environment "+show(env)+" is not in the policy",
		has+", and nothing says what may get into another. The forge makes one of any name, without protection.",
		"Name one of the policy's environments, or have a maintainer add an environment block "+quoted(env)+" to "+show(a.judge.policy.File)+".",
	))
}
