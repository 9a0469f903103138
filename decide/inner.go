package decide

import (
	"context"
	"fmt"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
)

// maxInner bounds the pull requests that are read because they were merged into one's branch.
const maxInner = 100

// logSlack is how much the forge's times of one merge may differ.
const logSlack = time.Hour

// innerPulls fills in which pull requests were merged into the branch of one, with the commits found after base, and
// who had a part in them; their commits are added, as ones that came before. deep is how many it was itself merged
// into.
func (f *forgeSide) innerPulls(ctx context.Context, p *policy.Policy, base string, pr *evidence.PullRequest, found *gitrepo.Collected, deep int) error {
	pr.Inner, pr.InnerUnread = nil, ""
	if pr.HeadRepository == "" { // that who pushed there is not known is said already
		return nil
	}
	since := pr.Created
	for _, push := range pr.Pushes {
		if push.At.Before(since) {
			since = push.At
		}
	}
	records, err := f.api.MergedInto(ctx, pr.HeadRepository, pr.HeadRef, since.Add(-logSlack))
	if err != nil {
		pr.InnerUnread = err.Error()
		return nil //nolint:nilerr // the checker says where it matters
	}
	own := map[string]bool{}
	for _, id := range pr.Commits {
		own[id] = true
	}
	parents := map[string][]string{}
	for i := range found.Commits {
		parents[found.Commits[i].ID] = found.Commits[i].Parents
	}
	var more []*gitrepo.Collected
	for _, r := range records {
		if r.Number == pr.Number && pr.HeadRepository == f.live.Name || !own[r.Commit] && !own[r.Head] {
			continue
		}
		if len(pr.Inner) == maxInner || deep == maxDeep {
			pr.InnerUnread = fmt.Sprintf("more were merged into it, or into each other, than are read (%d)", maxInner)
			break
		}
		inner := r.PullRequest
		inner.MergedAs, inner.Base = r.Commit, base
		if own[r.Commit] && r.Commit != r.Head && len(parents[r.Commit]) > 0 {
			inner.Base = parents[r.Commit][0]
		}
		in, err := f.readInner(ctx, p, &inner, deep)
		if err != nil {
			return err
		}
		pr.Inner, more = append(pr.Inner, &inner), append(more, in)
	}
	addBefore(found, more...)
	return nil
}

// readInner reads who pushed to a pull request that was merged into another's branch, and what it brought there.
func (f *forgeSide) readInner(ctx context.Context, p *policy.Policy, inner *evidence.PullRequest, deep int) (*gitrepo.Collected, error) {
	if err := f.api.ReadPushes(ctx, inner, f.history(ctx, inner.Base)); err != nil {
		inner.InnerUnread = err.Error()
	}
	why := inner.InnerUnread
	in, err := f.collectCommits(ctx, p, inner.Base, inner, deep+1)
	if err != nil {
		return nil, err
	}
	if why != "" {
		inner.InnerUnread = why
	}
	return in, nil
}

// addBefore adds commits that came before those that were found, each once.
func addBefore(found *gitrepo.Collected, more ...*gitrepo.Collected) {
	known := map[string]bool{}
	for i := range found.Commits {
		known[found.Commits[i].ID] = true
	}
	var before []evidence.Commit
	for _, m := range more {
		for _, c := range m.Commits {
			if c.New = false; !known[c.ID] {
				known[c.ID] = true
				before = append(before, c)
			}
		}
		for digest, b := range m.Bundles {
			if found.Bundles == nil {
				found.Bundles = map[string]evidence.Bundle{}
			}
			if found.Bundles[digest].Raw == nil {
				found.Bundles[digest] = b
			}
		}
	}
	if len(before) > 0 {
		found.Commits = append(before, found.Commits...)
	}
}
