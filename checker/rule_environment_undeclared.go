package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// environmentUndeclared: a request, or a job, is for an environment that the policy does not have.
func environmentUndeclared(a *act) []verdict.Finding {
	found := a.flaws("environment-undeclared", undeclaredEnvironments)
	env := a.environment()
	if env == "" || a.judge.policy.Environment(env) != nil {
		return found
	}
	return append(found, deny(
		"the environment "+inert.Word(env)+" is not in the policy",
		a.judge.unlisted(),
		"Name one of the policy's environments, or "+a.judge.addEnvironment(env)+".",
	))
}

func undeclaredEnvironments(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		e := c.Environment
		if e.Kind != evidence.EnvironmentNamed || j.policy.Environment(e.Name) != nil {
			return
		}
		f := flawed(e.At,
			jobName(job)+" runs in "+inert.Word(e.Name)+", an environment that is not in the policy",
			j.unlisted(),
			"Run the job in one of the policy's environments, or "+j.addEnvironment(e.Name)+".")
		f.what = strings.ToLower(e.Name)
		found = append(found, f.of(job, f.what))
	})
	return found
}

// unlisted says why an environment has to be one of the policy's.
func (j *judge) unlisted() string {
	has := "The policy has none"
	if len(j.policy.Environments) > 0 {
		has = "The policy has " + named(j.policy.Environments)
	}
	return has + ", and nothing says what may get into another. The forge makes one of any name, without protection."
}

func (j *judge) addEnvironment(name string) string {
	return "have a maintainer add an environment block " + inert.Quote(name) + " to " + inert.Word(j.policy.File)
}
