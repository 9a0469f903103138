package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/inert"
)

// Sizes, in characters. What is longer is refused before it is sent.
const (
	MaxBody    = 65_536 // of a pull request's body: GitHub answers 422 beyond
	MaxCarried = 65_500 // of a signed request in a deployment's payload or a workflow's input

	maxPayload   = 65_535 // of a deployment's payload: GitHub states none, and its texts have this
	maxInputs    = 65_535 // of all inputs of a workflow together, as GitHub states
	maxPullTitle = 256    // GitHub answers 422 beyond
	maxDeploy    = 140    // of a deployment's description, as GitHub states
	maxFileName  = 255    // of a workflow

	payloadMember = "remit" // of a deployment's payload: holds the request
)

// ErrTooLong means that GitHub takes no text of that length; nothing was sent.
var ErrTooLong = errors.New("it is longer than GitHub takes")

// NewPull is a pull request to open.
type NewPull struct {
	HeadOwner string // whose repository the head is in; "": the base's own
	HeadRef   string // full name of the branch to merge
	BaseRef   string // full name of the branch to merge into
	Title     string
	Body      string
	Draft     bool
}

// Pull is a pull request as it is found or made by its branches.
type Pull struct {
	Number int
	URL    string // of its page
	Head   string // commit id, as GitHub has it now
	Body   string // untrusted
}

type pullPageJSON struct {
	pullJSON
	HTMLURL string `json:"html_url"`
}

func (p pullPageJSON) pull() (Pull, error) {
	if p.Number <= 0 || !isCommit(p.Head.SHA) {
		return Pull{}, fmt.Errorf("%w: it tells of pull request %d at %s", ErrUnavailable, p.Number, inert.Quote(p.Head.SHA))
	}
	return Pull{Number: p.Number, URL: p.HTMLURL, Head: p.Head.SHA, Body: p.Body}, nil
}

func (n NewPull) branches(at place) (head, base string, err error) {
	head, okHead := strings.CutPrefix(n.HeadRef, "refs/heads/")
	base, okBase := strings.CutPrefix(n.BaseRef, "refs/heads/")
	if !okHead || !okBase || head == "" || base == "" {
		return "", "", fmt.Errorf("a pull request is from one branch into another, not from %s into %s", inert.Quote(n.HeadRef), inert.Quote(n.BaseRef))
	}
	owner := n.HeadOwner
	if owner == "" {
		owner = at.owner
	}
	return owner + ":" + head, base, nil
}

// FindPull finds the open pull request of n's branches. None is an [ErrNotFound].
func (c *Client) FindPull(ctx context.Context, repo string, n NewPull) (Pull, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return Pull{}, err
	}
	p, err := c.findPull(ctx, at, n)
	if err != nil {
		return Pull{}, fmt.Errorf("the pull request of %s into %s in %s: %w", inert.Quote(n.HeadRef), inert.Quote(n.BaseRef), at, err)
	}
	return p, nil
}

func (c *Client) findPull(ctx context.Context, at place, n NewPull) (Pull, error) {
	head, base, err := n.branches(at)
	if err != nil {
		return Pull{}, err
	}
	query := url.Values{"state": {"open"}, "head": {head}, "base": {base}}
	found, err := list[pullPageJSON](ctx, c, listPulls, at.path("/pulls"), query)
	if err != nil {
		return Pull{}, err
	}
	_, branch, _ := strings.Cut(head, ":")
	for _, p := range found {
		// GitHub ignores a filter that it does not understand, and lists everything.
		if p.State == "open" && p.Head.Ref == branch && p.Base.Ref == base {
			return p.pull()
		}
	}
	return Pull{}, ErrNotFound
}

// OpenPull opens a pull request. Where there is an open one of the same branches that is an [ErrRefused].
func (c *Client) OpenPull(ctx context.Context, repo string, n NewPull) (Pull, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return Pull{}, err
	}
	head, base, err := n.branches(at)
	if err != nil {
		return Pull{}, err
	}
	if n.HeadOwner == "" {
		_, head, _ = strings.Cut(head, ":") // as GitHub has it for branches of the repository itself
	}
	if err := checkLength("the body", n.Body, MaxBody); err != nil {
		return Pull{}, fmt.Errorf("opening a pull request of %s: %w", at, err)
	}
	options := &github.NewPullRequest{Title: github.String(inert.Cut(n.Title, maxPullTitle)), Head: &head, Base: &base, Body: &n.Body, Draft: &n.Draft}
	var made Pull
	err = c.send(ctx, createPull, func(ctx context.Context) error {
		p, _, err := c.api.PullRequests.Create(ctx, at.owner, at.name, options)
		if err == nil && (p.GetNumber() <= 0 || p.GetBase().GetRef() != base) {
			err = fmt.Errorf("it made pull request %d into %s", p.GetNumber(), inert.Quote(p.GetBase().GetRef()))
		}
		if err == nil {
			made = Pull{Number: p.GetNumber(), URL: p.GetHTMLURL(), Head: p.GetHead().GetSHA(), Body: p.GetBody()}
		}
		return err
	}, func() (bool, error) {
		found, err := c.findPull(ctx, at, n)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err == nil && found.Body != n.Body {
			return false, nil // another's; the next try says so
		}
		made = found
		return err == nil, err
	})
	if err != nil {
		return Pull{}, fmt.Errorf("a pull request of %s: %w", at, err)
	}
	return made, nil
}

// SetBody replaces the body of a pull request.
func (c *Client) SetBody(ctx context.Context, repo string, number int, body string) error {
	at, err := parseRepository(repo)
	if err != nil {
		return err
	}
	if err := checkLength("the body", body, MaxBody); err != nil {
		return fmt.Errorf("pull request %d of %s: %w", number, at, err)
	}
	// Twice is the same as once.
	err = c.send(ctx, updatePull, func(ctx context.Context) error {
		p, _, err := c.api.PullRequests.Edit(ctx, at.owner, at.name, number, &github.PullRequest{Body: &body})
		if err == nil && p.GetNumber() != number {
			err = fmt.Errorf("it changed pull request %d", p.GetNumber())
		}
		return err
	}, nil)
	if err != nil {
		return fmt.Errorf("pull request %d of %s: %w", number, at, err)
	}
	return nil
}

// NewDeployment is a deployment to create.
type NewDeployment struct {
	Commit      string // full id
	Environment string
	Description string // one line; cut to 140 characters
	Request     string // the signed request, one word: it becomes the payload's member "remit"
}

// CreateDeployment creates a deployment of exactly one commit and returns its id. Nothing is merged
// first, and no status is asked for: the gate that reads the request decides. GitHub makes an
// environment that it does not know.
func (c *Client) CreateDeployment(ctx context.Context, repo string, n NewDeployment) (int64, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return 0, err
	}
	if !isCommit(n.Commit) {
		return 0, fmt.Errorf("%s is not a full commit id", inert.Quote(n.Commit))
	}
	payload := map[string]string{payloadMember: n.Request}
	text, err := json.Marshal(payload)
	if err == nil {
		err = checkLength("the payload", string(text), maxPayload)
	}
	if err != nil {
		return 0, fmt.Errorf("a deployment of %s: %w", at, err)
	}
	options := &github.DeploymentRequest{
		Ref: &n.Commit, Task: github.String("deploy"), Environment: &n.Environment, Payload: payload,
		AutoMerge: github.Bool(false), RequiredContexts: &[]string{}, Description: github.String(inert.Cut(n.Description, maxDeploy)),
	}
	var id int64
	err = c.send(ctx, createDeployment, func(ctx context.Context) error {
		d, _, err := c.api.Repositories.CreateDeployment(ctx, at.owner, at.name, options)
		if err == nil && (d.GetID() <= 0 || d.GetSHA() != n.Commit) {
			err = fmt.Errorf("it made deployment %d of %s", d.GetID(), inert.Quote(d.GetSHA()))
		}
		if err == nil {
			id = d.GetID()
		}
		return err
	}, func() (bool, error) {
		// Signed requests differ in their nonces: one with this payload is the one.
		made, _, err := c.Deployments(ctx, repo, n.Environment)
		for _, d := range made {
			if d.Commit == n.Commit && sameRequest(d.Payload, n.Request) {
				id = d.ID
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return 0, fmt.Errorf("a deployment of %s to %s: %w", at, inert.Quote(n.Environment), err)
	}
	return id, nil
}

// sameRequest reports whether a deployment's payload carries a request. GitHub shows it as the object
// that it was, or as that object's text.
func sameRequest(payload []byte, request string) bool {
	var text string
	if json.Unmarshal(payload, &text) == nil {
		payload = []byte(text)
	}
	var p map[string]string
	return json.Unmarshal(payload, &p) == nil && p[payloadMember] == request
}

// Dispatch starts a workflow, by the name of its file, on a branch or tag given by full name. GitHub
// does not say which run that is.
//
// Where its answer was lost the workflow is started again, since nothing tells whether it was: what a
// run does must hang on its inputs, as on a signed request, which is used up once.
func (c *Client) Dispatch(ctx context.Context, repo, workflow, ref string, inputs map[string]string) error {
	at, err := parseRepository(repo)
	if err != nil {
		return err
	}
	size := 0
	given := map[string]any{}
	for name, value := range inputs {
		size += utf8.RuneCountInString(name) + utf8.RuneCountInString(value)
		given[name] = value
	}
	switch {
	case workflow == "" || strings.ContainsAny(workflow, "/\\") || len(workflow) > maxFileName:
		return fmt.Errorf("%s is not the name of a workflow's file", inert.Quote(workflow))
	case !strings.HasPrefix(ref, "refs/heads/") && !strings.HasPrefix(ref, "refs/tags/"):
		return fmt.Errorf("a workflow is started on a branch or tag, not on %s", inert.Quote(ref))
	case size > maxInputs:
		return fmt.Errorf("starting the workflow %s of %s: %w: its inputs have %d characters, at most %d are taken", inert.Quote(workflow), at, ErrTooLong, size, maxInputs)
	}
	err = c.send(ctx, dispatchWorkflow, func(ctx context.Context) error {
		req, err := c.api.NewRequest(http.MethodPost, at.path("/actions/workflows/%s/dispatches", url.PathEscape(workflow)),
			&github.CreateWorkflowDispatchEventRequest{Ref: ref, Inputs: given})
		if err != nil {
			return err
		}
		_, err = c.api.Do(ctx, req, nil)
		return err
	}, nil)
	if err != nil {
		return fmt.Errorf("the workflow %s of %s on %s: %w", inert.Quote(workflow), at, inert.Quote(ref), err)
	}
	return nil
}

func checkLength(what, text string, most int) error {
	if n := utf8.RuneCountInString(text); n > most {
		return fmt.Errorf("%w: %s has %d characters, at most %d are taken", ErrTooLong, what, n, most)
	}
	return nil
}
