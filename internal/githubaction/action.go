// Package githubaction is remit as a step of a GitHub workflow: the runner's inputs and event become a
// question, and its outcome an entry for the audit log, a check run, a deployment's status, outputs, the job's summary
// and its log. In the mode fold it decides nothing, and brings such entries into the log.
package githubaction

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sethvargo/go-githubactions"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

// Env is what a run takes from its surroundings.
type Env struct {
	Stdout  io.Writer // the job's log
	Environ []string  // "NAME=value"
	Getenv  func(name string) string
	Now     func() time.Time
	Wait    func(context.Context, time.Duration) error // before the forge is asked again; nil: a timer
	Tool    report.Tool                                // that writes the report in SARIF
	HTTP    http.RoundTripper                          // to who makes identity tokens; nil: one with time limits
}

// action is one run of the action.
type action struct {
	env *Env
	gha *githubactions.Action
	in  inputs
	api *forge.Client // of the decision, which its outcome is posted with too; nil: it could not be made
	rec *recorder     // of the outcome; nil: there is none yet
}

// Run is a whole run, and returns the step's exit code. An error says that no check could even be begun.
// Whatever goes wrong is no success.
func Run(ctx context.Context, env *Env) (code int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Undecidedf("remit failed, which is a defect of it: %v", p)
		}
	}()
	a := &action{env: env, gha: githubactions.New(githubactions.WithWriter(env.Stdout), githubactions.WithGetenv(env.Getenv))}
	if a.in, err = readInputs(a.gha); err != nil {
		return 0, err
	}
	a.mask(a.in.token)
	if a.in.auditToken != a.in.token {
		a.mask(a.in.auditToken)
	}
	if a.in.mode == modeFold {
		return a.fold(ctx)
	}
	return a.tell(ctx, a.decide(ctx))
}

// decide answers what the event asks.
func (a *action) decide(ctx context.Context) decide.Outcome {
	e, err := readEvent(a.in.eventPath)
	var q decide.Question
	if err == nil {
		q, err = a.question(e)
	}
	if err != nil {
		q = decide.Unanswerable{Err: err, Repository: a.in.name}
	}
	a.rec = a.recorder(q, e)
	o := decide.Decide(ctx, decide.Sources{Now: a.env.Now, Forge: a.client, Mirror: a.mirror, Deploys: deploys{a}, Record: a.rec}, q)
	o.Notes = append(o.Notes, a.rec.notes...)
	return o
}

// client makes the decision's client. It asks nothing yet.
func (a *action) client(budget int) (*forge.Client, error) {
	api, err := forge.New(forge.Options{BaseURL: a.in.apiURL, Token: a.in.token, Budget: budget, Wait: a.env.Wait, Now: a.env.Now})
	if err != nil {
		return nil, fault.Usagef("reaching the API: %w", err)
	}
	a.api = api
	return api, nil
}

// mirror makes a mirror of a repository, given as "owner/name". It asks nothing yet.
func (a *action) mirror(ctx context.Context, slug string) (*gitrepo.Mirror, error) {
	m, err := gitrepo.NewMirror(ctx, gitrepo.MirrorOptions{
		URL: strings.TrimSuffix(a.in.serverURL, "/") + "/" + slug + ".git", Token: a.in.token, Env: a.env.Environ,
	})
	if err != nil {
		return nil, fault.Usagef("reaching the repository: %w", err)
	}
	return m, nil
}

// question is what the event asks.
func (a *action) question(e *event) (decide.Question, error) {
	at := decide.OnForge{Slug: a.in.slug, Name: a.in.name, PolicySlug: a.in.policySlug, Approvals: a.in.approvals}
	if a.in.mode == modeDeploy {
		return a.gate(at, e), nil
	}
	switch a.in.event {
	case "pull_request", "pull_request_target", "pull_request_review":
		number, err := e.pullRequest()
		if err != nil {
			return nil, err
		}
		return decide.PullRequest{OnForge: at, Number: number, Before: e.Before}, nil
	case "workflow_run":
		if e.WorkflowRun.ID <= 0 {
			return nil, fault.Undecidedf("the event names no run")
		}
		return decide.Head{OnForge: at, Run: e.WorkflowRun.ID}, nil
	case "merge_group":
		if err := names.CheckRef(e.MergeGroup.BaseRef); err != nil {
			return nil, fault.Undecidedf("the event names no base of the merge group: %w", err)
		}
		return decide.MergeGroup{OnForge: at, Head: e.MergeGroup.HeadSHA, Base: e.MergeGroup.BaseRef}, nil
	case "push":
		return decide.ForgePush{OnForge: at, Ref: e.Ref, Before: e.Before, After: e.After}, nil
	case "workflow_dispatch":
		number, err := strconv.Atoi(e.input("pull-request"))
		if err == nil && number > 0 {
			return decide.PullRequest{OnForge: at, Number: number}, nil
		}
		return nil, fault.WithFix(fault.Usagef("there is nothing to check: workflow_dispatch names no pull request"),
			"give the workflow an input pull-request with its number, or set mode: deploy for a deploy")
	default:
		return nil, fault.WithFix(fault.Usagef("there is nothing to check in the event %q", a.in.event),
			"run the mode check on pull_request_target, pull_request, pull_request_review, workflow_run, merge_group or push, and mode: deploy on deployment")
	}
}

// gate asks whether the job may go on.
func (a *action) gate(at decide.OnForge, e *event) decide.ForgeGate {
	q := decide.ForgeGate{
		OnForge: at, Asked: decide.Asked{Action: a.in.asked, Environment: a.in.environment, Targets: a.in.targets},
		Request: a.in.request, Dispatched: e.input("request"), RunID: a.in.runID, RunAttempt: a.in.runAttempt, Job: a.in.job, ActionRef: a.in.actionRef,
	}
	if a.in.event == "deployment" {
		q.Deployment = e.Deployment.ID
	}
	return q
}
