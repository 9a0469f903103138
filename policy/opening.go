package policy

import (
	"fmt"
	"slices"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// This file warns of gates that stay shut for an agent: whoever could open one has always delegated to the agent.

// reviewOpenings warns, once for each gate, of agents for which nobody could ever open it.
func (d *decoder) reviewOpenings() {
	for _, g := range d.policy.Gates {
		if g.AllowDelegator {
			continue
		}
		var shut []*Principal
		for _, q := range d.policy.sortedPrincipals() {
			if q.Name.Kind() == names.Agent && d.policy.shutFor(g, q) {
				shut = append(shut, q)
			}
		}
		if len(shut) == 0 {
			continue
		}
		more := ""
		if n := len(shut) - 1; n > 0 {
			more = fmt.Sprintf(" The same goes for %d more.", n)
		}
		d.warnf(d.on(g.Position), "Gate shut for an agent", "Nobody can ever open the gate %s for %s: the human from whom its authority comes does not count, and the other approvers are too few (approvals = %d). List another approver, let somebody else delegate, or write allow_delegator = true.%s",
			inert.Quote(g.Name), shut[0].Name, g.Approvals, more)
	}
}

// shutFor reports whether a gate is for something that an agent is granted, and whoever its authority can come from
// leaves too few to approve it.
func (p *Policy) shutFor(g *Gate, q *Principal) bool {
	if g.To != nil && !slices.Contains(g.To, q.Name) {
		return false
	}
	var grants []*Grant
	for _, grant := range p.Grants {
		if slices.Contains(grant.To, q.Name) && g.about(grant) {
			grants = append(grants, grant)
		}
	}
	if len(grants) == 0 || q.Pinned() && slices.ContainsFunc(grants, func(grant *Grant) bool { return grant.Standing }) {
		return false
	}
	roots := p.rootsOf(q.Name)
	return len(roots) > 0 && !slices.ContainsFunc(roots, func(root names.Principal) bool {
		return root.Kind() != names.Human || p.opensFor(g, p.Principals[root], Door{})
	})
}

// about reports whether a gate can be for an act that a grant covers.
func (g *Gate) about(grant *Grant) bool {
	meet := func(a, b []pattern.Pattern) bool {
		return a == nil || b == nil || slices.ContainsFunc(a, func(p pattern.Pattern) bool {
			return slices.ContainsFunc(b, func(q pattern.Pattern) bool { return !p.Disjoint(q) })
		})
	}
	shared := slices.ContainsFunc(grant.Actions, func(a names.Action) bool { return g.Actions == nil || slices.Contains(g.Actions, a) })
	return shared && meet(g.Branches, grant.Branches) && meet(g.Paths, grant.Paths) && meet(g.Environments, grant.Environments)
}

// rootsOf lists the humans and workflows that a chain to somebody can begin with.
func (p *Policy) rootsOf(name names.Principal) []names.Principal {
	var roots []names.Principal
	seen := map[names.Principal]bool{name: true}
	for next := []names.Principal{name}; len(next) > 0; {
		q := p.Principals[next[0]]
		next = next[1:]
		if q == nil {
			continue
		}
		if k := q.Name.Kind(); k == names.Human || k == names.Workflow {
			roots = append(roots, q.Name)
		}
		for _, by := range q.Delegators {
			if !seen[by] {
				seen[by] = true
				next = append(next, by)
			}
		}
	}
	return roots
}
