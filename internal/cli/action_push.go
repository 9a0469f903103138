package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

const (
	maxPushSteps = 50     // steps of a branch that one push or merge group may bring
	maxBrought   = 20_000 // commits that come with them
)

// checkPush judges what a push brought to a branch, after the fact: merges by the forge's record of
// them, and everything else as the commits that it is.
func (a *action) checkPush(ctx context.Context, e *event) (*outcome, error) {
	if !strings.HasPrefix(e.Ref, "refs/heads/") {
		return a.nothing("the push of %s is of no branch; tags are judged by server hooks", e.Ref), nil
	}
	if strings.Trim(e.After, "0") == "" {
		return a.nothing("the branch %s was deleted, so there is nothing to put a check on; rulesets and server hooks keep branches", e.Ref), nil
	}
	var err error
	if a.live, err = a.api.Repository(ctx, a.in.slug); err != nil {
		return nil, err
	}
	pushes, _, err := a.api.Activity(ctx, a.in.slug, e.Ref, 0)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(pushes, func(p evidence.Push) bool { return p.After == e.After && p.Before == strings.Trim(e.Before, "0") })
	if i < 0 {
		i = slices.IndexFunc(pushes, func(p evidence.Push) bool { return p.After == e.After })
	}
	if i < 0 {
		return nil, fault.WithFix(fault.Undecidedf("the log of pushes to %s does not tell of %s", e.Ref, e.After), "run the check again in a minute: the log lags behind")
	}
	push := pushes[i]
	a.target = target{head: push.After}
	// The check run is that of every pull request with this head too.
	return a.checkHead(ctx, push.After, nil, a.judgePush(ctx, push))
}

// judgePush judges a push to a branch, by the policy from before it.
func (a *action) judgePush(ctx context.Context, push evidence.Push) judged {
	a.observe = false
	fail := func(err error) judged { return judged{report: a.undecided(err)} }
	before, fork := push.Before, push.Before == ""
	if fork && push.Ref != a.live.DefaultRef { // a new branch: what the default branch does not have
		refs, err := a.mirror.Refs(ctx, a.live.DefaultRef)
		if err != nil {
			return fail(fault.Undecidedf("finding the default branch: %w", err))
		}
		before = refs[a.live.DefaultRef]
	}
	policyAt := before
	if policyAt == "" {
		policyAt = push.After // the very first push
	}
	rules, err := a.rulingAt(ctx, push.Ref, policyAt)
	if err != nil {
		return fail(err)
	}
	if rules.first {
		return a.unruled()
	}
	a.observe = rules.policy.Settings.Observe
	steps, err := a.stepsOf(ctx, before, push.After, fork)
	if err != nil {
		return fail(err)
	}
	told, err := a.explain(ctx, steps, a.byRecord(func(ref string) bool { return ref == push.Ref }))
	if err != nil {
		return fail(err)
	}
	r, err := a.judgeSteps(ctx, rules, push.Ref, told, &push)
	if err != nil {
		return fail(err)
	}
	return judged{report: r}
}

// stepsOf are the steps of a branch from one commit to another. What is new on a new branch is taken
// from where it left the default branch.
func (a *action) stepsOf(ctx context.Context, from, to string, fork bool) ([]gitrepo.FirstParentStep, error) {
	if err := a.mirror.FetchRange(ctx, from, to, gitrepo.RangeOptions{}); err != nil {
		return nil, fault.Undecidedf("reading the push: %w", err)
	}
	repo := a.mirror.Repo()
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
// of all others as pushed to the branch.
func (a *action) judgeSteps(ctx context.Context, rules ruling, ref string, steps []evidence.Step, push *evidence.Push) (*verdict.Report, error) {
	found, err := a.stepCommits(ctx, rules.policy, ref, steps)
	if err != nil {
		return nil, err
	}
	plain := map[string]bool{}
	var explained []evidence.Step
	var gaps []evidence.Gap
	for _, s := range steps {
		if s.PullRequest != nil {
			explained = append(explained, s)
			continue
		}
		gaps = append(gaps, s.Gaps...)
		for _, id := range s.Commits {
			plain[id] = true
		}
	}
	for i := range found.Commits {
		c := &found.Commits[i]
		if !plain[c.ID] {
			continue
		}
		c.New, c.Refs = true, []string{ref}
		if push != nil {
			c.Push, c.Seen = push, seenAt(push.At, "activity log")
		}
	}
	set := a.newSet(found)
	set.Gaps = append(set.Gaps, gaps...)
	for i := range explained {
		if explained[i].Seen.Time.IsZero() {
			explained[i].Seen = seenAt(set.At, clockJudge)
		}
	}
	set.Steps = explained
	set.Roles, gaps = a.roles(ctx, reviewers(steps), forgeTeams(rules.policy, rules.policy.Gates))
	set.Gaps = append(set.Gaps, gaps...)
	return checker.Check(rules.policy, set), nil
}

// queueRef is what GitHub calls the branch of an entry of a merge queue: base, number, and what it is
// built on.
var queueRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^refs/heads/gh-readonly-queue/(.+)/pr-([0-9]{1,9})-([0-9a-f]{40,64})$`)
})

// checkGroup judges a merge group: each pull request that it would merge, as it is now, and what else
// there is.
func (a *action) checkGroup(ctx context.Context, e *event) (*outcome, error) {
	head := e.MergeGroup.HeadSHA
	var err error
	if a.live, err = a.api.Repository(ctx, a.in.slug); err != nil {
		return nil, err
	}
	refs, err := a.mirror.Refs(ctx, "refs/heads/")
	if err != nil {
		return nil, fault.Undecidedf("reading the merge queue: %w", err)
	}
	entries := map[string]int{} // numbers by the commit that the entry's branch is at
	base := ""
	for ref, id := range refs {
		m := queueRef().FindStringSubmatch(ref)
		if m == nil {
			continue
		}
		number, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		entries[id] = number
		if id == head {
			base = "refs/heads/" + m[1]
		}
	}
	if base == "" || refs[base] == "" {
		return nil, fault.WithFix(fault.Undecidedf("no branch of the merge queue is at %q any more", head), "put the pull requests into the queue again")
	}
	a.target = target{head: head}
	steps, err := a.stepsOf(ctx, refs[base], head, false)
	if err != nil {
		return nil, err
	}
	g := &mergeGroup{action: a, entries: entries, pulls: map[int]*livePull{}}
	told, err := a.explain(ctx, steps, g.member)
	if err != nil {
		return nil, err
	}
	for _, s := range told {
		if s.PullRequest == nil {
			continue
		}
		if pr := g.pulls[s.PullRequest.Number]; pr != nil {
			pr.Onto = s.Parent // what it lands on is what is ahead of it
		}
	}
	rules, err := a.rulingAt(ctx, base, refs[base])
	if err != nil {
		return nil, err
	}
	if rules.first {
		return a.outcomeOf([]judged{a.unruled()}), nil
	}
	a.observe = rules.policy.Settings.Observe
	report, err := a.judgeSteps(ctx, rules, base, told, nil)
	if err != nil {
		return nil, err
	}
	all := []judged{{report: report}}
	for _, number := range g.order {
		all = append(all, a.judgePull(ctx, g.pulls[number]))
	}
	return a.outcomeOf(all), nil
}

// mergeGroup is a merge group under judgement.
type mergeGroup struct {
	*action

	entries map[string]int
	pulls   map[int]*livePull
	order   []int
}

// member finds the open pull request that a step of the queue would merge: the one whose head is merged
// there, or the one that the queue's branch at the step is named after.
func (g *mergeGroup) member(ctx context.Context, step gitrepo.FirstParentStep) ([]merged, string, error) {
	var numbers []int
	if n := g.entries[step.Commit]; n != 0 {
		numbers = append(numbers, n)
	} else if raw, err := g.mirror.Repo().Commit(step.Commit); err == nil {
		if c, err := gitobject.ParseCommit(raw); err == nil && len(c.Parents) == 2 {
			if numbers, err = g.api.OpenPullRequests(ctx, g.in.slug, c.Parents[1]); err != nil {
				return nil, "", err
			}
		}
	}
	var out []merged
	for _, n := range numbers {
		if g.pulls[n] == nil {
			pr, err := g.readPull(ctx, n)
			if err != nil {
				return nil, "", err
			}
			g.pulls[n] = pr
			g.order = append(g.order, n)
		}
		pr := g.pulls[n].PullRequest
		if !pr.Open {
			return nil, fmt.Sprintf("pull request #%d is closed", n), nil
		}
		pr.Base = step.Parent
		out = append(out, merged{PullRequest: pr})
	}
	return out, "no open pull request would be merged as it", nil
}
