package names

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"branches", "paths", "when", "to", "main"}
	for given, want := range map[string]string{
		"branch": "branches", "Paths": "paths", "wen": "when", "mian": "main", "xyz": "", "": "", "environments": "", strings.Repeat("a", 10_000): "",
	} {
		if got := Nearest(given, known); got != want {
			t.Errorf("%.20q: got %q, want %q", given, got, want)
		}
	}
	for _, d := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 1}, {"formta", "format", 1}} {
		if got := mistakes(d.a, d.b); got != d.n {
			t.Errorf("%s to %s: %d", d.a, d.b, got)
		}
	}
}
