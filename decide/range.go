package decide

import (
	"context"
	"errors"
	"slices"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// Range asks whether the commits of a range may be pushed to a ref.
type Range struct {
	Base, Head string // commit ids
	BaseName   string // the base as messages call it
	HeadName   string // the head, likewise
	Ref        string // full name
	// Policy judges in place of the base's; nil: the base's, never the one that the range brings.
	Policy     *policy.Policy
	Repository Naming
	// Address is what somebody else than a policy calls the repository, "host/owner/name"; "": nobody does.
	Address   func() string
	At        Clock
	Pusher    *evidence.Pusher
	Approvals []evidence.SignedApproval
}

func (q Range) decide(ctx context.Context, src Sources) Outcome {
	c := src.here()
	ref := c.written(q.Ref)
	p, rules, err := q.policy(ctx, c, ref)
	if err != nil {
		return undone(src, err)
	}
	if err := c.wakes(ctx, rules, ref, q.Head); err != nil {
		return undone(src, err)
	}
	o := Outcome{}
	if o.Report, err = q.judge(ctx, c, ref, p, rules); err != nil {
		o = undone(src, err)
	}
	if rules.main.lost != "" {
		o.Notes = []string{rules.main.lost}
	}
	return o
}

func (q *Range) judge(ctx context.Context, c clone, ref string, p *policy.Policy, rules rulings) (*verdict.Report, error) {
	name, err := q.Repository(p)
	if err != nil {
		return nil, err
	}
	found, err := c.CollectRange(ctx, q.Base, q.Head, ref, gitrepo.CollectOptions{
		CountLines: p.NeedsLines(), Land: judgesWorkflows(p), LongLived: longLived(p, c.usualTrunk()),
	})
	if err != nil {
		return nil, fault.Undecidedf("reading the range: %w", err)
	}
	set := newSet(found, evidence.SurfaceCheck, name, q.At)
	if l := found.Landing; l != nil && len(set.Updates) > 0 && !(len(l.Gaps) > 0 && blocked(set)) {
		set.Updates[0].Workflows = landingChange(p, localTrees(c.Repo), q.Base, *l)
	}
	q.addPolicies(ctx, c, p, rules, set, found, calledUnder(p, q.Address, name))
	q.addBegins(ctx, c, set)
	published, err := approvalsOf(c.Repo, found, q.At)
	if err != nil {
		return nil, err
	}
	set.Pusher, set.Approvals = q.Pusher, append(slices.Clone(q.Approvals), byHumans(p, published)...)
	if err := addReferences(ctx, p, c.Repo, set); err != nil {
		return nil, err
	}
	r := checker.Check(p, set)
	if len(r.Acts)+len(r.Findings) == 0 {
		r.Nothing = "no commit of " + q.HeadName + " is new to " + q.BaseName
	}
	return r, nil
}

// addBegins adds where a push of the range begins: an approval of what is pushed is of what comes after that, and the
// server asks for no other.
func (q *Range) addBegins(ctx context.Context, c clone, set *evidence.Set) {
	for i := range set.Updates {
		u := &set.Updates[i]
		tip := c.tracked(u.Ref)
		if tip != "" && tip != u.New && slices.Contains(u.Carried, tip) && c.within(ctx, tip, u.New) {
			u.Begins = tip
		}
	}
}

// policy is the one that judges, and which refs have one of their own; where another one was named, none do.
func (q *Range) policy(ctx context.Context, c clone, ref string) (*policy.Policy, rulings, error) {
	if q.Policy != nil {
		return q.Policy, rulings{}, nil
	}
	if at := c.PolicyRef(); at != "" {
		rule, err := keptElsewhere(ctx, c.Repo, at)
		return rule.policy, rulings{}, err
	}
	p, rules, err := c.rulingOfRange(ctx, q, ref)
	if errors.Is(err, ErrNoPolicy) {
		err = fault.WithFix(fault.Undecidedf("%w: nothing says what is allowed", err),
			"commit a policy to the default branch first, or name one with --policy FILE")
	}
	return p, rules, err
}

// addPolicies adds what the range leaves of the policy that is read from its ref. Where this repository does not
// tell which branch is the default one, a ref of a usual name is taken for it.
func (q *Range) addPolicies(ctx context.Context, c clone, now *policy.Policy, rules rulings, set *evidence.Set, found *gitrepo.Collected, repository ruledBy) {
	if rules.defaultRef = c.usualTrunk(); rules.defaultRef == "" {
		for i := range set.Updates {
			if ref := set.Updates[i].Ref; ref == "refs/heads/main" || ref == "refs/heads/master" {
				rules.defaultRef = ref
			}
		}
	}
	rules.addPolicies(now, set, repository, func(head string) ([]byte, error) {
		if c.within(ctx, q.Base, head) {
			return c.File(head, policy.FileName)
		}
		// It stands beside its base, and what it lacks may be there.
		l := found.Landing
		if l == nil {
			made := c.Landing(ctx, q.Base, head)
			l = &made
		}
		if l.Tree == "" {
			return nil, fault.Undecidedf("it is not known how the range would be merged with its base")
		}
		files, err := c.TreeOf(l.Tree)
		if err != nil {
			return nil, err
		}
		return policyIn(files)
	})
}
