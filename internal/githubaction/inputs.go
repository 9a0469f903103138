package githubaction

import (
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

// The modes of the action.
const (
	modeCheck  = "check"
	modeDeploy = "deploy"
	modeFold   = "fold"
)

const actionsApp = 15368 // the App "GitHub Actions", whose tokens workflows have

// inputs are the action's inputs and what the runner says of the run.
type inputs struct {
	mode, token, environment, request string
	asked                             names.Action // what the gate is before
	targets                           []string
	approvals                         []string
	policySlug                        string // "owner/name" of the policy's own repository, "" for none
	checkName                         string
	appID                             int64
	dedicated                         bool // the check runs are of an App of their own
	auditToken                        string
	fold                              foldInputs

	event, eventPath  string
	apiURL, serverURL string
	slug              string // "owner/name"
	name              string // canonical
	runID             int64
	runAttempt        int
	job               string
	actionRef         string // of the action itself, in the workflow
	ref               string // of the run, by its full name
	temp              string
	gateKey           signing.Signer // signs deploy statements; nil: none is given
}

// foldInputs are those of the mode fold.
type foldInputs struct {
	key          string // of the log, as the text of an OpenSSH key file
	create       bool
	workflows    []string
	issuer       string
	repositoryID string
}

// readInputs reads the action's inputs and the variables of GitHub's runner.
func readInputs(gha *githubactions.Action) (in inputs, err error) {
	in = inputs{
		mode: gha.GetInput("mode"), token: gha.GetInput("token"), environment: gha.GetInput("environment"),
		request: gha.GetInput("request"), approvals: strings.Fields(gha.GetInput("approvals")), policySlug: gha.GetInput("policy-repository"),
		checkName: gha.GetInput("check-name"), appID: actionsApp, asked: names.Action(gha.GetInput("action")),
		event: gha.Getenv("GITHUB_EVENT_NAME"), eventPath: gha.Getenv("GITHUB_EVENT_PATH"),
		apiURL: gha.Getenv("GITHUB_API_URL"), serverURL: gha.Getenv("GITHUB_SERVER_URL"), slug: gha.Getenv("GITHUB_REPOSITORY"),
		auditToken: gha.Getenv("REMIT_AUDIT_TOKEN"), ref: gha.Getenv("GITHUB_REF"),
		fold: foldInputs{
			key: gha.Getenv("REMIT_AUDIT_KEY"), workflows: strings.Fields(gha.GetInput("workflows")), issuer: gha.GetInput("issuer"),
			repositoryID: gha.Getenv("GITHUB_REPOSITORY_ID"),
		},
		job: gha.Getenv("GITHUB_JOB"), actionRef: gha.Getenv("GITHUB_ACTION_REF"), temp: gha.Getenv("RUNNER_TEMP"),
	}
	switch in.mode {
	case "":
		in.mode = modeCheck
	case modeCheck, modeDeploy, modeFold:
	default:
		return in, fault.Usagef("the input mode is %s, %s or %s, and not %q", modeCheck, modeDeploy, modeFold, in.mode)
	}
	if in.fold.key != "" && in.mode != modeFold {
		return in, fault.WithFix(fault.Usagef("the audit log's key is given to a job of the mode %s", in.mode),
			"take the input audit-key away here: whoever decides hands entries over, and only the job of the mode %s holds the key", modeFold)
	}
	if text := gha.Getenv(auditlog.GateKeyVariable); text != "" && in.mode == modeDeploy {
		if in.gateKey, err = auditlog.ParseKey(auditlog.GateKeyVariable, text); err != nil {
			return in, err
		}
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
	if in.auditToken == "" {
		in.auditToken = in.token
	}
	if in.serverURL == "" {
		in.serverURL = "https://github.com"
	}
	if len(in.approvals) > decide.MaxApprovals {
		return in, fault.Usagef("the input approvals has %d words, at most %d are read", len(in.approvals), decide.MaxApprovals)
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
	switch create := gha.GetInput("create"); create {
	case "", "false", "true":
		in.fold.create = create == "true"
	default:
		return in, fault.Usagef("the input create is true or false, and not %q", create)
	}
	return in, in.readRun(gha)
}

// readNames reads which repositories the run is about.
func (in *inputs) readNames(repository string) (err error) {
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
func (in *inputs) readRun(gha *githubactions.Action) (err error) {
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
