package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// deployRef: a commit is to be deployed from where the policy does not let it be, or it does not come
// after what was let through before.
func deployRef(a *act) []verdict.Finding {
	if a.kind != names.Deploy || a.asked == nil || a.request.Used {
		return nil // nothing more is looked at for a request that was used
	}
	env := a.judge.policy.Environment(a.environment())
	if env == nil {
		return nil // environment-undeclared denies it
	}
	var found []verdict.Finding
	if f := a.unreachable(env.DeployFrom); f != nil {
		found = append(found, at(*f, env.Position))
	}
	if a.request.Newer != "" && !a.namedBySignature() {
		found = append(found, at(a.goesBack(env), env.Position))
	}
	return found
}

// goesBack says that a deploy would take away what the environment has.
func (a *act) goesBack(env *policy.Environment) verdict.Finding {
	newer := shortID(a.request.Newer)
	when, given := "", "a signed approval that names this request"
	if t := a.request.NewerAt; !t.IsZero() {
		when, given = " at "+clock(t), "a signed approval that was given after that and names this request or commit"
	}
	return verdict.Finding{
		Effect:  verdict.Pending,
		Summary: shortID(a.asked.Statement.Commit) + " does not come after what " + inert.Word(env.Name) + " has had",
		Reason: newer + " was let through to " + inert.Word(env.Name) + when + ", and this commit does not hold it: it is older, or lies aside. " +
			"To take something away that was deployed is a decision of its own, which nobody took before it was there: it needs " + given + ".",
		Fix: "Ask a human of the policy who is not " + string(a.root()) + " for `remit approve <request>` now, and hand the approval over with the request. " +
			"Or deploy a commit that holds " + newer + ".",
	}
}

// unreachable says that no ref that the policy lists reaches the commit, nil where one does.
func (a *act) unreachable(from []pattern.Pattern) *verdict.Finding {
	r := a.request
	if len(a.refs) > 0 {
		if r.RefsKnown || !a.judge.policy.AsksForRefs(names.Deploy) {
			return nil
		}
		f := undecided(
			"it is not known from which refs "+shortID(a.asked.Statement.Commit)+" is deployed",
			"Rules of the policy go by the refs that reach a commit, and these could not all be read.",
			"Run the gate again where it can read the repository's refs and their history.",
		)
		return &f
	}
	allowed := "the default branch (deploy_from is not set)"
	if len(from) > 0 {
		allowed = asWritten(from)
	}
	env, commit := inert.Word(a.environment()), shortID(a.asked.Statement.Commit)
	if !r.RefsKnown {
		f := undecided(
			"it is not known whether "+commit+" may be deployed to "+env,
			"A commit must be reachable from "+allowed+", and the refs could not all be read.",
			"Run the gate again where it can read the repository's refs.",
		)
		return &f
	}
	f := deny(
		commit+" may not be deployed to "+env+" from where it is",
		"The policy lets "+env+" be deployed from "+allowed+", and nothing of that reaches "+commit+".",
		"Merge it there first, and ask for the deploy of what comes out.",
	)
	if a.judge.set.Surface == evidence.SurfaceClient {
		f.Fix = "Merge it there first, and ask for the deploy of what comes out. If it was merged, this clone has to hear of it: `git fetch`."
	}
	return &f
}

// namedBySignature reports whether a human signed that this very request or commit may come, after what it
// takes away was there.
func (a *act) namedBySignature() bool {
	t := defaultTerms()
	t.signed, t.maxAge = true, delegation.MaxApprovalTTL
	b := a.ballot(t)
	return b.satisfied()
}
