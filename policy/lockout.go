package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// This file finds policies that nobody could change once they are in force.

// Door is where a change of the policy has to get in.
type Door struct {
	Ref    string // full name of the branch that the policy is read from; "" where it is not known
	Signed bool   // approvals count there only where they are signed, as at a server's hook
}

// Lockout says why nobody could change the policy any more once it is in force, as a clause; "" where somebody
// could. That is a human with a key of theirs, or with an account where that is enough, whom no forbid and no gate
// keeps from it; else an agent that needs no human to delegate to it, where a human could approve. What hangs on a
// condition, or on who is in a team of the forge's, counts as possible. A policy that observes blocks nothing.
func (p *Policy) Lockout(at Door) string {
	if p.Settings.Observe || p.changedByAgent(at) {
		return ""
	}
	var why []string
	for _, q := range p.sortedPrincipals() {
		if q.Name.Kind() != names.Human {
			continue
		}
		reason := p.keptFrom(q, at)
		if reason == "" {
			return ""
		}
		why = append(why, reason)
	}
	if len(why) == 0 {
		return "it has no human block"
	}
	if n := len(why) - maxReasons; n > 0 {
		why = append(why[:maxReasons:maxReasons], fmt.Sprintf("and so for %d more", n))
	}
	return strings.Join(why, "; ")
}

const maxReasons = 3 // that are told

// Locked is the diagnostic of a policy that nobody could change once it is in force, empty where somebody could. It
// is an error of one that lives in the repository that it rules. An organisation's is changed where it lives, so
// that this is a warning there.
func (p *Policy) Locked() Diagnostics {
	why := p.Lockout(Door{})
	if why == "" {
		return nil
	}
	d := Diagnostic{
		Summary: "Nobody could change it", Position: Position{File: p.File},
		Detail: "Once this policy is in force nobody could change it, or take it back: " + why + ". " + LockoutFix,
	}
	if p.Repository == "" {
		d.Severity = SeverityWarning
		d.Detail += " It may stay so where the policy lives in a repository that it does not rule."
	}
	return Diagnostics{d}
}

// LockoutFix says what to do about a policy that nobody could change.
const LockoutFix = "Have a human block with a key that its human has, and no forbid or gate that keeps them from changing " + FileName + "."

// file is the policy's own path.
func (p *Policy) file() string {
	if p.Path == "" {
		return FileName
	}
	return p.Path
}

// keptFrom says what keeps a human from changing the policy, "" for nothing.
func (p *Policy) keptFrom(q *Principal, at Door) string {
	if why := p.unknownBy(q); why != "" {
		return why
	}
	bars := p.bars(q, at)
	for _, b := range bars {
		if b.holds(names.Commit, "") {
			return b.why
		}
	}
	if !p.humanMay(q, "", names.Commit) {
		return "nothing grants " + string(q.Name) + " a commit to it (settings.humans)"
	}
	landing := []names.Action{names.Commit, names.Push, names.PullRequest}
	why := ""
	for _, a := range landing {
		i := slices.IndexFunc(bars, func(b bar) bool { return b.holds(a, at.Ref) })
		switch {
		case i >= 0:
			why = bars[i].why
		case p.humanMay(q, at.Ref, a):
			return ""
		}
	}
	if why == "" {
		why = "nothing grants " + string(q.Name) + " to bring it onto the branch (settings.humans)"
	}
	return why
}

// unknownBy says why nothing proves that a human made a change, "" where something could.
func (p *Policy) unknownBy(q *Principal) string {
	if p.Settings.UnsignedPusher {
		return ""
	}
	if len(q.Keys) == 0 {
		return string(q.Name) + " has no keys"
	}
	left := slices.DeleteFunc(slices.Clone(q.Keys), func(k signing.PublicKey) bool {
		_, revoked := p.revokedFrom(q.Name, k.Fingerprint())
		return revoked
	})
	if len(left) == 0 {
		return "no key of " + string(q.Name) + " is left that is not revoked"
	}
	if !slices.ContainsFunc(left, func(k signing.PublicKey) bool { return !q.Presence || k.Hardware() }) {
		return string(q.Name) + " has presence = true, and no key that can show a touch"
	}
	return ""
}

// bar is a forbid, or a gate that cannot be opened for somebody.
type bar struct {
	actions  []names.Action
	branches []pattern.Pattern
	why      string
}

// holds reports whether a bar is before acts of a kind at a ref, or at every branch ("").
func (b bar) holds(a names.Action, ref string) bool {
	if b.actions != nil && !slices.Contains(b.actions, a) {
		return false
	}
	all := fixedRef("refs/heads/**")
	return b.branches == nil || ref != "" && pattern.Any(b.branches, ref) ||
		slices.ContainsFunc(b.branches, func(q pattern.Pattern) bool { return q.Covers(all) })
}

// bars lists what is certainly before a human who changes the policy.
func (p *Policy) bars(q *Principal, at Door) []bar {
	about := func(to []names.Principal, paths, environments []pattern.Pattern, when *Condition) bool {
		return (to == nil || slices.Contains(to, q.Name)) && (paths == nil || pattern.Any(paths, p.file())) && environments == nil && when == nil
	}
	var bars []bar
	for _, f := range p.Forbids {
		if about(f.To, f.Paths, f.Environments, f.When) {
			bars = append(bars, bar{f.Actions, f.Branches, fmt.Sprintf("the forbid %s (line %d) keeps %s from it", inert.Quote(f.Name), f.Position.Line, q.Name)})
		}
	}
	for _, g := range p.Gates {
		if !about(g.To, g.Paths, g.Environments, g.When) {
			continue
		}
		if p.opensFor(g, q, at) {
			continue
		}
		why := fmt.Sprintf("the gate %s (line %d) holds %s up, and nobody else can open it", inert.Quote(g.Name), g.Position.Line, q.Name)
		if at.Signed {
			why += " by signature"
		}
		bars = append(bars, bar{g.Actions, g.Branches, why})
	}
	return bars
}

// opensFor reports whether others could approve, at a gate, what a human did.
func (p *Policy) opensFor(g *Gate, q *Principal, at Door) bool {
	terms := *g
	terms.Signed = g.Signed || at.Signed
	able := 0
	for _, who := range p.Expand(g.Approvers) {
		if who.Kind() == names.Team {
			if !at.Signed { // a server knows no member of a team of the forge's
				return true
			}
			continue
		}
		if who != q.Name && p.cannotApprove(&terms, who) == "" {
			able++
		}
	}
	return able >= g.Approvals
}

// humanMay reports whether a human may do something to the policy's file as far as grants go.
func (p *Policy) humanMay(q *Principal, ref string, a names.Action) bool {
	return !p.Settings.HumansGranted || slices.ContainsFunc(p.Grants, func(g *Grant) bool { return p.grantsChange(g, q.Name, ref, a) })
}

// grantsChange reports whether a grant may cover an act of somebody on the policy's file, at a ref or at any ("").
func (p *Policy) grantsChange(g *Grant, to names.Principal, ref string, a names.Action) bool {
	return slices.Contains(g.To, to) && slices.Contains(g.Actions, a) && len(g.Branches) > 0 && (ref == "" || pattern.Any(g.Branches, ref)) &&
		(a == names.Push || pattern.Any(g.Paths, p.file()))
}

// changedByAgent reports whether somebody who needs no human's key could change the policy, and a human could
// approve that.
func (p *Policy) changedByAgent(at Door) bool {
	able := slices.ContainsFunc(p.sortedPrincipals(), func(q *Principal) bool {
		return q.Name.Kind() == names.Human && (len(q.Keys) > 0 || !at.Signed && (q.GitHub != "" || q.GitHubID != 0))
	})
	if !able {
		return false
	}
	rooted := p.rooted(names.Workflow)
	for _, g := range p.Grants {
		for _, to := range g.To {
			q := p.Principals[to]
			acts := q != nil && (to.Kind() == names.App || rooted[to] || g.Standing && q.Pinned())
			if acts && p.grantsChange(g, to, "", names.Commit) &&
				!slices.ContainsFunc(p.bars(q, at), func(b bar) bool { return b.holds(names.Commit, "") }) {
				return true
			}
		}
	}
	return false
}
