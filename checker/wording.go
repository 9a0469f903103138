package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// Findings speak to a maintainer who wants to know why, and to an agent that wants to go on:
// the summary says what happened, the reason on whose authority it is denied, the fix what to do.

// maxListed bounds how many findings of one kind an act gets, and how many names a list shows.
const maxListed = 20

func deny(summary, reason, fix string) verdict.Finding {
	if rest, ok := strings.CutPrefix(reason, "the "); ok {
		reason = "The " + rest
	}
	return verdict.Finding{Effect: verdict.Deny, Summary: summary, Reason: reason, Fix: fix}
}

func undecided(summary, reason, fix string) verdict.Finding {
	return verdict.Finding{Effect: verdict.Undecided, Summary: summary, Reason: reason, Fix: fix}
}

// at adds the line of the policy that a finding rests on.
func at(f verdict.Finding, p policy.Position) verdict.Finding {
	if p.Line > 0 {
		f.Location = &verdict.Location{File: p.File, Line: p.Line, Column: p.Column}
	}
	return f
}

// one is the usual result of a rule that looks at a single thing.
func one(f verdict.Finding) []verdict.Finding { return []verdict.Finding{f} }

// limit cuts a list of findings to a size that somebody reads, and says that it did. The worst come
// first, so that what is left out never was what decided.
func limit(found []verdict.Finding) []verdict.Finding {
	if len(found) <= maxListed {
		return found
	}
	slices.SortStableFunc(found, func(f, g verdict.Finding) int { return cmp.Compare(f.Effect, g.Effect) })
	rest := len(found) - maxListed
	found = found[:maxListed:maxListed]
	found[maxListed-1].Summary += fmt.Sprintf(" (and %d more like it)", rest)
	return found
}

// name is the act in a sentence: "commit 3f2c1a9b0c", "tag v1.2", "the deletion of refs/heads/x".
func (a *act) name() string {
	switch {
	case a.foreseen:
		return "the chain"
	case a.elsewhere:
		return "what others put elsewhere"
	case a.commit != nil && a.judge.set.Making != "":
		return "the commit"
	case a.commit != nil:
		return "commit " + shortID(a.subject)
	case a.tag != nil:
		return "tag " + inert.Word(strings.TrimPrefix(a.refText(), "refs/tags/"))
	case a.pull != nil:
		if a.pull.Number == 0 { // it is still to be opened
			return "the pull request"
		}
		return "pull request " + a.subject
	case a.step != nil:
		return "the merge of " + mergedName(a.step)
	case a.request != nil:
		return a.requestName()
	case a.update == nil:
		return "the act"
	case a.update.New == "":
		return "the deletion of " + inert.Word(a.update.Ref)
	case a.update.Forced:
		return "the forced update of " + inert.Word(a.update.Ref)
	default:
		return "the update of " + inert.Word(a.update.Ref)
	}
}

// doer is the actor in a sentence.
func (a *act) doer() string {
	switch {
	case a.who.principal == "":
		return "whoever made it"
	case len(a.who.chain) > 0 && a.who.minted(len(a.who.chain)-1, a.judge.policy):
		return fmt.Sprintf("%s (minted by %s)", a.who.principal, a.leaf().Delegator.Name)
	default:
		return string(a.who.principal)
	}
}

// linkText is a link of the act's chain in a sentence. The last one of a chain that was not handed out yet
// has no digest that anybody knows.
func (a *act) linkText(l *delegation.Link) string {
	if a.foreseen && l == a.leaf() {
		return fmt.Sprintf("the delegation of %s to %s", l.Delegator.Name, l.Delegate.Name)
	}
	return linkText(l)
}

// linkText is a link in a sentence: "human.alice's delegation to agent.planner (sha256:9c1e…)".
func linkText(l *delegation.Link) string {
	return fmt.Sprintf("the delegation of %s to %s (%s)", l.Delegator.Name, l.Delegate.Name, shortDigest(l.Digest))
}

func shortID(id string) string {
	if id == "" {
		return "without an id"
	}
	if len(id) > 10 {
		return id[:10]
	}
	return id
}

func shortDigest(d string) string {
	if len(d) > len("sha256:")+12 {
		return d[:len("sha256:")+12]
	}
	return d
}

// clock is a time in a sentence, always in UTC.
func clock(t time.Time) string { return names.Stamp(t) }

// span is a length of time as a policy writes it: "10m", "1h30m".
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quoted is text of the policy. Its maintainers wrote it, in whatever script they write.
func quoted(s string) string { return strconv.Quote(s) }

// told is what a collector says: words that may quote what somebody else wrote, in ASCII. Where it
// is anything else it is shown as [inert.Word] does.
func told(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return inert.Word(s)
	}
	return s
}

// sentence makes a sentence of what an error says.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// list is "a", "a and b", "a, b and c".
func list[T ~string](items []T) string {
	shown := make([]string, 0, min(len(items), maxListed))
	for i, item := range items {
		if i == maxListed {
			return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", len(items)-maxListed)
		}
		shown = append(shown, string(item))
	}
	switch len(shown) {
	case 0:
		return "nothing"
	case 1:
		return shown[0]
	default:
		return strings.Join(shown[:len(shown)-1], ", ") + " and " + shown[len(shown)-1]
	}
}

// wasSeen tells as of what time an act is judged, as it goes on after its name: what was "seen" then, or a
// pull request, which is there longer than what it is judged by.
func (a *act) wasSeen(how string) string {
	at := clock(a.seen.Time) + " (" + a.seen.By + ")"
	if a.pull != nil {
		return "is judged as of " + at
	}
	return "was " + how + " at " + at
}
