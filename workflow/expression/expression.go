// Package expression reads the expressions of workflow files, what stands in "${{ }}", and works
// them out as far as that can be done before the run.
//
// The grammar is the forge's: literals (null, true, false, numbers with hexadecimal, octal and
// exponent forms, 'it”s' strings), contexts with properties (a.b, a['b'], a.*, a[*]), functions,
// and the operators !, <, <=, >, >=, ==, !=, && and ||. Names compare without case.
//
// What is not known before the run is [Unknown], and so is what follows from it, unless it follows
// whatever the value is: "unknown && false" is false.
package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The limits of one expression: the forge's.
const (
	MaxLength = 21_000 // bytes
	MaxDepth  = 50     // of nodes inside each other
)

// Kind says what sort of node it is.
type Kind uint8

// The kinds of node. The zero value is not one.
const (
	Invalid Kind = iota
	NullLiteral
	BoolLiteral   // Number is 0 or 1
	NumberLiteral // Number
	StringLiteral // Text, without the quotes
	Name          // a context: Text, lower case
	Index         // Args are what is indexed and the index, a StringLiteral for a.b
	Star          // the index of a.* and a[*]
	Call          // Text is the function's name, lower case
	Not
	Less
	LessEqual
	Greater
	GreaterEqual
	Equal
	NotEqual
	And // two Args or more
	Or  // likewise
)

// Node is a parsed expression, or a part of one. It is never changed once it is made.
type Node struct {
	Kind   Kind
	Text   string
	Number float64
	Args   []*Node
	// Start and End are offsets in bytes, in what was parsed.
	Start, End int

	depth int
}

// ErrSyntax is what [Parse] and [ParseTemplate] wrap when a text is not an expression.
var ErrSyntax = errors.New("not an expression")

// ErrLimit is what they wrap when it is longer or deeper than an expression may be.
var ErrLimit = errors.New("over a limit of expressions")

func syntaxError(at int, format string, args ...any) error {
	return fmt.Errorf("%w: %s at character %d", ErrSyntax, fmt.Sprintf(format, args...), at+1)
}

// Walk calls f for n and everything in it, what comes first first. Where f returns false, what is
// inside is passed over.
func (n *Node) Walk(f func(*Node) bool) {
	if !f(n) {
		return
	}
	for _, arg := range n.Args {
		arg.Walk(f)
	}
}

// Mentions reports whether a context of one of the names is in the expression.
func (n *Node) Mentions(contexts ...string) bool {
	found := false
	n.Walk(func(n *Node) bool {
		found = found || n.Kind == Name && slices.Contains(contexts, n.Text)
		return !found
	})
	return found
}

// Calls reports whether a function of one of the names is called in the expression.
func (n *Node) Calls(functions ...string) bool {
	found := false
	n.Walk(func(n *Node) bool {
		found = found || n.Kind == Call && slices.Contains(functions, n.Text)
		return !found
	})
	return found
}

// Paths are the properties of contexts that the expression takes, in canonical form and without
// what only a run can tell: "github.event.inputs", "needs.*.outputs", "secrets" for "secrets[x]".
// Each stands once, in the order of the text.
func (n *Node) Paths() []string {
	var paths []string
	n.Walk(func(n *Node) bool {
		path, ok := n.path()
		if !ok {
			return true
		}
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
		// An index may be an expression of its own.
		for ; n.Kind == Index; n = n.Args[0] {
			if k := n.Args[1].Kind; k != StringLiteral && k != NumberLiteral && k != Star {
				for _, inner := range n.Args[1].Paths() {
					if !slices.Contains(paths, inner) {
						paths = append(paths, inner)
					}
				}
			}
		}
		return false
	})
	return paths
}

// path is the canonical text of a context's property, up to the first index that is not a literal.
func (n *Node) path() (string, bool) {
	switch n.Kind {
	case Name:
		return n.Text, true
	case Index:
		if !n.Args[0].isPath() {
			return "", false
		}
		p, _ := n.Args[0].path()
		if literal := n.literalPrefix(); !literal {
			return p, true
		}
		return p + indexText(n.Args[1]), true
	default:
		return "", false
	}
}

func (n *Node) isPath() bool {
	for n.Kind == Index {
		n = n.Args[0]
	}
	return n.Kind == Name
}

// literalPrefix says that this index and all before it are literals.
func (n *Node) literalPrefix() bool {
	for ; n.Kind == Index; n = n.Args[0] {
		if k := n.Args[1].Kind; k != StringLiteral && k != NumberLiteral && k != Star {
			return false
		}
	}
	return true
}

// isWord reports whether s can stand behind a dot.
func isWord(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) || i == 0 && (s[i] >= '0' && s[i] <= '9' || s[i] == '-') {
			return false
		}
	}
	return s != ""
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Lower folds the case of ASCII letters and of no others: what looks like a name, or would be one
// by the case rules of some language, is not that name.
func Lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return strings.Map(func(r rune) rune {
				if r >= 'A' && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, s)
		}
	}
	return s
}

// Upper is the opposite of [Lower].
func Upper(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r + 'A' - 'a'
		}
		return r
	}, s)
}

// SameName reports whether two names are the same but for the case of ASCII letters.
func SameName(a, b string) bool { return len(a) == len(b) && Lower(a) == Lower(b) }

// sameText compares two texts as the forge does, without case. Of letters beyond ASCII it is not
// known which of them the forge takes for the same.
func sameText(a, b string) Truth {
	switch {
	case a == b, SameName(a, b):
		return True
	case IsASCII(a) || IsASCII(b):
		if !strings.EqualFold(a, b) {
			return False
		}
		return Perhaps // a Kelvin sign for a k
	default:
		return Perhaps
	}
}

// IsASCII says that there is nothing but ASCII in a text.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
