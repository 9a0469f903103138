package workflow

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// readTriggers reads "on".
func (l *loader) readTriggers(f *file, n *yaml.Node) {
	f.triggersKnown = true
	unknown := func(at *yaml.Node) {
		f.triggersKnown = false
		l.problem(evidence.ProblemShape, f.place(at), `"on" is not an event, a list of events or a mapping of them`)
	}
	switch n.Kind {
	case yaml.ScalarNode, yaml.SequenceNode:
		for _, event := range items(n) {
			if scalar(event) == "" {
				unknown(event)
				return
			}
			f.triggers = append(f.triggers, evidence.Trigger{Event: expression.Lower(event.Value), At: f.place(event)})
		}
	case yaml.MappingNode:
		pairs(n, func(key, value *yaml.Node) {
			t := evidence.Trigger{Event: expression.Lower(key.Value), At: f.place(key)}
			f.readFilters(&t, value)
			f.triggers = append(f.triggers, t)
		})
	}
	if len(f.triggers) == 0 {
		unknown(n)
	}
}

// readFilters reads what stands under an event.
func (f *file) readFilters(t *evidence.Trigger, n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		t.Unread = t.Event != "schedule"
		return
	}
	list := func(to *[]string, value *yaml.Node) {
		if isNull(value) {
			return
		}
		for _, item := range items(value) {
			if item.Kind != yaml.ScalarNode {
				t.Unread = true
				return
			}
			*to = append(*to, item.Value)
		}
	}
	pairs(n, func(key, value *yaml.Node) {
		switch expression.Lower(key.Value) {
		case "branches":
			list(&t.Branches, value)
		case "branches-ignore":
			list(&t.BranchesIgnore, value)
		case "tags":
			list(&t.Tags, value)
		case "tags-ignore":
			list(&t.TagsIgnore, value)
		case "paths":
			list(&t.Paths, value)
		case "paths-ignore":
			list(&t.PathsIgnore, value)
		case "types":
			list(&t.Types, value)
		case "workflows":
			list(&t.Workflows, value)
		case "inputs":
			pairs(value, func(name, input *yaml.Node) { f.readInput(t, name, input) })
		case "outputs":
			if t.Event == "workflow_call" {
				f.outputs = value
			}
		case "secrets":
		default:
			t.Unread = true
		}
	})
}

// readInput reads an input of workflow_dispatch or workflow_call.
func (f *file) readInput(t *evidence.Trigger, name, n *yaml.Node) {
	in := evidence.TriggerInput{Name: name.Value, Type: "string", At: f.place(name)}
	if kind := scalar(get(n, "type")); kind != "" {
		in.Type = expression.Lower(kind)
	}
	for _, o := range items(get(n, "options")) {
		option, ok := literal(o).AsText()
		if !ok { // a number that readers of YAML write differently
			in.Options, t.Unread = nil, true
			break
		}
		in.Options = append(in.Options, option)
	}
	value := get(n, "default")
	if !isNull(value) {
		in.Default, in.HasDefault = value.Value, true
	}
	in.Required = expression.SameName(scalar(get(n, "required")), "true")
	t.Inputs = append(t.Inputs, in)
	if t.Event == "workflow_call" {
		f.inputs = append(f.inputs, &callInput{name: name.Value, kind: in.Type, defaultValue: value})
	}
}

// started says that some event other than a call starts the workflow.
func (f *file) started() bool {
	return !f.triggersKnown || slices.ContainsFunc(f.triggers, func(t evidence.Trigger) bool { return t.Event != "workflow_call" })
}

// readPermissions reads a permissions key.
func (l *loader) readPermissions(doc *document, key, n *yaml.Node) evidence.Permissions {
	p := evidence.Permissions{Written: true, At: doc.place(key)}
	switch {
	case isNull(n):
		p.All = evidence.AccessNone
	case n.Kind == yaml.ScalarNode:
		switch n.Value {
		case "read-all":
			p.All = evidence.AccessRead
		case "write-all":
			p.All = evidence.AccessWrite
		default:
			p.All, p.Unread = evidence.AccessWrite, true
		}
	case n.Kind == yaml.MappingNode:
		p.All = evidence.AccessNone
		pairs(n, func(key, value *yaml.Node) {
			scope := evidence.Permission{Scope: expression.Lower(key.Value), At: doc.place(key)}
			switch expression.Lower(scalar(value)) {
			case "read":
				scope.Access = evidence.AccessRead
			case "write":
				scope.Access = evidence.AccessWrite
			case "none":
				scope.Access = evidence.AccessNone
			default:
				scope.Access, p.Unread = evidence.AccessWrite, true
			}
			p.Scopes = append(p.Scopes, scope)
		})
		slices.SortFunc(p.Scopes, func(a, b evidence.Permission) int { return strings.Compare(a.Scope, b.Scope) })
	default:
		p.All, p.Unread = evidence.AccessWrite, true
	}
	return p
}

// within are the permissions of a called job, which has no more than its caller.
func within(outer, inner evidence.Permissions) evidence.Permissions {
	switch {
	case !outer.Written:
		return bySettings(inner)
	case !inner.Written:
		return outer
	}
	p := evidence.Permissions{Written: true, At: inner.At, All: min(outer.All, inner.All), Unread: outer.Unread && inner.Unread}
	for _, list := range [][]evidence.Permission{inner.Scopes, outer.Scopes} {
		for _, s := range list {
			if !slices.ContainsFunc(p.Scopes, func(have evidence.Permission) bool { return have.Scope == s.Scope }) {
				s.Access = min(outer.Access(s.Scope), inner.Access(s.Scope))
				p.Scopes = append(p.Scopes, s)
			}
		}
	}
	slices.SortFunc(p.Scopes, func(a, b evidence.Permission) int { return strings.Compare(a.Scope, b.Scope) })
	return p
}

// bySettings are the permissions of a called job whose caller writes none, and so has what the
// repository's settings give: perhaps what the job asks for and perhaps less, and never id-token, which
// a caller has to write.
func bySettings(p evidence.Permissions) evidence.Permissions {
	if !p.Written {
		return p
	}
	unsure := func(a evidence.Access) evidence.Access {
		if a == evidence.AccessWrite {
			return evidence.AccessUnset
		}
		return a
	}
	out := evidence.Permissions{Written: true, At: p.At, All: unsure(p.All), Scopes: make([]evidence.Permission, 0, len(p.Scopes)+1)}
	asked := false
	for _, s := range p.Scopes {
		s.Access = unsure(s.Access)
		if s.Scope == idToken {
			s.Access, asked = evidence.AccessNone, true
		}
		out.Scopes = append(out.Scopes, s)
	}
	if !asked && (out.All == evidence.AccessUnset || p.Unread) {
		out.Scopes = append(out.Scopes, evidence.Permission{Scope: idToken, Access: evidence.AccessNone, At: p.At})
		slices.SortFunc(out.Scopes, func(a, b evidence.Permission) int { return strings.Compare(a.Scope, b.Scope) })
	}
	if p.Unread {
		out.All = evidence.AccessUnset
	}
	return out
}

// idToken is the scope of the token in which the forge says who a job is.
const idToken = "id-token"
