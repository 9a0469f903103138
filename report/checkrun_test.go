package report

import (
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/verdict"
)

// TestResultID: what a result is called changes with all that it says, and not with the time.
func TestResultID(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	id := func(change func(*verdict.Report, *JobOptions)) string {
		r := &verdict.Report{Verdict: verdict.Denied, At: at, Acts: []verdict.Act{{Subject: "x", Seen: at, SeenBy: "clock", Findings: []verdict.Finding{{Rule: "a", Path: "p"}}}}}
		var o JobOptions
		change(r, &o)
		run, err := NewCheckRun(r, o)
		if err != nil {
			t.Fatal(err)
		}
		return run.ID
	}
	plain := id(func(*verdict.Report, *JobOptions) {})
	for name, change := range map[string]func(*verdict.Report, *JobOptions){
		"the time":          func(r *verdict.Report, _ *JobOptions) { r.At, r.Acts[0].Seen = at.Add(1), at.Add(1) },
		"what the log says": func(_ *verdict.Report, o *JobOptions) { o.Notes, o.Verbose = []string{"n"}, true },
	} {
		if id(change) != plain {
			t.Errorf("%s is another result", name)
		}
	}
	for name, change := range map[string]func(*verdict.Report, *JobOptions){
		"an act first seen before": func(r *verdict.Report, _ *JobOptions) { r.Acts[0].Seen = at.Add(-1) },
		"the verdict":              func(r *verdict.Report, _ *JobOptions) { r.Verdict = verdict.NotDecided },
		"a finding":                func(r *verdict.Report, _ *JobOptions) { r.Acts[0].Findings[0].Summary = "b" },
		"a path":                   func(r *verdict.Report, _ *JobOptions) { r.Acts[0].Findings[0].Path = "q" },
		"a gate":                   func(r *verdict.Report, _ *JobOptions) { r.Gates = []verdict.Gate{{Name: "g"}} },
		"observe":                  func(r *verdict.Report, _ *JobOptions) { r.Observe = true },
		"bootstrap":                func(_ *verdict.Report, o *JobOptions) { o.Bootstrap = true },
		"the title":                func(_ *verdict.Report, o *JobOptions) { o.Said.Format = "u" },
		"the policy":               func(r *verdict.Report, _ *JobOptions) { r.Policy = "p" },
	} {
		if id(change) == plain {
			t.Errorf("%s is the same result", name)
		}
	}
}

// outcome is a settled report about one commit of which one rule found something.
func outcome(effect verdict.Effect, paths ...string) *verdict.Report {
	act := verdict.Act{Kind: "commit", Subject: commitID(1), Actor: "agent.coder"}
	for _, p := range append(paths, "")[:max(len(paths), 1)] {
		act.Findings = append(act.Findings, verdict.Finding{Rule: "scope-path", Effect: effect, Path: p, Summary: p + " is outside the delegation", Fix: "Ask for it."})
	}
	r := &verdict.Report{Acts: []verdict.Act{act}}
	r.Settle()
	return r
}

// TestConclusion: what blocks never has a conclusion that a forge takes for a success.
func TestConclusion(t *testing.T) {
	observe := func(r *verdict.Report) *verdict.Report { r.Observe = true; return r }
	unsettled := func(r *verdict.Report) *verdict.Report {
		r.Verdict, r.Acts[0].Verdict = verdict.Allowed, verdict.Allowed
		return r
	}
	whole := &verdict.Report{Verdict: verdict.Allowed, Findings: []verdict.Finding{{Effect: verdict.Undecided}}}
	act := outcome(verdict.Note)
	act.Acts[0].Verdict = verdict.Waiting
	for name, c := range map[string]struct {
		report      *verdict.Report
		o           JobOptions
		want, title string
	}{
		"allow":                      {outcome(verdict.Note), JobOptions{}, "success", "allowed"},
		"a warning":                  {outcome(verdict.Warn), JobOptions{}, "success", "allowed"},
		"deny":                       {outcome(verdict.Deny), JobOptions{}, "failure", "denied"},
		"undecided":                  {outcome(verdict.Undecided), JobOptions{}, "failure", "could not decide"},
		"pending":                    {outcome(verdict.Pending), JobOptions{}, "action_required", "waiting for approval"},
		"observe":                    {observe(outcome(verdict.Deny)), JobOptions{}, "neutral", "observe"},
		"observe, undecided":         {observe(outcome(verdict.Undecided)), JobOptions{}, "neutral", "could not decide"},
		"bootstrap":                  {outcome(verdict.Deny), JobOptions{Bootstrap: true}, "neutral", "denied"},
		"nothing set":                {&verdict.Report{}, JobOptions{}, "failure", "denied"},
		"an effect that is none":     {outcome(verdict.EffectInvalid), JobOptions{}, "failure", "denied"},
		"a verdict that is none":     {&verdict.Report{Verdict: 200, Findings: []verdict.Finding{{Effect: 99}}}, JobOptions{}, "failure", "denied"},
		"a denial, not settled":      {unsettled(outcome(verdict.Deny)), JobOptions{}, "failure", ""},
		"undecided, not settled":     {unsettled(outcome(verdict.Undecided)), JobOptions{}, "failure", "could not decide"},
		"the whole, not settled":     {whole, JobOptions{}, "failure", "could not decide"},
		"an act, not settled":        {act, JobOptions{}, "action_required", ""},
		"said, and denied":           {outcome(verdict.Deny), JobOptions{Said: verdict.Sentence{Format: "all is well"}}, "failure", "all is well"},
		"said, and not decided":      {outcome(verdict.Undecided), JobOptions{Said: verdict.Sentence{Format: "all is well"}}, "failure", "could not decide: all is well"},
		"said with a text of others": {outcome(verdict.Note), JobOptions{Said: verdict.Sentence{Format: "about %s", Texts: []string{"a\nb"}}}, "success", `about a\nb`},
	} {
		run, err := NewCheckRun(c.report, c.o)
		if err != nil || run.Conclusion != c.want || !strings.Contains(run.Title, c.title) || run.Summary == "" || run.ID == "" {
			t.Errorf("%s: %+v, %v", name, run, err)
		}
	}
	if got := conclusion(nil, true); got != "failure" {
		t.Errorf("no report: %s", got)
	}
	if run, err := NewCheckRun(nil, JobOptions{Bootstrap: true}); err == nil || run.Conclusion != "" || run.ID != "" {
		t.Errorf("no report: %+v, %v", run, err)
	}
}

func TestCheckRunInert(t *testing.T) {
	run, err := NewCheckRun(filled(hostileText), JobOptions{Said: verdict.Sentence{Format: "%s", Texts: []string{hostileText}}, Advisory: true})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{run.Title, run.Conclusion, run.ID}
	for _, a := range run.Annotations {
		texts = append(texts, a.Path, a.Title, a.Level)
		texts = append(texts, strings.Split(a.Message, "\n")...)
	}
	for _, text := range texts {
		if c := strange(text); c != "" || strings.HasPrefix(strings.TrimSpace(text), "::") || strings.Contains(text, "##[") {
			t.Errorf("%q holds %+q", text, c)
		}
	}
	if !strings.Contains(run.Text, "advisory") {
		t.Errorf("the text %q", run.Text)
	}
}
