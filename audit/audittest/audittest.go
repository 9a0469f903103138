// Package audittest makes audit logs for tests of what reads them: a story of entries of all sorts, hostile ones among
// them, with the delegations behind them.
package audittest

import (
	"fmt"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// Hostile is what agents write into titles, purposes, paths and names: terminal escapes, a bidi override, HTML, CI
// commands, line breaks, invisible characters.
const Hostile = "x\x1b[2J\x1b]0;own\x07\u009b31m \u202etxt.exe\u2066 <script>alert(1)</script><img src=x onerror=alert(1)>\r\n::error::##[error]##vso[task]\u200b\U000e0041\"'`,;|"

// Start is when the story begins: when delegations of tests do.
func Start() time.Time { return dt.Start() }

// Part is one entry of a story.
type Part struct {
	At          time.Duration // after the start
	Kind        names.Action  // "": commit
	Actor       names.Principal
	Chain       delegation.Chain
	Paths       []string
	Title       string
	Subject     string // "": a commit id made of the number
	Environment string
	Surface     string // "": pre-receive
	Findings    []verdict.Finding
	Gates       []verdict.Gate
	Unattested  bool
	Observe     bool
}

// Entry is part number n of a story.
func Entry(t testing.TB, n int, p Part) *audit.Entry {
	t.Helper()
	at := Start().Add(p.At)
	if p.Kind == "" {
		p.Kind = names.Commit
	}
	if p.Surface == "" {
		p.Surface = "pre-receive"
	}
	if p.Subject == "" {
		p.Subject = Commit(n)
	}
	act := verdict.Act{
		Kind: string(p.Kind), Subject: p.Subject, Ref: "refs/heads/agent/pay", Title: p.Title, Actor: string(p.Actor),
		Key: dt.Key(string(p.Actor)).Fingerprint(), Evidence: "signature", Seen: at, SeenBy: "server clock", Findings: p.Findings,
	}
	facts := audit.Facts{
		Surface: p.Surface, Paths: map[string][]string{p.Subject: p.Paths}, Keys: map[string]string{}, RootKeys: map[string]string{},
		Question: audit.Question{Kind: "push", Subject: "refs/heads/agent/pay", Head: p.Subject, Base: Commit(0), Environment: p.Environment},
		Run:      audit.Run{Event: "push", ID: fmt.Sprint(n), Attempt: 1},
	}
	for i := range p.Chain {
		l := &p.Chain[i]
		act.Chain = append(act.Chain, verdict.Link{
			Delegator: string(l.Delegator.Name), Delegate: string(l.Delegate.Name), Digest: l.Digest, NotAfter: l.NotAfter, Purpose: l.Purpose,
		})
		facts.Keys[l.Digest] = l.Delegate.Key.Fingerprint()
	}
	if len(p.Chain) > 0 {
		facts.RootKeys[p.Chain[0].Digest] = p.Chain[0].Delegator.Key.Fingerprint()
	}
	r := &verdict.Report{
		Repository: dt.Repository, At: at, AtSource: "the server's clock", Observe: p.Observe, Policy: audit.Digest([]byte("policy")), PolicyFrom: "main",
		Acts: []verdict.Act{act}, Gates: p.Gates,
	}
	r.Settle()
	e, err := audit.New(r, facts)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Unattested {
		e.Attestation = audit.Attestation{Kind: "hook", By: dt.Key("log").Fingerprint()}
	}
	return e
}

// Commit is the id of commit number n.
func Commit(n int) string { return fmt.Sprintf("%036x%04x", 0xc0ffee, n) }

// Story is entries of all sorts, and the bundles of the delegations behind them.
func Story(t testing.TB) ([]*audit.Entry, []delegation.Chain) {
	t.Helper()
	because := func(why string) func(*delegation.Delegation) {
		return func(d *delegation.Delegation) { d.Purpose = why }
	}
	coder := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder", Change: because("SHOP-1412: pay by card")})
	bot := dt.MakeChain(t, "human.bob", dt.Step{To: "agent.bot", Change: because("keep the changelog")})
	hostile := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.mallory", Change: because("<b>mine</b> ::error::")})
	deny := func(rule string) []verdict.Finding {
		return []verdict.Finding{{Rule: rule, Effect: verdict.Deny, Summary: "s", Reason: "r", Fix: "f"}}
	}
	parts := []Part{
		{At: time.Minute, Actor: "agent.coder", Chain: coder, Paths: []string{"src/cart.go", "src/pay.go"}, Title: "Pay by card"},
		{At: 2 * time.Minute, Actor: "agent.coder", Chain: coder, Paths: []string{"deploy/production/app.yaml"}, Title: "Tune replicas", Findings: deny("scope-path")},
		{At: 3 * time.Minute, Actor: "agent.bot", Chain: bot, Paths: []string{"CHANGELOG.md"}},
		{At: 4 * time.Minute, Actor: "human.alice", Paths: []string{"policies.hcl"}, Title: "Widen the policy"},
		{
			At: 5 * time.Minute, Actor: "agent.coder", Chain: coder, Kind: names.Deploy, Environment: "production", Surface: "deploy",
			Findings: []verdict.Finding{{Rule: "approval-missing", Effect: verdict.Pending, Summary: "s", Reason: "r", Fix: "f"}},
			Gates:    []verdict.Gate{{Name: "production needs a human", Needed: 1, Ignored: []verdict.Ignored{{Who: "human.alice", Why: "who delegated"}}}},
		},
		{
			At: 6 * time.Minute, Actor: "agent.coder", Chain: coder, Kind: names.Deploy, Environment: "production", Surface: "deploy",
			Gates: []verdict.Gate{{Name: "production needs a human", Needed: 1, Counted: []string{"human.carol"}}},
		},
		{At: 7 * time.Minute, Actor: "agent.mallory", Chain: hostile, Paths: []string{Hostile}, Title: Hostile, Findings: deny("not-granted"), Unattested: true},
		{At: 8 * time.Minute, Actor: names.Principal("agent." + Hostile[:1] + "\u202e<i>"), Subject: Hostile, Title: Hostile, Surface: "check", Unattested: true, Findings: deny("unsigned")},
		{At: 9 * time.Minute, Actor: "agent.bot", Chain: bot, Findings: []verdict.Finding{{Rule: "history-incomplete", Effect: verdict.Undecided, Summary: "s", Reason: "r", Fix: "f"}}},
	}
	entries := make([]*audit.Entry, len(parts))
	for i, p := range parts {
		entries[i] = Entry(t, i+1, p)
	}
	// What nobody vouches for may claim a purpose that no delegation can have.
	entries[6].Chains.Items[0].Links[0].Purpose = "<b>\u202e mine\x1b[0m </b> ::error::"
	return entries, []delegation.Chain{coder, bot, hostile}
}

// Many are entries from number from up to number to, all by agents under the same delegations.
func Many(t testing.TB, from, to int) []*audit.Entry {
	t.Helper()
	coder := chainOfMany(t)
	out := make([]*audit.Entry, 0, to-from)
	for n := from; n < to; n++ {
		out = append(out, Entry(t, n, Part{
			At: time.Duration(n%500) * time.Second, Actor: "agent.coder", Chain: coder, Title: fmt.Sprintf("Change number %d", n),
			Paths: []string{"src/cart.go", fmt.Sprintf("src/pay/card_%d.go", n%100)},
		}))
	}
	return out
}

func chainOfMany(t testing.TB) delegation.Chain {
	t.Helper()
	return dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
}

// Key is the key of tests' logs, as others take it.
func Key(t testing.TB) string {
	t.Helper()
	key, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "log").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Fill makes a log in a store, with the delegations behind its entries.
func Fill(t testing.TB, store log.Store, entries []*audit.Entry, chains ...delegation.Chain) *log.Log {
	t.Helper()
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	Grow(t, store, entries, chains...)
	return l
}

// Grow appends to a log that is there. That of [Many] is among the delegations.
func Grow(t testing.TB, store log.Store, entries []*audit.Entry, chains ...delegation.Chain) {
	t.Helper()
	bundles := [][]byte{chainOfMany(t).Marshal()}
	for _, c := range chains {
		bundles = append(bundles, c.Marshal())
	}
	l := logtest.Log(t, store)
	for len(entries) > 0 {
		n := min(len(entries), log.MaxBatch)
		if _, _, err := l.Append(t.Context(), bundles, entries[:n]...); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
}
