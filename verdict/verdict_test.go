package verdict

import "testing"

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		effects []Effect
		want    Verdict
	}{
		{"nothing found", nil, Allowed},
		{"a note and a warning", []Effect{Note, Warn}, Allowed},
		{"waiting", []Effect{Warn, Pending}, Waiting},
		{"undecided before waiting", []Effect{Pending, Undecided, Pending}, NotDecided},
		{"denied before all", []Effect{Note, Undecided, Deny, Pending}, Denied},
		{"the zero effect denies", []Effect{EffectInvalid}, Denied},
		{"an effect that nobody knows denies", []Effect{Note, Effect(77)}, Denied},
	} {
		var found []Finding
		for _, e := range c.effects {
			found = append(found, Finding{Effect: e})
		}
		if got := Of(found); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestZeroValuesDeny(t *testing.T) {
	var v Verdict
	if v.String() != "deny" || v.ExitCode() != ExitDeny {
		t.Errorf("the zero verdict is %s, exit %d", v, v.ExitCode())
	}
	var e Effect
	if e.String() != "deny" {
		t.Errorf("the zero effect is %s", e)
	}
	if s := Effect(77).String(); s != "deny" {
		t.Errorf("an unknown effect is %s", s)
	}
	if Verdict(77).ExitCode() != ExitDeny {
		t.Error("an unknown verdict does not deny")
	}
	var r Report
	if r.ExitCode() != ExitDeny {
		t.Error("a report that nobody settled does not deny")
	}
}

func TestSettle(t *testing.T) {
	r := Report{Acts: []Act{
		{Findings: []Finding{{Effect: Warn}}},
		{Findings: []Finding{{Effect: Pending}}},
	}}
	r.Settle()
	if r.Acts[0].Verdict != Allowed || r.Acts[1].Verdict != Waiting || r.Verdict != Waiting || r.ExitCode() != ExitPending {
		t.Errorf("%s, %s, whole %s, exit %d", r.Acts[0].Verdict, r.Acts[1].Verdict, r.Verdict, r.ExitCode())
	}
	r.Findings = []Finding{{Effect: Undecided}}
	r.Settle()
	if r.Verdict != NotDecided || r.ExitCode() != ExitUndecided {
		t.Errorf("with a finding about the whole: %s", r.Verdict)
	}
	r.Observe = true
	if r.ExitCode() != ExitAllow || r.Verdict != NotDecided {
		t.Errorf("observing: exit %d, verdict %s", r.ExitCode(), r.Verdict)
	}
	r = Report{}
	r.Settle()
	if r.Verdict != Allowed {
		t.Errorf("nothing to judge: %s", r.Verdict)
	}
}
