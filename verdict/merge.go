package verdict

import (
	"reflect"
	"slices"
	"strings"
)

// Merge is one report for several about the same thing, such as a commit that is the head of two pull
// requests: everything that was judged and found, each once, and the worst of the verdicts. It only
// observes where all of them do; of one that observes beside others that enforce, what would have blocked
// is a warning. Of no reports, or of one that is not there, it is a denial.
func Merge(reports ...*Report) *Report {
	if len(reports) == 0 || slices.Contains(reports, nil) {
		return &Report{}
	}
	observe := !slices.ContainsFunc(reports, func(r *Report) bool { return !r.Observe })
	if !observe {
		reports = slices.Clone(reports)
		for i, r := range reports {
			if r.Observe {
				reports[i] = r.asWarnings()
			}
		}
	}
	first := reports[0]
	out := &Report{
		Verdict: first.Verdict, Observe: observe, Repository: first.Repository, Policy: first.Policy,
		At: first.At, AtSource: first.AtSource,
	}
	var from []string
	for _, r := range reports {
		out.Verdict = min(out.Verdict, r.Verdict)
		if out.Policy != r.Policy {
			out.Policy = "" // there is no one digest
		}
		if r.At.After(out.At) {
			out.At, out.AtSource = r.At, r.AtSource
		}
		if r.PolicyFrom != "" && !slices.Contains(from, r.PolicyFrom) {
			from = append(from, r.PolicyFrom)
		}
		out.Acts = union(out.Acts, r.Acts)
		out.Gates = union(out.Gates, r.Gates)
		out.Findings = union(out.Findings, r.Findings)
	}
	out.PolicyFrom = strings.Join(from, ", ")
	return out
}

// union adds to a list what is not in it. What one report says twice stays there twice.
func union[T any](list, more []T) []T {
	known := list[:len(list):len(list)]
	for _, item := range more {
		if !slices.ContainsFunc(known, func(k T) bool { return reflect.DeepEqual(k, item) }) {
			list = append(list, item)
		}
	}
	return list
}

// asWarnings is a report whose policy only observes, in which nothing blocks.
func (r *Report) asWarnings() *Report {
	out := *r
	out.Verdict, out.Findings = Allowed, warnings(r.Findings)
	out.Acts = slices.Clone(r.Acts)
	for i := range out.Acts {
		out.Acts[i].Verdict, out.Acts[i].Findings = Allowed, warnings(out.Acts[i].Findings)
	}
	return &out
}

func warnings(findings []Finding) []Finding {
	out := slices.Clone(findings)
	for i := range out {
		if out[i].Effect != Note {
			out[i].Effect = Warn
		}
	}
	return out
}
