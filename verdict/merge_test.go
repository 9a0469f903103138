package verdict_test

import (
	"testing"

	"github.com/remit-sh/remit/verdict"
)

func TestMerge(t *testing.T) {
	report := func(v verdict.Verdict, observe bool) *verdict.Report {
		return &verdict.Report{Verdict: v, Observe: observe, Repository: "github.com/acme/shop", Acts: []verdict.Act{{Verdict: v}}}
	}
	allowed, waiting, denied := report(verdict.Allowed, false), report(verdict.Waiting, false), report(verdict.Denied, false)
	for name, tc := range map[string]struct {
		of   []*verdict.Report
		want verdict.Verdict
	}{
		"none":               {nil, verdict.Denied},
		"one":                {[]*verdict.Report{allowed}, verdict.Allowed},
		"the worst":          {[]*verdict.Report{allowed, waiting}, verdict.Waiting},
		"whatever the order": {[]*verdict.Report{denied, allowed}, verdict.Denied},
		"one is missing":     {[]*verdict.Report{allowed, nil}, verdict.Denied},
		"the first is":       {[]*verdict.Report{nil, allowed}, verdict.Denied},
	} {
		if got := verdict.Merge(tc.of...); got.Verdict != tc.want {
			t.Errorf("%s: %s, want %s", name, got.Verdict, tc.want)
		}
	}
	both := verdict.Merge(report(verdict.Denied, true), waiting)
	if both.Observe || len(both.Acts) != 2 || both.Repository != "github.com/acme/shop" {
		t.Errorf("got %+v", both)
	}
	if both.Verdict != verdict.Waiting {
		t.Errorf("a policy that observes blocks: %s", both.Verdict)
	}
	if !verdict.Merge(report(verdict.Denied, true), report(verdict.Allowed, true)).Observe {
		t.Error("two that observe make one that does not")
	}
}
