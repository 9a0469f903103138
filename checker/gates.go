package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// gateBallot is a gate that an act is at, and how approvals count there.
type gateBallot struct {
	ballot
	terms     terms
	name      string // as reports show it
	asks      string // what the gate asks for; a sentence without its full stop
	protected bool   // protected-path says for which paths it waits
	position  policy.Position
}

// castBallots counts the approvals at each gate that the act is at.
func (a *act) castBallots() []*gateBallot {
	if a.request != nil && a.request.Used {
		return nil // no approval brings back a request that was used
	}
	var all []*gateBallot
	for _, g := range a.waiting {
		t := termsOf(g)
		kind := approvals(t.needed)
		if t.signed {
			kind = strings.Replace(kind, "approval", "signed approval", 1)
		}
		all = append(all, &gateBallot{
			ballot: a.ballot(t), terms: t, name: g.Name, position: g.Position,
			asks: "The gate " + quoted(g.Name) + " asks for " + kind + " by " + among(g.Approvers, t.needed),
		})
	}
	if a.defaultGate() {
		t := defaultTerms()
		all = append(all, &gateBallot{
			ballot: a.ballot(t), terms: t, name: "default gate: " + string(a.kind) + " by an agent",
			asks: "An agent may not " + phrase(a.kind) + " without " + approvals(t.needed) + " by a human of the policy, unless a gate of the policy says otherwise or its grant says alone = true",
		})
	}
	if a.changesProtected() {
		t := defaultTerms()
		all = append(all, &gateBallot{
			ballot: a.ballot(t), terms: t, name: "protected paths", protected: true, position: a.judge.policy.Settings.Position,
			asks: "A change by an agent to what settings.protected lists needs " + approvals(t.needed) + " by a human of the policy",
		})
	}
	return all
}

// among names those of whom some are needed.
func among(who []names.Principal, needed int) string {
	if len(who) <= needed {
		return list(who)
	}
	texts := make([]string, len(who))
	for i, p := range who {
		texts[i] = string(p)
	}
	return alternatives(texts)
}

// waitsFor lists the gates that match the act, and those that match what it brings along.
func (a *act) waitsFor() []*policy.Gate {
	gates := a.gates()
	more := a.carried.gates()
	if a.flow != nil && !a.tree { // nothing approves a tree
		for _, r := range a.flow.reached {
			more = append(more, r.act.gates()...)
		}
	}
	for _, g := range more {
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
	for _, ref := range a.places() {
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

// gates lists every gate that some act is at: the policy's in its order, then the others.
func (j *judge) gates(acts []*act) []verdict.Gate {
	var order []string
	byName := map[string]*gateTally{}
	for _, a := range acts {
		for _, b := range a.ballots {
			if byName[b.key()] == nil {
				order = append(order, b.key())
				byName[b.key()] = &gateTally{}
			}
			byName[b.key()].add(b)
		}
	}
	var gates []verdict.Gate
	for _, g := range j.policy.Gates {
		if t := byName["gate "+g.Name]; t != nil {
			gates = append(gates, t.gate())
			delete(byName, "gate "+g.Name)
		}
	}
	slices.Sort(order)
	for _, key := range order {
		if t := byName[key]; t != nil {
			gates = append(gates, t.gate())
		}
	}
	return gates
}

// key tells a gate from every other: a gate of the policy may have any name.
func (b *gateBallot) key() string {
	if b.terms.approvers == nil {
		return b.name
	}
	return "gate " + b.name
}

// gateTally is what all acts at a gate have: the ballot of the one that is farthest from being let
// through, and every approval that did not count.
type gateTally struct {
	worst   *gateBallot
	ignored []verdict.Ignored
}

func (t *gateTally) add(b *gateBallot) {
	if t.worst == nil || b.missing > t.worst.missing {
		t.worst = b
	}
	for _, no := range b.ignored {
		shown := verdict.Ignored{Who: no.who, Why: no.why}
		if !slices.Contains(t.ignored, shown) {
			t.ignored = append(t.ignored, shown)
		}
	}
}

func (t *gateTally) gate() verdict.Gate {
	b := t.worst
	g := verdict.Gate{Name: b.name, Needed: b.terms.needed, Counted: b.counted, Ignored: t.ignored}
	if b.missing > 0 {
		g.Approvers = b.approvers
	}
	if p := b.position; p.Line > 0 {
		g.Location = &verdict.Location{File: p.File, Line: p.Line, Column: p.Column}
	}
	return g
}
