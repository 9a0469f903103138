package workflow

import (
	"cmp"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// Reach is what the workflows reach, in a form in which those before a change and those after it
// can be compared: what stands in the second and not in the first is new.
func Reach(w *evidence.Workflows) evidence.Reach {
	var r evidence.Reach
	for _, j := range w.Jobs {
		for _, c := range j.Cases {
			environment := environmentKey(c.Environment)
			r.Secrets = append(r.Secrets, evidence.ReachedSecret{Workflow: j.File, Job: j.ID, Environment: environment})
			for _, s := range c.Secrets {
				name := "*"
				if s.Kind == evidence.SecretNamed || s.Kind == evidence.SecretToken {
					name = expression.Upper(s.Name)
				}
				r.Secrets = append(r.Secrets, evidence.ReachedSecret{Workflow: j.File, Job: j.ID, Environment: environment, Secret: name})
			}
		}
		r.Permissions = append(r.Permissions, permissionsOf(j)...)
	}
	for _, f := range w.Files {
		if !f.Parsed {
			continue
		}
		if !f.TriggersKnown {
			r.Triggers = append(r.Triggers, evidence.ReachedTrigger{Workflow: f.Path, Event: "*"})
		}
		for _, t := range f.Triggers {
			if t.Event != "workflow_call" {
				r.Triggers = append(r.Triggers, evidence.ReachedTrigger{Workflow: f.Path, Event: t.Event, Filters: filters(t)})
			}
		}
	}
	r.Secrets = sorted(r.Secrets, func(a, b evidence.ReachedSecret) int {
		return cmp.Or(strings.Compare(a.Workflow, b.Workflow), strings.Compare(a.Job, b.Job), strings.Compare(a.Environment, b.Environment), strings.Compare(a.Secret, b.Secret))
	})
	r.Permissions = sorted(r.Permissions, func(a, b evidence.ReachedPermission) int {
		return cmp.Or(strings.Compare(a.Workflow, b.Workflow), strings.Compare(a.Job, b.Job), strings.Compare(a.Scope, b.Scope), cmp.Compare(a.Access, b.Access))
	})
	r.Triggers = sorted(r.Triggers, func(a, b evidence.ReachedTrigger) int {
		return cmp.Or(strings.Compare(a.Workflow, b.Workflow), strings.Compare(a.Event, b.Event), strings.Compare(a.Filters, b.Filters))
	})
	return r
}

func sorted[T comparable](list []T, compare func(a, b T) int) []T {
	slices.SortFunc(list, compare)
	return slices.Compact(list)
}

func environmentKey(e evidence.JobEnvironment) string {
	switch e.Kind {
	case evidence.EnvironmentNone:
		return ""
	case evidence.EnvironmentNamed:
		return expression.Lower(e.Name)
	default:
		return "*"
	}
}

// permissionsOf are what a job's token may do, without what it may not.
func permissionsOf(j evidence.WorkflowJob) []evidence.ReachedPermission {
	p := j.Permissions
	all := p.All
	if !p.Written {
		all = evidence.AccessUnset
	} else if p.Unread {
		all = evidence.AccessWrite
	}
	var list []evidence.ReachedPermission
	if all != evidence.AccessNone {
		list = append(list, evidence.ReachedPermission{Workflow: j.File, Job: j.ID, Scope: "*", Access: all})
	}
	for _, s := range p.Scopes {
		if s.Access != evidence.AccessNone {
			list = append(list, evidence.ReachedPermission{Workflow: j.File, Job: j.ID, Scope: s.Scope, Access: s.Access})
		}
	}
	return list
}

// filters are a trigger's filters in one text.
func filters(t evidence.Trigger) string {
	var parts []string
	for _, f := range []struct {
		name string
		list []string
		// ordered: a pattern with "!" in front takes away from those before it.
		ordered bool
	}{
		{"branches", t.Branches, true},
		{"branches-ignore", t.BranchesIgnore, false},
		{"tags", t.Tags, true},
		{"tags-ignore", t.TagsIgnore, false},
		{"paths", t.Paths, true},
		{"paths-ignore", t.PathsIgnore, false},
		{"types", t.Types, false},
		{"workflows", t.Workflows, false},
	} {
		if f.list == nil {
			continue
		}
		list := slices.Clone(f.list)
		if !f.ordered {
			slices.Sort(list)
		}
		parts = append(parts, f.name+"="+strings.Join(list, ","))
	}
	if t.Unread {
		parts = append(parts, "unread")
	}
	return strings.Join(parts, "; ")
}
