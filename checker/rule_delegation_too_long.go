package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// delegationTooLong: a link lasts longer than the policy lets it. The leaf is bound by the grant
// that covers the act, every other link by max_chain_ttl.
func delegationTooLong(a *act) []verdict.Finding {
	var found []verdict.Finding
	most := a.judge.policy.Settings.MaxChainTTL
	for i := range max(len(a.who.chain)-1, 0) {
		l := &a.who.chain[i]
		if lifetime(l) > most {
			found = append(found, at(deny(
				a.linkText(l)+" lasts "+span(lifetime(l)),
				"The policy lets a delegation that is passed on last "+span(most)+" at most (max_chain_ttl).",
				"Have "+string(l.Delegator.Name)+" delegate again for "+span(most)+" or less.",
			), a.judge.policy.Settings.Position))
		}
	}
	if a.foreseen {
		return limit(append(found, a.tooLongToIssue()...))
	}
	for _, g := range a.cover.grants {
		if g.ttl {
			l := a.leaf()
			found = append(found, at(deny(
				a.linkText(l)+" lasts "+span(lifetime(l)),
				"The grant "+quoted(g.grant.Name)+" lets a delegation last "+span(g.grant.MaxTTL)+" at most (max_ttl).",
				"Have "+string(l.Delegator.Name)+" delegate again for "+span(g.grant.MaxTTL)+" or less, and sign again with `"+a.renew()+"`.",
			), g.grant.Position))
		}
	}
	return limit(found)
}
