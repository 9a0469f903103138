package forge

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// maxPushPages bounds how much of a branch's log is read: 500 pushes.
const maxPushPages = 5

type activityJSON struct {
	ID           int64       `json:"id"`
	Ref          string      `json:"ref"`
	Before       string      `json:"before"`
	After        string      `json:"after"`
	Timestamp    time.Time   `json:"timestamp"`
	ActivityType string      `json:"activity_type"`
	Actor        accountJSON `json:"actor"`
}

func (a activityJSON) push() (evidence.Push, error) {
	p := evidence.Push{Ref: a.Ref, Before: commitOf(a.Before), After: commitOf(a.After), At: a.Timestamp, By: a.Actor.account(), Kind: a.ActivityType}
	for _, id := range []string{p.Before, p.After} {
		if id != "" && !isCommit(id) {
			return p, fmt.Errorf("%w: the log of pushes names the commit %s", ErrUnavailable, inert.Quote(id))
		}
	}
	if p.At.IsZero() {
		return p, fmt.Errorf("%w: a push without a time", ErrUnavailable)
	}
	return p, nil
}

// commitOf turns git's id of nothing into "".
func commitOf(id string) string {
	if strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

// Activity are the pushes to a ref, given by full name, the newest first and at most limit of them
// (0: 500). complete says that there are no older ones.
func (c *Client) Activity(ctx context.Context, repo, ref string, limit int) (pushes []evidence.Push, complete bool, err error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, false, err
	}
	if limit <= 0 || limit > maxPushPages*perPage {
		limit = maxPushPages * perPage
	}
	pushes, complete, err = c.activity(ctx, at, ref, func(p []evidence.Push) bool { return len(p) >= limit })
	if err != nil {
		return nil, false, fmt.Errorf("the pushes to %s of %s: %w", ref, at, err)
	}
	if len(pushes) > limit {
		pushes, complete = pushes[:limit], false
	}
	return pushes, complete, nil
}

// activity reads the log of a ref page by page, until it ends or enough says so.
func (c *Client) activity(ctx context.Context, at place, ref string, enough func([]evidence.Push) bool) (pushes []evidence.Push, complete bool, err error) {
	query := url.Values{"ref": {ref}, "per_page": {strconv.Itoa(perPage)}}
	for range maxPushPages {
		var items []activityJSON
		res, err := c.get(ctx, listActivity, at.path("/activity"), query, &items)
		if err != nil {
			return nil, false, err
		}
		for _, item := range items {
			p, err := item.push()
			if err != nil {
				return nil, false, err
			}
			if p.Ref != ref {
				return nil, false, fmt.Errorf("%w: asked for pushes to %s it tells of %s", ErrUnavailable, inert.Quote(ref), inert.Quote(p.Ref))
			}
			pushes = append(pushes, p)
		}
		switch {
		case res.After == "" || len(items) == 0:
			return pushes, true, nil
		case enough(pushes):
			return pushes, false, nil
		}
		query.Set("after", res.After)
	}
	return pushes, false, nil
}

// pushes are those that made the head of a pull request, the newest first. The log must show how the
// head came about without a hole, from the head back to where the branch began: whoever is missing
// there could approve what is their own.
func (c *Client) pushes(ctx context.Context, pr *evidence.PullRequest, inBase func(string) bool) ([]evidence.Push, error) {
	if pr.HeadRepository == "" {
		return nil, fmt.Errorf("its head's repository was deleted, and who pushed there with it: %w", ErrNotFound)
	}
	at, err := parseRepository(pr.HeadRepository)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		all, complete, err := c.activity(ctx, at, pr.HeadRef, func(p []evidence.Push) bool { return beginning(p, pr, inBase) >= 0 })
		if err != nil {
			return all, err
		}
		all, err = unbroken(all, complete, pr, inBase)
		// The log lags behind: what it does not tell yet it may tell in a moment.
		if again, err := c.again(ctx, try, err); !again {
			return all, err
		}
	}
}

// beginning is the index of the push before which nothing matters, -1 if the log does not go back so
// far: the one that made the branch, before the pull request was opened, or one that found in it what
// the base has.
func beginning(pushes []evidence.Push, pr *evidence.PullRequest, inBase func(string) bool) int {
	for i, p := range pushes {
		if p.Before == "" && !p.At.After(pr.Created) || p.Before != "" && inBase(p.Before) {
			return i
		}
	}
	return -1
}

// unbroken are the pushes from a pull request's head back to its beginning.
func unbroken(all []evidence.Push, complete bool, pr *evidence.PullRequest, inBase func(string) bool) ([]evidence.Push, error) {
	const doing = "reading the log of pushes"
	first := 0
	if !pr.Open { // its branch may have gone on since
		for first < len(all) && all[first].After != pr.Head {
			first++
		}
	}
	if first >= len(all) || all[first].After != pr.Head {
		return all, &waitError{doing, "the log does not tell of the push of " + pr.Head, 0}
	}
	pushes := all[first:]
	last := beginning(pushes, pr, inBase)
	if last < 0 && !complete {
		return pushes, fmt.Errorf("%s: %w: more than %d pushes", doing, ErrCut, len(all))
	}
	if last < 0 {
		return pushes, &waitError{doing, "the log does not go back to the beginning of the branch", 0}
	}
	pushes = pushes[:last+1]
	for i := 1; i < len(pushes); i++ {
		if pushes[i-1].Before != pushes[i].After {
			return pushes, &waitError{doing, "the log does not tell who brought the branch from " + cmp.Or(pushes[i].After, "nothing") + " to " + cmp.Or(pushes[i-1].Before, "nothing"), 0}
		}
	}
	return pushes, nil
}
