package pattern

import (
	"strings"
	"testing"
)

type parser func(string) (Pattern, error)

func mustParse(t *testing.T, parse parser, s string) Pattern {
	t.Helper()
	p, err := parse(s)
	if err != nil {
		t.Fatalf("parsing %q: %v", s, err)
	}
	return p
}

func TestMatch(t *testing.T) {
	tests := []struct {
		kind    parser
		pattern string
		yes     []string
		no      []string
	}{
		{ParsePath, "src/main.go", []string{"src/main.go"}, []string{"src/main_go", "src/main.go/x", "x/src/main.go", "SRC/main.go", "src"}},
		{ParsePath, "src/*", []string{"src/a", "src/.hidden"}, []string{"src", "src/a/b", "src/", "SRC/a", "xsrc/a"}},
		{ParsePath, "src/**", []string{"src/a", "src/a/b", "src/a/b/c"}, []string{"src", "src/", "srcx/a", "a/src/b", "SRC/x"}},
		{ParsePath, "**/x", []string{"x", "a/x", "a/b/x"}, []string{"xx", "x/a", "a/xx"}},
		{ParsePath, "a/**/b", []string{"a/b", "a/x/b", "a/x/y/b", "a/b/b"}, []string{"ab", "a/bb", "a/b/c", "a", "b"}},
		{ParsePath, "**", []string{"a", "a/b", "é"}, []string{"", "/", "a/", "/a", "a//b"}},
		{ParsePath, "**/**", []string{"a", "a/b"}, []string{""}},
		{ParsePath, "**/a/**", []string{"a/x", "x/a/y", "a/a"}, []string{"a", "x/a", "b/c"}},
		{ParsePath, "**/test/**/*.go", []string{"test/x.go", "a/test/b/c.go"}, []string{"test/x.py", "tests/x.go"}},
		{ParsePath, "*a*b*", []string{"ab", "xaybz", "aabb"}, []string{"ba", "a", "a/b"}},
		{ParsePath, "a?c", []string{"abc", "aéc", "a\xffc"}, []string{"ac", "abbc", "a/c"}},
		{ParsePath, "[a-c]x", []string{"ax", "cx"}, []string{"dx", "Ax", "x", "/x"}},
		{ParsePath, "[!a-c]x", []string{"dx", "éx", "\xffx"}, []string{"ax", "x", "/x"}},
		{ParsePath, "[^a]", []string{"b"}, []string{"a", "", "bb"}},
		{ParsePath, "x[-a]y", []string{"x-y", "xay"}, []string{"xby"}},
		{ParsePath, "pages/[[]id].tsx", []string{"pages/[id].tsx"}, []string{"pages/i.tsx", "pages/[[]id].tsx"}},
		{ParsePath, "\uFFFD", []string{"\uFFFD"}, []string{"\xff", "\xef"}},
		{ParseRef, "main", []string{"refs/heads/main"}, []string{"main", "refs/tags/main", "refs/heads/Main", "refs/heads/x/main"}},
		{ParseRef, "agent/**", []string{"refs/heads/agent/x"}, []string{"agent/x", "refs/heads/agent", "refs/tags/agent/x"}},
		{ParseRef, "refs/tags/v*", []string{"refs/tags/v1"}, []string{"refs/tags/x", "refs/heads/refs/tags/v1"}},
		{ParseRef, "**", []string{"refs/heads/x", "refs/heads/x/y"}, []string{"refs/tags/x", "HEAD"}},
		{ParseName, "production", []string{"production", "PRODUCTION", "Production"}, []string{"productio\u0144", "prod"}},
		{ParseName, "PROD_*", []string{"PROD_KEY", "prod_key"}, []string{"STAGING_KEY", "PROD"}},
		{ParseName, "[A-B]x", []string{"ax", "BX"}, []string{"cx"}},
		{ParseName, "[!a]", []string{"b"}, []string{"a", "A"}},
		{ParseName, "kilo", []string{"KILO"}, []string{"\u212Ailo"}}, // U+212A folds to k in Unicode
	}
	for _, tt := range tests {
		p := mustParse(t, tt.kind, tt.pattern)
		for _, s := range tt.yes {
			if !p.Match(s) {
				t.Errorf("%q does not match %q", tt.pattern, s)
			}
		}
		for _, s := range tt.no {
			if p.Match(s) {
				t.Errorf("%q matches %q", tt.pattern, s)
			}
		}
		if p.String() != tt.pattern {
			t.Errorf("%q reads back as %q", tt.pattern, p)
		}
	}
}

func TestZeroMatchesNothing(t *testing.T) {
	var zero Pattern
	if zero.Match("") || zero.Match("a") || !zero.IsZero() {
		t.Error("the zero pattern matches something")
	}
	if _, ok := zero.Literal(); ok {
		t.Error("the zero pattern is a literal")
	}
	everything := mustParse(t, ParsePath, "**")
	if zero.Covers(everything) || !everything.Covers(zero) || !zero.Disjoint(everything) {
		t.Error("the zero pattern does not relate as one that matches nothing")
	}
	if Any(nil, "a") || !Any([]Pattern{zero, everything}, "a") {
		t.Error("Any is wrong")
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		parse parser
		in    string
		want  string
	}{
		{ParsePath, "", "is empty"},
		{ParsePath, strings.Repeat("a", MaxLength+1), "longer than 1024 bytes"},
		{ParsePath, strings.Repeat("a/", MaxSegments) + "a", "more than 64 segments"},
		{ParsePath, "a\xff", "is not UTF-8"},
		{ParsePath, "/a", "begins or ends with a slash"},
		{ParsePath, "a/", "begins or ends with a slash"},
		{ParsePath, "a//b", "empty segment"},
		{ParsePath, "a/../b", `has the segment ".."`},
		{ParsePath, "./a", `has the segment "."`},
		{ParsePath, "a\x00", "control character U+0000"},
		{ParsePath, "a\u0085", "control character U+0085"},
		{ParsePath, "a\u202e", "control character U+202E"},
		{ParsePath, "{a,b}", "write one pattern for each"},
		{ParsePath, `a\*`, "there are no escapes"},
		{ParsePath, "a**", "must be alone between slashes"},
		{ParsePath, "***", "must be alone between slashes"},
		{ParsePath, "[a", "without a ]"},
		{ParsePath, "[a/b]", "without a ]"},
		{ParsePath, "[]", "empty class"},
		{ParsePath, "[!]", "empty class"},
		{ParsePath, "[z-a]", "wrong way round"},
		{ParsePath, "[[:alpha:]]", "named class"},
		{ParseRef, "", "is empty"},
		{ParseRef, "a b", "may not stand in a ref name"},
		{ParseRef, "refs/heads/", "begins or ends with a slash"},
		{ParseName, "..", `has the segment ".."`},
	}
	for _, tt := range tests {
		p, err := tt.parse(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parsing %q: got %v, want an error with %q", tt.in, err, tt.want)
		}
		if !p.IsZero() {
			t.Errorf("parsing %q returned both an error and a pattern", tt.in)
		}
	}
}

func TestLiteral(t *testing.T) {
	tests := []struct {
		parse parser
		in    string
		want  string
		ok    bool
	}{
		{ParsePath, "a/b.c", "a/b.c", true},
		{ParseRef, "main", "refs/heads/main", true},
		{ParsePath, "a/*", "", false},
		{ParsePath, "a/**", "", false},
		{ParsePath, "[a]", "", false},
	}
	for _, tt := range tests {
		if got, ok := mustParse(t, tt.parse, tt.in).Literal(); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %q, %v", tt.in, got, ok)
		}
	}
}

func TestRelations(t *testing.T) {
	tests := []struct {
		p, q     string
		covers   bool
		disjoint bool
	}{
		{"src/**", "src/a", true, false},
		{"src/**", "src/a/**", true, false},
		{"src/**", "src/*", true, false},
		{"src/**", "src", false, true},
		{"src/**", "src/**", true, false},
		{"src/*", "src/**", false, false},
		{"src/a/**", "src/**", false, false},
		{"src/**", "test/**", false, true},
		{"**", "a/**/b", true, false},
		{"a/**/b", "a/b", true, false},
		{"a/**/b", "a/x/**/b", true, false},
		{"a/**", "**/b", false, false},
		{"a*", "a*b", true, false},
		{"a*b", "a*", false, false},
		{"a*", "b*", false, true},
		{"*a", "*b", false, true},
		{"?", "[a-z]", true, false},
		{"[a-z]", "[b-c]", true, false},
		{"[a-c]", "[c-e]", false, false},
		{"[a-c]", "[d-e]", false, true},
		{"[!a]", "b", true, false},
		{"[!a]", "a", false, true},
		{"*", "?", true, false},
		{"?", "*", false, false},
		{"*", "a/b", false, true},
	}
	for _, tt := range tests {
		p, q := mustParse(t, ParsePath, tt.p), mustParse(t, ParsePath, tt.q)
		if got := p.Covers(q); got != tt.covers {
			t.Errorf("%q covers %q: %v", p, q, got)
		}
		if got := p.Disjoint(q); got != tt.disjoint {
			t.Errorf("%q disjoint from %q: %v", p, q, got)
		}
		if p.Disjoint(q) != q.Disjoint(p) {
			t.Errorf("Disjoint of %q and %q is not symmetrical", p, q)
		}
	}
	fold, exact := mustParse(t, ParseName, "prod"), mustParse(t, ParsePath, "prod")
	if !fold.Covers(exact) || exact.Covers(fold) {
		t.Error("a pattern without case covers the one with case, not the other way round")
	}
}

// TestWork mounts the patterns that make other matchers take exponential time.
func TestWork(t *testing.T) {
	deep := strings.Repeat("**/", MaxSegments-1) + "b"
	tests := []struct{ pattern, name string }{
		{deep, strings.Repeat("a/", 2000) + "c"},
		{strings.Repeat("**/a/", MaxSegments/2-1) + "b", strings.Repeat("a/", 2000) + "c"},
		{strings.Repeat("**/*a*/", MaxSegments/2-1) + "b", strings.Repeat("aa/", 2000) + "c"},
		{strings.Repeat("*a", 500) + "b", strings.Repeat("a", 4000)},
		{strings.Repeat("*?", 500) + "b", strings.Repeat("a", 4000)},
		{strings.Repeat("*[!b]", 200) + "b", strings.Repeat("a", 4000)},
		{"**/" + strings.Repeat("*a", 500), strings.Repeat("aaaa/", 1000) + "b"},
	}
	for _, tt := range tests {
		p := mustParse(t, ParsePath, tt.pattern)
		ok, steps := p.match(tt.name)
		if ok {
			t.Errorf("%.20q… matches %.20q…", tt.pattern, tt.name)
		}
		if limit := 4 * len(tt.pattern) * len(tt.name); steps > limit {
			t.Errorf("%.20q… took %d steps, more than %d", tt.pattern, steps, limit)
		}
		if !p.Covers(p) || p.Disjoint(p) {
			t.Errorf("%.20q… does not cover itself", tt.pattern)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	p, _ := ParsePath("src/**/*_test.go")
	for b.Loop() {
		p.Match("src/github.com/acme/shop/internal/cart/cart_test.go")
	}
}
