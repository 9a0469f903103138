package checker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// privilegedEvents are those that anybody can cause and that run with the repository's own secrets and
// token. What pull_request runs for a stranger has neither.
func privilegedEvents() []string {
	return []string{
		"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion", "discussion_comment", "gollum", "fork", "watch",
		"commit_comment", "check_suite", "check_run", "status",
	}
}

// reviewEvents run with the repository's rights where the pull request is of a branch of it, and anybody
// may write the review.
func reviewEvents() []string {
	return []string{"pull_request_review", "pull_request_review_comment"}
}

// refNames are properties that hold the name of a ref of this repository, which nobody else can make.
func refNames() []string {
	return []string{
		"github.ref", "github.ref_name", "github.event.ref", "github.workflow_ref",
		"github.base_ref", "github.event.pull_request.base.ref", "github.event.pull_request.base.label",
	}
}

// untexted are events that bring no text of anybody but who starts the workflow on purpose.
func untexted() []string {
	return []string{"schedule", "workflow_dispatch", "repository_dispatch", "workflow_call"}
}

// triggerUnsafe: an event that anybody can cause runs code or text of theirs with the repository's
// secrets or a token that writes; or one that writers of the repository cause runs a text of theirs so.
func triggerUnsafe(a *act) []verdict.Finding { return a.flaws("trigger-unsafe", unsafeTriggers) }

func unsafeTriggers(_ *judge, w *evidence.Workflows) []flaw {
	unread := map[string]bool{}
	for i := range w.Files {
		unread[w.Files[i].Path] = !w.Files[i].TriggersKnown
	}
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		var look func([]evidence.JobStep)
		look = func(steps []evidence.JobStep) {
			for i := range steps {
				s := &steps[i]
				if s.If.OnSuccess == evidence.No && s.If.AfterFailure == evidence.No {
					continue // it never runs
				}
				for _, u := range s.Untrusted {
					t := taking{job, c, s, u}
					if f, ok := t.judged(t.source(unread[job.File])); ok {
						found = append(found, f)
					}
				}
				look(s.Steps)
			}
		}
		look(c.Steps)
		for _, u := range c.Untrusted {
			t := taking{job, c, nil, u}
			if f, ok := t.judged(t.source(unread[job.File])); ok {
				found = append(found, f)
			}
		}
	})
	return found
}

// taking is a place at which a step takes what somebody else made.
type taking struct {
	job *evidence.WorkflowJob
	c   *evidence.JobCase
	s   *evidence.JobStep // nil for the job itself
	u   evidence.Untrusted
}

// source is whose it is that a step takes, and by which event.
type source struct {
	event string // "" for nobody else's
	whose whose
}

type whose uint8

// The zero value is the worst.
const (
	strangers whose = iota // anybody's
	ownBranch              // of a branch of this repository, by an event that runs with the repository's rights
	writers                // of those who may write here
)

// source finds the worst of the events by which something is taken.
func (t *taking) source(unread bool) source {
	from := t.u.From
	if unread {
		return source{"an event that could not be read", strangers}
	}
	if len(from) == 0 {
		for _, trigger := range t.job.Triggers {
			from = append(from, evidence.UntrustedFrom{Event: trigger.Event})
		}
	}
	var found source
	for _, f := range from {
		is := source{f.Event, writers}
		named := t.u.Kind == evidence.UntrustedText && slices.Contains(refNames(), t.u.Text)
		switch {
		case named && (!slices.Contains(untexted(), f.Event) || f.Event == "workflow_dispatch"):
			// Whoever may push a branch, or start the workflow for it, named it.
		case t.u.Kind == evidence.UntrustedText && slices.Contains(reviewEvents(), f.Event) && ofReview(t.u.Text):
			is.whose = strangers
		case slices.Contains(privilegedEvents(), f.Event) && !f.Own:
			is.whose = strangers
		case slices.Contains(privilegedEvents(), f.Event):
			is.whose = ownBranch
		case slices.Contains(untexted(), f.Event) || t.u.Kind != evidence.UntrustedText:
			continue
		}
		if found.event == "" || is.whose < found.whose {
			found = is
		}
	}
	return found
}

// ofReview says that a property is of what somebody wrote about a pull request, or has that in it.
func ofReview(path string) bool {
	return strings.HasPrefix(path, "github.event.review") || strings.HasPrefix(path, "github.event.comment") || path == "github" || path == "github.*" || path == "github.event" || path == "github.event.*"
}

// judged is what is wrong with it, if anything is.
func (t *taking) judged(from source) (flaw, bool) {
	if from.event == "" {
		return flaw{}, false
	}
	power := powers(t.job, t.c)
	if from.whose != strangers {
		if t.c.Environment.Kind != evidence.EnvironmentNone && power == "" {
			power = runsIn(t.c.Environment)
		}
		if power == "" {
			return flaw{}, false // they could do as much by a commit
		}
	}
	f := t.flaw(from, power)
	switch {
	case power == "":
		f.Effect = verdict.Warn
	case t.u.Kind == evidence.UntrustedArtifact:
		f.Effect = verdict.Warn // it is how the forge says to pass results on; what is done with it decides
	case t.u.Kind == evidence.UntrustedText && t.u.Sure != evidence.Yes:
		f.Effect = verdict.Warn // a script before this one may have put out a number made of it
	case t.u.Kind == evidence.UntrustedCode && from.whose == ownBranch && t.c.Environment.Kind == evidence.EnvironmentNone:
		f.Effect = verdict.Warn // pull_request would run it with the same secrets
	case from.whose != strangers && t.onlySettings():
		f.Effect = verdict.Warn
	}
	f = f.of(t.job, from.event, strconv.Itoa(int(from.whose)), t.u.Text)
	f.by(allPowers(t.job, t.c)...)
	return f, true
}

// onlySettings reports whether nothing but the repository's settings could give the job any right.
func (t *taking) onlySettings() bool {
	return !t.job.Permissions.Written && t.c.Environment.Kind == evidence.EnvironmentNone &&
		!slices.ContainsFunc(t.c.Secrets, func(u evidence.SecretUse) bool { return u.Kind != evidence.SecretToken && !unreachable(t.c, &u) })
}

func (t *taking) flaw(from source, power string) flaw {
	somebody, who := "a stranger's", "for anybody, with the repository's own rights"
	switch from.whose {
	case strangers:
	case ownBranch:
		somebody, who = "somebody else's", "with the repository's own rights and those of its default branch, for whoever may push a branch here"
	case writers:
		somebody, who = "somebody else's", "for whoever may push or write here, agents too"
	}
	var takes, fix string
	switch t.u.Kind {
	case evidence.UntrustedArtifact:
		takes = "takes files that " + somebody + " run has stored"
		fix = "Treat the files as data: check what is in them, and run none of it."
	case evidence.UntrustedText:
		takes, fix = t.text(somebody)
	default:
		takes = "checks out " + somebody + " code"
		fix = "Use `on: pull_request`, which runs it without secrets, or check out nothing of the pull request."
		if t.s != nil && t.s.Uses != nil && t.s.Checkout == nil || t.s == nil {
			takes = "hands " + somebody + " code to what may fetch it"
		}
	}
	sure := "takes"
	if t.u.Sure != evidence.Yes {
		sure = "may take"
	}
	reason := "The workflow runs on " + from.event + " " + who + "; " + t.place() + " " + sure + " it from " + inert.Word(t.u.Text)
	var f flaw
	if power != "" {
		if t.u.Kind == evidence.UntrustedCode {
			if from.whose == ownBranch {
				fix = "Take the environment off the job that checks it out, and deploy in another, from the default branch."
			} else {
				fix += t.guard(from)
			}
		}
		f = flawed(t.u.At, jobName(t.job)+" "+takes+" where it "+power, reason+".", fix+" Or give the job no secret and `permissions: {}`, and do the rest in another.")
	} else {
		f = flawed(t.u.At, jobName(t.job)+" "+takes, reason+". It reaches no secret, and its token writes nothing.", fix)
	}
	f.what = t.u.Text
	return f
}

// place names where it is taken.
func (t *taking) place() string {
	if t.s == nil {
		return jobName(t.job)
	}
	return stepName(t.s)
}

// text is what becomes of a text, and how it stays one.
func (t *taking) text(somebody string) (takes, fix string) {
	switch t.u.Into {
	case evidence.IntoJavaScript:
		return "puts " + somebody + " text into a script", "Hand the text over in `env`, and use process.env.NAME in the script: there it is no code."
	case evidence.IntoVariables:
		return "writes " + somebody + " text to the file of variables", "Give the text to each step that needs it in its own `env`, and write none of it to GITHUB_ENV or GITHUB_PATH: each line of it would be a variable, or a folder of programs."
	case evidence.IntoCommand:
		return "runs " + somebody + " text as a command", "Use the variable as an argument, as in `printf '%s\\n' \"$NAME\"`, and not with eval, a shell's -c or a pipe into a shell."
	case evidence.IntoSetting:
		return "lets " + somebody + " text decide what runs it, or how", "Write what it may be out in the file, or hand the text to a script of the job in `env`."
	default:
		return "puts " + somebody + " text into a script", "Hand the text over in `env`, and use \"$NAME\" in the script, with neither eval nor GITHUB_ENV: there it is no code."
	}
}

// guard is the condition that keeps forks out, where an event and the job's environment let it help.
func (t *taking) guard(from source) string {
	if t.c.Environment.Kind != evidence.EnvironmentNone {
		return ""
	}
	head := ""
	switch from.event {
	case "pull_request_target":
		head = "github.event.pull_request.head.repo.full_name"
	case "workflow_run":
		head = "github.event.workflow_run.head_repository.full_name"
	default:
		return ""
	}
	return " If branches of this repository are all that is meant, write `if: " + head + " == github.repository` on the job."
}

// powers says what a job could do to the repository, as a clause: "reaches NPM_TOKEN"; "" for nothing.
func powers(job *evidence.WorkflowJob, c *evidence.JobCase) string {
	for i := range c.Secrets {
		if u := &c.Secrets[i]; u.Kind != evidence.SecretToken && !u.Loose && !unreachable(c, u) {
			return "reaches " + secretName(u)
		}
	}
	p := job.Permissions
	switch {
	case !p.Written:
		return "has the token that the repository's settings give, which may write"
	case p.Unread:
		return "has a token whose permissions could not be read"
	case p.All == evidence.AccessWrite || p.All == evidence.AccessUnset:
		return "has a token that writes"
	}
	for _, s := range p.Scopes {
		if s.Access == evidence.AccessWrite || s.Access == evidence.AccessUnset {
			return "has a token that writes " + inert.Word(s.Scope)
		}
	}
	return ""
}

// allPowers are what a job could do, each apart, so that two trees can be compared.
func allPowers(job *evidence.WorkflowJob, c *evidence.JobCase) []string {
	var all []string
	add := func(power string) {
		if !slices.Contains(all, power) {
			all = append(all, power)
		}
	}
	if c.Environment.Kind != evidence.EnvironmentNone {
		add("environment " + environmentKey(c.Environment))
	}
	for i := range c.Secrets {
		if u := &c.Secrets[i]; u.Kind != evidence.SecretToken && !u.Loose && !unreachable(c, u) {
			add("secret " + secretKey(u))
		}
	}
	p := job.Permissions
	switch {
	case !p.Written:
		add("token")
	case p.Unread || p.All == evidence.AccessWrite || p.All == evidence.AccessUnset:
		add("token of all")
	}
	for _, s := range p.Scopes {
		if s.Access == evidence.AccessWrite || s.Access == evidence.AccessUnset {
			add("token " + s.Scope)
		}
	}
	return all
}
