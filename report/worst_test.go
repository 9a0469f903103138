package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/verdict"
)

// crowded is a report of 20,000 acts, none like another, whose worst comes last.
func crowded() *verdict.Report {
	r := &verdict.Report{Repository: "github.com/acme/shop"}
	add := func(n int, effect verdict.Effect, rule, summary string) {
		for range n {
			i := len(r.Acts)
			a := verdict.Act{Kind: "commit", Subject: commitID(i), Ref: "refs/heads/agent/pay", Actor: fmt.Sprintf("agent.coder-%d", i), Title: "Change"}
			if effect != verdict.EffectInvalid {
				a.Findings = []verdict.Finding{{Rule: rule, Effect: effect, Summary: fmt.Sprintf("%s %d", summary, i), Reason: "Why.", Fix: "Mend it.", Path: fmt.Sprintf("src/%d.go", i)}}
			}
			r.Acts = append(r.Acts, a)
		}
	}
	add(5_000, verdict.EffectInvalid, "", "")
	add(8_000, verdict.Note, "backdated", "noted")
	add(4_000, verdict.Warn, "identity-mismatch", "warned of")
	add(2_500, verdict.Pending, "approval-missing", "pending")
	add(499, verdict.Undecided, "history-incomplete", "undecided")
	add(1, verdict.Deny, "scope-path", "denied")
	r.Settle()
	return r
}

// TestWorstFirst: a cut never hides the worst, however much of the rest there is.
func TestWorstFirst(t *testing.T) {
	r := crowded()
	if len(r.Acts) != 20_000 {
		t.Fatal(len(r.Acts))
	}
	const worst = "denied 19999"
	inText := func(name, text string, limit int) {
		t.Helper()
		at := strings.Index(text, worst)
		if at < 0 || len(text) > limit {
			t.Fatalf("%s: %d bytes, the denial at %d", name, len(text), at)
		}
		for _, later := range []string{"undecided 1", "pending 1", "warned of 1", "noted 1"} {
			if i := strings.Index(text, later); i >= 0 && i < at {
				t.Errorf("%s: %q comes first", name, later)
			}
		}
	}
	run, err := NewCheckRun(r, JobOptions{})
	if err != nil {
		t.Fatal(err)
	}
	inText("the check run", run.Summary, 65_535)
	row := strings.Index(run.Summary, commitID(19_999)[:shortID])
	if other := strings.Index(run.Summary, commitID(0)[:shortID]); row < 0 || other >= 0 && other < row {
		t.Errorf("the table: the denied act at %d, an allowed one at %d", row, other)
	}
	if !strings.Contains(run.Title, "scope-path") || run.Conclusion != "failure" || len(run.Annotations) != maxAnnotations || !strings.Contains(run.Annotations[0].Message, worst) {
		t.Errorf("%s, %s, %d annotations", run.Title, run.Conclusion, len(run.Annotations))
	}
	var out bytes.Buffer
	if err := JobSummary(&out, r, JobOptions{}); err != nil {
		t.Fatal(err)
	}
	inText("the job's summary", out.String(), 65_535)
	out.Reset()
	if err := Markdown(&out, r, MarkdownOptions{Limit: minLimit}); err != nil {
		t.Fatal(err)
	}
	inText("Markdown of the least size", out.String(), minLimit)
	out.Reset()
	if err := Text(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	inText("text", out.String(), 100_000)
	log := LogAnnotations(r, false)
	if len(log) != 2*maxRemarks || log[0].Level != LevelFailure || !strings.Contains(log[0].Message, worst) {
		t.Errorf("%d annotations in the log", len(log))
	}

	noted := r.Acts[6_000]
	noted.Findings = slices.Repeat(noted.Findings, 5)
	r.Acts = append(slices.Repeat([]verdict.Act{noted}, 2_500), r.Acts...) // more than SARIF takes
	out.Reset()
	if err := SARIF(&out, r, Tool{}); err != nil {
		t.Fatal(err)
	}
	var parsed sarifLog
	if err := json.Unmarshal(out.Bytes(), &parsed); err != nil {
		t.Fatal(err)
	}
	if got := parsed.Runs[0].Results; len(got) != maxResults || !strings.Contains(got[0].Message.Text, worst) {
		t.Errorf("%d results, the first: %s", len(got), got[0].Message.Text)
	}
}

// An act of which more was found than fits is cut at its end too.
func TestWorstOfAnAct(t *testing.T) {
	a := verdict.Act{Kind: "commit", Subject: commitID(1), Actor: "agent.coder"}
	for i := range 500 {
		a.Findings = append(a.Findings, verdict.Finding{Rule: "identity-mismatch", Effect: verdict.Warn, Summary: fmt.Sprintf("warned of %d", i), Reason: fmt.Sprintf("Reason %d.%s", i, strings.Repeat(" Long.", 100))})
	}
	a.Findings = append(a.Findings, verdict.Finding{Rule: "scope-path", Effect: verdict.Deny, Summary: "denied at last"})
	r := &verdict.Report{Acts: []verdict.Act{a}}
	r.Settle()
	for _, limit := range []int{minLimit, 0} {
		var out bytes.Buffer
		if err := Markdown(&out, r, MarkdownOptions{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.Contains(text, "denied at last") || !strings.Contains(text, "left out here") || len(text) > max(limit, defaultLimit) {
			t.Errorf("limit %d: %d bytes\n%.2000s", limit, len(text), text)
		}
	}
	if got := Summary(r); !strings.Contains(got, "(scope-path)") {
		t.Error(got)
	}
}

// Of the gates those that wait stay.
func TestWaitingGatesFirst(t *testing.T) {
	r := &verdict.Report{}
	for i := range 30 {
		r.Gates = append(r.Gates, verdict.Gate{Name: fmt.Sprintf("open %d", i), Needed: 1, Counted: []string{"human.bob"}})
	}
	r.Gates = append(r.Gates, verdict.Gate{Name: "waits", Needed: 1})
	r.Settle()
	var out bytes.Buffer
	if err := Markdown(&out, r, MarkdownOptions{}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "waits") || !strings.Contains(text, "left out of this table") {
		t.Error(text)
	}
}
