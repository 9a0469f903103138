package expression

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// nothing is an Env in which nothing is known.
type nothing struct{ steps int }

func (*nothing) Scope() int                 { return 0 }
func (*nothing) Resolve(Ref) Value          { return Value{} }
func (*nothing) ResolveAny(Ref, bool) Value { return Value{} }
func (*nothing) Equal(Ref, Value) Truth     { return Perhaps }
func (*nothing) Decide(*Node, Value) Truth  { return Perhaps }
func (*nothing) Call(string, []Value) Value { return Value{} }
func (*nothing) Assume(Ref, bool)           {}
func (n *nothing) Step(work int) bool       { n.steps += work; return true }

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"github.ref":                            "github.ref",
		" GitHub . Ref ":                        "github.ref",
		"github['REF']":                         "github.ref",
		"github[ 'a b' ]":                       "github['a b']",
		"secrets.PROD_Token":                    "secrets.prod_token",
		"a.*.b[*]":                              "a.*.b.*",
		"a[0]":                                  "a[0]",
		"a[b.c]":                                "a[b.c]",
		"a.b-c":                                 "a.b-c",
		"'it''s'":                               "'it''s'",
		"0xFF":                                  "255",
		"0o17":                                  "15",
		"-1.5e3":                                "-1500",
		"+.5":                                   "0.5",
		"Infinity":                              "Infinity",
		"-Infinity":                             "-Infinity",
		"null":                                  "null",
		"Null":                                  "NULL", // a name and not the literal
		"a&&b||c&&d":                            "a && b || c && d",
		"a && (b || c)":                         "a && (b || c)",
		"(a && b) && c":                         "(a && b) && c",
		"a && b && c":                           "a && b && c",
		"(a == b) == c":                         "a == b == c",
		"a == (b == c)":                         "a == (b == c)",
		"!a":                                    "!a",
		"!(a == b)":                             "!(a == b)",
		"!!a.b":                                 "!!a.b",
		"a < b == c >= d":                       "a < b == c >= d",
		"(a).b":                                 "a.b",
		"(a || b).c":                            "(a || b).c",
		"Format('{0}', x)":                      "format('{0}', x)",
		"f()":                                   "f()",
		"fromJSON('{}').a":                      "fromjson('{}').a",
		"a\n.b\t[\r\n'c'\v]\f":                  "a.b.c",
		"case(a, 'x', 'y')":                     "case(a, 'x', 'y')",
		"steps.gate.outputs.commit":             "steps.gate.outputs.commit",
		"STEPS['Gate']['outputs'].commit":       "steps.gate.outputs.commit",
		"github.event.pull_request.head.sha":    "github.event.pull_request.head.sha",
		"startsWith(github.ref, 'refs/tags/v')": "startswith(github.ref, 'refs/tags/v')",
		"contains(fromJSON('[\"a\"]'), inputs.x )": "contains(fromjson('[\"a\"]'), inputs.x)",
	} {
		n, err := Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := n.String(); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestNotAnExpression(t *testing.T) {
	for _, in := range []string{
		"", " ", "a b", "a..b", "a.", ".a", "a[", "a[]", "a]", "(a", "a)", "()", "f(", "f(a", "f(a,)", "f(,a)", "f(a b)", "'a", "a'", `"a"`,
		"a &", "a & b", "a | b", "a = b", "a === b", "a && ", "&& a", "!", "a !b", "a ! = b", "1x", "0xG", "0x1FFFFFFFF", "1e", "1.2.3", "--1", "-", "a + b", "1+2", "a ? b : c",
		"a.1", "a.'b'", "${{ a }}", "a }}", "a;b", "é", "a\x00", "*", "a.**", "NaN1 2", "a, b", "-NaN",
	} {
		if n, err := Parse(in); !errors.Is(err, ErrSyntax) || n != nil {
			t.Errorf("%q gives %v, %v", in, n, err)
		}
	}
}

func TestLimits(t *testing.T) {
	long := "'" + strings.Repeat("x", MaxLength-2) + "'"
	if _, err := Parse(long); err != nil {
		t.Errorf("an expression of %d characters: %v", len(long), err)
	}
	if _, err := Parse(long + " "); !errors.Is(err, ErrLimit) {
		t.Errorf("one of %d characters: %v", len(long)+1, err)
	}
	nests := map[string]func(int) string{
		"parentheses": func(n int) string { return strings.Repeat("(", n) + "a" + strings.Repeat(")", n) },
		"not":         func(n int) string { return strings.Repeat("!", n-1) + "a" },
		"calls":       func(n int) string { return strings.Repeat("f(", n-1) + "a" + strings.Repeat(")", n-1) },
		"indexes":     func(n int) string { return strings.Repeat("a[", n-1) + "a" + strings.Repeat("]", n-1) },
		"properties":  func(n int) string { return "a" + strings.Repeat(".a", n-1) },
		"comparisons": func(n int) string { return "a" + strings.Repeat(" == a", n-1) },
	}
	for name, nest := range nests {
		if n, err := Parse(nest(MaxDepth)); err != nil || n == nil {
			t.Errorf("%s %d deep: %v", name, MaxDepth, err)
		}
		if _, err := Parse(nest(MaxDepth + 1)); !errors.Is(err, ErrLimit) {
			t.Errorf("%s %d deep: %v", name, MaxDepth+1, err)
		}
		// Refused as soon as it is too deep, however long it is.
		if _, steps, err := parse(nest(5000)); !errors.Is(err, ErrLimit) || steps > 3*MaxDepth {
			t.Errorf("%s 5000 deep: %v after %d tokens", name, err, steps)
		}
		if _, steps, err := parse(nest(1_000_000)); !errors.Is(err, ErrLimit) || steps != 0 {
			t.Errorf("%s a million deep: %v after %d tokens", name, err, steps)
		}
	}
	if _, err := Parse("a" + strings.Repeat(" || a", 4000)); err != nil {
		t.Errorf("a long row of alternatives is not deep: %v", err)
	}
}

func TestEval(t *testing.T) {
	for in, want := range map[string]string{
		"1":                                    "1",
		"1.0":                                  "1",
		"0.1":                                  "0.1",
		"1e21":                                 "1E+21",
		"0xff":                                 "255",
		"0xffffffff":                           "-1",
		"true":                                 "true",
		"null":                                 "",
		"'a' == 'A'":                           "true",
		"'' == 0":                              "true",
		"'1' == 1":                             "true",
		"'x' == 0":                             "false",
		"null == false":                        "true",
		"NaN == NaN":                           "false",
		"'b' > 'A'":                            "true",
		"2 < 10":                               "true",
		"'2' < '10'":                           "false",
		"1 >= 1 && 1 <= 1":                     "true",
		"1 && 2":                               "2",
		"0 && 2":                               "0",
		"'' || 'x'":                            "x",
		"'a' && 'b' || 'c'":                    "b",
		"'a' && '' || 'c'":                     "c",
		"!0":                                   "true",
		"!'x'":                                 "false",
		"contains('Hello', 'ELL')":             "true",
		"contains(fromJSON('[1,\"b\"]'), 'B')": "true",
		"contains(fromJSON('[1,\"b\"]'), 'c')": "false",
		"startsWith('refs/tags/v1', 'refs/TAGS')":                       "true",
		"endsWith('abc', 'BC')":                                         "true",
		"format('{0}_{1}{{}}', 'PROD', 1)":                              "PROD_1{}",
		"join(fromJSON('[\"a\",\"b\"]'), '-')":                          "a-b",
		"join('a')":                                                     "a",
		"toJSON(fromJSON('{\"a\":[1,true,null]}'))":                     "{\n  \"a\": [\n    1,\n    true,\n    null\n  ]\n}",
		"fromJSON('{\"A\":{\"b\":\"c\"}}').a.B":                         "c",
		"fromJSON('{\"a\":1}').b":                                       "",
		"fromJSON('[\"a\",\"b\"]')[1]":                                  "b",
		"fromJSON('[\"a\",\"b\"]')[2]":                                  "",
		"join(fromJSON('[{\"n\":\"a\"},{\"n\":\"b\"},{\"m\":1}]').*.n)": "a,b",
		"fromJSON('{\"a\":{\"n\":1},\"b\":{\"n\":2}}').*.n[1]":          "?", // an index into each, as the forge has it
		"case(false, 'a', true, 'b', 'c')":                              "b",
		"case(false, 'a', 'c')":                                         "c",
		"fromJSON('[')":                                                 "?",
		"fromJSON('{\"a\":1,\"A\":2}')":                                 "?",
		"format('{2}', 'a')":                                            "?",
		"format('{', 'a')":                                              "?",
		"github.ref":                                                    "?",
		"github.ref == 'x'":                                             "?",
		"github.ref && 'a' || 'a'":                                      "?", // the two are not compared
		"github.ref && 'a' || 'b'":                                      "?",
		"github.ref && false":                                           "?", // the ref, if it is empty
		"github.ref == 'x' && false":                                    "false",
		"false && github.ref":                                           "false",
		"true || github.ref":                                            "true",
		"!(github.ref == 'x' && false)":                                 "true",
		"hashFiles('**/go.sum')":                                        "?",
		"unheard(1)":                                                    "?",
		"case(github.ref, 'a', 'a')":                                    "a",
	} {
		n, err := Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		got, ok := Eval(n, &nothing{}).AsText()
		if !ok {
			got = "?"
		}
		if want == "?" && in == "fromJSON('{\"a\":{\"n\":1},\"b\":{\"n\":2}}').*.n[1]" {
			want = "Array"
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// What is unknown is true, false or perhaps as a whole all the same.
func TestTruth(t *testing.T) {
	for in, want := range map[string]Truth{
		"x":                        Perhaps,
		"x || 'a'":                 True,
		"x && ''":                  False,
		"x == 'a' || true":         True,
		"!(x && false)":            True,
		"x.*":                      True,
		"case(x, 'a', 'b')":        True,
		"case(x, '', null)":        False,
		"(x || 'a') && (y || 'b')": True,
		"x && 'a' || 'b'":          True,
		"x && '' || y":             Perhaps,
	} {
		n, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Eval(n, &nothing{}).AsTruth(); got != want {
			t.Errorf("%q counts as %d, want %d", in, got, want)
		}
	}
}

func TestValuesStayBounded(t *testing.T) {
	in := "'xxxxxxxxxxxxxxxx'"
	for range 20 {
		in = "format('{0}{0}{0}{0}', " + in + ")"
	}
	n, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	env := &nothing{}
	if v := Eval(n, env); v.Type != Unknown {
		t.Errorf("a text of %d bytes was made", len(v.Text))
	}
	if env.steps > 10_000 {
		t.Errorf("it took %d steps", env.steps)
	}
}

func TestPaths(t *testing.T) {
	for in, want := range map[string]string{
		"secrets.A && github.event.x || secrets['a']": "secrets.a github.event.x",
		"secrets[matrix.name]":                        "secrets matrix.name",
		"toJSON(secrets)":                             "secrets",
		"needs.*.outputs.x":                           "needs.*.outputs.x",
		"a[b[c.d]].e":                                 "a b c.d",
		"fromJSON(vars.X).y":                          "vars.x",
		"'secrets.A'":                                 "",
	} {
		n, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(n.Paths(), " "); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

func TestFlows(t *testing.T) {
	for in, want := range map[string]string{
		"github.event.issue.title":            "github.event.issue.title",
		"github.event.issue.title == 'x'":     "",
		"contains(a.b, c.d) && e.f":           "e.f",
		"a.b && c.d || e.f":                   "c.d e.f",
		"!a.b":                                "",
		"format('{0} {1}', a.b, toJSON(c.d))": "a.b c.d+",
		"fromJSON(toJSON(a.b)).c":             "a.b+",
		"a[b.c].d":                            "a+",
		"a.b[0].c":                            "a.b[0].c",
		"a.*.b":                               "a.*.b",
		"a.*":                                 "a.*+",
		"join(a.*.b, c.d)":                    "a.*.b+ c.d+",
		"case(a.b, c.d, e.f)":                 "c.d e.f",
		"case(a.b, c.d, e.f, g.h, i.j)":       "c.d g.h i.j",
		"somethingNew(a.b)":                   "a.b",
		"success() || always()":               "",
	} {
		n, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range n.Flows() {
			if f.Whole {
				f.Path += "+"
			}
			got = append(got, f.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q takes %q, want %q", in, got, want)
		}
	}
}

func TestTemplate(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                    "plain",
		"a ${{ 'b' }} c":           "a b c",
		"${{ 1 }}${{ true }}":      "1true",
		"${{ 'a}}b' }}":            "a}}b",
		"${{ 'it''s }}' }}x":       "it's }}x",
		"$ {{ x }}":                "$ {{ x }}",
		"${{'${{ not again }}'}}":  "${{ not again }}",
		"x${{ github.ref }}":       "?",
		"${{ format('{0}', 1) }}-": "1-",
	} {
		tmpl, err := ParseTemplate(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		got, ok := tmpl.Eval(&nothing{}).AsText()
		if !ok {
			got = "?"
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"${{", "${{ a", "${{ a }", "${{ 'a }}", "${{ }}", "a ${{ b }} ${{ c"} {
		if tmpl, err := ParseTemplate(in); err == nil {
			t.Errorf("%q gives %v", in, tmpl)
		}
	}
	tmpl, err := ParseTemplate("x-${{ github.ref }}")
	if err != nil || tmpl.Single() != nil || tmpl.Eval(&nothing{}).AsTruth() != True {
		t.Error("a text that is not empty whatever is in it")
	}
	if tmpl, err = ParseTemplate("${{ fromJSON('[1]') }}"); err != nil || tmpl.Eval(&nothing{}).Type != Array {
		t.Error("one expression keeps its type")
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]float64{"1": 1, "\t2": 2, "": 0, "0x10": 16, "0o10": 8, "-3.5": -3.5, "1e3": 1000, "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)} {
		if got := textNumber(in); got != want {
			t.Errorf("%q is %v", in, got)
		}
	}
	for _, in := range []string{"a", "1a", "1_000", "inf", "nan", "0x", "-0x1", "0b1", "1 2", "infinity", "0x1p3"} {
		if got := textNumber(in); !math.IsNaN(got) {
			t.Errorf("%q is %v", in, got)
		}
	}
}
