package pattern

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// reference is the definition of the dialect, spelt out with no thought for speed.
func reference(pattern, name []string, fold bool) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		least := 0
		if len(pattern) == 1 {
			least = 1
		}
		for n := least; n <= len(name); n++ {
			if reference(pattern[1:], name[n:], fold) {
				return true
			}
		}
		return false
	}
	return len(name) > 0 && referenceSegment(pattern[0], name[0], fold) && reference(pattern[1:], name[1:], fold)
}

func referenceSegment(pattern, name string, fold bool) bool {
	if pattern == "" {
		return name == ""
	}
	if pattern[0] == '*' {
		for n := 0; n <= len(name); n++ {
			if (n == len(name) || utf8.RuneStart(name[n])) && referenceSegment(pattern[1:], name[n:], fold) {
				return true
			}
		}
		return false
	}
	if name == "" {
		return false
	}
	r, size := utf8.DecodeRuneInString(name)
	c, width := utf8.DecodeRuneInString(pattern)
	hit := false
	switch c {
	case '?':
		hit = true
	case '[':
		end := strings.IndexByte(pattern, ']')
		class := pattern[1:end]
		width = end + 1
		negated := class[0] == '!' || class[0] == '^'
		if negated {
			class = class[1:]
		}
		hit = inClass(class, r, fold) != negated
	default:
		hit = same(c, r, fold)
	}
	return hit && referenceSegment(pattern[width:], name[size:], fold)
}

func inClass(class string, r rune, fold bool) bool {
	runes := []rune(class)
	for i := 0; i < len(runes); i++ {
		from, to := runes[i], runes[i]
		if i+2 < len(runes) && runes[i+1] == '-' {
			to = runes[i+2]
			i += 2
		}
		for c := from; c <= to; c++ {
			if same(c, r, fold) {
				return true
			}
		}
	}
	return false
}

func same(a, b rune, fold bool) bool {
	if a == b {
		return true
	}
	return fold && a < utf8.RuneSelf && b < utf8.RuneSelf && strings.EqualFold(string(a), string(b))
}

// FuzzPattern holds the matcher to the reference, and the relations to the matcher.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][3]string{
		{"src/**", "src/a*", "src/ab"},
		{"**/x", "a/**/x", "a/x"},
		{"[!a-c]?", "[b-z]*", "dx"},
		{"**", "*", "é"},
		{"a/**/b/**", "**/b", "a/b/b"},
		{"PROD_*", "prod_[a-z]", "Prod_X"},
		{"[[]a]", "[]-]", "[a]"},
	} {
		for mode := range uint8(4) {
			f.Add(seed[0], seed[1], seed[2], mode)
		}
	}
	f.Fuzz(func(t *testing.T, a, b, name string, mode uint8) {
		if len(a) > 40 || len(b) > 40 || len(name) > 40 {
			return
		}
		parsers := []parser{ParsePath, ParseName}
		modeA, modeB := mode&1, mode>>1&1
		p, errP := parsers[modeA](a)
		q, errQ := parsers[modeB](b)
		if errP != nil {
			if !p.IsZero() {
				t.Fatalf("%q: an error and a pattern", a)
			}
			return
		}
		again, err := parsers[modeA](p.String())
		if err != nil || again.String() != a {
			t.Fatalf("%q does not read back: %v", a, err)
		}
		if !p.Covers(p) || p.Disjoint(p) || !p.Covers(again) {
			t.Fatalf("%q does not cover itself", a)
		}
		segments := strings.Split(name, "/")
		wellFormed := true
		for _, s := range segments {
			wellFormed = wellFormed && s != ""
		}
		if utf8.ValidString(name) {
			want := wellFormed && reference(strings.Split(a, "/"), segments, modeA == 1)
			if p.Match(name) != want {
				t.Fatalf("%q matches %q: got %v", a, name, !want)
			}
		} else if !wellFormed && p.Match(name) {
			t.Fatalf("%q matches %q", a, name)
		}
		if literal, ok := p.Literal(); ok && !p.Match(literal) {
			t.Fatalf("%q does not match its own literal %q", a, literal)
		}
		if errQ != nil {
			return
		}
		inP, inQ := p.Match(name), q.Match(name)
		if p.Covers(q) && inQ && !inP {
			t.Fatalf("%q covers %q, but %q", a, b, name)
		}
		if p.Disjoint(q) && inQ && inP {
			t.Fatalf("%q and %q are disjoint, but %q", a, b, name)
		}
		if p.Covers(q) && p.Disjoint(q) {
			t.Fatalf("%q both covers %q and is disjoint from it", a, b)
		}
	})
}
