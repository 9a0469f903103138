package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/remit-sh/remit/verdict"
)

func TestAnnotatable(t *testing.T) {
	for _, p := range []string{"a", "src/a b.go", "ä/ö", ".github/x.yml", "..a"} {
		if !isAnnotatable(p) {
			t.Errorf("%q is not shown", p)
		}
	}
	for _, p := range []string{"", "/a", "a/", "a//b", "./a", "..", "../a", "a/../b", "a\nb", "a\x00", "\xff", "a\u202eb", "a\u200bb", "a\u00a0b", strings.Repeat("a", 1025)} {
		if isAnnotatable(p) {
			t.Errorf("%q is shown", p)
		}
	}
}

// TestAnnotations: the worst first, the same about many acts once, not more than a forge is sent.
func TestAnnotations(t *testing.T) {
	var paths []string
	for i := range 500 {
		paths = append(paths, fmt.Sprintf("deploy/%03d.tf", i))
	}
	r := outcome(verdict.Warn, paths...)
	r.Acts[0].Findings[499].Effect = verdict.Deny
	r.Acts[0].Findings[498].Effect = verdict.Note
	r.Acts[0].Findings[497].Path = "../up"
	got := annotations(r)
	if len(got) != maxAnnotations || got[0].Path != "deploy/499.tf" || got[0].Level != LevelFailure || got[1].Path != "deploy/000.tf" || got[1].Level != LevelWarning {
		t.Errorf("%d: %+v", len(got), got[:2])
	}
	if got := annotations(outcome(verdict.Deny, paths[:120]...)); len(got) != 120 {
		t.Errorf("%d of 120", len(got))
	}
	if got := annotations(outcome(verdict.Deny)); len(got) != 0 {
		t.Errorf("about no file: %+v", got)
	}

	many := outcome(verdict.Deny, "a.tf")
	many.Acts[0].Findings[0].Line, many.Acts[0].Findings[0].Column = 3, 4
	for i := range 999 {
		act := many.Acts[0]
		act.Subject = commitID(i + 2)
		many.Acts = append(many.Acts, act)
	}
	got = annotations(many)
	if len(got) != 1 || got[0].Line != 3 || got[0].Column != 4 || got[0].Title != "remit: scope-path (deny)" ||
		!strings.HasPrefix(got[0].Message, "a.tf is outside the delegation.\nAsk for it.\nIn commit "+commitID(1)) || !strings.HasSuffix(got[0].Message, " and 995 more.") {
		t.Errorf("%+v", got)
	}

	levels := map[verdict.Effect]string{
		verdict.Deny: "failure", verdict.Undecided: "failure", verdict.EffectInvalid: "failure", 99: "failure", verdict.Pending: "warning", verdict.Warn: "warning", verdict.Note: "",
	}
	for effect, level := range levels {
		var all []string
		for _, a := range annotations(outcome(effect, "a.tf")) {
			all = append(all, a.Level)
		}
		if strings.Join(all, " ") != level {
			t.Errorf("%v: %v", effect, all)
		}
	}

	long := outcome(verdict.Deny, "a.tf")
	long.Acts[0].Findings[0] = verdict.Finding{Path: "a.tf", Line: -1, Column: 5}
	if got := annotations(long); len(got) != 1 || got[0].Message == "" || got[0].Title == "" || got[0].Line != 0 || got[0].Column != 0 {
		t.Errorf("without words: %+v", got)
	}
	f := &long.Acts[0].Findings[0]
	f.Rule, f.Summary, f.Reason, f.Fix = strings.Repeat("ä", 300), strings.Repeat("支", 600), strings.Repeat("支", 600), strings.Repeat("支", 600)
	if got := annotations(long); len(got) != 1 || len(got[0].Message) > maxMessage || len(got[0].Title) > 150 || !utf8.ValidString(got[0].Message+got[0].Title) {
		t.Errorf("long: %+v", got)
	}
}

// TestLogAnnotations: each text once, ten of a level, and no failure where nothing is enforced.
func TestLogAnnotations(t *testing.T) {
	levels := func(list []Annotation) (failures, warnings int) {
		for _, a := range list {
			switch a.Level {
			case LevelFailure:
				failures++
			case LevelWarning:
				warnings++
			}
		}
		return failures, warnings
	}
	var paths []string
	for i := range 30 {
		paths = append(paths, fmt.Sprintf("deploy/%02d.tf", i))
	}
	observe := outcome(verdict.Deny, paths[:5]...)
	observe.Observe = true
	for name, c := range map[string]struct {
		report             *verdict.Report
		bootstrap          bool
		failures, warnings int
	}{
		"some":           {outcome(verdict.Deny, paths[:5]...), false, 5, 0},
		"many":           {outcome(verdict.Deny, paths...), false, 10, 10},
		"warnings":       {outcome(verdict.Warn, paths...), false, 0, 10},
		"notes":          {outcome(verdict.Note, paths...), false, 0, 0},
		"pending":        {outcome(verdict.Pending, paths[:5]...), false, 0, 5},
		"undecided":      {outcome(verdict.Undecided, paths[:5]...), false, 5, 0},
		"none of them":   {outcome(99, paths[:5]...), false, 5, 0},
		"observe":        {observe, false, 0, 5},
		"bootstrap":      {outcome(verdict.Deny, paths[:5]...), true, 0, 5},
		"about no file":  {outcome(verdict.Deny), false, 1, 0},
		"the same twice": {outcome(verdict.Deny, paths[0], paths[0]), false, 1, 0},
		"no report":      {nil, true, 1, 0},
	} {
		got := LogAnnotations(c.report, c.bootstrap)
		if failures, warnings := levels(got); failures != c.failures || warnings != c.warnings || len(got) != failures+warnings {
			t.Errorf("%s: %d failures and %d warnings: %+v", name, failures, warnings, got)
		}
	}

	r := outcome(verdict.Deny, "a\nb", "ok.tf")
	r.Acts[0].Findings[0].Line, r.Acts[0].Findings[1].Line = 7, 7
	want := []Annotation{
		{Level: LevelFailure, Title: "remit: scope-path", Message: `a\nb is outside the delegation. Ask for it.`},
		{Path: "ok.tf", Line: 7, Level: LevelFailure, Title: "remit: scope-path", Message: "ok.tf is outside the delegation. Ask for it."},
	}
	if got := LogAnnotations(r, false); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	for _, a := range LogAnnotations(filled(hostileText), false) {
		if c := strange(a.Path + a.Title + a.Message); c != "" {
			t.Errorf("%+v holds %+q", a, c)
		}
	}
}
