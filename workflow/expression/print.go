package expression

import (
	"math"
	"strings"
)

// String is the canonical form: the same for two texts that are the same expression. Names and
// literal properties are in lower case, operators have one space on either side, and there are no
// parentheses but those that are needed.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b, 0)
	return b.String()
}

// binding says how tightly an operator binds.
func (k Kind) binding() int {
	switch k {
	case Or:
		return 1
	case And:
		return 2
	case Equal, NotEqual:
		return 3
	case Less, LessEqual, Greater, GreaterEqual:
		return 4
	case Not:
		return 5
	default:
		return 6
	}
}

func (k Kind) operator() string {
	switch k {
	case Or:
		return " || "
	case And:
		return " && "
	case Equal:
		return " == "
	case NotEqual:
		return " != "
	case Less:
		return " < "
	case LessEqual:
		return " <= "
	case Greater:
		return " > "
	case GreaterEqual:
		return " >= "
	default:
		return ""
	}
}

// write writes n where something that binds as tightly as outside is needed.
func (n *Node) write(b *strings.Builder, outside int) {
	binding := n.Kind.binding()
	if binding < outside {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch n.Kind {
	case NullLiteral:
		b.WriteString("null")
	case BoolLiteral:
		if n.Number != 0 {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	case NumberLiteral:
		b.WriteString(numeral(n.Number))
	case StringLiteral:
		quote(b, n.Text)
	case Name:
		switch n.Text {
		case "null", "true", "false": // in lower case they are literals
			b.WriteString(strings.ToUpper(n.Text))
		default:
			b.WriteString(n.Text)
		}
	case Index:
		if k := n.Args[0].Kind; k == StringLiteral || k == NumberLiteral {
			binding++ // a dot would belong to the literal
		}
		n.Args[0].write(b, binding)
		b.WriteString(indexText(n.Args[1]))
	case Star:
		b.WriteByte('*')
	case Call:
		b.WriteString(n.Text)
		b.WriteByte('(')
		for i, a := range n.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			a.write(b, 0)
		}
		b.WriteByte(')')
	case Not:
		b.WriteByte('!')
		n.Args[0].write(b, binding)
	default:
		for i, a := range n.Args {
			if i == 0 {
				// "a == b == c" is "(a == b) == c"; what stands side by side needs its parentheses.
				inner := binding
				if n.Kind == And || n.Kind == Or {
					inner++
				}
				a.write(b, inner)
				continue
			}
			b.WriteString(n.Kind.operator())
			a.write(b, binding+1)
		}
	}
}

// indexText is an index as it stands behind what it is an index of.
func indexText(key *Node) string {
	switch {
	case key.Kind == Star:
		return ".*"
	case key.Kind == StringLiteral && isWord(key.Text):
		return "." + Lower(key.Text)
	case key.Kind == StringLiteral:
		var b strings.Builder
		b.WriteByte('[')
		quote(&b, Lower(key.Text))
		b.WriteByte(']')
		return b.String()
	default:
		return "[" + key.String() + "]"
	}
}

func quote(b *strings.Builder, s string) {
	b.WriteByte('\'')
	b.WriteString(strings.ReplaceAll(s, "'", "''"))
	b.WriteByte('\'')
}

// numeral writes a number as a literal.
func numeral(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	default:
		return exactNumber(x)
	}
}
