package checker

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// permissionsWidened: a change gives a job's token more than it had, starts a workflow by more events,
// or lets a job reach more secrets. For an agent that takes authority; for anybody it is worth a look.
func permissionsWidened(a *act) []verdict.Finding {
	v := a.flow
	if v == nil || v.change.Base == nil || v.change.Head == nil {
		return nil
	}
	var found []flaw
	found = append(found, a.widerTokens()...)
	found = append(found, a.moreEvents()...)
	found = append(found, a.moreReached()...)
	found = append(found, a.movedJobs()...)
	var all []verdict.Finding
	for i := range found {
		f := &found[i]
		f.Path, f.Line, f.Column = f.at.File, f.at.Line, f.at.Column
		a.judge.waive("permissions-widened", f)
	}
	for _, f := range eachPlaceOnce(found) {
		if a.isHome(f.at, f.started) {
			all = append(all, f.Finding)
		}
	}
	return limit(all)
}

// widened is a flaw of a change that widens what a job may do. An agent may make it that may reach the
// secrets of the environments that the job runs in.
func (a *act) widened(p evidence.Place, job *evidence.WorkflowJob, summary, reason, fix string) flaw {
	f := flawed(p, summary, reason, fix)
	switch who := a.flow.who; {
	case a.tree && who == nil, who != nil && who.principal.Kind() == names.Human:
		f.Effect = verdict.Warn
	case a.permitted(environmentsOf(a.judge, job)):
		f.Effect = verdict.Warn
		f.Reason += " " + string(who.principal) + " may do so, by its grant for secrets."
	}
	if f.Effect == verdict.Warn {
		f.Fix = "Look whether it is meant. Nothing else is left to do."
	}
	return f
}

// environmentsOf lists the environments of the policy that a job runs in; none where some run of it is
// in no such environment.
func environmentsOf(j *judge, job *evidence.WorkflowJob) []*policy.Environment {
	var all []*policy.Environment
	for i := range job.Cases {
		env := j.environmentOf(job.Cases[i].Environment)
		if env == nil {
			return nil
		}
		all = append(all, env)
	}
	return all
}

// jobKey names a job where two trees are compared.
type jobRef struct{ file, id string }

// widerTokens are the jobs whose token may do more than before.
func (a *act) widerTokens() []flaw {
	before := map[jobRef]*evidence.WorkflowJob{}
	unset := map[string]bool{} // workflows of which some job had whatever the settings give
	for i := range a.flow.change.Base.Jobs {
		job := &a.flow.change.Base.Jobs[i]
		before[jobRef{job.File, job.ID}] = job
		unset[job.File] = unset[job.File] || !job.Permissions.Written
	}
	var found []flaw
	for i := range a.flow.change.Head.Jobs {
		job := &a.flow.change.Head.Jobs[i]
		old := evidence.Permissions{Written: true, All: evidence.AccessNone}
		was := before[jobRef{job.File, job.ID}]
		if was != nil {
			old = was.Permissions
		}
		more, write := wider(job.Permissions, old)
		if more == "" || was == nil && !write {
			continue
		}
		place := job.Permissions.At
		if place.Line == 0 {
			place = job.At
		}
		fix := "Ask for no more than before, or have a human make this change."
		if !job.Permissions.Written {
			fix = "Write what the job needs, such as `permissions: {contents: read}`."
		}
		had := "had less before this change"
		if was == nil {
			had = "is new"
		}
		f := a.widened(place, job, "the token of "+jobName(job)+" may "+more,
			jobName(job)+" "+had+", and an agent that widens what a token may do needs a grant for the secrets of the job's environment (of all, where it has none).", fix)
		if !write || was == nil && !job.Permissions.Written && unset[job.File] {
			f.Effect = max(f.Effect, verdict.Warn)
		}
		f.what = "token"
		found = append(found, f.of(job, "token"))
	}
	return found
}

// wider says what permissions give beyond others, "" for nothing, and whether it is more than reading.
func wider(now, old evidence.Permissions) (more string, write bool) {
	if !now.Written {
		if !old.Written {
			return "", false
		}
		return "do whatever the repository's settings say", true
	}
	scopes := map[string]bool{"": true} // "" is every scope that neither names
	for _, p := range []evidence.Permissions{now, old} {
		for _, s := range p.Scopes {
			scopes[s.Scope] = true
		}
	}
	var gained []string
	for _, scope := range slices.Sorted(maps.Keys(scopes)) {
		to := now.Access(scope)
		if rank(to) <= rank(old.Access(scope)) {
			continue
		}
		write = write || rank(to) > rank(evidence.AccessRead)
		verb := "read "
		if rank(to) > rank(evidence.AccessRead) {
			verb = "write "
		}
		if scope == "" {
			scope = "everything"
		}
		gained = append(gained, verb+inert.Word(scope))
	}
	if len(gained) == 0 {
		return "", false
	}
	return list(gained), write
}

// rank orders access by how much it may be.
func rank(a evidence.Access) int {
	switch a {
	case evidence.AccessNone:
		return 0
	case evidence.AccessRead:
		return 1
	case evidence.AccessUnset:
		return 2 // it may be writing
	default:
		return 3
	}
}

// moreEvents are the events that start a workflow which they did not start before. Where the workflow
// can do nothing that matters they are left out.
func (a *act) moreEvents() []flaw {
	before := map[string]*evidence.WorkflowFile{}
	for i := range a.flow.change.Base.Files {
		f := &a.flow.change.Base.Files[i]
		before[f.Path] = f
	}
	var found []flaw
	for i := range a.flow.change.Head.Files {
		file := &a.flow.change.Head.Files[i]
		old := before[file.Path]
		if old == nil || !old.TriggersKnown {
			continue // its secrets and tokens are all new
		}
		job := a.powerful(file.Path)
		if job == nil {
			continue
		}
		if !file.TriggersKnown {
			f := a.widened(evidence.Place{File: file.Path}, job, "what starts "+inert.Word(file.Path)+" can no longer be told",
				"Before this change it was known, and "+jobName(job)+" matters.", "Write `on` so that it can be read.")
			f.what = "on"
			found = append(found, f.of(job, "on"))
			continue
		}
		for _, t := range file.Triggers {
			if slices.ContainsFunc(old.Triggers, func(o evidence.Trigger) bool { return within(t, o) }) {
				continue
			}
			reason := "It starts " + jobName(job) + ", which " + a.power(job) + ", and before this change it did not."
			if slices.Contains(privilegedEvents(), t.Event) {
				reason += " Anybody can cause this event."
			}
			f := a.widened(t.At, job, inert.Word(file.Path)+" is started by more: "+triggerText(t), reason,
				"Leave the trigger as it was, or have a human make this change.")
			f.what = "on " + t.Event
			found = append(found, f.of(job, "on", t.Event))
		}
	}
	return found
}

// powerful is a job of a workflow that reaches secrets, runs in an environment or has a token that may
// write; nil for none.
func (a *act) powerful(file string) *evidence.WorkflowJob {
	for i := range a.flow.change.Head.Jobs {
		if job := &a.flow.change.Head.Jobs[i]; job.File == file && a.power(job) != "" {
			return job
		}
	}
	return nil
}

func (a *act) power(job *evidence.WorkflowJob) string {
	for i := range job.Cases {
		if c := &job.Cases[i]; c.Environment.Kind != evidence.EnvironmentNone {
			return runsIn(c.Environment)
		} else if p := powers(job, c); p != "" {
			return p
		}
	}
	return ""
}

// triggerText is a trigger in a sentence.
func triggerText(t evidence.Trigger) string {
	text := inert.Word(t.Event)
	for _, f := range []struct {
		name   string
		values []string
	}{{"branches", t.Branches}, {"tags", t.Tags}, {"paths", t.Paths}, {"types", t.Types}, {"workflows", t.Workflows}} {
		if len(f.values) > 0 {
			text += " (" + f.name + " " + list(shown(f.values)) + ")"
		}
	}
	return text
}

// within reports whether every event that sets off a trigger set off another one too, as far as the
// filters say it plainly.
func within(now, old evidence.Trigger) bool {
	// What pull_request_target started with the repository's rights, pull_request starts without them for
	// strangers.
	narrower := now.Event == "pull_request" && old.Event == "pull_request_target"
	if now.Event != old.Event && !narrower || old.Unread != now.Unread {
		return false
	}
	refs := func(t evidence.Trigger) int {
		return len(t.Branches) + len(t.BranchesIgnore) + len(t.Tags) + len(t.TagsIgnore)
	}
	// Once one kind of ref is filtered for, the other no longer counts.
	if refs(old) > 0 && (refs(now) == 0 ||
		len(now.Tags)+len(now.TagsIgnore) > 0 && len(old.Tags)+len(old.TagsIgnore) == 0 ||
		len(now.Branches)+len(now.BranchesIgnore) > 0 && len(old.Branches)+len(old.BranchesIgnore) == 0) {
		return false
	}
	// Without types the forge takes its own choice of them, and not all.
	if len(old.Types) == 0 && len(now.Types) > 0 {
		return false
	}
	only := func(now, old []string) bool {
		return len(old) == 0 || len(now) > 0 && subset(now, old) && !negates(now, old)
	}
	but := func(now, old []string) bool { return subset(old, now) && !negates(now, old) }
	return only(now.Branches, old.Branches) && only(now.Tags, old.Tags) && only(now.Paths, old.Paths) &&
		only(now.Types, old.Types) && only(now.Workflows, old.Workflows) &&
		but(now.BranchesIgnore, old.BranchesIgnore) && but(now.TagsIgnore, old.TagsIgnore) && but(now.PathsIgnore, old.PathsIgnore)
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// negates reports whether a filter takes something out again, so that its order matters: then only the
// same filter is known to be within another.
func negates(now, old []string) bool {
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, "!") })
	}
	return (has(now) || has(old)) && !slices.Equal(now, old)
}

// moreReached are the secrets that a change newly reaches. Whether it may is for not-granted and the
// scope's rules to say; a reviewer should see it in any case.
func (a *act) moreReached() []flaw {
	if who := a.flow.who; who == nil && !a.tree || who != nil && who.problem != attributed {
		return nil // not-granted says so
	}
	var found []flaw
	for _, r := range a.flow.reached {
		if len(r.act.cover.links)+len(r.act.cover.grants)+len(r.act.cover.root) > 0 {
			continue
		}
		for _, u := range r.uses {
			f := flawed(u.at, "this change lets "+u.text, "It is new: "+r.what()+".",
				"Look whether it is meant. Nothing else is left to do.")
			f.Effect, f.started, f.what = verdict.Warn, u.started, r.what()
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(f, g flaw) int { return cmp.Compare(f.at.Line, g.at.Line) })
	return found
}
