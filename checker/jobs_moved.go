package checker

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
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
	needsBefore, needsNow := waitingOf(base), waitingOf(head)
	var found []flaw
	for i := range head.Jobs {
		job := &head.Jobs[i]
		was := before[jobRef{job.File, job.ID}]
		found = append(found, a.gateMoved(job, was, gates)...)
		found = append(found, a.calleeMoved(job, was)...)
		if was == nil || !a.judge.matters(job) && !a.judge.matters(was) {
			continue
		}
		found = append(found, a.runnerMoved(job, was)...)
		found = append(found, a.conditionTakenOff(job, was)...)
		found = append(found, a.stepConditionTakenOff(job, was)...)
		found = append(found, a.handedToOthers(job, was)...)
		found = append(found, a.needTakenOff(job, needsBefore, needsNow)...)
		found = append(found, a.environmentTakenOff(job, was)...)
	}
	found = append(found, a.identitiesTaken()...)
	return append(found, a.namesTaken()...)
}

// matters reports whether a job runs in an environment of the policy, or one that is not known, reaches
// a secret that is not for every job, or asks for a token that writes.
func (j *judge) matters(job *evidence.WorkflowJob) bool {
	return writes(job) || slices.ContainsFunc(job.Cases, func(c evidence.JobCase) bool {
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

// writes reports whether a job asks for a token that writes something. One that asks for nothing has
// what the repository's settings give, which changes with nothing that a job does.
func writes(job *evidence.WorkflowJob) bool {
	p := job.Permissions
	return p.Written && (p.Unread || p.All == evidence.AccessWrite || slices.ContainsFunc(p.Scopes, func(s evidence.Permission) bool { return s.Access == evidence.AccessWrite }))
}

var hostedRunner = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(ubuntu-(latest|slim|\d\d\.\d\d)(-arm)?|windows-(latest|\d{4})|windows-11-arm|macos-(latest|\d\d)(-(large|xlarge|intel))?)$`)
})

// runnerMoved: a job asks for a runner that is not the forge's own, and did not before.
func (a *act) runnerMoved(job, was *evidence.WorkflowJob) []flaw {
	for _, r := range job.Runners {
		had := slices.Contains(was.Runners, r)
		if hostedRunner().MatchString(r) || had && !strings.HasPrefix(r, "?") {
			continue
		}
		reason := "It asked for " + list(shown(was.Runners)) + " and asks for " + inert.Word(strings.TrimPrefix(r, "?")) + " now."
		if had {
			at := a.decidedElsewhere(job, was, r)
			if at == "" {
				continue
			}
			reason = "It asks for " + inert.Word(strings.TrimPrefix(r, "?")) + ", and " + at + " is another one now."
		}
		f := a.widened(job.At, job, jobName(job)+" moves to another runner",
			reason+" Whoever has that machine gets what the job is given, and can change what the job's gate does.",
			"Leave runs-on as it was, take one of the forge's own (ubuntu-24.04), or have a human make this change.")
		f.what = "runs-on"
		return []flaw{f.of(job, "runs-on")}
	}
	return nil
}

// conditionTakenOff: a job runs where a condition kept it from running before.
func (a *act) conditionTakenOff(job, was *evidence.WorkflowJob) []flaw {
	for _, term := range was.Guards {
		if caller, ok := strings.CutPrefix(term, "success()"+ofJob); ok && len(inFrame(job, frameOf(job, caller)).Needs) == 0 {
			continue // of nothing that could fail: needTakenOff tells of it
		}
		reason := "Before this change it ran only if " + inert.Word(term) + "."
		if slices.Contains(job.Guards, term) {
			at := a.decidedElsewhere(job, was, term)
			if at == "" {
				continue
			}
			reason = "It runs only if " + inert.Word(term) + ", and " + at + " is another one now."
		}
		p := job.At
		if len(job.Cases) > 0 && job.Cases[0].If.At.Line > 0 {
			p = job.Cases[0].If.At
		}
		f := a.widened(p, job, jobName(job)+" runs where it did not run before", reason,
			"Keep that condition as it was, with what it goes by, and join others to it with &&. Or have a human make this change.")
		f.what = "if"
		return []flaw{f.of(job, "if")}
	}
	return nil
}

// calleeMoved: a job calls another workflow of another repository than before, and hands it something.
func (a *act) calleeMoved(job, was *evidence.WorkflowJob) []flaw {
	if job.Callee == nil || job.Callee.Call.Uses.Kind != evidence.UsesRemote {
		return nil
	}
	now := &job.Callee.Call.Uses
	before := ""
	same := false
	switch {
	case was == nil:
		inner := a.calledBefore(job)
		if inner == nil {
			return nil // the job is new, and so is all that it has
		}
		before = inner.Calls[strings.Count(job.ID, "/")].Uses.Text
	case was.Callee == nil:
		before = "no other workflow"
	default:
		old := &was.Callee.Call.Uses
		if calls(old) == calls(now) {
			return nil
		}
		before, same = old.Text, old.Repository == now.Repository && old.Path == now.Path
	}
	power := ""
	for i := range job.Cases {
		power = cmp.Or(power, powers(job, &job.Cases[i]))
	}
	if power == "" {
		return nil
	}
	f := a.widened(now.At, job, jobName(job)+" calls another workflow than before",
		"It called "+inert.Word(before)+" and calls "+inert.Word(now.Text)+" now, which is not read, where it "+power+". All of that is the called workflow's.",
		"Call what was called before, or a workflow of this repository, which is read; give it no secret and `permissions: {}`; or have a human make this change.")
	if same && !job.Permissions.Written && !handsAny(job) {
		f.warn() // another release of the same, with what the settings give to every job
	}
	f.what = "calls"
	return []flaw{f.of(job, "calls", calls(now))}
}

// calledBefore is a job of the workflow of this repository that a job called before.
func (a *act) calledBefore(job *evidence.WorkflowJob) *evidence.WorkflowJob {
	for i := range a.flow.change.Base.Jobs {
		old := &a.flow.change.Base.Jobs[i]
		if old.File == job.File && strings.HasPrefix(old.ID, job.ID+"/") && len(old.Calls) > strings.Count(job.ID, "/") {
			return old
		}
	}
	return nil
}

// handsAny reports whether some run of a job reaches a secret besides the token.
func handsAny(job *evidence.WorkflowJob) bool {
	return slices.ContainsFunc(job.Cases, func(c evidence.JobCase) bool {
		return slices.ContainsFunc(c.Secrets, func(u evidence.SecretUse) bool {
			return u.Kind != evidence.SecretToken && !u.Loose && !unreachable(&c, &u)
		})
	})
}

// identitiesTaken are the workflows that take the file name of one that is gone, and prove themselves to
// other services by it.
func (a *act) identitiesTaken() []flaw {
	var found []flaw
	for i := range a.flow.change.Head.Jobs {
		job := &a.flow.change.Head.Jobs[i]
		from := a.flow.renames[job.File]
		if from == "" || !provesItself(job) {
			continue
		}
		f := a.widened(job.At, job, jobName(job)+" proves itself by another file name",
			inert.Word(from)+" is "+inert.Word(job.File)+" now, and asks for id-token: write. Services that know a workflow by its file name know it by this one.",
			"Give the file its name back, or have a human make this change.")
		f.Effect = max(f.Effect, verdict.Warn) // not a byte of it differs
		f.Fix = "Look whether some service knows a workflow by the new name. Nothing else is left to do."
		f.what = "identity"
		found = append(found, f.of(job, "identity"))
	}
	return found
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
			f := a.widened(job.At, was, jobName(job)+" leaves "+inert.Word(env.Name),
				"It ran in "+inert.Word(env.Name)+", and what the forge asks for there no longer holds it up. It "+runsIn(c.Environment)+" now, and "+power+".",
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
			"It is pinned to "+inert.Word(u.Ref)+". Such an id may be of a commit in anybody's fork, and a gate of somebody else's making lets everything through.",
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
					f := a.widened(evidence.Place{File: taker}, job, inert.Word(taker)+" takes the name "+inert.Word(name)+", for which "+inert.Word(file.Path)+" waits",
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
