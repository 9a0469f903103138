package githubdouble

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// GitHub's own limits on what it lists of a pull request; more is not to be had.
const (
	maxPullCommits = 250
	maxPullFiles   = 3000
)

// GitHub's own limits on what is written, in characters.
const (
	maxPullTitle = 256
	maxPullBody  = 65_536
)

func (c *call) pull(param string) *PullRequest { return c.repo.pull(int(c.id(param))) }

func listPulls(c *call) answer {
	state := c.query.Get("state")
	orDefault(&state, "open")
	var found []*PullRequest
	for _, p := range c.repo.PullRequests {
		if (state == "all" || p.State == state) && c.fitsHead(p) && (c.query.Get("base") == "" || c.query.Get("base") == p.BaseRef) {
			found = append(found, p)
		}
	}
	by := c.query.Get("sort")
	slices.SortStableFunc(found, func(a, b *PullRequest) int {
		if by == "updated" {
			return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), a.Number-b.Number)
		}
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.Number-b.Number)
	})
	// Descending by default, but ascending where another order is asked for.
	direction := c.query.Get("direction")
	if direction == "desc" || direction == "" && (by == "" || by == "created") {
		slices.Reverse(found)
	}
	return c.page(c.pulls(found))
}

func (c *call) pulls(list []*PullRequest) []object {
	items := make([]object, 0, len(list))
	for _, p := range list {
		items = append(items, c.render().pull(c.repo, p))
	}
	return items
}

// fitsHead applies the filter head=owner:branch.
func (c *call) fitsHead(p *PullRequest) bool {
	owner, ref, ok := strings.Cut(c.query.Get("head"), ":")
	if !ok {
		return true // absent; [beyondSchema] refuses one without an owner
	}
	head := c.s.head(c.repo, p)
	return head != nil && strings.EqualFold(head.owner(), owner) && p.HeadRef == ref
}

func getPull(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return c.notFound()
	}
	return ok(c.render().pull(c.repo, p))
}

func listReviews(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return c.notFound()
	}
	items := []object{}
	for _, v := range p.Reviews {
		items = append(items, c.render().review(c.repo, p, v))
	}
	return c.page(items)
}

func listPullCommits(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return c.notFound()
	}
	ids := c.d.commits(c.repo, p)
	items := []object{}
	for _, sha := range ids[:min(len(ids), maxPullCommits)] {
		items = append(items, c.render().commit(c.repo, sha))
	}
	return c.page(items)
}

func listFiles(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return c.notFound()
	}
	files := c.d.files(c.repo, p)
	items := []object{}
	for _, file := range files[:min(len(files), maxPullFiles)] {
		items = append(items, c.render().file(c.repo, p, file))
	}
	return c.page(items)
}

// listPullsOfCommit gives the merged pull request that brought a commit into the default branch, or
// else those, merged or open, that hold it.
func listPullsOfCommit(c *call) answer {
	sha := c.params["commit_sha"]
	if !c.d.known(c.repo, sha) {
		return c.unprocessable("No commit found for SHA: " + sha)
	}
	var merged, other []*PullRequest
	for _, p := range c.repo.PullRequests {
		isMerged := !p.MergedAt.IsZero()
		holds := isMerged && p.MergeCommitSHA == sha || slices.Contains(c.d.commits(c.repo, p), sha)
		switch {
		case !holds:
		case isMerged && p.BaseRef == c.repo.DefaultBranch:
			merged = append(merged, p)
		case isMerged || p.State == "open":
			other = append(other, p)
		}
	}
	if len(merged) > 0 {
		return c.page(c.pulls(merged))
	}
	return c.page(c.pulls(other))
}

func createPull(c *call) answer {
	base, headName := c.text("base"), c.text("head")
	if c.body["issue"] != nil {
		return c.invalid("issue", "invalid", "the double turns no issues into pull requests")
	}
	if c.text("title") == "" {
		return c.invalid("title", "missing_field", "")
	}
	if a := c.tooLong(); a != nil {
		return *a
	}
	headRepo := c.repo
	if owner, ref, ok := strings.Cut(headName, ":"); ok {
		headName = ref
		headRepo = find(c.s.Repositories, func(r *Repository) bool {
			sameNetwork := r == c.repo || strings.EqualFold(r.ForkOf, c.repo.Name)
			return sameNetwork && strings.EqualFold(r.owner(), owner) &&
				(c.text("head_repo") == "" || strings.EqualFold(r.shortName(), c.text("head_repo")) || strings.EqualFold(r.Name, c.text("head_repo")))
		})
	}
	if headRepo == nil || headRepo.Refs["refs/heads/"+headName] == "" {
		return c.invalid("head", "invalid", "")
	}
	if c.repo.Refs["refs/heads/"+base] == "" {
		return c.invalid("base", "invalid", "")
	}
	head := headRepo.Refs["refs/heads/"+headName]
	if head == c.repo.Refs["refs/heads/"+base] {
		return c.invalid("", "custom", fmt.Sprintf("No commits between %s and %s", base, headName))
	}
	number := 0
	for _, p := range c.repo.PullRequests {
		number = max(number, p.Number)
		if p.State == "open" && p.BaseRef == base && p.HeadRef == headName && c.s.head(c.repo, p) == headRepo {
			return c.invalid("", "custom", fmt.Sprintf("A pull request already exists for %s:%s.", headRepo.owner(), headName))
		}
	}
	p := &PullRequest{
		Number: number + 1, Title: c.text("title"), Body: c.text("body"), Author: c.actor().Login, Draft: c.flag("draft", false),
		HeadRef: headName, HeadSHA: head, BaseRef: base, BaseSHA: c.repo.Refs["refs/heads/"+base],
	}
	if headRepo != c.repo {
		p.HeadRepo = headRepo.Name
	}
	if err := c.d.completePull(c.s, c.repo, p); err != nil {
		return c.refuse(http.StatusInternalServerError, err.Error())
	}
	c.repo.PullRequests = append(c.repo.PullRequests, p)
	return created(c.render().pull(c.repo, p), fmt.Sprintf("%s/pulls/%d", c.render().repoURL(c.repo), p.Number))
}

// tooLong refuses a title or body that GitHub does not take.
func (c *call) tooLong() *answer {
	for field, most := range map[string]int{"title": maxPullTitle, "body": maxPullBody} {
		if utf8.RuneCountInString(c.text(field)) > most {
			a := c.invalid(field, "custom", fmt.Sprintf("%s is too long (maximum is %d characters)", field, most))
			return &a
		}
	}
	return nil
}

func updatePull(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return c.notFound()
	}
	actor := c.actor().Login
	if rank, _ := c.repo.role(actor); c.token.User != "" && rank < rankWrite && !strings.EqualFold(p.Author, actor) {
		return c.refuse(http.StatusForbidden, "Must have push access to repository")
	}
	if base, set := c.body["base"].(string); set && base != p.BaseRef {
		if c.repo.Refs["refs/heads/"+base] == "" {
			return c.invalid("base", "invalid", "")
		}
		if !p.MergedAt.IsZero() || p.State != "open" {
			return c.invalid("base", "custom", "Cannot change the base branch of a closed pull request.")
		}
		c.d.retarget(c.repo, p, base, actor)
	}
	if a := c.tooLong(); a != nil {
		return *a
	}
	if title, set := c.body["title"].(string); set {
		p.Title = title
	}
	if body, set := c.body["body"].(string); set {
		p.Body = body
	}
	if state, set := c.body["state"].(string); set && state != p.State {
		if !p.MergedAt.IsZero() {
			return c.invalid("state", "custom", "A merged pull request cannot be reopened.")
		}
		c.d.setState(p, state, actor)
	}
	p.UpdatedAt = c.d.now()
	return ok(c.render().pull(c.repo, p))
}

func (d *Double) retarget(r *Repository, p *PullRequest, base, actor string) {
	p.BaseRef, p.BaseSHA, p.UpdatedAt = base, r.Refs["refs/heads/"+base], d.now()
	d.note(p, Event{Event: "base_ref_changed", Actor: actor})
}

func (d *Double) setState(p *PullRequest, state, actor string) {
	p.State, p.ClosedAt, p.UpdatedAt = state, time.Time{}, d.now()
	if state == "closed" {
		p.ClosedAt = d.now()
		d.note(p, Event{Event: "closed", Actor: actor})
		return
	}
	d.note(p, Event{Event: "reopened", Actor: actor})
}

// note enters an event in a pull request's timeline.
func (d *Double) note(p *PullRequest, e Event) {
	d.assign(&e.ID)
	d.stamp(&e.CreatedAt)
	p.Timeline = append(p.Timeline, &e)
}

// dated is an item of the timeline with what orders it.
type dated struct {
	at   time.Time
	item object
}

func listTimeline(c *call) answer {
	p := c.pull("issue_number")
	if p == nil {
		return c.notFound()
	}
	f := c.render()
	var all []dated
	for _, sha := range c.d.commits(c.repo, p) {
		// Commits stand where their author says: the date is the client's word.
		commit := f.describe(c.repo, sha)
		at := commit.Date
		if at.IsZero() {
			at = p.CreatedAt
		}
		item := f.commit(c.repo, sha)
		inner := item["commit"].(object)
		all = append(all, dated{at, object{
			branchKey: "timeline-committed-event", "event": "committed", "sha": sha, "node_id": item["node_id"], "url": inner["url"],
			"html_url": item["html_url"], "author": inner["author"], "committer": inner["committer"], "message": inner["message"],
			"tree": inner["tree"], "parents": item["parents"], "verification": inner["verification"],
		}})
	}
	for _, v := range p.Reviews {
		item := f.review(c.repo, p, v)
		item["event"], item["state"], item[branchKey] = "reviewed", strings.ToLower(v.State), "timeline-reviewed-event"
		all = append(all, dated{v.SubmittedAt, item})
	}
	for _, e := range p.Timeline {
		all = append(all, dated{e.CreatedAt, f.event(c.repo, p, e)})
	}
	slices.SortStableFunc(all, func(a, b dated) int { return a.at.Compare(b.at) })
	items := []object{}
	for _, x := range all {
		items = append(items, x.item)
	}
	return c.page(items)
}

func listEvents(c *call) answer {
	p := c.pull("issue_number")
	if p == nil {
		return c.notFound()
	}
	items := []object{}
	for _, e := range p.Timeline {
		if e.Event == "commented" {
			continue // comments are no issue events
		}
		item := c.render().event(c.repo, p, e)
		if item[branchKey] == "state-change-issue-event" {
			item[branchKey] = "added-to-project-issue-event"
		}
		items = append(items, item)
	}
	return c.page(items)
}
