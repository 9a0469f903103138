package checker

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// What stands around a job that deploys, or that reaches an environment's secrets, is authority as much
// as the secrets are: the machine that it runs on, when it runs, what it waits for, whose commit its gate is.

// movedJobs are the jobs of which a change moves that.
func (a *act) movedJobs() []flaw {
	base, head := a.flow.change.Base, a.flow.change.Head
	before := map[jobRef]*evidence.WorkflowJob{}
	for i := range base.Jobs {
		before[jobRef{base.Jobs[i].File, base.Jobs[i].ID}] = &base.Jobs[i]
	}
	gates := a.judge.gateCommitsOf(base)
	var found []flaw
	for i := range head.Jobs {
		job := &head.Jobs[i]
		was := before[jobRef{job.File, job.ID}]
		found = append(found, a.gateMoved(job, was, gates)...)
		if was == nil || !a.judge.matters(job) && !a.judge.matters(was) {
			continue
		}
		found = append(found, a.runnerMoved(job, was)...)
		found = append(found, a.conditionTakenOff(job, was)...)
		found = append(found, a.stepConditionTakenOff(job, was)...)
		found = append(found, a.handedToOthers(job, was)...)
		found = append(found, a.needTakenOff(job, was)...)
		found = append(found, a.environmentTakenOff(job, was)...)
	}
	return append(found, a.namesTaken()...)
}

// matters reports whether a job runs in an environment of the policy, or one that is not known, or
// reaches a secret that is not for every job.
func (j *judge) matters(job *evidence.WorkflowJob) bool {
	return slices.ContainsFunc(job.Cases, func(c evidence.JobCase) bool {
		if c.Environment.Kind == evidence.EnvironmentDynamic || j.environmentOf(c.Environment) != nil {
			return true
		}
		return slices.ContainsFunc(c.Secrets, func(u evidence.SecretUse) bool {
			if u.Kind == evidence.SecretToken || u.Loose || unreachable(&c, &u) {
				return false
			}
			where, _ := j.listingOf(job, &c, &u)
			return u.Kind != evidence.SecretNamed || where != listedShared
		})
	})
}

var hostedRunner = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(ubuntu-(latest|slim|\d\d\.\d\d)(-arm)?|windows-(latest|\d{4})|windows-11-arm|macos-(latest|\d\d)(-(large|xlarge|intel))?)$`)
})

// runnerMoved: a job asks for a runner that is not the forge's own, and did not before.
func (a *act) runnerMoved(job, was *evidence.WorkflowJob) []flaw {
	for _, r := range job.Runners {
		if slices.Contains(was.Runners, r) || hostedRunner().MatchString(r) {
			continue
		}
		f := a.widened(job.At, job, jobName(job)+" moves to another runner",
			"It asked for "+list(shown(was.Runners))+" and asks for "+show(strings.TrimPrefix(r, "?"))+" now. Whoever has that machine gets what the job is given, and can change what the job's gate does.",
			"Leave runs-on as it was, take one of the forge's own (ubuntu-24.04), or have a human make this change.")
		f.what = "runs-on"
		return []flaw{f.of(job, "runs-on")}
	}
	return nil
}

// conditionTakenOff: a job runs where a condition kept it from running before.
func (a *act) conditionTakenOff(job, was *evidence.WorkflowJob) []flaw {
	for _, term := range was.Guards {
		if slices.Contains(job.Guards, term) {
			continue
		}
		p := job.At
		if len(job.Cases) > 0 && job.Cases[0].If.At.Line > 0 {
			p = job.Cases[0].If.At
		}
		f := a.widened(p, job, jobName(job)+" runs where it did not run before",
			"Before this change it ran only if "+show(term)+".",
			"Keep that condition, and join others to it with &&. Or have a human make this change.")
		f.what = "if"
		return []flaw{f.of(job, "if")}
	}
	return nil
}

// stepConditionTakenOff: a step that is handed a secret runs in any case, and did not before.
func (a *act) stepConditionTakenOff(job, was *evidence.WorkflowJob) []flaw {
	if len(was.Cases) == 0 {
		return nil
	}
	for i := range job.Cases {
		c := &job.Cases[i]
		for k := range c.Steps {
			s := &c.Steps[k]
			if s.If.OnSuccess != evidence.Yes || !handsSecret(c, k) {
				continue
			}
			old := slices.IndexFunc(was.Cases[0].Steps, func(o evidence.JobStep) bool { return sameStep(&o, s) })
			if old < 0 || was.Cases[0].Steps[old].If.OnSuccess == evidence.Yes {
				continue
			}
			f := a.widened(s.At, job, stepName(s)+" of "+jobName(job)+" runs where it did not run before",
				"Before this change it ran only if "+show(was.Cases[0].Steps[old].If.Text)+", and it is handed a secret.",
				"Keep that condition. Or have a human make this change.")
			f.what = "step if"
			return []flaw{f.of(job, "step if")}
		}
	}
	return nil
}

// sameStep reports whether two steps are the same but for their conditions.
func sameStep(s, t *evidence.JobStep) bool {
	switch {
	case s.ID != "" || t.ID != "":
		return strings.EqualFold(s.ID, t.ID)
	case s.Uses != nil && t.Uses != nil:
		return s.Uses.Text == t.Uses.Text && s.Name == t.Name
	default:
		return s.Uses == nil && t.Uses == nil && s.Run.Text == t.Run.Text
	}
}

// handsSecret reports whether a step of a case is handed a secret besides the token.
func handsSecret(c *evidence.JobCase, step int) bool {
	return slices.ContainsFunc(c.Secrets, func(u evidence.SecretUse) bool {
		return u.Step == step && u.Kind != evidence.SecretToken && !u.Loose && !unreachable(c, &u)
	})
}

// handedToOthers: an action of another repository, at a commit at which the job did not use it, is handed
// a secret in a job that a gate is for. What it has as `pre` runs before the gate.
func (a *act) handedToOthers(job, was *evidence.WorkflowJob) []flaw {
	var found []flaw
	for i := range job.Cases {
		c := &job.Cases[i]
		env := a.judge.environmentOf(c.Environment)
		if env == nil || a.judge.gateOf(env) == nil {
			continue
		}
		for k := range c.Steps {
			u := c.Steps[k].Uses
			if u == nil || u.Kind != evidence.UsesRemote || !u.Pinned || !handsSecret(c, k) {
				continue // one that is not pinned deploy-ungated denies
			}
			owner, _, _ := strings.Cut(u.Repository, "/")
			if owner == "actions" || owner == "github" || slices.ContainsFunc(was.Cases, func(o evidence.JobCase) bool {
				return slices.ContainsFunc(o.Steps, func(s evidence.JobStep) bool { return s.Uses != nil && s.Uses.Text == u.Text })
			}) {
				continue
			}
			f := a.widened(u.At, job, jobName(job)+" hands a secret to other code than before",
				show(u.Text)+" is new here, and what is in it is not read. What it has as `pre` runs before the gate, with what it is handed.",
				"Use what was used before, hand the secret to a script (`run`), or have a human make this change.")
			f.what = "hands " + u.Text
			found = append(found, f.of(job, "hands", u.Text))
		}
	}
	return found
}

// needTakenOff: a job no longer waits for another. One that is gone may have another in its place.
func (a *act) needTakenOff(job, was *evidence.WorkflowJob) []flaw {
	gone, fresh := 0, 0
	for _, n := range job.Needs {
		if !slices.Contains(was.Needs, n) && !a.hasJob(a.flow.change.Base, was, n) {
			fresh++
		}
	}
	for _, n := range was.Needs {
		if slices.Contains(job.Needs, n) {
			continue
		}
		if gone++; gone <= fresh && !a.hasJob(a.flow.change.Head, job, n) {
			continue
		}
		f := a.widened(job.At, job, jobName(job)+" no longer waits for "+show(n),
			"Before this change it needed "+show(n)+", and did not run where that failed.",
			"Leave it in `needs`, or have a human make this change.")
		f.what = "needs"
		return []flaw{f.of(job, "needs", n)}
	}
	return nil
}

// hasJob reports whether a tree has a job beside another one.
func (a *act) hasJob(w *evidence.Workflows, beside *evidence.WorkflowJob, id string) bool {
	g := gated{judge: a.judge, all: w, job: beside}
	return len(g.siblings(id)) > 0
}

// environmentTakenOff: a job leaves an environment and keeps rights.
func (a *act) environmentTakenOff(job, was *evidence.WorkflowJob) []flaw {
	for i := range was.Cases {
		env := a.judge.environmentOf(was.Cases[i].Environment)
		if env == nil || slices.ContainsFunc(job.Cases, func(c evidence.JobCase) bool {
			return c.Environment.Kind == evidence.EnvironmentDynamic || a.judge.environmentOf(c.Environment) == env
		}) {
			continue
		}
		for k := range job.Cases {
			c := &job.Cases[k]
			power := powers(job, c)
			if power == "" {
				continue
			}
			f := a.widened(job.At, was, jobName(job)+" leaves "+show(env.Name),
				"It ran in "+show(env.Name)+", and what the forge asks for there no longer holds it up. It "+runsIn(c.Environment)+" now, and "+power+".",
				"Leave the environment as it was, or have a human make this change.")
			f.what = "environment"
			return []flaw{f.of(job, "environment", env.Name)}
		}
	}
	return nil
}

// gateCommitsOf lists the commits that the gates of a tree are pinned to.
func (j *judge) gateCommitsOf(w *evidence.Workflows) map[string]bool {
	all := map[string]bool{}
	g := gated{judge: j}
	eachCase(w, func(_ *evidence.WorkflowJob, c *evidence.JobCase) {
		if len(c.Steps) > 0 && g.isGate(&c.Steps[0]) {
			all[strings.ToLower(c.Steps[0].Uses.Ref)] = true
		}
	})
	return all
}

// gateMoved: a job's gate is pinned to a commit to which no gate was pinned before, and which the policy
// does not list. A commit of anybody's fork goes by the name of what it was forked from.
func (a *act) gateMoved(job, was *evidence.WorkflowJob, gates map[string]bool) []flaw {
	g := gated{judge: a.judge}
	for i := range job.Cases {
		c := &job.Cases[i]
		env := a.judge.environmentOf(c.Environment)
		if env == nil || a.judge.gateOf(env) == nil || len(c.Steps) == 0 || !g.isGate(&c.Steps[0]) {
			continue
		}
		u := c.Steps[0].Uses
		ref := strings.ToLower(u.Ref)
		if u.Kind != evidence.UsesRemote || gates[ref] || a.judge.policy.Workflows.GateCommits != nil {
			continue // what the policy does not list deploy-ungated denies
		}
		f := flawed(u.At, "the gate of "+jobName(job)+" is at a commit that no gate was at before",
			"It is pinned to "+show(u.Ref)+". Such an id may be of a commit in anybody's fork, and a gate of somebody else's making lets everything through.",
			"Pin it to the commit of the gates that are there. Or have a maintainer list the new one in gate_commits of the workflows block, or make this change.")
		if who := a.flow.who; a.tree && who == nil || who != nil && who.principal.Kind() == names.Human || len(gates) == 0 {
			f.Effect = verdict.Warn
			f.Fix = "Look whether it is a commit of the gate's own repository. Nothing else is left to do."
		}
		if was == nil || len(gates) == 0 {
			f.Reason = strings.Replace(f.Reason, "It is pinned", "It is new, and pinned", 1)
		}
		f.what = "gate"
		return []flaw{f.of(job, "gate", ref)}
	}
	return nil
}

// namesTaken are the workflows that take the name of one for which a workflow with rights waits.
func (a *act) namesTaken() []flaw {
	base, head := a.flow.change.Base, a.flow.change.Head
	var found []flaw
	for i := range head.Files {
		file := &head.Files[i]
		if !slices.ContainsFunc(base.Files, func(f evidence.WorkflowFile) bool { return f.Path == file.Path }) {
			continue
		}
		var job *evidence.WorkflowJob
		for _, t := range file.Triggers {
			if t.Event != "workflow_run" {
				continue
			}
			for _, name := range t.Workflows {
				old, now := filesNamed(base, name), filesNamed(head, name)
				for _, taker := range now {
					if slices.Contains(old, taker) || tookOver(base, head, old, taker) {
						continue
					}
					if job = a.powerful(file.Path); job == nil {
						continue
					}
					f := a.widened(evidence.Place{File: taker}, job, show(taker)+" takes the name "+show(name)+", for which "+show(file.Path)+" waits",
						"Its runs start "+jobName(job)+", which "+a.power(job)+", and before this change they did not.",
						"Give it another name, or have a human make this change.")
					f.what = "name " + file.Path
					found = append(found, f.of(job, "name", taker, name))
				}
			}
		}
	}
	return found
}

// filesNamed lists the files of the workflows of a name. One without a name goes by its path.
func filesNamed(w *evidence.Workflows, name string) []string {
	var all []string
	for i := range w.Files {
		if f := &w.Files[i]; f.Name == name || f.Name == "" && f.Path == name {
			all = append(all, f.Path)
		}
	}
	return all
}

// tookOver reports whether a file is new and those that had its name are gone.
func tookOver(base, head *evidence.Workflows, old []string, taker string) bool {
	has := func(w *evidence.Workflows, path string) bool {
		return slices.ContainsFunc(w.Files, func(f evidence.WorkflowFile) bool { return f.Path == path })
	}
	return len(old) > 0 && !has(base, taker) && !slices.ContainsFunc(old, func(p string) bool { return has(head, p) })
}
