package policy

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// plainBody is the syntax tree of a part of a policy that is as plain as most are: blocks of attributes that are texts,
// names, true, false or lists of these, in ASCII, without comments, escapes and templates. It is nil for whatever is
// not, which is left to the parser. It is the tree that the parser gives, places included (FuzzPlain compares them),
// without its tokens, which cost most of the time and memory that a large policy takes.
func plainBody(src []byte, file string, start hcl.Pos) *hclsyntax.Body {
	r := plainReader{src: src, file: file, start: start, line: start.Line}
	r.spaces()
	body := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, Blocks: hclsyntax.Blocks{}}
	first := r.pos()
	for r.lines(); r.at < len(src); r.lines() {
		b := r.block()
		if b == nil {
			return nil
		}
		body.Blocks = append(body.Blocks, b)
	}
	end := r.pos()
	body.SrcRange, body.EndRange = r.between(first, end), r.between(end, end)
	return body
}

// plainReader reads a part of a policy. What it returns is zero where something else, or nothing plain, stands there.
type plainReader struct {
	src   []byte
	file  string
	start hcl.Pos // of src

	at     int
	line   int
	lineAt int // where the line begins
}

func (r *plainReader) pos() hcl.Pos {
	return hcl.Pos{Line: r.line, Column: r.at - r.lineAt + 1, Byte: r.start.Byte + r.at}
}

func (r *plainReader) between(from, to hcl.Pos) hcl.Range {
	return hcl.Range{Filename: r.file, Start: from, End: to}
}

// since is the range from a place to what was read last.
func (r *plainReader) since(from hcl.Pos) hcl.Range { return r.between(from, r.pos()) }

// next is the byte that is read next, 0 at the end.
func (r *plainReader) next() byte {
	if r.at < len(r.src) {
		return r.src[r.at]
	}
	return 0
}

// sign reads one byte.
func (r *plainReader) sign(c byte) (at hcl.Range, ok bool) {
	if r.next() != c {
		return hcl.Range{}, false
	}
	from := r.pos()
	r.at++
	return r.since(from), true
}

func (r *plainReader) spaces() {
	for r.next() == ' ' || r.next() == '\t' {
		r.at++
	}
}

// newline reads the end of a line, or of the part.
func (r *plainReader) newline() bool {
	r.spaces()
	if r.at == len(r.src) {
		return true
	}
	if r.next() != '\n' {
		return false
	}
	r.at++
	r.line, r.lineAt = r.line+1, r.at
	return true
}

// lines passes over empty lines, and what begins the next one.
func (r *plainReader) lines() {
	for r.spaces(); r.next() == '\n'; r.spaces() {
		r.newline()
	}
}

// word reads an identifier.
func (r *plainReader) word() (text string, at hcl.Range) {
	from, begin := r.pos(), r.at
	if c := r.next(); c != '_' && !letter(c) {
		return "", hcl.Range{}
	}
	for identifier(r.next()) {
		r.at++
	}
	return string(r.src[begin:r.at]), r.since(from)
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// text reads a string: what stands between the quotes, its place, and that of the whole.
func (r *plainReader) text() (text string, inside, whole hcl.Range, ok bool) {
	from := r.pos()
	if _, ok := r.sign('"'); !ok {
		return "", hcl.Range{}, hcl.Range{}, false
	}
	begin, content := r.at, r.pos()
	for r.next() != '"' {
		if c := r.next(); c < ' ' || c > '~' || c == '\\' || c == '$' || c == '%' {
			return "", hcl.Range{}, hcl.Range{}, false
		}
		r.at++
	}
	text, inside = string(r.src[begin:r.at]), r.since(content)
	r.at++
	return text, inside, r.since(from), true
}

// block reads a block and the end of its line.
func (r *plainReader) block() *hclsyntax.Block {
	kind, at := r.word()
	if kind == "" {
		return nil
	}
	b := &hclsyntax.Block{Type: kind, TypeRange: at}
	r.spaces()
	if r.next() == '"' {
		label, _, at, ok := r.text()
		if !ok {
			return nil
		}
		b.Labels, b.LabelRanges = []string{label}, []hcl.Range{at}
		r.spaces()
	}
	var ok bool
	if b.OpenBraceRange, ok = r.sign('{'); !ok || !r.newline() {
		return nil
	}
	b.Body = &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, Blocks: hclsyntax.Blocks{}}
	for r.lines(); r.next() != '}'; r.lines() {
		a := r.attribute()
		if a == nil || b.Body.Attributes[a.Name] != nil {
			return nil
		}
		b.Body.Attributes[a.Name] = a
	}
	b.CloseBraceRange, _ = r.sign('}')
	b.Body.SrcRange = r.between(b.OpenBraceRange.Start, b.CloseBraceRange.End)
	b.Body.EndRange = r.between(b.CloseBraceRange.End, b.CloseBraceRange.End)
	if !r.newline() {
		return nil
	}
	return b
}

// attribute reads an attribute and the end of its line.
func (r *plainReader) attribute() *hclsyntax.Attribute {
	name, at := r.word()
	if name == "" {
		return nil
	}
	r.spaces()
	equals, ok := r.sign('=')
	if !ok {
		return nil
	}
	r.spaces()
	x := r.list()
	if x == nil {
		return nil
	}
	whole := r.since(at.Start)
	if !r.newline() {
		return nil
	}
	return &hclsyntax.Attribute{Name: name, Expr: x, SrcRange: whole, NameRange: at, EqualsRange: equals}
}

// list reads a list, or a value that is none.
func (r *plainReader) list() hclsyntax.Expression {
	open, ok := r.sign('[')
	if !ok {
		return r.value()
	}
	x := &hclsyntax.TupleConsExpr{OpenRange: open}
	for r.lines(); r.next() != ']'; r.lines() {
		item := r.value()
		if item == nil {
			return nil
		}
		x.Exprs = append(x.Exprs, item)
		r.lines()
		if _, ok := r.sign(','); !ok && r.next() != ']' {
			return nil
		}
	}
	r.at++
	x.SrcRange = r.since(open.Start)
	return x
}

// value reads a text, true, false, or a name with or without a part behind a dot.
func (r *plainReader) value() hclsyntax.Expression {
	if r.next() == '"' {
		text, inside, whole, ok := r.text()
		if !ok || text == "" {
			return nil
		}
		part := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(text), SrcRange: inside}
		return &hclsyntax.TemplateExpr{Parts: []hclsyntax.Expression{part}, SrcRange: whole}
	}
	name, at := r.word()
	switch name {
	case "", "null", "for":
		return nil
	case "true", "false":
		return &hclsyntax.LiteralValueExpr{Val: cty.BoolVal(name == "true"), SrcRange: at}
	}
	x := &hclsyntax.ScopeTraversalExpr{Traversal: hcl.Traversal{hcl.TraverseRoot{Name: name, SrcRange: at}}, SrcRange: at}
	dot := r.pos()
	if _, ok := r.sign('.'); ok {
		part, _ := r.word()
		if part == "" {
			return nil
		}
		x.Traversal = append(x.Traversal, hcl.TraverseAttr{Name: part, SrcRange: r.since(dot)})
		x.SrcRange = r.since(at.Start)
	}
	return x
}
