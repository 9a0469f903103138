package forge

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
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

// History is what git tells of the commits that a log of pushes names.
type History struct {
	// InBase reports whether the base of a pull request reaches a commit; what cannot be told is no.
	InBase func(pr *evidence.PullRequest, commit string) bool
	// Holds reports whether a commit is, or reaches, one of the commits of a pull request; what cannot be
	// told is yes.
	Holds func(pr *evidence.PullRequest, commit string) bool
	// Counts gives whose reviews may count for anything: others may go on while they are read. Nil: anybody's.
	Counts func() func(evidence.Account) bool
}

func (h History) inBase(pr *evidence.PullRequest, commit string) bool {
	return h.InBase != nil && h.InBase(pr, commit)
}

func (h History) holds(pr *evidence.PullRequest, commit string) bool {
	return !h.inBase(pr, commit) && (h.Holds == nil || h.Holds(pr, commit))
}

// Brought finds the push that brought a ref, given by full name, from one commit ("": any) to another, and the
// older ones that held something of what it brought, as holds tells; the newest first, none where the
// log does not tell of it. whole says that there are no others.
func (c *Client) Brought(ctx context.Context, repo, ref, before, after string, holds func(push evidence.Push, commit string) bool) (pushes []evidence.Push, whole bool, err error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, false, err
	}
	find := func(pushes []evidence.Push) int {
		i := slices.IndexFunc(pushes, func(p evidence.Push) bool { return p.After == after && p.Before == before })
		if i < 0 {
			i = slices.IndexFunc(pushes, func(p evidence.Push) bool { return p.After == after })
		}
		return i
	}
	l := &pushLog{client: c, at: at, ref: ref}
	all, whole, err := l.read(ctx, func(pushes []evidence.Push) (bool, error) {
		i := find(pushes)
		if i < 0 {
			return false, nil
		}
		return l.nothingOlder(ctx, pushes, i, func(commit string) bool { return holds(pushes[i], commit) })
	})
	if err != nil {
		return nil, false, fmt.Errorf("the pushes to %s of %s: %w", ref, at, err)
	}
	i := find(all)
	if i < 0 {
		return nil, whole, nil
	}
	older, _ := holding(all, i, func(commit string) bool { return holds(all[i], commit) })
	pushes = []evidence.Push{all[i]}
	for _, k := range older {
		pushes = append(pushes, all[k])
	}
	return pushes, whole, nil
}

// Began is what a ref, given by full name, began with as it is: the last push that made it or moved it with
// force. It is false where the log does not tell.
func (c *Client) Began(ctx context.Context, repo, ref string) (began evidence.Push, found bool, err error) {
	at, err := parseRepository(repo)
	if err != nil {
		return began, false, err
	}
	l := &pushLog{client: c, at: at, ref: ref}
	for _, kind := range []string{"branch_creation", "force_push"} {
		pushes, _, err := l.page(ctx, kind, func([]evidence.Push) (bool, error) { return true, nil }) // the newest comes first
		if err != nil {
			return began, false, fmt.Errorf("the pushes to %s of %s: %w", ref, at, err)
		}
		switch {
		case kind == "branch_creation" && len(pushes) == 0:
			return began, false, nil
		case len(pushes) > 0 && !pushes[0].At.Before(began.At):
			began = pushes[0]
		}
	}
	return began, true, nil
}

// pushLog is the log of a ref.
type pushLog struct {
	client *Client
	at     place
	ref    string
	oldest bool // it is read from its beginning on

	moves     []evidence.Push // those that did not only add to the ref: with force, and deletions
	movesRead bool
	movesEnd  bool // all of them are there
}

// page reads the log, or its entries of one kind, page by page, until it ends or enough says so. whole says
// that it holds nothing more that matters.
func (l *pushLog) page(ctx context.Context, kind string, enough func([]evidence.Push) (bool, error)) (pushes []evidence.Push, whole bool, err error) {
	query := url.Values{"ref": {l.ref}, "per_page": {strconv.Itoa(perPage)}}
	if l.oldest {
		query.Set("direction", "asc")
	}
	if kind != "" {
		query.Set("activity_type", kind)
	}
	for range maxPushPages {
		var items []activityJSON
		res, err := l.client.get(ctx, listActivity, l.at.path("/activity"), query, &items)
		if err != nil {
			return nil, false, err
		}
		for _, item := range items {
			p, err := item.push()
			if err != nil {
				return nil, false, err
			}
			if p.Ref != l.ref {
				return nil, false, fmt.Errorf("%w: asked for pushes to %s it tells of %s", ErrUnavailable, inert.Quote(l.ref), inert.Quote(p.Ref))
			}
			pushes = append(pushes, p)
		}
		if res.After == "" || len(items) == 0 {
			return pushes, true, nil
		}
		if done, err := enough(pushes); done || err != nil {
			return pushes, done, err
		}
		query.Set("after", res.After)
	}
	return pushes, false, nil
}

func (l *pushLog) read(ctx context.Context, enough func([]evidence.Push) (bool, error)) ([]evidence.Push, bool, error) {
	return l.page(ctx, "", enough)
}

// nothingOlder reports whether no push that is older than those read holds anything. Until a ref is moved with
// force, or deleted, each push holds what the one before it held: so of older ones only what such moves
// left behind has to be looked at.
func (l *pushLog) nothingOlder(ctx context.Context, pushes []evidence.Push, from int, holds func(string) bool) (bool, error) {
	if _, open := holding(pushes, from, holds); open {
		return false, nil
	}
	if !l.movesRead {
		l.movesRead, l.movesEnd = true, true
		for _, kind := range []string{"force_push", "branch_deletion"} {
			moves, whole, err := l.page(ctx, kind, func([]evidence.Push) (bool, error) { return false, nil })
			if err != nil {
				return false, err
			}
			l.moves, l.movesEnd = append(l.moves, moves...), l.movesEnd && whole
		}
	}
	oldest := pushes[len(pushes)-1]
	for _, m := range l.moves {
		if !m.At.After(oldest.At) && m.Before != "" && holds(m.Before) {
			return false, nil
		}
	}
	return l.movesEnd, nil
}

// holding are the indices of the pushes older than the one at from, after which a ref held something. open says
// that those older still may, too. pushes are the newest first.
func holding(pushes []evidence.Push, from int, holds func(string) bool) (found []int, open bool) {
	// What the ref held before a push holds all that it held since it was moved with force or made.
	tip := pushes[from].Before
	open = tip != "" && holds(tip)
	for i := from + 1; i < len(pushes); i++ {
		p := pushes[i]
		if p.After != pushes[i-1].Before { // the log does not tell how it came there
			open = p.After != "" && holds(p.After)
		}
		if open && p.After != "" && holds(p.After) {
			found = append(found, i)
		}
		if moved(p) {
			open = p.Before != "" && holds(p.Before)
		}
	}
	return found, open
}

// moved reports whether a push may have taken something away from a ref.
func moved(p evidence.Push) bool {
	return p.Before == "" || p.After == "" || p.Kind != "push" && p.Kind != "pr_merge" && p.Kind != "merge_queue_merge"
}

// pushes are those that had a part in the commits of a pull request, the newest first: those that made its head
// since the branch began, and all older ones after which a branch of that name held one of its commits. The
// log must show how the head came about without a hole: whoever is missing there could approve what is
// their own.
func (c *Client) pushes(ctx context.Context, pr *evidence.PullRequest, git History) ([]evidence.Push, error) {
	if pr.HeadRepository == "" {
		return nil, fmt.Errorf("its head's repository was deleted, and who pushed there with it: %w", ErrNotFound)
	}
	at, err := parseRepository(pr.HeadRepository)
	if err != nil {
		return nil, err
	}
	holds := func(commit string) bool { return git.holds(pr, commit) }
	for try := 0; ; try++ {
		l := &pushLog{client: c, at: at, ref: pr.HeadRef}
		all, whole, err := l.read(ctx, func(pushes []evidence.Push) (bool, error) {
			log := fromHead(pushes, pr)
			last := beginning(log, pr, git)
			if last < 0 {
				return false, nil
			}
			return l.nothingOlder(ctx, log, last, holds)
		})
		if err == nil && !whole && pr.Merged {
			// Much may have been pushed since its merge, which has no part in it: the log is read from the other end.
			all, whole, err = c.pushesUntil(ctx, at, pr.HeadRef, pr.MergedAt.Add(lateLog))
		}
		if err != nil {
			return all, err
		}
		all, err = unbroken(all, whole, pr, git)
		// The log lags behind: what it does not tell yet it may tell in a moment.
		if again, err := c.again(ctx, try, err); !again {
			return all, err
		}
	}
}

// lateLog is how much later than the merge of a pull request the log may say that its head was pushed.
const lateLog = time.Minute

// fromHead are the pushes up to the one of a pull request's head: once it is closed, its branch may have gone on,
// and come back.
func fromHead(pushes []evidence.Push, pr *evidence.PullRequest) []evidence.Push {
	for !pr.Open && len(pushes) > 0 && (pushes[0].After != pr.Head || pr.Merged && pushes[0].At.After(pr.MergedAt.Add(lateLog))) {
		pushes = pushes[1:]
	}
	return pushes
}

// pushesUntil are the pushes to a ref up to a time, the newest first; whole says that they are all there.
func (c *Client) pushesUntil(ctx context.Context, at place, ref string, until time.Time) ([]evidence.Push, bool, error) {
	l := &pushLog{client: c, at: at, ref: ref, oldest: true}
	pushes, whole, err := l.read(ctx, func(pushes []evidence.Push) (bool, error) { return pushes[len(pushes)-1].At.After(until), nil })
	pushes = slices.DeleteFunc(pushes, func(p evidence.Push) bool { return p.At.After(until) })
	slices.Reverse(pushes)
	return pushes, whole, err
}

// beginning is the index of the push that began the branch as it is, -1 if the log does not go back so far: the
// one that made it, before the pull request was opened, or one that found in it what the base has.
func beginning(pushes []evidence.Push, pr *evidence.PullRequest, git History) int {
	for i, p := range pushes {
		if p.Before == "" && !p.At.After(pr.Created) || p.Before != "" && git.inBase(pr, p.Before) {
			return i
		}
	}
	return -1
}

// unbroken are the pushes from a pull request's head back to its beginning, and the older ones that held
// something of it.
func unbroken(all []evidence.Push, whole bool, pr *evidence.PullRequest, git History) ([]evidence.Push, error) {
	const doing = "reading the log of pushes"
	log := fromHead(all, pr)
	if len(log) == 0 || log[0].After != pr.Head {
		return all, &waitError{doing, "the log does not tell of the push of " + pr.Head, 0}
	}
	last := beginning(log, pr, git)
	if !whole {
		return log, fmt.Errorf("%s: %w: more than %d pushes", doing, ErrCut, len(all))
	}
	if last < 0 {
		return log, &waitError{doing, "the log does not go back to the beginning of the branch", 0}
	}
	pushes, end := slices.Clone(log[:last+1]), last
	older, _ := holding(log, last, func(commit string) bool { return git.holds(pr, commit) })
	for _, i := range older {
		pushes, end = append(pushes, log[i]), i
	}
	for i := 1; i <= end; i++ {
		if log[i-1].Before != log[i].After {
			return pushes, &waitError{doing, "the log does not tell who brought the branch from " + cmp.Or(log[i].After, "nothing") + " to " + cmp.Or(log[i-1].Before, "nothing"), 0}
		}
	}
	return pushes, nil
}
