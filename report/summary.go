package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// Summary is the outcome in one line, without a full stop:
// "denied: 1 of 3 commits may not be pushed to refs/heads/agent/pay (scope-path)".
// It is inert as [Inert] says.
func Summary(r *verdict.Report) string {
	if r == nil {
		return "denied: " + errNoReport.Error()
	}
	h := headlineOf(r, func(s string) string { return inert.LineOf(s, maxName) })
	return h.outcome + ": " + h.detail
}

// headline is the outcome of a report in two parts.
type headline struct {
	outcome string // "denied"
	detail  string // "1 of 3 commits may not be pushed to refs/heads/agent/pay (scope-path)"
	ref     string // the ref that the detail names, "" for none
}

// headlineOf words the outcome; show makes text of the report safe where it will stand.
func headlineOf(r *verdict.Report, show func(string) string) headline {
	h := headline{outcome: outcomeWord(r.Verdict)}
	h.detail, h.ref = detailOf(r, show)
	if r.Nothing != "" && r.Verdict == verdict.Allowed && len(r.Acts)+len(r.Findings) == 0 {
		h.outcome, h.detail = "nothing to judge", show(r.Nothing)
	}
	if r.Observe && r.Verdict != verdict.Allowed {
		h.detail = "nothing is blocked; in enforce mode this would be " + inEnforce(r.Verdict) + ": " + h.detail
		h.outcome = "observe"
	}
	return h
}

func outcomeWord(v verdict.Verdict) string {
	switch v {
	case verdict.Allowed:
		return "allowed"
	case verdict.Waiting:
		return "waiting for approval"
	case verdict.NotDecided:
		return "could not decide"
	default:
		return "denied"
	}
}

func inEnforce(v verdict.Verdict) string {
	switch v {
	case verdict.Waiting:
		return "held for approval"
	case verdict.NotDecided:
		return "blocked, for it could not be decided"
	default:
		return outcomeWord(v)
	}
}

// detailOf says how much of the whole the outcome is about, and by which rules.
func detailOf(r *verdict.Report, show func(string) string) (detail, ref string) {
	var blocking []*verdict.Act
	for i := range r.Acts {
		if r.Acts[i].Verdict == r.Verdict {
			blocking = append(blocking, &r.Acts[i])
		}
	}
	if r.Verdict == verdict.Allowed {
		return allowedDetail(r), ""
	}
	found := blockingRules(r, blocking)
	if len(blocking) == 0 && len(found) == 0 {
		return "no reason was recorded, and an outcome that nobody set counts as a denial", ""
	}
	subject, many := "everything together", false
	switch {
	case len(blocking) == 0:
	case len(r.Acts) == 1:
		subject = kindName(blocking[0].Kind, 1) + " " + show(shortSubject(blocking[0]))
	case len(blocking) == len(r.Acts):
		subject, many = "all "+count(len(r.Acts), commonKind(r.Acts)), true
	default:
		subject = fmt.Sprintf("%d of %s", len(blocking), count(len(r.Acts), commonKind(r.Acts)))
		many = len(blocking) > 1
	}
	verb := func(one, more string) string {
		if many {
			return more
		}
		return one
	}
	switch r.Verdict {
	case verdict.Waiting:
		detail = subject + " " + verb("waits", "wait") + " for somebody's approval"
	case verdict.NotDecided:
		detail = "something that the decision on " + subject + " needs is missing"
	default:
		detail = subject + " " + verb("is", "are") + " not allowed"
		if ref = pushedTo(blocking); ref != "" {
			detail = subject + " may not be pushed to " + show(ref)
		}
	}
	return detail + ruleList(found, show), ref
}

func allowedDetail(r *verdict.Report) string {
	said := "nothing had to be judged"
	if len(r.Acts) > 0 {
		said = count(len(r.Acts), commonKind(r.Acts))
	}
	warnings := 0
	for _, f := range r.Findings {
		warnings += warned(f)
	}
	for i := range r.Acts {
		for _, f := range r.Acts[i].Findings {
			warnings += warned(f)
		}
	}
	if warnings > 0 {
		said += ", with " + count(warnings, "warning")
	}
	return said
}

func warned(f verdict.Finding) int {
	if f.Effect == verdict.Warn {
		return 1
	}
	return 0
}

// blocks reports whether a finding keeps its act from being allowed.
func blocks(f *verdict.Finding) bool {
	return f.Effect != verdict.Warn && f.Effect != verdict.Note
}

// blockingRules lists the rules behind the outcome, each once, the worst first.
func blockingRules(r *verdict.Report, acts []*verdict.Act) []string {
	var rules []string
	worst := map[string]int{}
	add := func(found []verdict.Finding) {
		for i := range found {
			if !blocks(&found[i]) {
				continue
			}
			id, n := found[i].Rule, rank(found[i].Effect)
			if before, seen := worst[id]; !seen {
				rules, worst[id] = append(rules, id), n
			} else {
				worst[id] = min(before, n)
			}
		}
	}
	add(r.Findings)
	for _, a := range acts {
		add(a.Findings)
	}
	slices.SortStableFunc(rules, func(a, b string) int { return cmp.Compare(worst[a], worst[b]) })
	return rules
}

// ruleList is " (scope-path, unsigned)", "" for none.
func ruleList(rules []string, show func(string) string) string {
	if len(rules) == 0 {
		return ""
	}
	shown := make([]string, 0, maxRules)
	for _, id := range rules[:min(len(rules), maxRules)] {
		if !isRuleID(id) {
			id = show(id)
		}
		shown = append(shown, id)
	}
	list := strings.Join(shown, ", ")
	if more := len(rules) - len(shown); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return " (" + list + ")"
}

// pushedTo is the one ref that all acts were to be pushed to, "" where there is none.
func pushedTo(acts []*verdict.Act) string {
	for _, a := range acts {
		if a.Ref != acts[0].Ref || a.Kind != string(names.Commit) && a.Kind != string(names.Tag) {
			return ""
		}
	}
	if len(acts) == 0 {
		return ""
	}
	return acts[0].Ref
}
