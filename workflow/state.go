package workflow

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// state is what has been chosen of the values that only a run knows. It is never changed once it is
// made: a choice makes new states.
type state struct {
	rows  map[int][]int     // of the matrix of a frame, what remains
	paths []rowPath         // the properties of rows by which was chosen
	vars  map[string]domain // by scope and path
	order []string          // keys of vars, in the order in which they were chosen
	atoms []atom
}

// rowPath is a property of a matrix, without "matrix".
type rowPath struct {
	frame int
	path  []string
}

// domain is what a variable can be.
type domain struct {
	known  bool
	value  expression.Value   // where it is known
	finite []expression.Value // all that it can be; nil: anything but not
	not    []expression.Value
}

// atom is a condition of which the truth was chosen.
type atom struct {
	key   string // scope and canonical form
	text  string
	scope *scope
	node  *expression.Node
	truth bool
}

func (s *state) clone() *state {
	return &state{rows: maps.Clone(s.rows), paths: slices.Clone(s.paths), vars: maps.Clone(s.vars), order: slices.Clone(s.order), atoms: slices.Clone(s.atoms)}
}

func (s *state) withVar(key string, d domain) *state {
	n := s.clone()
	if n.vars == nil {
		n.vars = map[string]domain{}
	}
	if _, ok := n.vars[key]; !ok {
		n.order = append(n.order, key)
	}
	n.vars[key] = d
	return n
}

func (s *state) withRows(frame int, path []string, rows []int) *state {
	n := s.clone()
	if n.rows == nil {
		n.rows = map[int][]int{}
	}
	n.rows[frame] = rows
	if !slices.ContainsFunc(n.paths, func(p rowPath) bool { return p.frame == frame && slices.Equal(p.path, path) }) {
		n.paths = append(n.paths, rowPath{frame, path})
	}
	return n
}

func (s *state) withAtom(a atom) *state {
	n := s.clone()
	n.atoms = append(n.atoms, a)
	return n
}

// oneOf is the domain of some values.
func oneOf(values []expression.Value) domain {
	if values == nil {
		values = []expression.Value{} // none, and not any
	}
	if len(values) == 1 {
		return domain{known: true, value: values[0], finite: values}
	}
	return domain{finite: values}
}

// domain is what a variable can be in the run's state.
func (r *run) domain(key string) domain {
	first := r.a.initial(key, r.st)
	if key == eventName && first.finite != nil && len(r.st.vars) > 0 {
		first = oneOf(slices.DeleteFunc(slices.Clone(first.finite), func(e expression.Value) bool { return !r.eventFits(e) }))
	}
	d, ok := r.st.vars[key]
	if !ok {
		return first
	}
	if first.finite == nil || d.finite == nil && d.known {
		return d
	}
	if d.finite == nil {
		d.finite = first.finite
	}
	// What was chosen since may have narrowed what it can be: an input is nothing unless the
	// workflow was dispatched.
	var both []expression.Value
	for _, v := range d.finite {
		if d.fits(v) && slices.ContainsFunc(first.finite, v.Same) {
			both = append(both, v)
		}
	}
	return oneOf(both)
}

// eventName is the variable that tells which event started the workflow.
const eventName = "0:github.event_name"

// eventFits says that an event can have started the workflow, seeing what was chosen: there are no
// inputs but with a dispatch.
func (r *run) eventFits(event expression.Value) bool {
	st := r.st.withVar(eventName, oneOf([]expression.Value{event}))
	for key, d := range r.st.vars {
		if key == eventName {
			continue
		}
		first := r.a.initial(key, st)
		if first.finite != nil && !slices.ContainsFunc(first.finite, d.fits) {
			return false
		}
	}
	return true
}

// fits says that a variable can have a value.
func (d domain) fits(v expression.Value) bool {
	if slices.ContainsFunc(d.not, func(w expression.Value) bool { return v.Equals(w) == expression.True }) {
		return false
	}
	switch {
	case d.finite != nil:
		return slices.ContainsFunc(d.finite, v.Same)
	case d.known:
		return v.Equals(d.value) == expression.True
	default:
		return true
	}
}

// initial is what a variable can be before anything is chosen about it.
func (a *analysis) initial(key string, st *state) domain {
	path, ok := strings.CutPrefix(key, "0:")
	if !ok {
		if kind, ok := a.inputKinds[key]; ok && kind == "boolean" {
			return oneOf([]expression.Value{expression.BoolValue(false), expression.BoolValue(true)})
		}
		return domain{}
	}
	switch {
	case key == eventName:
		return a.eventNames()
	case path == "github.ref":
		return a.refs(st)
	case strings.HasPrefix(path, "inputs."):
		return a.dispatchInput(strings.TrimPrefix(path, "inputs."), st)
	default:
		return domain{}
	}
}

// eventNames are the events that start the workflow.
func (a *analysis) eventNames() domain {
	if !a.root.triggersKnown {
		return domain{}
	}
	var events []expression.Value
	for _, t := range a.root.triggers {
		if t.Event != "workflow_call" {
			events = append(events, expression.TextValue(t.Event))
		}
	}
	return oneOf(events)
}

// possible are the triggers that can have started the workflow in a state, nil where any event can.
func (a *analysis) possible(st *state) []evidence.Trigger {
	if !a.root.triggersKnown {
		return nil
	}
	d, chosen := st.vars[eventName]
	var list []evidence.Trigger
	for _, t := range a.root.triggers {
		name := expression.TextValue(t.Event)
		if t.Event != "workflow_call" && (!chosen || slices.ContainsFunc(d.finite, name.Same)) {
			list = append(list, t)
		}
	}
	return list
}

// refs are the refs that the workflow can run for, where its triggers say so.
func (a *analysis) refs(st *state) domain {
	triggers := a.possible(st)
	if triggers == nil {
		return domain{}
	}
	var refs []expression.Value
	for _, t := range triggers {
		if t.Event != "push" || t.Unread || len(t.Branches)+len(t.Tags) == 0 || len(t.BranchesIgnore)+len(t.TagsIgnore) > 0 {
			return domain{}
		}
		for _, list := range []struct {
			prefix string
			names  []string
		}{{"refs/heads/", t.Branches}, {"refs/tags/", t.Tags}} {
			for _, name := range list.names {
				if name == "" || strings.ContainsAny(name, `*?[]!+\`) {
					return domain{}
				}
				refs = append(refs, expression.TextValue(list.prefix+name))
			}
		}
	}
	return oneOf(refs)
}

// dispatchInput is what an input of workflow_dispatch can be: nothing, where another event starts
// the workflow.
func (a *analysis) dispatchInput(name string, st *state) domain {
	triggers := a.possible(st)
	if triggers == nil {
		return domain{}
	}
	null := expression.Value{Type: expression.Null}
	var values []expression.Value
	for _, t := range triggers {
		if t.Event != "workflow_dispatch" {
			if !slices.ContainsFunc(values, null.Same) {
				values = append(values, null)
			}
			continue
		}
		i := slices.IndexFunc(t.Inputs, func(in evidence.TriggerInput) bool { return expression.SameName(in.Name, name) })
		if i < 0 {
			if t.Unread {
				return domain{}
			}
			values = append(values, null)
			continue
		}
		in := t.Inputs[i]
		switch {
		case in.Type == "boolean":
			values = append(values, expression.BoolValue(false), expression.BoolValue(true))
			if !in.Required && !in.HasDefault {
				values = append(values, expression.TextValue(""))
			}
		case in.Type == "choice" && len(in.Options) > 0 && len(in.Options) <= MaxCases:
			for _, o := range in.Options {
				values = append(values, expression.TextValue(o))
			}
			if in.HasDefault {
				values = append(values, expression.TextValue(in.Default))
			} else if !in.Required {
				// A dispatch by the API may leave it out, and nothing takes its place.
				values = append(values, expression.TextValue(""))
			}
		default:
			return domain{}
		}
	}
	return oneOf(dedupe(values))
}

func dedupe(values []expression.Value) []expression.Value {
	var out []expression.Value
	for _, v := range values {
		if !slices.ContainsFunc(out, v.Same) {
			out = append(out, v)
		}
	}
	return out
}

// consistent says that the choices of a state can all hold.
func (r *run) consistent(st *state) bool {
	probe := &run{a: r.a, st: st, tables: map[int]*table{}, probing: true}
	for key, chosen := range st.vars {
		d := probe.domain(key)
		if d.finite != nil && len(d.finite) == 0 {
			return false
		}
		first := r.a.initial(key, st)
		if first.finite != nil && chosen.known && chosen.finite == nil && !slices.ContainsFunc(first.finite, func(v expression.Value) bool { return v.Equals(chosen.value) == expression.True }) {
			return false
		}
	}
	if ref, ok := st.vars["0:github.ref"]; ok && ref.known {
		for _, name := range []string{"ref_name", "ref_type"} {
			d, ok := st.vars["0:github."+name]
			if !ok {
				continue
			}
			is := derivedFromRef(name, ref.value)
			if d.known && is.Equals(d.value) == expression.False {
				return false
			}
			if slices.ContainsFunc(d.not, func(v expression.Value) bool { return is.Equals(v) == expression.True }) {
				return false
			}
		}
	}
	for i, a := range st.atoms {
		probe.skipAtom = a.key
		if t := expression.Eval(a.node, a.scope.in(probe)).AsTruth(); t != expression.Perhaps && t != expression.TruthOf(a.truth) {
			return false
		}
		for _, b := range st.atoms[:i] {
			if contradict(a, b) {
				return false
			}
		}
	}
	return true
}

// contradict says that two chosen conditions cannot both hold: what begins with "refs/tags/" does
// not begin with "refs/heads/".
func contradict(a, b atom) bool {
	prefixA, ofA, okA := startsWith(a)
	prefixB, ofB, okB := startsWith(b)
	if !okA || !okB || !expression.IsASCII(prefixA) || !expression.IsASCII(prefixB) || ofA != ofB || a.scope.f.id != b.scope.f.id {
		return false
	}
	switch {
	case a.truth && b.truth:
		return !strings.HasPrefix(prefixA, prefixB) && !strings.HasPrefix(prefixB, prefixA)
	case a.truth:
		return strings.HasPrefix(prefixA, prefixB)
	case b.truth:
		return strings.HasPrefix(prefixB, prefixA)
	default:
		return false
	}
}

func startsWith(a atom) (prefix, of string, ok bool) {
	n := a.node
	if n.Kind != expression.Call || n.Text != "startswith" || len(n.Args) != 2 || n.Args[1].Kind != expression.StringLiteral {
		return "", "", false
	}
	return expression.Lower(n.Args[1].Text), n.Args[0].String(), true
}

// derivedFromRef is the name or the type of a ref.
func derivedFromRef(name string, ref expression.Value) expression.Value {
	full, ok := ref.AsText()
	if !ok {
		return expression.Value{}
	}
	for prefix, kind := range map[string]string{"refs/heads/": "branch", "refs/tags/": "tag"} {
		if short, ok := strings.CutPrefix(full, prefix); ok {
			if name == "ref_type" {
				return expression.TextValue(kind)
			}
			return expression.TextValue(short)
		}
	}
	return expression.Value{}
}

// when tells what was chosen.
func (r *run) when() []evidence.CaseValue {
	var list []evidence.CaseValue
	for _, p := range r.st.paths {
		t := r.tables[p.frame]
		if t == nil {
			t = r.table(r.a.frames[p.frame])
		}
		c := evidence.CaseValue{Name: expression.Ref{Path: append([]string{"matrix"}, p.path...)}.String()}
		values := t.values(r.st.rows[p.frame], p.path)
		if len(values) == 1 && values[0].IsKnown() {
			c.Value = shownValue(values[0])
		} else {
			c.Other = true
		}
		list = append(list, c)
	}
	for _, key := range r.st.order {
		_, name, _ := strings.Cut(key, ":")
		c := evidence.CaseValue{Name: name}
		if d := r.domain(key); d.known {
			c.Value = shownValue(d.value)
		} else {
			c.Other = true
		}
		list = append(list, c)
	}
	for _, a := range r.st.atoms {
		list = append(list, evidence.CaseValue{Name: cut(a.text), Value: strconv.FormatBool(a.truth)})
	}
	return list
}

// shownValue is a value as a text, and as JSON where it has parts.
func shownValue(v expression.Value) string {
	if v.Type == expression.Array || v.Type == expression.Object {
		return cut(v.JSON())
	}
	s, _ := v.AsText()
	return cut(s)
}
