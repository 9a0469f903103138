package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// ownUses are the places at which a workflow uses an action or a workflow of its own repository at a
// ref. What is there is another commit than the one that is judged, so that nobody here has read it,
// and a branch is whatever was pushed to it last.
func ownUses(j *judge, w *evidence.Workflows) []flaw {
	_, own, ok := strings.Cut(j.set.Repository, "/")
	if !ok {
		return nil
	}
	var found []flaw
	look := func(job *evidence.WorkflowJob, u *evidence.WorkflowUses) {
		if u == nil || u.Kind != evidence.UsesRemote || !strings.EqualFold(u.Repository, own) || j.isPinnedGate(u) {
			return
		}
		there := "$/" + u.Path
		f := flaw{at: u.At, what: u.Text, settled: true}
		f.Finding = undecided(
			jobName(job)+" uses "+inert.Word(u.Text)+", which is this repository at another commit",
			"Only the commit that is judged was read. What stands at "+inert.Word(u.Ref)+" is not known here, and whoever may push there decides it.",
			"Write "+inert.Word(there)+" instead: it is the same path, at the commit of the workflow itself.")
		found = append(found, f.of(job, "own", u.Text))
	}
	for i := range w.Jobs {
		if c := w.Jobs[i].Callee; c != nil {
			look(&w.Jobs[i], &c.Call.Uses)
		}
	}
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		eachStep(c.Steps, func(s *evidence.JobStep) { look(job, s.Uses) })
	})
	return found
}

// isPinnedGate reports whether it is the policy's gate at a commit id, in the repository of the gate
// itself: which commits the gate may have is for deploy-ungated to say.
func (j *judge) isPinnedGate(u *evidence.WorkflowUses) bool {
	name := u.Repository
	if u.Path != "" {
		name += "/" + u.Path
	}
	return u.Pinned && strings.EqualFold(name, j.policy.Workflows.Gate())
}

// eachStep calls f for the steps, and for those inside of them.
func eachStep(steps []evidence.JobStep, f func(*evidence.JobStep)) {
	for i := range steps {
		f(&steps[i])
		eachStep(steps[i].Steps, f)
	}
}
