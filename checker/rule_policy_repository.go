package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// policyRepository: the policy rules another repository than the one that is judged.
func policyRepository(a *act) []verdict.Finding {
	p, repository := a.judge.policy, a.judge.set.Repository
	if p.RulesAt(repository, a.judge.set.RepositoryID) {
		return nil
	}
	if p.Rules(repository) {
		return one(deny(
			"the policy is for another repository of this name",
			"It pins the repository's id, and the forge names another: the repository was deleted and made again, or the number is wrong.",
			"Have a maintainer look at who made this repository. If it is the right one, an administrator brings a policy with its id to the default branch past the check: no check can allow that by a policy that is for another.",
		))
	}
	f := deny(
		"the policy is not for "+inert.Word(repository),
		"It says that it rules "+asRuled(p)+", and a policy decides for no other repository.",
		"Set `repository` in "+inert.Word(p.File)+", or name the repository with --repository.",
	)
	if a.judge.set.Surface == evidence.SurfaceForge {
		f.Fix = "Where the repository was renamed, give it its old name back, merge a policy with repositories = [old name, new name] or with repository_id, and rename it then. Where the name in the policy is wrong, an administrator brings the right one to the default branch past the check."
	}
	if a.foreseen {
		f.Fix = "Delegate for what it rules, or by the policy that rules " + inert.Word(repository) + " (--policy)."
	}
	return one(f)
}

// asRuled is what a policy says that it rules: one name, or patterns of several.
func asRuled(p *policy.Policy) string {
	if p.Repository != "" || len(p.Repositories) == 0 {
		return inert.Word(p.Repository)
	}
	return asWritten(p.Repositories)
}
