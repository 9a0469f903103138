// Package query finds entries in the audit log: by who acted, what was asked, when and what came of it, in either
// order, and as they come.
//
// An entry has a bounded size and cuts its lists. Where the part that was left out may be what was asked for, the
// entry is found too, and marked: whoever audits must not miss it.
package query

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/verdict"
)

// Filter says which entries are asked for: those that all of it matches. The zero value asks for all.
type Filter struct {
	Agent       names.Principal  // it acted, or passed authority on
	Human       names.Principal  // it acted, delegated or approved
	Environment string           // compared without case
	Verdict     *verdict.Verdict // nil: any
	Since       time.Time        // not before
	Until       time.Time        // before
	Path        *pattern.Pattern // of a file that was changed
	Delegation  string           // the beginning of a digest of any link: see [ParseDigest]
	Rule        string           // found something
	Repository  string
	Surface     string
	Commit      string // the beginning of a commit id that was judged
}

// Match says whether an entry is what is asked for.
type Match uint8

// No match; perhaps one, in what the entry leaves out; a match.
const (
	No Match = iota
	Perhaps
	Yes
)

// Match is the worst answer of all parts of the filter.
func (f *Filter) Match(e *audit.Entry) Match {
	if f.Verdict != nil && e.Verdict != *f.Verdict || !f.Since.IsZero() && e.Time.Before(f.Since) || !f.Until.IsZero() && !e.Time.Before(f.Until) ||
		f.Repository != "" && e.Repository != f.Repository || f.Surface != "" && e.Surface != f.Surface ||
		f.Environment != "" && !strings.EqualFold(e.Question.Environment, f.Environment) {
		return No
	}
	m := Yes
	for _, part := range []struct {
		asked bool
		match func(*audit.Entry) Match
	}{
		{f.Agent != "", func(e *audit.Entry) Match { return party(e, f.Agent) }},
		{f.Human != "", func(e *audit.Entry) Match { return max(party(e, f.Human), approver(e, f.Human)) }},
		{f.Path != nil, f.path},
		{f.Delegation != "", f.delegation},
		{f.Rule != "", f.rule},
		{f.Commit != "", f.commit},
	} {
		if part.asked {
			m = min(m, part.match(e))
		}
	}
	return m
}

// perhaps is the answer where nothing that is listed matches.
func perhaps(cut ...int) Match {
	if slices.ContainsFunc(cut, func(n int) bool { return n > 0 }) {
		return Perhaps
	}
	return No
}

func party(e *audit.Entry, who names.Principal) Match {
	name := string(who)
	for i := range e.Acts.Items {
		if e.Acts.Items[i].Actor == name {
			return Yes
		}
	}
	for i := range e.Chains.Items {
		for _, l := range e.Chains.Items[i].Links {
			if l.Delegator == name || l.Delegate == name {
				return Yes
			}
		}
	}
	return perhaps(e.Acts.Cut, e.Chains.Cut)
}

func approver(e *audit.Entry, who names.Principal) Match {
	cut := e.Gates.Cut
	for i := range e.Gates.Items {
		g := &e.Gates.Items[i]
		if slices.Contains(g.Counted.Items, string(who)) {
			return Yes
		}
		cut += g.Counted.Cut
	}
	return perhaps(cut)
}

func (f *Filter) path(e *audit.Entry) Match {
	cut := e.Acts.Cut
	for i := range e.Acts.Items {
		paths := &e.Acts.Items[i].Paths
		if slices.ContainsFunc(paths.Items, f.Path.Match) {
			return Yes
		}
		cut += paths.Cut
	}
	return perhaps(cut)
}

func (f *Filter) delegation(e *audit.Entry) Match {
	for i := range e.Acts.Items {
		if strings.HasPrefix(e.Acts.Items[i].Delegation, f.Delegation) {
			return Yes
		}
	}
	for i := range e.Chains.Items {
		for _, l := range e.Chains.Items[i].Links {
			if strings.HasPrefix(l.Digest, f.Delegation) {
				return Yes
			}
		}
	}
	return perhaps(e.Acts.Cut, e.Chains.Cut)
}

func (f *Filter) rule(e *audit.Entry) Match {
	if slices.ContainsFunc(e.Rules.Items, func(r audit.Rule) bool { return r.ID == f.Rule }) {
		return Yes
	}
	return perhaps(e.Rules.Cut)
}

func (f *Filter) commit(e *audit.Entry) Match {
	if strings.HasPrefix(e.Question.Head, f.Commit) {
		return Yes
	}
	for i := range e.Acts.Items {
		if a := &e.Acts.Items[i]; a.Kind == string(names.Commit) && strings.HasPrefix(a.Subject, f.Commit) {
			return Yes
		}
	}
	return perhaps(e.Acts.Cut)
}

// minDigits is how short a digest may be cut.
const minDigits = 6

// ParseDigest reads the beginning of a digest, with or without its "sha256:", for [Filter.Delegation].
func ParseDigest(s string) (string, error) {
	digits := strings.TrimPrefix(s, "sha256:")
	if len(digits) < minDigits || len(digits) > len(audit.Digest(nil))-len("sha256:") || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%s is no digest: it is sha256: and 64 hexadecimal digits, or the first %d or more of them", inert.Quote(s), minDigits)
	}
	return "sha256:" + digits, nil
}

// ParseVerdict reads a verdict as reports name it.
func ParseVerdict(s string) (verdict.Verdict, error) {
	for _, v := range Verdicts() {
		if s == v.String() {
			return v, nil
		}
	}
	return verdict.Denied, fmt.Errorf("%s is no verdict: it is %s", inert.Quote(s), names.List([]string{"allow", "deny", "pending", "undecided"}, "or"))
}

// Verdicts are those that an entry can have.
func Verdicts() []verdict.Verdict {
	return []verdict.Verdict{verdict.Allowed, verdict.Denied, verdict.Waiting, verdict.NotDecided}
}

const maxDays = 36_500

// ParseTime reads a point in time: RFC 3339; a day such as 2026-11-23, from its beginning in UTC; or how long ago,
// such as 90m, 36h or 7d.
func ParseTime(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	var days int
	var rest string
	if n, _ := fmt.Sscanf(s, "%dd%s", &days, &rest); n == 1 && days >= 0 && days <= maxDays && fmt.Sprintf("%dd", days) == s {
		return now.Add(-time.Duration(days) * 24 * time.Hour), nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%s is no point in time: write 2026-11-23T14:00:00Z, 2026-11-23, or how long ago, such as 90m, 36h or 7d", inert.Quote(s))
}
