package forge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// Repository is what the forge tells of a repository.
type Repository struct {
	ID         int64
	Name       string // canonical host/owner/name, as it is called now
	DefaultRef string // full name
	Private    bool
	Fork       bool
}

// The JSON of what is read, with the members that are used.
type (
	repositoryJSON struct {
		ID            int64  `json:"id"`
		FullName      string `json:"full_name"`
		HTMLURL       string `json:"html_url"`
		DefaultBranch string `json:"default_branch"`
		Private       bool   `json:"private"`
		Fork          bool   `json:"fork"`
	}
	accountJSON struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Type  string `json:"type"`
	}
	refJSON struct {
		Ref    string `json:"ref"`
		Object struct {
			SHA  string `json:"sha"`
			Type string `json:"type"`
		} `json:"object"`
	}
)

// account is who an account is. One that was deleted is nobody: GitHub shows null.
func (a accountJSON) account() evidence.Account {
	return evidence.Account{ID: a.ID, Login: a.Login, Type: a.Type}
}

// canonical is the repository's name with the host that its page is on.
func (r repositoryJSON) canonical() (string, error) {
	name, err := names.ParseRepository(r.HTMLURL)
	if err == nil && strings.EqualFold(name[strings.IndexByte(name, '/')+1:], r.FullName) {
		return name, nil
	}
	return "", fmt.Errorf("%w: it calls a repository %s and its page %s", ErrUnavailable, inert.Quote(r.FullName), inert.Quote(r.HTMLURL))
}

// repository is what r tells of the repository that was asked for.
func (r repositoryJSON) repository(at place) (Repository, error) {
	name, err := r.canonical()
	if err != nil {
		return Repository{}, err
	}
	if !strings.EqualFold(r.FullName, at.String()) {
		return Repository{}, fmt.Errorf("%w: %s", ErrMoved, inert.Quote(r.FullName))
	}
	out := Repository{ID: r.ID, Name: name, DefaultRef: "refs/heads/" + r.DefaultBranch, Private: r.Private, Fork: r.Fork}
	if err := names.CheckRef(out.DefaultRef); r.ID <= 0 || err != nil {
		return Repository{}, fmt.Errorf("%w: it has no id, or the default branch %s", ErrUnavailable, inert.Quote(r.DefaultBranch))
	}
	return out, nil
}

// Repository reads what a repository is, unless a pull request of it told that already. One that was
// renamed is an [ErrMoved].
func (c *Client) Repository(ctx context.Context, repo string) (Repository, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return Repository{}, err
	}
	if known, ok := c.known[at]; ok {
		return known, nil
	}
	var r repositoryJSON
	_, err = c.get(ctx, readRepository, at.path(""), nil, &r)
	if err == nil {
		c.known[at], err = r.repository(at)
	}
	if err != nil {
		delete(c.known, at)
		return Repository{}, fmt.Errorf("repository %s: %w", at, err)
	}
	return c.known[at], nil
}

// tip is the commit that a ref, given by full name, is at now.
func (c *Client) tip(ctx context.Context, at place, ref string) (string, error) {
	var r refJSON
	if _, err := c.get(ctx, readRef, at.path("/git/ref/%s", escapeRef(strings.TrimPrefix(ref, "refs/"))), nil, &r); err != nil {
		return "", err
	}
	if r.Ref != ref || !isCommit(r.Object.SHA) {
		return "", fmt.Errorf("%w: asked for %s it tells of %s", ErrUnavailable, inert.Quote(ref), inert.Quote(r.Ref))
	}
	return r.Object.SHA, nil
}

// Run is one run of a workflow.
type Run struct {
	ID, WorkflowID int64
	Attempt        int
	Event          string
	Status         string
	Conclusion     string
	Workflow       string // path of the workflow's file
	Head           string // commit id
	HeadBranch     string // short name, as GitHub has it; untrusted
	HeadRepository string // canonical; "" where it is gone
	Actor          evidence.Account
	Triggering     evidence.Account // who started this attempt: a re-run keeps the first one's rights
	Created        time.Time        // the forge's clock
	Started        time.Time        // of this attempt
	// PullRequests is empty for those from forks: ask [Client.OpenPullRequests] then.
	PullRequests []int
}

// Run reads a run of a workflow.
func (c *Client) Run(ctx context.Context, repo string, id int64) (Run, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return Run{}, err
	}
	var r struct {
		ID              int64           `json:"id"`
		WorkflowID      int64           `json:"workflow_id"`
		Attempt         int             `json:"run_attempt"`
		Event           string          `json:"event"`
		Status          string          `json:"status"`
		Conclusion      string          `json:"conclusion"`
		Path            string          `json:"path"`
		HeadSHA         string          `json:"head_sha"`
		HeadBranch      string          `json:"head_branch"`
		HeadRepository  *repositoryJSON `json:"head_repository"`
		Actor           accountJSON     `json:"actor"`
		TriggeringActor accountJSON     `json:"triggering_actor"`
		CreatedAt       time.Time       `json:"created_at"`
		StartedAt       time.Time       `json:"run_started_at"`
		PullRequests    []struct {
			Number int `json:"number"`
		} `json:"pull_requests"`
	}
	if _, err := c.get(ctx, readRun, at.path("/actions/runs/%d", id), nil, &r); err != nil {
		return Run{}, fmt.Errorf("run %d of %s: %w", id, at, err)
	}
	if r.ID != id || !isCommit(r.HeadSHA) {
		return Run{}, fmt.Errorf("run %d of %s: %w: it tells of run %d", id, at, ErrUnavailable, r.ID)
	}
	out := Run{
		ID: r.ID, WorkflowID: r.WorkflowID, Attempt: r.Attempt, Event: r.Event, Status: r.Status, Conclusion: r.Conclusion,
		Workflow: r.Path, Head: r.HeadSHA, HeadBranch: r.HeadBranch, Actor: r.Actor.account(), Triggering: r.TriggeringActor.account(),
		Created: r.CreatedAt, Started: r.StartedAt,
	}
	if r.HeadRepository != nil {
		if out.HeadRepository, err = r.HeadRepository.canonical(); err != nil {
			return Run{}, err
		}
	}
	for _, p := range r.PullRequests {
		out.PullRequests = append(out.PullRequests, p.Number)
	}
	return out, nil
}
