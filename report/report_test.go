package report

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/verdict"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	tool := Tool{Version: "1.2.3", Rules: []Rule{
		{ID: "unsigned", Short: "The object carries no signature."},
		{ID: "scope-path", Short: "A path is outside the delegation."},
	}}
	forms := map[string]func(io.Writer, *verdict.Report) error{
		"txt":         func(w io.Writer, r *verdict.Report) error { return Text(w, r, Options{}) },
		"verbose.txt": func(w io.Writer, r *verdict.Report) error { return Text(w, r, Options{Verbose: true}) },
		"ascii.txt":   func(w io.Writer, r *verdict.Report) error { return Text(w, r, Options{ASCII: true, Width: 72}) },
		"color.txt":   func(w io.Writer, r *verdict.Report) error { return Text(w, r, Options{Color: true}) },
		"md":          func(w io.Writer, r *verdict.Report) error { return Markdown(w, r, MarkdownOptions{}) },
		"json":        JSON,
		"sarif":       func(w io.Writer, r *verdict.Report) error { return SARIF(w, r, tool) },
	}
	wanted := map[string]string{ // which forms are kept for a report
		"allow": "txt verbose.txt json sarif md", "warn": "txt verbose.txt sarif", "deny": "txt verbose.txt ascii.txt color.txt json sarif md",
		"deny-many": "txt verbose.txt sarif md", "deny-acts": "txt", "deny-mixed": "txt md", "deny-file": "txt json md sarif", "pending": "txt verbose.txt json md sarif",
		"undecided": "txt json md sarif", "observe": "txt json md sarif", "replay": "txt", "nothing": "txt json md sarif", "zero": "txt json md",
		"hostile": "txt ascii.txt verbose.txt md sarif",
	}
	checked := 0
	for name, r := range samples() {
		for _, form := range strings.Fields(wanted[name]) {
			checked++
			t.Run(name+"."+form, func(t *testing.T) {
				var out bytes.Buffer
				if err := forms[form](&out, r); err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata", name+"."+form+".golden"), out.Bytes())
			})
		}
	}
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) != checked {
		t.Errorf("there are %d golden files for %d cases (%v)", len(files), checked, err)
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; -update rewrites it. Got:\n%s", file, got)
	}
}

func TestSummary(t *testing.T) {
	for name, want := range map[string]string{
		"allow":      "allowed: 3 commits",
		"warn":       "allowed: 2 commits, with 1 warning",
		"deny":       "denied: 1 of 3 commits may not be pushed to refs/heads/agent/pay (scope-path, not-granted)",
		"deny-acts":  "denied: all 40 commits may not be pushed to refs/heads/agent/pay (unsigned)",
		"deny-mixed": "denied: 1 of 2 acts is not allowed (delegation-missing)",
		"pending":    "waiting for approval: commit " + commitID(1)[:10] + " waits for somebody's approval (approval-missing)",
		"undecided":  "could not decide: something that the decision on 1 of 2 commits needs is missing (history-incomplete)",
		"observe":    "observe: nothing is blocked; in enforce mode this would be denied: 1 of 2 commits may not be pushed to refs/heads/agent/pay (scope-path)",
		"nothing":    "allowed: nothing had to be judged",
		"zero":       "denied: no reason was recorded, and an outcome that nobody set counts as a denial",
	} {
		if got := Summary(samples()[name]); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	if got := Summary(nil); !strings.HasPrefix(got, "denied") {
		t.Errorf("no report: %s", got)
	}
}

// A verdict that this package does not know is shown as a denial, by its word and by its mark.
func TestUnknownVerdictIsDenied(t *testing.T) {
	r := &verdict.Report{Verdict: 200, Acts: []verdict.Act{{Kind: "commit", Verdict: 200, Findings: []verdict.Finding{{Effect: 99, Summary: "odd"}}}}}
	var out bytes.Buffer
	if err := Text(&out, r, Options{Quiet: true}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "remit: denied.") || !strings.Contains(got, "✗ commit") || strings.Contains(got, "✓") {
		t.Errorf("got:\n%s", got)
	}
}

func TestQuiet(t *testing.T) {
	for name, silent := range map[string]bool{"allow": true, "nothing": true, "warn": false, "deny": false, "pending": false, "observe": false, "zero": false} {
		var out bytes.Buffer
		if err := Text(&out, samples()[name], Options{Quiet: true}); err != nil {
			t.Fatal(err)
		}
		if (out.Len() == 0) != silent {
			t.Errorf("%s: silent %v, want %v:\n%s", name, out.Len() == 0, silent, &out)
		}
	}
}

// What cannot be shown is an error, and nothing is written.
func TestErrors(t *testing.T) {
	forms := map[string]func(io.Writer, *verdict.Report) error{
		"text":     func(w io.Writer, r *verdict.Report) error { return Text(w, r, Options{}) },
		"markdown": func(w io.Writer, r *verdict.Report) error { return Markdown(w, r, MarkdownOptions{}) },
		"json":     JSON,
		"sarif":    func(w io.Writer, r *verdict.Report) error { return SARIF(w, r, Tool{}) },
	}
	for name, form := range forms {
		var out bytes.Buffer
		if err := form(&out, nil); err == nil || out.Len() > 0 {
			t.Errorf("%s of no report: %v, and %d bytes", name, err, out.Len())
		}
		if err := form(brokenWriter{}, samples()["deny"]); !errors.Is(err, errBroken) {
			t.Errorf("%s to a broken writer: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := Markdown(&out, samples()["deny"], MarkdownOptions{Limit: minLimit - 1}); err == nil || out.Len() > 0 {
		t.Errorf("markdown in too little room: %v, and %d bytes", err, out.Len())
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
