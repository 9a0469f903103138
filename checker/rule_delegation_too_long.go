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
				linkText(l)+" lasts "+lifetime(l).String(),
				"The policy lets a delegation that is passed on last "+most.String()+" at most (max_chain_ttl).",
				"Have "+string(l.Delegator.Name)+" delegate again for "+most.String()+" or less.",
			), a.judge.policy.Settings.Position))
		}
	}
	for _, g := range a.cover.grants {
		if g.ttl {
			l := a.leaf()
			found = append(found, at(deny(
				linkText(l)+" lasts "+lifetime(l).String(),
				"The grant "+show(g.grant.Name)+" lets a delegation last "+g.grant.MaxTTL.String()+" at most (max_ttl).",
				"Have "+string(l.Delegator.Name)+" delegate again for "+g.grant.MaxTTL.String()+" or less, and sign again with `remit resign "+a.resignRange()+"`.",
			), g.grant.Position))
		}
	}
	return limit(found)
}
