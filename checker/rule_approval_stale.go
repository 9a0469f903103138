package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// approvalStale: somebody approved something else than what is there now.
func approvalStale(a *act) []verdict.Finding { return a.ignoredApprovals(ruleStale) }

// ignoredApprovals says which approvals a rule keeps from counting. Each is said once, however many
// gates there are; it keeps the act waiting only where a gate is not satisfied without it.
func (a *act) ignoredApprovals(rule string) []verdict.Finding {
	var found []verdict.Finding
	said := map[string]int{}
	for _, b := range a.ballots {
		for _, no := range b.ignored {
			if no.rule != rule {
				continue
			}
			f := at(verdict.Finding{
				Effect:  verdict.Pending,
				Summary: no.name() + " does not count: " + no.why,
				Reason:  b.asks + ".",
				Fix:     no.fix,
			}, b.position)
			if b.satisfied() {
				f.Effect = verdict.Note
				f.Reason = b.asks + ", and has that without it."
			}
			if i, ok := said[f.Summary]; ok {
				if f.Effect < found[i].Effect {
					found[i] = f
				}
				continue
			}
			said[f.Summary] = len(found)
			found = append(found, f)
		}
	}
	return limit(found)
}

// name is the approval in a sentence.
func (no ignored) name() string {
	if no.loose {
		return no.who
	}
	return no.who + "'s approval"
}
