package workflow

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// condition works out an "if".
func (s *scope) condition(doc *document, n *yaml.Node) evidence.Condition {
	if n == nil {
		return evidence.Condition{OnSuccess: evidence.Yes, AfterFailure: evidence.No, Terms: []string{success}}
	}
	c := evidence.Condition{Text: cut(bareCondition(n.Value)), At: doc.place(n), Terms: termsOf(doc, n)}
	if n.Kind != yaml.ScalarNode {
		return c
	}
	if n.Tag != "!!str" {
		// "if:" with nothing behind it is no condition; otherwise true, false or a number.
		c.OnSuccess, c.AfterFailure = evidence.Yes, evidence.No
		if !isNull(n) {
			c.OnSuccess = evidence.Truth(literal(n).AsTruth())
		}
		return c
	}
	t := doc.text(n, true)
	if t.template == nil {
		return c
	}
	tells := slices.ContainsFunc(t.nodes, func(n *expression.Node) bool { return n.Calls(expression.StatusFunctions()...) })
	c.OnSuccess = s.truth(t, statusSuccess)
	if !tells {
		c.AfterFailure = evidence.No // success() is understood
		return c
	}
	c.Terms = conjuncts(t.template.Single())
	c.AfterFailure = evidence.No
	for _, st := range []status{statusFailed, statusCancelled, statusSkipped, statusFailedAndCancelled} {
		switch s.truth(t, st) {
		case evidence.No:
		case evidence.Yes:
			c.AfterFailure = evidence.Yes
			return c
		case evidence.Perhaps:
			c.AfterFailure = evidence.Perhaps
		}
	}
	return c
}

// conjuncts are the parts of a condition that all have to hold.
func conjuncts(n *expression.Node) []string {
	var list []string
	var add func(*expression.Node)
	add = func(n *expression.Node) {
		switch {
		case n == nil || len(list) >= maxReads:
		case n.Kind == expression.And:
			for _, arg := range n.Args {
				add(arg)
			}
		default:
			list = append(list, cut(n.String()))
		}
	}
	add(n)
	return list
}

// truth says whether a condition holds when the job went so far as st says.
func (s *scope) truth(t *text, st status) evidence.Truth {
	before := s.r.status
	s.r.status = st
	defer func() { s.r.status = before }()
	v := s.text(t)
	truth := v.AsTruth()
	if n := t.template.Single(); truth == expression.Perhaps && n != nil {
		truth = s.Decide(n, v)
	}
	return evidence.Truth(truth)
}

// bareCondition is a condition without "${{ }}" around it.
func bareCondition(s string) string {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "${{"); ok && strings.Count(s, "${{") == 1 {
		if inner, ok := strings.CutSuffix(inner, "}}"); ok {
			return strings.TrimSpace(inner)
		}
	}
	return s
}

// flag works out a value that is true or false; nothing is false.
func (s *scope) flag(doc *document, n *yaml.Node) evidence.Truth {
	if isNull(n) {
		return evidence.No
	}
	return evidence.Truth(s.node(doc, n).AsTruth())
}

// values are those of a mapping. near are the mappings of variables in force, the innermost first.
func (s *scope) values(doc *document, n *yaml.Node, near []variables) []evidence.WorkflowValue {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return []evidence.WorkflowValue{s.value(doc, "", n, near)}
	}
	list := make([]evidence.WorkflowValue, 0, len(n.Content)/2)
	pairs(n, func(key, value *yaml.Node) {
		list = append(list, s.value(doc, key.Value, value, near))
	})
	return list
}

// variables are an "env" and the file in which it stands.
type variables struct {
	document *document
	node     *yaml.Node
}

func (s *scope) value(doc *document, name string, n *yaml.Node, near []variables) evidence.WorkflowValue {
	*s.r.a.work -= 2
	out := evidence.WorkflowValue{Name: cut(name), At: doc.place(n)}
	if n.Kind == yaml.ScalarNode {
		out.Text = cut(n.Value)
	} else {
		out.Text = cut(raw(n).JSON())
	}
	v := s.node(doc, n)
	switch {
	case n.Kind == yaml.ScalarNode && doc.text(n, false) == nil:
		out.Known, out.Value = true, cut(scalar(n)) // 1.10 stays what it is
	case v.IsKnown():
		out.Known, out.Value = true, shownValue(v)
	}
	if n.Kind == yaml.ScalarNode {
		if t := doc.text(n, false); t != nil && t.template != nil {
			if one := t.template.Single(); one != nil {
				out.Expression = cut(one.String())
			}
		}
	}
	s.reads(doc, n, near, 0, &out.Reads)
	return out
}

// raw is a node as a value, with its expressions as texts.
func raw(n *yaml.Node) expression.Value {
	n = follow(n)
	switch n.Kind {
	case yaml.SequenceNode:
		v := expression.Value{Type: expression.Array}
		for _, item := range n.Content {
			v.Items = append(v.Items, raw(item))
		}
		return v
	case yaml.MappingNode:
		v := expression.Value{Type: expression.Object}
		pairs(n, func(key, value *yaml.Node) {
			v.Keys, v.Items = append(v.Keys, key.Value), append(v.Items, raw(value))
		})
		return v
	default:
		if v := literal(n); v.IsKnown() {
			return v
		}
		return expression.TextValue(n.Value)
	}
}

// maxReads bounds the properties that are told of one value.
const maxReads = 100

// reads adds the properties that the expressions of a node take, with those that variables and
// inputs stand for.
func (s *scope) reads(doc *document, n *yaml.Node, near []variables, depth int, out *[]string) {
	if n = follow(n); n == nil || depth > 5 || !s.Step(1) {
		return
	}
	if n.Kind != yaml.ScalarNode {
		for _, c := range n.Content {
			s.reads(doc, c, near, depth, out)
		}
		return
	}
	t := doc.text(n, false)
	if t == nil {
		return
	}
	for _, path := range t.paths {
		if len(*out) < maxReads && !slices.Contains(*out, path) {
			*out = append(*out, path)
		}
		context, name, _ := strings.Cut(path, ".")
		switch context {
		case "env":
			for _, v := range near {
				if value := get(v.node, name); value != nil {
					s.reads(v.document, value, near, depth+1, out)
					break
				}
			}
		case "inputs":
			switch {
			case s.outer != nil:
				if value := get(s.step.with, name); value != nil {
					s.outer.reads(s.step.document, value, near, depth+1, out)
				} else if a := s.step.action; a != nil && a.document != nil {
					s.reads(a.document, get(get(a.inputs, name), "default"), nil, depth+1, out)
				}
			case s.f.parent != nil:
				if value := get(s.f.parent.job.with, name); value != nil {
					s.r.scope(s.f.parent).reads(s.f.parent.file.document, value, nil, depth+1, out)
					break
				}
				for _, in := range s.f.file.inputs {
					if expression.SameName(in.name, name) {
						s.reads(s.f.file.document, in.defaultValue, nil, depth+1, out)
					}
				}
			}
		}
	}
}

// step is a step as it is in the run's state.
func (s *scope) buildStep(st *step, depth int) evidence.JobStep {
	doc := st.document
	*s.r.a.work -= 4
	out := evidence.JobStep{
		At: doc.place(st.node), ID: cut(st.id), Name: cut(st.name), Shell: cut(st.shell), Aside: st.aside, Unread: st.unread,
		If: s.condition(doc, st.condition), ContinueOnError: s.flag(doc, st.tolerated),
	}
	for _, k := range st.keys {
		out.Keys = append(out.Keys, cut(k))
	}
	near := s.near(st)
	out.With = s.values(doc, st.with, near)
	out.Env = s.values(doc, st.env, near)
	if st.run != nil {
		out.Run = s.value(doc, "run", st.run, near)
	}
	if st.used != nil {
		u := *st.used
		out.Uses = &u
		out.Unread = out.Unread || u.Kind == evidence.UsesUnknown
	}
	for _, inner := range st.inner {
		out.Steps = append(out.Steps, s.buildStep(inner, depth))
	}
	if a := s.r.a.l.local(st); a != nil {
		out.Uses.File, out.Uses.Found = a.path, a.path != ""
		circle := depth >= maxActions
		for o := s; o.outer != nil; o = o.outer {
			circle = circle || o.step.action == a
		}
		out.Unread = out.Unread || a.path != "" && !a.parsed || circle
		if !circle && *s.r.a.work > 0 {
			inner := s.inside(st)
			for _, one := range a.steps {
				out.Steps = append(out.Steps, inner.buildStep(one, depth+1))
			}
		}
	}
	s.checkout(&out, st)
	if s.r.a.root.deploys || s.f.file.deploys {
		s.gets(&out, st)
	}
	s.untrusted(&out, st, near)
	return out
}

// maxActions bounds how many local actions inside each other are followed.
const maxActions = 9

// near are the variables that a step sees.
func (s *scope) near(st *step) []variables {
	list := []variables{{st.document, st.env}}
	for o := s; o.outer != nil; o = o.outer {
		list = append(list, variables{o.step.document, o.step.env})
	}
	return append(list, variables{s.f.file.document, s.f.job.env}, variables{s.f.file.document, s.f.file.env})
}
