package decide

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// ruling is the policy by which something is judged.
type ruling struct {
	policy *policy.Policy // nil: there is none
	// first says that the default branch never had a policy: nothing is enforced.
	first bool
	// lost says that the branch has no usable policy any more, so that policy is the last one, which observes, and
	// how it is put back, as sentences; "": it has one.
	lost string
	// elsewhere says that it is kept in another repository, so that it rules every ref of this one.
	elsewhere bool
}

// rulings tells which policy rules a ref, and is the one place that does. Every surface asks it, so
// that what a client is told, what a server enforces and what a check says are one answer.
type rulings struct {
	defaultRef string
	id         int64  // the forge's of the repository; 0: not known
	root       string // fingerprint of the key whose signature a server's first policy needs; "": none is known
	main       ruling // the default branch's, from before the push
	// from has the policies of commits. Nil: main rules every ref, because it comes from another repository.
	from policies
	// chosen says why a base's own policy does not count, because of who chose what the branch began with; "": it
	// does. Nil: nothing tells here.
	chosen func(ctx context.Context, ref string, main *policy.Policy) (why string, err error)
}

// listed reports whether a ref is one of settings.bases, beside the default branch.
func (r rulings) listed(ref string) bool {
	return r.from != nil && ref != r.defaultRef && r.main.policy != nil && !r.main.first && r.main.policy.Settings.IsBase(ref)
}

// of is the policy for what goes to a ref, which was at the commit base before. A ref that the default
// branch's policy lists among settings.bases has its own, as it was before; one that is new ("") has
// none yet, so that whoever makes it does not choose its policy; nor does one that is there and was begun by
// somebody who had no say in it. All others go by the default branch's, and so does what puts a policy onto a listed
// ref that has none which can be used: next is the commit that the ref would have, "" where that is not known.
func (r rulings) of(ctx context.Context, ref, base, next string) (ruling, error) {
	if base == "" || !r.listed(ref) {
		return r.main, nil
	}
	p, err := policyAt(ctx, r.from, base, "the base "+ref)
	if r.chosen != nil && (err != nil || p.Digest != r.main.policy.Digest) {
		why, err := r.chosen(ctx, ref, r.main.policy)
		if err != nil || why != "" {
			return r.main, err
		}
	}
	if err == nil {
		// Who lost a key tells the default branch, and it must not take a merge into each other one to count there.
		return ruling{policy: p.WithRevocations(r.main.policy)}, nil
	}
	if !isLost(err) {
		return ruling{}, err
	}
	if next != "" {
		if _, nextErr := policyAt(ctx, r.from, next, ref); nextErr == nil {
			return r.main, nil
		}
	}
	const fix = "have a maintainer put a valid %s there: that is judged by the default branch's policy"
	if errors.Is(err, ErrNoPolicy) {
		return ruling{}, fault.WithFix(fault.Undecidedf("%w, which settings.bases of the default branch's policy lists: nothing says what is allowed there", err), fix, policy.FileName)
	}
	return ruling{}, fault.WithFix(fault.Usagef("the policy of the base %s, which settings.bases lists, cannot be used: %w", ref, err), fix, policy.FileName)
}

// share is what of a push is judged by one policy.
type share struct {
	policy *policy.Policy
	refs   map[string]bool
}

// shares sorts the refs of a push by the policy that rules them, the default branch's first. Refs under
// the same text of a policy are judged together, so that what is counted is counted over all of them.
func (r rulings) shares(ctx context.Context, updates []gitrepo.RefUpdate, before func(gitrepo.RefUpdate) string) ([]share, error) {
	var all []share
	for _, u := range updates {
		rule, err := r.of(ctx, u.Ref, before(u), u.New)
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
