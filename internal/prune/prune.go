// Package prune finds the refs of remit's that nobody needs any more, and takes them away: delegations and approvals
// that are over, and the marks of requests that are. A fleet makes as many as it has tasks, and each makes every
// listing of refs longer.
//
// What is over may still be asked for: a commit names the delegation that it was made under. So what commits name is
// kept until the audit log has its bundle, from where it is read then.
package prune

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/gitrepo"
)

// Least is the least time for which refs stay after they are over: as long as a request may live, and clocks may differ.
const Least = delegation.MaxRequestTTL + time.Hour

// Usual is for how long refs stay after they are over, unless somebody says otherwise.
const Usual = 24 * time.Hour

// Sources are what a plan is made from.
type Sources struct {
	Repo *gitrepo.Repo
	Log  *log.Reader // nil: there is no log that counts, and what only a log tells is kept
	Now  time.Time
	Keep time.Duration // for how long refs stay after they are over; at least [Least]
	// InForce is the digest of the delegation that is in force here; "" for none.
	InForce string
}

// Kind says what refs are for.
type Kind string

// The kinds of refs.
const (
	Delegations Kind = "delegations"
	Approvals   Kind = "approvals"
	Requests    Kind = "used requests"
	Deployed    Kind = "deploys"
)

// Kinds are all of them, in the order in which they are told of.
func Kinds() []Kind { return []Kind{Delegations, Approvals, Requests, Deployed} }

// Count is how many refs of a kind there are.
type Count struct {
	Removed int `json:"removed"`
	Live    int `json:"live"`   // they hold, or ended a short time ago
	Needed  int `json:"needed"` // they are over, and something that the audit log does not have needs them
	Unread  int `json:"unread"` // nobody can tell what they hold
}

// Plan is what is to be done.
type Plan struct {
	Refs   map[string]string // to be deleted, with what each names
	Counts map[Kind]Count
}

// Make finds out what is not needed.
func Make(ctx context.Context, src Sources) (*Plan, error) {
	if src.Keep < Least {
		return nil, fmt.Errorf("refs stay for at least %s after they are over", Least)
	}
	p := &planning{Sources: src, Plan: &Plan{Refs: map[string]string{}, Counts: map[Kind]Count{Delegations: {}, Approvals: {}, Requests: {}, Deployed: {}}}}
	for _, step := range []func(context.Context) error{p.delegations, p.approvals, p.marks} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return p.Plan, nil
}

// Apply deletes what was planned, in this repository (remote "") or in a remote.
func (p *Plan) Apply(ctx context.Context, repo *gitrepo.Repo, remote string) error {
	if len(p.Refs) == 0 {
		return nil
	}
	return repo.DeleteRefs(ctx, remote, p.Refs)
}

type planning struct {
	Sources
	*Plan
}

type fate int

const (
	removed fate = iota
	live
	needed
	unread
)

func (p *planning) decide(kind Kind, ref, id string, f fate) {
	c := p.Counts[kind]
	switch f {
	case removed:
		c.Removed++
		p.Refs[ref] = id
	case live:
		c.Live++
	case needed:
		c.Needed++
	case unread:
		c.Unread++
	}
	p.Counts[kind] = c
}

// over reports whether something that ended is not to be kept for that alone.
func (p *planning) over(end time.Time) bool { return p.Now.Sub(end) > p.Keep }

// delegations plans for those that are over.
func (p *planning) delegations(ctx context.Context) error {
	type ended struct{ ref, id, digest string }
	var all []ended
	err := p.Repo.EachDelegation(func(ref, id string, c delegation.Chain, err error) {
		switch {
		case err != nil:
			p.decide(Delegations, ref, id, unread)
		case c.Digest() == p.InForce || !p.over(c.Ends()):
			p.decide(Delegations, ref, id, live)
		default:
			all = append(all, ended{ref, id, c.Digest()})
		}
	})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return nil
	}
	named, err := p.Repo.NamedDelegations(ctx)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(all, readAtOnce) {
		var paths []string
		for _, d := range part {
			if named[d.digest] {
				paths = append(paths, log.BundlePath(d.digest))
			}
		}
		kept, err := p.kept(ctx, paths)
		if err != nil {
			return err
		}
		for _, d := range part {
			f := removed
			if named[d.digest] && !kept[log.BundlePath(d.digest)] {
				f = needed
			}
			p.decide(Delegations, d.ref, d.id, f)
		}
	}
	return nil
}

// readAtOnce is how many files of the log are asked for at once.
const readAtOnce = 1000

// kept reports which files the log has.
func (p *planning) kept(ctx context.Context, paths []string) (map[string]bool, error) {
	kept := map[string]bool{}
	if p.Log == nil || len(paths) == 0 {
		return kept, nil
	}
	files, err := p.Log.Files(ctx, paths)
	if err != nil {
		return nil, err
	}
	for i, content := range files {
		kept[paths[i]] = content != nil
	}
	return kept, nil
}

// approvals plans for those that are over: what they let through is in the log's entries, and nothing is let through
// by them any more.
func (p *planning) approvals(context.Context) error {
	return p.Repo.EachApproval(func(ref, id string, raw []byte) {
		a, err := delegation.ParseSigned[delegation.Approval](raw)
		switch {
		case err != nil:
			p.decide(Approvals, ref, id, unread)
		case !p.over(a.Statement.NotAfter):
			p.decide(Approvals, ref, id, live)
		default:
			p.decide(Approvals, ref, id, removed)
		}
	})
}

// marks plans for those of requests. Only the log tells, in words of somebody whom it vouches for, when a request was
// used and what it let through: the names of tags are their makers' word. What an environment has is told by the last
// one alone, which stays.
func (p *planning) marks(ctx context.Context) error {
	refs, err := p.Repo.Refs(delegation.GateRefs)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return nil
	}
	used, err := p.used(ctx)
	if err != nil {
		return err
	}
	last := map[string]time.Time{}  // of each environment, by the names of its refs
	again := map[string]time.Time{} // when a nonce was last used, by the word of the marks: it may have been more than once
	for ref, id := range refs {
		if env, at, ok := deployed(ref); ok {
			if !used[use{delegation.MarkNonce(ref), id}].IsZero() && at.After(last[env]) {
				last[env] = at
			}
			if at.IsZero() {
				at = p.Now
			}
			if at.After(again[delegation.MarkNonce(ref)]) {
				again[delegation.MarkNonce(ref)] = at
			}
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		kind, f := Requests, needed
		env, at, isDeploy := deployed(ref)
		switch {
		case isDeploy:
			kind = Deployed
		case !strings.HasPrefix(ref, delegation.RequestRefs):
			continue
		}
		switch when := used[use{delegation.MarkNonce(ref), refs[ref]}]; {
		case when.IsZero() || again[delegation.MarkNonce(ref)].IsZero():
		case !p.over(again[delegation.MarkNonce(ref)]):
			f = live
		case !p.over(when) || isDeploy && !at.Before(last[env]):
			f = live
		default:
			f = removed
		}
		p.decide(kind, ref, refs[ref], f)
	}
	return nil
}

// deployed tells of which environment, by what its refs begin with, a mark says that something was let through, and
// when.
func deployed(ref string) (environment string, at time.Time, ok bool) {
	i := strings.LastIndexByte(ref, '/') + 1
	return ref[:i], delegation.DeployedAt(ref), strings.HasPrefix(ref, delegation.GateRefs+"deployed/")
}

// use is what a mark tells of a deploy that was let through: whoever makes a request chooses its nonce, and may choose it
// again.
type use struct{ nonce, commit string }

// used is when requests to deploy were used by the log's word.
func (p *planning) used(ctx context.Context) (map[use]time.Time, error) {
	used := map[use]time.Time{}
	if p.Log == nil {
		return used, nil
	}
	err := p.Log.Walk(ctx, 0, p.Log.Checkpoint().Size, false, func(_ int64, b []byte) error {
		e, err := audit.Parse(b)
		if err != nil {
			return err
		}
		if u := (use{e.Question.Nonce, e.Question.Head}); u.nonce != "" && e.Deployed() && e.Time.After(used[u]) {
			used[u] = e.Time
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("finding the requests that were used: %w", err)
	}
	return used, nil
}
