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
		Verdict: first.Verdict, Observe: observe, MayGoUnrecorded: true, Repository: first.Repository, Policy: first.Policy,
		At: first.At, AtSource: first.AtSource,
	}
	var from []string
	for _, r := range reports {
		out.Verdict = min(out.Verdict, r.Verdict)
		out.MayGoUnrecorded = out.MayGoUnrecorded && r.MayGoUnrecorded
		if out.Policy != r.Policy {
			out.Policy = "" // there is no one digest
		}
		if r.At.After(out.At) {
			out.At, out.AtSource = r.At, r.AtSource
		}
		if r.PolicyFrom != "" && !slices.Contains(from, r.PolicyFrom) {
			from = append(from, r.PolicyFrom)
		}
		out.Acts = union(out.Acts, r.Acts, func(a *Act) [3]string { return [3]string{a.Kind, a.Subject, a.Ref} })
		out.Gates = union(out.Gates, r.Gates, func(g *Gate) [3]string { return [3]string{g.Name} })
		out.Findings = union(out.Findings, r.Findings, func(f *Finding) [3]string { return [3]string{f.Rule, f.Path, f.Summary} })
	}
	out.PolicyFrom = strings.Join(from, ", ")
	return out
}

// union adds to a list what is not in it. What one report says twice stays there twice. What is equal has
// the same key, so that only a few of a long list are compared.
func union[T any](list, more []T, key func(*T) [3]string) []T {
	if len(list) == 0 {
		return append(list, more...)
	}
	known := make(map[[3]string][]int, len(list))
	for i := range list {
		k := key(&list[i])
		known[k] = append(known[k], i)
	}
	for i := range more {
		item := &more[i]
		if !slices.ContainsFunc(known[key(item)], func(at int) bool { return reflect.DeepEqual(list[at], *item) }) {
			list = append(list, *item)
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
