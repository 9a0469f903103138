package expression

import (
	"fmt"
	"strings"
)

// Part is a stretch of a text that may hold expressions: either Literal, or an expression.
type Part struct {
	Literal string
	Expr    *Node
	// Start is where the part begins in the text, in bytes; of an expression, behind its "${{".
	Start int
}

// Template is a text cut at its expressions.
type Template struct {
	Parts []Part
}

// IsTemplate reports whether an expression opens in the text.
func IsTemplate(s string) bool { return strings.Contains(s, "${{") }

// ParseTemplate cuts a text at its expressions. "}}" inside a quoted text does not end one.
func ParseTemplate(s string) (*Template, error) {
	t := &Template{}
	for at := 0; at < len(s); {
		open := strings.Index(s[at:], "${{")
		if open < 0 {
			t.Parts = append(t.Parts, Part{Literal: s[at:], Start: at})
			break
		}
		if open > 0 {
			t.Parts = append(t.Parts, Part{Literal: s[at : at+open], Start: at})
		}
		start := at + open + len("${{")
		length := closing(s[start:])
		if length < 0 {
			return nil, fmt.Errorf("%w: an expression is not closed", ErrSyntax)
		}
		n, err := Parse(s[start : start+length])
		if err != nil {
			return nil, err
		}
		t.Parts = append(t.Parts, Part{Expr: n, Start: start})
		at = start + length + len("}}")
	}
	return t, nil
}

// closing is where the expression that s begins with ends, -1 where it does not.
func closing(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case !quoted && s[i] == '}' && i+1 < len(s) && s[i+1] == '}':
			return i
		}
	}
	return -1
}

// Single is the expression that the whole text consists of, nil where there is other text too.
func (t *Template) Single() *Node {
	if len(t.Parts) == 1 {
		return t.Parts[0].Expr
	}
	return nil
}

// Eval is the value of the text: of its one expression, or all parts put together as a text.
func (t *Template) Eval(env Env) Value {
	if n := t.Single(); n != nil {
		return Eval(n, env)
	}
	var b strings.Builder
	known, truth := true, Perhaps
	for _, p := range t.Parts {
		if p.Expr == nil {
			b.WriteString(p.Literal)
			truth = True
			continue
		}
		v := Eval(p.Expr, env)
		s, ok := v.AsText()
		known = known && ok
		if s != "" {
			truth = True
		}
		if b.Len() < maxText {
			b.WriteString(s)
		}
	}
	if !known {
		return Value{Truth: truth}
	}
	return TextValue(b.String())
}

// Nodes are the expressions in the text, in order.
func (t *Template) Nodes() []*Node {
	nodes := make([]*Node, 0, len(t.Parts))
	for _, p := range t.Parts {
		if p.Expr != nil {
			nodes = append(nodes, p.Expr)
		}
	}
	return nodes
}
