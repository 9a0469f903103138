package verdict

// Merge makes one report of several: of a commit that is the head of several pull requests, or of all
// that a merge group merges. The worst verdict counts. It observes only if all of them do, and says of
// policy and clock what the first says. Without any it is a denial, as a report that nobody settled.
func Merge(reports ...*Report) *Report {
	out := &Report{}
	if len(reports) > 0 && reports[0] != nil {
		*out = *reports[0]
	}
	out.Acts, out.Gates, out.Findings = nil, nil, nil
	out.Verdict = Denied
	if len(reports) > 0 {
		out.Verdict = Allowed
	}
	for _, r := range reports {
		if r == nil {
			out.Verdict, out.Observe = Denied, false
			continue
		}
		out.Observe = out.Observe && r.Observe
		out.Acts = append(out.Acts, r.Acts...)
		out.Gates = append(out.Gates, r.Gates...)
		out.Findings = append(out.Findings, r.Findings...)
		out.Verdict = min(out.Verdict, r.Verdict)
	}
	return out
}
