package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// limitExceeded: there is more to judge than one decision may cost.
func limitExceeded(a *act) []verdict.Finding {
	switch {
	case a.pull != nil:
		return gapFindings(a.pull.Gaps, evidence.GapLimit, a.name())
	case a.step != nil:
		return gapFindings(a.step.Gaps, evidence.GapLimit, a.name())
	case a.request != nil:
		return gapFindings(a.request.Gaps, evidence.GapLimit, a.name())
	case a.update != nil:
		found := gapFindings(a.update.LandingGaps, evidence.GapLimit, a.name())
		if a.kind == names.Push && a.judge.policy.NeedsLines() && a.update.Lines < 0 && len(a.update.LandingGaps) == 0 {
			found = append(found, linesUncounted(a, "Move the ref over fewer changes"))
		}
		return found
	case a.commit == nil:
		return nil
	}
	found := gapFindings(a.commit.Gaps, evidence.GapLimit, a.name())
	if a.judge.policy.NeedsLines() && a.commit.Lines < 0 && len(a.commit.Gaps) == 0 {
		found = append(found, linesUncounted(a, "Make a smaller commit"))
	}
	return found
}

// linesUncounted says that a condition asks for lines of an act which nobody counted.
func linesUncounted(a *act, fix string) verdict.Finding {
	return undecided(
		"the changed lines of "+a.name()+" were not counted",
		"The policy has a condition on commit.lines_changed, and its value is not known.",
		fix+", or count files (commit.files_changed) in the policy's condition.",
	)
}

// gapFindings words the gaps of one kind. A gap of unknown kind counts as missing history.
func gapFindings(gaps []evidence.Gap, kind evidence.GapKind, subject string) []verdict.Finding {
	var found []verdict.Finding
	for _, g := range gaps {
		if (g.Kind == evidence.GapLimit) != (kind == evidence.GapLimit) {
			continue
		}
		summary := told(g.What) + " could not be read"
		reason := "Whether " + subject + " is allowed cannot be decided without it"
		if kind == evidence.GapLimit {
			summary = told(g.What) + " is more than one check takes"
			reason = "A check has limits, so that nothing that is pushed can stop it, and " + subject + " is over one of them"
		}
		if g.Detail != "" {
			reason += ": " + told(g.Detail)
		}
		found = append(found, undecided(summary, reason+".", gapFix(g.Fix)))
	}
	return limit(found)
}

// gapFix is what the collector says to do, as a sentence.
func gapFix(fix string) string {
	switch {
	case fix == "":
		return "Make it available where this check runs."
	case strings.HasSuffix(fix, "."):
		return fix
	default:
		return sentence(fix)
	}
}
