package checker

import (
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// loosen words that a job may get at a secret: something is handed to it that a program made which had
// the secret. Most such programs make an address or a number, so that it is no more than a warning.
func (f *flaw) loosen(u *evidence.SecretUse) {
	f.Effect = verdict.Warn
	f.Summary = "perhaps " + f.Summary
	f.Reason += " A program that was given it makes what is handed on, and whether " + inert.Word(u.Name) + " can be read from that is not known."
	f.Fix = "Look whether it can. If so, hand on something else, or nothing."
}

// hadAll reports whether a job could get at every secret before a change, by what it handed to the same
// called workflow or read itself: naming some of them takes nothing more.
func (v *flow) hadAll(job *evidence.WorkflowJob, environment string) bool {
	if v.change.Base == nil {
		return false
	}
	return slices.ContainsFunc(v.change.Base.Jobs, func(was evidence.WorkflowJob) bool {
		if was.File != job.File || was.ID != job.ID || (was.Callee == nil) != (job.Callee == nil) ||
			was.Callee != nil && was.Callee.Call.Uses.Text != job.Callee.Call.Uses.Text {
			return false
		}
		return slices.ContainsFunc(was.Cases, func(c evidence.JobCase) bool {
			return environmentKey(c.Environment) == environment && slices.ContainsFunc(c.Secrets, func(u evidence.SecretUse) bool {
				return u.Kind == evidence.SecretInherited || u.Kind == evidence.SecretWhole
			})
		})
	})
}
