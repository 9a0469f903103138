package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// approvalExpired: an approval is older than its gate takes, or outside of the time that it is for.
func approvalExpired(a *act) []verdict.Finding { return a.ignoredApprovals(ruleExpired) }
