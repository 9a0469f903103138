package decide

import "github.com/remit-sh/remit/checker"

// Rule is a rule that an outcome's findings name.
type Rule struct {
	ID      string // fixed for ever
	Summary string // one sentence
}

// Rules lists every rule, in the order of a report.
func Rules() []Rule {
	var all []Rule
	for _, id := range checker.RuleIDs() {
		all = append(all, Rule{id, checker.RuleSummary(id)})
	}
	return all
}
