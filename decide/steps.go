package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
)

// maxRebased bounds how many steps of a branch are tried as what one pull request was rebased to.
const maxRebased = 100

// merged is a pull request of which the forge says that it was merged as a step of a branch, or is to
// be by a merge queue.
type merged struct {
	evidence.PullRequest

	by   evidence.Account
	seen evidence.Seen
}

// records finds which pull requests were merged as exactly a step; none, and why, is no error. An [unreadStep] is
// one that is said of the step alone.
type records func(ctx context.Context, step gitrepo.FirstParentStep) (candidates []merged, why string, err error)

// unreadStep says why it could not be learned which pull request was merged as a step.
type unreadStep struct{ error }

// Unwrap gives the reason.
func (u unreadStep) Unwrap() error { return u.error }

// explain says of each step of a branch which pull request it is the merge of, by the forge's record
// and by merging it again. Steps that one pull request was rebased to become one.
func (f *forgeSide) explain(ctx context.Context, steps []gitrepo.FirstParentStep, find records) ([]evidence.Step, error) {
	var out []evidence.Step
	for _, s := range steps {
		step := evidence.Step{Commit: s.Commit, Parent: s.Parent, Commits: s.Commits}
		candidates, why, err := find(ctx, s)
		var unread unreadStep
		switch {
		case errors.As(err, &unread):
			step.Unread = strings.TrimSuffix(unread.Error(), ".")
		case err != nil:
			return nil, err
		}
		if len(candidates) == 0 {
			step.Why = why
		}
		first, chosen := len(out), 0
		for i := range candidates {
			from, merge, equal, err := f.remerge(ctx, out, step, candidates[i].Head)
			if err != nil {
				return nil, err
			}
			if i > 0 && !equal {
				continue
			}
			c := candidates[i]
			step.PullRequest, step.MergedBy, step.Seen, step.Merge, step.Equal = &c.PullRequest, c.by, c.seen, merge, equal
			if first, chosen = len(out), i; equal {
				first = from
				break
			}
		}
		for i := range candidates {
			if i != chosen {
				step.Also = append(step.Also, &candidates[i].PullRequest)
			}
		}
		if first < len(out) {
			step.Parent = out[first].Parent
			var commits []string
			for _, earlier := range out[first:] {
				commits = append(commits, earlier.Commits...)
			}
			step.Commits, out = append(commits, step.Commits...), out[:first]
		}
		out = append(out, step)
	}
	return out, nil
}

// remerge merges a pull request's head again. A step with one parent may be the last of several that
// the pull request was rebased to, which are no more than it has commits: from is the first of them, an
// index into the steps before.
func (f *forgeSide) remerge(ctx context.Context, before []evidence.Step, step evidence.Step, head string) (from int, merge evidence.Merge, equal bool, err error) {
	from = len(before)
	if step.Parent == "" {
		return from, evidence.Merge{Why: "a branch's first commit is no merge"}, false, nil
	}
	merge, equal, err = f.mergeAgain(ctx, step.Parent, head, step.Commit)
	if err != nil || len(step.Commits) != 1 {
		return from, merge, equal, err
	}
	left := 0
	for i := len(before) - 1; i >= 0; i-- {
		s := before[i]
		if s.PullRequest != nil || len(s.Commits) != 1 || s.Parent == "" {
			break
		}
		if i == len(before)-1 {
			left = min(f.commitsOf(ctx, step.Parent, head), maxRebased) - 1
		}
		if left--; left < 0 {
			break
		}
		m, same, err := f.mergeAgain(ctx, s.Parent, head, step.Commit)
		if err != nil {
			return from, merge, equal, err
		}
		if same {
			from, merge, equal = i, m, true
		}
	}
	return from, merge, equal, nil
}

// commitsOf counts the commits that a pull request was rebased from; 0 for one that was not, because
// the base was merged into it.
func (f *forgeSide) commitsOf(ctx context.Context, parent, head string) int {
	repo := f.mirror.Repo()
	fork, err := repo.MergeBase(ctx, parent, head)
	if err != nil {
		return 0
	}
	steps, err := repo.Steps(ctx, fork, head, maxRebased)
	if err != nil {
		return 0
	}
	return len(steps)
}

func (f *forgeSide) mergeAgain(ctx context.Context, parent, head, commit string) (evidence.Merge, bool, error) {
	err := f.mirror.Fetch(ctx, commit, parent, head)
	if err == nil {
		err = f.mirror.FetchMerges(ctx, 0, [2]string{parent, head})
	}
	if err != nil {
		return evidence.Merge{}, false, fault.Undecidedf("reading what was merged as %s: %w", short(commit), err)
	}
	merge, equal, err := f.mirror.Repo().Remerge(ctx, parent, head, commit)
	if err != nil {
		return evidence.Merge{}, false, fault.Undecidedf("merging again: %w", err)
	}
	return merge, equal, nil
}

// byRecord finds the pull requests that the forge recorded as merged as a step, into one of some refs.
// What could not be learned of one makes it not Complete, and is a note; where nothing of it could, unread has what
// there is instead.
func (f *forgeSide) byRecord(into func(ref string) bool, unread func(forge.MergeRecord, error) (evidence.PullRequest, error)) records {
	return func(ctx context.Context, step gitrepo.FirstParentStep) ([]merged, string, error) {
		found, err := f.api.MergedPullRequest(ctx, f.Slug, step.Commit)
		if errors.Is(err, forge.ErrNotFound) {
			return nil, "no pull request was merged as it", nil
		}
		if err != nil {
			return nil, "", err
		}
		var out []merged
		why := ""
		for _, r := range found {
			if !into(r.BaseRef) {
				why = fmt.Sprintf("pull request #%d was merged as it, into %s", r.Number, r.BaseRef)
				continue
			}
			pr, gaps, err := f.api.PullRequest(ctx, f.Slug, r.Number, f.history(ctx, step.Parent))
			if err != nil && ctx.Err() == nil {
				pr, err = unread(r, err)
			}
			if err != nil {
				return nil, "", err
			}
			for _, g := range gaps {
				f.aside("%s could not be read: %s", g.What, g.Detail)
			}
			if pr.Head != r.Head || !pr.Merged {
				why = fmt.Sprintf("the forge says two things of pull request #%d", r.Number)
				continue
			}
			pr.Base = step.Parent
			out = append(out, merged{pr, pr.MergedBy, seenAt(r.At, "the forge's clock, at the merge")})
		}
		return out, why, nil
	}
}

// stepCommits reads the commits of steps: those of pull requests as they were there, and those of
// other steps as they came to the branch. None is new. The pull requests' own part of the evidence is
// filled in.
func (f *forgeSide) stepCommits(ctx context.Context, p *policy.Policy, ref string, steps []evidence.Step) (*gitrepo.Collected, error) {
	all := &gitrepo.Collected{Bundles: map[string]evidence.Bundle{}}
	known := map[string]bool{}
	add := func(found *gitrepo.Collected) {
		for _, c := range found.Commits {
			if c.New = false; !known[c.ID] {
				known[c.ID] = true
				all.Commits = append(all.Commits, c)
			}
		}
		for digest, b := range found.Bundles {
			if all.Bundles[digest].Raw == nil {
				all.Bundles[digest] = b
			}
		}
	}
	for i := range steps {
		s := &steps[i]
		var found *gitrepo.Collected
		var err error
		if s.PullRequest != nil {
			found, _, err = f.collectPull(ctx, p, s.Parent, s.PullRequest)
		} else {
			found, err = f.collectStep(ctx, p, ref, s)
		}
		if err != nil {
			return nil, err
		}
		s.Gaps = append(s.Gaps, found.Gaps...)
		add(found)
		for _, pr := range s.Also {
			if found, _, err = f.collectPull(ctx, p, s.Parent, pr); err != nil {
				return nil, err
			}
			add(found)
		}
	}
	return all, nil
}

// collectStep reads what a step brought to its branch.
func (f *forgeSide) collectStep(ctx context.Context, p *policy.Policy, ref string, s *evidence.Step) (*gitrepo.Collected, error) {
	lines := p.NeedsLines()
	if err := f.mirror.FetchRange(ctx, s.Parent, s.Commit, gitrepo.RangeOptions{Hint: len(s.Commits), Lines: lines}); err != nil {
		return nil, fault.Undecidedf("reading the commits: %w", err)
	}
	found, err := f.mirror.Repo().CollectRange(ctx, s.Parent, s.Commit, ref, gitrepo.CollectOptions{CountLines: lines})
	if err != nil {
		return nil, fault.Undecidedf("reading the commits: %w", err)
	}
	found.Updates = nil
	f.findBundles(ctx, found, "")
	return found, nil
}

// reviewers are those whose last word about a step's pull request says something, each once.
func reviewers(steps []evidence.Step) []evidence.Account {
	var all []evidence.Account
	for i := range steps {
		if steps[i].PullRequest == nil {
			continue
		}
		for _, pr := range append([]*evidence.PullRequest{steps[i].PullRequest}, steps[i].Also...) {
			for _, by := range speakersOf(pr) {
				if !slices.ContainsFunc(all, func(k evidence.Account) bool { return k.ID == by.ID }) {
					all = append(all, by)
				}
			}
		}
	}
	return all
}
