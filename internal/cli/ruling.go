package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// ruling is the policy by which something is judged.
type ruling struct {
	policy *policy.Policy // nil: there is none
	// first says that the default branch never had a policy: nothing is enforced.
	first bool
}

// rulings tells which policy rules a ref, and is the one place that does. Every surface asks it, so
// that what a client is told, what a server enforces and what a check says are one answer.
type rulings struct {
	defaultRef string
	main       ruling // the default branch's, from before the push
	// at reads the policy of a commit, which messages call shown. The error wraps errNoPolicy where the
	// commit has none. Nil: main rules every ref, because it comes from another repository.
	at func(commit, shown string) (*policy.Policy, error)
}

// listed reports whether a ref is one of settings.bases, beside the default branch.
func (r rulings) listed(ref string) bool {
	return r.at != nil && ref != r.defaultRef && r.main.policy != nil && !r.main.first && pattern.Any(r.main.policy.Settings.Bases, ref)
}

// of is the policy for what goes to a ref, which was at the commit base before. A ref that the default
// branch's policy lists among settings.bases has its own, as it was before; one that is new ("") has
// none yet, so that whoever makes it does not choose its policy. All others go by the default branch's.
func (r rulings) of(ref, base string) (ruling, error) {
	if base == "" || !r.listed(ref) {
		return r.main, nil
	}
	p, err := r.at(base, "the base "+ref)
	switch {
	case errors.Is(err, errNoPolicy):
		return ruling{}, fault.WithFix(fault.Undecidedf("%w, which settings.bases of the default branch's policy lists: nothing says what is allowed there", err),
			"have a maintainer take the branch out of settings.bases, commit a %s to it, and put it back", policy.FileName)
	case err != nil:
		var c *fault.Error
		if errors.As(err, &c) && c.Kind == fault.Usage {
			return ruling{}, fault.WithFix(fault.Usagef("the policy of the base %s, which settings.bases lists, cannot be used: %w", ref, err),
				"have a maintainer take the branch out of settings.bases, mend its %s, and put it back", policy.FileName)
		}
		return ruling{}, err
	}
	// Who lost a key tells the default branch, and it must not take a merge into each other one to count there.
	return ruling{policy: p.WithRevocations(r.main.policy)}, nil
}

// share is what of a push is judged by one policy.
type share struct {
	policy *policy.Policy
	refs   map[string]bool
}

// shares sorts the refs of a push by the policy that rules them, the default branch's first. Refs under
// the same text of a policy are judged together, so that what is counted is counted over all of them.
func (r rulings) shares(updates []gitrepo.RefUpdate, before func(gitrepo.RefUpdate) string) ([]share, error) {
	var all []share
	for _, u := range updates {
		rule, err := r.of(u.Ref, before(u))
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(all, func(s share) bool { return s.policy == rule.policy || s.policy.Digest == rule.policy.Digest })
		if at < 0 {
			at = len(all)
			all = append(all, share{rule.policy, map[string]bool{}})
		}
		all[at].refs[u.Ref] = true
	}
	slices.SortStableFunc(all, func(a, b share) int {
		switch r.main.policy {
		case a.policy:
			return -1
		case b.policy:
			return 1
		}
		return 0
	})
	return all, nil
}

// needsLines reports whether one of the policies asks for the lines that commits change.
func needsLines(all []share) bool {
	return slices.ContainsFunc(all, func(s share) bool { return s.policy.NeedsLines() })
}

// asksForPaths reports whether one of the policies asks for the paths of a push.
func asksForPaths(all []share) bool {
	return slices.ContainsFunc(all, func(s share) bool { return s.policy.AsksForPaths(names.Push) })
}

// of is what of a push goes to the refs of a share. A commit that other refs alone bring is judged by
// their policy; here it counts as part of what is carried.
func (s share) of(c *gitrepo.Collected) *gitrepo.Collected {
	out := *c
	out.Updates, out.Tags, out.Commits = nil, nil, slices.Clone(c.Commits)
	for _, u := range c.Updates {
		if s.refs[u.Ref] {
			out.Updates = append(out.Updates, u)
		}
	}
	for _, t := range c.Tags {
		if s.refs[t.Ref] {
			out.Tags = append(out.Tags, t)
		}
	}
	for i := range out.Commits {
		commit := &out.Commits[i]
		if !commit.New {
			continue
		}
		commit.Refs = slices.DeleteFunc(slices.Clone(commit.Refs), func(ref string) bool { return !s.refs[ref] })
		commit.New = len(commit.Refs) > 0
	}
	out.Bundles = maps.Clone(c.Bundles)
	out.Gaps = slices.Clone(c.Gaps)
	return &out
}

// judgeShares judges a push, each share of it by its own policy; the worst decides. makeSet makes the
// evidence of one share.
func judgeShares(all []share, found *gitrepo.Collected, makeSet func(*policy.Policy, *gitrepo.Collected) (*evidence.Set, error)) (*verdict.Report, error) {
	reports := make([]*verdict.Report, 0, len(all))
	for _, s := range all {
		part := found
		if len(all) > 1 {
			part = s.of(found)
		}
		set, err := makeSet(s.policy, part)
		if err != nil {
			return nil, err
		}
		reports = append(reports, checker.Check(s.policy, set))
	}
	if len(reports) == 1 {
		return reports[0], nil
	}
	return verdict.Merge(reports...), nil
}

// tracked is the commit at which a clone knows a ref of the remote to be; in a repository without remotes,
// the ref itself. "" where it is not known.
func (w *workspace) tracked(ref string) string {
	branch, ok := strings.CutPrefix(ref, "refs/heads/")
	if !ok {
		return ""
	}
	name := "refs/remotes/origin/" + branch
	if w.worktree == "" || !w.hasRemotes() {
		name = ref
	}
	refs, err := w.repo.Refs(name)
	if err != nil {
		return ""
	}
	return refs[name]
}

// hasRemotes reports whether something was fetched from somewhere.
func (w *workspace) hasRemotes() bool {
	refs, err := w.repo.Refs("refs/remotes/")
	return err != nil || len(refs) > 0
}

// trunkHere is the default branch, by its name at the remote, as far as this repository tells: where
// origin/HEAD leads, and in a bare repository its own HEAD. "" where it does not tell.
func (w *workspace) trunkHere() string {
	const remote = "refs/remotes/origin/"
	if name, ok := strings.CutPrefix(w.written(remote+"HEAD"), remote); ok && name != "HEAD" {
		return "refs/heads/" + name
	}
	if w.worktree != "" {
		return ""
	}
	ref, err := w.repo.DefaultRef()
	if err != nil {
		return ""
	}
	return ref
}

// written is the ref that is written when one is moved: the one at the end of symbolic refs.
func (w *workspace) written(ref string) string {
	if target, err := w.repo.Written(ref); err == nil {
		return target
	}
	return ref
}

// maxBasesAsked bounds the branches that are asked whether a range begins on them.
const maxBasesAsked = 100

// rulingOfRange is the policy for a range as if it were pushed to a ref. The range's base stands for
// what was there before the push, so the policy is read from it, but for two things that settings.bases
// brings: what is judged at a listed ref has that ref's own, and the policy of a listed ref counts
// there alone, so that a range which begins on one and goes elsewhere has the default branch's.
func (w *workspace) rulingOfRange(ctx context.Context, r *commitRange, ref string) (*policy.Policy, error) {
	trunk := w.trunkHere()
	tip := ""
	if trunk != "" {
		tip = w.tracked(trunk)
	}
	main, err := w.trunkPolicy(ctx, r, trunk, tip)
	if err != nil {
		return nil, err
	}
	rules := rulings{defaultRef: trunk, main: ruling{policy: main}, at: w.policyAt}
	if !rules.listed(ref) {
		return main, nil
	}
	before := w.tracked(ref)
	switch {
	case before == "" && tip != "" && !w.within(ctx, r.base, tip):
		before = r.base // a clone that does not know the ref, but where it was
	case before != "" && w.within(ctx, r.head, before):
		before = r.base // the range is history: its base is where the ref was
	}
	rule, err := rules.of(ref, before)
	return rule.policy, err
}

// trunkPolicy is the policy that stands for the default branch's: the base's, unless that is known to be
// of a ref that has a policy of its own.
func (w *workspace) trunkPolicy(ctx context.Context, r *commitRange, trunk, tip string) (*policy.Policy, error) {
	ofBase := func() (*policy.Policy, error) { return w.policyAt(r.base, "the base "+r.baseName) }
	if tip == "" || w.within(ctx, r.base, tip) {
		return ofBase()
	}
	src, err := w.repo.File(tip, policy.FileName)
	if err != nil {
		return ofBase()
	}
	main, diags := policy.Parse(src, policy.FileName)
	if diags.HasErrors() || len(main.Settings.Bases) == 0 {
		return ofBase()
	}
	prefix := "refs/remotes/origin/"
	if w.worktree == "" {
		prefix = "refs/heads/"
	}
	refs, err := w.repo.Refs(prefix)
	if err != nil {
		return nil, fault.Undecidedf("reading the branches: %w", err)
	}
	asked := 0
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		ref := "refs/heads/" + strings.TrimPrefix(name, prefix)
		if ref == trunk || !pattern.Any(main.Settings.Bases, ref) {
			continue
		}
		if asked++; asked > maxBasesAsked {
			break
		}
		if w.within(ctx, r.base, refs[name]) {
			return w.policyAt(tip, "the default branch "+trunk)
		}
	}
	return ofBase()
}

// within reports whether a commit is another or an ancestor of it, as far as this clone reaches.
func (w *workspace) within(ctx context.Context, commit, of string) bool {
	if commit == of {
		return true
	}
	yes, err := w.repo.IsAncestor(ctx, commit, of)
	return err == nil && yes
}

// rulingHere is the policy by which what is made on the branch that is checked out will be judged, given
// the one that issuing goes by: advice.
func (w *workspace) rulingHere(main *policy.Policy, ref string) (*policy.Policy, error) {
	if !pattern.Any(main.Settings.Bases, ref) {
		return main, nil // which is nearly always so, and costs nothing
	}
	rules := rulings{defaultRef: w.trunkHere(), main: ruling{policy: main}, at: w.policyAt}
	rule, err := rules.of(ref, w.tracked(ref))
	return rule.policy, err
}
