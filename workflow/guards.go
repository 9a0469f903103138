package workflow

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// Conditions that keep others out. One counts only where nothing gets past it: it stands on the step, on
// what the step is inside of, on its job or on a calling job, and whatever makes the condition true makes
// the guard true.

// conditions are those that all hold where a step runs.
func (s *scope) conditions(st *step) []*expression.Node {
	var list []*expression.Node
	add := func(doc *document, n *yaml.Node) {
		if n == nil || n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
			return
		}
		// A text with more in it than one expression is true whatever it says.
		if t := doc.text(n, true); t != nil && t.template != nil {
			if one := t.template.Single(); one != nil {
				list = append(list, one)
			}
		}
	}
	if st != nil {
		add(st.document, st.condition)
	}
	for o := s; o.outer != nil; o = o.outer {
		add(o.step.document, o.step.condition)
	}
	for f := s.f; f != nil; f = f.parent {
		if f.job != nil {
			add(f.file.document, f.job.condition)
		}
	}
	return list
}

// from are the events that get as far as a step, of those that start the workflow. none says that no
// event does; where it is not known which events start it, there is nothing to tell.
func (s *scope) from(conditions []*expression.Node) (list []evidence.UntrustedFrom, none bool) {
	root := s.r.a.root
	if !root.triggersKnown {
		return nil, false
	}
	for _, t := range root.triggers {
		if t.Event == "workflow_call" || slices.ContainsFunc(conditions, func(n *expression.Node) bool { return forEvent(n, t.Event) == expression.False }) {
			continue
		}
		own := slices.ContainsFunc(conditions, func(n *expression.Node) bool { return implies(n, t.Event, ownBranch) })
		list = append(list, evidence.UntrustedFrom{Event: t.Event, Own: own})
	}
	return list, len(list) == 0
}

// forEvent is what a condition comes to when an event of a name started the workflow.
func forEvent(n *expression.Node, event string) expression.Truth {
	switch n.Kind {
	case expression.Equal, expression.NotEqual:
		name, ok := comparedWith(n, "github.event_name")
		if !ok || !expression.IsASCII(name) {
			return expression.Perhaps // of other letters it is not known which the forge takes for the same
		}
		return expression.TruthOf(expression.SameName(name, event) == (n.Kind == expression.Equal))
	case expression.Not:
		return forEvent(n.Args[0], event).Not()
	case expression.And, expression.Or:
		// One false part makes an And false, one true part an Or true.
		decides := expression.TruthOf(n.Kind == expression.Or)
		all := decides.Not()
		for _, arg := range n.Args {
			t := forEvent(arg, event)
			if t == decides {
				return decides
			}
			if t == expression.Perhaps {
				all = t
			}
		}
		return all
	default:
		return expression.Perhaps
	}
}

// implies says that whatever makes a condition true makes a guard true, when an event of a name
// started the workflow.
func implies(n *expression.Node, event string, guard func(*expression.Node, string) bool) bool {
	if forEvent(n, event) == expression.False {
		return true
	}
	by := func(arg *expression.Node) bool { return implies(arg, event, guard) }
	switch n.Kind {
	case expression.And:
		return slices.ContainsFunc(n.Args, by)
	case expression.Or:
		return !slices.ContainsFunc(n.Args, func(arg *expression.Node) bool { return !by(arg) })
	default:
		return guard(n, event)
	}
}

// ownBots open pull requests from branches of the repository, and no stranger can be called so.
func ownBots() []string {
	return []string{"dependabot[bot]", "renovate[bot]", "github-actions[bot]"}
}

// ownBranch says that a condition holds only for what comes from a branch of this repository. What is
// compared has to be there in any case: nothing is equal to nothing, and of a fork that is gone the event
// tells nothing. For the same reason "head.repo.fork == false" is no guard.
func ownBranch(n *expression.Node, event string) bool {
	if n.Kind != expression.Equal {
		return false
	}
	if login, ok := comparedWith(n, "github.event.pull_request.user.login"); ok {
		return slices.ContainsFunc(ownBots(), func(b string) bool { return expression.SameName(b, login) })
	}
	if by, ok := comparedWith(n, "github.event.workflow_run.event"); ok {
		// A run for a push is of a branch of this repository: that of a fork runs there.
		return slices.Contains([]string{"push", "schedule", "workflow_dispatch"}, expression.Lower(by))
	}
	for i := range n.Args {
		own := canonical(n.Args[1-i])
		name, id := own == "github.repository" || own == "github.event.repository.full_name", own == "github.repository_id" || own == "github.event.repository.id"
		if strings.HasPrefix(event, "pull_request") {
			name = name || own == "github.event.pull_request.base.repo.full_name"
			id = id || own == "github.event.pull_request.base.repo.id"
		}
		switch canonical(n.Args[i]) {
		case "github.event.pull_request.head.repo.full_name", "github.event.workflow_run.head_repository.full_name":
			return name
		case "github.event.pull_request.head.repo.id", "github.event.workflow_run.head_repository.id":
			return id
		}
	}
	return false
}

// canonical is a property in canonical form, "" for anything else.
func canonical(n *expression.Node) string {
	if propertyOf(n) == nil {
		return ""
	}
	return n.String()
}

// fixedBranch says that a condition holds only for a ref that it names. A tag is none: who may push one
// may choose its name.
func fixedBranch(n *expression.Node, _ string) bool {
	return fixed(n, "github.ref", "github.ref_name", "github.event.ref")
}

// fixedBase says that a condition holds only for pull requests to a branch that it names.
func fixedBase(n *expression.Node, _ string) bool {
	return fixed(n, "github.base_ref", "github.event.pull_request.base.ref")
}

func fixed(n *expression.Node, properties ...string) bool {
	return n.Kind == expression.Equal && slices.ContainsFunc(properties, func(p string) bool {
		_, ok := comparedWith(n, p)
		return ok
	})
}

// merged says that a condition holds only for a pull request that was merged: its merge commit is then
// one of this repository's.
func merged(n *expression.Node, event string) bool {
	const property = "github.event.pull_request.merged"
	if event != "pull_request_target" {
		return false
	}
	if n.Kind == expression.Equal {
		for i := range n.Args {
			if other := n.Args[1-i]; canonical(n.Args[i]) == property && other.Kind == expression.BoolLiteral && other.Number == 1 {
				return true
			}
		}
	}
	return canonical(n) == property
}

// allImply says that for each of the events a condition makes a guard true.
func allImply(conditions []*expression.Node, from []evidence.UntrustedFrom, guard func(*expression.Node, string) bool) bool {
	return !slices.ContainsFunc(from, func(f evidence.UntrustedFrom) bool {
		return !slices.ContainsFunc(conditions, func(n *expression.Node) bool { return implies(n, f.Event, guard) })
	})
}

// comparedWith is the text that a comparison holds a property against.
func comparedWith(n *expression.Node, property string) (string, bool) {
	if n.Kind != expression.Equal && n.Kind != expression.NotEqual {
		return "", false
	}
	for i := range n.Args {
		if other := n.Args[1-i]; other.Kind == expression.StringLiteral && canonical(n.Args[i]) == property {
			return other.Text, true
		}
	}
	return "", false
}
