package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// environmentDynamic: which environment a job runs in cannot be known before it runs.
func environmentDynamic(a *act) []verdict.Finding {
	return a.flaws("environment-dynamic", dynamicEnvironments)
}

func dynamicEnvironments(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		switch {
		case job.Callee != nil && job.Callee.Why == evidence.CalleeRemote:
			// Nobody but the other repository can say it, and many call such workflows for what needs no
			// environment: it is said, and not denied.
			f := flawed(job.Callee.Call.Uses.At,
				jobName(job)+" calls "+inert.Word(job.Callee.Call.Uses.Text)+", whose environments are not known",
				"The called workflow is in another repository. Its jobs may name any environment of this one, and run there.",
				"Call a workflow of this repository where jobs deploy. Where the called one does not, nothing is left to do.")
			f.Effect = verdict.Warn
			if job.Callee.Call.Uses.Pinned {
				f.Effect = verdict.Note // somebody looked at what is called, and it stays that
			}
			if j.isOwnRepository(job.Callee.Call.Uses.Repository) {
				// It is this repository's at another commit, which nobody has to have looked at.
				f = flawed(f.at, jobName(job)+" calls a workflow of this repository at another commit",
					inert.Word(job.Callee.Call.Uses.Text)+" is not read: what is judged is the commit at hand. Its jobs may name any environment, and run there on the word of this one.",
					"Call it as `uses: ./"+inert.Word(job.Callee.Call.Uses.Path)+"`, which is the commit that runs.")
			}
			found = append(found, f.of(job, "callee", job.Callee.Call.Uses.Text))
		case job.Callee != nil || c.Environment.Kind != evidence.EnvironmentDynamic:
		default:
			why := "Its value comes from outside of the file" + when(c)
			if job.TooManyCases {
				why = "There are more choices that decide it than are gone through"
			}
			place := c.Environment.At
			if place.Line == 0 {
				place = job.At
			}
			f := flawed(place,
				"which environment "+jobName(job)+" runs in is not known before the run",
				"It is "+inert.Word(c.Environment.Text)+". "+why+", so that whoever starts the workflow chooses whose secrets it gets.",
				"Name the environment, or let the job choose between names that stand in the file: a written matrix, or an input of the type choice with its options.")
			f = f.of(job, "dynamic")
			f.by(c.Environment.Text)
			f.by(j.decides(w, job, c.Environment.Text)...)
			if job.TooManyCases {
				f.by(job.Content)
			}
			found = append(found, f)
		}
	})
	return found
}
