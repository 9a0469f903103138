package inert_test

import (
	"testing"

	"github.com/remit-sh/remit/inert"
)

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"plain # ü €"}`: `{"a":"plain # ü €"}`,
		"[\"x\u202ey\"]":      `["x\u202ey"]`,
		"[\"\u009b31m\x7f\"]": `["\u009b31m\u007f"]`,
		"[\"\U000e0041\"]":    `["\udb40\udc41"]`,
		`["##[group]"]`:       `["#\u0023[group]"]`,
		`["\u001b[0m"]`:       `["\u001b[0m"]`,
	} {
		if got := string(inert.JSON([]byte(in))); got != want {
			t.Errorf("JSON(%q) = %s, want %s", in, got, want)
		}
	}
}
