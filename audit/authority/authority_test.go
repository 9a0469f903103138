package authority_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/authority"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// check holds entries against bundles, which are by digest.
func check(t *testing.T, files map[string][]byte, entries ...*audit.Entry) authority.Checked {
	t.Helper()
	c := authority.NewChecker(func(_ context.Context, paths []string) ([][]byte, error) {
		out := make([][]byte, len(paths))
		for i, p := range paths {
			out[i] = files[p]
		}
		return out, nil
	})
	if err := c.Check(t.Context(), 0, entries); err != nil {
		t.Fatal(err)
	}
	return c.Result()
}

func bundles(chains ...delegation.Chain) map[string][]byte {
	out := map[string][]byte{}
	for _, c := range chains {
		out[log.BundlePath(c.Digest())] = c.Marshal()
	}
	return out
}

// TestStory: of entries of all sorts nothing is wrong, denied ones among them, and every delegation was verified.
func TestStory(t *testing.T) {
	t.Parallel()
	entries, chains := audittest.Story(t)
	got := check(t, bundles(chains...), entries...)
	if len(got.Faults) > 0 || got.Delegations != len(chains) || got.Missing != 0 {
		t.Errorf("%+v", got)
	}
}

// TestBears: what was allowed must have had the authority that it names. Beside each stands what differs in the one
// thing that matters.
func TestBears(t *testing.T) {
	t.Parallel()
	widened := func(d *delegation.Delegation) { d.Scope.Actions = append(d.Scope.Actions, names.Deploy) }
	elsewhere := func(d *delegation.Delegation) { d.Scope.Repositories = []string{"github.com/acme/other"} }
	plain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	wide := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder", Change: widened})
	away := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder", Change: elsewhere})
	late := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.NotBefore, d.NotAfter = d.NotBefore.Add(2*time.Hour), d.NotAfter.Add(2*time.Hour)
	}})
	find := func(rule string, effect verdict.Effect) []verdict.Finding {
		return []verdict.Finding{{Rule: rule, Effect: effect, Summary: "s", Reason: "r", Fix: "f"}}
	}
	part := func(chain delegation.Chain, at time.Duration, f ...verdict.Finding) audittest.Part {
		return audittest.Part{Actor: "agent.coder", Chain: chain, At: at, Findings: f}
	}
	unattested := part(plain, time.Hour)
	unattested.Unattested = true
	for name, tt := range map[string]struct {
		part audittest.Part
		want string // in the fault; "": none
	}{
		"holds":                   {part(plain, 9*time.Minute+59*time.Second), ""},
		"ran out":                 {part(plain, 10*time.Minute), "had run out"},
		"ran out, denied":         {part(plain, time.Hour, find("delegation-expired", verdict.Deny)...), ""},
		"ran out, and was said":   {part(plain, time.Hour, find("delegation-expired", verdict.Warn)...), ""},
		"ran out, other was said": {part(plain, time.Hour, find("backdated", verdict.Warn)...), "had run out"},
		"ran out, unattested":     {unattested, ""},
		"widened":                 {part(wide, 0), "delegation-widened"},
		"widened, denied":         {part(wide, 0, find("delegation-widened", verdict.Deny)...), ""},
		"elsewhere":               {part(away, 0), "it is not for"},
		"a little early":          {part(late, time.Hour), ""},
		"early":                   {part(late, time.Hour-time.Second), "began at"},
	} {
		got := check(t, bundles(plain, wide, away, late), audittest.Entry(t, 1, tt.part))
		if tt.want == "" && len(got.Faults) > 0 || tt.want != "" && (len(got.Faults) != 1 || !strings.Contains(got.Faults[0].Text, tt.want) || got.Faults[0].Index != 0) {
			t.Errorf("%s: %+v, want %q", name, got.Faults, tt.want)
		}
	}
}

// TestBundles: a bundle that is missing, altered, forged or another's is told of, by its name, and once.
func TestBundles(t *testing.T) {
	t.Parallel()
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	other := dt.MakeChain(t, "human.bob", dt.Step{To: "agent.coder"})
	path := log.BundlePath(chain.Digest())
	allowed := []*audit.Entry{
		audittest.Entry(t, 1, audittest.Part{Actor: "agent.coder", Chain: chain}), audittest.Entry(t, 2, audittest.Part{Actor: "agent.coder", Chain: chain}),
	}
	denied := audittest.Entry(t, 3, audittest.Part{Actor: "agent.coder", Chain: chain, Findings: []verdict.Finding{{Rule: "scope-path", Effect: verdict.Deny, Summary: "s", Reason: "r", Fix: "f"}}})

	if got := check(t, nil, allowed...); len(got.Faults) != 1 || got.Faults[0].Path != path || !strings.Contains(got.Faults[0].Text, "missing") {
		t.Errorf("missing: %+v", got)
	}
	if got := check(t, nil, denied); len(got.Faults) != 0 || got.Missing != 1 || got.Delegations != 0 {
		t.Errorf("missing, and nothing was allowed on it: %+v", got)
	}
	cut := audittest.Entry(t, 1, audittest.Part{Actor: "agent.coder", Chain: chain})
	cut.Chains = audit.List[audit.Chain]{Items: []audit.Chain{}, Cut: 1, Digest: audit.Digest(nil)}
	binding := audittest.Entry(t, 1, audittest.Part{Actor: "agent.coder", Chain: chain})
	binding.Chains.Items[0].Forged = true
	if got := check(t, nil, cut, binding); len(got.Faults) != 0 {
		t.Errorf("a chain that the entry leaves out, and one that binds nobody: %+v", got)
	}
	if got := check(t, map[string][]byte{path: other.Marshal()}, allowed...); len(got.Faults) != 1 || got.Faults[0].Path != path {
		t.Errorf("another's: %+v", got)
	}
	// Of the same digest, with the signature of somebody else.
	forged := dt.Bundle(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder", Signer: dt.Signer("human.mallory")})
	if got := check(t, map[string][]byte{path: forged}, allowed...); len(got.Faults) != 1 || got.Faults[0].Path != path || !strings.Contains(got.Faults[0].Text, "not what its digest stands for") {
		t.Errorf("forged: %+v", got)
	}
	whole := chain.Marshal()
	for i := 0; i < len(whole); i += 7 {
		b := bytes.Clone(whole)
		b[i] ^= 0x11
		if got := check(t, map[string][]byte{path: b}, allowed...); len(got.Faults) != 1 || got.Faults[0].Path != path {
			t.Errorf("byte %d of the bundle: %+v", i, got)
		}
	}
}

// TestSaid: an entry says of a chain what the chain says.
func TestSaid(t *testing.T) {
	t.Parallel()
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) { d.Purpose = strings.TrimSpace(strings.Repeat("why ", 100)) }},
		dt.Step{To: "agent.coder"})
	for name, tt := range map[string]struct {
		change func(*audit.Chain)
		bad    bool
	}{
		"as it is":     {func(*audit.Chain) {}, false},
		"no keys":      {func(c *audit.Chain) { c.RootKey, c.Links[1].Key = "", "" }, false},
		"root key":     {func(c *audit.Chain) { c.RootKey = c.Links[0].Key }, true},
		"key":          {func(c *audit.Chain) { c.Links[1].Key = c.Links[0].Key }, true},
		"delegator":    {func(c *audit.Chain) { c.Links[0].Delegator = "human.bob" }, true},
		"delegate":     {func(c *audit.Chain) { c.Links[0].Delegate = "agent.other" }, true},
		"end":          {func(c *audit.Chain) { c.Links[0].NotAfter = c.Links[0].NotAfter.Add(time.Second) }, true},
		"purpose":      {func(c *audit.Chain) { c.Links[1].Purpose = "other" }, true},
		"link":         {func(c *audit.Chain) { c.Links[0].Digest = audit.Digest(nil) }, true},
		"fewer links":  {func(c *audit.Chain) { c.Links = c.Links[1:] }, true},
		"cut the same": {func(c *audit.Chain) { c.Links[0].Purpose = "why …" }, false},
		"cut another":  {func(c *audit.Chain) { c.Links[0].Purpose = "wherefore …" }, true},
	} {
		e := audittest.Entry(t, 1, audittest.Part{Actor: "agent.coder", Chain: chain})
		if !strings.HasSuffix(e.Chains.Items[0].Links[0].Purpose, "…") {
			t.Fatal("the purpose is not cut")
		}
		tt.change(&e.Chains.Items[0])
		if got := check(t, bundles(chain), e); (len(got.Faults) > 0) != tt.bad {
			t.Errorf("%s: %+v", name, got.Faults)
		}
		if e.Attestation = (audit.Attestation{}); len(check(t, bundles(chain), e).Faults) > 0 {
			t.Errorf("%s, which nobody vouches for, is a fault of the log", name)
		}
	}
}
