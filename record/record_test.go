package record_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/statement"
	"github.com/remit-sh/remit/audit/statement/statementtest"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

func chainOf(t *testing.T) delegation.Chain {
	t.Helper()
	return delegationtest.MakeChain(t, "human.alice", delegationtest.Step{To: "agent.planner"}, delegationtest.Step{To: "agent.coder"})
}

func act(subject string, chain delegation.Chain) verdict.Act {
	a := verdict.Act{Kind: "commit", Subject: subject, Ref: "refs/heads/agent/pay", Actor: "agent.coder", Paths: []string{"src/cart.go"}, Bundle: chain.Marshal()}
	for _, l := range chain {
		a.Chain = append(a.Chain, verdict.Link{Delegator: string(l.Delegator.Name), Delegate: string(l.Delegate.Name), Digest: l.Digest, NotAfter: l.NotAfter, Purpose: l.Purpose})
	}
	return a
}

func outcome(acts ...verdict.Act) *decide.Outcome {
	r := &verdict.Report{Repository: "github.com/acme/shop", At: logtest.Noon, AtSource: "server clock", Acts: acts}
	r.Settle()
	return &decide.Outcome{Report: r}
}

func recorder(sink record.Sink) *record.Recorder {
	return &record.Recorder{
		Surface: "pre-receive", Question: audit.Question{Kind: "push", Subject: "refs/heads/agent/pay"}, Run: audit.Run{Event: "pre-receive", ID: "1"}, Sink: sink,
	}
}

func TestEntry(t *testing.T) {
	chain := chainOf(t)
	e, bundles, err := recorder(nil).Entry(t.Context(), outcome(act("a1", chain), act("a2", chain), verdict.Act{Kind: "push", Subject: "refs/heads/agent/pay"}))
	if err != nil {
		t.Fatal(err)
	}
	if len(bundles) != 1 || !slices.Equal(bundles[0], chain.Marshal()) {
		t.Errorf("%d bundles", len(bundles))
	}
	c := e.Chains.Items[0]
	if c.Forged || c.RootKey != chain[0].Delegator.Key.Fingerprint() || c.Links[1].Key != chain[1].Delegate.Key.Fingerprint() || c.Links[0].Key != chain[0].Delegate.Key.Fingerprint() {
		t.Errorf("the chain is %+v", c)
	}
	if !slices.Equal(e.Acts.Items[0].Paths.Items, []string{"src/cart.go"}) || !e.Attestation.IsZero() || e.Verdict != verdict.Allowed {
		t.Errorf("the entry is %+v", e)
	}
	if e.Run.ID != "1" || e.Question.Subject != "refs/heads/agent/pay" || e.Surface != "pre-receive" {
		t.Errorf("the occasion is %+v %+v", e.Question, e.Run)
	}
}

// What somebody made up under a true digest is named as forged where it stands alone, and never takes its place.
func TestForgedDelegations(t *testing.T) {
	chain := chainOf(t)
	forged := slices.Clone(chain)
	forged[1] = delegationtest.Forge(t, chain[1].Delegation, delegationtest.Signer("mallory"))
	spliced := slices.Clone(chain)
	spliced[0] = delegationtest.MakeChain(t, "human.bob", delegationtest.Step{To: "agent.planner"})[0]
	for name, bad := range map[string]delegation.Chain{"forged": forged, "spliced": spliced} {
		e, bundles, err := recorder(nil).Entry(t.Context(), outcome(act("a1", bad)))
		if err != nil || len(bundles) > 0 || !e.Chains.Items[0].Forged {
			t.Errorf("%s: %d bundles, %+v, %v", name, len(bundles), e, err)
		}
		for _, acts := range [][]verdict.Act{{act("a1", bad), act("a2", chain)}, {act("a1", chain), act("a2", bad)}} {
			e, bundles, err := recorder(nil).Entry(t.Context(), outcome(acts...))
			if err != nil || len(bundles) != 1 || e.Chains.Items[0].Forged || e.Chains.Items[0].Links[0].Digest != chain[0].Digest {
				t.Errorf("%s beside the true one: %d bundles, %+v, %v", name, len(bundles), e.Chains, err)
			}
		}
	}
	lost := act("a1", chain)
	lost.Bundle = nil
	if e, _, err := recorder(nil).Entry(t.Context(), outcome(lost)); err == nil || e != nil {
		t.Error("an act without the bundle of its delegation was taken")
	}
}

// Where nothing was decided, the entry says of which repository all the same; where nobody knows, there is none.
func TestUndone(t *testing.T) {
	undone := func() *decide.Outcome {
		o := decide.Decide(t.Context(), decide.Sources{Now: func() time.Time { return logtest.Noon }}, decide.Unanswerable{Err: errors.New("no")})
		return &o
	}
	r := recorder(nil)
	for _, unknown := range []func(context.Context) string{nil, func(context.Context) string { return "" }} {
		r.Repository = unknown
		if _, _, err := r.Entry(t.Context(), undone()); !errors.Is(err, record.ErrNameless) {
			t.Errorf("an entry of no repository: %v", err)
		}
	}
	r.Repository = func(context.Context) string { return "github.com/acme/shop" }
	e, _, err := r.Entry(t.Context(), undone())
	if err != nil || e.Repository != "github.com/acme/shop" || e.Verdict != verdict.NotDecided {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestLogSink(t *testing.T) {
	l := logtest.Log(t, &logtest.Memory{})
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	sink := record.Log{Log: l, Vouch: audit.Attestation{Kind: "hook", By: "SHA256:x"}}
	for n, want := range []string{"audit entry 0", "audit entry 1"} {
		o := outcome(act("a1", chainOf(t)))
		r := recorder(sink)
		r.Run.ID = want
		if err := r.Record(t.Context(), o); err != nil || o.Recorded != want {
			t.Errorf("entry %d: %q, %v", n, o.Recorded, err)
		}
	}
	logtest.Sound(t, l, 2)
	b, err := l.Entry(t.Context(), 1)
	if err != nil || !strings.Contains(string(b), `"attestation":{"kind":"hook","by":"SHA256:x"}`) {
		t.Errorf("%s, %v", b, err)
	}
	o := outcome(act("a1", chainOf(t)))
	if err := recorder(record.Log{Log: logtest.Log(t, &logtest.Memory{})}).Record(t.Context(), o); err == nil || o.Recorded != "" {
		t.Errorf("there is no log, and it is %q", o.Recorded)
	}
}

func TestSpoolSink(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", "--bare", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	store, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: dir, Environment: os.Environ(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	sink := record.Spool{Spool: &gitbranch.Spool{Store: store}, Proof: func(_ context.Context, e *audit.Entry) ([]byte, error) {
		return []byte("token for " + e.ID[:6]), nil
	}}
	o := outcome(act("a1", chainOf(t)))
	if err := recorder(sink).Record(t.Context(), o); err != nil || !strings.Contains(o.Recorded, "which waits as ") {
		t.Fatalf("%q, %v", o.Recorded, err)
	}
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	proofs := 0
	done, err := (&gitbranch.Fold{Store: store, Log: l, Attest: func(_ context.Context, s *gitbranch.Spooled) (audit.Attestation, error) {
		proofs++
		return audit.Attestation{Kind: "oidc", By: string(s.Proof)}, nil
	}}).Run(t.Context())
	if err != nil || done.Appended != 1 || done.Unattested != 0 || proofs != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	logtest.Sound(t, l, 1)

	sink.Proof = func(context.Context, *audit.Entry) ([]byte, error) { return nil, errors.New("no token") }
	if err := recorder(sink).Record(t.Context(), outcome(act("a2", chainOf(t)))); err == nil {
		t.Error("it was handed over without what shows where it comes from")
	}
}

// asked is an outcome that lets a request through, or not, and the request.
func asked(t *testing.T, change func(*verdict.Report, *delegation.Request)) (*decide.Outcome, *record.Recorder, *kept) {
	t.Helper()
	var r verdict.Report
	e, request, bundle := statementtest.Deploy(t, func(report *verdict.Report, c *delegation.Request) {
		if change != nil {
			change(report, c)
		}
		r = *report
	})
	r.Acts[0].Subject, r.Acts[0].Bundle = request.Digest, bundle
	r.Settle()
	sink := &kept{}
	to := &record.Recorder{Surface: e.Surface, Question: e.Question, Run: e.Run, Sink: sink, Signer: delegationtest.Signer("gate"), Unsigned: "no key"}
	return &decide.Outcome{Report: &r, Commit: request.Statement.Commit, Request: request}, to, sink
}

// kept is a sink that keeps one entry, unless it fails.
type kept struct {
	e     *audit.Entry
	files [][]byte
	err   error
}

func (k *kept) Keep(_ context.Context, e *audit.Entry, files [][]byte) (string, error) {
	k.e, k.files = e, files
	return "audit entry 1", k.err
}

func TestADeployIsStated(t *testing.T) {
	o, to, sink := asked(t, nil)
	if err := to.Record(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	s, err := statement.ParseBundle(o.Statement)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fits(sink.e); err != nil || !log.HasFiles(sink.e, sink.files) || len(sink.e.Statements) != 2 || len(o.Notes) > 0 {
		t.Errorf("%v, %q, %q", err, sink.e.Statements, o.Notes)
	}
}

// What is not let through, or not kept, has no statement, and a lack of keys is said and stops nothing.
func TestNothingIsStated(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*verdict.Report, *delegation.Request)
		touch  func(*decide.Outcome, *record.Recorder, *kept)
		note   string
		fails  bool
	}{
		"denied": {change: func(r *verdict.Report, _ *delegation.Request) {
			r.Acts[0].Findings = []verdict.Finding{{Rule: "not-granted", Effect: verdict.Deny}}
		}, note: "no deploy statement"},
		"observed":            {change: func(r *verdict.Report, _ *delegation.Request) { r.Observe = true }, note: "nothing is enforced yet"},
		"bootstrap":           {touch: func(o *decide.Outcome, _ *record.Recorder, _ *kept) { o.Bootstrap = true }, note: "nothing is enforced yet"},
		"judged only":         {touch: func(o *decide.Outcome, _ *record.Recorder, _ *kept) { o.Request, o.Commit = nil, "" }},
		"no key":              {touch: func(_ *decide.Outcome, r *record.Recorder, _ *kept) { r.Signer = nil }, note: "no key"},
		"another kind of key": {touch: func(_ *decide.Outcome, r *record.Recorder, _ *kept) { r.Signer = otherKind(t) }, note: "the key that signs"},
		"not kept":            {touch: func(_ *decide.Outcome, _ *record.Recorder, k *kept) { k.err = errors.New("full") }, fails: true},
	} {
		o, to, sink := asked(t, tc.change)
		if tc.touch != nil {
			tc.touch(o, to, sink)
		}
		err := to.Record(t.Context(), o)
		if (err != nil) != tc.fails || o.Statement != nil || (tc.note == "") != (len(o.Notes) == 0) || !strings.Contains(strings.Join(o.Notes, " "), tc.note) {
			t.Errorf("%s: %v, %q, %q", name, err, o.Statement, o.Notes)
		}
		if !tc.fails && len(sink.e.Statements) > 0 {
			t.Errorf("%s: the entry names %q", name, sink.e.Statements)
		}
	}
}

// otherKind is a key that is not Ed25519.
func otherKind(t *testing.T) signing.Signer {
	t.Helper()
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.NewSSHSigner(inner)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
