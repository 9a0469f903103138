package delegation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// The rules that a chain can break by itself, whatever the policy says.
const (
	RuleForged          = "delegation-forged"
	RuleSpliced         = "delegation-spliced"
	RuleWidened         = "delegation-widened"
	RuleTooDeep         = "delegation-too-deep"
	RuleMalformed       = "delegation-malformed"
	RuleWrongRepository = "delegation-wrong-repository"
)

// Problem is one rule that one link breaks.
type Problem struct {
	Rule string // one of the Rule constants
	Link int    // index in the chain; -1 for the chain as a whole
	What string // part of a sentence; what it quotes is in ASCII
}

// Problems says what is wrong with a chain apart from the policy and the time: one problem a rule
// and link, all of them, in the order of the links. A chain without any holds together.
//
// The repository is the canonical name of the one that is acted upon, and repositoryID the
// forge's id for it, 0 where it is not known.
func (c Chain) Problems(repository string, repositoryID int64) []Problem {
	if len(c) == 0 || len(c) > MaxLinks {
		return []Problem{{RuleMalformed, -1, fmt.Sprintf("the chain has %d links and must have 1 to %d", len(c), MaxLinks)}}
	}
	var p problems
	for i := range c {
		p.link = i
		p.signature(&c[i])
		p.malformed(c[:i], &c[i])
		p.repository(&c[i], repository, repositoryID)
		if i == 0 {
			if c[0].Parent != "" {
				p.add(RuleSpliced, "the first link names a parent, %s, that is not in the bundle", c[0].Parent)
			}
			continue
		}
		p.spliced(&c[i-1], &c[i])
		p.narrowed(&c[i-1], &c[i])
	}
	return p.found
}

type problems struct {
	found []Problem
	link  int
}

// add notes a problem of the current link, beside another of the same rule if there is one.
func (p *problems) add(rule, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	for i := range p.found {
		if p.found[i].Link == p.link && p.found[i].Rule == rule {
			p.found[i].What += "; " + what
			return
		}
	}
	p.found = append(p.found, Problem{rule, p.link, what})
}

func (p *problems) signature(l *Link) {
	switch {
	case !l.checked:
		p.add(RuleForged, "its signature was never verified")
	case l.SignatureErr != nil:
		p.add(RuleForged, "it is not signed by %s with the key %s that it names: %v", l.Delegator.Name, l.Delegator.Key.Fingerprint(), l.SignatureErr)
	}
}

func (p *problems) malformed(before Chain, l *Link) {
	if what := l.void(); what != "" {
		p.add(RuleMalformed, "%s", what)
	}
	if what := l.Scope.deep(); what != "" {
		p.add(RuleTooDeep, "%s", what)
	}
	// The delegate must be new to the chain, by name and by key: a cycle or a key under two names
	// would let somebody meet twice in what reads as several people's decision.
	for i := range before {
		seen := before[i].Delegator
		if i > 0 {
			seen = before[i-1].Delegate
		}
		p.repeated(seen, l.Delegate)
	}
}

func (p *problems) repeated(seen, delegate Party) {
	switch {
	case seen.Name == delegate.Name:
		p.add(RuleMalformed, "%s stands in the chain before", delegate.Name)
	case seen.Key.Equal(delegate.Key):
		p.add(RuleMalformed, "the key of %s stands in the chain before, as the key of %s", delegate.Name, seen.Name)
	}
}

func (p *problems) repository(l *Link, repository string, id int64) {
	switch {
	case !slices.Contains(l.Scope.Repositories, repository):
		p.add(RuleWrongRepository, "it is for %s and not for %s", repositoriesText(l.Scope.Repositories), inert.Quote(repository))
	case l.Scope.RepositoryID != 0 && id != 0 && l.Scope.RepositoryID != id:
		p.add(RuleWrongRepository, "it is for the repository with the id %d, and %s now has the id %d: it was made anew, or is a fork",
			l.Scope.RepositoryID, repository, id)
	}
}

func (p *problems) spliced(parent, l *Link) {
	switch {
	case l.Delegator.Name != parent.Delegate.Name:
		p.add(RuleSpliced, "it is by %s, and the link before is to %s", l.Delegator.Name, parent.Delegate.Name)
	case !l.Delegator.Key.Equal(parent.Delegate.Key):
		p.add(RuleSpliced, "it is signed with the key %s, and the link before gives %s the key %s",
			l.Delegator.Key.Fingerprint(), parent.Delegate.Name, parent.Delegate.Key.Fingerprint())
	}
	switch {
	case l.Parent == "":
		p.add(RuleSpliced, "it names no parent and is not the first")
	case l.Parent != parent.Digest:
		p.add(RuleSpliced, "its parent is %s, and the link before is %s", l.Parent, parent.Digest)
	}
}

func (p *problems) narrowed(parent, l *Link) {
	var more []string
	for _, a := range l.Scope.Actions {
		if !slices.Contains(parent.Scope.Actions, a) {
			more = append(more, string(a))
		}
	}
	if len(more) > 0 {
		p.add(RuleWidened, "it gives %s, which the link before does not", names.List(more, "and"))
	}
	if l.NotBefore.Before(parent.NotBefore) {
		p.add(RuleWidened, "it starts at %s, before the link before at %s", formatTime(l.NotBefore), formatTime(parent.NotBefore))
	}
	if l.NotAfter.After(parent.NotAfter) {
		p.add(RuleWidened, "it ends at %s, after the link before at %s", formatTime(l.NotAfter), formatTime(parent.NotAfter))
	}
	if a, b := parent.Scope.RepositoryID, l.Scope.RepositoryID; a != 0 && b != 0 && a != b {
		p.add(RuleWrongRepository, "it is for the repository with the id %d, and the link before for %d", b, a)
	}
	switch {
	case parent.Scope.Depth <= 0:
		p.add(RuleTooDeep, "the link before may not be passed on")
	case l.Scope.Depth >= parent.Scope.Depth:
		p.add(RuleTooDeep, "its depth is %d and must be below %d, that of the link before", l.Scope.Depth, parent.Scope.Depth)
	}
}

func repositoriesText(list []string) string {
	if len(list) == 0 {
		return "no repository"
	}
	return strings.Join(list, ", ")
}

// WindowState says where an instant lies relative to a link's time. The zero value is none of them.
type WindowState uint8

// Before a link's time, inside it, and after it.
const (
	WindowUnknown WindowState = iota
	TooEarly
	Live
	Expired
)

// String is the state's name in lists, with hyphens: "not-yet-valid".
func (s WindowState) String() string {
	switch s {
	case TooEarly:
		return "not-yet-valid"
	case Live:
		return "live"
	case Expired:
		return "expired"
	default:
		return "unknown"
	}
}

// Words is the state in a sentence: "not yet valid".
func (s WindowState) Words() string { return strings.ReplaceAll(s.String(), "-", " ") }

// StateAt is the worst state of the chain's links: expired before too early. The empty chain is never live.
func (c Chain) StateAt(t time.Time, skew time.Duration) WindowState {
	worst := WindowUnknown
	for i, l := range c {
		switch state := l.StateAt(t, skew); state {
		case Live:
			if i == 0 {
				worst = Live
			}
		case TooEarly:
			worst = TooEarly
		case WindowUnknown, Expired:
			return state
		}
	}
	return worst
}

// StateAt compares t with the link's time: it is live where not_before - skew <= t < not_after.
// The skew makes up for a delegator's clock that is ahead; it never prolongs. Below 0 it counts as 0.
func (l Link) StateAt(t time.Time, skew time.Duration) WindowState {
	return stateAt(l.NotBefore, l.NotAfter, t, skew)
}

func stateAt(notBefore, notAfter, t time.Time, skew time.Duration) WindowState {
	switch {
	case t.IsZero() || notBefore.IsZero() || notAfter.IsZero():
		return WindowUnknown
	case !t.Before(notAfter):
		return Expired
	case t.Before(notBefore.Add(-max(skew, 0))):
		return TooEarly
	default:
		return Live
	}
}
