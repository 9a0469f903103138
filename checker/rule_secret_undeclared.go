package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// secretUndeclared: a job reaches, or a request names, a secret that no list of the policy has.
func secretUndeclared(a *act) []verdict.Finding {
	found := a.flaws("secret-undeclared", undeclaredSecrets)
	a.strangeTargets(func(target string, env *policy.Environment, others []*policy.Environment) {
		if len(others) > 0 || a.kind == names.Delete {
			return
		}
		reason := "The environment " + inert.Word(env.Name) + " " + covers("secrets", env.Secrets) + "."
		if matches(a.judge.policy.Workflows.SharedSecrets, target) {
			reason += " Any job may use it, and that is no reason to hand it out or change it for one environment."
		}
		found = append(found, at(deny(
			inert.Word(target)+" is no secret of "+inert.Word(env.Name),
			reason,
			"Name a secret of "+inert.Word(env.Name)+", or have a maintainer list it there in "+inert.Word(a.judge.policy.File)+": secrets = ["+quoted(target)+"].",
		), env.Position))
	})
	return found
}

func undeclaredSecrets(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	j.eachNamed(w, func(job *evidence.WorkflowJob, c *evidence.JobCase, u *evidence.SecretUse) {
		if where, _ := j.listingOf(job, c, u); where != listedNowhere {
			return
		}
		add := "in shared_secrets of the workflows block"
		if own := j.environmentOf(c.Environment); own != nil {
			add = "in secrets of the environment " + inert.Word(own.Name) + ", or, if any job may have it, " + add
		}
		f := flawed(u.At,
			"no list of the policy has the secret "+inert.Word(u.Name),
			jobName(job)+" "+runsIn(c.Environment)+when(c)+", and reaches it by "+way(job, u)+". What no list has is for no job.",
			"Have a maintainer list it in "+inert.Word(j.policy.File)+": "+add+". Or take it out of the job.")
		f.what, f.names, f.in = secretKey(u), job, environmentKey(c.Environment)
		if u.Loose {
			f.loosen(u)
		}
		found = append(found, f.of(job, environmentKey(c.Environment), secretKey(u)))
	})
	return found
}
