package delegation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

type change = func(*delegation.Delegation)

// Each attack on a chain that needs no policy to be seen, with the rule that it breaks, and the
// near miss that breaks none (no rule). The chain is alice -> planner -> coder, really signed.
func TestProblems(t *testing.T) {
	minute := func(n int) time.Time { return dt.Start().Add(time.Duration(n) * time.Minute) }
	mallory := dt.Signer("agent.mallory")
	for name, tc := range map[string]struct {
		root, leaf     change
		rootBy, leafBy string // seeds of the signers
		rule           string
		link           int
		what           string
	}{
		"nothing wrong": {},

		"root signed by somebody else": {rootBy: "agent.mallory", rule: "delegation-forged", link: 0, what: "not signed by human.alice"},
		"leaf signed by somebody else": {leafBy: "agent.mallory", rule: "delegation-forged", link: 1, what: "not signed by agent.planner"},
		"leaf signed by the root":      {leafBy: "human.alice", rule: "delegation-forged", link: 1},
		"leaf signed by its delegate":  {leafBy: "agent.coder", rule: "delegation-forged", link: 1},

		"leaf by another agent": {
			leaf: func(d *delegation.Delegation) { d.Delegator = dt.Party("agent.mallory") },
			rule: "delegation-spliced", link: 1, what: "it is by agent.mallory, and the link before is to agent.planner",
		},
		"leaf by another key of the delegate's name": {
			leaf:   func(d *delegation.Delegation) { d.Delegator.Key = mallory.SSHPublicKey() },
			leafBy: "agent.mallory",
			rule:   "delegation-spliced", link: 1, what: "it is signed with the key",
		},
		"leaf by the delegate's key under another name": {
			leaf:   func(d *delegation.Delegation) { d.Delegator.Name = "agent.mallory" },
			leafBy: "agent.planner",
			rule:   "delegation-spliced", link: 1,
		},
		"another parent": {
			leaf: func(d *delegation.Delegation) { d.Parent = "sha256:" + strings.Repeat("0", 64) },
			rule: "delegation-spliced", link: 1, what: "its parent is sha256:000",
		},
		"no parent":          {leaf: func(d *delegation.Delegation) { d.Parent = "" }, rule: "delegation-spliced", link: 1, what: "names no parent"},
		"root with a parent": {root: func(d *delegation.Delegation) { d.Parent = "sha256:" + strings.Repeat("0", 64) }, rule: "delegation-spliced", link: 0, what: "not in the bundle"},

		"one action more":        {leaf: func(d *delegation.Delegation) { d.Scope.Actions = []names.Action{"commit", "deploy"} }, rule: "delegation-widened", link: 1, what: "it gives deploy"},
		"one action less":        {leaf: func(d *delegation.Delegation) { d.Scope.Actions = []names.Action{"pull_request"} }},
		"no action":              {leaf: func(d *delegation.Delegation) { d.Scope.Actions = nil }},
		"starts a second before": {leaf: func(d *delegation.Delegation) { d.NotBefore = d.NotBefore.Add(-time.Second) }, rule: "delegation-widened", link: 1, what: "it starts at"},
		"ends a second after":    {leaf: func(d *delegation.Delegation) { d.NotAfter = d.NotAfter.Add(time.Second) }, rule: "delegation-widened", link: 1, what: "it ends at"},
		"a second shorter": {leaf: func(d *delegation.Delegation) {
			d.NotBefore, d.NotAfter = d.NotBefore.Add(time.Second), d.NotAfter.Add(-time.Second)
		}},
		"live child of an expired parent": {
			root: func(d *delegation.Delegation) { d.NotBefore, d.NotAfter = minute(-60), minute(-50) },
			rule: "delegation-widened", link: 1,
		},
		"wider patterns are left to the intersection": {leaf: func(d *delegation.Delegation) { d.Scope.Paths = dt.Paths("**") }},

		"depth stays":            {leaf: func(d *delegation.Delegation) { d.Scope.Depth = 1 }, rule: "delegation-too-deep", link: 1, what: "must be below 1"},
		"depth falls":            {root: func(d *delegation.Delegation) { d.Scope.Depth = 2 }, leaf: func(d *delegation.Delegation) { d.Scope.Depth = 1 }},
		"parent is not for more": {root: func(d *delegation.Delegation) { d.Scope.Depth = 0 }, rule: "delegation-too-deep", link: 1, what: "may not be passed on"},
		"negative depth":         {leaf: func(d *delegation.Delegation) { d.Scope.Depth = -1 }, rule: "delegation-too-deep", link: 1, what: "its depth is -1"},
		"depth beyond the limit": {root: func(d *delegation.Delegation) { d.Scope.Depth = 10 }, rule: "delegation-too-deep", link: 0, what: "its depth is 10"},

		"delegate is the delegator": {leaf: func(d *delegation.Delegation) { d.Delegate = d.Delegator }, rule: "delegation-malformed", link: 1, what: "delegates to itself"},
		"delegate has the delegator's key": {
			leaf: func(d *delegation.Delegation) { d.Delegate.Key = d.Delegator.Key },
			rule: "delegation-malformed", link: 1, what: "same key",
		},
		"minted key of an earlier link": {
			leaf: func(d *delegation.Delegation) { d.Delegate.Key = dt.Key("human.alice") },
			rule: "delegation-malformed", link: 1, what: "as the key of human.alice",
		},
		"agent with an ECDSA key": {leaf: func(d *delegation.Delegation) { d.Delegate.Key = ecdsaKey(t) }, rule: "delegation-malformed", link: 1, what: "cannot be an agent's"},
		"ends when it starts":     {leaf: func(d *delegation.Delegation) { d.NotAfter = d.NotBefore }, rule: "delegation-malformed", link: 1, what: "not after its start"},
		"lasts a second":          {leaf: func(d *delegation.Delegation) { d.NotAfter = d.NotBefore.Add(time.Second) }},
		"ends before it starts":   {leaf: func(d *delegation.Delegation) { d.NotBefore, d.NotAfter = minute(5), minute(4) }, rule: "delegation-malformed", link: 1, what: "not after its start"},

		"root for another repository": {root: func(d *delegation.Delegation) { d.Scope.Repositories = []string{"github.com/acme/other"} }, rule: "delegation-wrong-repository", link: 0, what: "github.com/acme/other"},
		"leaf for a fork":             {leaf: func(d *delegation.Delegation) { d.Scope.Repositories = []string{"github.com/mallory/shop"} }, rule: "delegation-wrong-repository", link: 1},
		"leaf for no repository":      {leaf: func(d *delegation.Delegation) { d.Scope.Repositories = nil }, rule: "delegation-wrong-repository", link: 1, what: "for no repository"},
		"one of two repositories": {root: func(d *delegation.Delegation) {
			d.Scope.Repositories = []string{"github.com/acme/other", dt.Repository}
		}},
		"repository made anew": {root: func(d *delegation.Delegation) { d.Scope.RepositoryID = 1 }, rule: "delegation-wrong-repository", link: 0, what: "now has the id 4711"},
		"repository by its id": {root: func(d *delegation.Delegation) { d.Scope.RepositoryID = 4711 }},
	} {
		t.Run(name, func(t *testing.T) {
			planner, coder := dt.Step{To: "agent.planner", Change: tc.root}, dt.Step{To: "agent.coder", Change: tc.leaf}
			planner.Signer, coder.Signer = signer(tc.rootBy), signer(tc.leafBy)
			got := dt.MakeChain(t, "human.alice", planner, coder).Problems(dt.Repository, 4711)
			if tc.rule == "" {
				if len(got) > 0 {
					t.Errorf("got %+v, want no problem", got)
				}
				return
			}
			wantProblem(t, got, tc.rule, tc.link)
			if len(got) > 0 && !strings.Contains(got[0].What, tc.what) {
				t.Errorf("got %q, want it to say %q", got[0].What, tc.what)
			}
		})
	}
}

func signer(seed string) signing.Signer {
	if seed == "" {
		return nil
	}
	return dt.Signer(seed)
}

func TestProblemsOfACycle(t *testing.T) {
	c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.a"}, dt.Step{To: "agent.b"}, dt.Step{To: "agent.a"})
	wantProblem(t, c.Problems(dt.Repository, 0), "delegation-malformed", 2)

	again := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.a"}, dt.Step{To: "agent.b"}, dt.Step{
		To:     "agent.a",
		Change: func(d *delegation.Delegation) { d.Delegate.Key = dt.Key("fresh") },
	})
	wantProblem(t, again.Problems(dt.Repository, 0), "delegation-malformed", 2)

	late := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.a"}, dt.Step{To: "agent.b"}, dt.Step{To: "agent.c"}, dt.Step{To: "agent.b"})
	wantProblem(t, late.Problems(dt.Repository, 0), "delegation-malformed", 3)

	other := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.a"}, dt.Step{To: "agent.b"}, dt.Step{To: "agent.c"})
	if p := other.Problems(dt.Repository, 0); len(p) > 0 {
		t.Errorf("three different agents: %+v", p)
	}
}

// A leaf moved from its chain onto another one of the same delegate, which allows more.
func TestProblemsOfASplice(t *testing.T) {
	narrow := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	wide := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) {
		d.Scope.Paths = dt.Paths("**")
	}}, dt.Step{To: "agent.coder"})
	spliced, err := delegation.ParseBundle(delegation.Chain{wide[0], narrow[1]}.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, spliced.Problems(dt.Repository, 0), "delegation-spliced", 1)
	if narrow.Digest() == wide.Digest() {
		t.Error("two chains have one digest")
	}

	alone := delegation.Chain{narrow[1]} // a middle link passed off as a root
	wantProblem(t, alone.Problems(dt.Repository, 0), "delegation-spliced", 0)
}

// Every broken rule is told, each once a link.
func TestProblemsTellsAll(t *testing.T) {
	c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{
		To: "agent.coder",
		Change: func(d *delegation.Delegation) {
			d.Delegator, d.Parent = dt.Party("agent.mallory"), ""
			d.Scope.Actions = []names.Action{"deploy", "rotate"}
			d.Scope.Depth = 3
			d.Scope.Repositories = nil
			d.NotAfter = d.NotBefore.Add(-time.Hour)
			d.NotBefore = d.NotBefore.Add(-time.Minute)
		},
		Signer: dt.Signer("human.bob"),
	})
	var got []string
	for _, p := range c.Problems(dt.Repository, 0) {
		got = append(got, fmt.Sprint(p.Rule, " ", p.Link, " ", strings.Count(p.What, "; ")+1))
	}
	want := []string{
		"delegation-forged 1 1", "delegation-malformed 1 1", "delegation-wrong-repository 1 1",
		"delegation-spliced 1 2", "delegation-widened 1 2", "delegation-too-deep 1 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProblemsOfNoChain(t *testing.T) {
	wantProblem(t, delegation.Chain(nil).Problems(dt.Repository, 0), "delegation-malformed", -1)
	wantProblem(t, make(delegation.Chain, delegation.MaxLinks+1).Problems(dt.Repository, 0), "delegation-malformed", -1)
}

func TestStateAt(t *testing.T) {
	l := delegation.Link{Delegation: dt.New("human.alice", "agent.coder")}
	from, to := l.NotBefore, l.NotAfter
	for name, tc := range map[string]struct {
		at   time.Time
		skew time.Duration
		want delegation.WindowState
	}{
		"exactly at not_before":          {from, 0, delegation.Live},
		"an instant before":              {from.Add(-1), 0, delegation.TooEarly},
		"in the middle":                  {from.Add(time.Minute), 0, delegation.Live},
		"an instant before not_after":    {to.Add(-1), 0, delegation.Live},
		"exactly at not_after":           {to, 0, delegation.Expired},
		"at not_after, skew is no help":  {to, time.Hour, delegation.Expired},
		"a skew before not_before":       {from.Add(-time.Second), time.Second, delegation.Live},
		"more than a skew before":        {from.Add(-time.Second - 1), time.Second, delegation.TooEarly},
		"negative skew counts as none":   {from, -time.Hour, delegation.Live},
		"negative skew does not prolong": {from.Add(-1), -time.Hour, delegation.TooEarly},
		"in another zone":                {from.In(time.FixedZone("", -3600)), 0, delegation.Live},
		"no time":                        {time.Time{}, 0, delegation.WindowUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := l.StateAt(tc.at, tc.skew); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
	if delegation.Live == 0 {
		t.Error("the zero value is live")
	}
}

func TestWider(t *testing.T) {
	parent := delegation.Scope{
		Repositories: []string{dt.Repository}, RepositoryID: 5,
		Actions:  []names.Action{"commit", "tag"},
		Branches: dt.Refs("agent/**"), Paths: dt.Paths("src/**", "docs/*.md"), Environments: dt.Names("staging"),
		Depth: 2,
	}
	for name, tc := range map[string]struct {
		change func(*delegation.Scope)
		want   string
	}{
		"nothing":                 {func(*delegation.Scope) {}, ""},
		"narrower":                {func(s *delegation.Scope) { s.Paths = dt.Paths("src/a/**", "docs/a.md") }, ""},
		"nothing at all":          {func(s *delegation.Scope) { *s = delegation.Scope{} }, ""},
		"the same branch in full": {func(s *delegation.Scope) { s.Branches = dt.Refs("refs/heads/agent/**") }, ""},
		"another case of a name":  {func(s *delegation.Scope) { s.Environments = dt.Names("Staging") }, ""},
		"overlap":                 {func(s *delegation.Scope) { s.Paths = dt.Paths("**/*_test.go") }, ""},
		"wider path":              {func(s *delegation.Scope) { s.Paths = dt.Paths("**") }, `the pattern "**" of paths goes beyond the parent's, src/** and docs/*.md`},
		"wider than one of two":   {func(s *delegation.Scope) { s.Paths = dt.Paths("docs/**") }, "goes beyond"},
		"disjoint path":           {func(s *delegation.Scope) { s.Paths = dt.Paths("deploy/**") }, "goes beyond"},
		"path in another case":    {func(s *delegation.Scope) { s.Paths = dt.Paths("SRC/**") }, "goes beyond"},
		"a good and a bad path":   {func(s *delegation.Scope) { s.Paths = dt.Paths("src/x", "x") }, `the pattern "x"`},
		"disjoint branch":         {func(s *delegation.Scope) { s.Branches = dt.Refs("main") }, "of branches goes beyond"},
		"other environment":       {func(s *delegation.Scope) { s.Environments = dt.Names("production") }, "of environments goes beyond"},
		"action":                  {func(s *delegation.Scope) { s.Actions = []names.Action{"deploy"} }, "the action deploy"},
		"repository":              {func(s *delegation.Scope) { s.Repositories = []string{"github.com/acme/other"} }, "the repository"},
		"repository id":           {func(s *delegation.Scope) { s.RepositoryID = 6 }, "the repository id 6"},
		"repository id left out":  {func(s *delegation.Scope) { s.RepositoryID = 0 }, ""},
		"depth":                   {func(s *delegation.Scope) { s.Depth = 2 }, "the depth 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := parent
			s.Depth = 1
			tc.change(&s)
			got := s.Wider(parent)
			if tc.want == "" && len(got) > 0 || tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got := (delegation.Scope{}).Wider(delegation.Scope{}); len(got) != 1 || !strings.Contains(got[0], "may not be passed on") {
		t.Errorf("a parent of depth 0: %q", got)
	}
	if got := (delegation.Scope{Paths: dt.Paths("a")}).Wider(delegation.Scope{Depth: 1}); len(got) != 1 || !strings.Contains(got[0], "which are none") {
		t.Errorf("a parent without paths: %q", got)
	}
}

func TestSentences(t *testing.T) {
	c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) {
		d.Scope.Actions = []names.Action{"commit"}
	}}, dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.Purpose = "caf\u00e9 \"x\" ](http://evil)"
		d.Scope.Paths = dt.Paths("a b/**", "gr\u00f6\u00dfe")
		d.Scope.Environments = dt.Names("staging")
		d.NotAfter = d.NotBefore.Add(24 * time.Hour)
		d.NotBefore = d.NotBefore.Add(time.Second)
		d.Scope.Actions = []names.Action{"commit", "pull_request", "deploy"}
	}}, dt.Step{To: "agent.idle", Change: func(d *delegation.Delegation) {
		d.Scope = delegation.Scope{Depth: 0}
	}})
	want := []string{
		`human.alice lets agent.planner commit on agent/** under src/**, in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, and pass it on 2 times, for "SHOP-1412"`,
		`agent.planner lets agent.coder commit, open pull requests and deploy on agent/** under "a b/**" or "gr\u00f6\u00dfe" to environment staging, in github.com/acme/shop, from 14:00:01 on 2026-11-22 to 14:00:00 on 2026-11-23 UTC, and pass it on 1 time, for "caf\u00e9 \"x\" ](http://evil)"`,
		`agent.coder lets agent.idle do nothing, in no repository, from 14:00 to 14:10 UTC on 2026-11-22, for "SHOP-1412"`,
	}
	if got := c.Sentences(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestChainStateAt: a chain is as bad as its worst link.
func TestChainStateAt(t *testing.T) {
	window := func(from, to time.Duration) func(*delegation.Delegation) {
		return func(d *delegation.Delegation) {
			d.NotBefore, d.NotAfter = dt.Start().Add(from), dt.Start().Add(to)
		}
	}
	at := dt.Start().Add(5 * time.Minute)
	for name, test := range map[string]struct {
		root, leaf func(*delegation.Delegation)
		want       delegation.WindowState
		words      string
	}{
		"both live":             {window(0, 10*time.Minute), window(0, 10*time.Minute), delegation.Live, "live"},
		"just still live":       {window(0, 5*time.Minute+time.Second), window(5*time.Minute, 10*time.Minute), delegation.Live, "live"},
		"leaf over":             {window(0, 10*time.Minute), window(0, 5*time.Minute), delegation.Expired, "expired"},
		"root over":             {window(0, 5*time.Minute), window(0, 10*time.Minute), delegation.Expired, "expired"},
		"leaf too early":        {window(0, 10*time.Minute), window(6*time.Minute, 10*time.Minute), delegation.TooEarly, "not yet valid"},
		"root too early":        {window(6*time.Minute, 10*time.Minute), window(0, 10*time.Minute), delegation.TooEarly, "not yet valid"},
		"one early, one over":   {window(6*time.Minute, 10*time.Minute), window(0, time.Minute), delegation.Expired, "expired"},
		"one over, one to come": {window(0, time.Minute), window(6*time.Minute, 10*time.Minute), delegation.Expired, "expired"},
	} {
		c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: test.root}, dt.Step{To: "agent.coder", Change: test.leaf})
		if got := c.StateAt(at, 0); got != test.want || got.Words() != test.words {
			t.Errorf("%s: %s, %q", name, got, got.Words())
		}
	}
	if got := delegation.Chain(nil).StateAt(at, 0); got != delegation.WindowUnknown || got.String() != "unknown" {
		t.Errorf("no chain: %s", got)
	}
	if got := delegation.TooEarly.String(); got != "not-yet-valid" {
		t.Errorf("in a list: %s", got)
	}
}

// TestVoid: what can hold in no chain is told apart from what cannot be signed.
func TestVoid(t *testing.T) {
	d := dt.New("human.alice", "agent.coder")
	if _, err := delegation.Sign(d, dt.Signer("human.alice")); err != nil {
		t.Fatal(err)
	}
	same := d
	same.Delegate.Key = d.Delegator.Key
	var void *delegation.VoidError
	if _, err := delegation.Sign(same, dt.Signer("human.alice")); !errors.As(err, &void) || void.What != "human.alice and agent.coder have the same key" {
		t.Errorf("one key for both: %v", err)
	}
	if _, err := delegation.Sign(d, dt.Signer("human.bob")); err == nil || errors.As(err, new(*delegation.VoidError)) {
		t.Errorf("somebody else's signer: %v", err)
	}
}
