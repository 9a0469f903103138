package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
)

// rulingAt finds the policy for what goes to a ref, which was at the commit base before. Another
// repository's rules all refs, where the input names one.
func (a *action) rulingAt(ctx context.Context, ref, base string) (ruling, error) {
	if a.in.policySlug != "" {
		return a.policyElsewhere(ctx)
	}
	tip := ""
	if ref == a.live.DefaultRef {
		tip = base
	}
	main, err := a.defaultPolicy(ctx, tip)
	if err != nil {
		return ruling{}, err
	}
	rules := rulings{defaultRef: a.live.DefaultRef, main: main, at: func(commit, shown string) (*policy.Policy, error) {
		return a.policyAt(ctx, commit, shown)
	}}
	return rules.of(ref, base)
}

// defaultPolicy is the policy of the default branch, at a commit of it ("": where it is now).
func (a *action) defaultPolicy(ctx context.Context, tip string) (ruling, error) {
	ref := a.live.DefaultRef
	if tip == "" && a.defaultTip == "" {
		refs, err := a.mirror.Refs(ctx, ref)
		if err != nil {
			return ruling{}, fault.Undecidedf("finding the default branch: %w", err)
		}
		if a.defaultTip = refs[ref]; a.defaultTip == "" {
			return ruling{}, fault.Undecidedf("the default branch %s is not there", ref)
		}
	}
	if tip == "" {
		tip = a.defaultTip
	}
	if known, ok := a.rulings[tip]; ok {
		return known, nil
	}
	p, err := a.policyAt(ctx, tip, "the default branch "+ref)
	if errors.Is(err, errNoPolicy) {
		p, err = nil, a.neverHad(ctx, tip)
	}
	if err != nil {
		return ruling{}, err
	}
	a.rulings[tip] = ruling{policy: p, first: p == nil}
	return a.rulings[tip], nil
}

// neverHad returns nil if a history never had a policy. It takes all of the history: nothing else could
// tell a repository that is still to get its first policy from one whose policy was taken away.
func (a *action) neverHad(ctx context.Context, tip string) error {
	m, err := a.newMirror(ctx, a.in.slug)
	if err != nil {
		return fault.Undecidedf("reading the history: %w", err)
	}
	defer func() { _ = m.Close() }() // a temporary folder of ours
	had, err := m.EverHad(ctx, tip, policy.FileName)
	if err != nil {
		return fault.Undecidedf("finding out whether the default branch ever had a %s: %w", policy.FileName, err)
	}
	if had {
		return fault.WithFix(fault.Undecidedf("the default branch had a %s and has none now: nothing says what is allowed", policy.FileName),
			"have a maintainer put it back; to stop blocking, set mode = \"observe\" in it")
	}
	return nil
}

// policyAt reads the policy of a commit of this repository.
func (a *action) policyAt(ctx context.Context, commit, shown string) (*policy.Policy, error) {
	p, err := readMirrored(ctx, a.mirror, commit, policy.FileName, shown)
	if err == nil {
		p.Path = policy.FileName
	}
	return p, err
}

// policyElsewhere reads the policy of another repository, from its default branch.
func (a *action) policyElsewhere(ctx context.Context) (ruling, error) {
	if known, ok := a.rulings[""]; ok {
		return known, nil
	}
	slug := a.in.policySlug
	there, err := a.api.Repository(ctx, slug)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the repository of the policy: %w", err)
	}
	m, err := a.newMirror(ctx, slug)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the repository of the policy: %w", err)
	}
	defer func() { _ = m.Close() }() // a temporary folder of ours
	refs, err := m.Refs(ctx, there.DefaultRef)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the repository of the policy: %w", err)
	}
	tip := refs[there.DefaultRef]
	if tip == "" {
		return ruling{}, fault.Undecidedf("the default branch %s of %s is not there", there.DefaultRef, slug)
	}
	p, err := readMirrored(ctx, m, tip, slug+"/"+policy.FileName, slug)
	if errors.Is(err, errNoPolicy) {
		return ruling{}, fault.WithFix(fault.Undecidedf("%w, which the input policy-repository names: nothing says what is allowed", err),
			"have a maintainer commit a policy to its default branch")
	}
	if err != nil {
		return ruling{}, err
	}
	a.rulings[""] = ruling{policy: p}
	return a.rulings[""], nil
}

// readMirrored reads the policy of a commit; messages call it by name and its place by shown. The
// error is errNoPolicy where the commit is there and has none.
func readMirrored(ctx context.Context, m *gitrepo.Mirror, commit, name, shown string) (*policy.Policy, error) {
	if err := m.Fetch(ctx, commit); err != nil {
		return nil, fault.Undecidedf("reading %s of %s: %w", policy.FileName, shown, err)
	}
	src, err := m.File(ctx, commit, policy.FileName)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound):
		return nil, fmt.Errorf("%w in %s", errNoPolicy, shown)
	case err != nil:
		return nil, fault.Undecidedf("reading %s of %s: %w", policy.FileName, shown, err)
	}
	p, diags := policy.Parse(src, name)
	if diags.HasErrors() {
		return nil, fault.WithFix(fault.Usagef("the policy %s of %s is not valid: %w", name, shown, diags),
			"have a maintainer mend it: `remit policy validate` says what is wrong")
	}
	return p, nil
}
