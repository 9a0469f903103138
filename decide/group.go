package decide

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/signing/gitobject"
)

// MergeGroup asks whether a merge group may be merged: each pull request in it, as it is now, and what else
// there is.
type MergeGroup struct {
	OnForge

	Head string // commit id
}

func (q MergeGroup) decide(ctx context.Context, src Sources) Outcome {
	return onSide(ctx, src, q.OnForge, checkBudget, func(f *forgeSide) (Outcome, error) { return f.checkGroup(ctx, q.Head) })
}

// queueRef is what GitHub calls the branch of an entry of a merge queue: base, number, and what it is
// built on.
var queueRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^refs/heads/gh-readonly-queue/(.+)/pr-([0-9]{1,9})-([0-9a-f]{40,64})$`)
})

func (f *forgeSide) checkGroup(ctx context.Context, head string) (Outcome, error) {
	if err := f.repository(ctx); err != nil {
		return Outcome{}, err
	}
	base, tip, entries, err := f.queued(ctx, head)
	if err != nil {
		return Outcome{}, err
	}
	target := Target{Head: head}
	rules, rule, err := f.rulingAt(ctx, base, tip)
	switch {
	case err != nil:
		return Outcome{Target: target}, err
	case rule.first:
		return outcomeOf(target, []judged{f.unruled()}), nil
	}
	g := &mergeGroup{forgeSide: f, entries: entries, pulls: map[int]*livePull{}}
	all, err := g.judge(ctx, rules, rule, base, tip, head)
	if err != nil {
		o := f.failed(err, rule.policy.Settings.Observe)
		o.Target = target
		return o, nil
	}
	return outcomeOf(target, all), nil
}

// queued finds the branch that a merge queue is for, where that is, and the number of the pull request that
// each entry's branch is named after, by the commit that the branch is at.
func (f *forgeSide) queued(ctx context.Context, head string) (base, tip string, entries map[string]int, err error) {
	refs, err := f.mirror.Refs(ctx, "refs/heads/")
	if err != nil {
		return "", "", nil, fault.Undecidedf("reading the merge queue: %w", err)
	}
	entries = map[string]int{}
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
		return "", "", nil, fault.WithFix(fault.Undecidedf("no branch of the merge queue is at %q any more", head), "put the pull requests into the queue again")
	}
	return base, refs[base], entries, nil
}

// mergeGroup is a merge group under judgement.
type mergeGroup struct {
	*forgeSide

	entries map[string]int
	pulls   map[int]*livePull
	order   []int
}

// judge judges what the group adds to its base, and then each of its pull requests as it lands.
func (g *mergeGroup) judge(ctx context.Context, rules rulings, rule ruling, base, tip, head string) ([]judged, error) {
	steps, err := g.stepsOf(ctx, tip, head, false)
	if err != nil {
		return nil, err
	}
	told, err := g.explain(ctx, steps, g.member)
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
	report, err := g.judgeSteps(ctx, rules, rule.policy, base, told, nil)
	if err != nil {
		return nil, err
	}
	all := []judged{{report: report}}
	for _, number := range g.order {
		all = append(all, g.judgePull(ctx, g.pulls[number]))
	}
	return all, nil
}

// member finds the open pull request that a step of the queue would merge: the one whose head is merged
// there, or the one that the queue's branch at the step is named after.
func (g *mergeGroup) member(ctx context.Context, step gitrepo.FirstParentStep) ([]merged, string, error) {
	var numbers []int
	if n := g.entries[step.Commit]; n != 0 {
		numbers = append(numbers, n)
	} else if raw, err := g.mirror.Repo().Commit(step.Commit); err == nil {
		if c, err := gitobject.ParseCommit(raw); err == nil && len(c.Parents) == 2 {
			open, err := g.api.OpenPullRequests(ctx, g.Slug, c.Parents[1])
			if err != nil {
				return nil, "", err
			}
			for _, p := range open {
				numbers = append(numbers, p.Number)
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
