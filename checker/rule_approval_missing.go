package checker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// approvalMissing: a gate that the act is at is not satisfied yet, or nobody can tell whether it is.
func approvalMissing(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, b := range a.ballots {
		switch {
		case len(b.unknown) > 0:
			found = append(found, at(undecided(
				"it cannot be told whether "+a.name()+" has "+approvals(b.terms.needed),
				b.asks+", and "+list(b.unknown)+".",
				"Run the check again. If it says the same, let its token read what is named here"+b.orElse(a),
			), b.position))
		case b.missing > 0 && !b.protected: // protected-path says it, with the path
			found = append(found, at(verdict.Finding{
				Effect:  verdict.Pending,
				Summary: a.name() + " waits for " + b.wants(),
				Reason:  b.asks + b.soFar(),
				Fix:     b.ask(),
			}, b.position))
		}
	}
	return limit(found)
}

// orElse says, to follow upon another fix, what gets something through of which not all can be read.
func (b *gateBallot) orElse(a *act) string {
	switch {
	case b.sign != "":
		return ", or go on without it: " + b.sign
	case a.pull != nil || len(a.pulls) > 0:
		return ". If it is not to be had any more, put the changes onto a new branch as commits of your own, signed, and open a pull request of that."
	default:
		return "."
	}
}

// wants is how many approvals are missing: "1 approval", "1 more approval".
func (b *gateBallot) wants() string {
	text := approvals(b.missing)
	if len(b.counted) > 0 {
		return strings.Replace(text, "approval", "more approval", 1)
	}
	return text
}

// soFar says who approved, and for what it is not enough.
func (b *gateBallot) soFar() string {
	text := ""
	if len(b.counted) > 0 {
		text += "; " + list(b.counted) + " approved"
	}
	if len(b.lacks) > 0 {
		text += "; this is missing for " + list(b.lacks)
	}
	return text + "." + noReview(b.no)
}

// noReview says in sentences why no review counts.
func noReview(why []string) string {
	if len(why) == 0 {
		return ""
	}
	return " No review counts: " + list(why) + "."
}

// ask says who could approve what is missing, and how.
func (b *gateBallot) ask() string {
	open := slices.ContainsFunc(b.approvers, func(who string) bool {
		return names.Principal(who).Kind() == names.Team // of the forge, of any size
	})
	more := ""
	if !open && len(b.approvers) < b.missing {
		more = "Too few are left of those who may approve and take no part: have a maintainer list more "
		switch {
		case b.terms.approvers == nil:
			more += "people (human \"NAME\" with github and github_id)"
		case b.terms.allowDelegator:
			more += "approvers"
		default:
			more += "approvers, or set allow_delegator = true in the gate if the delegator's own word is enough"
		}
		more += "."
	}
	if len(b.approvers) == 0 {
		return more
	}
	who := alternatives(b.approvers)
	if b.missing > 1 && len(b.approvers) > 1 {
		who = strconv.Itoa(b.missing) + " of " + list(b.approvers)
	}
	if more == "" {
		more = "Nothing else is needed from whoever made it."
	}
	return "Ask " + who + " to " + b.how + ". " + more
}
