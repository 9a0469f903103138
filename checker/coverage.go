package checker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

// coverage is what an act asks for and its authority does not give. The authority is the
// intersection of every link of the chain and of one grant to the actor: each must cover all of it.
type coverage struct {
	links  []shortfall     // one for each link that does not cover the act
	grants []grantShortage // the grant that comes closest, at each ref that no grant covers
	root   []grantShortage // the same for the human root, where humans need grants
}

// shortfall is what one link does not cover.
type shortfall struct {
	link   *delegation.Link
	action bool
	refs   []string
	paths  []string
	envs   []string
}

// grantShortage is why no grant covers the act at a ref. Grant is the one that comes closest,
// nil where the policy grants the principal nothing of the kind.
type grantShortage struct {
	who    names.Principal
	ref    string
	grant  *policy.Grant
	branch bool
	from   bool // ref is one that a deploy is from
	paths  []string
	envs   []string
	secret []string // shared secrets
	modes  []modeNeed
	ttl    bool
	noWay  bool   // acts without a delegation, and the grant does not let it
	when   string // why the condition does not hold
}

// modeNeed is a path whose new entry is not a plain file.
type modeNeed struct{ path, mode string }

// none reports whether nothing is missing, and how much is, to find the closest grant.
func (g *grantShortage) none() bool { return g.size() == 0 }

func (g *grantShortage) size() int {
	n := 10 * (len(g.paths) + len(g.envs) + len(g.secret) + len(g.modes)) // a grant that is for these paths is nearer
	switch {
	case g.branch && g.from: // the grant is for this environment, which is nearer than one for another
		n += 5
	case g.branch:
		n += 10_000
	}
	if g.noWay {
		n += 1000
	}
	if g.ttl {
		n++
	}
	if g.when != "" {
		n++
	}
	return n
}

// covering finds what the act's authority does not cover.
func (j *judge) covering(a *act) coverage {
	var c coverage
	if a.kind == "" || a.who.problem != attributed {
		return c
	}
	if a.who.principal.Kind() == names.Human {
		if j.policy.Settings.HumansGranted {
			c.grants = j.ungranted(a, a.who.principal)
		}
		return c
	}
	if !a.who.sound() {
		return c
	}
	for i := range a.who.chain {
		if s := linkShortfall(&a.who.chain[i], a); s.link != nil {
			c.links = append(c.links, s)
		}
	}
	c.grants = j.ungranted(a, a.who.principal)
	if root := a.root(); j.policy.Settings.HumansGranted && root.Kind() == names.Human {
		c.root = j.ungranted(a, root)
	}
	return c
}

// linkShortfall is what one link's scope does not cover; its link is nil where it covers everything.
func linkShortfall(l *delegation.Link, a *act) shortfall {
	s := shortfall{action: !slices.Contains(l.Scope.Actions, a.kind)}
	if a.request != nil {
		s.envs = a.uncoveredByName(l.Scope.Environments)
		refs := a.actsOn()
		if a.asked != nil && a.kind == names.Deploy && limitsDeploys(&l.Scope) {
			refs = a.refs
		}
		for _, ref := range refs {
			if !coversRef(l.Scope.Branches, ref) {
				s.refs = append(s.refs, ref)
			}
		}
		if s.action || len(s.refs)+len(s.envs) > 0 {
			s.link = l
		}
		return s
	}
	for _, ref := range a.refs {
		if !coversRef(l.Scope.Branches, ref) {
			s.refs = append(s.refs, ref)
		}
	}
	for _, p := range a.paths() {
		if !matches(l.Scope.Paths, p) {
			s.paths = append(s.paths, p)
		}
	}
	s.envs = a.uncoveredEnvironments(l.Scope.Environments, l.Scope.Paths)
	if s.action || len(s.refs)+len(s.paths)+len(s.envs) > 0 {
		s.link = l
	}
	return s
}

// uncoveredEnvironments lists the environments that the act touches and that a scope does not cover.
// One that it touches only at paths outside of the scope is left out: the paths say it already.
func (a *act) uncoveredEnvironments(environments, paths []pattern.Pattern) []string {
	var missing []string
	for _, e := range a.touched {
		if matches(environments, e.Name) {
			continue
		}
		if slices.ContainsFunc(a.paths(), func(p string) bool { return matches(e.Paths, p) && matches(paths, p) }) {
			missing = append(missing, e.Name)
		}
	}
	return missing
}

// ungranted says, for each ref of the act that no grant to who covers, what the closest grant lacks.
func (j *judge) ungranted(a *act, who names.Principal) []grantShortage {
	var missing []grantShortage
	for _, ref := range a.places() {
		closest := grantShortage{who: who, ref: ref}
		for _, g := range j.policy.Grants {
			if !slices.Contains(g.To, who) || !slices.Contains(g.Actions, a.kind) {
				continue
			}
			s := grantMisses(g, a, who, ref)
			if s.none() {
				closest = s
				break
			}
			if closest.grant == nil || s.size() < closest.size() {
				closest = s
			}
		}
		if closest.grant == nil || !closest.none() {
			missing = append(missing, closest)
		}
	}
	return missing
}

// grantMisses is what one grant does not cover of the act at one ref.
func grantMisses(g *policy.Grant, a *act, who names.Principal, ref string) grantShortage {
	s := grantShortage{who: who, ref: ref, grant: g}
	if a.request != nil {
		s.envs = a.uncoveredByName(g.Environments)
		switch {
		case a.asked == nil || ref == "":
		case a.kind == names.Deploy: // branches may be left out: the environment says where from
			s.branch, s.from = g.Branches != nil && !coversRef(g.Branches, ref), true
		default:
			s.branch = !coversRef(g.Branches, ref)
		}
	} else {
		s.branch = !coversRef(g.Branches, ref)
		s.envs = a.uncoveredEnvironments(g.Environments, g.Paths)
	}
	for _, name := range a.secrets {
		if !matches(g.Secrets, name) {
			s.secret = append(s.secret, name)
		}
	}
	for _, p := range a.paths() {
		if !matches(g.Paths, p) {
			s.paths = append(s.paths, p)
		}
	}
	if who.Kind() == names.Agent {
		for _, c := range a.changes {
			if m := modeOf(c); m != "" && !slices.Contains(g.Modes, m) {
				s.modes = append(s.modes, modeNeed{c.Path, m})
			}
		}
		switch leaf := a.leaf(); {
		case leaf != nil:
			s.ttl = lifetime(leaf) > g.MaxTTL
		case !a.who.assumed:
			s.noWay = !a.stands(g)
		}
	}
	if g.When != nil && !(a.unplaced() && g.When.Needs("act.ref")) {
		switch yes, err := g.When.Eval(a.factsAt(ref)); {
		case errors.Is(err, policy.ErrNotYet): // whoever judges the act once it is done can tell
		case err != nil:
			s.when = fmt.Sprintf("its condition could not be evaluated: %v", err)
		case !yes:
			s.when = "its condition `when` does not hold"
		}
	}
	return s
}

// stands reports whether a grant lets the actor act without a delegation. Only an agent with a pinned
// key can: the name of one that is minted proves nobody.
func (a *act) stands(g *policy.Grant) bool {
	return g.Standing && a.who.block != nil && a.who.block.Pinned()
}

// modeOf names the permission that a change's new mode needs, "" for a plain file.
// What was such an entry before needs it too when its content changes: a symlink may point elsewhere.
func modeOf(c evidence.Change) string {
	switch c.New.Mode {
	case 0, 0o100644:
		return ""
	case 0o120000:
		return "symlink"
	case 0o160000:
		return "submodule"
	case 0o100755:
		if c.Old.Mode == 0o100755 {
			return "" // it was executable before; only its content changed
		}
		return "executable"
	default:
		return "unknown"
	}
}

func lifetime(l *delegation.Link) time.Duration { return l.NotAfter.Sub(l.NotBefore) }
