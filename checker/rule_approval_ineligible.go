package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// approvalIneligible: somebody approved whose approval does not count for this, whatever they approve.
func approvalIneligible(a *act) []verdict.Finding { return a.ignoredApprovals(ruleIneligible) }
