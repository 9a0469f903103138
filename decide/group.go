package decide

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/signing/gitobject"
)

// MergeGroup asks whether a merge group may be merged: each pull request in it, as it is now, and what else
// there is. The base is the event's: the names of the queue's branches are anybody's who can push.
type MergeGroup struct {
	OnForge

	Head string // commit id
	Base string // full name of the branch that the group is to be merged into
}

func (q MergeGroup) decide(ctx context.Context, src Sources) Outcome {
	return onSide(ctx, src, q.OnForge, checkBudget, func(f *forgeSide) (Outcome, error) {
		if err := f.repository(ctx); err != nil {
			return Outcome{}, err
		}
		check := f.checkOf(q.Head, q.Base)
		for range maxRounds {
			g := &mergeGroup{forgeSide: f, base: q.Base, head: q.Head, pulls: map[int]*livePull{}}
			o, err := g.decide(ctx, check)
			if err != nil {
				return Outcome{Head: check.Head, Checks: []Check{check}}, err
			}
			same, err := g.unchanged(ctx)
			if err != nil {
				return Outcome{Head: check.Head, Checks: []Check{check}}, err
			}
			if same {
				return o, nil
			}
			f.forget()
		}
		return Outcome{Head: check.Head, Checks: []Check{check}}, fault.Undecidedf("what is judged changed each time that it was read")
	})
}

// queueRef is what GitHub calls the branch of an entry of a merge queue: base, number, and what it is
// built on. It is a hint, and no more.
var queueRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^refs/heads/gh-readonly-queue/(.+)/pr-([0-9]{1,9})-([0-9a-f]{40,64})$`)
})

// maxHints bounds how many names of branches are followed for one step.
const maxHints = 10

// mergeGroup is a merge group under judgement.
type mergeGroup struct {
	*forgeSide

	base, head string
	hints      map[string][]int // numbers of pull requests that branches at a commit are named after
	pulls      map[int]*livePull
	order      []int
	heard      []int // numbers of others that have the head of one of them
}

func (g *mergeGroup) decide(ctx context.Context, check Check) (Outcome, error) {
	tip, err := g.tipOf(ctx, g.base)
	if err != nil {
		return Outcome{}, fault.Undecidedf("finding the base %s of the merge group: %w", g.base, err)
	}
	if err := g.queued(ctx); err != nil {
		return Outcome{}, err
	}
	rules, rule, err := g.rulingAt(ctx, g.base, tip, g.head)
	switch {
	case err != nil:
		return Outcome{}, err
	case rule.first:
		return outcomeOf(check, []judged{g.unruled()}), nil
	}
	all, err := g.judge(ctx, rules, rule, tip)
	if err != nil {
		o := g.failed(err, g.observes(ctx, rules, rule.policy, g.base, g.head))
		check.Report = o.Report
		o.Head, o.Checks = check.Head, []Check{check}
		return o, nil
	}
	return outcomeOf(check, all), nil
}

// queued makes sure that one branch of the merge queue is at the group's head, and collects what such branches
// are named after.
func (g *mergeGroup) queued(ctx context.Context) error {
	refs, err := g.mirror.Refs(ctx, "refs/heads/")
	if err != nil {
		return fault.Undecidedf("reading the merge queue: %w", err)
	}
	g.hints = map[string][]int{}
	var here []string
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		m := queueRef().FindStringSubmatch(ref)
		if m == nil {
			continue
		}
		if refs[ref] == g.head {
			here = append(here, ref)
		}
		if n, err := strconv.Atoi(m[2]); err == nil && "refs/heads/"+m[1] == g.base {
			g.hints[refs[ref]] = append(g.hints[refs[ref]], n)
		}
	}
	const again = "put the pull requests into the queue again"
	switch {
	case len(here) == 0:
		return fault.WithFix(fault.Undecidedf("no branch of the merge queue is at %s any more", short(g.head)), again)
	case len(here) > 1:
		return fault.WithFix(fault.Undecidedf("several branches with names of the merge queue are at %s, and no more than one is the queue's: %s", short(g.head), strings.Join(here[:min(len(here), 3)], ", ")),
			"delete those that the queue did not make, see who pushed them, keep such names to the queue with a ruleset, and "+again)
	}
	return nil
}

// judge judges what the group adds to its base, and then each of its pull requests as it lands.
func (g *mergeGroup) judge(ctx context.Context, rules rulings, rule ruling, tip string) ([]judged, error) {
	steps, err := g.stepsOf(ctx, tip, g.head, false)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return nil, fault.Undecidedf("the merge group adds nothing to %s, so that it is not known what it is to merge", g.base)
	}
	told, err := g.explain(ctx, steps, g.member)
	if err != nil {
		return nil, err
	}
	for _, s := range told {
		if s.PullRequest == nil || !s.Equal {
			return nil, fault.WithFix(fault.Undecidedf("the step %s of the merge group is the merge of no open pull request into %s: %s", short(s.Commit), g.base, s.Why),
				"put the pull requests into the queue again")
		}
		for _, n := range slices.Sorted(maps.Keys(g.pulls)) {
			if pr := g.pulls[n]; pr.Open && pr.BaseRef == g.base && pr.Head == s.PullRequest.Head {
				g.order, pr.Onto = append(g.order, n), s.Parent // what it lands on is what is ahead of it
			}
		}
	}
	if err := g.hearElsewhere(ctx); err != nil {
		return nil, err
	}
	report, err := g.judgeSteps(ctx, rules, rule.policy, g.base, told, nil)
	if err != nil {
		return nil, err
	}
	all := []judged{{report: report}}
	for _, number := range g.order {
		all = append(all, g.judgePull(ctx, g.pulls[number]))
	}
	return all, nil
}

// hearElsewhere fills in what is said in other open pull requests that have the head of one of the group's.
func (g *mergeGroup) hearElsewhere(ctx context.Context) error {
	var heads []string
	for _, n := range g.order {
		heads = append(heads, g.pulls[n].Head)
	}
	open, err := g.api.OpenPullRequests(ctx, g.Slug, heads...)
	if err != nil {
		return err
	}
	for _, n := range g.order {
		pr := &g.pulls[n].PullRequest
		g.sameHead(ctx, pr, open, func(p forge.OpenPull) bool { return slices.Contains(g.order, p.Number) })
		for _, other := range pr.SameHead {
			g.heard = append(g.heard, other.Number)
		}
	}
	return nil
}

// member finds the open pull requests that a step of the queue would merge: all whose head is merged there, or,
// where it was squashed or rebased, those that branches at the step are named after. What they are is not taken
// from the names: each must go to the group's base, and give the step when it is merged again.
func (g *mergeGroup) member(ctx context.Context, step gitrepo.FirstParentStep) ([]merged, string, error) {
	numbers := g.hints[step.Commit]
	if raw, err := g.mirror.Repo().Commit(step.Commit); err == nil {
		if c, err := gitobject.ParseCommit(raw); err == nil && len(c.Parents) == 2 {
			open, err := g.api.OpenPullRequests(ctx, g.Slug, c.Parents[1])
			if err == nil { // what lands with a stranger's of the same head is what lands with the other's
				open, _, err = g.apart(ctx, open)
			}
			if err != nil {
				return nil, "", err
			}
			numbers = nil
			for _, p := range open {
				numbers = append(numbers, p.Number)
			}
		}
	}
	if len(numbers) > maxHints {
		return nil, "", fault.Undecidedf("%d pull requests may be a step of the merge group: %w", len(numbers), gitrepo.ErrLimit)
	}
	var out []merged
	why := "no open pull request has its head"
	for _, n := range numbers {
		if g.pulls[n] == nil {
			pr, err := g.readPull(ctx, n)
			if err != nil {
				return nil, "", err
			}
			g.pulls[n] = pr
		}
		pr := g.pulls[n].PullRequest
		switch {
		case !pr.Open:
			why = fmt.Sprintf("pull request #%d is closed", n)
			continue
		case pr.BaseRef != g.base:
			why = fmt.Sprintf("pull request #%d goes to %s", n, pr.BaseRef)
			continue
		}
		pr.Base = step.Parent
		out = append(out, merged{PullRequest: pr})
	}
	return out, why, nil
}

// unchanged reports whether the group and its pull requests are what was judged.
func (g *mergeGroup) unchanged(ctx context.Context) (bool, error) {
	counts := g.mayCount(ctx)
	for _, n := range slices.Concat(g.order, g.heard) {
		if same, err := g.api.Unchanged(ctx, g.Slug, n, counts); err != nil || !same {
			return false, err
		}
	}
	return g.tipsStand(ctx, []string{g.base, g.live.DefaultRef})
}
