package decide

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
)

// wakes refuses a policy for the default branch, the one at a commit, that would have the own policy of a branch count
// which waited with it: refs are all branches as they are once the push is through. While the branch was no base, or
// nothing was enforced, whoever made it did not have to answer for the policy that it begins with, and nothing here
// tells who did, as a forge's log does (see [forgeSide.chosenBy]). A branch that has just the new policy begins with
// what was chosen for it.
func (r rulings) wakes(ctx context.Context, tip string, refs map[string]string) error {
	if r.from == nil {
		return nil
	}
	next, err := policyAt(ctx, r.from, tip, r.defaultRef)
	if usable := err == nil; !usable {
		return nil // what is wrong with a policy is the judge's to say
	}
	now := r.main.policy
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if ref == r.defaultRef || refs[ref] == "" || !next.Settings.IsBase(ref) ||
			now != nil && now.Settings.IsBase(ref) && (next.Settings.Observe || !now.Settings.Observe) {
			continue
		}
		text, err := r.from.file(ctx, refs[ref])
		switch {
		case errors.Is(err, gitrepo.ErrNotFound):
			continue // it has none that could count
		case err != nil:
			return fault.Undecidedf("reading the %s of %s, which this policy makes a base: %w", policy.FileName, ref, err)
		case next.Settings.Observe && !policy.MayEnforce(text):
			continue // and what comes to enforce there is judged (see [rulings.takeover])
		case policy.DigestOf(text) != next.Digest:
			return fault.WithFix(fault.Refusedf("with the policy of this push %s would be ruled by the %s that is there, and nobody had to answer for that while the branch was no base or nothing was enforced", ref, policy.FileName),
				"put the %s of the push on it first (`git checkout %s -- %s`, on that branch), delete the branch, or leave it out of settings.bases; once it is a base its policy can be changed", policy.FileName, tip, policy.FileName)
		}
	}
	return nil
}

// afterPush are refs as they are once updates are through.
func afterPush(refs map[string]string, updates []gitrepo.RefUpdate) map[string]string {
	after := maps.Clone(refs)
	if after == nil {
		after = map[string]string{}
	}
	for _, u := range updates {
		after[u.Ref] = u.New
	}
	return after
}

// wakesByPush is wakes for a push to a repository with these refs.
func (r rulings) wakesByPush(ctx context.Context, refs map[string]string, updates []gitrepo.RefUpdate) error {
	for _, u := range updates {
		if u.Ref == r.defaultRef && u.New != "" {
			return r.wakes(ctx, u.New, afterPush(refs, updates))
		}
	}
	return nil
}

// wakes is [rulings.wakes] for what would be pushed to a ref of the repository that this one was cloned from.
func (c clone) wakes(ctx context.Context, rules rulings, ref, head string) error {
	remote := "origin"
	if c.bare || !c.hasRemotes() {
		remote = ""
	}
	all, err := c.PlainRefs()
	if err != nil {
		return fault.Undecidedf("reading the branches: %w", err)
	}
	rules.defaultRef = c.usualTrunk()
	return rules.wakesByPush(ctx, refsOf(remote, all), []gitrepo.RefUpdate{{Ref: ref, New: head}})
}
