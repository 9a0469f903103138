package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// historyIncomplete: an object, a parent or a time that the decision needs is not there.
func historyIncomplete(a *act) []verdict.Finding {
	var found []verdict.Finding
	if a.commit != nil {
		found = gapFindings(a.commit.Gaps, evidence.GapHistory, a.name())
		if m := a.commit.Merge; m != nil && !m.Recomputed && !a.octopusDenied() {
			found = append(found, verdict.Finding{
				Effect:  verdict.Undecided,
				Summary: "the merge " + shortID(a.subject) + " could not be recomputed",
				Reason:  "What a merge adds of its own is what differs from the merge of its parents, made again: " + show(m.Why) + ".",
				Fix:     "Use git 2.38 or newer where this check runs, and fetch all parents of the merge.",
			})
		}
	}
	if a.seen.Time.IsZero() {
		found = append(found, verdict.Finding{
			Effect:  verdict.Undecided,
			Summary: "it is not known when " + a.name() + " was first seen",
			Reason:  "A delegation holds between two times, and nobody who is trusted says when this was first seen. A committer's date is no evidence.",
			Fix:     "Run the check where a clock is known: in the server's hook, or with a forge that records pushes.",
		})
	}
	return found
}
