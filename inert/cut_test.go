package inert

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "…"},
		{"abcde", 4, "a…"},
		{"abc", 2, ""},
		{"äää", 6, "äää"},
		{"äää", 5, "ä…"},
		{"äääx", 6, "ä…"},
		{"äää\n", 6, "ä…"},
		{"\xff\xff\xff\xff\xff", 4, "\xff…"},
	} {
		if got := Cut(c.in, c.n); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestCutCharacters(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"äää", 3, "äää"}, {"äääx", 3, "ää…"}, {"äää", 1, "…"}, {"äää", 0, ""}, {"äää", -1, ""}, {"\xff\xff\xff", 2, "\xff…"},
	} {
		if got := CutCharacters(c.in, c.n); got != c.want {
			t.Errorf("CutCharacters(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	for _, s := range []string{"", "short", strings.Repeat("ä\n", 1000), strings.Repeat("支", 1000), strings.Repeat("\xff", 2000), strings.Repeat("\x80", 100)} {
		f.Add(s, 100)
		f.Add(s, 5)
		f.Add(s, 0)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := Cut(s, n)
		switch {
		case len(got) > max(n, 0):
			t.Errorf("Cut(%q, %d) has %d bytes", s, n, len(got))
		case len(s) <= n && got != s:
			t.Errorf("Cut(%q, %d) changed it to %q", s, n, got)
		case utf8.ValidString(s) && !utf8.ValidString(got):
			t.Errorf("Cut(%q, %d) cut a character open: %q", s, n, got)
		}
		few := CutCharacters(s, n)
		if utf8.RuneCountInString(few) > max(n, 0) || utf8.RuneCountInString(s) <= n && few != s || utf8.ValidString(s) && !utf8.ValidString(few) {
			t.Errorf("CutCharacters(%q, %d) is %q", s, n, few)
		}
		body, cut := strings.CutSuffix(got, mark)
		if !strings.HasPrefix(s, got) && (!cut || !strings.HasPrefix(s, body)) {
			t.Errorf("Cut(%q, %d) is not its beginning: %q", s, n, got)
		}
		if again := Cut(got, n); again != got {
			t.Errorf("Cut(%q, %d) is %q, and that once more %q", s, n, got, again)
		}
	})
}
