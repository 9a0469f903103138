package forge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

type (
	pullJSON struct {
		Number         int         `json:"number"`
		State          string      `json:"state"`
		Title          string      `json:"title"`
		Body           string      `json:"body"`
		Draft          bool        `json:"draft"`
		User           accountJSON `json:"user"`
		MergedBy       accountJSON `json:"merged_by"` // not in lists
		CreatedAt      time.Time   `json:"created_at"`
		UpdatedAt      time.Time   `json:"updated_at"`
		MergedAt       time.Time   `json:"merged_at"`
		MergeCommitSHA string      `json:"merge_commit_sha"` // of an open one: a test merge
		Labels         []struct {
			Name string `json:"name"`
		} `json:"labels"`
		Head branchJSON `json:"head"`
		Base branchJSON `json:"base"`
	}
	branchJSON struct {
		Ref  string          `json:"ref"`
		SHA  string          `json:"sha"`
		Repo *repositoryJSON `json:"repo"`
	}
	reviewJSON struct {
		ID          int64       `json:"id"`
		User        accountJSON `json:"user"`
		State       string      `json:"state"`
		CommitID    string      `json:"commit_id"`
		SubmittedAt time.Time   `json:"submitted_at"`
	}
	eventJSON struct {
		ID        int64     `json:"id"`
		Event     string    `json:"event"`
		CreatedAt time.Time `json:"created_at"`

		Actor     accountJSON `json:"actor"`
		Dismissed struct {
			ReviewID int64  `json:"review_id"`
			State    string `json:"state"`
		} `json:"dismissed_review"`
	}
)

// snapshot is what must have been so at one time.
type snapshot struct {
	Pull    pullJSON
	Reviews []reviewJSON
	Events  []eventJSON
	Reading string // the part that was being read: what failed, where something did
}

// PullRequest reads a pull request with its reviews, its retargetings and the pushes of its head. What
// it leaves open: Base and Commits, which git tells.
//
// Reviews and retargetings are read until they are seen twice alike. They come from lists whose length
// is bounded by what people did, not by how many commits there are: the timeline holds a commit an
// entry, and the list of commits ends at 250.
//
// Pushes are read back to the creation of the branch, or to one whose Before the base reaches, and on to
// every older one after which a branch of that name held a commit of the pull request. git tells of
// commits, and is shown the pull request as far as it is read, which is all but Pushes and Complete.
//
// [Client.Repository] takes no request after it. The error is about the pull request itself. Where
// anything else could not be learned, the pull request is not Complete and the gaps say why.
func (c *Client) PullRequest(ctx context.Context, repo string, number int, git History) (evidence.PullRequest, []evidence.Gap, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return evidence.PullRequest{}, nil, err
	}
	var gaps []evidence.Gap
	s, err := stable("reading the pull request", func() (snapshot, error) { return c.snapshot(ctx, at, number) }, func(a, b snapshot) bool {
		return alike(a, b) || git.Counts != nil && alike(a.said(git.Counts()), b.said(git.Counts()))
	})
	if err != nil && s.Pull.Number == 0 {
		return evidence.PullRequest{}, nil, fmt.Errorf("pull request %d of %s: %w", number, at, err)
	}
	if err != nil {
		g := gap(fmt.Sprintf("%s of pull request %d", s.Reading, number), err)
		g.Approvals = true // its own page was read
		gaps = append(gaps, g)
	}
	c.seen[pullAt{at, number}] = s
	pr, err := s.pullRequest()
	if err == nil {
		c.known[at], err = s.Pull.Base.Repo.repository(at)
	}
	if err != nil {
		delete(c.known, at)
		return evidence.PullRequest{}, nil, fmt.Errorf("pull request %d of %s: %w", number, at, err)
	}
	if pr.Reviews, err = reviews(s.Reviews, s.Events); err != nil {
		g := gap(fmt.Sprintf("the reviews of pull request %d", number), err)
		g.Approvals = true
		gaps = append(gaps, g)
	}
	pr.Retargets = retargets(s.Events)
	if pr.Pushes, err = c.pushes(ctx, &pr, git); err != nil {
		gaps, pr.PushesUnread = append(gaps, gap("the pushes to the head of pull request "+fmt.Sprint(number), err)), true
	}
	pr.Complete = len(gaps) == 0
	return pr, gaps, nil
}

// Unchanged reads a pull request again that was read before, and reports whether what counts of it is the same: its
// state, base, head, text, labels and retargetings, the reviews that say something, by accounts that may, and what
// of them could not be read.
func (c *Client) Unchanged(ctx context.Context, repo string, number int, counts func(evidence.Account) bool) (bool, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return false, err
	}
	before, ok := c.seen[pullAt{at, number}]
	if !ok {
		return false, nil
	}
	now, err := c.snapshot(ctx, at, number)
	same := alike(before.said(counts), now.said(counts))
	if err != nil && !same {
		return false, fmt.Errorf("reading pull request %d of %s again: %w", number, at, err)
	}
	return same, nil // what could not be read before either is a gap of it already
}

// said is a snapshot without what says nothing: comments, reviews by accounts that do not count, and events that
// nothing goes by.
func (s snapshot) said(counts func(evidence.Account) bool) snapshot {
	s.Reviews = slices.DeleteFunc(slices.Clone(s.Reviews), func(r reviewJSON) bool {
		return r.State == "COMMENTED" || r.State == "PENDING" || !counts(r.User.account())
	})
	s.Events = slices.DeleteFunc(slices.Clone(s.Events), func(e eventJSON) bool {
		switch e.Event {
		case "review_dismissed", "base_ref_changed", "automatic_base_change_succeeded", "base_ref_force_pushed":
			return false
		}
		return true
	})
	if len(s.Reviews) == 0 {
		s.Reviews = nil
	}
	if len(s.Events) == 0 {
		s.Events = nil
	}
	return s
}

func (c *Client) snapshot(ctx context.Context, at place, number int) (snapshot, error) {
	s := snapshot{Reading: "the state"}
	var pull pullJSON
	if _, err := c.get(ctx, readPull, at.path("/pulls/%d", number), nil, &pull); err != nil {
		return s, err
	}
	if pull.Number != number {
		return s, fmt.Errorf("%w: it tells of pull request %d", ErrUnavailable, pull.Number)
	}
	s.Pull, s.Reading = pull, "the reviews"
	var err error
	if s.Reviews, err = list[reviewJSON](ctx, c, listReviews, at.path("/pulls/%d/reviews", number), nil); err != nil {
		return s, err
	}
	s.Reading = "the changes of the base"
	s.Events, err = listUntil(ctx, c, listEvents, at.path("/issues/%d/events", number), nil, s.told)
	if errors.Is(err, ErrCut) && s.pastMerge(s.Events) {
		err = nil // who dismissed a review after that is not known, which whoever asks about it sees
	}
	return s, err
}

// told reports whether events, the oldest first, tell all that matters of a pull request that was merged: its base
// changes no more, so that only dismissals of its reviews may come later.
func (s snapshot) told(events []eventJSON) bool {
	return s.pastMerge(events) && !slices.ContainsFunc(s.Reviews, func(r reviewJSON) bool {
		return r.State == "DISMISSED" && !slices.ContainsFunc(events, func(e eventJSON) bool {
			return e.Event == "review_dismissed" && e.Dismissed.ReviewID == r.ID
		})
	})
}

// pastMerge reports whether events go on after the merge of a pull request, and are in order, so that none before
// it is left.
func (s snapshot) pastMerge(events []eventJSON) bool {
	return !s.Pull.MergedAt.IsZero() && len(events) > 0 && events[len(events)-1].CreatedAt.After(s.Pull.MergedAt) &&
		slices.IsSortedFunc(events, func(a, b eventJSON) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

// pullRequest takes over what the pull request's own page says.
func (s snapshot) pullRequest() (evidence.PullRequest, error) {
	p := s.Pull
	pr := evidence.PullRequest{
		Number: p.Number, Title: p.Title, Draft: p.Draft, Open: p.State == "open", Merged: !p.MergedAt.IsZero(), MergedAt: p.MergedAt,
		Author: p.User.account(), MergedBy: p.MergedBy.account(), Created: p.CreatedAt,
		HeadRef: "refs/heads/" + p.Head.Ref, Head: p.Head.SHA, BaseRef: "refs/heads/" + p.Base.Ref,
	}
	for _, l := range p.Labels {
		pr.Labels = append(pr.Labels, l.Name)
	}
	if p.Base.Repo == nil {
		return pr, fmt.Errorf("%w: it does not say which repository its base is in", ErrUnavailable)
	}
	if p.Head.Repo != nil { // else it was deleted
		var err error
		if pr.HeadRepository, err = p.Head.Repo.canonical(); err != nil {
			return pr, err
		}
	}
	for _, ref := range []string{pr.HeadRef, pr.BaseRef} {
		if err := names.CheckRef(ref); err != nil {
			return pr, err
		}
	}
	if !isCommit(pr.Head) || pr.Created.IsZero() {
		return pr, fmt.Errorf("%w: its head is %s, created at %v", ErrUnavailable, inert.Quote(pr.Head), pr.Created)
	}
	pr.Statement, pr.StatementWhy = statementIn(p.Body)
	return pr, nil
}

// statementIn takes the signed statement's file out of a pull request's body; nil where there is none.
// why says why one that should be there cannot be taken.
func statementIn(body string) (file []byte, why string) {
	file, _, err := delegation.FindInBody(body)
	if err != nil {
		return nil, err.Error()
	}
	return file, ""
}

// reviews are the reviews in the order in which they were submitted. One that is being written shows
// to its author alone, and is none yet. The events say who dismissed one, and what it was before.
func reviews(list []reviewJSON, events []eventJSON) ([]evidence.Review, error) {
	dismissed := map[int64]*evidence.Dismissal{}
	for _, e := range events {
		if e.Event == "review_dismissed" {
			dismissed[e.Dismissed.ReviewID] = &evidence.Dismissal{By: e.Actor.account(), Was: strings.ToUpper(e.Dismissed.State), At: e.CreatedAt}
		}
	}
	var out []evidence.Review
	for _, r := range list {
		if r.State == "PENDING" {
			continue
		}
		if r.ID <= 0 || r.SubmittedAt.IsZero() {
			return nil, fmt.Errorf("%w: review %d has no time", ErrUnavailable, r.ID)
		}
		review := evidence.Review{ID: r.ID, By: r.User.account(), State: r.State, Commit: r.CommitID, At: r.SubmittedAt}
		if r.State == "DISMISSED" {
			review.Dismissed = dismissed[r.ID]
		}
		out = append(out, review)
	}
	slices.SortStableFunc(out, func(a, b evidence.Review) int { return a.At.Compare(b.At) })
	return out, nil
}

// retargets are the times when the base became another: chosen by somebody, by GitHub because the
// branch was merged and deleted, or by a forced push to it.
func retargets(list []eventJSON) []time.Time {
	var out []time.Time
	for _, e := range list {
		switch e.Event {
		case "base_ref_changed", "automatic_base_change_succeeded", "base_ref_force_pushed":
			out = append(out, e.CreatedAt)
		}
	}
	return out
}

// OpenPull is an open pull request as the list of all says it, which may lag behind.
type OpenPull struct {
	Number  int
	Author  evidence.Account
	Fork    bool // its head is in another repository, or in one that is gone
	BaseRef string
	Head    string // commit id
}

// OpenPullRequests are all open pull requests whose head is one of some commits, those from forks too, the lowest
// number first. A check run stands on a commit, so it must hold for each of them.
//
// All open ones are read. GitHub's list for a commit knows none from forks, and where the commit is in
// the default branch it names only the one that was merged.
func (c *Client) OpenPullRequests(ctx context.Context, repo string, heads ...string) ([]OpenPull, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	for _, head := range heads {
		if !isCommit(head) {
			return nil, fmt.Errorf("%s is not a full commit id", inert.Quote(head))
		}
	}
	// The pages' text changes with every label; what counts is what they say about the head.
	open, err := stable("listing the open pull requests", func() ([]OpenPull, error) {
		pulls, err := list[pullJSON](ctx, c, listPulls, at.path("/pulls"), url.Values{"state": {"open"}})
		var out []OpenPull
		for _, p := range pulls {
			if p.State == "open" && slices.Contains(heads, p.Head.SHA) {
				fork := p.Head.Repo == nil || p.Base.Repo == nil || p.Head.Repo.ID != p.Base.Repo.ID
				out = append(out, OpenPull{p.Number, p.User.account(), fork, "refs/heads/" + p.Base.Ref, p.Head.SHA})
			}
		}
		slices.SortStableFunc(out, func(a, b OpenPull) int { return cmp.Compare(a.Number, b.Number) })
		return slices.CompactFunc(out, func(a, b OpenPull) bool { return a.Number == b.Number }), err
	}, alike)
	if err != nil {
		return nil, fmt.Errorf("the open pull requests of %s: %w", at, err)
	}
	return open, nil
}

// PullReviews is what a pull request is and what was said of it, without anything that its head's repository
// would have to tell.
type PullReviews struct {
	Open    bool
	Head    string
	BaseRef string
	Reviews []evidence.Review // in the order in which they were submitted
}

// Reviews reads the reviews of a pull request until those that count are seen twice alike.
func (c *Client) Reviews(ctx context.Context, repo string, number int, counts func(evidence.Account) bool) (PullReviews, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return PullReviews{}, err
	}
	s, err := stable("reading the reviews", func() (snapshot, error) { return c.snapshot(ctx, at, number) }, func(a, b snapshot) bool {
		return alike(a.said(counts), b.said(counts))
	})
	c.seen[pullAt{at, number}] = s
	out := PullReviews{Open: s.Pull.State == "open", Head: s.Pull.Head.SHA, BaseRef: "refs/heads/" + s.Pull.Base.Ref}
	if err == nil {
		out.Reviews, err = reviews(s.Reviews, s.Events)
	}
	if err != nil {
		return PullReviews{}, fmt.Errorf("the reviews of pull request %d of %s: %w", number, at, err)
	}
	return out, nil
}

// MergeRecord is the forge's own record that it merged a pull request.
type MergeRecord struct {
	Number  int
	Commit  string    // what the base got: the merge, the squashed commit, or the last rebased one
	Head    string    // the head that was merged
	BaseRef string    // full name
	At      time.Time // the forge's clock
	// PullRequest is what the record says of it: without who merged it, reviews, retargetings and pushes.
	PullRequest evidence.PullRequest
}

// MergedPullRequest are the records of pull requests that became merged by exactly this commit, as a
// rule one; several where one carried another's commits. None is an [ErrNotFound]. Whether the commit's
// tree is what the merge gives is for git to say.
func (c *Client) MergedPullRequest(ctx context.Context, repo, commit string) ([]MergeRecord, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	if !isCommit(commit) {
		return nil, fmt.Errorf("%s is not a full commit id", inert.Quote(commit))
	}
	pulls, err := list[pullJSON](ctx, c, pullsOfCommit, at.path("/commits/%s/pulls", commit), nil)
	if errors.Is(err, ErrRefused) { // 422: no such commit
		err = errors.Join(ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("commit %s of %s: %w", commit, at, err)
	}
	var out []MergeRecord
	for _, p := range pulls {
		if r, ok := p.record(at); ok && r.Commit == commit {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("a pull request that was merged as %s: %w", commit, ErrNotFound)
	}
	slices.SortFunc(out, func(a, b MergeRecord) int { return cmp.Compare(a.Number, b.Number) })
	return out, nil
}

// record is the record of a pull request's merge into a repository; ok is false where there is none.
func (p pullJSON) record(at place) (r MergeRecord, ok bool) {
	// An open one has a merge_commit_sha too: that of a test merge.
	if p.MergedAt.IsZero() || p.Base.Repo == nil || !strings.EqualFold(p.Base.Repo.FullName, at.String()) { // merged in a fork
		return r, false
	}
	pr, err := snapshot{Pull: p}.pullRequest()
	if err != nil && pr.StatementWhy == "" {
		pr.StatementWhy = err.Error() // it was not looked for
	}
	return MergeRecord{Number: p.Number, Commit: p.MergeCommitSHA, Head: p.Head.SHA, BaseRef: pr.BaseRef, At: p.MergedAt, PullRequest: pr}, true
}

// MergedInto are the records of pull requests that were merged into a ref, given by full name, since a time.
func (c *Client) MergedInto(ctx context.Context, repo, ref string, since time.Time) ([]MergeRecord, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	// Whatever changes while they are read goes to the front, so that none is passed over.
	query := url.Values{"state": {"closed"}, "base": {strings.TrimPrefix(ref, "refs/heads/")}, "sort": {"updated"}, "direction": {"desc"}}
	pulls, err := listUntil(ctx, c, listMerged, at.path("/pulls"), query, func(read []pullJSON) bool {
		return read[len(read)-1].UpdatedAt.Before(since)
	})
	if err != nil {
		return nil, fmt.Errorf("the pull requests that were merged into %s of %s: %w", ref, at, err)
	}
	var out []MergeRecord
	for _, p := range pulls {
		r, ok := p.record(at)
		if ok && r.BaseRef == ref && !slices.ContainsFunc(out, func(o MergeRecord) bool { return o.Number == r.Number }) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b MergeRecord) int { return cmp.Compare(a.Number, b.Number) })
	return out, nil
}

// ReadPushes fills in the pushes that had a part in a pull request whose own page was read, as [Client.PullRequest]
// does.
func (c *Client) ReadPushes(ctx context.Context, pr *evidence.PullRequest, git History) (err error) {
	if pr.Pushes, err = c.pushes(ctx, pr, git); err != nil {
		pr.PushesUnread = true
		return fmt.Errorf("the pushes to the head of pull request %d: %w", pr.Number, err)
	}
	return nil
}
