package verdict

import "slices"

// Merge makes one report of several: of a commit that is the head of several pull requests, or of all
// that a merge group merges. The worst verdict counts. It observes only if all of them do: of one that
// observes beside others that enforce, what would have blocked is a warning. Of policy and clock it says
// what the first says. Without any it is a denial, as a report that nobody settled.
func Merge(reports ...*Report) *Report {
	out := &Report{}
	if len(reports) > 0 && reports[0] != nil {
		*out = *reports[0]
	}
	out.Acts, out.Gates, out.Findings = nil, nil, nil
	observe := !slices.ContainsFunc(reports, func(r *Report) bool { return r == nil || !r.Observe })
	out.Observe = observe && len(reports) > 0
	out.Verdict = Denied
	if len(reports) > 0 {
		out.Verdict = Allowed
	}
	for _, r := range reports {
		if r == nil {
			out.Verdict = Denied
			continue
		}
		if r.Observe && !observe {
			r = r.asWarnings()
		}
		out.Acts = append(out.Acts, r.Acts...)
		out.Gates = append(out.Gates, r.Gates...)
		out.Findings = append(out.Findings, r.Findings...)
		out.Verdict = min(out.Verdict, r.Verdict)
	}
	return out
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
