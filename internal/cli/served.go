package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// openServed opens the repository of a receive hook, in the git namespace that is served.
func openServed(env *Env) (*workspace, error) {
	w, err := findWorkspace(env)
	if err != nil {
		return nil, err
	}
	w.repo, err = gitrepo.Open(gitrepo.Options{GitDir: w.gitDir, Env: env.Environ, Namespace: env.Getenv("GIT_NAMESPACE")})
	if err != nil {
		return nil, fault.Undecidedf("opening the repository %s: %w", w.gitDir, err)
	}
	w.Repo = w.repo
	return w, nil
}

// written names the refs that git will write: it tells a hook the name that was pushed to, and where
// that is a symbolic ref writes the one at its end.
func (r *receiver) written(updates []gitrepo.RefUpdate) ([]gitrepo.RefUpdate, error) {
	var out []gitrepo.RefUpdate
	for _, u := range updates {
		ref, err := r.repo.Written(u.Ref)
		if err != nil {
			return nil, fault.WithFix(fault.Undecidedf("finding out what a push to %s writes: %w", u.Ref, err),
				"push to the branch itself; an administrator of this server removes the symbolic ref with `git symbolic-ref -d`")
		}
		if ref != u.Ref {
			fmt.Fprintf(r.env.Stderr, "remit: note: %s is a symbolic ref here: what is pushed to it is judged as pushed to %s.\n", report.Inert(u.Ref), report.Inert(ref))
			u.Ref = ref
		}
		same := slices.IndexFunc(out, func(o gitrepo.RefUpdate) bool { return o.Ref == u.Ref })
		switch {
		case same < 0:
			out = append(out, u)
		case out[same] != u:
			return nil, fault.WithFix(fault.Undecidedf("%s is to get two values at once, by two of its names", u.Ref), "push to one of the names")
		}
	}
	return out, nil
}

// rulings tells which policy rules what of the push.
func (r *receiver) rulings(p *policy.Policy) rulings {
	rules := rulings{defaultRef: r.defaultRef, main: ruling{policy: p}}
	if r.config.PolicyRepository == "" {
		rules.at = r.policyAt
	}
	return rules
}

// judge reads the push once, and judges what of it each policy rules.
func (r *receiver) judge(ctx context.Context, rules rulings) (*verdict.Report, error) {
	all, err := rules.shares(r.updates, func(u gitrepo.RefUpdate) string { return r.refs[u.Ref] })
	if err != nil {
		return nil, err
	}
	found, err := r.repo.CollectPush(ctx, r.updates, gitrepo.CollectOptions{
		CountLines: needsLines(all), Land: asksForPaths(all), Delegations: namedBy(r.pusher()), LongLived: longLived(rules.main.policy, rules.defaultRef),
	})
	if err != nil {
		return nil, fault.Undecidedf("reading the push: %w", err)
	}
	return judgeShares(all, found, func(p *policy.Policy, part *gitrepo.Collected) (*evidence.Set, error) {
		return r.evidence(ctx, p, part)
	})
}

// basesKeepPolicies says what is wrong with a push that would leave a ref which has a policy of its own
// without one that can be read: nothing could be decided there after it.
func (r *receiver) basesKeepPolicies(rules rulings) []verdict.Finding {
	var found []verdict.Finding
	for _, u := range r.updates {
		if u.New == "" || !rules.listed(u.Ref) {
			continue
		}
		f := verdict.Finding{
			Rule: "policy-lost", Effect: verdict.Deny, Path: policy.FileName,
			Summary: u.Ref + " would be left without a policy that can be read",
			Fix:     "Keep a valid " + policy.FileName + " there, or have a maintainer take the ref out of settings.bases first.",
		}
		if r.losesPolicy(u.New, &f) {
			f.Reason += " The default branch's policy lists the ref in settings.bases, so that its own policy rules it."
			found = append(found, f)
		}
	}
	return found
}

// sameTrunk refuses to take the policy from another branch than before: where HEAD was moved, nothing of
// what comes in says so, and the other branch may have no policy, or one that anybody could push.
func (r *receiver) sameTrunk() error {
	if r.config.PolicyRepository != "" {
		return nil
	}
	was, err := hooks.ReadPolicyRef(r.commonDir, r.env.Getenv("GIT_NAMESPACE"))
	if err != nil {
		return fault.Undecidedf("finding out whose policy was enforced so far: %w", err)
	}
	if r.enforcedAt = was; was == "" || was == r.defaultRef {
		return nil
	}
	return fault.WithFix(fault.Undecidedf("the policy of %s was enforced here so far, and HEAD leads to %s now", was, r.defaultRef),
		"an administrator of this server points HEAD back (`git symbolic-ref HEAD %s`), or removes %s where %s is to be the default branch",
		was, hooks.PolicyRefPath(r.commonDir, r.env.Getenv("GIT_NAMESPACE")), r.defaultRef)
}

// rememberTrunk notes whose policy is enforced. A server on which the account of whoever pushes may not
// write there goes without.
func (r *receiver) rememberTrunk() {
	if r.enforcedAt == "" && r.config.PolicyRepository == "" {
		_ = hooks.WritePolicyRef(r.commonDir, r.env.Getenv("GIT_NAMESPACE"), r.defaultRef)
	}
}

// maxBranchesAsked bounds the branches that are asked for a policy where the default branch is not there.
const maxBranchesAsked = 1000

// trunkKnown refuses a push where HEAD leads to a branch that is not there and another branch has a
// policy: whoever brought that takes it to be in force, and it would never be.
func (r *receiver) trunkKnown() error {
	if r.refs[r.defaultRef] != "" {
		return nil
	}
	tips := map[string]string{}
	for ref, id := range r.refs {
		tips[ref] = id
	}
	for _, u := range r.updates {
		if tips[u.Ref] = u.New; u.Ref == r.defaultRef && u.New != "" {
			return nil // it comes with this push
		}
	}
	asked := 0
	for _, ref := range slices.Sorted(maps.Keys(tips)) {
		if !strings.HasPrefix(ref, "refs/heads/") || tips[ref] == "" {
			continue
		}
		if asked++; asked > maxBranchesAsked {
			break
		}
		if _, err := r.repo.File(tips[ref], policy.FileName); err != nil {
			continue
		}
		return fault.WithFix(fault.Undecidedf("%s has a %s, and HEAD of this server leads to %s, which is not there: it is not known which the default branch is", ref, policy.FileName, r.defaultRef),
			"an administrator of this server points HEAD at the default branch (`git symbolic-ref HEAD %s`), or somebody pushes %s first", ref, r.defaultRef)
	}
	return nil
}
