package decide

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

const (
	maxPushSteps = 50     // steps of a branch that one push or merge group may bring
	maxBrought   = 20_000 // commits that come with them
)

// ForgePush asks what a push brought to a branch, after the fact: merges by the forge's record of them, and
// everything else as the commits that it is.
type ForgePush struct {
	OnForge

	Ref           string // full name
	Before, After string // commit ids; all zeros: none
}

func (q ForgePush) decide(ctx context.Context, src Sources) Outcome {
	return onSide(ctx, src, q.OnForge, checkBudget, func(f *forgeSide) (Outcome, error) { return f.checkPush(ctx, &q) })
}

func (f *forgeSide) checkPush(ctx context.Context, q *ForgePush) (Outcome, error) {
	if !strings.HasPrefix(q.Ref, "refs/heads/") {
		return f.nothing("the push of %s is of no branch; tags are judged by server hooks", q.Ref), nil
	}
	if strings.Trim(q.After, "0") == "" {
		return f.nothing("the branch %s was deleted, so there is nothing to put a check on; rulesets and server hooks keep branches", q.Ref), nil
	}
	if err := f.repository(ctx); err != nil {
		return Outcome{}, err
	}
	git := f.newPushLog()
	before := ""
	if strings.Trim(q.Before, "0") != "" {
		before = q.Before
	}
	pushes, whole, err := f.api.Brought(ctx, f.Slug, q.Ref, before, q.After, func(push evidence.Push, commit string) bool {
		base := push.Before
		if base == "" {
			base, _ = f.tipOf(ctx, f.live.DefaultRef) // "": what cannot be told counts
		}
		return git.holds(ctx, base, push.After, commit)
	})
	if err != nil {
		return Outcome{}, err
	}
	if len(pushes) == 0 {
		return Outcome{}, fault.WithFix(fault.Undecidedf("the log of pushes to %s does not tell of %s", q.Ref, q.After), "run the check again in a minute: the log lags behind")
	}
	// What the branch got is no leave to merge it anywhere: that is for the pull requests to say.
	return outcomeOf(Check{Head: q.After}, []judged{f.judgePush(ctx, pushes, whole)}), nil
}

// judgePush judges a push to a branch, by the policy from before it. After it in pushes are older ones that held
// something of what it brought; whole says that there are no others.
func (f *forgeSide) judgePush(ctx context.Context, pushes []evidence.Push, whole bool) judged {
	push := pushes[0]
	before, fork := push.Before, push.Before == ""
	if fork && push.Ref != f.live.DefaultRef { // a new branch: what the default branch does not have
		tip, err := f.tipOf(ctx, f.live.DefaultRef)
		if err != nil {
			return f.undecided(fault.Undecidedf("finding the default branch: %w", err), false)
		}
		before = tip
	}
	if !whole { // nobody knows who else was there
		pushes = append(slices.Clone(pushes), evidence.Push{Ref: push.Ref, After: push.After, Kind: "push"})
	}
	policyAt := before
	if policyAt == "" {
		policyAt = push.After // the very first push
	}
	rules, rule, err := f.rulingAt(ctx, push.Ref, policyAt, push.After)
	if err != nil {
		return f.undecided(err, false)
	}
	if rule.first {
		return f.unruled()
	}
	r, err := f.judgeBranch(ctx, rules, rule.policy, before, fork, pushes)
	if err != nil {
		return f.undecided(err, f.observes(ctx, rules, rule.policy, push.Ref, push.After))
	}
	return judged{report: r}
}

// judgeBranch judges what a push brought after a commit.
func (f *forgeSide) judgeBranch(ctx context.Context, rules rulings, p *policy.Policy, before string, fork bool, pushes []evidence.Push) (*verdict.Report, error) {
	push := pushes[0]
	steps, err := f.stepsOf(ctx, before, push.After, fork)
	if err != nil {
		return nil, err
	}
	told, err := f.explain(ctx, steps, f.byRecord(func(ref string) bool { return ref == push.Ref }, func(_ forge.MergeRecord, err error) (evidence.PullRequest, error) {
		return evidence.PullRequest{}, err
	}))
	if err != nil {
		return nil, err
	}
	return f.judgeSteps(ctx, rules, p, push.Ref, told, pushes)
}

// stepsOf are the steps of a branch from one commit to another. What is new on a new branch is taken
// from where it left the default branch.
func (f *forgeSide) stepsOf(ctx context.Context, from, to string, fork bool) ([]gitrepo.FirstParentStep, error) {
	if err := f.mirror.FetchRange(ctx, from, to, gitrepo.RangeOptions{}); err != nil {
		return nil, fault.Undecidedf("reading the push: %w", err)
	}
	repo := f.mirror.Repo()
	if fork && from != "" {
		base, err := repo.MergeBase(ctx, from, to)
		if err != nil {
			return nil, fault.Undecidedf("finding where the branch began: %w", err)
		}
		from = base
	}
	steps, err := repo.Steps(ctx, from, to, maxBrought)
	switch {
	case errors.Is(err, gitrepo.ErrNotOnLine):
		return nil, fault.WithFix(fault.Undecidedf("the branch was moved with force, or another line of history became its main one: %w", err),
			"look at what was there before; rulesets and server hooks refuse such pushes")
	case err != nil:
		return nil, fault.Undecidedf("reading the push: %w", err)
	case len(steps) > maxPushSteps:
		return nil, fault.Undecidedf("the push brings %d steps, at most %d are judged: %w", len(steps), maxPushSteps, gitrepo.ErrLimit)
	}
	return steps, nil
}

// judgeSteps judges steps of a branch: those that a pull request explains as its merge, and the commits
// of all others as pushed to the branch, by the first of the pushes that held each; the newest of these brought
// the steps.
func (f *forgeSide) judgeSteps(ctx context.Context, rules rulings, p *policy.Policy, ref string, steps []evidence.Step, pushes []evidence.Push) (*verdict.Report, error) {
	found, err := f.stepCommits(ctx, p, ref, steps)
	if err != nil {
		return nil, err
	}
	plain, all := map[string]bool{}, []string{}
	var explained []evidence.Step
	for i, s := range steps {
		all = append(all, s.Commits...)
		var left *evidence.PolicyLeft
		if i == len(steps)-1 { // nobody was ever ruled by what a step between had
			left = f.leftBy(ctx, p, rules, ref, steps[0].Parent, s.Commit)
		}
		if s.PullRequest != nil {
			s.Policy = left
			explained = append(explained, s)
			continue
		}
		found.Gaps = append(found.Gaps, s.Gaps...)
		for _, id := range s.Commits {
			plain[id] = true
		}
		u := f.pushed(ctx, p, ref, &s)
		u.Policy = left
		found.Updates = append(found.Updates, u)
	}
	first, err := f.mirror.Repo().FirstPushes(ctx, pushes, all)
	if err != nil {
		return nil, fault.Undecidedf("finding the pushes of the commits: %w", err)
	}
	for i := range found.Commits {
		c := &found.Commits[i]
		if !plain[c.ID] {
			continue
		}
		c.New, c.Refs = true, []string{ref}
		if len(pushes) > 0 {
			c.Push, c.Seen = &pushes[0], seenAt(pushes[0].At, "activity log")
		}
		if push, ok := first[c.ID]; ok {
			c.Push, c.Unread = &push.Push, push.Unread
		}
	}
	f.carriedIn(ctx, p, found, func(id string) bool { return plain[id] }, 0, 0)
	set := f.newSet(found)
	for i := range explained {
		if explained[i].Seen.Time.IsZero() {
			explained[i].Seen = seenAt(set.At, ClockJudge)
		}
	}
	set.Steps = explained
	f.addRoles(ctx, set, p, reviewers(steps))
	if err := f.addReferences(ctx, p, steps, set); err != nil {
		return nil, err
	}
	return checker.Check(p, set), nil
}

// pushed is a step that no pull request explains as the update of the branch that it was, and what it changes in
// what workflows may do.
func (f *forgeSide) pushed(ctx context.Context, p *policy.Policy, ref string, s *evidence.Step) evidence.Update {
	u := evidence.Update{Ref: ref, Old: s.Parent, New: s.Commit, Object: "commit", NewCommits: len(s.Commits), Carried: s.Commits}
	changes, gaps := f.mirror.Repo().Diff(ctx, s.Parent, s.Commit)
	u.Workflows = changeBetween(p, mirrorTrees(ctx, f.mirror), s.Parent, s.Commit, changes, gaps)
	return u
}

// leftBy is what steps from one commit to another leave of a branch's policy; nil where they do not touch it.
func (f *forgeSide) leftBy(ctx context.Context, now *policy.Policy, rules rulings, ref, from, to string) *evidence.PolicyLeft {
	if from != "" {
		if changes, gaps := f.mirror.Repo().Diff(ctx, from, to); !changesPolicy(changes) && len(gaps) == 0 {
			return nil
		}
	}
	return rules.policyLeft(now, policy.Door{Ref: ref}, byName(f.Name), func() ([]byte, error) { return f.policies().file(ctx, to) })
}

// addReferences looks for names of secrets in what the commits of steps that no pull request explains add, for
// which it fetches the contents of the files that they change.
func (f *forgeSide) addReferences(ctx context.Context, p *policy.Policy, steps []evidence.Step, set *evidence.Set) error {
	if len(secretLists(p)) == 0 {
		return nil
	}
	for i := range steps {
		s := &steps[i]
		if s.PullRequest != nil {
			continue
		}
		if err := f.mirror.FetchRange(ctx, s.Parent, s.Commit, gitrepo.RangeOptions{Hint: len(s.Commits), Lines: true}); err != nil {
			return fault.Undecidedf("reading the files that the commits change: %w", err)
		}
	}
	return addReferences(ctx, p, f.mirror.Repo(), set)
}
