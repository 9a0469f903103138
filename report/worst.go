package report

import (
	"cmp"
	"slices"

	"github.com/remit-sh/remit/verdict"
)

// Whatever is cut is cut at its end, so that what keeps others from going on stands first: what denies, then what
// is undecided, waits, is warned of, and is allowed.

// rank orders effects, the worst first. One that nobody knows denies.
func rank(e verdict.Effect) int {
	if e == verdict.EffectInvalid || e > allowedEffect {
		e = verdict.Deny
	}
	return int(e)
}

// remarked is a finding and the act that it is about, nil for the whole.
type remarked struct {
	act     *verdict.Act
	finding *verdict.Finding
}

// worstFirst are all findings of a report, the worst first; those of one effect stand in its order, those about
// the whole first.
func worstFirst(r *verdict.Report) []remarked {
	var all []remarked
	for i := range r.Findings {
		all = append(all, remarked{nil, &r.Findings[i]})
	}
	for i := range r.Acts {
		for j := range r.Acts[i].Findings {
			all = append(all, remarked{&r.Acts[i], &r.Acts[i].Findings[j]})
		}
	}
	slices.SortStableFunc(all, func(a, b remarked) int { return cmp.Compare(rank(a.finding.Effect), rank(b.finding.Effect)) })
	return all
}
