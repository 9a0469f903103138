package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// secretDynamic: which secrets a job reaches cannot be known before it runs.
func secretDynamic(a *act) []verdict.Finding { return a.flaws("secret-dynamic", dynamicSecrets) }

func dynamicSecrets(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		for i := range c.Secrets {
			u := &c.Secrets[i]
			var summary, fix string
			switch u.Kind {
			case evidence.SecretNamed, evidence.SecretToken, evidence.SecretInherited:
				continue
			case evidence.SecretWhole:
				summary = jobName(job) + " reaches every secret at once"
				fix = "Name the secrets that it needs one by one, such as secrets.NPM_TOKEN."
			case evidence.SecretDynamic:
				summary = "which secret " + jobName(job) + " reaches is not known before the run"
				fix = "Name the secret itself, or choose between names that stand in the file: secrets[format('{0}_TOKEN', matrix.target)] over a written matrix is followed."
			default:
				summary = "an expression of " + jobName(job) + " is about secrets and could not be read"
				fix = "Write it as the forge's documentation has it: the forge may read it in another way than anybody else."
			}
			f := flawed(u.At, summary,
				"The expression is "+inert.Word(u.Text)+", and it gets there by "+way(job, u)+when(c)+". It could be any secret of the repository, the organisation and the job's environment.",
				fix)
			f.what = u.Text
			f = f.of(job, environmentKey(c.Environment), "*")
			f.by(u.Text)
			f.by(j.decides(w, job, u.Text)...)
			if job.TooManyCases {
				f.by(job.Content) // of what was not worked out, any change is one
			}
			found = append(found, f)
		}
	})
	return found
}
