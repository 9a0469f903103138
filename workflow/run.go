package workflow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// frame is a job as it is called: its names mean what they mean there.
type frame struct {
	id     int
	parent *frame // the calling job's; nil in the workflow that is started
	file   *file
	job    *job // nil in the outputs of a called workflow
	// action says that it is inside a local action, whose inputs are its own.
	action bool
}

// analysis works out one job of one workflow that is started.
type analysis struct {
	l      *loader
	root   *file
	leaf   *frame
	frames []*frame
	by     map[frameKey]*frame
	// inputKinds are the types of called workflows' inputs that are variables.
	inputKinds map[string]string
	work       *int // what is left
	inEnv      bool // the job may be in an environment, so that it may have secrets of it
}

type frameKey struct {
	parent *frame
	file   *file
	job    *job
	action bool
}

// frame gives each frame its number, the same one every time.
func (a *analysis) frame(k frameKey) *frame {
	if f := a.by[k]; f != nil {
		return f
	}
	f := &frame{id: len(a.frames), parent: k.parent, file: k.file, job: k.job, action: k.action}
	if a.by == nil {
		a.by = map[frameKey]*frame{}
	}
	a.by[k] = f
	a.frames = append(a.frames, f)
	return f
}

// run works out expressions in one state. Where something has to be chosen first, and split says
// that it may be, forks has the states to go on with, and nothing else that the run says counts.
type run struct {
	a      *analysis
	st     *state
	split  bool
	forked bool
	forks  []*state
	tables map[int]*table
	status status

	uses     *[]evidence.SecretUse // where secrets are recorded; nil: they are not
	at       []context             // what is being worked out, the job's own text first
	loose    bool                  // what is recorded was given to a program, see [evidence.SecretUse]
	assumed  []expression.Ref
	skipAtom string
	insides  map[insideKey]*scope
	probing  bool // it only asks whether what was chosen can hold
	depth    int
}

// status is how the job went so far, for the functions that tell it.
type status uint8

const (
	statusUnknown status = iota
	statusSuccess
	statusFailed
	statusCancelled
	statusSkipped // what it needs was skipped: neither success nor failure
	statusFailedAndCancelled
)

// context is one text that is being worked out.
type context struct {
	e    *located
	node *expression.Node // the expression in it
	step int
}

// scope is the [expression.Env] of a frame.
type scope struct {
	r *run
	f *frame

	// Inside a local action: the step that uses it, where its inputs come from.
	outer *scope
	step  *step
}

func (r *run) scope(f *frame) *scope { return &scope{r: r, f: f} }

// in is the same scope in another run.
func (s *scope) in(r *run) *scope { return r.scope(s.f) }

// Scope implements [expression.Env].
func (s *scope) Scope() int { return s.f.id }

// Step implements [expression.Env].
func (s *scope) Step(n int) bool {
	*s.r.a.work -= n
	return *s.r.a.work > 0 && !s.r.forked
}

// variable is where a property's value comes from.
type variable struct {
	key   string                                  // of a domain; "" where it is not one
	as    func(expression.Value) expression.Value // of the domain's values; nil: as they are
	value expression.Value                        // where key is "": what it is, if that is known
	rows  *frame                                  // a property of this frame's matrix
	path  []string                                // of the matrix, without "matrix"
}

// maxDepth bounds how far the run follows what stands for something else.
const maxDepth = 40

// locate finds where a property's value comes from.
func (r *run) locate(ref expression.Ref) variable {
	f := r.a.frames[ref.Scope]
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth || f.action && ref.Path[0] != "github" {
		return variable{}
	}
	rest := ref.Path[1:]
	switch ref.Path[0] {
	case "github":
		return r.locateGithub(rest)
	case "inputs":
		if len(rest) != 1 {
			return variable{}
		}
		return r.locateInput(f, rest[0])
	case "matrix":
		if f.job == nil {
			return variable{}
		}
		if t := r.table(f); t.known {
			return variable{rows: f, path: rest}
		}
		return own(f, ref)
	case "vars":
		return variable{key: "0:" + ref.String()}
	case "needs", "strategy":
		return own(f, ref)
	default: // env, steps, job, runner: they change while the job runs
		return variable{}
	}
}

// own is a variable of a frame.
func own(f *frame, ref expression.Ref) variable {
	return variable{key: strconv.Itoa(f.id) + ":" + ref.String()}
}

func (r *run) locateGithub(rest []string) variable {
	if len(rest) == 0 {
		return variable{}
	}
	if len(rest) == 3 && rest[0] == "event" && rest[1] == "inputs" {
		return variable{key: "0:inputs." + rest[2], as: func(v expression.Value) expression.Value {
			if v.Type == expression.Unknown || v.Type == expression.Null {
				return v
			}
			s, _ := v.AsText()
			return expression.TextValue(s)
		}}
	}
	switch name := rest[0]; {
	case len(rest) > 1 && name != "event", name == "event" && len(rest) == 1:
		return variable{}
	case strings.HasPrefix(name, "action"), name == "env", name == "path", name == "job", name == "output", name == "state", name == "token":
		return variable{} // they differ from step to step
	case name == "workflow":
		return variable{value: r.a.root.known}
	case name == "ref_name" || name == "ref_type":
		if d := r.domain("0:github.ref"); d.finite != nil || d.known {
			return variable{key: "0:github.ref", as: func(v expression.Value) expression.Value { return derivedFromRef(name, v) }}
		}
	}
	return variable{key: "0:" + expression.Ref{Path: append([]string{"github"}, rest...)}.String()}
}

// locateInput finds an input: of the dispatch, or what the caller passes.
func (r *run) locateInput(f *frame, name string) variable {
	if f.parent == nil {
		return variable{key: "0:inputs." + name}
	}
	i := slices.IndexFunc(f.file.inputs, func(in *callInput) bool { return expression.SameName(in.name, name) })
	if i < 0 {
		return variable{value: expression.Value{Type: expression.Null}}
	}
	in := f.file.inputs[i]
	key := strconv.Itoa(f.id) + ":inputs." + expression.Lower(in.name)
	scope := r.scope(f.parent)
	passed := get(f.parent.job.with, name)
	doc := f.parent.file.document
	if passed == nil {
		if passed, doc, scope = in.defaultValue, f.file.document, r.scope(f); isNull(passed) {
			switch in.kind {
			case "boolean":
				return variable{value: expression.BoolValue(false)}
			case "number":
				return variable{value: expression.NumberValue(0)}
			default:
				return variable{value: expression.TextValue("")}
			}
		}
	}
	if t := doc.text(passed, false); t != nil && t.template != nil && in.kind == "string" {
		if path := propertyOf(t.template.Single()); path != nil && path[0] != "secrets" {
			return r.locate(expression.Ref{Scope: scope.f.id, Path: path}).asText()
		}
	}
	v := converted(scope.node(doc, passed), in.kind)
	if v.Type != expression.Unknown {
		return variable{value: v}
	}
	if r.a.inputKinds == nil {
		r.a.inputKinds = map[string]string{}
	}
	r.a.inputKinds[key] = in.kind
	return variable{key: key}
}

// propertyOf is the path of an expression that is nothing but a property with a fixed name.
func propertyOf(n *expression.Node) []string {
	var path []string
	for ; n != nil; n = n.Args[0] {
		switch {
		case n.Kind == expression.Name:
			path = append(path, n.Text)
			slices.Reverse(path)
			return path
		case n.Kind == expression.Index && n.Args[1].Kind == expression.StringLiteral:
			path = append(path, expression.Lower(n.Args[1].Text))
		default:
			return nil
		}
	}
	return nil
}

// converted is a value that is passed for an input of a type.
func converted(v expression.Value, kind string) expression.Value {
	s, ok := v.AsText()
	if !ok {
		return expression.Value{}
	}
	switch kind {
	case "boolean":
		switch {
		case v.Type == expression.Bool:
			return v
		case expression.SameName(s, "true"), expression.SameName(s, "false"):
			return expression.BoolValue(expression.SameName(s, "true"))
		default:
			return expression.Value{}
		}
	case "number":
		return v
	default:
		return expression.TextValue(s)
	}
}

// Resolve implements [expression.Env].
func (s *scope) Resolve(ref expression.Ref) expression.Value {
	if s.r.observe(ref, false, false) {
		return expression.Value{}
	}
	if len(ref.Path) == 1 && ref.Path[0] == "inputs" {
		return expression.Value{Truth: expression.True}
	}
	v := s.r.locate(ref)
	switch {
	case s.r.forked:
		return expression.Value{}
	case v.rows != nil:
		return s.r.resolveRows(v)
	case v.key == "":
		return v.value
	}
	d := s.r.domain(v.key)
	if d.known {
		return v.of(d.value)
	}
	if d.finite != nil && s.r.split && len(d.finite) <= MaxCases {
		var forks []*state
		for _, one := range d.finite {
			forks = append(forks, s.r.st.withVar(v.key, oneOf([]expression.Value{one})))
		}
		s.r.fork(forks)
		return expression.Value{}
	}
	return s.r.commonTruth(v, d)
}

// asText is a variable of which the value is put into a text.
func (v variable) asText() variable {
	before := v
	v.as = func(x expression.Value) expression.Value { return converted(before.of(x), "string") }
	v.value = v.as(v.value)
	return v
}

func (v variable) of(value expression.Value) expression.Value {
	if v.as == nil {
		return value
	}
	return v.as(value)
}

// commonTruth is a value of which only that much is known.
func (r *run) commonTruth(v variable, d domain) expression.Value {
	out := expression.Value{}
	if len(d.finite) > 0 {
		out.Truth = v.of(d.finite[0]).AsTruth()
		out.IsBool = true
		for _, one := range d.finite {
			one = v.of(one)
			out.IsBool = out.IsBool && one.Type == expression.Bool
			if one.AsTruth() != out.Truth {
				out.Truth = expression.Perhaps
			}
		}
	}
	if slices.ContainsFunc(d.not, func(n expression.Value) bool { return n.Type == expression.String && n.Text == "" }) {
		out.Truth = expression.True
	}
	return out
}

func (r *run) resolveRows(v variable) expression.Value {
	t := r.table(v.rows)
	rows, ok := r.st.rows[v.rows.id]
	if !ok {
		rows = t.all
	}
	values := t.values(rows, v.path)
	*r.a.work -= len(rows) * len(values) / 16
	if len(values) == 1 {
		return v.of(values[0])
	}
	if !r.split || len(values) == 0 || len(values) > MaxCases {
		return expression.Value{}
	}
	groups := make([][]int, len(values))
	next := 0 // values are in the order of the rows that have them first
	for _, i := range rows {
		value := t.rows[i].at(v.path)
		g := slices.IndexFunc(values[:next], value.Same)
		if g < 0 { // what is not known is the same as nothing, itself included
			g = next
			next++
		}
		groups[g] = append(groups[g], i)
	}
	var forks []*state
	for _, group := range groups {
		forks = append(forks, r.st.withRows(v.rows.id, v.path, group))
	}
	r.fork(forks)
	return expression.Value{}
}

// ResolveAny implements [expression.Env].
func (s *scope) ResolveAny(ref expression.Ref, all bool) expression.Value {
	if s.r.observe(ref, true, all) {
		return expression.Value{}
	}
	if all {
		if v := s.r.locate(ref); v.rows != nil {
			return s.r.resolveRows(v)
		}
	}
	return expression.Value{}
}

// Equal implements [expression.Env].
func (s *scope) Equal(ref expression.Ref, to expression.Value) expression.Truth {
	r := s.r
	if r.observe(ref, false, false) {
		return expression.Perhaps
	}
	v := r.locate(ref)
	switch {
	case r.forked:
		return expression.Perhaps
	case v.rows != nil:
		return r.equalRows(v, to)
	case v.key == "":
		return v.value.Equals(to)
	}
	d := r.domain(v.key)
	if d.known {
		return v.of(d.value).Equals(to)
	}
	return r.part(v, d, func(x expression.Value) expression.Truth { return v.of(x).Equals(to) }, to)
}

// part divides what a variable can be by a question that its values answer. to is the value that
// answers yes where there is no end to them.
func (r *run) part(v variable, d domain, yes func(expression.Value) expression.Truth, to expression.Value) expression.Truth {
	if d.finite == nil {
		if !to.IsWord() {
			return expression.Perhaps
		}
		if slices.ContainsFunc(d.not, func(n expression.Value) bool { return n.Equals(to) == expression.True }) {
			return expression.False
		}
		is := r.st.withVar(v.key, domain{known: true, value: to})
		if !r.possible(is) {
			return expression.False
		}
		if r.split {
			other := d
			other.not = append(slices.Clone(d.not), to)
			r.fork([]*state{is, r.st.withVar(v.key, other)})
		}
		return expression.Perhaps
	}
	var match, rest []expression.Value
	for _, one := range d.finite {
		switch yes(one) {
		case expression.True:
			match = append(match, one)
		case expression.False:
			rest = append(rest, one)
		default:
			return expression.Perhaps
		}
	}
	switch {
	case len(rest) == 0:
		return expression.True
	case len(match) == 0:
		return expression.False
	case r.split:
		r.fork([]*state{r.st.withVar(v.key, oneOf(match)), r.st.withVar(v.key, oneOf(rest))})
	}
	return expression.Perhaps
}

func (r *run) equalRows(v variable, to expression.Value) expression.Truth {
	return r.partRows(v, func(x expression.Value) expression.Truth { return x.Equals(to) })
}

func (r *run) partRows(v variable, yes func(expression.Value) expression.Truth) expression.Truth {
	t := r.table(v.rows)
	rows, ok := r.st.rows[v.rows.id]
	if !ok {
		rows = t.all
	}
	var match, rest []int
	*r.a.work -= len(rows) / 16
	for _, i := range rows {
		switch yes(v.of(t.rows[i].at(v.path))) {
		case expression.True:
			match = append(match, i)
		case expression.False:
			rest = append(rest, i)
		default:
			return expression.Perhaps
		}
	}
	switch {
	case len(rest) == 0 && len(match) > 0:
		return expression.True
	case len(match) == 0:
		return expression.False
	case r.split:
		r.fork([]*state{r.st.withRows(v.rows.id, v.path, match), r.st.withRows(v.rows.id, v.path, rest)})
	}
	return expression.Perhaps
}

// possible says that one more choice can hold together with those before it.
func (r *run) possible(st *state) bool {
	return r.probing || len(r.st.vars)+len(r.st.atoms) == 0 || r.consistent(st)
}

// fork ends the run: it goes on in those of the states in which everything can hold.
func (r *run) fork(states []*state) {
	if r.forked {
		return
	}
	r.forked = true
	for _, st := range states {
		if r.consistent(st) {
			r.forks = append(r.forks, st)
		}
	}
	if len(r.forks) == 0 {
		r.forks = states // one of them holds, whatever it looks like: no case is lost
	}
}

// Decide implements [expression.Env].
func (s *scope) Decide(n *expression.Node, _ expression.Value) expression.Truth {
	r := s.r
	if r.forked || !stable(n) {
		return expression.Perhaps
	}
	if path := propertyOf(n); path != nil {
		if t, ok := s.decideProperty(expression.Ref{Scope: s.f.id, Path: path}); ok {
			return t
		}
	}
	key := strconv.Itoa(s.f.id) + ":" + n.String()
	if key == r.skipAtom {
		return expression.Perhaps
	}
	for _, a := range r.st.atoms {
		if a.key == key {
			return expression.TruthOf(a.truth)
		}
	}
	a := atom{key: key, text: n.String(), scope: s, node: n, truth: true}
	holds := r.st.withAtom(a)
	a.truth = false
	fails := r.st.withAtom(a)
	switch {
	case !r.possible(holds):
		return expression.False
	case !r.possible(fails):
		return expression.True
	case r.split:
		r.fork([]*state{holds, fails})
	}
	return expression.Perhaps
}

// decideProperty asks whether a property counts as true. ok is false where there is no end to what
// it can be: then it is a condition like any other, because what counts as false may be no text,
// zero, false or nothing at all.
func (s *scope) decideProperty(ref expression.Ref) (t expression.Truth, ok bool) {
	r := s.r
	v := r.locate(ref)
	truth := func(x expression.Value) expression.Truth { return v.of(x).AsTruth() }
	switch {
	case r.forked:
		return expression.Perhaps, true
	case v.rows != nil:
		return r.partRows(v, expression.Value.AsTruth), true
	case v.key == "":
		return v.value.AsTruth(), true
	}
	d := r.domain(v.key)
	if d.known {
		return truth(d.value), true
	}
	if d.finite == nil {
		return expression.Perhaps, false
	}
	return r.part(v, d, truth, expression.Value{}), true
}

// stable says that a condition has the same value wherever it stands in the job.
func stable(n *expression.Node) bool {
	ok := true
	n.Walk(func(n *expression.Node) bool {
		switch n.Kind {
		case expression.Name:
			ok = ok && slices.Contains([]string{"github", "inputs", "vars", "needs", "matrix", "strategy"}, n.Text)
		case expression.Call:
			ok = ok && slices.Contains([]string{"contains", "startswith", "endswith", "format", "join", "tojson", "fromjson", "case"}, n.Text)
		default: // its parts are looked at by themselves
		}
		return ok
	})
	return ok
}

// Call implements [expression.Env].
func (s *scope) Call(name string, args []expression.Value) expression.Value {
	st := s.r.status
	switch {
	case name == "always" && len(args) == 0:
		return expression.BoolValue(true)
	case st == statusUnknown:
		return expression.Value{}
	case name == "success" && len(args) == 0:
		return expression.BoolValue(st == statusSuccess)
	case name == "failure" && len(args) == 0:
		return expression.BoolValue(st == statusFailed || st == statusFailedAndCancelled)
	case name == "cancelled" && len(args) == 0:
		return expression.BoolValue(st == statusCancelled || st == statusFailedAndCancelled)
	}
	return expression.Value{}
}

// Assume implements [expression.Env].
func (s *scope) Assume(ref expression.Ref, in bool) {
	if in {
		s.r.assumed = append(s.r.assumed, ref)
	} else if n := len(s.r.assumed); n > 0 {
		s.r.assumed = s.r.assumed[:n-1]
	}
}

// node is the value of a YAML node.
func (s *scope) node(doc *document, n *yaml.Node) expression.Value {
	n = follow(n)
	if n == nil {
		return expression.Value{Type: expression.Null}
	}
	if !s.Step(1) {
		return expression.Value{}
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if t := doc.text(n, false); t != nil {
			return s.text(t)
		}
		return literal(n)
	case yaml.SequenceNode:
		v := expression.Value{Type: expression.Array}
		for _, item := range n.Content {
			v.Items = append(v.Items, s.node(doc, item))
		}
		return v
	case yaml.MappingNode:
		v := expression.Value{Type: expression.Object}
		pairs(n, func(key, value *yaml.Node) {
			v.Keys = append(v.Keys, key.Value)
			v.Items = append(v.Items, s.node(doc, value))
		})
		return v
	default:
		return expression.Value{}
	}
}

// text is the value of a text with expressions.
func (s *scope) text(t *text) expression.Value {
	if t.template == nil {
		return expression.Value{}
	}
	return t.template.Eval(s)
}

var plainNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$`) })

// literal is the value of a scalar without expressions.
func literal(n *yaml.Node) expression.Value {
	switch n.Tag {
	case "!!null":
		return expression.Value{Type: expression.Null}
	case "!!bool":
		return expression.BoolValue(expression.SameName(n.Value, "true"))
	case "!!int", "!!float":
		// Of other spellings (017, 0b1, 1_000, .inf) readers of YAML think differently.
		if !plainNumber().MatchString(n.Value) {
			return expression.Value{}
		}
		if x, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return expression.NumberValue(x)
		}
		return expression.Value{}
	}
	return expression.TextValue(n.Value)
}
