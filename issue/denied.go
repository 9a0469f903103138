package issue

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/verdict"
)

// DeniedError is why something is not signed: what the checker found that blocks it. There is at least one
// finding, the worst first.
type DeniedError struct {
	Findings []verdict.Finding
}

// Error is all that was found.
func (e *DeniedError) Error() string {
	texts := make([]string, len(e.Findings))
	for i, err := range e.Each() {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Each is an error for each finding, with what to do about it. Their kind is [fault.Refused].
func (e *DeniedError) Each() []error {
	list := make([]error, len(e.Findings))
	for i, f := range e.Findings {
		where := ""
		if f.Location != nil {
			where = fmt.Sprintf(", %s:%d", f.Location.File, f.Location.Line)
		}
		list[i] = fault.WithFix(fault.Refusedf("%s (%s%s): %s", f.Summary, f.Rule, where, clause(f.Reason)), "%s", clause(f.Fix))
	}
	return list
}

// denied is the refusal of what a report blocks.
func denied(r *verdict.Report) error {
	found := slices.Clone(r.Findings)
	for _, a := range r.Acts {
		found = append(found, a.Findings...)
	}
	found = slices.DeleteFunc(found, func(f verdict.Finding) bool { return verdict.Of([]verdict.Finding{f}) == verdict.Allowed })
	slices.SortStableFunc(found, func(a, b verdict.Finding) int {
		return int(verdict.Of([]verdict.Finding{a})) - int(verdict.Of([]verdict.Finding{b}))
	})
	if len(found) == 0 { // a report that nobody settled denies, and says nothing
		found = []verdict.Finding{{Summary: "it was not judged", Reason: "no verdict was reached"}}
	}
	e := &DeniedError{Findings: found}
	return fault.WithFix(fault.Refusedf("%w", e), "%s", fault.FixOf(e.Each()[0]))
}

// clause makes a clause of a sentence. What starts with a name of the policy, such as human.alice, is as it was.
func clause(s string) string {
	s = strings.TrimSuffix(s, ".")
	r, size := utf8.DecodeRuneInString(s)
	if next, _ := utf8.DecodeRuneInString(s[size:]); unicode.IsUpper(r) && !unicode.IsUpper(next) {
		s = string(unicode.ToLower(r)) + s[size:]
	}
	return s
}
