package expression

import (
	"fmt"
	"math"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// token is one word of an expression.
type token struct {
	kind       byte // a character of the list in lexer.next
	text       string
	number     float64
	start, end int
}

// The kinds of token that are not the operator's own first character.
const (
	tokenEnd          = 0
	tokenWord         = 'w'
	tokenString       = 's'
	tokenNumber       = 'n'
	tokenAnd          = '&'
	tokenOr           = '|'
	tokenEqual        = '='
	tokenNotEqual     = '~'
	tokenLessEqual    = 'l'
	tokenGreaterEqual = 'g'
)

// parser reads tokens as it goes, so that what is refused costs no more than what was read.
type parser struct {
	src   string
	pos   int
	tok   token
	level int // how deep the reader itself is
	err   error
	steps int // tokens read: the work done
}

// Parse reads one expression, without "${{" and "}}".
func Parse(src string) (*Node, error) {
	n, _, err := parse(src)
	return n, err
}

func parse(src string) (*Node, int, error) {
	if len(src) > MaxLength {
		return nil, 0, fmt.Errorf("%w: it has more than %d characters", ErrLimit, MaxLength)
	}
	p := &parser{src: src}
	p.next()
	n := p.or()
	if p.err == nil && p.tok.kind != tokenEnd {
		p.fail("unexpected %s", p.shown())
	}
	if p.err != nil {
		return nil, p.steps, p.err
	}
	return n, p.steps, nil
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = syntaxError(p.tok.start, format, args...)
	}
	p.tok.kind = tokenEnd
}

func (p *parser) tooDeep() {
	if p.err == nil {
		p.err = fmt.Errorf("%w: more than %d levels inside each other", ErrLimit, MaxDepth)
	}
	p.tok.kind = tokenEnd
}

func (p *parser) shown() string {
	if p.tok.kind == tokenEnd {
		return "end"
	}
	return inert.Quote(p.src[p.tok.start:min(p.tok.end, p.tok.start+20)])
}

// node makes a node of the arguments, and refuses it where it is too deep.
func (p *parser) node(kind Kind, start int, args ...*Node) *Node {
	n := &Node{Kind: kind, Args: args, Start: start, End: start, depth: 1}
	for _, a := range args {
		n.depth = max(n.depth, a.depth+1)
		n.End = max(n.End, a.End)
	}
	if n.depth > MaxDepth {
		p.tooDeep()
	}
	return n
}

func (p *parser) or() *Node  { return p.sequence(tokenOr, Or, (*parser).and) }
func (p *parser) and() *Node { return p.sequence(tokenAnd, And, (*parser).equality) }

// sequence reads operands that one operator joins; they stand side by side in one node.
func (p *parser) sequence(operator byte, kind Kind, operand func(*parser) *Node) *Node {
	first := operand(p)
	if p.tok.kind != operator || p.err != nil {
		return first
	}
	args := []*Node{first}
	for p.tok.kind == operator && p.err == nil {
		p.next()
		args = append(args, operand(p))
	}
	return p.node(kind, first.Start, args...)
}

func (p *parser) equality() *Node {
	left := p.relation()
	for p.err == nil {
		var kind Kind
		switch p.tok.kind {
		case tokenEqual:
			kind = Equal
		case tokenNotEqual:
			kind = NotEqual
		default:
			return left
		}
		p.next()
		left = p.node(kind, left.Start, left, p.relation())
	}
	return left
}

func (p *parser) relation() *Node {
	left := p.unary()
	for p.err == nil {
		var kind Kind
		switch p.tok.kind {
		case '<':
			kind = Less
		case '>':
			kind = Greater
		case tokenLessEqual:
			kind = LessEqual
		case tokenGreaterEqual:
			kind = GreaterEqual
		default:
			return left
		}
		p.next()
		left = p.node(kind, left.Start, left, p.unary())
	}
	return left
}

func (p *parser) unary() *Node {
	if p.tok.kind != '!' {
		return p.postfix()
	}
	if !p.enter() {
		return p.nothing()
	}
	defer p.leave()
	start := p.tok.start
	p.next()
	return p.node(Not, start, p.unary())
}

// enter and leave count how deep the reader is: parentheses make no node, and yet a level each.
func (p *parser) enter() bool {
	p.level++
	if p.level > MaxDepth {
		p.tooDeep()
		return false
	}
	return p.err == nil
}

func (p *parser) leave() { p.level-- }

func (p *parser) nothing() *Node { return &Node{Start: p.tok.start, End: p.tok.end, depth: 1} }

func (p *parser) postfix() *Node {
	n := p.primary()
	for p.err == nil {
		switch p.tok.kind {
		case '.':
			p.next()
			key := &Node{Kind: StringLiteral, Text: p.tok.text, Start: p.tok.start, End: p.tok.end, depth: 1}
			switch p.tok.kind {
			case tokenWord:
			case '*':
				key.Kind, key.Text = Star, ""
			default:
				p.fail("expected the name of a property and not %s", p.shown())
				return n
			}
			p.next()
			n = p.node(Index, n.Start, n, key)
		case '[':
			if !p.enter() {
				return n
			}
			p.next()
			var key *Node
			if p.tok.kind == '*' {
				key = &Node{Kind: Star, Start: p.tok.start, End: p.tok.end, depth: 1}
				p.next()
			} else {
				key = p.or()
			}
			end := p.tok.end
			p.expect(']')
			n = p.node(Index, n.Start, n, key)
			n.End = end
			p.leave()
		default:
			return n
		}
	}
	return n
}

func (p *parser) expect(kind byte) {
	if p.tok.kind != kind {
		p.fail("expected %q and not %s", string(kind), p.shown())
		return
	}
	p.next()
}

func (p *parser) primary() *Node {
	t := p.tok
	n := &Node{Start: t.start, End: t.end, depth: 1}
	switch t.kind {
	case tokenString:
		n.Kind, n.Text = StringLiteral, t.text
	case tokenNumber:
		n.Kind, n.Number = NumberLiteral, t.number
	case tokenWord:
		p.next()
		if p.tok.kind == '(' {
			return p.call(t)
		}
		switch t.text {
		case "null":
			n.Kind = NullLiteral
		case "true", "false":
			n.Kind = BoolLiteral
			if t.text == "true" {
				n.Number = 1
			}
		case "NaN":
			n.Kind, n.Number = NumberLiteral, math.NaN()
		case "Infinity":
			n.Kind, n.Number = NumberLiteral, math.Inf(1)
		default:
			n.Kind, n.Text = Name, Lower(t.text)
		}
		return n
	case '(':
		if !p.enter() {
			return p.nothing()
		}
		defer p.leave()
		p.next()
		inner := p.or()
		p.expect(')')
		return inner
	default:
		p.fail("unexpected %s", p.shown())
		return n
	}
	p.next()
	return n
}

// call reads the arguments of a function.
func (p *parser) call(name token) *Node {
	if !p.enter() {
		return p.nothing()
	}
	defer p.leave()
	p.next()
	var args []*Node
	for p.tok.kind != ')' && p.err == nil {
		if len(args) > 0 {
			p.expect(',')
		}
		args = append(args, p.or())
	}
	end := p.tok.end
	p.expect(')')
	n := p.node(Call, name.start, args...)
	n.Text, n.End = Lower(name.text), end
	return n
}

// next reads the next token.
func (p *parser) next() {
	if p.err != nil {
		p.tok.kind = tokenEnd
		return
	}
	p.steps++
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
	before := p.tok.kind
	start := p.pos
	p.tok = token{start: start, end: start}
	if start == len(p.src) {
		return
	}
	c := p.src[start]
	two := ""
	if start+1 < len(p.src) {
		two = p.src[start : start+2]
	}
	length := 1
	switch {
	case two == "&&", two == "||", two == "==":
		p.tok.kind, length = c, 2
	case two == "!=":
		p.tok.kind, length = tokenNotEqual, 2
	case two == "<=":
		p.tok.kind, length = tokenLessEqual, 2
	case two == ">=":
		p.tok.kind, length = tokenGreaterEqual, 2
	case c == '\'':
		length = p.quoted()
	case c >= '0' && c <= '9', c == '-', c == '+', c == '.' && !follows(before):
		length = p.numeral()
	case strings.IndexByte("()[],.*!<>", c) >= 0:
		p.tok.kind = c
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		for start+length < len(p.src) && isWordByte(p.src[start+length]) {
			length++
		}
		p.tok.kind, p.tok.text = tokenWord, p.src[start:start+length]
	default:
		p.tok.end = start + 1
		p.fail("unexpected %s", inert.Quote(p.src[start:start+1]))
		return
	}
	p.pos = start + length
	p.tok.end = p.pos
}

// follows says that a dot behind a token of this kind takes a property of it.
func follows(kind byte) bool {
	return kind == tokenWord || kind == ')' || kind == ']' || kind == '*'
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

// quoted reads a string; two quotes in a row stand for one. It returns how long it is.
func (p *parser) quoted() int {
	rest := p.src[p.pos+1:]
	plain := true
	for i := 0; i < len(rest); i++ {
		if rest[i] != '\'' {
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '\'' {
			i++
			plain = false
			continue
		}
		p.tok.kind, p.tok.text = tokenString, rest[:i]
		if !plain {
			p.tok.text = strings.ReplaceAll(rest[:i], "''", "'")
		}
		return i + 2
	}
	p.tok.end = len(p.src)
	p.fail("a quoted text that does not end")
	return len(rest) + 1
}

// numeral reads a number, with all that could belong to one, so that "1x" is refused as a whole.
func (p *parser) numeral() int {
	rest := p.src[p.pos:]
	length := 1
	for length < len(rest) && (isWordByte(rest[length]) || rest[length] == '.' || rest[length] == '+') {
		length++
	}
	number := parseNumber(rest[:length])
	p.tok.end = p.pos + length
	if math.IsNaN(number) || length > maxNumeral {
		p.fail("%s is no number", inert.Quote(rest[:min(length, 20)]))
		return length
	}
	p.tok.kind, p.tok.number = tokenNumber, number
	return length
}

// maxNumeral bounds the characters of a number.
const maxNumeral = 400
