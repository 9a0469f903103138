package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// What went wrong, for errors.Is.
var (
	ErrPermission  = errors.New("the token may not do this")             // a [*PermissionError]
	ErrNotFound    = errors.New("GitHub knows no such thing")            // or does not show it to this token
	ErrMoved       = errors.New("the repository has another name now")   // never followed: an old name can be taken by somebody else
	ErrUnavailable = errors.New("GitHub could not be asked")             // after all tries
	ErrRefused     = errors.New("GitHub refused the request")            // it does not like what was sent
	ErrBudget      = errors.New("this check used up its budget")         // [Options.Budget]
	ErrCut         = errors.New("there is more than this check reads")   // a list or an answer over a limit
	ErrHeadMoved   = errors.New("the pull request has another head now") // the check run was not posted
	ErrAmbiguous   = errors.New("it cannot be told who did it")          // see [Client.UseOnce]
)

// operation is one operation of the API, in words for messages: "reading the reviews".
type operation string

// The operations.
const (
	readRepository   operation = "reading the repository"
	readPull         operation = "reading the pull request"
	listPulls        operation = "listing the open pull requests"
	listMerged       operation = "listing the pull requests that were merged into the branch"
	listReviews      operation = "reading the reviews"
	listEvents       operation = "reading the pull request's events"
	listActivity     operation = "reading the log of pushes"
	readRef          operation = "reading the ref"
	pullsOfCommit    operation = "asking which pull request brought the commit"
	readRole         operation = "reading the role"
	listMembers      operation = "reading the members of the team"
	listCheckRuns    operation = "reading the check runs"
	createCheckRun   operation = "creating the check run"
	updateCheckRun   operation = "updating the check run"
	createRef        operation = "creating the ref"
	readDeployment   operation = "reading the deployment"
	listStatuses     operation = "reading the deployment's statuses"
	createStatus     operation = "setting the deployment's status"
	readRun          operation = "reading the workflow run"
	createPull       operation = "opening the pull request"
	updatePull       operation = "updating the pull request"
	createDeployment operation = "creating the deployment"
	dispatchWorkflow operation = "starting the workflow"
)

// permission is the one that an operation takes, as a workflow's permissions: write it; "" where a token
// could lack none. They are from GitHub's page "Permissions required for GitHub Apps".
func (o operation) permission() string {
	switch o {
	case readPull, listPulls, listMerged, listReviews, listEvents, pullsOfCommit:
		return "pull-requests: read"
	case createPull, updatePull:
		return "pull-requests: write"
	case listActivity, readRef:
		return "contents: read"
	case createRef:
		return "contents: write"
	case listCheckRuns, createCheckRun, updateCheckRun: // to write is what the runs are read for
		return "checks: write"
	case readDeployment, listStatuses:
		return "deployments: read"
	case createStatus, createDeployment:
		return "deployments: write"
	case readRun:
		return "actions: read"
	case dispatchWorkflow:
		return "actions: write"
	case listMembers:
		return membersPermission
	case readRepository, readRole:
	}
	return ""
}

// membersPermission is the one that a workflow cannot ask for.
const membersPermission = "members: read"

// PermissionError says what a token lacks. It is an [ErrPermission].
type PermissionError struct {
	Doing      string // what was tried
	Permission string // as a workflow's permissions: write it, such as "checks: write"; "" where none would do
	Said       string // what GitHub answered; untrusted
}

// Error says what happened and what to do.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s: the token may not do this (GitHub: %s). %s", e.Doing, inert.Quote(e.Said), e.Fix())
}

// Unwrap makes it an [ErrPermission].
func (e *PermissionError) Unwrap() error { return ErrPermission }

// Fix says how to give the token the permission.
func (e *PermissionError) Fix() string {
	switch {
	case e.Permission == "":
		return "Use a token that is still valid and reaches this repository."
	case e.Permission == membersPermission:
		return "No workflow's own token can read teams: use the token of a GitHub App with the organisation permission `members: read`, or list the people in the policy."
	case strings.Contains(e.Said, "authenticate via a GitHub App"):
		return "Use a workflow's own token with `" + e.Permission + "`, or that of a GitHub App: no person's token may."
	case strings.HasSuffix(e.Permission, ": write"):
		return "Add `" + e.Permission + "` to the job's `permissions:`. In a pull request from a fork the token stays read-only: publish from a workflow of the default branch (`workflow_run`)."
	default:
		return "Add `" + e.Permission + "` to the job's `permissions:`."
	}
}

// waitError is a failure that another try may mend.
type waitError struct {
	doing, said string
	after       time.Duration // 0: GitHub did not say
}

func (e *waitError) Error() string {
	text := e.doing + ": " + ErrUnavailable.Error() + ": " + e.said
	if e.after > 0 {
		text += fmt.Sprintf("; it asks to wait %v", e.after.Round(time.Second))
	}
	return text
}

func (e *waitError) Unwrap() error { return ErrUnavailable }

// explain turns the outcome of a request into one of the errors above.
func (c *Client) explain(ctx context.Context, op operation, x *exchange, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrBudget, ErrCut} {
		if errors.Is(err, known) {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	said := c.said(err)
	switch {
	case x.rate, strings.Contains(said, "rate limit"):
		return &waitError{string(op), "a rate limit (" + inert.Quote(said) + ")", x.after}
	case x.status == 0:
		return &waitError{string(op), inert.Quote(said), 0}
	case x.status == http.StatusRequestTimeout, x.status >= http.StatusInternalServerError:
		return &waitError{string(op), fmt.Sprintf("it answered %d", x.status), x.after}
	case x.status < http.StatusMultipleChoices:
		return &waitError{string(op), "its answer cannot be read: " + inert.Quote(said), 0}
	case x.status == http.StatusMovedPermanently, x.status == http.StatusFound, x.status == http.StatusTemporaryRedirect, x.status == http.StatusPermanentRedirect:
		return fmt.Errorf("%s: %w: use the name that it has now, in the policy too", op, ErrMoved)
	case x.status == http.StatusUnauthorized:
		return &PermissionError{Doing: string(op), Said: said}
	case x.status == http.StatusForbidden:
		return &PermissionError{Doing: string(op), Permission: op.permission(), Said: said}
	case x.status == http.StatusNotFound, x.status == http.StatusGone:
		return fmt.Errorf("%s: %w, or does not show it to this token", op, ErrNotFound)
	default:
		return fmt.Errorf("%s: %w: %d, %s", op, ErrRefused, x.status, inert.Quote(said))
	}
}

// said is what went wrong in GitHub's words or the network's, never with the token in it.
func (c *Client) said(err error) string {
	text := err.Error()
	var refusal *github.ErrorResponse
	var limit *github.AbuseRateLimitError
	switch {
	case errors.As(err, &refusal):
		text = refusal.Message
		for _, e := range refusal.Errors {
			text += "; " + e.Message
		}
	case errors.As(err, &limit):
		text = limit.Message
	}
	if c.transport.token != "" {
		text = strings.ReplaceAll(text, c.transport.token, "(the token)")
	}
	return text
}

// gap is something that could not be learned. The checker cannot decide then.
func gap(what string, err error) evidence.Gap {
	g := evidence.Gap{Kind: evidence.GapForge, What: what, Detail: err.Error(), Fix: "Run the check again."}
	var lacks *PermissionError
	switch {
	case errors.As(err, &lacks):
		g.Detail, g.Fix = "the token may not read it (GitHub: "+inert.Quote(lacks.Said)+")", lacks.Fix()
	case errors.Is(err, ErrCut):
		g.Kind, g.Fix = evidence.GapLimit, "Start a new pull request, of a branch with a new name: this one has grown over a limit of the check."
	case errors.Is(err, ErrBudget):
		g.Kind, g.Fix = evidence.GapLimit, "Run the check again, or give it more requests."
	case errors.Is(err, ErrMoved):
		g.Fix = "Use the repository's present name, in the policy too."
	case errors.Is(err, ErrNotFound):
		g.Fix = "See that it exists and that the token reaches it."
	}
	return g
}
