package export

import (
	"fmt"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// Fact is a line of what an entry says, safe to show.
type Fact struct{ Name, Text string }

// Facts are what an entry says beside its acts, chains and approvals, safe to show.
func Facts(e *audit.Entry) []Fact {
	var out []Fact
	add := func(name, text string) {
		if text != "" {
			out = append(out, Fact{name, line(text)})
		}
	}
	q := &e.Question
	asked := strings.ReplaceAll(q.Kind, "_", " ") + " of " + inert.Word(q.Subject)
	if q.Head != "" {
		asked += " at " + inert.Word(q.Head)
	}
	if q.Base != "" {
		asked += ", against " + inert.Word(q.Base)
	}
	if q.Environment != "" {
		asked += ", environment " + inert.Word(q.Environment)
	}
	add("verdict", VerdictWord(e.Verdict))
	switch {
	case e.Bootstrap:
		add("blocked", "nothing: no policy was in force")
	case e.Observe:
		add("blocked", "nothing: the policy only observes")
	}
	add("asked", asked)
	add("repository", inert.Line(e.Repository))
	run := e.Surface
	for _, part := range []string{e.Run.Event, e.Run.ID, e.Run.Job} {
		if part != "" {
			run += ", " + inert.Word(part)
		}
	}
	if e.Run.Attempt > 0 {
		run += fmt.Sprintf(", attempt %d", e.Run.Attempt)
	}
	add("surface", run)
	add("time from", inert.Line(e.TimeSource))
	policy := e.Policy
	if e.PolicyFrom != "" {
		policy += " from " + inert.Word(e.PolicyFrom)
	}
	add("policy", policy)
	vouched := "nobody: it says what somebody claims"
	if !e.Attestation.IsZero() {
		vouched = inert.Word(e.Attestation.Kind) + ", " + inert.Word(e.Attestation.By)
	}
	add("vouched by", vouched)
	var found []string
	for _, r := range e.Rules.Items {
		text := r.Effect + " " + inert.Word(r.ID)
		if r.Count > 1 {
			text += fmt.Sprintf(" (%d times)", r.Count)
		}
		found = append(found, text)
	}
	add("findings", strings.Join(appendCut(found, e.Rules.Cut), ", "))
	add("id", e.ID)
	return out
}

// Authority reads the chain behind an act out, a line a principal, root first, safe to show; nil for none.
func Authority(e *audit.Entry, a *audit.Act) []string {
	chain := e.ChainOf(a)
	if len(chain) == 0 {
		return nil
	}
	out := []string{inert.Word(chain[0].Delegator)}
	for i := range chain {
		l := &chain[i]
		text := inert.Word(l.Delegate)
		if l.Minted {
			text += " (its key was minted for it)"
		}
		text += ", until " + names.Stamp(l.NotAfter)
		if l.Purpose != "" {
			text += ", for " + inert.Quote(l.Purpose)
		}
		text += ", " + l.Digest
		if l.Key != "" {
			text += ", key " + inert.Word(l.Key)
		}
		out = append(out, line(text))
	}
	return out
}

// ActTitle is an act without what came of it, on a line, safe to show.
func ActTitle(a *audit.Act) string { return line(actTitle(a)) }

func actTitle(a *audit.Act) string {
	text := inert.Word(a.Kind) + " " + inert.Word(a.Subject)
	if a.Title != "" {
		text += " " + inert.Quote(a.Title)
	}
	if a.Actor != "" {
		text += " by " + inert.Word(a.Actor)
	}
	if a.Ref != "" {
		text += " on " + inert.Word(a.Ref)
	}
	return text
}

// ActLine is an act on a line, safe to show.
func ActLine(a *audit.Act) string {
	text := actTitle(a) + ": " + VerdictWord(a.Verdict)
	var rules []string
	for _, r := range a.Rules.Items {
		rules = append(rules, inert.Word(r))
	}
	if rules = appendCut(rules, a.Rules.Cut); len(rules) > 0 {
		text += " (" + strings.Join(rules, ", ") + ")"
	}
	var paths []string
	for _, p := range a.Paths.Items {
		paths = append(paths, inert.Word(p))
	}
	if paths = appendCut(paths, a.Paths.Cut); len(paths) > 0 {
		text += "; files " + strings.Join(paths, ", ")
	}
	return line(text)
}

// GateLine is a gate and who gave its approval, on a line, safe to show.
func GateLine(g *audit.Gate) string {
	text := fmt.Sprintf("%s: %d of %d approvals", inert.Quote(g.Name), g.Counted.Len(), g.Needed)
	var list []string
	for _, who := range g.Counted.Items {
		list = append(list, inert.Word(who))
	}
	if list = appendCut(list, g.Counted.Cut); len(list) > 0 {
		text += ", by " + strings.Join(list, ", ")
	}
	list = nil
	for _, i := range g.Ignored.Items {
		list = append(list, inert.Word(i.Who)+" ("+inert.Line(i.Why)+")")
	}
	if list = appendCut(list, g.Ignored.Cut); len(list) > 0 {
		text += "; not counted: " + strings.Join(list, ", ")
	}
	return line(text)
}

// maxLine is how many characters a line has at most; each of its words is bounded by itself.
const maxLine = 20_000

// line makes sure of what words put together may begin: a CI system's command.
func line(s string) string { return inert.LineOf(s, maxLine) }

func appendCut(list []string, cut int) []string {
	if cut > 0 {
		list = append(list, fmt.Sprintf("and %d more, left out of the entry", cut))
	}
	return list
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// VerdictWord is a verdict as people say it.
func VerdictWord(v verdict.Verdict) string {
	switch v {
	case verdict.Allowed:
		return "allowed"
	case verdict.Waiting:
		return "waits for approval"
	case verdict.NotDecided:
		return "could not be decided"
	default:
		return "denied"
	}
}
