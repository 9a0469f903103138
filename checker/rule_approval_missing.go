package checker

import (
	"slices"
	"strconv"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// approvalMissing: a gate of the policy matches and is not satisfied yet.
func approvalMissing(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, g := range a.waiting {
		found = append(found, at(verdict.Finding{
			Effect:  verdict.Pending,
			Summary: a.name() + " waits for " + approvals(g.Approvals),
			Reason:  "The gate " + quoted(g.Name) + " asks for " + approvals(g.Approvals) + " by " + list(g.Approvers) + ".",
			Fix:     "Ask one of them to approve. Nothing else is needed from whoever made it.",
		}, g.Position))
	}
	if a.defaultGate() {
		found = append(found, verdict.Finding{
			Effect:  verdict.Pending,
			Summary: a.name() + " waits for 1 approval",
			Reason:  "An agent may not " + phrase(a.kind) + " alone unless a gate of the policy says otherwise, or its grant says alone = true.",
			Fix:     "Ask a human with the role write who is not " + string(a.root()) + " to approve, or have a human do it.",
		})
	}
	return limit(found)
}

// waitsFor lists the gates that match the act, and those that match what it brings along.
func (a *act) waitsFor() []*policy.Gate {
	gates := a.gates()
	for _, g := range a.carried.gates() {
		if !slices.Contains(gates, g) {
			gates = append(gates, g)
		}
	}
	return gates
}

func (a *act) gates() []*policy.Gate {
	if a.kind == "" || a.who.principal == "" {
		return nil
	}
	var gates []*policy.Gate
	for _, g := range a.judge.policy.Gates {
		s := selector{g.To, g.Actions, g.Branches, g.Paths, g.Environments, g.When}
		if _, ok := s.selects(a, a.everyone()); ok {
			gates = append(gates, g)
		}
	}
	return gates
}

// defaultGate reports whether the act waits for a human because the policy says nothing else:
// deploy, delete and rotate by an agent do.
func (a *act) defaultGate() bool {
	switch a.kind {
	case names.Deploy, names.Delete, names.Rotate:
	default:
		return false
	}
	if a.who.problem != attributed || !a.byAgent() || len(a.waiting) > 0 {
		return false
	}
	for _, ref := range a.refs {
		alone := slices.ContainsFunc(a.judge.policy.Grants, func(g *policy.Grant) bool {
			if !g.Alone || !slices.Contains(g.To, a.who.principal) || !slices.Contains(g.Actions, a.kind) {
				return false
			}
			missing := grantMisses(g, a, a.who.principal, ref)
			return missing.none()
		})
		if !alone {
			return true
		}
	}
	return false
}

func approvals(n int) string {
	if n == 1 {
		return "1 approval"
	}
	return strconv.Itoa(n) + " approvals"
}

// gates lists every gate that some act waits for, in the policy's order.
func (j *judge) gates(acts []*act) []verdict.Gate {
	var gates []verdict.Gate
	for _, g := range j.policy.Gates {
		waits := slices.ContainsFunc(acts, func(a *act) bool { return slices.Contains(a.waiting, g) })
		if !waits {
			continue
		}
		gates = append(gates, verdict.Gate{
			Name: g.Name, Needed: g.Approvals,
			Location: &verdict.Location{File: g.Position.File, Line: g.Position.Line, Column: g.Position.Column},
		})
	}
	return gates
}
