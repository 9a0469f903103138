package inert

import (
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"a\nb\n":                        "a\nb\n",
		"größe 支付\n":                    "größe 支付\n",
		"\ta":                           " a",
		"a\r\n\x1b[31m\x7f\u0085\u2028": "a<U+000D>\n<U+001B>[31m<U+007F><U+0085><U+2028>",
		"\u202ea\u2066\u200bb\u00ad":    "<U+202E>a<U+2066><U+200B>b<U+00AD>",
		"\u05d0":                        "<U+05D0>",
		"a\u00a0b":                      "a<U+00A0>b",
		"\xff\ufffd":                    "<U+FFFD><U+FFFD>",
	} {
		if got := Lines(in); got != want {
			t.Errorf("Lines(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Lines(s)
		if strings.Count(got, "\n") != strings.Count(s, "\n") {
			t.Errorf("Lines(%q) has other lines: %q", s, got)
		}
		if c := strange(strings.ReplaceAll(got, "\n", "")); c != "" {
			t.Errorf("Lines(%q) holds %+q", s, c)
		}
		if again := Lines(got); again != got {
			t.Errorf("Lines(%q) is %q, and that once more %q", s, got, again)
		}
	})
}
