package checker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// The attacks that no line of a case file can write. The others are in testdata/attacks.

const codersCommit = "commit c1 by=agent.coder under=d1 on=refs/heads/agent/pay\n  ~ src/pay.go\n"

// expect fails the test unless the outcome is a denial by exactly one rule.
func expectDenied(t *testing.T, s *scenario, r *verdict.Report, rule string) {
	t.Helper()
	if r.Verdict != verdict.Denied || len(r.Acts) != 1 || len(r.Acts[0].Findings) != 1 || r.Acts[0].Findings[0].Rule != rule {
		t.Errorf("want a denial by %s alone, got\n%s", rule, s.outline(r))
	}
}

// TestAttackSwappedDelegation: a wider delegation of the same key stands where the one is found that
// the commit names. The commit names it by its digest, so that nothing else can be it.
func TestAttackSwappedDelegation(t *testing.T) {
	wide := "delegate d2 human.alice -> agent.coder paths=**\n"
	for name, swap := range map[string]func(*scenario){
		"in its place": func(s *scenario) { s.set.Bundles[s.digest("d1")] = s.set.Bundles[s.digest("d2")] },
		"behind it": func(s *scenario) {
			c := append(delegation.Chain{}, s.links["d1"].chain...)
			s.set.Bundles[s.digest("d1")] = evidence.Bundle{Raw: append(c, s.links["d2"].chain...).Marshal()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := parseScenario(t, "delegate d1 human.alice -> agent.coder\n"+wide+codersCommit)
			swap(s)
			expectDenied(t, s, judged(t, s), "delegation-malformed")
		})
	}
	s := parseScenario(t, "delegate d1 human.alice -> agent.coder\n"+wide+codersCommit)
	if r := judged(t, s); r.Verdict != verdict.Allowed {
		t.Errorf("without an attack: %s", s.outline(r))
	}

	push := "pusher tester delegation=d1\ndelegate d1 human.alice -> agent.tester actions=commit\n" +
		"delegate d2 human.alice -> agent.tester actions=push\npush refs/heads/agent/x to=base\n"
	moves := `
grant "tester moves refs" {
  to       = [agent.tester]
  actions  = ["push"]
  branches = ["agent/**"]
}
`
	s = parseScenario(t, push)
	s.set.Bundles[s.digest("d1")] = s.set.Bundles[s.digest("d2")]
	expectDenied(t, s, checker.Check(s.parsePolicy(basePolicy(t)+moves), s.set), "delegation-malformed")
	r, s := check(t, moves, strings.Replace(push, "delegation=d1", "delegation=d2", 1))
	if r.Verdict != verdict.Allowed {
		t.Errorf("without an attack: %s", s.outline(r))
	}
}

// TestAttackMalformedDelegation: JSON that two readers could read as two things, types that are
// none, and a time or name that the grammar does not have. Each is signed by alice herself.
func TestAttackMalformedDelegation(t *testing.T) {
	good := string(delegationtest.New("human.alice", "agent.coder").Payload())
	replace := func(old, updated string) func() string {
		return func() string {
			if !strings.Contains(good, old) {
				t.Fatalf("%q is not in %s", old, good)
			}
			return strings.Replace(good, old, updated, 1)
		}
	}
	for name, tc := range map[string]struct {
		payload func() string
		kind    string // "" for the usual one
	}{
		"duplicate name":      {payload: replace(`"paths":["src/**"]`, `"paths":["src/**"],"paths":["**"]`)},
		"other case":          {payload: replace(`"paths"`, `"Paths"`)},
		"folded name":         {payload: replace(`"paths"`, "\"path\u017f\"")},
		"unknown name":        {payload: replace(`"paths"`, `"more":1,"paths"`)},
		"trailing data":       {payload: func() string { return good + "{}" }},
		"a float":             {payload: replace(`"paths":["src/**"]`, `"paths":["src/**"],"depth":1.0`)},
		"deep nesting":        {payload: replace(`"src/**"`, strings.Repeat("[", 5000)+strings.Repeat("]", 5000))},
		"white space":         {payload: replace(`,"predicate"`, `, "predicate"`)},
		"no times":            {payload: replace(`"not_after":"2026-11-22T14:10:00Z",`, "")},
		"year 9999":           {payload: replace(`"2026-11-22T14:10:00Z"`, `"9999-11-22T14:10:00Z"`)},
		"local time":          {payload: replace(`"2026-11-22T14:10:00Z"`, `"2026-11-22T16:10:00+02:00"`)},
		"no purpose":          {payload: replace(`"purpose":"SHOP-1412",`, "")},
		"other predicateType": {payload: replace(delegation.PredicateType, "https://remit.sh/delegation/v2")},
		"other payloadType":   {payload: func() string { return good }, kind: "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			kind := tc.kind
			if kind == "" {
				kind = delegation.PayloadType
			}
			r, s := check(t, "", codersCommit, func(s *scenario) { s.inject("d1", kind, tc.payload(), "human.alice", "") })
			expectDenied(t, s, r, "delegation-malformed")
		})
	}
	r, s := check(t, "", codersCommit, func(s *scenario) { s.inject("d1", delegation.PayloadType, good, "human.alice", "") })
	if r.Verdict != verdict.Allowed {
		t.Errorf("without an attack: %s", s.outline(r))
	}
}

// TestAttackKeyID: the envelope's key id says alice, and mallory signed.
func TestAttackKeyID(t *testing.T) {
	good := string(delegationtest.New("human.alice", "agent.coder").Payload())
	alice := delegationtest.Key("human.alice").Fingerprint()
	r, s := check(t, "", codersCommit, func(s *scenario) { s.inject("d1", delegation.PayloadType, good, "mallory", alice) })
	expectDenied(t, s, r, "delegation-forged")
	// A key id that says nothing of use is only a hint that misses.
	r, s = check(t, "", codersCommit, func(s *scenario) { s.inject("d1", delegation.PayloadType, good, "human.alice", "mallory") })
	if r.Verdict != verdict.Allowed {
		t.Errorf("got\n%s", s.outline(r))
	}
}

// TestAttackTenThousandLinks: a bundle of many links is refused before a signature is looked at.
func TestAttackTenThousandLinks(t *testing.T) {
	s := parseScenario(t, "delegate d1 human.alice -> agent.coder\n"+codersCommit)
	link := string(s.links["d1"].chain[0].Envelope.Marshal())
	for _, n := range []int{11, 10_000} {
		bundle := `{"version":1,"links":[` + strings.Repeat(link+",", n-1) + link + "]}"
		s.set.Bundles[s.digest("d1")] = evidence.Bundle{Raw: []byte(bundle)}
		expectDenied(t, s, judged(t, s), "delegation-malformed")
	}
}

// TestAttackManyActs: thousands of refs, trailers and findings are judged, in bounded words.
func TestAttackManyActs(t *testing.T) {
	var text strings.Builder
	text.WriteString("pusher tester delegation=d1\ndelegate d1 human.alice -> agent.tester paths=test/**\n")
	for i := range 300 {
		fmt.Fprintf(&text, "commit h%d by=human.bob on=refs/heads/agent/pay old\n  ~* 30 deploy/%d-%%d.tf\n", i, i)
	}
	text.WriteString("commit c1 by=agent.tester under=d1 on=refs/heads/agent/pay\n  ~ test/pay.go")
	r, _ := check(t, "", text.String())
	for _, a := range r.Acts {
		if len(a.Findings) > 100 {
			t.Errorf("%s has %d findings", a.Subject, len(a.Findings))
		}
	}
	if r.Verdict != verdict.Denied {
		t.Errorf("the verdict is %s", r.Verdict)
	}
}

// inject makes a delegation of any bytes that its signer signed, which case files can then name.
func (s *scenario) inject(name, kind, payload, signer, keyID string) {
	s.t.Helper()
	env, err := signing.SignEnvelope(kind, []byte(payload), s.signer(signer))
	if err != nil {
		s.t.Fatal(err)
	}
	if keyID != "" {
		env.KeyID = keyID
	}
	sum := sha256.Sum256([]byte(payload))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	s.links[name] = &linkSpec{digest: digest}
	s.set.Bundles[digest] = evidence.Bundle{Raw: []byte(`{"version":1,"links":[` + string(env.Marshal()) + "]}")}
}
