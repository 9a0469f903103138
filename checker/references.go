package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// references: an agent adds the name of a secret to a file, which belongs to an environment whose
// secrets it may not reach (settings.secret_references). A name gives nothing away; it is what somebody
// writes who means to use it. Workflow files are judged by what they do.
func (a *act) references() []verdict.Finding {
	level := a.judge.policy.Settings.SecretReferences
	if a.commit == nil || a.request != nil || a.who.principal.Kind() == names.Human || level == policy.LevelOff {
		return nil
	}
	var found []verdict.Finding
	for i := range a.judge.set.References {
		r := &a.judge.set.References[i]
		if r.Commit != a.subject || strings.HasPrefix(r.Path, ".github/workflows/") {
			continue
		}
		if f, ok := a.reference(r, level); ok {
			f.Path, f.Line, f.Column = r.Path, r.Line, r.Column
			if p := a.judge.policy.Settings.Position; f.Location == nil {
				f = at(f, p)
			}
			found = append(found, f)
		}
	}
	return limit(found)
}

// reference judges one name; ok is false where nothing is to be said of it.
func (a *act) reference(r *evidence.Reference, level policy.Level) (f verdict.Finding, ok bool) {
	if r.Name == "" {
		// Only a policy that denies has to know.
		return undecided(
			"whether "+inert.Word(r.Path)+" names a secret of another environment could not be told",
			"It is not here, or more than one check looks through, and settings.secret_references is deny.",
			"Make the file smaller, or have a human add it.",
		), level == policy.LevelDeny
	}
	if matches(a.judge.policy.Workflows.SharedSecrets, r.Name) {
		return f, false
	}
	var lists []*policy.Environment
	for _, env := range a.judge.policy.Environments {
		if !matches(env.Secrets, r.Name) {
			continue
		}
		if a.mayReach(env) {
			return f, false
		}
		lists = append(lists, env)
	}
	if len(lists) == 0 {
		return f, false
	}
	f = at(deny(
		a.doer()+" writes "+inert.Word(r.Name)+", the name of a secret of "+named(lists),
		"It has no authority for the secrets of "+named(lists)+" (settings.secret_references).",
		"Take the name out of "+inert.Word(r.Path)+", or have a maintainer grant the action secret for "+named(lists)+".",
	), lists[0].Position)
	if level == policy.LevelWarn {
		f.Effect = verdict.Warn
	}
	return f, true
}

// mayReach reports whether whoever did an act has the authority to reach an environment's secrets.
func (a *act) mayReach(env *policy.Environment) bool {
	if a.who.problem != attributed || !a.who.sound() {
		return false
	}
	c := a.judge.reachAct(a, &a.who, env).cover
	return len(c.links)+len(c.grants)+len(c.root) == 0
}
