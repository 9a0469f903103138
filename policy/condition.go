package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// Condition is the when of a rule: an expression, checked and compiled when the policy is read.
// It knows only the names and functions of the language, and reads nothing but [Facts].
type Condition struct {
	Source   string // as written
	Position Position
	policy   *Policy
	needs    []string       // the names that it uses
	actions  []names.Action // the kinds of act for which all of them have a value; nil: all
	root     node
}

// maxSteps bounds the work of one evaluation. A step is one operation, or 64 bytes looked at.
const maxSteps = 100_000

// Errors of an evaluation.
var (
	errSteps = fmt.Errorf("it takes more than %d steps", maxSteps)
	errEmpty = errors.New("the condition is empty")
)

// Eval reports whether the condition holds. An error means that it could not be told, because a
// fact is not known or the work exceeds its bound: a grant then does not cover, a forbid or gate
// matches. Where it wraps [ErrNotYet] the condition may come out either way once the act is done. A nil
// condition always holds.
func (c *Condition) Eval(f Facts) (bool, error) {
	if c == nil {
		return true, nil
	}
	if c.root == nil {
		return false, errEmpty
	}
	if c.actions != nil && !slices.Contains(c.actions, f.Action) {
		return false, fmt.Errorf("it uses %s, which has no value for the act %s", names.List(c.needs, "and"), inert.Quote(string(f.Action)))
	}
	v, err := c.root(&machine{condition: c, facts: &f, left: maxSteps})
	if err != nil {
		return false, err
	}
	return v.yes, nil
}

// Needs reports whether the condition uses a name ("commit.lines_changed"), or any name of a
// group ("pr").
func (c *Condition) Needs(name string) bool {
	if c == nil {
		return false
	}
	return slices.ContainsFunc(c.needs, func(n string) bool { return n == name || strings.HasPrefix(n, name+".") })
}

// NeedsLines reports whether any condition asks for commit.lines_changed, which is costly to count.
func (p *Policy) NeedsLines() bool { return p.needs("commit.lines_changed") }

func (p *Policy) needs(name string) bool {
	return slices.ContainsFunc(p.Grants, func(r *Grant) bool { return r.When.Needs(name) }) ||
		slices.ContainsFunc(p.Forbids, func(r *Forbid) bool { return r.When.Needs(name) }) ||
		slices.ContainsFunc(p.Gates, func(r *Gate) bool { return r.When.Needs(name) })
}

// AsksForRefs reports whether any forbid, gate or grant goes by the refs of a kind of act.
func (p *Policy) AsksForRefs(a names.Action) bool {
	asks := func(actions []names.Action, branches []pattern.Pattern, when *Condition) bool {
		return (actions == nil || slices.Contains(actions, a)) && (branches != nil || when.Needs("act.ref"))
	}
	return slices.ContainsFunc(p.Forbids, func(r *Forbid) bool { return asks(r.Actions, r.Branches, r.When) }) ||
		slices.ContainsFunc(p.Gates, func(r *Gate) bool { return asks(r.Actions, r.Branches, r.When) }) ||
		slices.ContainsFunc(p.Grants, func(r *Grant) bool { return slices.Contains(r.Actions, a) && asks(r.Actions, r.Branches, r.When) })
}

// AsksForPaths reports whether any forbid or gate goes by the paths of a kind of act, which takes work to
// find out where the act itself changes none: by the environments that they make up too, but for a deploy,
// which names its own; and whether any of them, or a grant, goes by how many there are.
func (p *Policy) AsksForPaths(a names.Action) bool {
	asks := func(actions []names.Action, paths, environments []pattern.Pattern, when *Condition) bool {
		return (actions == nil || slices.Contains(actions, a)) &&
			(paths != nil || environments != nil && a != names.Deploy || when.counts())
	}
	return slices.ContainsFunc(p.Forbids, func(r *Forbid) bool { return asks(r.Actions, r.Paths, r.Environments, r.When) }) ||
		slices.ContainsFunc(p.Gates, func(r *Gate) bool { return asks(r.Actions, r.Paths, r.Environments, r.When) }) ||
		slices.ContainsFunc(p.Grants, func(r *Grant) bool { return slices.Contains(r.Actions, a) && r.When.counts() })
}

// counts reports whether the condition asks how much an act changes.
func (c *Condition) counts() bool {
	return slices.ContainsFunc([]string{"commit.files_changed", "commit.files_deleted", "commit.lines_changed"}, c.Needs)
}

// condition compiles a when. actions are those of its rule, nil where it has none.
func (d *decoder) condition(x expr, actions []names.Action) *Condition {
	r := x.Range()
	c := &Condition{Position: d.at(r), policy: d.policy}
	if r.Start.Byte <= r.End.Byte && r.End.Byte <= len(d.bytes) {
		c.Source = string(d.bytes[r.Start.Byte:r.End.Byte])
	}
	k := compiler{decoder: d, condition: c, rule: actions, facts: factTable(), functions: functionTable()}
	op := k.compile(x)
	if op.node == nil {
		return nil // reported
	}
	if !op.typ.is(boolType) {
		d.errorf(r, "Not a condition", "A condition is true or false, and this is %s.", op.typ)
		return nil
	}
	c.root = op.node
	d.whens[c] = x
	return c
}

// typ is the type of an expression.
type typ struct {
	base   base
	list   bool
	domain domain // what texts it can be
}

type base uint8

const (
	noType base = iota // of an empty list's elements
	boolType
	numberType
	textType
)

func (t typ) is(b base) bool { return t.base == b && !t.list }

// same reports whether values of t and u can be compared.
func (t typ) same(u typ) bool {
	return t.list == u.list && (t.base == u.base || t.list && (t.base == noType || u.base == noType))
}

// String is the type in a sentence: "a number".
func (t typ) String() string {
	one := [...]string{"nothing", "true or false", "a number", "a text"}[t.base]
	if t.list {
		return "a list of " + [...]string{"nothing", "true and false", "numbers", "texts"}[t.base]
	}
	return one
}

// value is the result of an evaluation. The type is known, so only one field counts.
type value struct {
	yes  bool
	num  int64
	text string
	list []value
}

func boolValue(b bool) value    { return value{yes: b} }
func numberValue(n int64) value { return value{num: n} }
func textValue(s string) value  { return value{text: s} }

func (v value) equal(w value) bool {
	return v.yes == w.yes && v.num == w.num && v.text == w.text && slices.EqualFunc(v.list, w.list, value.equal)
}

// size is about how much there is to look at.
func (v value) size() int {
	n := 1 + len(v.text)/64
	for _, e := range v.list {
		n += 1 + len(e.text)/64
	}
	return n
}

// node is a compiled expression.
type node func(*machine) (value, error)

// machine is one evaluation.
type machine struct {
	condition *Condition
	facts     *Facts
	locals    []value // of the for expressions around
	left      int     // steps
}

func (m *machine) spend(n int) error {
	if m.left -= n; m.left < 0 {
		return errSteps
	}
	return nil
}

// operand is a compiled part of an expression.
type operand struct {
	typ  typ
	node node      // nil where it does not compile, which was reported
	lits []literal // the texts, where it is a literal or a list of them
	at   hcl.Range
}

type literal struct {
	text string
	at   hcl.Range
}

// compiler compiles one condition.
type compiler struct {
	*decoder
	condition *Condition
	rule      []names.Action
	facts     []fact
	functions []function
	locals    []local
}

type local struct {
	name string
	typ  typ
}

// compile checks an expression and returns how to evaluate it. What is wrong is reported.
func (k *compiler) compile(x expr) operand {
	op := operand{at: x.Range()}
	switch x := x.(type) {
	case *hclsyntax.ParenthesesExpr:
		return k.compile(x.Expression)
	case *hclsyntax.TemplateExpr:
		if s, ok := literalText(x); ok {
			op.lits = []literal{{s, op.at}}
			return op.constant(typ{base: textType}, textValue(s))
		}
	case *hclsyntax.LiteralValueExpr:
		if n, ok := literalNumber(x); ok {
			return op.constant(typ{base: numberType}, numberValue(n))
		}
		if isLiteral(x, cty.Bool) {
			return op.constant(typ{base: boolType}, boolValue(x.Val.True()))
		}
	case *hclsyntax.ScopeTraversalExpr:
		return k.name(x, op)
	case *hclsyntax.FunctionCallExpr:
		return k.call(x, op)
	case *hclsyntax.UnaryOpExpr:
		return k.unary(x, op)
	case *hclsyntax.BinaryOpExpr:
		return k.binary(x, op)
	case *hclsyntax.ConditionalExpr:
		return k.conditional(x, op)
	case *hclsyntax.TupleConsExpr:
		return k.tuple(x, op)
	case *hclsyntax.ForExpr:
		return k.each(x, op)
	}
	k.errorf(op.at, "Not part of the language", "A condition is made of names, texts, numbers, true and false, lists, functions, for expressions and the operators == != < <= > >= && || ! + - * and ?:.")
	return op
}

func (op operand) constant(t typ, v value) operand {
	op.typ = t
	op.node = func(*machine) (value, error) { return v, nil }
	return op
}

// name compiles a name such as commit.message, or a for expression's variable.
func (k *compiler) name(x *hclsyntax.ScopeTraversalExpr, op operand) operand {
	root, rest := x.Traversal.RootName(), ""
	if len(x.Traversal) == 1 {
		for i := len(k.locals) - 1; i >= 0; i-- {
			if k.locals[i].name == root {
				op.typ = k.locals[i].typ
				op.node = func(m *machine) (value, error) { return m.locals[i], m.spend(1) }
				return op
			}
		}
	}
	if len(x.Traversal) == 2 {
		if a, ok := x.Traversal[1].(hcl.TraverseAttr); ok {
			rest = a.Name
		}
	}
	name := root + "." + rest
	i := slices.IndexFunc(k.facts, func(f fact) bool { return f.name == name })
	if i < 0 {
		k.unknownName(op.at, root, rest)
		return op
	}
	f := k.facts[i]
	if !k.valued(f, op.at) {
		return op
	}
	if !slices.Contains(k.condition.needs, name) {
		k.condition.needs = append(k.condition.needs, name)
	}
	op.typ = f.kind
	op.node = func(m *machine) (value, error) {
		if slices.Contains(m.facts.NotYet, name) {
			return value{}, fmt.Errorf("%s: %w", name, ErrNotYet)
		}
		v, err := f.get(m.condition, m.facts)
		if err != nil {
			return value{}, fmt.Errorf("%s: %w", name, err)
		}
		return v, m.spend(1)
	}
	return op
}

func (k *compiler) unknownName(at hcl.Range, root, rest string) {
	known := make([]string, len(k.facts))
	for i, f := range k.facts {
		known[i] = f.name
	}
	given := root
	if rest != "" {
		given += "." + rest
	}
	if k.has(names.Principal(given)) {
		k.errorf(at, "Unknown name", "In a condition principals are texts: compare chain.root with %q, or agent.name with %q.", given, rest)
		return
	}
	hint := didYouMean(given, known)
	if hint == "" {
		hint = " There are " + names.List(known, "and") + "."
	}
	k.errorf(at, "Unknown name", "There is no %s in a condition.%s", inert.Quote(given), hint)
}

// valued checks that a name has a value for every kind of act that the rule is about.
func (k *compiler) valued(f fact, at hcl.Range) bool {
	if f.actions == nil {
		return true
	}
	if k.rule == nil {
		k.errorf(at, "Actions missing", "%s has a value only for %s: name them in the rule, above, as actions = [%s].",
			f.name, names.List(f.actions, "and"), quoted(f.actions))
		return false
	}
	for _, a := range k.rule {
		if !slices.Contains(f.actions, a) {
			k.errorf(at, "No value", "%s has no value for the action %s of this rule: only for %s. Write a rule of its own for %s.",
				f.name, a, names.List(f.actions, "and"), a)
			return false
		}
	}
	if k.condition.actions == nil {
		k.condition.actions = f.actions
	} else {
		k.condition.actions = slices.DeleteFunc(slices.Clone(k.condition.actions), func(a names.Action) bool { return !slices.Contains(f.actions, a) })
	}
	return true
}

func quoted(actions []names.Action) string {
	out := make([]string, len(actions))
	for i, a := range actions {
		out[i] = fmt.Sprintf("%q", string(a))
	}
	return strings.Join(out, ", ")
}

// want reports an operand of the wrong type.
func (k *compiler) want(op operand, b base) bool {
	if op.node == nil {
		return false
	}
	if !op.typ.is(b) {
		k.errorf(op.at, "Wrong type", "This is %s, where %s is required.", op.typ, typ{base: b})
		return false
	}
	return true
}

// comparable checks that two operands can be equal, and that texts they are compared with exist.
func (k *compiler) comparable(a, b operand) bool {
	if a.node == nil || b.node == nil {
		return false
	}
	if !a.typ.same(b.typ) {
		k.errorf(b.at, "Wrong type", "This is %s, compared with %s: they are never equal.", b.typ, a.typ)
		return false
	}
	return k.spelt(a.typ.domain, b.lits) && k.spelt(b.typ.domain, a.lits)
}

func (k *compiler) spelt(dom domain, lits []literal) bool {
	ok := true
	for _, l := range lits {
		if err := k.inDomain(dom, l.text); err != nil {
			k.errorf(l.at, "Unknown value", "%s", sentence(err))
			ok = false
		}
	}
	return ok
}
