package expression

import (
	"slices"
	"strings"
)

// Flow is a property of a context that goes into what an expression comes to.
type Flow struct {
	// Path is its canonical text, as far as literals go: "github.event.issue" for github.event.issue[x].
	Path string
	// Whole says that what is below the path goes in too: toJSON(github.event), github.event[x].
	Whole bool
}

// Flows are the properties that can become a part of the expression's value, each once. What is only
// compared, or asked about, is none of them: "contains(github.event.issue.title, 'x')" is true or false.
func (n *Node) Flows() []Flow {
	var flows []Flow
	n.flow(false, &flows)
	return flows
}

func (n *Node) flow(whole bool, out *[]Flow) {
	switch n.Kind {
	case Name, Index:
		n.flowOfProperty(whole, out)
	case Call:
		n.flowOfCall(whole, out)
	case And:
		// Of what is false and stands on the left, nothing is left to tell.
		n.Args[len(n.Args)-1].flow(whole, out)
	case Or:
		for _, arg := range n.Args {
			arg.flow(whole, out)
		}
	default: // a literal is nobody's, and of what is compared or negated only a truth is left
	}
}

func (n *Node) flowOfProperty(whole bool, out *[]Flow) {
	base := n
	fixed := n // the longest part of which every index is a literal
	for base.Kind == Index {
		if k := base.Args[1].Kind; k != StringLiteral && k != NumberLiteral && k != Star {
			whole = true
			fixed = base.Args[0]
		}
		base = base.Args[0]
	}
	if base.Kind != Name {
		base.flow(true, out) // fromJSON(x).y: any part of x
		return
	}
	path, _ := fixed.path()
	if strings.HasSuffix(path, ".*") {
		whole = true
	}
	f := Flow{Path: path, Whole: whole}
	if !slices.Contains(*out, f) {
		*out = append(*out, f)
	}
}

func (n *Node) flowOfCall(whole bool, out *[]Flow) {
	args := n.Args
	switch n.Text {
	case "always", "success", "failure", "cancelled", "contains", "startswith", "endswith", "hashfiles":
		return
	case "tojson", "fromjson", "join":
		whole = true
	case "case":
		// Conditions and values take turns; the last one is what is left.
		for i, arg := range args {
			if i%2 == 1 || i == len(args)-1 {
				arg.flow(whole, out)
			}
		}
		return
	}
	for _, arg := range args {
		arg.flow(whole, out)
	}
}
