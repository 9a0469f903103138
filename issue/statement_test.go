package issue_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
)

func author(t *testing.T, by *issue.Issuer) *issue.Author {
	t.Helper()
	p := parse(t, shop)
	p.RepositoryID = 4711
	return &issue.Author{Issuer: by, Policy: p, Repository: dt.Repository, Now: now().Add(999 * time.Millisecond)}
}

func deploy() delegation.Request {
	return delegation.Request{Action: names.Deploy, Environment: "staging", Commit: dt.Head, Ref: "refs/heads/main", Reason: "SHOP-1412"}
}

// TestRequest: a request says who asks, under which delegation and for how long, and never outlives that.
func TestRequest(t *testing.T) {
	chain := plan(t, 1) // until an hour from the start
	for name, tc := range map[string]struct {
		by    *issue.Issuer
		at    time.Duration
		lasts time.Duration
		ends  time.Duration
		note  bool
	}{
		"of a human":              {human("human.alice"), 3 * time.Minute, 10 * time.Minute, 13 * time.Minute, false},
		"under a delegation":      {under(chain), 3 * time.Minute, 10 * time.Minute, 13 * time.Minute, false},
		"as long as it":           {under(chain), 50 * time.Minute, 10 * time.Minute, time.Hour, false},
		"longer than it":          {under(chain), 50 * time.Minute, 10*time.Minute + time.Second, time.Hour, true},
		"whole seconds alone":     {human("human.alice"), 0, 1500 * time.Millisecond, time.Second, false},
		"as long as may be":       {human("human.alice"), 0, delegation.MaxRequestTTL, delegation.MaxRequestTTL, false},
		"a human outlives nobody": {human("human.alice"), 50 * time.Minute, time.Hour, 110 * time.Minute, false},
	} {
		a := author(t, tc.by)
		a.Now = dt.Start().Add(tc.at)
		s, notes, err := a.Request(deploy(), tc.lasts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read, err := delegation.ParseSigned[delegation.Request](s.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		c := read.Statement
		if c.Signer.Name != tc.by.Party.Name || c.Delegation != tc.by.Chain.Digest() || read.Bundle.Digest() != tc.by.Chain.Digest() || c.Repository != dt.Repository ||
			c.RepositoryID != 4711 || !c.NotBefore.Equal(a.Now) || !c.NotAfter.Equal(dt.Start().Add(tc.ends)) || c.Action != names.Deploy || c.Environment != "staging" || c.Commit != dt.Head {
			t.Errorf("%s: %+v", name, c)
		}
		if (len(notes) == 1 && strings.Contains(notes[0], "the delegation ends at 2026-11-22 15:00:00 UTC")) != tc.note || !tc.note && len(notes) > 0 {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}

// TestRequestRefused: what makes sense for nobody is wrong usage.
func TestRequestRefused(t *testing.T) {
	for says, change := range map[string]func(*delegation.Request, *time.Duration){
		"--for 999ms is too short":                        func(_ *delegation.Request, d *time.Duration) { *d = 999 * time.Millisecond },
		"--for 1h0m1s is too long":                        func(_ *delegation.Request, d *time.Duration) { *d = time.Hour + time.Second },
		"say which environment it is for":                 func(r *delegation.Request, _ *time.Duration) { r.Environment = "" },
		"--run and --attempt are positive":                func(r *delegation.Request, _ *time.Duration) { r.RunID = -1 },
		"--attempt and --job are those of a run":          func(r *delegation.Request, _ *time.Duration) { r.Job = "deploy" },
		"say what the request is for":                     func(r *delegation.Request, _ *time.Duration) { r.Reason = "" },
		`--why "x\u200b" has a line break or`:             func(r *delegation.Request, _ *time.Duration) { r.Reason = "x\u200b" },
		"--why has 501 bytes":                             func(r *delegation.Request, _ *time.Duration) { r.Reason = strings.Repeat("x", 501) },
		`--why " x" starts or ends with white space`:      func(r *delegation.Request, _ *time.Duration) { r.Reason = " x" },
		"signing a statement: the commit":                 func(r *delegation.Request, _ *time.Duration) { r.Commit = "main" },
		"signing a statement: the targets are missing":    func(r *delegation.Request, _ *time.Duration) { r.Action, r.Environment = names.Delete, "" },
		"signing a statement: the ref: \"main\" is not a": func(r *delegation.Request, _ *time.Duration) { r.Ref = "main" },
	} {
		r, lasts := deploy(), 10*time.Minute
		change(&r, &lasts)
		if s, _, err := author(t, human("human.alice")).Request(r, lasts); s != nil || fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", says, s, err)
		}
	}
	// A deletion outside of environments needs none.
	r := deploy()
	r.Action, r.Environment, r.Targets, r.RunID, r.RunAttempt, r.Job = names.Delete, "", []string{"refs/heads/x"}, 7, 1, "clean"
	if _, _, err := author(t, human("human.alice")).Request(r, time.Second); err != nil {
		t.Error(err)
	}
}

// TestPurpose: who gives no reason acts for what the delegation is for.
func TestPurpose(t *testing.T) {
	chain := plan(t, 1)
	r := deploy()
	r.Reason = ""
	s, _, err := author(t, under(chain)).Request(r, time.Minute)
	if err != nil || s.Statement.Reason != "SHOP-1412" {
		t.Errorf("%+v, %v", s, err)
	}
	c := delegation.PullRequest{BaseRef: "refs/heads/main", HeadRef: "refs/heads/agent/pay", Head: dt.Head}
	for _, tc := range []struct {
		by                 *issue.Issuer
		why, subject, want string
	}{
		{under(chain), "PAY-1", "Pay by card", "PAY-1"},
		{under(chain), "", "Pay by card", "SHOP-1412"},
		{human("human.alice"), "", "Pay by card", "Pay by card"},
		{human("human.alice"), "PAY-1", "Pay by card", "PAY-1"},
	} {
		c.Purpose = tc.why
		s, err := author(t, tc.by).PullRequest(c, tc.subject)
		if err != nil || s.Statement.Purpose != tc.want || s.Statement.Delegation != tc.by.Chain.Digest() || s.Statement.Signer.Name != tc.by.Party.Name || !s.Statement.At.Equal(now()) {
			t.Errorf("%q of %s: %+v, %v", tc.why, tc.by.Party.Name, s, err)
		}
	}
	c.Purpose = ""
	if _, err := author(t, human("human.alice")).PullRequest(c, ""); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "say what the pull request is for") {
		t.Errorf("for nothing: %v", err)
	}
	c.Purpose = "a\nb"
	if _, err := author(t, under(chain)).PullRequest(c, ""); fault.KindOf(err) != fault.Usage {
		t.Errorf("for two lines: %v", err)
	}
	c.Purpose, c.BaseRef = "PAY-1", "main"
	if _, err := author(t, human("human.alice")).PullRequest(c, ""); fault.KindOf(err) != fault.Usage {
		t.Errorf("into no branch: %v", err)
	}
}

// TestFit: a statement that is too long with its chain goes without it, and never without a part of itself.
func TestFit(t *testing.T) {
	s, _, err := author(t, under(plan(t, 1))).Request(deploy(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	bare := *s
	bare.Bundle = nil
	for _, tc := range []struct {
		most    int
		cut, ok bool
	}{{len(s.Text()), false, true}, {len(s.Text()) - 1, true, true}, {len(bare.Text()), true, true}, {len(bare.Text()) - 1, false, false}} {
		fits, cut, err := issue.Fit(s, tc.most, "a deployment's payload")
		switch {
		case !tc.ok:
			if fits != nil || fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "a deployment's payload takes") {
				t.Errorf("%d: %v, %v", tc.most, fits, err)
			}
		case err != nil, cut != tc.cut, len(fits.Text()) > tc.most, (fits.Bundle == nil) != tc.cut, fits.Digest != s.Digest:
			t.Errorf("%d: cut %t, %v", tc.most, cut, err)
		}
	}
	if s.Bundle == nil {
		t.Error("the statement itself was cut")
	}
}

// TestApproval: an approval says by which policy it is given, and is signed as it was read out.
func TestApproval(t *testing.T) {
	a := author(t, human("human.alice"))
	c, err := a.Approval(delegation.Approval{Reason: "looked at it"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.Action, c.Head, c.Base, c.Ref = names.PullRequest, dt.Head, dt.Base, "refs/heads/main"
	s, err := a.SignApproval(c)
	if err != nil || s.Statement.Sentence() != c.Sentence() {
		t.Fatalf("%+v, %v", s, err)
	}
	if c.Approver.Name != "human.alice" || c.PolicyDigest != a.Policy.Digest || c.RepositoryID != 4711 || !c.NotBefore.Equal(now()) || !c.NotAfter.Equal(now().Add(time.Hour)) {
		t.Errorf("%+v", c)
	}
	c.Base = ""
	if _, err := a.SignApproval(c); fault.KindOf(err) != fault.Usage {
		t.Errorf("on top of nothing: %v", err)
	}
	for says, tc := range map[string]struct {
		why   string
		lasts time.Duration
	}{
		"--for 0s is too short":    {"", 0},
		"--for 720h0m1s is too":    {"", delegation.MaxApprovalTTL + time.Second},
		`--why "a\nb" has a line`:  {"a\nb", time.Hour},
		`--why "a " starts or end`: {"a ", time.Hour},
	} {
		if _, err := a.Approval(delegation.Approval{Reason: tc.why}, tc.lasts); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := a.Approval(delegation.Approval{}, delegation.MaxApprovalTTL); err != nil {
		t.Error(err)
	}
}

// TestReadRequest: what could not be used now is not approved.
func TestReadRequest(t *testing.T) {
	p := parse(t, shop)
	s, _, err := author(t, under(plan(t, 1))).Request(deploy(), 10*time.Minute) // from three minutes after the start
	if err != nil {
		t.Fatal(err)
	}
	pull := dt.SignStatement(t, dt.NewPullRequest("human.alice"))
	for name, tc := range map[string]struct {
		raw        []byte
		repository string
		id         int64
		at         time.Duration
		says       string
	}{
		"now":                      {raw: s.Marshal(), at: 3 * time.Minute},
		"the last moment":          {raw: s.Marshal(), at: 13*time.Minute - 1},
		"the first moment after":   {raw: s.Marshal(), at: 13 * time.Minute, says: "the request ended at 2026-11-22 14:13:00 UTC"},
		"within the clock's skew":  {raw: s.Marshal(), at: 3*time.Minute - 30*time.Second},
		"beyond the clock's skew":  {raw: s.Marshal(), at: 3*time.Minute - 31*time.Second, says: "the request holds from 2026-11-22 14:03:00 UTC on"},
		"for another repository":   {raw: s.Marshal(), repository: "github.com/acme/other", at: 3 * time.Minute, says: "the request is not for this repository"},
		"for one made anew":        {raw: s.Marshal(), id: 4712, at: 3 * time.Minute, says: "the request is not for this repository"},
		"for the one of this id":   {raw: s.Marshal(), id: 4711, at: 3 * time.Minute},
		"no request":               {raw: pull.Marshal(), at: 3 * time.Minute, says: "what is to be approved is no request"},
		"nothing":                  {at: 3 * time.Minute, says: "what is to be approved is no request"},
		"with another's signature": {raw: []byte(strings.Replace(string(s.Marshal()), `"payload":"`, `"payload":"x`, 1)), at: 3 * time.Minute, says: "what is to be approved is no request"},
	} {
		p.RepositoryID = tc.id
		if tc.repository == "" {
			tc.repository = dt.Repository
		}
		r, err := issue.ReadRequest(tc.raw, p, tc.repository, dt.Start().Add(tc.at))
		if tc.says == "" {
			if err != nil || r.Digest != s.Digest {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if r != nil || fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// TestApproveRequest: it is said on whose authority a request is, and to whom it goes back.
func TestApproveRequest(t *testing.T) {
	chain := plan(t, 1)
	for name, tc := range map[string]struct {
		by, approver *issue.Issuer
		says         string
		note         bool
	}{
		"by an agent":               {under(chain), human("human.bob"), "It is on the authority of human.alice, and must be used before 2026-11-22 14:13:00 UTC.", false},
		"back to who gave it":       {under(chain), human("human.alice"), "It is on the authority of human.alice", true},
		"by a human":                {human("human.alice"), human("human.bob"), "It is in human.alice's own name, and must be used before", false},
		"by the approver in person": {human("human.alice"), human("human.alice"), "It is in human.alice's own name", true},
	} {
		s, _, err := author(t, tc.by).Request(deploy(), 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		a := author(t, tc.approver)
		c, err := a.Approval(delegation.Approval{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		authority, notes := issue.ApproveRequest(&c, s, s.Bundle)
		if !strings.HasPrefix(authority, tc.says) || slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "allow_delegator") }) != tc.note {
			t.Errorf("%s: %q, %q", name, authority, notes)
		}
		signed, err := a.SignApproval(c)
		if err != nil || signed.Statement.Request != s.Digest || signed.Statement.Action != names.Deploy || signed.Statement.Environment != "staging" {
			t.Errorf("%s: %+v, %v", name, signed, err)
		}
	}
}
