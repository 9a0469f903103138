package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// secretCrossEnvironment: a job reaches a secret that the policy lists for other environments than the
// one it runs in, or an agent writes the name of one into a file.
func secretCrossEnvironment(a *act) []verdict.Finding {
	return append(a.flaws("secret-cross-environment", crossings), a.references()...)
}

func crossings(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	j.eachNamed(w, func(job *evidence.WorkflowJob, c *evidence.JobCase, u *evidence.SecretUse) {
		where, lists := j.listingOf(job, c, u)
		if where != listedElsewhere {
			return
		}
		may := "A job of no environment may use " + asWritten(j.policy.Workflows.SharedSecrets) + " alone"
		fix := "Run it in " + named(lists) + " if that is where it belongs, or take the secret out of the job."
		if own := j.environmentOf(c.Environment); own != nil {
			may = "The environment " + show(own.Name) + " " + covers("secrets", own.Secrets)
			fix = "Use a secret of " + show(own.Name) + ", or run the job in " + named(lists) + "."
		}
		f := flawed(u.At,
			show(u.Name)+" is a secret of "+named(lists)+", and "+jobName(job)+" "+runsIn(c.Environment),
			"It gets there by "+way(job, u)+when(c)+". "+may+"; "+show(u.Name)+" is listed for "+named(lists)+".",
			fix+" A maintainer may list it for more: in another environment block, or in shared_secrets of the workflows block.")
		f.Finding = at(f.Finding, lists[0].Position)
		f.what, f.names, f.in = secretKey(u), job, environmentKey(c.Environment)
		if u.Loose {
			f.loosen(u)
		}
		found = append(found, f.of(job, environmentKey(c.Environment), secretKey(u)))
	})
	return found
}
