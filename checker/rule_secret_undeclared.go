package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// secretUndeclared: a job reaches a secret that no list of the policy has.
func secretUndeclared(a *act) []verdict.Finding {
	return a.flaws("secret-undeclared", undeclaredSecrets)
}

func undeclaredSecrets(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	j.eachNamed(w, func(job *evidence.WorkflowJob, c *evidence.JobCase, u *evidence.SecretUse) {
		if where, _ := j.listingOf(job, c, u); where != listedNowhere {
			return
		}
		add := "in shared_secrets of the workflows block"
		if own := j.environmentOf(c.Environment); own != nil {
			add = "in secrets of the environment " + show(own.Name) + ", or, if any job may have it, " + add
		}
		f := flawed(u.At,
			"no list of the policy has the secret "+show(u.Name),
			jobName(job)+" "+runsIn(c.Environment)+when(c)+", and reaches it by "+way(job, u)+". What no list has is for no job.",
			"Have a maintainer list it in "+show(j.policy.File)+": "+add+". Or take it out of the job.")
		f.what, f.names, f.in = secretKey(u), job, environmentKey(c.Environment)
		if u.Loose {
			f.loosen(u)
		}
		found = append(found, f.of(job, environmentKey(c.Environment), secretKey(u)))
	})
	return found
}
