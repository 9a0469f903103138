package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// policyRepository: the policy rules another repository than the one that is judged.
func policyRepository(a *act) []verdict.Finding {
	p, repository := a.judge.policy, a.judge.set.Repository
	if p.Rules(repository) {
		if p.RepositoryID == 0 || a.judge.set.RepositoryID == 0 || p.RepositoryID == a.judge.set.RepositoryID {
			return nil
		}
		return one(deny(
			"the policy is for another repository of this name",
			"It pins the repository's id, and the forge names another: the repository was deleted and made again, or renamed.",
			"Have a maintainer look at who made this repository, and change repository_id in "+inert.Word(p.File)+" if it is right.",
		))
	}
	f := deny(
		"the policy is not for "+inert.Word(repository),
		"It says that it rules "+inert.Word(p.Repository)+", and a policy decides for no other repository.",
		"Set `repository` in "+inert.Word(p.File)+", or name the repository with --repository.",
	)
	if a.foreseen {
		f.Fix = "Delegate for what it rules, or by the policy that rules " + inert.Word(repository) + " (--policy)."
	}
	return one(f)
}
