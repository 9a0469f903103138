package checker

import (
	"slices"
	"strings"

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
	return gapFindings(a.judge.wholeGaps(), evidence.GapLimit, "the push")
}

func wholeHistory(a *act) []verdict.Finding {
	return gapFindings(a.judge.wholeGaps(), evidence.GapHistory, "the range")
}

// wholeGaps are the gaps of the set but for those about approvals where none are asked for, and about a team that
// no gate here asks about: nothing waits for these.
func (j *judge) wholeGaps() []evidence.Gap {
	return slices.DeleteFunc(slices.Clone(j.set.Gaps), func(g evidence.Gap) bool {
		return g.Approvals && !j.approvalsAsked || g.Team != "" && !slices.ContainsFunc(j.askedTeams, func(t string) bool { return strings.EqualFold(t, g.Team) })
	})
}

// teamsAsked are the teams of the forge that the gates of acts ask about.
func (j *judge) teamsAsked(acts []*act) []string {
	var teams []string
	for _, a := range acts {
		for _, b := range a.ballots {
			if b.waived {
				continue
			}
			for _, p := range j.policy.Expand(b.terms.approvers) {
				if t := j.policy.Teams[p]; t != nil && t.GitHub != "" && !slices.Contains(teams, t.GitHub) {
					teams = append(teams, t.GitHub)
				}
			}
		}
	}
	return teams
}
