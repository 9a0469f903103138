package inert

import (
	"strconv"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	long := strings.Repeat("a", maxQuoted)
	for _, c := range []struct{ in, quote, word string }{
		{"", `""`, `""`},
		{"plain", `"plain"`, "plain"},
		{"src/a_b-c.go", `"src/a_b-c.go"`, "src/a_b-c.go"},
		{"two words", `"two words"`, `"two words"`},
		{"a,b", `"a,b"`, `"a,b"`},
		{`a"b\c`, `"a\"b\\c"`, `"a\"b\\c"`},
		{"a\nb\x1b\x7f", `"a\nb\x1b\x7f"`, `"a\nb\x1b\x7f"`},
		{"größe\u202e\u200b", `"gr\u00f6\u00dfe\u202e\u200b"`, `"gr\u00f6\u00dfe\u202e\u200b"`},
		{"\xff", `"\xff"`, `"\xff"`},
		{"\ufffd", `"\ufffd"`, `"\ufffd"`},
		{"\U000e0041", `"\U000e0041"`, `"\U000e0041"`},
		{"##[error]", `"##[error]"`, "##[error]"},
		{long, `"` + long + `"`, long},
		{long + "b", `"` + long + `"…`, long + "…"},
		{long[1:] + "ä", `"` + long[1:] + `"…`, `"` + long[1:] + `"…`},
	} {
		if got := Quote(c.in); got != c.quote {
			t.Errorf("Quote(%q) = %s, want %s", c.in, got, c.quote)
		}
		if got := Word(c.in); got != c.word {
			t.Errorf("Word(%q) = %s, want %s", c.in, got, c.word)
		}
	}
	if got, want := QuoteAll(long+"\n"), `"`+long+`\n"`; got != want {
		t.Errorf("QuoteAll: %s", got)
	}
	if got, want := WordAll(long+"b"), long+"b"; got != want {
		t.Errorf("WordAll: %s", got)
	}
	if got := Quote([]byte("a\x00")); got != `"a\x00"` {
		t.Errorf("of bytes: %s", got)
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, quoted := range map[string]string{"Quote": Quote(s), "Word": Word(s), "QuoteAll": QuoteAll(s), "WordAll": WordAll(s)} {
			body, cut := strings.CutSuffix(quoted, mark)
			for i := range len(body) {
				if body[i] < ' ' || body[i] > '~' {
					t.Fatalf("%s(%q) holds %q", name, s, body[i])
				}
			}
			whole := strings.HasSuffix(name, "All")
			if cut != (!whole && len(s) > maxQuoted) {
				t.Errorf("%s(%q) is cut: %t", name, s, cut)
			}
			text := body
			if strings.HasPrefix(body, `"`) {
				var err error
				if text, err = strconv.Unquote(body); err != nil {
					t.Fatalf("%s(%q) is %s: %v", name, s, quoted, err)
				}
			} else if strings.HasPrefix(name, "Quote") || strings.ContainsAny(body, ` ,"\`) || body == "" {
				t.Errorf("%s(%q) is without quotes: %s", name, s, quoted)
			}
			if !strings.HasPrefix(s, text) || !cut && text != s || len(text) > maxQuoted && !whole {
				t.Errorf("%s(%q) reads %q", name, s, text)
			}
		}
	})
}
