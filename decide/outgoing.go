package decide

import (
	"context"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
)

// Outgoing asks whether a remote will let a push in, as far as this clone knows: advice.
type Outgoing struct {
	Remote     string              // its name, or its URL
	Updates    []gitrepo.RefUpdate // as git tells the client's hook
	InForce    delegation.Chain    // the delegation in force here; nil: none
	Repository Naming
}

func (q Outgoing) decide(ctx context.Context, src Sources) Outcome {
	p, err := IssuingPolicy(ctx, src.Repo)
	if err != nil {
		if fault.KindOf(err) != fault.Undecided {
			return undone(src, err)
		}
		o := unruled(src, "", ClockHere)
		o.Notes = []string{fmt.Sprintf("%v: nothing was checked before this push", err)}
		return o
	}
	o, err := q.judge(ctx, src, p)
	if err != nil {
		return undone(src, err)
	}
	return o
}

func (q *Outgoing) judge(ctx context.Context, src Sources, p *policy.Policy) (Outcome, error) {
	c := src.here()
	receiver, err := c.remoteRefs(q.Remote, q.Updates)
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading what %s has: %w", q.Remote, err)
	}
	tracked := trackedTrunk(q.Remote, receiver)
	trunk := c.nameThere(tracked)
	pusher := q.pusher(p)
	rules := rulings{defaultRef: trunk, main: ruling{policy: p}, from: inRepo{Repo: c.Repo}}
	all, err := rules.shares(ctx, q.Updates, func(u gitrepo.RefUpdate) string { return u.Old })
	if err != nil {
		return Outcome{}, err
	}
	found, err := c.CollectPush(ctx, q.Updates, gitrepo.CollectOptions{
		CountLines: needsLines(all), Land: asksForPaths(all), Receiver: receiver, DefaultBranch: tracked,
		Delegations: namedBy(pusher), LongLived: longLivedAt(q.Remote, p, trunk),
	})
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading what goes out: %w", err)
	}
	approvals, err := approvalsOf(c.Repo, found, Clock{src.Now(), ClockHere})
	if err != nil {
		return Outcome{}, err
	}
	report, err := judgeShares(all, found, func(p *policy.Policy, part *gitrepo.Collected) (*evidence.Set, error) {
		repository, err := q.Repository(p)
		if err != nil {
			return nil, err
		}
		set := newSet(part, evidence.SurfaceClient, repository, Clock{src.Now(), ClockHere})
		set.Pusher, set.Approvals = pusher, byHumans(p, approvals)
		addWorkflows(ctx, p, c.Repo, set, receiver[tracked])
		rules.addPolicies(set, byName(repository), func(commit string) ([]byte, error) { return c.File(commit, policy.FileName) })
		return set, addReferences(ctx, p, c.Repo, set)
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Report: report, Delegations: held(found.Bundles)}, nil
}

// held are the digests of the delegations that are here, in order.
func held(bundles map[string]evidence.Bundle) []string {
	var digests []string
	for digest, b := range bundles {
		if b.Raw != nil {
			digests = append(digests, digest)
		}
	}
	slices.Sort(digests)
	return digests
}

// pusher says who pushes as far as it can be told here: the delegate in force. Where none is, an unsigned act
// such as a forced update is for the server to judge.
func (q *Outgoing) pusher(p *policy.Policy) *evidence.Pusher {
	if q.InForce == nil {
		return nil
	}
	block := p.Principal(q.InForce.Leaf().Delegate.Name)
	if block == nil {
		return nil
	}
	return &evidence.Pusher{Login: block.Login, Source: "the delegation in force", Delegation: q.InForce.Digest()}
}
