package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/verdict"
)

// CheckRun is a report as a check run shows it. It may be longer than a forge takes: who posts it
// shortens it.
type CheckRun struct {
	// ID names what the check run says. It stays the same where a later report says the same, and is
	// another where anything but the time at which it was judged is.
	ID          string
	Conclusion  string       // success, failure, action_required or neutral
	Title       string       // one line of inert text
	Summary     string       // Markdown
	Text        string       // more Markdown; "" for none
	Annotations []Annotation // on files; the worst first
}

// NewCheckRun shows a report as a check run.
func NewCheckRun(r *verdict.Report, o JobOptions) (CheckRun, error) {
	if r == nil {
		return CheckRun{}, errNoReport
	}
	var summary bytes.Buffer
	if err := o.markdown(&summary, r); err != nil {
		return CheckRun{}, err
	}
	run := CheckRun{
		Conclusion: conclusion(r, o.Bootstrap), Title: runTitle(r, o.Said), Summary: summary.String(), Text: o.advice(), Annotations: annotations(r),
	}
	var err error
	run.ID, err = resultID(r, run)
	return run, err
}

// conclusion is the conclusion of the check run that shows a report. Only what GitHub does not take for
// a success may stand for what blocks: it does take neutral and skipped for one.
func conclusion(r *verdict.Report, bootstrap bool) string {
	switch {
	case r == nil:
		return "failure"
	case bootstrap || r.Observe:
		return "neutral"
	}
	switch worst(r) {
	case verdict.Allowed:
		return "success"
	case verdict.Waiting:
		return "action_required"
	default:
		return "failure"
	}
}

// worst is a report's verdict, or that of its findings where nobody settled it.
func worst(r *verdict.Report) verdict.Verdict {
	v := min(r.Verdict, verdict.Of(r.Findings))
	for i := range r.Acts {
		v = min(v, r.Acts[i].Verdict, verdict.Of(r.Acts[i].Findings))
	}
	return v
}

// runTitle is the outcome in one line, which says at least what the conclusion cannot.
func runTitle(r *verdict.Report, said verdict.Sentence) string {
	t := Summary(r)
	if !said.IsZero() {
		t = said.Show(Inert)
	}
	if undecided := outcomeWord(verdict.NotDecided); worst(r) == verdict.NotDecided && !strings.Contains(t, undecided) {
		t = undecided + ": " + t
	}
	return t
}

// resultID names what a check run says: the report but for the time at which it was judged, which
// changes with each run and says nothing new.
func resultID(r *verdict.Report, run CheckRun) (string, error) {
	settled := *r
	settled.At, settled.AtSource = time.Time{}, ""
	settled.Acts = slices.Clone(r.Acts)
	for i := range settled.Acts {
		if settled.Acts[i].Seen.Equal(r.At) { // first seen by this very run
			settled.Acts[i].Seen, settled.Acts[i].SeenBy = time.Time{}, ""
		}
	}
	text, err := json.Marshal(struct {
		Report            verdict.Report
		Conclusion, Title string
	}{settled, run.Conclusion, run.Title}, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return "", fmt.Errorf("naming the result: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
