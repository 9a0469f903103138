package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// What a step is handed, and when, is authority of the job that it is in.

// stepConditionTakenOff: a step that is handed a secret runs where it did not run before.
func (a *act) stepConditionTakenOff(job, was *evidence.WorkflowJob) []flaw {
	for i := range job.Cases {
		c := &job.Cases[i]
		for k := range c.Steps {
			s := &c.Steps[k]
			if s.If.OnSuccess == evidence.No && s.If.AfterFailure == evidence.No || !handsSecret(c, k) && !provesItself(job) {
				continue
			}
			reason := ""
			if at := a.decidedElsewhere(job, was, strings.Join(s.If.Terms, " ")); at != "" {
				reason = "It runs only if " + inert.Word(s.If.Text) + ", and " + at + " is another one now."
			}
			for _, old := range sameCases(c, was) {
				if term := ranOnlyIf(c, k, old); term != "" {
					reason = "Before this change it, or what was handed the same secret, ran only if " + inert.Word(term) + when(c) + "."
				}
			}
			if reason != "" {
				f := a.widened(s.At, job, stepName(s)+" of "+jobName(job)+" runs where it did not run before", reason,
					"Keep that condition, and join others to it with &&. Or have a human make this change.")
				f.what = "step if"
				return []flaw{f.of(job, "step if")}
			}
		}
	}
	return nil
}

// sameCases are the runs of a job before a change that one after it stands for: those of the same choice,
// else all.
func sameCases(c *evidence.JobCase, was *evidence.WorkflowJob) []*evidence.JobCase {
	var same, all []*evidence.JobCase
	for i := range was.Cases {
		old := &was.Cases[i]
		all = append(all, old)
		if slices.Equal(old.When, c.When) {
			same = append(same, old)
		}
	}
	if len(same) > 0 {
		return same
	}
	return all
}

// ranOnlyIf is a condition that was taken off a step, "" for none. A step that is another one now is held
// against those that were handed its secrets.
func ranOnlyIf(c *evidence.JobCase, k int, old *evidence.JobCase) string {
	s := &c.Steps[k]
	before := -1
	for i := range old.Steps {
		o := &old.Steps[i]
		if sameStep(o, s) && (before < 0 || len(missing(&o.If, &s.If)) == 0) {
			before = i
		}
	}
	if before >= 0 {
		if term := missing(&old.Steps[before].If, &s.If); term != "" {
			return term
		}
		return missingInside(old.Steps[before].Steps, s.Steps)
	}
	for i := range c.Secrets {
		u := &c.Secrets[i]
		if u.Step != k || !handed(c, u, k) {
			continue
		}
		term := ""
		for n := range old.Secrets {
			o := &old.Secrets[n]
			if secretKey(o) != secretKey(u) || !handed(old, o, o.Step) {
				continue
			}
			if o.Step < 0 || o.Step >= len(old.Steps) {
				term = ""
				break
			}
			if term = missing(&old.Steps[o.Step].If, &s.If); term == "" {
				break
			}
		}
		if term != "" {
			return term
		}
	}
	return ""
}

// missingInside is the same for the steps inside of a step.
func missingInside(old, now []evidence.JobStep) string {
	for i := range now {
		for k := range old {
			if !sameStep(&old[k], &now[i]) {
				continue
			}
			term := missing(&old[k].If, &now[i].If)
			if term == "" {
				term = missingInside(old[k].Steps, now[i].Steps)
			}
			if term != "" {
				return term
			}
			break
		}
	}
	return ""
}

// missing is a term of a condition that another one lacks, "" where it runs no more often.
func missing(old, now *evidence.Condition) string {
	if old.OnSuccess == evidence.Yes && now.AfterFailure == evidence.No || now.OnSuccess == evidence.No && now.AfterFailure == evidence.No {
		return ""
	}
	if old.OnSuccess != evidence.Yes && now.OnSuccess == evidence.Yes {
		return old.Text // what it goes by is known to be true now
	}
	for _, term := range old.Terms {
		if !slices.Contains(now.Terms, term) {
			return term
		}
	}
	return ""
}

// sameStep reports whether two steps are the same but for their conditions.
func sameStep(s, t *evidence.JobStep) bool {
	switch {
	case s.ID != "" || t.ID != "":
		return strings.EqualFold(s.ID, t.ID)
	case s.Uses != nil && t.Uses != nil:
		return s.Uses.Text == t.Uses.Text && s.Name == t.Name
	default:
		return s.Uses == nil && t.Uses == nil && (s.Run.Text == t.Run.Text || s.Name != "" && s.Name == t.Name)
	}
}

// handsSecret reports whether a step of a case is handed a secret besides the token.
func handsSecret(c *evidence.JobCase, step int) bool {
	return slices.ContainsFunc(c.Secrets, func(u evidence.SecretUse) bool { return handed(c, &u, step) })
}

// handedSecrets are the secrets that a step is handed, sorted, each once.
func handedSecrets(c *evidence.JobCase, step int) []string {
	var all []string
	for i := range c.Secrets {
		if u := &c.Secrets[i]; handed(c, u, step) {
			all = append(all, secretKey(u))
		}
	}
	slices.Sort(all)
	return slices.Clip(slices.Compact(all))
}

// handedToOthers: an action of another repository, at a commit at which the job did not use it, is in a
// job that a gate is for. What it has as `pre` runs before the gate, on the same machine: it can set the
// variables by which the gate's own programs go.
func (a *act) handedToOthers(job, was *evidence.WorkflowJob) []flaw {
	had := map[string]bool{}
	for i := range was.Cases {
		c := &was.Cases[i]
		for k := range c.Steps {
			eachStep(c.Steps[k:k+1], func(s *evidence.JobStep) {
				if s.Uses != nil {
					for _, secret := range append(handedSecrets(c, k), "") {
						had[calls(s.Uses)+"\x00"+secret] = true
					}
				}
			})
		}
	}
	var found []flaw
	for i := range job.Cases {
		c := &job.Cases[i]
		env := a.judge.environmentOf(c.Environment)
		if env == nil || a.judge.gateOf(env) == nil {
			continue
		}
		g := gated{judge: a.judge, job: job, c: c}
		for k := range c.Steps {
			secrets := handedSecrets(c, k)
			what := " has other code than before beside its gate"
			if len(secrets) > 0 {
				what = " hands a secret to other code than before"
			}
			eachStep(c.Steps[k:k+1], func(s *evidence.JobStep) {
				u := s.Uses
				if u == nil || u.Kind != evidence.UsesRemote || forgesOwn(u) || g.isGate(s) || g.ofThisRepository(u) ||
					!slices.ContainsFunc(append(secrets, ""), func(secret string) bool { return !had[calls(u)+"\x00"+secret] }) {
					return
				}
				f := a.widened(u.At, job, jobName(job)+what,
					inert.Word(u.Text)+" is new here, or what it is handed is, and what is in it is not read. What it has as `pre` runs before the gate, on the same machine, with what it is handed.",
					"Use what was used before, do it in a script (`run`), or have a human make this change.")
				f.what = "hands " + u.Text
				found = append(found, f.of(job, "hands", u.Text))
			})
		}
	}
	return found
}
