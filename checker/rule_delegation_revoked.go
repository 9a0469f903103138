package checker

import (
	"slices"

	"github.com/remit-sh/remit/verdict"
)

// delegationRevoked: a link of the chain, or an agent on it, was revoked when the act was first
// seen. Everything below a revoked link falls with it; other branches of the chain do not.
func delegationRevoked(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, r := range a.judge.policy.Revocations {
		for i := range a.who.chain {
			l := &a.who.chain[i]
			switch {
			case slices.Contains(r.Delegations, l.Digest):
				found = append(found, a.revoked(r, a.linkText(l)+" is revoked", "Get a new delegation from somebody who may still give one, put it in force with `remit use <digest>`, then "+a.doAgain()+"`"+a.renew()+"`."))
			case slices.Contains(r.Agents, l.Delegate.Name):
				found = append(found, a.revoked(r, string(l.Delegate.Name)+" is revoked, and with it "+a.linkText(l),
					"Have another agent do it, or have a maintainer remove the revocation if it is over."))
			}
		}
	}
	return limit(found)
}
