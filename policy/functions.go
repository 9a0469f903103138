package policy

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// The limits of matches.
const (
	maxExpression = 1000     // bytes of a regular expression
	maxProgram    = 1000     // its compiled size, in instructions
	maxSubject    = 64 << 10 // bytes of the text that it is matched against
)

// function is one function that a condition can call.
type function struct {
	name, usage, about string
	args               int
	compile            func(k *compiler, args []operand, op operand) operand
}

func functionTable() []function {
	return []function{
		{"length", "length(list or text)", "How many elements, or characters.", 1, compileLength},
		{"contains", "contains(list, value)", "Whether a list has an element.", 2, compileContains},
		{"startswith", "startswith(text, text)", "Whether the first begins with the second.", 2, affix(strings.HasPrefix)},
		{"endswith", "endswith(text, text)", "Whether the first ends with the second.", 2, affix(strings.HasSuffix)},
		{"lower", "lower(text)", "The text in lower case.", 1, compileLower},
		{"matches", `matches(text, "expression")`, "Whether a regular expression (RE2) matches anywhere in the text; ^ and $ tie it to the ends.", 2, compileMatches},
		{"anytrue", "anytrue(list)", "Whether any element is true.", 1, quantifier(true)},
		{"alltrue", "alltrue(list)", "Whether every element is true.", 1, quantifier(false)},
	}
}

func (k *compiler) call(x *hclsyntax.FunctionCallExpr, op operand) operand {
	known := make([]string, len(k.functions))
	for i, f := range k.functions {
		known[i] = f.name
	}
	i := slices.Index(known, x.Name)
	if i < 0 {
		hint := didYouMean(x.Name, known)
		if hint == "" {
			hint = " There are " + names.List(known, "and") + "; none reads anything but its arguments."
		}
		k.errorf(x.NameRange, "Unknown function", "There is no function %s.%s", inert.Quote(x.Name), hint)
		return op
	}
	f := k.functions[i]
	if len(x.Args) != f.args || x.ExpandFinal {
		k.errorf(op.at, "Wrong arguments", "It is called %s.", f.usage)
		return op
	}
	args := make([]operand, len(x.Args))
	for i, a := range x.Args {
		if args[i] = k.compile(a); args[i].node == nil {
			return op
		}
	}
	return f.compile(k, args, op)
}

// on evaluates one argument, at the cost of looking at it.
func on(a node, then func(v value) (value, error)) node {
	return func(m *machine) (value, error) {
		v, err := a(m)
		if err != nil {
			return value{}, err
		}
		if err := m.spend(v.size()); err != nil {
			return value{}, err
		}
		return then(v)
	}
}

func compileLength(k *compiler, args []operand, op operand) operand {
	a := args[0]
	switch {
	case a.typ.list:
		op.node = on(a.node, func(v value) (value, error) { return numberValue(int64(len(v.list))), nil })
	case k.want(a, textType):
		op.node = on(a.node, func(v value) (value, error) { return numberValue(int64(utf8.RuneCountInString(v.text))), nil })
	}
	op.typ = typ{base: numberType}
	return op
}

func compileContains(k *compiler, args []operand, op operand) operand {
	list, el := args[0], args[1]
	if !list.typ.list {
		hint := ""
		if list.typ.is(textType) {
			hint = " To look into a text use matches."
		}
		k.errorf(list.at, "Wrong type", "This is %s, where a list is required.%s", list.typ, hint)
		return op
	}
	one := list
	one.typ.list = false
	if one.typ.base == noType {
		one.typ.base = el.typ.base
	}
	if !k.comparable(one, el) {
		return op
	}
	op.typ = typ{base: boolType}
	op.node = func(m *machine) (value, error) {
		v, err := list.node(m)
		if err != nil {
			return value{}, err
		}
		w, err := el.node(m)
		if err != nil {
			return value{}, err
		}
		if err := m.spend(v.size()); err != nil {
			return value{}, err
		}
		return boolValue(slices.ContainsFunc(v.list, w.equal)), nil
	}
	return op
}

func affix(test func(s, part string) bool) func(*compiler, []operand, operand) operand {
	return func(k *compiler, args []operand, op operand) operand {
		okA, okB := k.want(args[0], textType), k.want(args[1], textType)
		if !okA || !okB {
			return op
		}
		op.typ = typ{base: boolType}
		op.node = both(args[0].node, args[1].node, func(v, w value) (value, error) { return boolValue(test(v.text, w.text)), nil })
		return op
	}
}

func compileLower(k *compiler, args []operand, op operand) operand {
	if !k.want(args[0], textType) {
		return op
	}
	op.typ = typ{base: textType}
	op.node = on(args[0].node, func(v value) (value, error) { return textValue(strings.ToLower(v.text)), nil })
	return op
}

var errSubject = fmt.Errorf("matches looks at texts of at most %d bytes, and this one is longer", maxSubject)

// compileMatches compiles the regular expression at load. RE2 takes time in proportion to the
// size of the expression's program and of the text, and both are bounded.
func compileMatches(k *compiler, args []operand, op operand) operand {
	if !k.want(args[0], textType) {
		return op
	}
	if len(args[1].lits) != 1 || !args[1].typ.is(textType) {
		k.errorf(args[1].at, "Expression required", "The regular expression must be written out, as a text in quotes.")
		return op
	}
	re, insts, err := compileExpression(args[1].lits[0].text)
	if err != nil {
		k.errorf(args[1].at, "Invalid expression", "%s", sentence(err))
		return op
	}
	op.typ = typ{base: boolType}
	op.node = func(m *machine) (value, error) {
		v, err := args[0].node(m)
		if err != nil {
			return value{}, err
		}
		if len(v.text) > maxSubject {
			return value{}, errSubject
		}
		if err := m.spend(1 + len(v.text)*insts/1024); err != nil {
			return value{}, err
		}
		return boolValue(re.MatchString(v.text)), nil
	}
	return op
}

// compileExpression also returns the size of the program.
func compileExpression(s string) (*regexp.Regexp, int, error) {
	if len(s) > maxExpression {
		return nil, 0, fmt.Errorf("a regular expression has at most %d bytes", maxExpression)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, 0, fmt.Errorf("the regular expression is not valid (RE2): %w", err)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, 0, fmt.Errorf("the regular expression is not valid (RE2): %w", err)
	}
	if len(prog.Inst) > maxProgram {
		return nil, 0, errors.New("the regular expression is too costly: its repetitions multiply")
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, 0, fmt.Errorf("the regular expression is not valid (RE2): %w", err)
	}
	return re, len(prog.Inst), nil
}

// quantifier is anytrue, which one true element decides, or alltrue, which one false one does.
func quantifier(decides bool) func(*compiler, []operand, operand) operand {
	return func(k *compiler, args []operand, op operand) operand {
		a := args[0]
		if !a.typ.list || a.typ.base != boolType && a.typ.base != noType {
			k.errorf(a.at, "Wrong type", "This is %s, where a list of true and false is required.", a.typ)
			return op
		}
		op.typ = typ{base: boolType}
		op.node = on(a.node, func(v value) (value, error) {
			return boolValue(slices.ContainsFunc(v.list, func(e value) bool { return e.yes == decides }) == decides), nil
		})
		return op
	}
}
