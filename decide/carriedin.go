package decide

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing/gitobject"
)

const (
	maxRecords   = 100 // commits of one branch that the forge is asked about
	maxCarriedIn = 10  // pull requests that are read because they were merged into another's branch
	maxDeep      = 4   // of them inside each other
)

// carriedIn finds what of the commits of one branch is another pull request's change.
type carriedIn struct {
	*forgeSide

	policy *policy.Policy
	but    int // the number of the pull request whose branch it is
	deep   int

	records map[string][]forge.MergeRecord // by commit
	pulls   map[int]*evidence.PullRequest
	found   *gitrepo.Collected
	known   map[string]bool // commits that are in found
}

// carriedIn says of each commit that no key signed, and that the forge's word for who pushed would do for, which
// pull request it was merged from: whoever merges one into their branch has not made it. Its commits are
// added, as ones that came before. Where that word does nothing, nothing is asked. It asks about the commits that
// are among some; but is the number of the pull request whose branch they are on, 0 for none.
func (f *forgeSide) carriedIn(ctx context.Context, p *policy.Policy, found *gitrepo.Collected, among func(id string) bool, but, deep int) {
	believed := p.Settings.UnsignedPusher
	for name := range p.Principals {
		believed = believed || name.Kind() == names.App
	}
	if !believed {
		return
	}
	in := &carriedIn{
		forgeSide: f, policy: p, but: but, deep: deep, records: map[string][]forge.MergeRecord{}, pulls: map[int]*evidence.PullRequest{},
		found: found, known: map[string]bool{},
	}
	for i := range found.Commits {
		in.known[found.Commits[i].ID] = true
	}
	own := len(found.Commits)
	for i := range own {
		// What is found is added behind: the commit may move.
		c := found.Commits[i]
		if among(c.ID) && unsigned(&c) {
			in.look(ctx, &c)
			found.Commits[i] = c
		}
	}
	if len(found.Commits) > own { // parents come before children
		found.Commits = append(slices.Clone(found.Commits[own:]), found.Commits[:own]...)
	}
}

// unsigned reports whether a commit carries no signature of the kind that proves who made it.
func unsigned(c *evidence.Commit) bool {
	o, err := gitobject.ParseCommit(c.Raw)
	return err == nil && !bytes.HasPrefix(o.Signature, []byte("-----BEGIN SSH SIGNATURE-----"))
}

// look finds the pull requests that a commit was merged from.
func (in *carriedIn) look(ctx context.Context, c *evidence.Commit) {
	ask, from := c.ID, ""
	if len(c.Parents) > 0 {
		from = c.Parents[0]
	}
	if c.Push != nil && (c.Push.Kind == "pr_merge" || c.Push.Kind == "merge_queue_merge") {
		ask, from = c.Push.After, c.Push.Before
	}
	records, err := in.recordsOf(ctx, ask)
	if err != nil {
		c.CarriedWhy = fmt.Sprintf("whether it is another pull request's could not be learned: %v", err)
		return
	}
	for _, r := range records {
		pr, err := in.pull(ctx, r.Number, from)
		if err != nil {
			c.CarriedWhy = fmt.Sprintf("pull request #%d, which was merged as it, could not be read: %v", r.Number, err)
			return
		}
		switch {
		case slices.Contains(pr.Commits, c.ID):
			// It is one of that pull request's own, which came along as it is.
			in.pushOf(ctx, pr, c)
			return
		case len(c.Parents) == 1:
			c.CarriedIn = append(c.CarriedIn, pr)
			if at := in.newest(pr); at != nil {
				c.Seen = *at
			}
		}
	}
}

// pushOf gives a commit the push that first brought it to the branch of the pull request that it is of.
func (in *carriedIn) pushOf(ctx context.Context, pr *evidence.PullRequest, c *evidence.Commit) {
	first, err := in.mirror.Repo().FirstPushes(ctx, pr.Pushes, pr.Commits)
	push, ok := first[c.ID]
	if err != nil || !ok {
		c.CarriedWhy = fmt.Sprintf("who pushed it to pull request #%d could not be learned", pr.Number)
		return
	}
	c.Push, c.Unread = &push.Push, push.Unread
}

// newest is when the last of a pull request's commits was seen, nil where that is not known.
func (in *carriedIn) newest(pr *evidence.PullRequest) *evidence.Seen {
	var last *evidence.Seen
	for i := range in.found.Commits {
		c := &in.found.Commits[i]
		if slices.Contains(pr.Commits, c.ID) && !c.Seen.Time.IsZero() && (last == nil || c.Seen.Time.After(last.Time)) {
			last = &c.Seen
		}
	}
	return last
}

// recordsOf are the forge's records of what was merged as a commit, without the pull request whose branch this is.
func (in *carriedIn) recordsOf(ctx context.Context, commit string) ([]forge.MergeRecord, error) {
	if known, ok := in.records[commit]; ok {
		return known, nil
	}
	if len(in.records) == maxRecords {
		return nil, fmt.Errorf("%w: more than %d commits that no key signed", forge.ErrCut, maxRecords)
	}
	found, err := in.api.MergedPullRequest(ctx, in.Slug, commit)
	if err != nil && !errors.Is(err, forge.ErrNotFound) {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(r forge.MergeRecord) bool { return r.Number == in.but })
	in.records[commit] = found
	return found, nil
}

// pull reads a pull request that was merged after a commit, and adds its commits.
func (in *carriedIn) pull(ctx context.Context, number int, after string) (*evidence.PullRequest, error) {
	if pr := in.pulls[number]; pr != nil {
		return pr, nil
	}
	if len(in.pulls) == maxCarriedIn || in.deep == maxDeep {
		return nil, fmt.Errorf("%w: too many were merged into each other", forge.ErrCut)
	}
	pr, gaps, err := in.api.PullRequest(ctx, in.Slug, number, in.history(ctx, after))
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		return nil, fmt.Errorf("%s: %s", g.What, g.Detail)
	}
	pr.Base = after
	found, err := in.collectCommits(ctx, in.policy, after, &pr, in.deep+1)
	if err != nil {
		return nil, err
	}
	in.pulls[number] = &pr
	for _, c := range found.Commits {
		if c.New = false; !in.known[c.ID] {
			in.known[c.ID] = true
			in.found.Commits = append(in.found.Commits, c)
		}
	}
	for digest, b := range found.Bundles {
		if in.found.Bundles == nil {
			in.found.Bundles = map[string]evidence.Bundle{}
		}
		if in.found.Bundles[digest].Raw == nil {
			in.found.Bundles[digest] = b
		}
	}
	return &pr, nil
}
