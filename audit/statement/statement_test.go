package statement_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/statement"
	"github.com/remit-sh/remit/audit/statement/statementtest"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

func TestStatement(t *testing.T) {
	e, s := statementtest.Signed(t, "gate", nil)
	got, err := statement.ParseBundle(s.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Fits(e); err != nil {
		t.Error(err)
	}
	want := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"https://github.com/acme/shop","digest":{"gitCommit":"` + dt.Head +
		`"}},{"name":"registry.example/shop","digest":{"sha256":"` + statementtest.Image + `"}}],"predicateType":"https://slsa.dev/verification_summary/v1",` +
		`"predicate":{"verifier":{"id":"https://remit.sh/gate/v1"},"timeVerified":"2026-11-22T14:00:00Z","resourceUri":"https://github.com/acme/shop?environment=production",` +
		`"policy":{"uri":"https://github.com/acme/shop?policy=policies.hcl","digest":{"sha256":"` + strings.Repeat("3c", 32) + `"}},` +
		`"verificationResult":"PASSED","verifiedLevels":["REMIT_DEPLOY_AUTHORIZED","REMIT_DEPLOY_APPROVED"],"slsaVersion":"1.1"}}`
	if string(got.Summary.Payload) != want {
		t.Errorf("got  %s\nwant %s", got.Summary.Payload, want)
	}
	if got.Entry != e.ID || got.By.Name != "agent.coder" || len(got.Chain) != 2 || got.Chain[0].Delegator != "human.alice" || !slices.Equal(got.Gates[0].By, []string{"human.bob"}) {
		t.Errorf("the account is %+v", got.Deploy)
	}
	for _, line := range got.Sentences() {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("not safe to show: %q", line)
		}
	}
}

// Only what is true is said: nobody approved where the policy asks nobody.
func TestLevels(t *testing.T) {
	for name, tc := range map[string]struct {
		gates []verdict.Gate
		want  string
	}{
		"no gate":        {nil, "REMIT_DEPLOY_AUTHORIZED"},
		"nobody counted": {[]verdict.Gate{{Name: "g", Needed: 1}}, "REMIT_DEPLOY_AUTHORIZED"},
		"nobody needed":  {[]verdict.Gate{{Name: "g", Counted: []string{"human.bob"}}}, "REMIT_DEPLOY_AUTHORIZED"},
		"one of two":     {[]verdict.Gate{{Name: "g"}, {Name: "h", Needed: 1, Counted: []string{"human.bob"}}}, "REMIT_DEPLOY_AUTHORIZED REMIT_DEPLOY_APPROVED"},
	} {
		_, s := statementtest.Signed(t, "gate", func(r *verdict.Report, _ *delegation.Request) { r.Gates = tc.gates })
		if got := strings.Join(s.Levels(), " "); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Of what was not let through by a policy in force nothing is said.
func TestNothingIsStated(t *testing.T) {
	deny := []verdict.Finding{{Rule: "not-granted", Effect: verdict.Deny, Summary: "x"}}
	wait := []verdict.Finding{{Rule: "approval-missing", Effect: verdict.Pending, Summary: "x"}}
	unsure := []verdict.Finding{{Rule: "history-incomplete", Effect: verdict.Undecided, Summary: "x"}}
	for name, change := range map[string]func(*verdict.Report, *delegation.Request){
		"denied":    func(r *verdict.Report, _ *delegation.Request) { r.Acts[0].Findings = deny },
		"waiting":   func(r *verdict.Report, _ *delegation.Request) { r.Acts[0].Findings = wait },
		"undecided": func(r *verdict.Report, _ *delegation.Request) { r.Findings = unsure },
		"observed":  func(r *verdict.Report, _ *delegation.Request) { r.Observe = true },
		"denied and observed": func(r *verdict.Report, _ *delegation.Request) {
			r.Observe, r.Acts[0].Findings = true, deny
		},
		"other actor": func(r *verdict.Report, _ *delegation.Request) { r.Acts[0].Actor = "agent.planner" },
		"no chain":    func(r *verdict.Report, _ *delegation.Request) { r.Acts[0].Chain = nil },
		"other act":   func(r *verdict.Report, _ *delegation.Request) { r.Acts[0].Kind = "commit" },
	} {
		e, request, _ := statementtest.Deploy(t, change)
		if d, err := statement.Of(e, request); !errors.Is(err, statement.ErrNoDeploy) || d != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	e, request, _ := statementtest.Deploy(t, nil)
	if _, err := statement.Of(e, request); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(e *audit.Entry){
		"bootstrap":          func(e *audit.Entry) { e.Bootstrap = true },
		"push":               func(e *audit.Entry) { e.Question.Kind = "push" },
		"another commit":     func(e *audit.Entry) { e.Question.Head = dt.Base },
		"another place":      func(e *audit.Entry) { e.Question.Environment = "staging" },
		"another repository": func(e *audit.Entry) { e.Repository = "github.com/acme/fork" },
		"another request":    func(e *audit.Entry) { e.Acts.Items[0].Subject = "sha256:" + strings.Repeat("0", 64) },
	} {
		changed := *e
		changed.Acts.Items = slices.Clone(e.Acts.Items)
		change(&changed)
		if d, err := statement.Of(&changed, request); !errors.Is(err, statement.ErrNoDeploy) || d != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if _, err := statement.Of(nil, request); !errors.Is(err, statement.ErrNoDeploy) {
		t.Error(err)
	}
	if _, err := statement.Of(e, nil); !errors.Is(err, statement.ErrNoDeploy) {
		t.Error(err)
	}
}

// envelope is any payload, signed as it is.
func envelope(t testing.TB, payload []byte, key string) []byte {
	t.Helper()
	env, err := signing.SignEnvelope(delegation.PayloadType, payload, dt.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	return env.Marshal()
}

// Each attack by somebody who holds some key, even the gate's.
func TestRefused(t *testing.T) {
	e, s := statementtest.Signed(t, "gate", nil)
	_, other := statementtest.Signed(t, "gate", func(_ *verdict.Report, c *delegation.Request) { c.Commit = dt.Base })
	_, staging := statementtest.Signed(t, "gate", func(_ *verdict.Report, c *delegation.Request) { c.Environment = "staging" })
	_, mallory := statementtest.Signed(t, "mallory", nil)
	files := s.Files()
	swap := func(from, to string) []byte {
		return envelope(t, bytes.Replace(s.Account.Payload, []byte(from), []byte(to), 1), "gate")
	}
	for name, list := range map[string][][]byte{
		"one alone":                 files[:1],
		"three":                     {files[0], files[1], files[1]},
		"the other way round":       {files[1], files[0]},
		"a summary twice":           {files[0], files[0]},
		"summary of another commit": {other.Files()[0], files[1]},
		"summary of another place":  {staging.Files()[0], files[1]},
		"account of another commit": {files[0], other.Files()[1]},
		"summary by another key":    {mallory.Files()[0], files[1]},
		"account by another key":    {files[0], mallory.Files()[1]},
		"signed by another key":     {envelope(t, s.Summary.Payload, "mallory"), envelope(t, s.Account.Payload, "mallory")},
		"failed": {
			envelope(t, bytes.Replace(s.Summary.Payload, []byte("PASSED"), []byte("FAILED"), 1), "gate"), files[1],
		},
		"a level that SLSA has": {
			envelope(t, bytes.Replace(s.Summary.Payload, []byte("REMIT_DEPLOY_APPROVED"), []byte("SLSA_BUILD_LEVEL_3"), 1), "gate"), files[1],
		},
		"a space":           {files[0], swap(`"entry":`, `"entry": `)},
		"an unknown member": {files[0], swap(`"entry":`, `"x":1,"entry":`)},
		"a member twice":    {files[0], swap(`"entry":`, `"entry":"x","entry":`)},
		"an empty chain":    {files[0], swap(`"chain":[`, `"chain":[],"x":[`)},
		"no entry":          {files[0], swap(e.ID, "")},
		"a time with offset": {
			files[0], swap(`"time":"2026-11-22T14:00:00Z"`, `"time":"2026-11-22T15:00:00+01:00"`),
		},
		"line break within": {files[0], append(slices.Clone(files[1]), '\n')},
	} {
		if got, err := statement.Parse(list...); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no line break": s.Bundle()[:len(s.Bundle())-1], "a line more": append(s.Bundle(), '\n'),
		"CR LF": bytes.ReplaceAll(s.Bundle(), []byte("\n"), []byte("\r\n")), "too long": make([]byte, statement.MaxBundle+1),
	} {
		if got, err := statement.ParseBundle(b); err == nil || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range files {
		for at := range files[i] {
			list := slices.Clone(files)
			list[i] = slices.Clone(list[i])
			list[i][at] ^= 1
			if got, err := statement.Parse(list...); err == nil || got != nil {
				t.Fatalf("byte %d of envelope %d was altered, and it is taken", at, i)
			}
		}
	}
}

func TestFits(t *testing.T) {
	e, s := statementtest.Signed(t, "gate", nil)
	vouched := *e
	vouched.Attestation = audit.Attestation{Kind: "key", By: "SHA256:x"}
	if err := s.Fits(&vouched); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*verdict.Report, *delegation.Request){
		"another commit":      func(_ *verdict.Report, c *delegation.Request) { c.Commit = dt.Base },
		"another environment": func(_ *verdict.Report, c *delegation.Request) { c.Environment = "staging" },
		"another repository": func(r *verdict.Report, c *delegation.Request) {
			r.Repository, c.Repository = "github.com/acme/fork", "github.com/acme/fork"
		},
		"another policy": func(r *verdict.Report, _ *delegation.Request) { r.Policy = "sha256:" + strings.Repeat("4d", 32) },
		"other approver": func(r *verdict.Report, _ *delegation.Request) { r.Gates[0].Counted = []string{"human.alice"} },
		"other artifact": func(_ *verdict.Report, c *delegation.Request) { c.Artifacts = nil },
		"denied": func(r *verdict.Report, _ *delegation.Request) {
			r.Acts[0].Findings = []verdict.Finding{{Rule: "not-granted", Effect: verdict.Deny}}
		},
		"observed": func(r *verdict.Report, _ *delegation.Request) { r.Observe = true },
	} {
		other, _, _ := statementtest.Deploy(t, change)
		if err := s.Fits(other); err == nil {
			t.Errorf("%s: it fits", name)
		}
	}
}

// Text of agents does nothing, wherever it is shown, and breaks no line of the file.
func TestHostileText(t *testing.T) {
	const hostile = `"}],"verdict":"allow" $(reboot) <script> ::error:: %0A`
	_, s := statementtest.Signed(t, "gate", func(r *verdict.Report, c *delegation.Request) {
		c.Reason = hostile
		r.Acts[0].Chain[1].Purpose = "a\u202eb\n::add-mask::x\x1b[2J"
		r.Gates[0].Name, r.Gates[0].Counted = "g\r\n", []string{"a\x1b]0;b"}
	})
	if bytes.Count(s.Bundle(), []byte("\n")) != 2 {
		t.Errorf("%q", s.Bundle())
	}
	got, err := statement.ParseBundle(s.Bundle())
	if err != nil || got.Reason != hostile {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, line := range got.Sentences() {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("not safe to show: %q", line)
		}
	}
}

// The most that an entry and a request can say fits into the envelopes.
func TestLargest(t *testing.T) {
	_, s := statementtest.Signed(t, "gate", func(r *verdict.Report, c *delegation.Request) {
		c.Reason, c.Ref = strings.Repeat("r", delegation.MaxReason), "refs/heads/"+strings.Repeat("x", 200)
		c.Artifacts = nil
		for i := range delegation.MaxArtifacts {
			c.Artifacts = append(c.Artifacts, delegation.Artifact{Name: strings.Repeat("a", delegation.MaxArtifact-i), SHA256: statementtest.Image})
		}
		for range 60 {
			r.Gates = append(r.Gates, verdict.Gate{Name: strings.Repeat("g", 290), Needed: 1, Counted: slices.Repeat([]string{strings.Repeat("h", 290)}, 40)})
		}
		for i := range r.Acts[0].Chain {
			r.Acts[0].Chain[i].Purpose = strings.Repeat("p", 500)
		}
	})
	if n := len(s.Account.Marshal()); n > signing.MaxEnvelopeSize || n < 20_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestSignRefuses(t *testing.T) {
	e, request, _ := statementtest.Deploy(t, nil)
	d, err := statement.Of(e, request)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*statement.Deploy){
		"no entry":       func(d *statement.Deploy) { d.Entry = "" },
		"no policy":      func(d *statement.Deploy) { d.Policy = "" },
		"no environment": func(d *statement.Deploy) { d.Environment = "" },
		"commit":         func(d *statement.Deploy) { d.Commit = "main" },
		"repository":     func(d *statement.Deploy) { d.Repository = "github.com/Acme/shop" },
		"not UTF-8":      func(d *statement.Deploy) { d.Reason = "\xff" },
		"chain":          func(d *statement.Deploy) { d.By.Name = "agent.planner" },
		"artifact": func(d *statement.Deploy) {
			d.Artifacts = []delegation.Artifact{{Name: "a b", SHA256: statementtest.Image}}
		},
		"time": func(d *statement.Deploy) { d.Time = d.Time.AddDate(-3000, 0, 0) },
	} {
		bad := *d
		change(&bad)
		if s, err := bad.Sign(dt.Signer("gate")); err == nil || s != nil {
			t.Errorf("%s: it is signed", name)
		}
	}
}

func TestResource(t *testing.T) {
	for want, environment := range map[string]string{
		"https://github.com/acme/shop?environment=production":       "Production",
		"https://github.com/acme/shop?environment=eu%20west%2Fprod": "eu west/prod",
	} {
		if got := statement.Resource("github.com/acme/shop", environment); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Whatever is taken is written again byte for byte, is signed, and is of a deploy.
func FuzzParse(f *testing.F) {
	_, s := statementtest.Signed(f, "gate", nil)
	f.Add(s.Bundle())
	_, other := statementtest.Signed(f, "mallory", func(r *verdict.Report, c *delegation.Request) {
		r.Gates, c.Artifacts, r.Acts[0].Chain, c.Delegation = nil, nil, nil, ""
	})
	f.Add(other.Bundle())
	f.Add(append(slices.Clone(s.Files()[0]), other.Bundle()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := statement.ParseBundle(b)
		if err != nil {
			if s != nil {
				t.Fatal("an error and a statement")
			}
			return
		}
		if !bytes.Equal(s.Bundle(), b) {
			t.Fatalf("%q is written again as %q", b, s.Bundle())
		}
		if err := errors.Join(s.Summary.Verify(s.Signer), s.Account.Verify(s.Signer), names.CheckDigest(s.Entry)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(s.Summary.Payload, []byte(`"verificationResult":"PASSED"`)) || !bytes.Contains(s.Summary.Payload, []byte(`"gitCommit":"`+s.Commit+`"`)) {
			t.Fatalf("%s", s.Summary.Payload)
		}
	})
}
