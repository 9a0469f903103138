package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// secretInherited: a job hands all secrets to a workflow that was not read.
func secretInherited(a *act) []verdict.Finding { return a.flaws("secret-inherited", inheritedSecrets) }

func inheritedSecrets(_ *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		for i := range c.Secrets {
			u := &c.Secrets[i]
			if u.Kind != evidence.SecretInherited {
				continue
			}
			callee, why := "a workflow", "it was not read"
			if job.Callee != nil {
				callee, why = inert.Word(job.Callee.Call.Uses.Text), whyUnknown(job.Callee.Why)
			}
			f := flawed(u.At,
				jobName(job)+" hands every secret to "+callee,
				"secrets: inherit gives the called workflow all secrets of the repository and the organisation, and those of the environments that its jobs name; "+why+".",
				"Pass the secrets that it needs by name (`secrets:` with one line each), or call a workflow of this repository, which is read. "+
					"A maintainer may let it pass for a while: an allow block in the workflows block, with file = "+inert.Word(u.At.File)+" and rule = \"secret-inherited\".")
			f = f.of(job, "inherit")
			if job.Callee != nil {
				f.by(calls(&job.Callee.Call.Uses))
			}
			found = append(found, f)
		}
	})
	return found
}

// whyUnknown says why a called workflow was not read, as a clause.
func whyUnknown(why evidence.UnknownWhy) string {
	switch why {
	case evidence.CalleeRemote:
		return "it is in another repository, where whoever may push there decides what it does with them"
	case evidence.CalleeMissing:
		return "this tree has no such workflow"
	case evidence.CalleeTooDeep:
		return "workflows call each other more deeply than the forge follows"
	default:
		return "it could not be read"
	}
}
