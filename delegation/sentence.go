package delegation

import (
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// Sentences reads the chain out, one sentence a link, root first. They are safe to show: text that
// somebody chose freely is quoted in ASCII.
//
//	human.alice lets agent.planner commit on agent/** under src/**, in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, and pass it on 1 time, for "SHOP-1412"
func (c Chain) Sentences() []string {
	out := make([]string, len(c))
	for i := range c {
		out[i] = c[i].sentence()
	}
	return out
}

func (d *Delegation) sentence() string {
	return fmt.Sprintf("%s lets %s %s, in %s, %s%s, for %s", d.Delegator.Name, d.Delegate.Name, d.Scope.acts(),
		repositoriesText(d.Scope.Repositories), windowText(d.NotBefore, d.NotAfter), d.Scope.passing(), inert.QuoteAll(d.Purpose))
}

// Text is what a scope covers, in words that are safe to show, without the repositories:
//
//	commit on agent/** under src/**, and pass it on 1 time
func (s *Scope) Text() string { return s.acts() + s.passing() }

func (s *Scope) acts() string {
	var b strings.Builder
	b.WriteString(actionsText(s.Actions))
	for _, l := range []struct {
		word     string
		patterns []pattern.Pattern
	}{{"on", s.Branches}, {"under", s.Paths}, {"to environment", s.Environments}} {
		if len(l.patterns) > 0 {
			fmt.Fprintf(&b, " %s %s", l.word, names.List(shown(l.patterns), "or"))
		}
	}
	return b.String()
}

func (s *Scope) passing() string {
	switch n := s.Depth; {
	case n == 1:
		return ", and pass it on 1 time"
	case n > 1:
		return fmt.Sprintf(", and pass it on %d times", n)
	default:
		return ""
	}
}

func actionsText(list []names.Action) string {
	words := make([]string, len(list))
	for i, a := range list {
		switch a {
		case names.PullRequest:
			words[i] = "open pull requests"
		case names.Secret:
			words[i] = "reach secrets"
		case names.Rotate:
			words[i] = "rotate secrets"
		default: // the others are verbs
			words[i] = string(a)
		}
	}
	if len(words) == 0 {
		return "do nothing"
	}
	return names.List(words, "and")
}

func windowText(from, to time.Time) string {
	from, to = from.UTC(), to.UTC()
	clock := "15:04"
	if from.Second() != 0 || to.Second() != 0 {
		clock = "15:04:05"
	}
	if day := from.Format(time.DateOnly); day == to.Format(time.DateOnly) {
		return fmt.Sprintf("from %s to %s UTC on %s", from.Format(clock), to.Format(clock), day)
	}
	return fmt.Sprintf("from %s to %s UTC", from.Format(clock+" on "+time.DateOnly), to.Format(clock+" on "+time.DateOnly))
}

// shown is a list of patterns as text, quoted where they hold more than plain ASCII.
func shown(list []pattern.Pattern) []string { return shownTexts(written(list)) }

func shownTexts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = inert.WordAll(s)
	}
	return out
}
