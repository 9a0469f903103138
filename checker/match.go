package checker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

// matches reports whether any pattern matches. No patterns match nothing: a dimension that a
// scope or grant leaves out covers nothing.
func matches(patterns []pattern.Pattern, s string) bool {
	return slices.ContainsFunc(patterns, func(p pattern.Pattern) bool { return p.Match(s) })
}

// coversRef reports whether the branches of a grant or delegation cover a ref. The gate's marks are covered by
// patterns that begin as they do and by no wider one: whoever makes tags does not say what was deployed.
func coversRef(branches []pattern.Pattern, ref string) bool {
	if !isGateMark(ref) {
		return matches(branches, ref)
	}
	return slices.ContainsFunc(branches, func(p pattern.Pattern) bool { return isGateMark(p.String()) && p.Match(ref) })
}

// isGateMark reports whether a ref, or a pattern of refs, is one of the gate's marks alone. Where file names have no
// case, neither have refs.
func isGateMark(ref string) bool {
	n := len(delegation.GateRefs)
	return len(ref) >= n && strings.EqualFold(ref[:n], delegation.GateRefs)
}

// onlyNamed says why a pattern that matches a ref does not cover it: "" where it would.
func onlyNamed(branches []pattern.Pattern, ref string) string {
	if isGateMark(ref) && matches(branches, ref) {
		return ", and what is below " + delegation.GateRefs + " is covered only by a pattern that begins so: by such tags the gate knows what was deployed"
	}
	return ""
}

// covers is "covers the paths src/** and test/**", or "covers no paths".
func covers(what string, patterns []pattern.Pattern) string {
	if len(patterns) == 0 {
		return "covers no " + what
	}
	return "covers the " + what + " " + asWritten(patterns)
}

// asWritten lists patterns as their author wrote them, for a sentence.
func asWritten(patterns []pattern.Pattern) string {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		texts[i] = inert.Word(strings.TrimPrefix(p.String(), "refs/heads/"))
	}
	return list(texts)
}

// selector is what a forbid or a gate looks for. A dimension left out (nil) matches everything.
type selector struct {
	to           []names.Principal
	actions      []names.Action
	branches     []pattern.Pattern
	paths        []pattern.Pattern
	environments []pattern.Pattern
	when         *policy.Condition
}

// selected says what of the act a selector matched.
type selected struct {
	who  names.Principal // the principal on the chain, "" where the rule names none
	path string          // the first path, "" where the rule names none
	env  string
	ref  string // the ref at which it matched, "" where the act is at none
	why  string // set where the condition could not be evaluated
	// unknown is set where the rule names paths and it is not known which the act changes.
	unknown bool
}

// selects reports whether the selector matches the act, done by any of the given principals.
// A condition that cannot be evaluated matches, and so do paths that are not known: these rules only
// ever restrict. One that hangs on what is not known yet is left to whoever judges the act once it is done.
func (s selector) selects(a *act, by []names.Principal) (selected, bool) {
	var hit selected
	if s.to != nil {
		i := slices.IndexFunc(by, func(p names.Principal) bool { return slices.Contains(s.to, p) })
		if i < 0 {
			return hit, false
		}
		hit.who = by[i]
	}
	if s.actions != nil && !slices.Contains(s.actions, a.kind) {
		return hit, false
	}
	if s.paths != nil {
		paths, known := a.landing()
		i := slices.IndexFunc(paths, func(p string) bool { return matches(s.paths, p) })
		switch {
		case i >= 0:
			hit.path = paths[i]
		case known:
			return hit, false
		default:
			hit.unknown = true
		}
	}
	if s.environments != nil {
		i := slices.IndexFunc(a.touched, func(e *policy.Environment) bool { return matches(s.environments, e.Name) })
		if i < 0 {
			return hit, false
		}
		hit.env = a.touched[i].Name
	}
	for _, ref := range a.places() {
		hit.ref = ref
		if s.branches != nil && !matches(s.branches, ref) {
			continue
		}
		if s.when == nil {
			return hit, true
		}
		yes, err := s.when.Eval(a.factsAt(ref))
		if errors.Is(err, policy.ErrNotYet) {
			continue
		}
		if err != nil {
			hit.why = fmt.Sprintf("its condition could not be evaluated: %v", err)
			return hit, true
		}
		if yes {
			return hit, true
		}
	}
	return hit, false
}

// paths lists the paths that the act itself changes, for which its actor needs authority.
func (a *act) paths() []string { return a.pathList }

// landing lists the paths at which what the act puts somewhere differs from what was there: those that
// the act itself changes, of a push those between the old and the new tip, of a deploy those between what
// the environment has and the commit. Forbids and gates go by them. known is false where there may be more.
func (a *act) landing() (paths []string, known bool) {
	switch {
	case a.step != nil:
		return a.lands, true
	case a.pathList != nil:
		return a.pathList, true
	case a.request != nil && a.asked != nil && a.kind == names.Deploy:
		return a.lands, a.request.ChangesKnown || a.request.Used // of one that was used nothing more is learned
	default:
		return a.lands, true
	}
}

// places lists the refs that the act is at; one that is at none is judged once, at "".
func (a *act) places() []string {
	if len(a.refs) == 0 {
		return []string{""}
	}
	return a.refs
}

// factsAt is what a condition can ask about, with the act judged at one of its refs.
func (a *act) factsAt(ref string) policy.Facts {
	f := a.facts
	f.Ref = ref
	f.Agent = ""
	if a.who.principal.Kind() == names.Agent {
		f.Agent = a.who.principal.Label()
	}
	f.ChainDepth = len(a.who.chain)
	f.ChainRoot = string(a.root())
	f.ChainMinted = false
	for i := range a.who.chain {
		f.ChainMinted = f.ChainMinted || a.who.minted(i, a.judge.policy)
	}
	return f
}

// root is the human (or workflow) that the act's authority comes from: the chain's first
// delegator, or the actor where there is no chain.
func (a *act) root() names.Principal {
	if len(a.who.chain) > 0 {
		return a.who.chain[0].Delegator.Name
	}
	return a.who.principal
}

// everyone lists every principal whom the act goes back to: the actor and all of the chain.
func (a *act) everyone() []names.Principal {
	by := make([]names.Principal, 0, len(a.who.chain)+1)
	for i := range a.who.chain {
		by = append(by, a.who.chain[i].Delegator.Name)
	}
	if a.who.principal != "" {
		by = append(by, a.who.principal)
	}
	return by
}
