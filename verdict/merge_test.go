package verdict_test

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/remit-sh/remit/verdict"
)

func TestMerge(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	act := func(subject string, v verdict.Verdict) verdict.Act { return verdict.Act{Subject: subject, Verdict: v} }
	report := func(v verdict.Verdict, acts ...verdict.Act) *verdict.Report {
		return &verdict.Report{Verdict: v, Repository: "github.com/acme/shop", Policy: "sha256:a", PolicyFrom: "policies.hcl", At: noon, AtSource: "clock", Acts: acts}
	}
	both := []verdict.Act{act("a", verdict.Allowed), act("b", verdict.Denied)}

	got := verdict.Merge(report(verdict.Allowed, both[0]), report(verdict.Denied, both...))
	if !reflect.DeepEqual(got, report(verdict.Denied, both...)) {
		t.Errorf("an act in both: %+v", got)
	}
	again := report(verdict.Allowed, both[0], both[0])
	if got := verdict.Merge(again); !reflect.DeepEqual(got, again) {
		t.Errorf("one report alone: %+v", got)
	}

	one, two := report(verdict.Waiting), report(verdict.NotDecided)
	one.Findings = []verdict.Finding{{Rule: "x"}, {Rule: "y"}}
	two.Findings = []verdict.Finding{{Rule: "y"}, {Rule: "z"}}
	one.Gates = []verdict.Gate{{Name: "g", Needed: 1}}
	two.Gates = []verdict.Gate{{Name: "g", Needed: 2}}
	two.Policy, two.PolicyFrom, two.At, two.AtSource = "sha256:b", "other.hcl", noon.Add(time.Second), "later"
	got = verdict.Merge(one, two)
	if got.Verdict != verdict.NotDecided || len(got.Findings) != 3 || len(got.Gates) != 2 || got.Policy != "" ||
		got.PolicyFrom != "policies.hcl, other.hcl" || !got.At.Equal(two.At) || got.AtSource != "later" {
		t.Errorf("two policies: %+v", got)
	}
	if len(one.Findings) != 2 || len(one.Acts) != 0 {
		t.Errorf("a report that was merged is changed: %+v", one)
	}
}

func TestMergeVerdicts(t *testing.T) {
	all := []verdict.Verdict{verdict.Denied, verdict.NotDecided, verdict.Waiting, verdict.Allowed}
	for _, a := range all {
		for _, b := range all {
			if got := verdict.Merge(&verdict.Report{Verdict: a}, &verdict.Report{Verdict: b}); got.Verdict != min(a, b) {
				t.Errorf("%v and %v: %v", a, b, got.Verdict)
			}
		}
	}
	observing, enforcing := &verdict.Report{Observe: true}, &verdict.Report{}
	if r := verdict.Merge(observing, enforcing); r.Observe || r.ExitCode() != verdict.ExitDeny {
		t.Error("one that enforces is taken for one that observes")
	}
	wouldDeny := &verdict.Report{Observe: true, Acts: []verdict.Act{{Findings: []verdict.Finding{{Effect: verdict.Deny}}}}}
	passing := &verdict.Report{Verdict: verdict.Allowed}
	if r := verdict.Merge(wouldDeny, passing); r.Verdict != verdict.Allowed || r.Acts[0].Verdict != verdict.Allowed || r.Acts[0].Findings[0].Effect != verdict.Warn {
		t.Errorf("one that observes blocks beside one that enforces: %+v", r)
	}
	if wouldDeny.Acts[0].Findings[0].Effect != verdict.Deny {
		t.Error("a report that was merged is changed")
	}
	if r := verdict.Merge(observing, observing); !r.Observe {
		t.Error("two that observe enforce")
	}
	for name, r := range map[string]*verdict.Report{"none": verdict.Merge(), "nil": verdict.Merge(&verdict.Report{Verdict: verdict.Allowed, Observe: true}, nil)} {
		if r.Verdict != verdict.Denied || r.Observe {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// BenchmarkMerge merges two reports of 1,000 and of 10,000 acts. The time for an act should be the same.
func BenchmarkMerge(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := &verdict.Report{}
			for i := range n {
				r.Acts = append(r.Acts, verdict.Act{Kind: "commit", Subject: strconv.Itoa(i), Ref: "refs/heads/main"})
			}
			for b.Loop() {
				if got := verdict.Merge(r, r); len(got.Acts) != n {
					b.Fatal(len(got.Acts))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/act")
		})
	}
}
