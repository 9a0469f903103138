package workflow

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// source is a property of the github context that goes into a value.
type source struct {
	expression.Flow
	// made says that a script or an action had it, and may have made something else of it.
	made bool
}

// tracer follows a value to its sources, through variables, inputs, the matrix, and the outputs of steps,
// jobs and called workflows. Each place is looked at once, so that it comes to an end by itself; where the
// work of the workflow ends before that, all of the job counts as not known.
type tracer struct {
	seen map[traced]bool
	open []*yaml.Node // of variables, which may be named after those around them
	out  []source
}

type traced struct {
	owner any
	node  *yaml.Node
	made  bool
}

// sources are all properties that can become a part of a value.
func (s *scope) sources(doc *document, n *yaml.Node, near []variables) []source {
	if n = follow(n); n == nil || n.Kind == yaml.ScalarNode && !expression.IsTemplate(n.Value) {
		return nil
	}
	t := &tracer{}
	t.value(s, doc, n, near, false)
	return t.out
}

// owner tells scopes apart.
func (s *scope) owner() any {
	if s.outer == nil {
		return s.f
	}
	return s
}

func (t *tracer) add(f source) {
	if !slices.Contains(t.out, f) {
		t.out = append(t.out, f)
	}
}

func (t *tracer) value(s *scope, doc *document, n *yaml.Node, near []variables, made bool) {
	if n = follow(n); n == nil || doc == nil || !s.Step(1) {
		return
	}
	if n.Kind != yaml.ScalarNode {
		for _, c := range n.Content {
			t.value(s, doc, c, near, made)
		}
		return
	}
	text := doc.text(n, false)
	if text == nil {
		return
	}
	key := traced{s.owner(), n, made}
	if t.seen[key] {
		return
	}
	if t.seen == nil {
		t.seen = map[traced]bool{}
	}
	t.seen[key] = true
	t.open = append(t.open, n)
	for _, node := range text.nodes {
		for _, f := range node.Flows() {
			t.flow(s, f, near, made)
		}
	}
	t.open = t.open[:len(t.open)-1]
}

func (t *tracer) flow(s *scope, f expression.Flow, near []variables, made bool) {
	*s.r.a.work -= 1 + len(t.out)/8
	context, rest, _ := strings.Cut(f.Path, ".")
	name, after, _ := strings.Cut(rest, ".")
	if name == "*" {
		name = ""
	}
	switch context {
	case "github":
		t.add(source{f, made})
	case "env":
		t.variable(s, name, near, made)
	case "inputs":
		t.input(s, name, made)
	case "needs", "jobs":
		t.job(s, name, outputName(after), made)
	case "steps":
		t.step(s, name, outputName(after), made)
	case "matrix":
		if s.f.job != nil {
			t.matrix(s, name, made)
		}
	}
}

// variable follows a variable to the innermost "env" that has it, and to the scripts that set it; "" is
// all of them.
func (t *tracer) variable(s *scope, name string, near []variables, made bool) {
	for i, v := range near {
		if name == "" || computedKeys(v.node) {
			t.value(s.around(v), v.document, v.node, near[i:], made)
			continue
		}
		value := follow(get(v.node, name))
		if value == nil || slices.Contains(t.open, value) {
			continue
		}
		t.value(s.around(v), v.document, value, near[i:], made)
		break
	}
	if s.f.job != nil {
		t.set(s.r.scope(s.f.job.frame(s)), s.f.job.steps, name, made, 0)
	}
}

// frame is the job's own, whatever action of it a scope is inside of.
func (j *job) frame(s *scope) *frame {
	return s.r.a.frame(frameKey{parent: s.f.parent, file: s.f.file, job: j})
}

// around is the scope in which an "env" stands: that of the step inside of which this one is, or this.
func (s *scope) around(v variables) *scope {
	for in := s; in.outer != nil; in = in.outer {
		if in.step.env != nil && in.step.env == v.node {
			return in.outer
		}
	}
	if s.outer != nil && s.f.job != nil && (v.node == s.f.job.env || v.node == s.f.file.env) {
		return s.r.scope(s.f.job.frame(s))
	}
	return s
}

// set follows a variable to the scripts that set it for the steps behind them.
func (t *tracer) set(s *scope, steps []*step, name string, made bool, depth int) {
	for _, st := range steps {
		if script := scriptOf(st); script != nil && setsVariables(script.Value) && (name == "" || strings.Contains(expression.Lower(script.Value), expression.Lower(name))) {
			t.product(s, st, name, made)
		}
		if a := s.r.a.l.local(st); a != nil && depth < maxActions && s.Step(1) {
			t.set(s.inside(st), a.steps, name, made, depth+1)
		}
	}
}

func setsVariables(script string) bool {
	return strings.Contains(script, "GITHUB_ENV") || strings.Contains(script, "exportVariable") || strings.Contains(script, "set-env")
}

// scriptOf is the script of a step, nil for none.
func scriptOf(st *step) *yaml.Node {
	n := st.run
	if n == nil {
		n = get(st.with, "script")
	}
	if n = follow(n); n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	return n
}

// input follows an input to what the caller passes, else to its default; "" is all of them.
func (t *tracer) input(s *scope, name string, made bool) {
	switch {
	case s.outer != nil:
		near := s.outer.near(s.step)
		value := get(s.step.with, name)
		if name == "" || computedKeys(s.step.with) {
			value = s.step.with
		}
		t.value(s.outer, s.step.document, value, near, made)
		if a := s.step.action; a != nil && (value == nil || name == "") {
			inputs := a.inputs
			if name != "" {
				inputs = get(get(inputs, name), "default")
			}
			t.value(s, a.document, inputs, nil, made)
		}
	case s.f.parent != nil:
		caller, with := s.r.scope(s.f.parent), s.f.parent.job.with
		value := get(with, name)
		if name == "" || computedKeys(with) {
			value = with
		}
		t.value(caller, s.f.parent.file.document, value, nil, made)
		if value != nil && name != "" {
			return
		}
		for _, in := range s.f.file.inputs {
			if name == "" || expression.SameName(in.name, name) {
				t.value(s, s.f.file.document, in.defaultValue, nil, made)
			}
		}
	}
}

// job follows the outputs of a job of the file; "" is all jobs, or all outputs.
func (t *tracer) job(s *scope, job, output string, made bool) {
	if s.f.file == nil {
		return
	}
	for _, j := range s.f.file.jobs {
		if job != "" && !expression.SameName(j.id, job) {
			continue
		}
		in := s.r.scope(j.frame(s))
		if j.uses == nil {
			t.value(in, s.f.file.document, outputValue(j.outputs, output), nil, made)
			continue
		}
		callee := s.r.a.l.callee(s.f.file.document, j.uses)
		if callee == nil || s.r.a.depth(in.f) > MaxCalls {
			t.value(in, s.f.file.document, j.with, nil, true) // what it makes of its inputs is not known
			continue
		}
		in = s.r.scope(s.r.a.frame(frameKey{parent: in.f, file: callee}))
		t.value(in, callee.document, outputValue(callee.outputs, output), nil, made)
	}
}

// matrix follows a key of the matrix.
func (t *tracer) matrix(s *scope, key string, made bool) {
	m, doc := follow(s.f.job.matrix), s.f.file.document
	key, _, _ = strings.Cut(key, "[")
	if key == "" || computedKeys(m) {
		t.value(s, doc, m, nil, made)
		return
	}
	if m == nil {
		return
	}
	t.value(s, doc, get(m, key), nil, made)
	include := follow(get(m, "include"))
	if include == nil || include.Kind != yaml.SequenceNode {
		t.value(s, doc, include, nil, made)
		return
	}
	for _, row := range include.Content {
		if row = follow(row); row.Kind != yaml.MappingNode {
			t.value(s, doc, row, nil, made)
		} else {
			t.value(s, doc, get(row, key), nil, made)
		}
	}
}

// step follows the outputs of a step: of a local action to their values, of anything else to what it had.
func (t *tracer) step(s *scope, id, output string, made bool) {
	for _, st := range s.beside() {
		if id != "" && !expression.SameName(st.id, id) || id == "" && st.id == "" {
			continue
		}
		if a := s.r.a.l.local(st); a != nil && a.using == "composite" {
			t.value(s.inside(st), a.document, outputValue(a.outputs, output), nil, made)
			continue
		}
		t.product(s, st, output, made)
	}
}

// product adds what goes into the outputs of a step, or into the variables that it sets.
func (t *tracer) product(s *scope, st *step, name string, made bool) {
	near := s.near(st)
	script := scriptOf(st)
	if !s.Step(1) {
		return
	}
	if script == nil {
		t.value(s, st.document, st.with, near, true)
		t.value(s, st.document, st.env, near, true)
	} else {
		if *s.r.a.work -= len(script.Value) / 64; *s.r.a.work <= 0 {
			return
		}
		// What the script is made of by expressions, and what it has in variables that it names.
		t.value(s, st.document, script, near, true)
		had := map[string]bool{}
		for i, v := range near {
			pairs(v.node, func(key, value *yaml.Node) {
				if had[key.Value] || !strings.Contains(script.Value, key.Value) && !expression.IsTemplate(key.Value) {
					return
				}
				had[key.Value] = true
				t.value(s.around(v), v.document, value, near[i:], made || !s.copies(script.Value, name, key.Value))
			})
		}
		if readsText(script.Value) {
			t.add(source{expression.Flow{Path: "github.event.pull_request.title"}, made || !copiesText(script.Value, name)})
		}
		if strings.Contains(script.Value, "GITHUB_HEAD_REF") {
			t.add(source{expression.Flow{Path: "github.head_ref"}, made || !s.copies(script.Value, name, "GITHUB_HEAD_REF")})
		}
	}
	if speaksOfHead(st) {
		t.add(source{expression.Flow{Path: headOf()[0]}, true})
	}
}

// copies says that a script writes what a variable holds to an output of a name, or to a variable, as it is.
func (s *scope) copies(script, name, variable string) bool {
	name = expression.Lower(name)
	tainted := []string{variable}
	for _, line := range commands(script) {
		if !s.Step(1 + len(tainted)/4) {
			return true
		}
		if strings.Contains(line, "$(") || strings.Contains(line, "`") || strings.Contains(line, variable+"//") || !mentions(line, tainted) {
			continue
		}
		to, _, isAssignment := sets(line)
		switch {
		case isAssignment:
			tainted = append(tainted, to)
		case name != "" && strings.Contains(expression.Lower(line), name+"="), strings.Contains(line, "GITHUB_") || strings.Contains(line, "setOutput") || strings.Contains(line, "exportVariable") || strings.HasPrefix(line, "return"),
			strings.Contains(line, "::set-"):
			low := expression.Lower(line)
			if name == "" || strings.Contains(low, name+"=") || strings.Contains(low, name+"'") || strings.Contains(low, name+`"`) || name == "result" {
				return true
			}
		case name != "" && strings.Contains(expression.Lower(script), name+"<<"):
			return true
		}
	}
	return false
}

// mentions says that a command expands one of the variables, in a shell or in JavaScript.
func mentions(line string, names []string) bool {
	for _, name := range names {
		for i := 0; name != ""; {
			k := strings.Index(line[i:], name)
			if k < 0 {
				break
			}
			at := i + k
			i = at + len(name)
			if i < len(line) && isNameByte(line[i]) || at == 0 {
				continue
			}
			before := line[:at]
			if strings.HasSuffix(before, "$") || strings.HasSuffix(before, "${") || strings.HasSuffix(expression.Lower(before), "env:") ||
				strings.HasSuffix(before, "env.") || strings.HasSuffix(before, "env['") || strings.HasSuffix(before, `env["`) || strings.HasSuffix(before, "{!") {
				return true
			}
		}
	}
	return false
}

// sets takes a command apart that does nothing but set a variable.
func sets(line string) (name, value string, ok bool) {
	for _, word := range []string{"export ", "local ", "readonly ", "declare ", "typeset ", "const ", "let ", "var ", "$"} {
		line = strings.TrimPrefix(line, word)
	}
	name, value, ok = strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.Trim(name, nameBytes) != "" {
		return "", "", false
	}
	return name, value, true
}

// outputName is what stands behind "outputs", "" for any.
func outputName(path string) string {
	name, ok := strings.CutPrefix(path, "outputs.")
	if !ok || name == "*" {
		return ""
	}
	return name
}

// beside are the steps of the job, or of the local action.
func (s *scope) beside() []*step {
	switch {
	case s.outer != nil && s.step.action != nil:
		return s.step.action.steps
	case s.outer == nil && s.f.job != nil:
		return s.f.job.steps
	}
	return nil
}

// outputValue is what an output is given, with all of them for "".
func outputValue(outputs *yaml.Node, name string) *yaml.Node {
	if name == "" || computedKeys(outputs) {
		return outputs
	}
	n := get(outputs, name)
	if v := get(n, "value"); v != nil {
		return v
	}
	return n
}

// insideKey is a step that uses a local action, by where it stands.
type insideKey struct {
	owner any
	step  *step
}

// inside is the scope of the local action that a step uses, the same one every time.
func (s *scope) inside(st *step) *scope {
	key := insideKey{s.owner(), st}
	if in := s.r.insides[key]; in != nil {
		return in
	}
	in := s.r.scope(s.r.a.frame(frameKey{parent: s.f.parent, file: s.f.file, job: s.f.job, action: true}))
	in.outer, in.step = s, st
	if s.r.insides == nil {
		s.r.insides = map[insideKey]*scope{}
	}
	s.r.insides[key] = in
	return in
}

// commit is a source that names somebody else's code, "" for none.
func commit(f source) string {
	whole, isStar := strings.CutSuffix(f.Path, ".*")
	if strings.HasPrefix(f.Path, "github.event.pull_request.head.user") || strings.HasSuffix(f.Path, "repo.id") || strings.HasSuffix(f.Path, "repository.id") || isNumber(f.Path) {
		return ""
	}
	for _, p := range headOf() {
		rest, ok := strings.CutPrefix(f.Path, p)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') || (isStar || f.Whole) && strings.HasPrefix(p, whole+".") {
			return f.Path
		}
	}
	return ""
}

// isNumber says that a property is the number of a pull request, by which one is found.
func isNumber(path string) bool {
	return slices.Contains(numberOf(), path) || strings.Contains(path, ".pull_requests") && (strings.HasSuffix(path, ".number") || strings.HasSuffix(path, ".id") || strings.HasSuffix(path, ".url"))
}

// mergeCommit is a commit of the repository's own once the pull request was merged.
const mergeCommit = "github.event.pull_request.merge_commit_sha"

// commitIn is a source that names somebody else's code: one that nothing was made of before others, and the
// merge commit only where there is no other.
func commitIn(list []source) (path string, sure evidence.Truth) {
	best := 0
	for _, f := range list {
		p := commit(f)
		rank := 1
		switch {
		case p == "":
			continue
		case p != mergeCommit && !f.made:
			rank = 3
		case p != mergeCommit:
			rank = 2
		}
		if rank > best {
			best, path, sure = rank, p, evidence.Yes
			if f.made {
				sure = evidence.Perhaps
			}
		}
	}
	return path, sure
}

// textOf is the first source that somebody else wrote, one that nothing was made of before others.
func (s *scope) textOf(list []source) (path string, sure evidence.Truth) {
	for _, f := range list {
		if !isText(f.Flow) && !s.opens(f.Path) || path != "" && f.made {
			continue
		}
		path, sure = f.Path, evidence.Yes
		if !f.made {
			return path, sure
		}
		sure = evidence.Perhaps
	}
	return path, sure
}
