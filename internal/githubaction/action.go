package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sethvargo/go-githubactions"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// The modes of the action.
const (
	modeCheck  = "check"
	modeDeploy = "deploy"
)

const (
	actionsApp   = 15368 // the App "GitHub Actions", whose tokens workflows have
	checkBudget  = 200   // requests to the API for a check
	deployBudget = 600   // and for a deploy, which may bring maxDeploySteps pull requests
	maxApprovals = 200   // signed approvals that are read
)

func newAction(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "action",
		Short: "Judge as a step of a GitHub workflow",
		Long: "What action.yml runs. Inputs and the event are read from the environment that GitHub's runner gives a step.\n" +
			"In the mode check it judges pull requests, merge groups and pushes, and posts a check run; in the mode\n" +
			"deploy it lets a signed request to deploy through, once. Everything is read from the API and by git anew:\n" +
			"nothing that is judged is run or checked out.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runAction(cmd.Context(), env) },
	}
}

// action is one run of the action.
type action struct {
	env    *Env
	gha    *githubactions.Action
	in     actionInputs
	api    *forge.Client
	mirror *gitrepo.Mirror // of the repository
	live   forge.Repository
	tips   map[string]string // of branches, by full name

	rulings    map[string]ruling // of the default branch, by its commit; "" for the policy's own repository
	defaultTip string            // where the default branch was when it was first asked for
	target     target
	// observe says that the policy by which is judged now only observes. Until one was read whatever
	// goes wrong blocks.
	observe bool
	// unusable says that a policy is there and is not valid: no try again mends that.
	unusable bool
	notes    []string // what somebody should know, as sentences of untrusted text
}

// target is what the check run will stand on, as soon as that is known.
type target struct {
	head  string
	pulls []int // that the head is the head of
}

// outcome is what the run has to tell.
type outcome struct {
	report    *verdict.Report
	said      report.Sentence
	bootstrap bool   // no policy is in force
	code      int    // the exit code where it is not the report's; 0: the report's
	commit    string // what may be deployed

	deployment int64 // whose status is to say what was denied; 0 for none
}

// runAction is a whole run. Whatever goes wrong is no success.
func runAction(ctx context.Context, env *Env) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Undecidedf("remit failed, which is a defect of it: %v", p)
		}
	}()
	a := &action{
		env: env, gha: githubactions.New(githubactions.WithWriter(env.Stdout), githubactions.WithGetenv(env.Getenv)), rulings: map[string]ruling{},
	}
	if a.in, err = readInputs(a.gha); err != nil {
		return err
	}
	if a.in.token != "" && env.Getenv("GITHUB_ACTIONS") == "true" {
		a.gha.AddMask(a.in.token)
	}
	if err := a.connect(ctx); err != nil {
		return err
	}
	defer func() { _ = a.mirror.Close() }() // a temporary folder of ours
	return a.tell(ctx, a.decide(ctx))
}

// connect makes the client and the mirror. Neither asks anything yet.
func (a *action) connect(ctx context.Context) (err error) {
	budget := checkBudget
	if a.in.mode == modeDeploy {
		budget = deployBudget
	}
	a.api, err = forge.New(forge.Options{BaseURL: a.in.apiURL, Token: a.in.token, Budget: budget, Wait: a.env.Wait, Now: a.env.Now})
	if err != nil {
		return fault.Usagef("reaching the API: %w", err)
	}
	if a.mirror, err = a.newMirror(ctx, a.in.slug); err != nil {
		return fault.Usagef("reaching the repository: %w", err)
	}
	return nil
}

// newMirror makes a mirror of a repository, given as "owner/name".
func (a *action) newMirror(ctx context.Context, slug string) (*gitrepo.Mirror, error) {
	return gitrepo.NewMirror(ctx, gitrepo.MirrorOptions{
		URL: strings.TrimSuffix(a.in.serverURL, "/") + "/" + slug + ".git", Token: a.in.token, Env: a.env.Environ,
	})
}

// decide judges what the event points at. It always comes to an outcome.
func (a *action) decide(ctx context.Context) (o *outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = a.failed(fmt.Errorf("remit failed, which is a defect of it: %v", p))
		}
	}()
	e, err := readEvent(a.in.eventPath)
	if err == nil {
		o, err = a.judge(ctx, e)
	}
	if err != nil {
		return a.failed(err)
	}
	return o
}

func (a *action) judge(ctx context.Context, e *event) (*outcome, error) {
	if a.in.mode == modeDeploy {
		return a.deploy(ctx, e)
	}
	switch a.in.event {
	case "pull_request", "pull_request_target", "pull_request_review":
		number, err := e.pullRequest()
		if err != nil {
			return nil, err
		}
		return a.checkPull(ctx, number)
	case "workflow_run":
		return a.checkRun(ctx, e)
	case "merge_group":
		return a.checkGroup(ctx, e)
	case "push":
		return a.checkPush(ctx, e)
	case "workflow_dispatch":
		number, err := strconv.Atoi(e.input("pull-request"))
		if err == nil && number > 0 {
			return a.checkPull(ctx, number)
		}
		return nil, fault.WithFix(fault.Usagef("there is nothing to check: workflow_dispatch names no pull request"),
			"give the workflow an input pull-request with its number, or set mode: deploy for a deploy")
	default:
		return nil, fault.WithFix(fault.Usagef("there is nothing to check in the event %q", a.in.event),
			"run the mode check on pull_request_target, pull_request, pull_request_review, workflow_run, merge_group or push, and mode: deploy on deployment")
	}
}

// nothing is the outcome where there is nothing to judge.
func (a *action) nothing(format string, texts ...string) *outcome {
	r := a.newReport()
	r.Verdict = verdict.Allowed
	a.target = target{}
	return &outcome{report: r, said: report.Sentence{Format: format, Texts: texts}}
}

func (a *action) newReport() *verdict.Report {
	return &verdict.Report{Repository: a.in.name, At: a.env.Now(), AtSource: clockJudge}
}

// failed is the outcome where something kept the check from deciding.
func (a *action) failed(err error) *outcome {
	o := &outcome{report: a.undecided(err)}
	var c *fault.Error
	if errors.As(err, &c) && c.Kind == fault.Usage && !a.observe {
		o.code = codeOf(c.Kind)
	}
	return o
}

// undecided is the report that something could not be learned.
func (a *action) undecided(err error) *verdict.Report {
	f := verdict.Finding{
		Rule: "history-incomplete", Effect: verdict.Undecided, Summary: "the check could not be made",
		Reason: "What it needs could not be read: " + strings.TrimSuffix(err.Error(), ".") + ".", Fix: "Run the check again.",
	}
	var c *fault.Error
	var lacks *forge.PermissionError
	a.unusable = a.unusable || errors.As(err, &c) && c.Kind == fault.Usage
	if errors.As(err, &c) && c.Fix != "" {
		f.Fix = strings.ToUpper(c.Fix[:1]) + strings.TrimSuffix(c.Fix[1:], ".") + "."
	}
	if errors.Is(err, forge.ErrCut) || errors.Is(err, forge.ErrBudget) || errors.Is(err, gitrepo.ErrLimit) {
		f.Rule, f.Reason = "limit-exceeded", "It is over a limit of the check: "+strings.TrimSuffix(err.Error(), ".")+"."
	}
	if errors.As(err, &lacks) {
		f.Fix = lacks.Fix()
	}
	r := a.newReport()
	r.Observe, r.Findings = a.observe, []verdict.Finding{f}
	r.Settle()
	return r
}

// note keeps something that somebody should know.
func (a *action) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// actionInputs are the action's inputs and what the runner says of the run.
type actionInputs struct {
	mode, token, environment, request string
	asked                             names.Action // what the gate is before
	targets                           []string
	approvals                         []string
	policySlug                        string // "owner/name" of the policy's own repository, "" for none
	checkName                         string
	appID                             int64
	dedicated                         bool // the check runs are of an App of their own

	event, eventPath  string
	apiURL, serverURL string
	slug              string // "owner/name"
	name              string // canonical
	runID             int64
	runAttempt        int
	job               string
	temp              string
}

// readInputs reads the action's inputs and the variables of GitHub's runner.
func readInputs(gha *githubactions.Action) (actionInputs, error) {
	in := actionInputs{
		mode: gha.GetInput("mode"), token: gha.GetInput("token"), environment: gha.GetInput("environment"),
		request: gha.GetInput("request"), approvals: strings.Fields(gha.GetInput("approvals")), policySlug: gha.GetInput("policy-repository"),
		checkName: gha.GetInput("check-name"), appID: actionsApp, asked: names.Action(gha.GetInput("action")),
		event: gha.Getenv("GITHUB_EVENT_NAME"), eventPath: gha.Getenv("GITHUB_EVENT_PATH"),
		apiURL: gha.Getenv("GITHUB_API_URL"), serverURL: gha.Getenv("GITHUB_SERVER_URL"), slug: gha.Getenv("GITHUB_REPOSITORY"),
		job: gha.Getenv("GITHUB_JOB"), temp: gha.Getenv("RUNNER_TEMP"),
	}
	switch in.mode {
	case "":
		in.mode = modeCheck
	case modeCheck, modeDeploy:
	default:
		return in, fault.Usagef("the input mode is %s or %s, and not %q", modeCheck, modeDeploy, in.mode)
	}
	if in.asked == "" {
		in.asked = names.Deploy
	}
	for line := range strings.Lines(gha.GetInput("targets")) {
		if t := strings.TrimSpace(line); t != "" {
			in.targets = append(in.targets, t)
		}
	}
	if in.slug == "" || in.event == "" || in.eventPath == "" {
		return in, fault.WithFix(fault.Usagef("this is no step of a GitHub workflow: GITHUB_REPOSITORY, GITHUB_EVENT_NAME or GITHUB_EVENT_PATH is not set"),
			"use the action remit-sh/remit, or `remit check` outside of workflows")
	}
	if in.token == "" {
		return in, fault.WithFix(fault.Usagef("the input token is empty"), "leave it out to use the workflow's own")
	}
	if in.serverURL == "" {
		in.serverURL = "https://github.com"
	}
	if len(in.approvals) > maxApprovals {
		return in, fault.Usagef("the input approvals has %d words, at most %d are read", len(in.approvals), maxApprovals)
	}
	if s := gha.GetInput("app-id"); s != "" && s != "0" {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil || id <= 0 {
			return in, fault.Usagef("the input app-id is not the number of an App: %q", s)
		}
		in.appID, in.dedicated = id, id != actionsApp
	}
	if err := in.readNames(gha.GetInput("repository")); err != nil {
		return in, err
	}
	return in, in.readRun(gha)
}

// readNames reads which repositories the run is about.
func (in *actionInputs) readNames(repository string) (err error) {
	if in.name, err = names.ParseRepository(in.serverURL + "/" + in.slug); err != nil {
		return fault.Usagef("GITHUB_SERVER_URL and GITHUB_REPOSITORY: %w", err)
	}
	if strings.Count(in.slug, "/") != 1 || strings.Count(in.name, "/") != 2 {
		return fault.Usagef("GITHUB_REPOSITORY is not owner/name: %q", in.slug)
	}
	if repository != "" {
		if in.name, err = names.ParseRepository(repository); err != nil {
			return fault.Usagef("the input repository: %w", err)
		}
	}
	if in.policySlug == "" {
		return nil
	}
	full, err := names.ParseRepository(in.serverURL + "/" + in.policySlug)
	if err != nil || strings.Count(full, "/") != 2 || strings.Count(in.policySlug, "/") != 1 {
		return fault.Usagef("the input policy-repository is not owner/name: %q", in.policySlug)
	}
	return nil
}

// readRun reads which run of which workflow this is.
func (in *actionInputs) readRun(gha *githubactions.Action) (err error) {
	for name, set := range map[string]func(int64){
		"GITHUB_RUN_ID":      func(n int64) { in.runID = n },
		"GITHUB_RUN_ATTEMPT": func(n int64) { in.runAttempt = int(n) },
	} {
		text := gha.Getenv(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			return fault.Usagef("%s is no number: %q", name, text)
		}
		set(n)
	}
	return nil
}

// clockJudge is the clock of whoever judges on a forge: the runner's.
const clockJudge = "judge's clock"

// newSet makes the evidence of one decision. What was not seen before is seen now.
func (a *action) newSet(found *gitrepo.Collected) *evidence.Set {
	set := &evidence.Set{
		Repository: a.in.name, RepositoryID: a.live.ID, At: a.env.Now(), AtSource: clockJudge, Surface: evidence.SurfaceForge,
		Bundles: map[string]evidence.Bundle{},
	}
	if found != nil {
		set.Commits, set.Gaps = found.Commits, append(set.Gaps, found.Gaps...)
		for digest, b := range found.Bundles {
			set.Bundles[digest] = b
		}
	}
	now := evidence.Seen{Time: set.At, By: clockJudge}
	for i := range set.Commits {
		if set.Commits[i].Seen.Time.IsZero() {
			set.Commits[i].Seen = now
		}
	}
	for i, word := range a.in.approvals {
		raw, ok, err := delegation.FindSigned([]byte(word))
		if !ok || err != nil {
			raw = []byte(word) // the checker says what is wrong with it
		}
		set.Approvals = append(set.Approvals, evidence.SignedApproval{
			Raw: raw, Source: fmt.Sprintf("the input approvals, number %d", i+1), Seen: now,
		})
	}
	return set
}

// seenAt is a time by the forge's clock.
func seenAt(t time.Time, by string) evidence.Seen { return evidence.Seen{Time: t, By: by} }
