package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// Outgoing asks whether a remote will let a push in, as far as this clone knows: advice.
type Outgoing struct {
	Remote     string              // its name, or its URL
	Address    string              // what its URL calls it, "host/owner/name"; "" where that says nothing
	Updates    []gitrepo.RefUpdate // as git tells the client's hook
	Repository Naming
	// InForce reads the delegation in force here, which is nil for none. It is asked once a policy is found to
	// rule: where none does, one that cannot be read stops nobody.
	InForce func() (delegation.Chain, error)
}

func (q Outgoing) decide(ctx context.Context, src Sources) Outcome {
	rule, err := issuing(ctx, src.Repo)
	if err != nil {
		if fault.KindOf(err) != fault.Undecided {
			return undone(src, err)
		}
		o := unruled(src, "", ClockHere)
		o.Notes = []string{fmt.Sprintf("%v: nothing was checked before this push", err)}
		return o
	}
	ahead := q.takeAhead(src.here())
	var o Outcome
	if len(q.Updates) == 0 {
		o = unruled(src, "", ClockHere)
	} else if o, err = q.judge(ctx, src, rule); err != nil {
		o = undone(src, err)
	}
	if o.Report.Verdict == verdict.Waiting && !o.Report.Observe {
		o.Notes = append(o.Notes, "git does not tell this hook which approvals go along (`git push -o approval=WORD`): with one that counts the server lets the push in")
	}
	if why := PolicyUnsure(src.Repo); why != "" {
		o.Notes = append([]string{why + ": `remit doctor` prints what mends that"}, o.Notes...)
	}
	for _, u := range ahead {
		o.Notes = append(o.Notes, q.aheadOf(u))
	}
	o.Delegations = append(o.Delegations, q.namedAhead(ctx, src.here(), ahead)...)
	if rule.lost != "" {
		o.Notes = append([]string{rule.lost}, o.Notes...)
	}
	return o
}

// takeAhead takes those updates out of branches of which the remote has a commit that is not here: somebody pushed
// there meanwhile. What they would replace cannot be judged, and git refuses them unless they are forced.
func (q *Outgoing) takeAhead(c clone) (ahead []gitrepo.RefUpdate) {
	var known []gitrepo.RefUpdate
	for _, u := range q.Updates {
		if u.Old != "" && u.New != "" && strings.HasPrefix(u.Ref, "refs/heads/") {
			if _, err := c.Commit(u.Old); errors.Is(err, gitrepo.ErrMissing) {
				ahead = append(ahead, u)
				continue
			}
		}
		known = append(known, u)
	}
	q.Updates = known
	return ahead
}

// aheadOf says what became of an update that was not judged.
func (q *Outgoing) aheadOf(u gitrepo.RefUpdate) string {
	branch := strings.TrimPrefix(u.Ref, "refs/heads/")
	return fmt.Sprintf("somebody pushed to %s meanwhile, and %s, which is there now, is not here: that push was not checked. Git refuses it; `git pull --rebase %s %s`, then push again. A forced one the server judges.",
		inert.Word(branch), u.Old, plainOr(q.Remote, "REMOTE"), plainOr(branch, "BRANCH"))
}

// plainOr is a name as a shell takes it for one word, or what stands for one that nobody should paste.
func plainOr(name, placeholder string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r)
	}
	if strings.HasPrefix(name, "-") || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return placeholder
	}
	return name
}

// namedAhead are the delegations that the commits of such updates name, as far as they are here: forced, the server
// looks for them.
func (q *Outgoing) namedAhead(ctx context.Context, c clone, ahead []gitrepo.RefUpdate) []string {
	if len(ahead) == 0 {
		return nil
	}
	receiver, err := c.remoteRefs(q.Remote, nil)
	if err != nil {
		return nil
	}
	ahead = slices.Clone(ahead)
	for i := range ahead {
		ahead[i].Old = ""
	}
	found, err := c.CollectPush(ctx, ahead, gitrepo.CollectOptions{Receiver: receiver, DefaultBranch: trackedTrunk(q.Remote, receiver)})
	if err != nil {
		return nil
	}
	return held(found.Bundles)
}

func (q *Outgoing) judge(ctx context.Context, src Sources, rule ruling) (Outcome, error) {
	c, p := src.here(), rule.policy
	receiver, err := c.remoteRefs(q.Remote, q.Updates)
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading what %s has: %w", q.Remote, err)
	}
	tracked := trackedTrunk(q.Remote, receiver)
	trunk := c.usuallyTrunk(tracked)
	inForce, err := q.InForce()
	if err != nil {
		return Outcome{}, err
	}
	pusher := pusherUnder(p, inForce)
	rules := rulings{defaultRef: trunk, main: rule}
	if !rule.elsewhere {
		rules.from = inRepo{Repo: c.Repo}
	}
	leaves := rulings{defaultRef: c.trunkOf(q.Remote), main: rules.main, from: rules.from}
	if here, err := c.Refs("refs/remotes/" + q.Remote + "/"); err != nil {
		return Outcome{}, fault.Undecidedf("reading what %s has: %w", q.Remote, err)
	} else if err := leaves.wakesByPush(ctx, refsOf(q.Remote, here), q.Updates); err != nil {
		return Outcome{}, err
	}
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
		q.addPolicies(c, p, leaves, set, calledUnder(p, func() string { return q.Address }, repository))
		return set, addReferences(ctx, p, c.Repo, set)
	})
	if err != nil {
		return Outcome{}, err
	}
	// What the push brings itself would be there before it, and the server would refuse it as new.
	digests := slices.DeleteFunc(held(found.Bundles), func(digest string) bool {
		return slices.ContainsFunc(q.Updates, func(u gitrepo.RefUpdate) bool { return u.Ref == delegation.RefName(digest) })
	})
	return Outcome{Report: report, Delegations: digests}, nil
}

// addPolicies adds what the push leaves of the policies that are read from refs of the remote, where this clone
// knows that one is: from the branch that the remote has told to be its default, and that had a policy when it was
// last heard of. What another remote is for, such as pages, no policy need be in, and a guess is no reason to deny.
func (q *Outgoing) addPolicies(c clone, now *policy.Policy, rules rulings, set *evidence.Set, repository ruledBy) {
	had := func(commit string) bool {
		_, err := c.File(commit, policy.FileName)
		return !errors.Is(err, gitrepo.ErrNotFound)
	}
	last := c.trackedAt(q.Remote, rules.defaultRef)
	if last == "" || !had(last) {
		return
	}
	rules.addPolicies(now, set, repository, func(commit string) ([]byte, error) {
		src, err := c.File(commit, policy.FileName)
		if errors.Is(err, gitrepo.ErrMissing) {
			err = fault.WithFix(err, "get it with `git show %s:%s`, and push again", commit, policy.FileName)
		}
		return src, err
	})
	for i := range set.Updates {
		switch u := &set.Updates[i]; {
		case u.Policy == nil:
		case u.Ref == rules.defaultRef && (u.Old == "" || !had(u.Old)):
			u.Policy = nil // it is gone there already, and a server says so
		case u.Policy.State == evidence.PolicyOfOther && q.Address != "":
			u.Policy.Detail += fmt.Sprintf(", by the address of %s here; where it is called otherwise now, change that with `git remote set-url`", inert.Quote(q.Remote))
		}
	}
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

// pusherUnder says who pushes as far as it can be told here: the delegate in force. Where none is, an unsigned act
// such as a forced update is for the server to judge.
func pusherUnder(p *policy.Policy, inForce delegation.Chain) *evidence.Pusher {
	if inForce == nil {
		return nil
	}
	block := p.Principal(inForce.Leaf().Delegate.Name)
	if block == nil {
		return nil
	}
	return &evidence.Pusher{Login: block.Login, Source: "the delegation in force", Delegation: inForce.Digest()}
}
