package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// setRules lists the rules that look at the evidence as a whole.
func setRules() []rule {
	return []rule{
		{"limit-exceeded", wholeLimits},
		{"history-incomplete", wholeHistory},
		{"policy-repository", policyRepository},
		{"delegation-ref", delegationRef},
		{"workflow-unjudged", wholeWorkflows},
		{"policy-lost", policyLost},
	}
}

func wholeLimits(a *act) []verdict.Finding {
	return gapFindings(a.judge.set.Gaps, evidence.GapLimit, "the push")
}

func wholeHistory(a *act) []verdict.Finding {
	return gapFindings(a.judge.set.Gaps, evidence.GapHistory, "the range")
}
