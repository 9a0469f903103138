package decide

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/verdict"
)

// asIs is a question that was answered already.
type asIs struct{ o Outcome }

func (q asIs) decide(context.Context, Sources) Outcome { return q.o }

type recorderFunc func(o *Outcome) error

func (f recorderFunc) Record(_ context.Context, o *Outcome) error { return f(o) }

func allowedBy(change func(o *Outcome)) Outcome {
	o := Outcome{Report: &verdict.Report{Verdict: verdict.Allowed, Repository: "github.com/acme/shop"}, Commit: "c0ffee"}
	if change != nil {
		change(&o)
	}
	o.Checks = []Check{{Report: o.Report, Bootstrap: o.Bootstrap}}
	return o
}

func TestUnrecorded(t *testing.T) {
	cannot := recorderFunc(func(*Outcome) error { return fault.WithFix(errors.New("the disk is full"), "make room") })
	for name, tc := range map[string]struct {
		change func(o *Outcome)
		passes bool
	}{
		"enforced":    {nil, false},
		"best effort": {func(o *Outcome) { o.Report.MayGoUnrecorded = true }, true},
		"observing":   {func(o *Outcome) { o.Report.Observe = true }, true},
		"bootstrap":   {func(o *Outcome) { o.Bootstrap, o.Report.Observe = true, true }, true},
	} {
		o := Decide(t.Context(), Sources{Now: time.Now, Record: cannot}, asIs{allowedBy(tc.change)})
		if passes := o.ExitCode() == verdict.ExitAllow; passes != tc.passes || (o.Commit != "") != tc.passes {
			t.Errorf("%s: passes %v, commit %q", name, passes, o.Commit)
		}
		if c := o.Checks[0]; c.Bootstrap != o.Bootstrap || c.Report.Verdict != o.Report.Verdict || c.Report.Observe != o.Report.Observe {
			t.Errorf("%s: the check says %+v", name, c.Report)
		}
		said := strings.Join(o.Notes, "\n")
		for _, f := range o.Report.Findings {
			said += f.Summary + f.Reason + f.Fix
		}
		if !strings.Contains(said, "the disk is full") || !strings.Contains(strings.ToLower(said), "make room") || (len(o.Notes) > 0) != tc.passes {
			t.Errorf("%s: it says %q, notes %q", name, said, o.Notes)
		}
	}
}

// Of several checks each goes by its own policy.
func TestUnrecordedChecks(t *testing.T) {
	o := allowedBy(nil)
	lenient := &verdict.Report{Verdict: verdict.Allowed, MayGoUnrecorded: true}
	o.Checks = append(o.Checks, Check{Report: lenient})
	before := o.Checks[0].Report
	got := unrecorded(o, errors.New("x"))
	if got.Checks[0].Report.Verdict != verdict.NotDecided || got.Checks[1].Report.Verdict != verdict.Allowed || got.Report.Verdict != verdict.NotDecided {
		t.Errorf("%v, %v, %v", got.Checks[0].Report.Verdict, got.Checks[1].Report.Verdict, got.Report.Verdict)
	}
	if before.Verdict != verdict.Allowed || o.Checks[0].Report != before {
		t.Error("what was handed in was changed")
	}
	merged := verdict.Merge(before, lenient)
	if merged.MayGoUnrecorded || !verdict.Merge(lenient, lenient).MayGoUnrecorded || verdict.Merge().MayGoUnrecorded {
		t.Error("what one policy lets pass, another does not")
	}
}

func TestUnrecordedDenialStays(t *testing.T) {
	o := allowedBy(func(o *Outcome) {
		o.Report.MayGoUnrecorded = true
		o.Report.Findings = []verdict.Finding{{Rule: "forbidden", Effect: verdict.Deny}}
		o.Report.Settle()
	})
	for _, lenient := range []bool{true, false} {
		o.Report.MayGoUnrecorded = lenient
		if got := unrecorded(o, errors.New("x")); got.Report.Verdict != verdict.Denied {
			t.Errorf("lenient %v: %v", lenient, got.Report.Verdict)
		}
	}
}

// Of a request that is used up it says so: the same cannot be done again.
func TestUnrecordedUse(t *testing.T) {
	for _, used := range []bool{true, false} {
		o := allowedBy(nil)
		o.Used = used
		f := unrecorded(o, errors.New("x")).Report.Findings[0]
		if strings.Contains(f.Fix, "new request") != used || strings.Contains(f.Summary, "used up") != used {
			t.Errorf("used %v: %q %q", used, f.Summary, f.Fix)
		}
	}
}

func TestRecorderThatFails(t *testing.T) {
	o := Decide(t.Context(), Sources{Now: time.Now, Record: recorderFunc(func(*Outcome) error { panic("x") })}, asIs{allowedBy(nil)})
	if o.ExitCode() != verdict.ExitUndecided {
		t.Errorf("exit code %d", o.ExitCode())
	}
	o = Decide(t.Context(), Sources{Now: time.Now, Record: recorderFunc(func(o *Outcome) error { o.Recorded = "audit entry 1"; return nil })}, asIs{allowedBy(nil)})
	if o.ExitCode() != verdict.ExitAllow || o.Recorded != "audit entry 1" {
		t.Errorf("exit code %d, %q", o.ExitCode(), o.Recorded)
	}
}

// What kept it from a verdict is said as ever, and that it is nowhere recorded beside it.
func TestUnrecordedWithoutAVerdict(t *testing.T) {
	cannot := recorderFunc(func(*Outcome) error { return errors.New("the disk is full") })
	o := Decide(t.Context(), Sources{Now: time.Now, Record: cannot}, Unanswerable{Err: errors.New("no policy")})
	if o.Err == nil || len(o.Notes) != 1 || o.ExitCode() != verdict.ExitUndecided || len(o.Report.Findings) != 1 {
		t.Errorf("%v, %q, %d", o.Err, o.Notes, o.ExitCode())
	}
}
