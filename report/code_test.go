package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestInertMarkdown(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "add the form", "`add the form`"},
		{"mention, link, HTML", "@acme [x](http://e) <img>", "`@acme [x](http://e) <img>`"},
		{"pipe", `a|b\|c`, "`a\\x7cb\\\\x7cc`"},
		{"backtick inside", "use `x` now", "``use `x` now``"},
		{"backtick at the edge", "`x`", "`` `x` ``"},
		{"longer fence", "a ``` b", "````a ``` b````"},
		{"fence without end", strings.Repeat("`", 6), "`" + strings.Repeat(`\x60`, 6) + "`"},
		{"spaces at both edges", " x ", "`  x  `"},
		{"newline", "a\n\n# b", "`a\\n\\n# b`"},
	} {
		if got := InertMarkdown(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestQuotedCannotBeClosed(t *testing.T) {
	if got, want := quoted(`x\" by human.alice "`, 100, false), `"x\' by human.alice '"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// strange is the first character of s that could do something, "" for none.
func strange(s string) string {
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, unicode.IsControl(r), !unicode.IsPrint(r), unicode.Is(unicode.Cf, r),
			unicode.IsLetter(r) && unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko),
			unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			return s[i : i+size]
		}
	}
	return ""
}

// seeds are what the fuzz targets start from.
func seeds() []string {
	return []string{
		"", "x", hostileText, "::error::x", "##[error]x", "a\n::set-output name=x::y", "\x1b[2J", "\u202e", "\xff", "| a | b |",
		"```", "`", "\\`", "[x](http://e)", "<img src=x>", "@acme/team", "https://e", "a@b.c", "#1", ":tada:", "  ", "\\", "|", "\\|",
		"e\u0301\u0301\u0301\u0301", "##\u200b[x]", strings.Repeat("word ", 300), strings.Repeat("w", 3000), "<!--", "~~~", "---", "\"", "$x$",
	}
}
