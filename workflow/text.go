package workflow

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// text is a scalar with expressions in it, parsed once.
type text struct {
	value    string
	template *expression.Template // nil where it does not parse
	bare     bool                 // the whole text is an expression, without "${{"
	err      error
	nodes    []*expression.Node
	paths    []string // what the expressions read, canonical
	starts   []int    // offsets in the file of what stands behind each "${{", once they were looked for

	secrets bool // the secrets context, or a text that does not parse and mentions it
	token   bool // the job's token
	needs   bool // what other jobs hand over
}

// text parses a scalar; nil where there is no expression in it. An "if" is one as a whole.
func (d *document) text(n *yaml.Node, condition bool) *text {
	if t, ok := d.texts[n]; ok {
		return t
	}
	if !condition && !expression.IsTemplate(n.Value) {
		return nil
	}
	t := &text{value: n.Value}
	if condition && !expression.IsTemplate(n.Value) {
		t.bare = true
		var node *expression.Node
		if node, t.err = expression.Parse(n.Value); t.err == nil {
			t.template = &expression.Template{Parts: []expression.Part{{Expr: node}}}
		}
	} else {
		t.template, t.err = expression.ParseTemplate(n.Value)
	}
	d.texts[n] = t
	if t.err != nil {
		t.secrets = mentionsSecrets(n.Value)
		return t
	}
	t.nodes = t.template.Nodes()
	for _, node := range t.nodes {
		for _, path := range node.Paths() {
			if !slices.Contains(t.paths, path) {
				t.paths = append(t.paths, path)
			}
		}
	}
	for _, path := range t.paths {
		switch context, _, _ := strings.Cut(path, "."); {
		case context == "secrets" || strings.HasPrefix(path, "secrets["):
			t.secrets = true
		case path == "github" || path == "github.*" || path == "github.token":
			t.token = true
		case context == "needs" || strings.HasPrefix(path, "needs["), context == "jobs":
			t.needs = true
		}
	}
	return t
}

// mentionsSecrets says that a text which does not parse has the word in it.
func mentionsSecrets(s string) bool { return strings.Contains(strings.ToLower(s), "secrets") }

// place is where a node begins.
func (d *document) place(n *yaml.Node) evidence.Place {
	if n == nil {
		return evidence.Place{File: d.path}
	}
	return evidence.Place{File: d.path, Line: n.Line, Column: n.Column}
}

// placeOf is where in the file the expression of a text is, or what is at an offset in it.
// Where the source is written with escapes, it is the place of the whole.
func (d *document) placeOf(n *yaml.Node, t *text, node *expression.Node, offset int) evidence.Place {
	start := d.offset(n.Line, n.Column)
	if start < 0 || t == nil || t.template == nil {
		return d.place(n)
	}
	open := 0 // "${{" before the expression
	for _, p := range t.template.Parts {
		if p.Expr == nil {
			continue
		}
		if p.Expr != node {
			open++
			continue
		}
		var at int
		if t.bare {
			at = d.firstText(n, start)
		} else {
			if t.starts == nil {
				t.starts = d.opening(start, len(t.nodes))
			}
			if open >= len(t.starts) {
				return d.place(n)
			}
			at = t.starts[open]
		}
		value := t.value[p.Start:]
		if _, ok := d.align(n, at, value, node.End); !ok {
			return d.place(n) // what stands there is another one
		}
		if end, ok := d.align(n, at, value, offset); ok {
			return d.placeAt(end)
		}
		return d.place(n)
	}
	return d.place(n)
}

// opening are the offsets behind the next n times that "${{" stands in the source.
func (d *document) opening(at, n int) []int {
	starts := make([]int, 0, n)
	for range n {
		i := bytes.Index(d.src[at:], []byte("${{"))
		if i < 0 {
			break
		}
		at += i + len("${{")
		starts = append(starts, at)
	}
	return starts
}

// firstText is the offset of a scalar's first character.
func (d *document) firstText(n *yaml.Node, start int) int {
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if i := bytes.IndexByte(d.src[start:], '\n'); i >= 0 {
			return start + i + 1
		}
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if i := bytes.IndexAny(d.src[start:], `'"`); i >= 0 {
			return start + i + 1
		}
	}
	return start
}

// align goes through the source and the text side by side, white space aside, and returns the
// offset in the source of what stands at an offset of the text.
func (d *document) align(n *yaml.Node, at int, value string, offset int) (int, bool) {
	i := 0
	for at <= len(d.src) {
		if i >= offset && (at == len(d.src) || !isBlank(d.src[at])) {
			return at, true
		}
		if at == len(d.src) {
			break
		}
		if isBlank(d.src[at]) {
			at++
			continue
		}
		for i < len(value) && isBlank(value[i]) {
			i++
		}
		if i >= offset {
			return at, true
		}
		if i >= len(value) || d.src[at] != value[i] {
			return 0, false
		}
		if value[i] == '\'' && n.Style&yaml.SingleQuotedStyle != 0 {
			at++ // it is written twice
		}
		at++
		i++
	}
	return 0, false
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// offset is where a line and a column (in characters, both from 1) are in the source; -1 where
// there is no such place.
func (d *document) offset(line, column int) int {
	d.index()
	if line < 1 || line > len(d.lines) || column < 1 {
		return -1
	}
	want := d.characters(d.lines[line-1]) + column - 1
	block, found := slices.BinarySearch(d.blocks, want)
	if !found {
		block--
	}
	for at, have := block*blockSize, d.blocks[block]; at <= len(d.src); at++ {
		if at < len(d.src) && !utf8.RuneStart(d.src[at]) {
			continue
		}
		if have == want {
			return at
		}
		have++
	}
	return -1
}

// placeAt is the place of an offset in the source.
func (d *document) placeAt(offset int) evidence.Place {
	d.index()
	line, found := slices.BinarySearch(d.lines, offset)
	if !found {
		line--
	}
	column := d.characters(offset) - d.characters(d.lines[line])
	return evidence.Place{File: d.path, Line: line + 1, Column: column + 1}
}

// blockSize is how many bytes are counted at once: a file may be a single line.
const blockSize = 256

// characters is how many begin before an offset.
func (d *document) characters(offset int) int {
	n := d.blocks[offset/blockSize]
	for _, c := range d.src[offset/blockSize*blockSize : offset] {
		if utf8.RuneStart(c) {
			n++
		}
	}
	return n
}

// index finds the beginnings of the lines, and counts the characters before each block.
func (d *document) index() {
	if d.lines != nil {
		return
	}
	d.lines = []int{0}
	n := 0
	for i, c := range d.src {
		if i%blockSize == 0 {
			d.blocks = append(d.blocks, n)
		}
		if utf8.RuneStart(c) {
			n++
		}
		if c == '\n' || c == '\r' && (i+1 == len(d.src) || d.src[i+1] != '\n') {
			d.lines = append(d.lines, i+1)
		}
	}
	if len(d.src)%blockSize == 0 {
		d.blocks = append(d.blocks, n)
	}
}
