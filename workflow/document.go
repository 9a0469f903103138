package workflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/workflow/expression"
)

// The limits of one file: the forge's.
const (
	MaxBytes = 1 << 20
	MaxNodes = 50_000 // with aliases counted as what they stand for
	MaxDepth = 50     // of mappings and sequences inside each other
)

// document is one YAML file.
type document struct {
	path   string
	src    []byte
	root   *yaml.Node // a mapping; never an alias
	lines  []int      // offset of each line's beginning
	blocks []int      // how many characters are before each block of the source
	work   int        // nodes looked at when it was checked
	texts  map[*yaml.Node]*text
}

// defect is why a document is refused.
type defect struct {
	kind   evidence.WorkflowProblemKind
	line   int
	column int
	detail string
}

// parseDocument reads a file. What it refuses the forge refuses too, or two readers could see two
// things in it.
func parseDocument(path string, src []byte) (*document, *defect) {
	if len(src) > MaxBytes {
		return nil, &defect{kind: evidence.ProblemLimit, detail: fmt.Sprintf("the file has more than %d bytes", MaxBytes)}
	}
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, &defect{kind: evidence.ProblemSyntax, detail: "the file is not UTF-8 text"}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &defect{kind: evidence.ProblemShape, detail: "the file is empty"}
	case err != nil:
		return nil, syntaxDefect(err)
	}
	if err := decoder.Decode(&more); err == nil {
		return nil, &defect{kind: evidence.ProblemSyntax, line: more.Line, column: more.Column, detail: "there is more than one document in the file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxDefect(err)
	}
	c := checker{seen: map[*yaml.Node]*measure{}}
	c.node(&doc, 0)
	if c.found != nil {
		return nil, c.found
	}
	root := follow(doc.Content[0])
	if root.Kind != yaml.MappingNode {
		return nil, &defect{kind: evidence.ProblemShape, line: root.Line, column: root.Column, detail: "the file is not a mapping of keys to values"}
	}
	return &document{path: path, src: src, root: root, work: c.work, texts: map[*yaml.Node]*text{}}, nil
}

func syntaxDefect(err error) *defect {
	// The library's text may quote the file.
	return &defect{kind: evidence.ProblemSyntax, detail: "it is not YAML: " + strings.TrimPrefix(inert.Error(err), "yaml: ")}
}

// follow gives what an alias stands for. There are no aliases of aliases.
func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// measure is how large a node is with everything in it.
type measure struct {
	nodes, height int  // height counts mappings and sequences
	open          bool // it is being measured: an alias to it is a circle
}

// checker looks at every node of a document once, however often aliases name it.
type checker struct {
	seen  map[*yaml.Node]*measure // nodes with an anchor
	found *defect
	work  int
}

func (c *checker) refuse(kind evidence.WorkflowProblemKind, n *yaml.Node, format string, args ...any) measure {
	if c.found == nil {
		c.found = &defect{kind: kind, line: n.Line, column: n.Column, detail: fmt.Sprintf(format, args...)}
	}
	return measure{}
}

func (c *checker) node(n *yaml.Node, depth int) measure {
	if c.found != nil {
		return measure{}
	}
	c.work++
	switch n.Kind {
	case yaml.AliasNode:
		m := c.seen[n.Alias]
		if m == nil || m.open {
			return c.refuse(evidence.ProblemSyntax, n, "an alias stands inside what it stands for")
		}
		if depth+m.height-1 > MaxDepth {
			return c.refuse(evidence.ProblemLimit, n, "more than %d levels inside each other", MaxDepth)
		}
		return *m
	case yaml.ScalarNode:
		if !knownTag(n) {
			return c.refuse(evidence.ProblemSyntax, n, "the tag %s is not one that a workflow can have", inert.Quote(n.Tag))
		}
		m := measure{nodes: 1}
		c.remember(n, m)
		return m
	}
	if depth > MaxDepth { // the document itself is at level 0
		return c.refuse(evidence.ProblemLimit, n, "more than %d levels inside each other", MaxDepth)
	}
	if n.Kind != yaml.DocumentNode && !knownTag(n) {
		return c.refuse(evidence.ProblemSyntax, n, "the tag %s is not one that a workflow can have", inert.Quote(n.Tag))
	}
	if n.Anchor != "" {
		c.seen[n] = &measure{open: true}
	}
	m := measure{nodes: 1, height: 1}
	for _, child := range n.Content {
		inner := c.node(child, depth+1)
		m.nodes += inner.nodes
		m.height = max(m.height, inner.height+1)
		if m.nodes > MaxNodes {
			return c.refuse(evidence.ProblemLimit, child, "more than %d values, with aliases counted as what they stand for", MaxNodes)
		}
	}
	if n.Kind == yaml.MappingNode {
		c.keys(n)
	}
	c.remember(n, m)
	return m
}

func (c *checker) remember(n *yaml.Node, m measure) {
	if n.Anchor != "" {
		c.seen[n] = &m
	}
}

// keys refuses keys that are not texts, keys to merge, and keys that differ in nothing but case.
func (c *checker) keys(n *yaml.Node) {
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := follow(n.Content[i])
		if key.Kind != yaml.ScalarNode {
			c.refuse(evidence.ProblemSyntax, key, "a key is not a text")
			return
		}
		if key.Tag == "!!merge" {
			c.refuse(evidence.ProblemSyntax, key, "merge keys are not taken")
			return
		}
		folded := strings.ToLower(key.Value)
		if seen[folded] {
			c.refuse(evidence.ProblemSyntax, key, "the key %s stands twice (case does not count)", inert.Quote(key.Value))
			return
		}
		seen[folded] = true
	}
}

// knownTag says that a node's tag, written or not, is one of YAML's plain types.
func knownTag(n *yaml.Node) bool {
	switch n.Tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!merge", "":
		return true
	case "!!timestamp":
		return n.Style&yaml.TaggedStyle == 0 // a date is a text
	default:
		return false
	}
}

// pairs calls f for each key of a mapping, in order. Keys are taken as they are written.
func pairs(n *yaml.Node, f func(key, value *yaml.Node)) {
	if n = follow(n); n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(follow(n.Content[i]), follow(n.Content[i+1]))
	}
}

// get is the value of a key, whatever its case; nil for none.
func get(n *yaml.Node, name string) *yaml.Node {
	if n = follow(n); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if expression.SameName(follow(n.Content[i]).Value, name) {
			return follow(n.Content[i+1])
		}
	}
	return nil
}

// items are the values of a sequence, or a lone one.
func items(n *yaml.Node) []*yaml.Node {
	if n = follow(n); n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	list := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		list[i] = follow(item)
	}
	return list
}

// isNull says that there is nothing, or nothing is written.
func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// scalar is the text of a scalar, "" for anything else.
func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || isNull(n) {
		return ""
	}
	return n.Value
}

// eachScalar calls f for every text in a node.
func eachScalar(n *yaml.Node, f func(string)) {
	n = follow(n)
	if n.Kind == yaml.ScalarNode {
		f(n.Value)
	}
	for _, c := range n.Content {
		eachScalar(c, f)
	}
}
