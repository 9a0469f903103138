package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// secretCrossEnvironment: a job reaches a secret that the policy lists for other environments than the
// one it runs in, a request names one of another environment than its own, or an agent writes the name of
// one into a file.
func secretCrossEnvironment(a *act) []verdict.Finding {
	found := append(a.flaws("secret-cross-environment", crossings), a.references()...)
	a.strangeTargets(func(target string, env *policy.Environment, others []*policy.Environment) {
		if len(others) == 0 {
			return
		}
		found = append(found, at(deny(
			inert.Word(target)+" is a secret of "+named(others)+", and the request says that it is one of "+inert.Word(env.Name),
			"Whose a secret is, the policy says, and not the request: the environment "+inert.Word(env.Name)+" "+covers("secrets", env.Secrets)+"; "+
				inert.Word(target)+" is listed for "+named(others)+".",
			"Ask for it in "+named(others)+", or name a secret of "+inert.Word(env.Name)+".",
		), others[0].Position))
	})
	return found
}

// strangeTargets calls f for each target of a request that the lists of its environment do not have, with
// the environments whose lists do. A deletion may be of anything, so that only others' lists speak there.
func (a *act) strangeTargets(f func(target string, env *policy.Environment, others []*policy.Environment)) {
	if a.asked == nil || a.kind == names.Deploy {
		return
	}
	env := a.judge.policy.Environment(a.environment())
	if env == nil {
		return // there is none, or environment-undeclared denies it
	}
	for _, target := range a.asked.Statement.Targets {
		if matches(env.Secrets, target) {
			continue
		}
		var others []*policy.Environment
		for _, e := range a.judge.policy.Environments {
			if matches(e.Secrets, target) {
				others = append(others, e)
			}
		}
		f(target, env, others)
	}
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
			may = "The environment " + inert.Word(own.Name) + " " + covers("secrets", own.Secrets)
			fix = "Use a secret of " + inert.Word(own.Name) + ", or run the job in " + named(lists) + "."
		}
		if strings.Contains(u.Text, "&&") && strings.Contains(u.Text, "||") {
			fix += " Where an expression chooses, what stands last is taken in every other case, and where a secret is empty: give each secret its own condition, as in `a && secrets.A || b && secrets.B`."
		}
		f := flawed(u.At,
			inert.Word(u.Name)+" is a secret of "+named(lists)+", and "+jobName(job)+" "+runsIn(c.Environment),
			"It gets there by "+way(job, u)+when(c)+". "+may+"; "+inert.Word(u.Name)+" is listed for "+named(lists)+".",
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
