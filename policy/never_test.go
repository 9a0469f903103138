package policy

import (
	"strings"
	"testing"
	"time"
)

// TestNeverTrueIsNeverTrue: what is refused as never true is false for facts of every kind, and what has
// been seen to be true is never refused.
func TestNeverTrueIsNeverTrue(t *testing.T) {
	for _, tt := range evaluations {
		if !tt.want || tt.err != "" {
			continue
		}
		p, diags := Parse(withKeys([]byte(policyWhen(string(tt.action), tt.when))), FileName)
		if p == nil {
			t.Errorf("%s holds for some act, and is refused: %v", tt.when, diags)
		}
	}
}

func TestMayMatch(t *testing.T) {
	for _, tt := range []struct {
		expression, begins string
		want               bool
	}{
		{"^main$", "refs/", false},
		{"^main$", "ma", true},
		{"main$", "refs/", true},
		{"^refs/heads/main$", "refs/", true},
		{"^refs/heads/main$", "refs/tags/", false},
		{"^(?:main|refs/tags/v.*)$", "refs/tags/", true},
		{"^(?:main|refs/tags/v.*)$", "refs/heads/", false},
		{"(?i)^REFS/heads/x", "refs/heads/", true},
		{"(?m)^main$", "refs/", true}, // after a line break
		{"^$", "refs/", false},
		{"", "refs/", true},
		{"^[^/]*$", "refs/", false},
		{`^refs\b`, "refs/", true},
		{`^refs\B/`, "refs/", false},
		{`\Aheads`, "refs/", false},
		{"efs", "refs/", true},
		{"^.{3}$", "refs/", false},
		{"^.{5,}$", "refs/", true},
	} {
		if got := mayMatch(tt.expression, tt.begins); got != tt.want {
			t.Errorf("%s of what begins with %s: %t, want %t", tt.expression, tt.begins, got, tt.want)
		}
	}
}

// TestProofIsBounded: the longest conditions that are read are looked at to the end, and are possible.
func TestProofIsBounded(t *testing.T) {
	list := strings.Repeat(`"refs/heads/`+strings.Repeat("x", 20)+`", `, maxList-1) + `"refs/heads/y"`
	var conditions []string
	conditions = append(conditions, strings.Repeat("contains(["+list+"], act.ref) || ", 3)+"chain.minted",
		"anytrue([for a in ["+list+"] : anytrue([for b in ["+list+`] : startswith(act.ref, a) && endswith(act.ref, b)])])`)
	for _, when := range conditions {
		_, diags := Parse([]byte(policyWhen("commit", when)), FileName)
		if diags.HasErrors() {
			t.Errorf("%.60s…: %v", when, diags)
		}
	}
}

func TestEnded(t *testing.T) {
	const src = `repository = "github.com/acme/shop"
workflows {
  allow {
    file   = ".github/workflows/x.yml"
    rule   = "trigger-unsafe"
    reason = "It only adds a label."
    until  = "2027-03-31T00:00:00Z"
  }
}
`
	p := mustParse(t, src)
	until := p.Workflows.Allow[0].Until
	if found := p.Ended(until.Add(-time.Second)); len(found) != 0 {
		t.Errorf("a second before its end: %v", found)
	}
	found := p.Ended(until)
	if len(found) != 1 || found.HasErrors() || found[0].Position.Line != 7 || src[found[0].Start:found[0].End] != `"2027-03-31T00:00:00Z"` {
		t.Errorf("at its end: %+v", found)
	}
}

func policyWhen(action, when string) string {
	return `repository = "github.com/acme/shop"
settings { time_zone = "+00:00" }
human "alice" {}
agent "coder" { delegators = [human.alice] }
environment "Production" {}
forbid "x" {
  actions = ["` + action + `"]
  when    = ` + when + `
}
`
}
