package issue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

// useless notes, a line each, the terms of a delegation that nothing can come of by the policy as it is: what no
// grant covers, what a forbid is about, and what another term is missing for. The delegation is issued all the same.
// What hangs on a condition counts as possible.
func (o *Order) useless() []string {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	reach := o.reach()
	if len(reach) == 1 && o.Terms.Depth > 0 {
		add("--depth %d is for nothing: no agent of the policy has %s among its delegators", o.Terms.Depth, o.Delegate)
	}
	grants := o.grants(reach)
	var open []names.Action // that something can come of
	for _, a := range o.Scope.Actions {
		switch f := o.forbids(a, nil); {
		case f != nil:
			add("--action %s is for nothing: the forbid %s (%s:%d) is about it", a, inert.Quote(f.Name), f.Position.File, f.Position.Line)
		case !slices.ContainsFunc(grants, func(g *policy.Grant) bool { return slices.Contains(g.Actions, a) }):
			add("--action %s is for nothing: no grant to %s covers it", a, names.Join(reach))
		case o.without(a) != "":
			add("--action %s is for nothing: it needs %s", a, o.without(a))
		default:
			open = append(open, a)
		}
	}
	if len(open) == 0 {
		return notes
	}
	grants = slices.DeleteFunc(grants, func(g *policy.Grant) bool {
		return !slices.ContainsFunc(open, func(a names.Action) bool { return slices.Contains(g.Actions, a) })
	})
	for _, e := range o.Scope.Environments {
		if note := o.uselessEnvironment(e, grants); note != "" {
			add("--environment %s is for nothing: %s", inert.Word(e.String()), note)
		}
	}
	if slices.ContainsFunc(open, func(a names.Action) bool { return a == names.Commit || a == names.PullRequest }) {
		for _, p := range o.Scope.Paths {
			if note := uselessPath(p, grants, reach); note != "" {
				add("--path %s %s", inert.Word(p.String()), note)
			}
		}
	}
	for _, b := range o.Scope.Branches {
		if note := o.uselessBranch(b, open, grants, reach); note != "" {
			add("--branch %s is for nothing: %s", inert.Word(strings.TrimPrefix(b.String(), "refs/heads/")), note)
		}
	}
	return notes
}

// reach lists who may come to act under the delegation: the delegate, and whom it can be passed on to.
func (o *Order) reach() []names.Principal {
	reach := []names.Principal{o.Delegate}
	last := reach
	for range o.Terms.Depth {
		var next []names.Principal
		for name, q := range o.Policy.Principals {
			passes := slices.ContainsFunc(last, func(by names.Principal) bool { return slices.Contains(q.Delegators, by) })
			if passes && !slices.Contains(reach, name) {
				next = append(next, name)
			}
		}
		slices.Sort(next)
		reach, last = append(reach, next...), next
	}
	return reach
}

// grants are those to anybody of a list.
func (o *Order) grants(to []names.Principal) []*policy.Grant {
	var grants []*policy.Grant
	for _, g := range o.Policy.Grants {
		if slices.ContainsFunc(to, func(q names.Principal) bool { return slices.Contains(g.To, q) }) {
			grants = append(grants, g)
		}
	}
	return grants
}

// forbids finds what forbids an action to whoever acts under the delegation whatever else is so; with a branch, at
// all that it matches.
func (o *Order) forbids(a names.Action, branch *pattern.Pattern) *policy.Forbid {
	chain := []names.Principal{o.Delegate, o.By.Party.Name}
	for i := range o.By.Chain {
		chain = append(chain, o.By.Chain[i].Delegator.Name)
	}
	for _, f := range o.Policy.Forbids {
		about := f.To == nil || slices.ContainsFunc(chain, func(q names.Principal) bool { return slices.Contains(f.To, q) })
		at := f.Branches == nil || branch != nil && slices.ContainsFunc(f.Branches, func(q pattern.Pattern) bool { return q.Covers(*branch) })
		if about && at && (f.Actions == nil || slices.Contains(f.Actions, a)) && f.Paths == nil && f.Environments == nil && f.When == nil {
			return f
		}
	}
	return nil
}

// without names the flag that an action of the scope needs and that is not there, "" for none. What a commit needs
// is said with the others.
func (o *Order) without(a names.Action) string {
	switch a {
	case names.Deploy, names.Rotate, names.Secret:
		if len(o.Scope.Environments) == 0 {
			return "--environment"
		}
	case names.Push, names.Tag, names.PullRequest:
		if len(o.Scope.Branches) == 0 {
			return "--branch"
		}
	case names.Delete:
		if len(o.Scope.Branches)+len(o.Scope.Environments) == 0 {
			return "--branch or --environment"
		}
	case names.Commit:
	}
	return ""
}

func (o *Order) uselessEnvironment(e pattern.Pattern, grants []*policy.Grant) string {
	var there []string
	known := false
	for _, env := range o.Policy.Environments {
		there = append(there, env.Name)
		known = known || e.Match(env.Name)
	}
	switch {
	case len(there) == 0:
		return "the policy has no environment"
	case !known:
		return "the policy has no such environment, but " + names.List(there, "and")
	case !slices.ContainsFunc(grants, func(g *policy.Grant) bool { return meets(e, g.Environments) }):
		return "no grant of what is delegated covers it"
	}
	return ""
}

func uselessPath(p pattern.Pattern, grants []*policy.Grant, reach []names.Principal) string {
	granted := func(p pattern.Pattern) bool {
		return slices.ContainsFunc(grants, func(g *policy.Grant) bool { return meets(p, g.Paths) })
	}
	inside, err := pattern.ParsePath(p.String() + "/**")
	switch folder := policy.NamesFolder(p); {
	case folder, err == nil && !granted(p) && granted(inside):
		return "is one file of that name: write " + inert.Word(p.String()+"/**") + " for what is inside"
	case !granted(p):
		return "is for nothing: no grant to " + names.Join(reach) + " covers any of it"
	}
	return ""
}

func (o *Order) uselessBranch(b pattern.Pattern, open []names.Action, grants []*policy.Grant, reach []names.Principal) string {
	note := "no grant to " + names.Join(reach) + " covers it for what is delegated"
	for _, a := range open {
		if a == names.Rotate || a == names.Secret {
			continue
		}
		for _, g := range grants {
			if !slices.Contains(g.Actions, a) || !meets(b, g.Branches) && (a != names.Deploy || len(g.Branches) > 0) {
				continue
			}
			f := o.forbids(a, &b)
			if f == nil {
				return ""
			}
			note = fmt.Sprintf("the forbid %s (%s:%d) is about it", inert.Quote(f.Name), f.Position.File, f.Position.Line)
		}
	}
	return note
}

// meets reports whether something matches a pattern and one of a list.
func meets(p pattern.Pattern, list []pattern.Pattern) bool {
	return slices.ContainsFunc(list, func(q pattern.Pattern) bool { return !p.Disjoint(q) })
}
