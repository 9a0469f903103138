package workflow

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// maxUses bounds the uses of secrets that are told of one case.
const maxUses = 5000

// observe records what a property takes that is a secret, the token or another job's output.
// The property is one of which the name is not known, or all of them, where any is set. done says
// that there is nothing else to find out about it.
func (r *run) observe(ref expression.Ref, anyOf, all bool) (done bool) {
	f := r.a.frames[ref.Scope]
	switch ref.Path[0] {
	case "secrets":
		if r.uses != nil {
			switch {
			case len(ref.Path) > 1:
				r.secret(f, ref.Path[1])
			case anyOf && !all:
				r.secretsOf(f, evidence.SecretDynamic)
			default:
				r.secretsOf(f, evidence.SecretWhole)
			}
		}
		return true
	case "github":
		if r.uses != nil && (len(ref.Path) == 1 || len(ref.Path) == 2 && ref.Path[1] == "token") {
			r.record(evidence.SecretUse{Kind: evidence.SecretToken, Name: "GITHUB_TOKEN"}, "github")
		}
	case "needs", "jobs":
		if r.uses != nil {
			r.handedOver(f, ref)
		}
	}
	return false
}

// secret follows a secret of a name to where it is read.
func (r *run) secret(f *frame, name string) {
	r.depth++
	defer func() { r.depth-- }()
	upper := expression.Upper(name)
	switch {
	case upper == "":
		return // there is none of this name
	case r.depth > maxDepth:
		r.record(evidence.SecretUse{Kind: evidence.SecretDynamic}, "secrets")
		return
	case upper == "GITHUB_TOKEN":
		r.record(evidence.SecretUse{Kind: evidence.SecretToken, Name: upper}, "secrets")
		return
	case f.parent == nil:
		r.record(evidence.SecretUse{Kind: evidence.SecretNamed, Name: upper, From: r.source()}, "secrets")
		return
	}
	passed := f.parent.job.secrets
	switch {
	case inherits(passed):
		r.via(f.parent, passed, func() { r.secret(f.parent, name) })
	case passed != nil && passed.Kind == yaml.MappingNode:
		if n := get(passed, name); n != nil {
			r.passed(f.parent, name, n)
		}
		r.ofEnvironment(upper)
	case isNull(passed):
		r.ofEnvironment(upper)
	default: // an expression: what it passes is recorded with the calling job
		r.record(evidence.SecretUse{Kind: evidence.SecretDynamic}, "secrets")
	}
}

// ofEnvironment records a name that the caller does not pass under this name: the job has such a
// secret only from its own environment.
func (r *run) ofEnvironment(name string) {
	if r.a.inEnv && r.source() == evidence.SecretAnywhere {
		r.record(evidence.SecretUse{Kind: evidence.SecretNamed, Name: name, From: evidence.SecretOfEnvironment}, "secrets")
	}
}

// passed works out what a caller passes under a name.
func (r *run) passed(f *frame, name string, n *yaml.Node) {
	doc := f.file.document
	pairs(f.job.secrets, func(key, _ *yaml.Node) {
		if expression.SameName(key.Value, name) {
			name = key.Value // as it is written
		}
	})
	e := &located{document: doc, node: n, text: doc.text(n, false), key: joinKeys([]string{"jobs", f.job.id, "secrets", name}), kind: evidence.HopCall}
	if e.text == nil {
		return // a literal, which is no secret
	}
	r.follow(f, e)
}

// follow works out a text elsewhere that what is at hand takes its value from.
func (r *run) follow(f *frame, e *located) {
	step := r.at[0].step
	assumed := r.assumed
	r.assumed = nil
	r.at = append(r.at, context{e: e, step: step})
	r.text(f, e)
	r.at = r.at[:len(r.at)-1]
	r.assumed = assumed
}

// text works out a text for the secrets that it takes.
func (r *run) text(f *frame, e *located) {
	if e.text.template == nil {
		if e.text.secrets {
			r.record(evidence.SecretUse{Kind: evidence.SecretUnparsed}, "")
		}
		return
	}
	s := r.scope(f)
	for _, n := range e.text.nodes {
		r.at[len(r.at)-1].node = n
		expression.Eval(n, s)
	}
}

// via works something out behind "secrets: inherit".
func (r *run) via(f *frame, inherit *yaml.Node, do func()) {
	e := &located{document: f.file.document, node: inherit, key: "jobs." + f.job.id + ".secrets", kind: evidence.HopCall}
	r.at = append(r.at, context{e: e, step: r.at[0].step})
	do()
	r.at = r.at[:len(r.at)-1]
}

func inherits(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && expression.SameName(n.Value, "inherit")
}

// source says where the secret at hand is looked for: a caller, or another job, reads its own.
func (r *run) source() evidence.SecretSource {
	for _, c := range r.at[1:] {
		if c.e.text != nil {
			return evidence.SecretPassed
		}
	}
	return evidence.SecretAnywhere
}

// secretsOf records a secret whose name is not known, or all of them.
func (r *run) secretsOf(f *frame, kind evidence.SecretKind) {
	r.record(evidence.SecretUse{Kind: kind, From: r.source()}, "secrets")
	for f.parent != nil && inherits(f.parent.job.secrets) {
		f = f.parent
	}
	if f.parent == nil || f.parent.job.secrets == nil || r.depth > maxDepth {
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	pairs(f.parent.job.secrets, func(key, value *yaml.Node) {
		if value.Kind == yaml.ScalarNode {
			r.passed(f.parent, key.Value, value)
		}
	})
}

// record adds a use of a secret, with the way by which it came. word is the context's name, for the place.
func (r *run) record(use evidence.SecretUse, word string) {
	if r.uses == nil || len(*r.uses) > maxUses {
		return
	}
	*r.a.work -= 4
	if len(*r.uses) == maxUses { // whatever comes behind these
		use = evidence.SecretUse{Kind: evidence.SecretDynamic}
	}
	// The name stands in the last text that was followed: "inherit" has none.
	last := r.at[0]
	for _, c := range r.at {
		if c.e.text != nil {
			last = c
		}
	}
	use.Step, use.Loose = r.at[0].step, r.loose
	use.At = last.place(use.Name, word)
	use.Text = cut(last.e.shown(last.node))
	for i := len(r.at) - 1; i >= 0; i-- {
		e := r.at[i].e
		use.Flow = append(use.Flow, evidence.SecretHop{Kind: e.kind, Key: e.key, At: e.document.place(e.node)})
	}
	if use.Kind == evidence.SecretNamed && len(r.at) > 1 {
		if as := r.at[0].names(); use.From == evidence.SecretPassed && len(as) == 1 && as[0] != use.Name {
			use.As = as[0]
		}
	}
	for _, a := range r.assumed {
		if a.Path[0] == "secrets" && len(a.Path) > 1 {
			use.IfEmpty = append(use.IfEmpty, expression.Upper(a.Path[1]))
		}
	}
	*r.uses = append(*r.uses, use)
}

// shown is the expression, or the text where there is none.
func (e *located) shown(n *expression.Node) string {
	if n == nil || e.text == nil || e.text.template == nil {
		return e.node.Value
	}
	return n.String()
}

// place is where a secret of a name is taken, or the context.
func (c context) place(name, word string) evidence.Place {
	doc := c.e.document
	if c.node == nil || word == "" {
		return doc.place(c.e.node)
	}
	at := -1
	c.node.Walk(func(n *expression.Node) bool {
		path := propertyOf(n)
		if len(path) == 2 && path[0] == word && (expression.SameName(path[1], name) || word == "github") {
			at = n.Start
		} else if at < 0 && n.Kind == expression.Name && n.Text == word && name == "" {
			at = n.Start
		}
		return at < 0
	})
	if at < 0 {
		c.node.Walk(func(n *expression.Node) bool {
			if at < 0 && n.Kind == expression.Name && n.Text == word {
				at = n.Start
			}
			return at < 0
		})
	}
	return doc.placeOf(c.e.node, c.e.text, c.node, max(at, 0))
}

// names are the names of secrets in the expression at hand, in upper case.
func (c context) names() []string {
	var names []string
	if c.node == nil {
		return nil
	}
	c.node.Walk(func(n *expression.Node) bool {
		if path := propertyOf(n); len(path) == 2 && path[0] == "secrets" {
			if name := expression.Upper(path[1]); !slices.Contains(names, name) {
				names = append(names, name)
			}
			return false
		}
		return true
	})
	return names
}

// handedOver follows the outputs of another job to the secrets in them: "needs.a.outputs.b", or in
// the outputs of a called workflow "jobs.a.outputs.b".
func (r *run) handedOver(f *frame, ref expression.Ref) {
	if f.file == nil || !f.file.handsOver || f.action || r.depth > maxDepth {
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	var job, output string
	if len(ref.Path) > 1 {
		job = ref.Path[1]
	}
	if len(ref.Path) > 3 {
		output = ref.Path[3]
	}
	if len(ref.Path) > 2 && ref.Path[2] != "outputs" {
		return
	}
	for _, j := range f.file.jobs {
		if job != "" && !expression.SameName(j.id, job) || !r.scope(f).Step(1) || j == f.job {
			continue
		}
		other := r.a.frame(frameKey{parent: f.parent, file: f.file, job: j})
		outputs, in, prefix := j.outputs, other, "jobs."+j.id+".outputs."
		if j.uses != nil {
			callee := r.a.l.callee(f.file.document, j.uses)
			if callee == nil || r.a.depth(other) > MaxCalls {
				continue
			}
			outputs, prefix = callee.outputs, "on.workflow_call.outputs."
			in = r.a.frame(frameKey{parent: other, file: callee})
		}
		pairs(outputs, func(key, value *yaml.Node) {
			if output != "" && !expression.SameName(key.Value, output) {
				return
			}
			if value.Kind == yaml.MappingNode {
				value = get(value, "value")
			}
			if value == nil || value.Kind != yaml.ScalarNode {
				return
			}
			t := in.file.text(value, false)
			if t == nil {
				return
			}
			e := &located{document: in.file.document, node: value, text: t, key: prefix + key.Value, kind: evidence.HopOutput}
			if t.secrets || t.needs {
				r.follow(in, e)
			}
			if len(stepOutputs(t)) > 0 || len(j.variables) > 0 {
				r.at = append(r.at, context{e: e, step: r.at[0].step})
				r.leaked(in, t)
				r.at = r.at[:len(r.at)-1]
			}
		})
	}
}

// depth is how many calls lead to a frame.
func (a *analysis) depth(f *frame) int {
	n := 0
	for f = f.parent; f != nil; f = f.parent {
		n++
	}
	return n
}
