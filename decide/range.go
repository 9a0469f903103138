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
	Ref        string // full name
	// Policy judges in place of the base's; nil: the base's, never the one that the range brings.
	Policy     *policy.Policy
	Repository Naming
	At         Clock
	Pusher     *evidence.Pusher
	Approvals  []evidence.SignedApproval
}

func (q Range) decide(ctx context.Context, src Sources) Outcome {
	report, err := q.judge(ctx, src.here())
	if err != nil {
		return undone(src, err)
	}
	return Outcome{Report: report}
}

func (q *Range) judge(ctx context.Context, c clone) (*verdict.Report, error) {
	ref := c.written(q.Ref)
	p, err := q.policy(ctx, c, ref)
	if err != nil {
		return nil, err
	}
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
	published, err := approvalsOf(c.Repo, found, q.At)
	if err != nil {
		return nil, err
	}
	set.Pusher, set.Approvals = q.Pusher, append(slices.Clone(q.Approvals), byHumans(p, published)...)
	if err := addReferences(ctx, p, c.Repo, set); err != nil {
		return nil, err
	}
	return checker.Check(p, set), nil
}

func (q *Range) policy(ctx context.Context, c clone, ref string) (*policy.Policy, error) {
	if q.Policy != nil {
		return q.Policy, nil
	}
	p, err := c.rulingOfRange(ctx, q, ref)
	if errors.Is(err, ErrNoPolicy) {
		err = fault.WithFix(fault.Undecidedf("%w: nothing says what is allowed", err),
			"commit a policy to the default branch first, or name one with --policy FILE")
	}
	return p, err
}
