package expression

import (
	"slices"
	"strings"
	"testing"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		"github.ref == 'refs/heads/main' && 'production' || 'staging'", "secrets[format('{0}_KEY', matrix.env)]", "toJSON(secrets)",
		"a.*.b[*]['c d'][0]", "!(a && b) || c <= 0x1F", "'it''s'", "case(a, 1, b, -2.5e-3, NaN)", "fromJSON('{\"a\":[1,{}]}').A[1]",
		"contains(fromJSON('[\"a\"]'), 'A') && (x || false)", "((((a))))", "a == b != c", "join(fromJSON('[1,null,true]'), '')",
		"Infinity > -Infinity", "null == ''", "1e999", "a.b-c.d_e",
	} {
		f.Add(s)
	}
}

// What is accepted is printed so that it reads as the same expression.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		n, err := Parse(src)
		if err != nil {
			if n != nil {
				t.Fatalf("%q gives a node with the error %v", src, err)
			}
			return
		}
		text := n.String()
		if len(text) > MaxLength { // a number may be longer in canonical form
			return
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%q is printed as %q, which is refused: %v", src, text, err)
		}
		if got := again.String(); got != text || !alike(n, again) {
			t.Fatalf("%q is printed as %q, and that as %q", src, text, got)
		}
		// No context comes out of it that is not a word of the text.
		for _, p := range n.Paths() {
			context, _, _ := strings.Cut(strings.TrimSuffix(p, "]"), ".")
			context, _, _ = strings.Cut(context, "[")
			if !strings.Contains(strings.ToLower(src), context) {
				t.Fatalf("%q reads %q", src, p)
			}
		}
	})
}

// What goes into a value is read, goes in by way of a text too, and goes in as a whole where it is written out.
func FuzzFlows(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		n, err := Parse(src)
		if err != nil || n.depth >= MaxDepth {
			return
		}
		flows, paths := n.Flows(), n.Paths()
		for _, flow := range flows {
			if !slices.Contains(paths, flow.Path) {
				t.Fatalf("%q takes %q, and reads %q", src, flow.Path, paths)
			}
		}
		call := func(name string, args ...*Node) []Flow { return (&Node{Kind: Call, Text: name, Args: args}).Flows() }
		if got := call("format", &Node{Kind: StringLiteral, Text: "{0}"}, n); !slices.Equal(got, flows) {
			t.Fatalf("%q takes %v, and as a text %v", src, flows, got)
		}
		written := call("tojson", n)
		for _, flow := range flows {
			if !slices.Contains(written, Flow{Path: flow.Path, Whole: true}) {
				t.Fatalf("%q takes %v, and written out %v", src, flow, written)
			}
		}
	})
}

func alike(a, b *Node) bool {
	if a.Kind != b.Kind || len(a.Args) != len(b.Args) {
		return false
	}
	for i := range a.Args {
		if !alike(a.Args[i], b.Args[i]) {
			return false
		}
	}
	return true
}

// some is an Env that knows a property by its name, or does not know it yet.
type some struct {
	nothing
	known  map[string]Value
	hidden bool
}

func (s *some) Resolve(r Ref) Value {
	if s.hidden {
		return Value{}
	}
	if v, ok := s.known[r.String()]; ok {
		return v
	}
	return Value{Type: Null}
}

func (s *some) ResolveAny(Ref, bool) Value {
	if s.hidden {
		return Value{}
	}
	return Value{Type: Null}
}

func (s *some) Equal(r Ref, v Value) Truth { return s.Resolve(r).Equals(v) }

func (s *some) Call(string, []Value) Value {
	if s.hidden {
		return Value{}
	}
	return Value{Type: Null}
}

// What is worked out without knowing the properties is so whatever they are.
func FuzzEval(f *testing.F) {
	for _, s := range []string{
		"github.ref == 'refs/heads/main' && 'production' || 'staging'", "x && false", "x || y || 'a'", "case(x, 1, 2)", "!(x == 'a' && '')",
		"contains(fromJSON('[1,2]'), x)", "x.* && 1", "secrets[x] || 'b'", "(x || 'a') == (y || 'b')", "format('{0}', x) && 'a'",
	} {
		f.Add(s, "x", "a")
	}
	f.Fuzz(func(t *testing.T, src, name, text string) {
		n, err := Parse(src)
		if err != nil {
			return
		}
		for _, value := range []Value{{Type: Null}, TextValue(""), TextValue(text), BoolValue(true), BoolValue(false), NumberValue(1)} {
			env := &some{known: map[string]Value{Lower(name): value}}
			full := Eval(n, env)
			env.hidden = true
			partial := Eval(n, env)
			if partial.IsKnown() && (!full.Same(partial)) && full.IsKnown() {
				t.Fatalf("%q is %+v while %q is not known, and %+v where it is %+v", src, partial, name, full, value)
			}
			if a, b := partial.AsTruth(), full.AsTruth(); a != Perhaps && b != Perhaps && a != b {
				t.Fatalf("%q counts as %d while %q is not known, and as %d where it is %+v", src, a, name, b, value)
			}
		}
	})
}
