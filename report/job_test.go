package report

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/remit-sh/remit/verdict"
)

// TestJob: what is said leads, and stands for a report of nothing alone.
func TestJob(t *testing.T) {
	nothing := &verdict.Report{Verdict: verdict.Allowed}
	said := verdict.Sentence{Format: "not one of %s", Texts: []string{"@us\n"}}
	for name, c := range map[string]struct {
		report       *verdict.Report
		o            JobOptions
		log, summary []string
		not          string
	}{
		"a report":           {outcome(verdict.Deny), JobOptions{}, []string{"remit: denied"}, []string{"## ❌ remit: denied"}, "Note"},
		"a report and words": {outcome(verdict.Deny), JobOptions{Said: said}, []string{"remit: not one of @us\\n.\n", "remit: denied"}, []string{"Note: not one of `@us\\n`.", "denied"}, "advisory"},
		"words alone":        {nothing, JobOptions{Said: said}, []string{"remit: not one of @us\\n.\n"}, []string{"Note: not one of `@us\\n`."}, "allowed"},
		"nothing":            {nothing, JobOptions{}, []string{"allowed"}, []string{"allowed"}, "Note"},
		"notes":              {nothing, JobOptions{Notes: []string{"a\nb"}}, []string{`remit: note: a\nb` + "\n"}, []string{"\n- Note: `a\\nb`\n"}, "advisory"},
		"advisory":           {nothing, JobOptions{Advisory: true}, nil, []string{"This check is advisory"}, "Note"},
	} {
		var log, summary bytes.Buffer
		if err := errors.Join(JobLog(&log, c.report, c.o), JobSummary(&summary, c.report, c.o)); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.log {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: %q is missing in %q", name, want, &log)
			}
		}
		for _, want := range c.summary {
			if !strings.Contains(summary.String(), want) {
				t.Errorf("%s: %q is missing in %q", name, want, &summary)
			}
		}
		if strings.Contains(log.String()+summary.String(), c.not) {
			t.Errorf("%s: %q stands in %q or %q", name, c.not, &log, &summary)
		}
	}
	var out bytes.Buffer
	if JobLog(&out, nil, JobOptions{}) == nil || JobSummary(&out, nil, JobOptions{}) == nil || out.Len() > 0 {
		t.Errorf("no report: %q", &out)
	}
	if err := JobLog(brokenWriter{}, nothing, JobOptions{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

func TestJobLogInert(t *testing.T) {
	var out bytes.Buffer
	if err := JobLog(&out, filled(hostileText), JobOptions{Said: verdict.Sentence{Format: "%s", Texts: []string{hostileText}}, Notes: []string{hostileText}, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	checkText(t, out.String())
}

// TestGuideHasTheTable: what a check links to is the table, and not the top of the page.
func TestGuideHasTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/github.md")
	if err != nil {
		t.Fatal(err)
	}
	_, anchor, ok := strings.Cut(githubDocs, "docs/github.md#")
	heading := "## " + strings.ReplaceAll(anchor, "-", " ")
	if i := strings.Index(strings.ReplaceAll(strings.ToLower(string(page)), "-", " "), "\n"+heading+"\n"); !ok || i < 0 {
		t.Errorf("the guide has no part %q", heading)
	}
}
