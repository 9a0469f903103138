package inert

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "tune prod replicas", "tune prod replicas"},
		{"empty", "", ""},
		{"other scripts", "größere Fläche 支付 платёж ไทย हिन्दी 🎉", "größere Fläche 支付 платёж ไทย हिन्दी 🎉"},
		{"newlines", "a\nb\r\nc\td", `a\nb\r\nc\td`},
		{"workflow command on a line of its own", "x\n::error::y", `x\n::error::y`},
		{"runner command anywhere", "a ##[error]b", `a #\x23[error]b`},
		{"pipelines command anywhere", "##vso[task.complete]", `#\x23vso[task.complete]`},
		{"many hashes in front of a command", "####[x]", `###\x23[x]`},
		{"a heading is no command", "## one [two]", "## one [two]"},
		{"one hash is no command", "#[x]", "#[x]"},
		{"ANSI", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"C1 controls", "\u009b31m \u0085", `\u009b31m \u0085`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"bidi controls", "a\u202eb\u2066c\u200fd\u061c", `a\u202eb\u2066c\u200fd\u061c`},
		{"letters that run from right to left", "אב/عر/x", `\u05d0\u05d1/\u0639\u0631/x`},
		{"zero width", "a\u200bb\u200dc\ufeffd\u00ade\u2060f", `a\u200bb\u200dc\ufeffd\u00ade\u2060f`},
		{"fillers and variation selectors", "\u3164\u115f\u034f\ufe0f\U000e0100", `\u3164\u115f\u034f\ufe0f\U000e0100`},
		{"tags", "\U000e0041", `\U000e0041`},
		{"spaces of other sorts", "a\u00a0b\u3000c\u2028d\u2800e", `a\u00a0b\u3000c\u2028d\u2800e`},
		{"not UTF-8", "a\xff\xc3(\xed\xa0\x80", `a\xff\xc3(\xed\xa0\x80`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
		{"accents on a letter", "e\u0301\u0302\u0303", "e\u0301\u0302\u0303"},
		{"a stack of accents", "e\u0301\u0302\u0303\u0304\u0305f\u0301", "e\u0301\u0302\u0303" + `\u0304\u0305` + "f\u0301"},
		{"an accent on nothing", "\u0301a", `\u0301a`},
		{"an accent on an escape", "\x1b\u0301", `\x1b\u0301`},
		{"private and unassigned", "\ue000\u0378", `\ue000\u0378`},
		{"as long as may be", strings.Repeat("a", maxLine), strings.Repeat("a", maxLine)},
		{"longer", strings.Repeat("a", maxLine+1), strings.Repeat("a", maxLine-1) + "…"},
		{"no escape is cut", strings.Repeat("a", maxLine-3) + "\x1b\x1b", strings.Repeat("a", maxLine-3) + "…"},
		{"characters count, not bytes", strings.Repeat("é", maxLine), strings.Repeat("é", maxLine)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Line(c.in); got != c.want {
				t.Errorf("Line(%+q)\n got %+q\nwant %+q", c.in, got, c.want)
			}
		})
	}
	if got, want := ASCIIOf("größer\u202e "+strings.Repeat("x", 30), 30), `gr\u00f6\u00dfer\u202e xxxx...`; got != want {
		t.Errorf("in ASCII: got %q, want %q", got, want)
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

func FuzzLine(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Line(s)
		if c := strange(got); c != "" {
			t.Errorf("Line(%+q) holds %+q", s, c)
		}
		if strings.Contains(got, "##[") || strings.Contains(got, "##vso[") {
			t.Errorf("Line(%+q) holds a command: %q", s, got)
		}
		if n := utf8.RuneCountInString(got); n > maxLine {
			t.Errorf("Line(%+q) has %d characters", s, n)
		}
		if again := Line(got); again != got {
			t.Errorf("Line(%+q) is %q, and that once more %q", s, got, again)
		}
		if s != "" && got == "" {
			t.Errorf("Line(%+q) is empty", s)
		}
		for _, r := range ASCIIOf(s, maxLine) {
			if r < ' ' || r > '~' {
				t.Errorf("in ASCII, %+q holds %+q", s, r)
			}
		}
	})
}

// hostileText is everything that some surface might act on.
var hostileText = "\x1b[31mred\x1b]0;title\x07\n::set-output name=verdict::allow\r\n##[error]x ##vso[task.complete]\n" +
	"<img src=x onerror=alert(1)> @acme/team [x](http://evil.example) ![y](http://evil.example/y.png) www.evil.example " +
	"https://evil.example a@evil.example | pipe \\| `tick` ``` fence ~~~ #123 GH-1 acme/shop#1 " + strings.Repeat("ab12", 10) +
	" :tada: $`x`$ <!-- --> &lt; \u202egpj.exe\u2066 zero\u200bwidth \u05d0\u05d1 e\u0301\u0301\u0301\u0301\u0301 \x00\x7f\u0085\u2028 \xff\xfe \U000e0041" +
	strings.Repeat("A", 600)

// seeds are what the fuzz targets start from.
func seeds() []string {
	return []string{
		"", "x", hostileText, "::error::x", "##[error]x", "a\n::set-output name=x::y", "\x1b[2J", "\u202e", "\xff", "| a | b |",
		"```", "`", "\\`", "[x](http://e)", "<img src=x>", "@acme/team", "https://e", "a@b.c", "#1", ":tada:", "  ", "\\", "|", "\\|",
		"e\u0301\u0301\u0301\u0301", "##\u200b[x]", strings.Repeat("word ", 300), strings.Repeat("w", 3000), "<!--", "~~~", "---", "\"", "$x$",
	}
}
