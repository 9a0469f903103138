package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/verdict"
)

// deployRef: a commit is to be deployed from where the policy does not let it be, or it is older than
// what was let through before.
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
	if newer := a.request.Newer; newer != "" && !a.namedBySignature() {
		found = append(found, at(verdict.Finding{
			Effect:  verdict.Pending,
			Summary: shortID(a.asked.Claim.Commit) + " is older than what " + show(env.Name) + " has had",
			Reason: shortID(newer) + " was let through to " + show(env.Name) + " before and holds this commit. Going back is a decision of its own, " +
				"which no review of the commit took when it was new: it needs a signed approval that names this request or commit.",
			Fix: "Ask a human of the policy who is not " + string(a.root()) + " for `remit approve <request>`, and hand the approval over with the request.",
		}, env.Position))
	}
	return found
}

// unreachable says that no ref that the policy lists reaches the commit, nil where one does.
func (a *act) unreachable(from []pattern.Pattern) *verdict.Finding {
	r := a.request
	reaches := func(ref string) bool {
		switch {
		case strings.HasPrefix(ref, delegation.GateRefs):
			return false
		case len(from) == 0:
			return ref != "" && ref == r.DefaultRef
		default:
			return matches(from, ref)
		}
	}
	if slices.ContainsFunc(r.ReachableFrom, reaches) {
		return nil
	}
	allowed := "the default branch (deploy_from is not set)"
	if len(from) > 0 {
		allowed = asWritten(from)
	}
	env, commit := show(a.environment()), shortID(a.asked.Claim.Commit)
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
	return &f
}

// namedBySignature reports whether a human signed that this very request or commit may come again.
func (a *act) namedBySignature() bool {
	t := defaultTerms()
	t.signed, t.maxAge = true, delegation.MaxApprovalTTL
	b := a.ballot(t)
	return b.satisfied()
}
