package decide

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
)

// maxBasesAsked bounds the branches that are asked whether a range begins on them.
const maxBasesAsked = 100

// rulingOfRange is the policy for a range as if it were pushed to a ref. The range's base stands for
// what was there before the push, so the policy is read from it, but for two things that settings.bases
// brings: what is judged at a listed ref has that ref's own, and the policy of a listed ref counts
// there alone, so that a range which begins on one and goes elsewhere has the default branch's. It returns the
// rulings of all refs too.
func (c clone) rulingOfRange(ctx context.Context, q *Range, ref string) (*policy.Policy, rulings, error) {
	trunk := c.trunk()
	tip := ""
	if trunk != "" {
		tip = c.tracked(trunk)
	}
	main, err := c.trunkPolicy(ctx, q, trunk, tip)
	if err != nil {
		return nil, rulings{}, err
	}
	rules := rulings{defaultRef: trunk, main: main, from: inRepo{Repo: c.Repo}}
	if !rules.listed(ref) {
		return main.policy, rules, nil
	}
	before := c.tracked(ref)
	switch {
	case before == "" && tip != "" && !c.within(ctx, q.Base, tip):
		before = q.Base // a clone that does not know the ref, but where it was
	case before != "" && c.within(ctx, q.Head, before):
		before = q.Base // the range is history: its base is where the ref was
	}
	rule, err := rules.of(ctx, ref, before, q.Head)
	return rule.policy, rules, err
}

// trunkPolicy is the policy that stands for the default branch's: the base's, unless that is known to be
// of a ref that has a policy of its own.
func (c clone) trunkPolicy(ctx context.Context, q *Range, trunk, tip string) (ruling, error) {
	from := inRepo{Repo: c.Repo}
	ofBase := func() (ruling, error) {
		p, err := policyAt(ctx, from, q.Base, "the base "+q.BaseName)
		if err != nil {
			if last := lastObserved(ctx, from, q.Base, err); last.policy != nil {
				return last, nil
			}
		}
		return ruling{policy: p}, err
	}
	if tip == "" {
		return ofBase()
	}
	src, err := c.File(tip, policy.FileName)
	if err != nil {
		return ofBase()
	}
	if here, err := c.File(q.Base, policy.FileName); err == nil && bytes.Equal(here, src) {
		return ofBase() // whichever of the two it is
	}
	// How the base stands to the default branch can take as long as what lies between them, and matters only here.
	main, diags := policy.Parse(src, policy.FileName)
	if diags.HasErrors() || len(main.Settings.Bases) == 0 || c.within(ctx, q.Base, tip) {
		return ofBase()
	}
	prefix := "refs/remotes/origin/"
	if c.bare {
		prefix = "refs/heads/"
	}
	refs, err := c.Refs(prefix)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the branches: %w", err)
	}
	asked := 0
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		ref := "refs/heads/" + strings.TrimPrefix(name, prefix)
		if ref == trunk || !main.Settings.IsBase(ref) {
			continue
		}
		if asked++; asked > maxBasesAsked {
			break
		}
		if c.within(ctx, q.Base, refs[name]) {
			p, err := policyAt(ctx, from, tip, "the default branch "+trunk)
			return ruling{policy: p}, err
		}
	}
	return ofBase()
}

// IssuingPolicy is the policy that signing and delegating go by: the one that remit.policy names, else that of the
// remote's default branch, else the one of HEAD. What is signed is judged by others' word for what was there before.
// The error wraps [ErrNoPolicy] where this repository knows none.
func IssuingPolicy(ctx context.Context, repo *gitrepo.Repo) (*policy.Policy, error) {
	rule, err := issuing(ctx, repo)
	return rule.policy, err
}

func issuing(ctx context.Context, repo *gitrepo.Repo) (ruling, error) {
	if ref := repo.PolicyRef(); ref != "" {
		return keptElsewhere(ctx, repo, ref)
	}
	for _, rev := range (clone{Repo: repo}).placesOfPolicy() {
		commit, err := repo.ResolveRevision(rev)
		if err != nil {
			continue
		}
		p, err := policyAt(ctx, inRepo{Repo: repo}, commit, rev)
		if err != nil && rev != "HEAD" { // as whoever is pushed to judges it
			if last := lastObserved(ctx, inRepo{Repo: repo}, commit, err); last.policy != nil {
				return last, nil
			}
		}
		if errors.Is(err, ErrNoPolicy) {
			continue
		}
		return ruling{policy: p}, err
	}
	return ruling{}, fault.WithFix(fault.Undecidedf("%w", errNoneHere),
		"commit a %s, or name one with --policy; where the server reads it from another repository, fetch that and name its branch: "+
			"`git remote add policy URL && git fetch policy && git config remit.policy refs/remotes/policy/main`", policy.FileName)
}

var errNoneHere = fmt.Errorf("%w in origin/HEAD or HEAD", ErrNoPolicy)

// placesOfPolicy are the revisions of which the first that has a policy is the one to go by.
func (c clone) placesOfPolicy() []string {
	if trunk := c.likelyTrunk(); trunk != "" {
		return []string{trunk, "HEAD"}
	}
	return []string{"HEAD"}
}

// keptElsewhere is the policy at the ref that remit.policy names, which was fetched from another repository.
func keptElsewhere(ctx context.Context, repo *gitrepo.Repo, ref string) (ruling, error) {
	shown := inert.Word(ref)
	var refs map[string]string
	if strings.HasPrefix(ref, "refs/") {
		var err error
		if refs, err = repo.Refs(ref); err != nil {
			return ruling{}, fault.Undecidedf("reading the refs: %w", err)
		}
	}
	if refs[ref] == "" {
		return ruling{}, fault.WithFix(fault.Undecidedf("git's setting remit.policy names %s for the policy, and there is no such ref here", shown),
			"fetch it, name another with `git config remit.policy REF` (a full name, such as refs/remotes/policy/main), or go without: `git config --unset-all remit.policy`")
	}
	p, err := readPolicy(ctx, inRepo{Repo: repo}, refs[ref], policy.FileName, shown)
	if errors.Is(err, ErrNoPolicy) { // it is said to be there, so that this is not a repository without any
		err = fault.WithFix(fault.Undecidedf("git's setting remit.policy names %s for the policy, and there is no %s in it", shown, policy.FileName),
			"name the ref that has it with `git config remit.policy REF`, or go without: `git config --unset-all remit.policy`")
	}
	return ruling{policy: p, elsewhere: true}, err
}

// likelyTrunk is the tracking branch that has the policy: where origin/HEAD leads. A clone of a repository that was
// empty then has none, so there the usual names are tried; one that leads nowhere leaves nothing to guess. "" for none.
func (c clone) likelyTrunk() string {
	names := []string{"refs/remotes/origin/HEAD"}
	if c.trunkOf("origin") == "" {
		names = append(names, "refs/remotes/origin/main", "refs/remotes/origin/master")
	}
	for _, name := range names {
		if _, err := c.ResolveRevision(name); err == nil {
			return name
		}
	}
	return ""
}

// PolicyUnsure says, as a clause, why the policy that [IssuingPolicy] finds may not be the one that counts at the
// remote: this clone does not know that one's default branch. "" where it does, or has no remote.
func PolicyUnsure(repo *gitrepo.Repo) string {
	c := clone{Repo: repo}
	if repo.PolicyRef() != "" || c.likelyTrunk() != "" {
		return ""
	}
	const so = ", so that the policy of what is checked out is taken, which may be an old one"
	if trunk := c.trunkOf("origin"); trunk != "" {
		return "origin/HEAD leads to " + inert.Word("origin/"+strings.TrimPrefix(trunk, "refs/heads/")) + ", which is not here" + so
	}
	if refs, err := c.Refs("refs/remotes/origin/"); err != nil || len(refs) > 0 {
		return "this clone does not know which branch of origin is the default one" + so
	}
	if c.hasRemotes() {
		return "the policy is read from the default branch of origin, and no remote is called so here" + so
	}
	return ""
}

// PolicyAt reads the policy of a commit of a repository that is here, for what is held against just that one.
// Messages call its place shown; the error wraps [ErrNoPolicy] where the commit has none.
func PolicyAt(ctx context.Context, repo *gitrepo.Repo, commit, shown string) (*policy.Policy, error) {
	return policyAt(ctx, inRepo{Repo: repo}, commit, shown)
}

// rulingHere is the policy by which what is made on the branch that is checked out will be judged, given
// the one that issuing goes by: advice.
func (c clone) rulingHere(ctx context.Context, main ruling, ref string) (*policy.Policy, error) {
	if main.elsewhere || !main.policy.Settings.IsBase(ref) {
		return main.policy, nil // which is nearly always so, and costs nothing
	}
	rules := rulings{defaultRef: c.trunk(), main: main, from: inRepo{Repo: c.Repo}}
	rule, err := rules.of(ctx, ref, c.tracked(ref), "")
	return rule.policy, err
}
