package checker

import (
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// privilegedEvents are those that anybody can cause and that run with the repository's own secrets and
// token. What pull_request runs for a stranger has neither.
func privilegedEvents() []string {
	return []string{"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion", "discussion_comment"}
}

// triggerUnsafe: an event that anybody can cause runs code or text of theirs with the repository's
// secrets or a token that writes.
func triggerUnsafe(a *act) []verdict.Finding { return a.flaws("trigger-unsafe", unsafeTriggers) }

func unsafeTriggers(_ *judge, w *evidence.Workflows) []flaw {
	unread := map[string]bool{}
	for i := range w.Files {
		unread[w.Files[i].Path] = !w.Files[i].TriggersKnown
	}
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		event := privilegedEvent(job)
		if event == "" && unread[job.File] {
			event = "an event that could not be read"
		}
		if event == "" {
			return
		}
		power := powers(job, c)
		var look func([]evidence.JobStep)
		look = func(steps []evidence.JobStep) {
			for i := range steps {
				s := &steps[i]
				if s.If.OnSuccess == evidence.No && s.If.AfterFailure == evidence.No {
					continue // it never runs
				}
				for _, u := range s.Untrusted {
					found = append(found, unsafeStep(job, s, u, event, power).of(job, event, u.Text))
				}
				look(s.Steps)
			}
		}
		look(c.Steps)
	})
	return found
}

// privilegedEvent is one by which a job is started with secrets for anybody, "" for none.
func privilegedEvent(job *evidence.WorkflowJob) string {
	for _, t := range job.Triggers {
		if slices.Contains(privilegedEvents(), t.Event) {
			return t.Event
		}
	}
	return ""
}

func unsafeStep(job *evidence.WorkflowJob, s *evidence.JobStep, u evidence.Untrusted, event, power string) flaw {
	var takes, fix string
	switch u.Kind {
	case evidence.UntrustedArtifact:
		takes = "takes files that a stranger's run has stored"
		fix = "Treat the files as data: check what is in them, and run none of it."
	case evidence.UntrustedText:
		takes = "puts a stranger's text into a script"
		fix = "Hand the text over in `env`, and use \"$NAME\" in the script: there it is no code."
	default:
		takes = "checks out a stranger's code"
		fix = "Use `on: pull_request`, which runs it without secrets, or check out nothing of the pull request."
	}
	sure := "takes"
	if u.Sure != evidence.Yes {
		sure = "may take"
	}
	who := stepName(s) + " " + sure + " it from " + show(u.Text)
	reason := "The workflow runs on " + event + " for anybody, with the repository's own rights; " + who
	var f flaw
	if power != "" {
		f = flawed(u.At, jobName(job)+" "+takes+" where it "+power, reason+".", fix+" Or give the job no secret and `permissions: {}`, and do the rest in another.")
		if u.Kind == evidence.UntrustedArtifact {
			f.Effect = verdict.Warn // it is how the forge says to pass results on; what is done with it decides
		}
	} else {
		f = flawed(u.At, jobName(job)+" "+takes, reason+". It reaches no secret, and its token writes nothing.", fix)
		f.Effect = verdict.Warn
	}
	f.what = u.Text
	return f
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
			return "has a token that writes " + show(s.Scope)
		}
	}
	return ""
}
