package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// Accounts of GitHub that are GitHub itself: what they do, they do for whoever made it happen. The
// token of a workflow's run acts as the first, so it proves nobody, whatever a policy says.
const (
	actionsAccount    = "github-actions[bot]"
	mergeQueueAccount = "github-merge-queue[bot]"
)

// Owner is the principal of a policy to whom a forge's account belongs, nil for none. A pinned id
// decides alone, for names change hands. The account of an app is called after it, with "[bot]".
func Owner(p *policy.Policy, by evidence.Account) *policy.Principal {
	if by.ID == 0 || strings.EqualFold(by.Login, actionsAccount) {
		return nil
	}
	for _, block := range p.Principals {
		if block.GitHubID != 0 && block.GitHubID == by.ID {
			return block
		}
	}
	for _, block := range p.Principals {
		if block.GitHubID != 0 || block.GitHub == "" {
			continue
		}
		login := block.GitHub
		if block.Name.Kind() == names.App {
			if by.Type != "Bot" {
				continue
			}
			login = strings.TrimSuffix(login, "[bot]") + "[bot]"
		}
		if strings.EqualFold(login, by.Login) && (block.Name.Kind() != names.Human || by.Type == "User") {
			return block
		}
	}
	return nil
}

// owner is the principal of the judge's policy to whom an account belongs, nil for none.
func (j *judge) owner(by evidence.Account) *policy.Principal { return Owner(j.policy, by) }

// accountName is an account in a sentence.
func accountName(by evidence.Account) string {
	if by.Login == "" {
		return "an account that is gone"
	}
	return "the account " + inert.Word(by.Login)
}
