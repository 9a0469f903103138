package issue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
)

// newOrder is one that nothing is wrong with: alice's to the coder, for ten minutes.
func newOrder(p *policy.Policy) *issue.Order {
	return &issue.Order{
		Policy: p, By: human("human.alice"), Delegate: "agent.coder", Key: dt.Key("agent.coder"), Now: now(), Clock: "the test's clock",
		Scope: delegation.Scope{Repositories: []string{dt.Repository}, Actions: []names.Action{names.Commit}, Branches: dt.Refs("agent/**"), Paths: dt.Paths("src/**")},
		Terms: issue.Terms{Lasts: 10 * time.Minute, Why: "SHOP-1412"},
	}
}

// toPlanner and fromPlanner change an order to one by alice to the planner, and by the planner under a plan.
func toPlanner(o *issue.Order) {
	o.Delegate, o.Key, o.Terms.Depth = "agent.planner", dt.Key("agent.planner"), 1
}

func fromPlanner(t *testing.T, depth int, change ...func(*issue.Order)) func(*issue.Order) {
	return func(o *issue.Order) {
		o.By = under(plan(t, depth))
		for _, f := range change {
			f(o)
		}
	}
}

// TestIssue: what would be denied at its first use is refused, by the rule that would deny it, and its near
// miss is not.
func TestIssue(t *testing.T) {
	lasts := func(d time.Duration) func(*issue.Order) { return func(o *issue.Order) { o.Terms.Lasts = d } }
	at := func(d time.Duration) func(*issue.Order) { return func(o *issue.Order) { o.Now = dt.Start().Add(d) } }
	key := func(seed string) func(*issue.Order) { return func(o *issue.Order) { o.Key = dt.Key(seed) } }
	actions := func(list ...names.Action) func(*issue.Order) {
		return func(o *issue.Order) { o.Scope.Actions = list }
	}
	revoked := func(what string) string {
		return "revoke \"gone\" {\n" + what + "\nsince = \"2026-11-22T14:03:00Z\"\nreason = \"it was stolen\"\n}\n"
	}
	several := func(o *issue.Order) {
		o.Policy = parse(t, strings.Replace(shop, `repository = "github.com/acme/shop"`, `repositories = ["github.com/acme/*", "github.com/corp/shop"]`, 1))
	}
	first := func(o *issue.Order) { o.Now = o.Now.Add(-time.Second) }
	for name, tc := range map[string]struct {
		change func(*issue.Order)
		more   string   // of the policy
		rules  []string // that refuse it
		says   string   // part of the refusal, where no rule refuses or beside the rule
		fix    string
	}{
		"as it should be":      {},
		"by the planner":       {change: fromPlanner(t, 1)},
		"to pass on":           {change: toPlanner},
		"policy of another":    {change: func(o *issue.Order) { o.Scope.Repositories = []string{"github.com/acme/other"} }, rules: []string{"policy-repository"}, says: "the policy is not for github.com/acme/other", fix: "delegate for what it rules"},
		"policy of several":    {change: func(o *issue.Order) { several(o); o.Scope.Repositories = []string{"github.com/other/shop"} }, rules: []string{"policy-repository"}, says: "it says that it rules github.com/acme/* and github.com/corp/shop, and"},
		"one of several":       {change: several},
		"one of two not ruled": {change: func(o *issue.Order) { o.Scope.Repositories = append(o.Scope.Repositories, "github.com/acme/other") }, rules: []string{"policy-repository"}},
		"parent of another":    {change: fromPlanner(t, 1, func(o *issue.Order) { o.By = under(elsewhere(t)) }), rules: []string{"delegation-wrong-repository"}},
		"not a delegator":      {change: func(o *issue.Order) { o.By = human("human.bob") }, rules: []string{"delegator-not-allowed"}, says: "human.bob may not delegate to agent.coder (delegator-not-allowed, policies.hcl:", fix: "have one of them delegate"},
		"nobody of the policy": {change: func(o *issue.Order) { o.By = human("human.mallory") }, rules: []string{"delegator-not-allowed"}},
		"with another's key": {change: func(o *issue.Order) {
			o.By = &issue.Issuer{Party: delegation.Party{Name: "human.alice", Key: dt.Key("mallory")}, Signer: dt.Signer("mallory")}
		}, rules: []string{"delegation-forged"}},
		"delegate not listed":       {change: func(o *issue.Order) { o.Delegate = "agent.nobody" }, rules: []string{"unknown-key"}, says: "agent.nobody"},
		"another agent's key":       {change: key("agent.planner"), rules: []string{"key-not-allowed"}, says: "gives agent.coder the key of agent.planner"},
		"a human's key":             {change: key("human.bob"), rules: []string{"key-not-allowed"}, says: "gives agent.coder the key of human.bob"},
		"a key of its own":          {change: key("minted for this")},
		"a key that is not pinned":  {change: func(o *issue.Order) { toPlanner(o); o.Key = dt.Key("other") }, rules: []string{"key-not-allowed"}, says: "which the policy does not list for it"},
		"no touch":                  {change: func(o *issue.Order) { toPlanner(o); o.By = human("human.carol") }, rules: []string{"key-not-allowed"}, says: "was not confirmed by touch"},
		"agent revoked":             {more: revoked("agents = [agent.coder]"), rules: []string{"delegation-revoked"}, says: `"it was stolen"`},
		"agent revoked soon":        {more: revoked("agents = [agent.coder]"), change: first},
		"another agent revoked":     {more: revoked("agents = [agent.bot]")},
		"delegate's key revoked":    {more: revoked(`keys = ["fingerprint of agent.coder"]`), rules: []string{"key-revoked"}},
		"delegate's key, soon":      {more: revoked(`keys = ["fingerprint of agent.coder"]`), change: first},
		"delegator's key revoked":   {more: revoked(`keys = ["fingerprint of human.alice"]`), rules: []string{"key-revoked"}},
		"root's key revoked":        {more: revoked(`keys = ["fingerprint of human.alice"]`), change: fromPlanner(t, 1), rules: []string{"key-revoked"}},
		"middle's key revoked":      {more: revoked(`keys = ["fingerprint of agent.planner"]`), change: fromPlanner(t, 1), rules: []string{"key-revoked"}},
		"middle revoked":            {more: revoked("agents = [agent.planner]"), change: fromPlanner(t, 1), rules: []string{"delegation-revoked"}},
		"parent revoked":            {more: revoked(`delegations = ["` + plan(t, 1).Digest() + `"]`), change: fromPlanner(t, 1), rules: []string{"delegation-revoked"}, fix: "get a new delegation"},
		"parent's sibling revoked":  {more: revoked(`delegations = ["` + plan(t, 2).Digest() + `"]`), change: fromPlanner(t, 1)},
		"as long as the grant":      {change: lasts(time.Hour)},
		"longer than the grant":     {change: lasts(time.Hour + time.Second), rules: []string{"delegation-too-long"}, fix: "use --for 1h or less"},
		"a fraction longer":         {change: lasts(time.Hour + time.Second - 1)},
		"longer than one of two":    {change: func(o *issue.Order) { actions(names.Commit, names.Deploy)(o); lasts(time.Hour)(o) }},
		"longer than the other":     {change: func(o *issue.Order) { actions(names.Deploy)(o); lasts(11 * time.Minute)(o) }, rules: []string{"delegation-too-long"}, fix: "use --for 10m or less"},
		"as long as the other":      {change: func(o *issue.Order) { actions(names.Deploy)(o); lasts(10 * time.Minute)(o) }},
		"to pass on, too long":      {change: func(o *issue.Order) { toPlanner(o); lasts(12*time.Hour + time.Second)(o) }, rules: []string{"delegation-too-long"}, says: "max_chain_ttl", fix: "use --for 12h or less"},
		"to pass on, not too long":  {change: func(o *issue.Order) { toPlanner(o); lasts(12 * time.Hour)(o) }},
		"parent over":               {change: fromPlanner(t, 1, at(time.Hour)), rules: []string{"delegation-widened", "delegation-expired"}, fix: "ask human.alice for one that still holds"},
		"parent nearly over":        {change: fromPlanner(t, 1, at(time.Hour-time.Second), lasts(time.Second))},
		"parent to come":            {change: fromPlanner(t, 1, at(-31*time.Second)), rules: []string{"delegation-widened", "delegation-not-yet-valid"}},
		"outlives its parent":       {change: fromPlanner(t, 1, lasts(57*time.Minute+time.Second)), rules: []string{"delegation-widened"}, fix: "use --for 57m or less"},
		"as long as its parent":     {change: fromPlanner(t, 1, lasts(57*time.Minute))},
		"an action more":            {change: fromPlanner(t, 1, actions(names.Commit, names.Push)), rules: []string{"delegation-widened"}, says: "it gives push", fix: "give only what `remit show sha256:"},
		"a path more":               {change: fromPlanner(t, 1, func(o *issue.Order) { o.Scope.Paths = dt.Paths("**") }), says: "it would give more than agent.planner has", fix: "`remit show sha256:"},
		"a branch more":             {change: fromPlanner(t, 1, func(o *issue.Order) { o.Scope.Branches = dt.Refs("main") }), says: "it would give more than agent.planner has"},
		"an environment more":       {change: fromPlanner(t, 1, func(o *issue.Order) { o.Scope.Environments = dt.Names("staging") }), says: "it would give more than agent.planner has"},
		"a path that overlaps":      {change: fromPlanner(t, 1, func(o *issue.Order) { o.Scope.Paths = dt.Paths("*/pay.go") })},
		"as deep as its parent":     {change: fromPlanner(t, 1, func(o *issue.Order) { o.Terms.Depth = 1 }), rules: []string{"delegation-too-deep"}, fix: "leave --depth out"},
		"less deep than its parent": {change: fromPlanner(t, 2, func(o *issue.Order) { o.Terms.Depth = 1 })},
		"not to be passed on":       {change: fromPlanner(t, 0), rules: []string{"delegation-too-deep"}, fix: "ask human.alice for a delegation that may be passed on"},
		"back where it came from": {change: fromPlanner(t, 1, func(o *issue.Order) {
			o.By = under(toCoder(t))
			o.Delegate, o.Key = "agent.planner", dt.Key("agent.planner")
		}), rules: []string{"delegation-malformed", "delegator-not-allowed"}},
		"to itself":                {change: fromPlanner(t, 1, func(o *issue.Order) { o.Delegate = "agent.planner" }), says: "agent.planner delegates to itself"},
		"one key for both":         {change: key("human.alice"), says: "have the same key"},
		"forged parent":            {change: fromPlanner(t, 1, func(o *issue.Order) { o.By = under(forged(t)) }), rules: []string{"delegation-forged"}},
		"parent for somebody else": {change: func(o *issue.Order) { o.By = human("human.alice"); o.By.Chain = plan(t, 1) }, rules: []string{"delegation-spliced"}},
		"not an Ed25519 key":       {change: func(o *issue.Order) { o.Key = ecdsa(t) }, says: "cannot be an agent's"},
		"observed only":            {change: func(o *issue.Order) { o.By = human("human.bob") }, more: "settings { mode = \"observe\" }\n", rules: []string{"delegator-not-allowed"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			o := newOrder(parse(t, shop+tc.more))
			if tc.change != nil {
				tc.change(o)
			}
			chain, _, err := o.Issue()
			if len(tc.rules) == 0 && tc.says == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				checkIssued(t, o, chain)
				return
			}
			if chain != nil || fault.KindOf(err) != fault.Refused {
				t.Fatalf("issued %v, %v", chain, err)
			}
			var denied *issue.DeniedError
			var rules []string
			if errors.As(err, &denied) {
				for i, f := range denied.Findings {
					rules = append(rules, f.Rule)
					if each := denied.Each()[i]; fault.KindOf(each) != fault.Refused || fault.FixOf(each) == "" || !strings.Contains(err.Error(), each.Error()) {
						t.Errorf("%s says %v, fix %q", f.Rule, each, fault.FixOf(each))
					}
				}
			}
			for _, rule := range tc.rules {
				if !slices.Contains(rules, rule) {
					t.Errorf("by %q, want %s", rules, rule)
				}
			}
			if len(rules) != len(tc.rules) {
				t.Errorf("by %q, want %q", rules, tc.rules)
			}
			if !strings.Contains(err.Error(), tc.says) || !strings.Contains(fault.FixOf(err), tc.fix) {
				t.Errorf("%v, fix %q", err, fault.FixOf(err))
			}
		})
	}
}

// checkIssued makes sure that a chain is what was ordered.
func checkIssued(t *testing.T, o *issue.Order, chain delegation.Chain) {
	t.Helper()
	read, err := delegation.ParseBundle(chain.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if found := read.Problems(dt.Repository, 0); len(found) > 0 {
		t.Errorf("it does not hold: %v", found)
	}
	start := o.Now.UTC().Truncate(time.Second)
	l := read.Leaf()
	if l.Delegator.Name != o.By.Party.Name || l.Delegate.Name != o.Delegate || !l.Delegate.Key.Equal(o.Key) ||
		!l.NotBefore.Equal(start) || !l.NotAfter.Equal(start.Add(o.Terms.Lasts.Truncate(time.Second))) ||
		l.Purpose != o.Terms.Why || l.Scope.Depth != o.Terms.Depth || l.Parent != o.By.Chain.Digest() || len(read) != len(o.By.Chain)+1 {
		t.Errorf("issued %+v", l.Delegation)
	}
}

func elsewhere(t *testing.T) delegation.Chain {
	return dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) {
		d.Scope.Depth, d.Scope.Repositories, d.NotAfter = 1, []string{"github.com/acme/other"}, dt.Start().Add(time.Hour)
	}})
}

func toCoder(t *testing.T) delegation.Chain {
	hour := func(d *delegation.Delegation) { d.Scope.Depth, d.NotAfter = d.Scope.Depth+1, dt.Start().Add(time.Hour) }
	return dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: hour}, dt.Step{To: "agent.coder", Change: hour})
}

func forged(t *testing.T) delegation.Chain {
	return dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Signer: dt.Signer("mallory"), Change: func(d *delegation.Delegation) {
		d.Scope.Depth, d.NotAfter = 1, dt.Start().Add(time.Hour)
	}})
}

func ecdsa(t *testing.T) signing.PublicKey {
	t.Helper()
	k, err := signing.ParseAuthorizedKey("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestTerms: what makes sense for nobody is wrong usage, before anybody is asked for a signature.
func TestTerms(t *testing.T) {
	good := issue.Terms{Lasts: time.Second, Why: "SHOP-1412", Depth: delegation.MaxDepth}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*issue.Terms){
		"say how long the delegation holds, such as": func(o *issue.Terms) { o.Lasts = 0 },
		"--for 999ms is too short":                   func(o *issue.Terms) { o.Lasts = 999 * time.Millisecond },
		"--for -10m0s is too short":                  func(o *issue.Terms) { o.Lasts = -10 * time.Minute },
		"say what the delegation is for":             func(o *issue.Terms) { o.Why = " " },
		"starts or ends with white space":            func(o *issue.Terms) { o.Why = "SHOP-1412 " },
		"--why has 501 bytes":                        func(o *issue.Terms) { o.Why = strings.Repeat("x", 501) },
		`--why "a\nb" has a line break`:              func(o *issue.Terms) { o.Why = "a\nb" },
		`--why "a\u202eb" has`:                       func(o *issue.Terms) { o.Why = "a\u202eb" },
		"--depth counts how often":                   func(o *issue.Terms) { o.Depth = -1 },
		"0 to 9":                                     func(o *issue.Terms) { o.Depth = delegation.MaxDepth + 1 },
	} {
		o := newOrder(parse(t, shop))
		change(&o.Terms)
		if _, _, err := o.Issue(); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	o := newOrder(parse(t, shop))
	o.Scope.Repositories = nil
	if _, _, err := o.Issue(); fault.KindOf(err) != fault.Usage {
		t.Errorf("for no repository: %v", err)
	}
}

// TestNotes: what is allowed and probably not meant is said.
func TestNotes(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*issue.Order)
		more   string
		want   string
	}{
		"all is well":     {},
		"no action":       {change: func(o *issue.Order) { o.Scope.Actions = nil }, want: "this delegation covers no action"},
		"no path":         {change: func(o *issue.Order) { o.Scope.Paths = nil }, want: "lets nothing be committed"},
		"no branch":       {change: func(o *issue.Order) { o.Scope.Branches = nil }, want: "lets nothing be committed"},
		"grants nothing":  {change: func(o *issue.Order) { o.Delegate = "agent.helper" }, want: "the policy grants agent.helper nothing"},
		"only to pass on": {change: toPlanner},
		"revoked soon": {
			more: "revoke \"gone\" {\n  agents = [agent.coder]\n  since  = \"2026-11-22T14:03:01Z\"\n}\n",
			want: "agent.coder is revoked, and with it the delegation of human.alice to agent.coder from 2026-11-22 14:03:01 UTC on",
		},
	} {
		o := newOrder(parse(t, shop+tc.more))
		if tc.change != nil {
			tc.change(o)
		}
		_, notes, err := o.Issue()
		if all := strings.Join(notes, "\n"); err != nil || !strings.Contains(all, tc.want) || (all == "") != (tc.want == "") || len(notes) > 1 {
			t.Errorf("%s: %q, %v", name, notes, err)
		}
	}
}

// TestUselessTerms: each term of which nothing can come is noted in a line, and its near miss is not.
func TestUselessTerms(t *testing.T) {
	const more = `
environment "production" { paths = ["deploy/**"] }
grant "coder tags" {
  to       = [agent.coder]
  actions  = ["tag"]
  branches = ["refs/tags/**"]
}
forbid "no releases" {
  to      = [agent.coder]
  actions = ["tag"]
}
`
	const onMain = "\ngrant \"more\" {\n  to = [agent.coder]\n  actions = [\"commit\", \"pull_request\"]\n  branches = [\"main\"]\n  paths = [\"src/**\"]\n}\n" +
		"forbid \"main\" {\n  to = [agent.coder]\n  actions = [\"commit\"]\n  branches = [\"main\"]\n}\n"
	actions := func(list ...names.Action) func(*issue.Order) {
		return func(o *issue.Order) { o.Scope.Actions = list }
	}
	deploy := func(environments ...string) func(*issue.Order) {
		return func(o *issue.Order) {
			o.Scope.Actions, o.Scope.Branches, o.Scope.Paths, o.Scope.Environments = []names.Action{names.Deploy}, nil, nil, dt.Names(environments...)
		}
	}
	paths := func(list ...string) func(*issue.Order) {
		return func(o *issue.Order) { o.Scope.Paths = dt.Paths(list...) }
	}
	branches := func(list ...string) func(*issue.Order) {
		return func(o *issue.Order) { o.Scope.Branches = dt.Refs(list...) }
	}
	depth := func(n int) func(*issue.Order) { return func(o *issue.Order) { o.Terms.Depth = n } }
	for name, tc := range map[string]struct {
		change func(*issue.Order)
		more   string
		want   string
	}{
		"an action that no grant has": {change: actions(names.Commit, names.Push), want: "--action push is for nothing: no grant to agent.coder covers it"},
		"two that a grant has":        {change: actions(names.Commit, names.PullRequest)},
		"an action that is forbidden": {change: actions(names.Commit, names.Tag), want: "--action tag is for nothing: the forbid \"no releases\" (policies.hcl:"},
		"forbidden on Sundays":        {change: actions(names.Commit), more: "forbid \"rest\" {\n  when = time.weekday == \"Sunday\"\n}\n"},
		"a deploy to nowhere":         {change: deploy(), want: "--action deploy is for nothing: it needs --environment"},
		"a deploy":                    {change: deploy("staging")},
		"no such environment":         {change: deploy("prod"), want: "--environment prod is for nothing: the policy has no such environment, but staging and production"},
		"not that environment":        {change: deploy("staging", "production"), want: "--environment production is for nothing: no grant of what is delegated covers it"},
		"some environment":            {change: deploy("*")},
		"a folder":                    {change: paths("src"), want: "--path src is one file of that name: write src/** for what is inside"},
		"a folder in one":             {change: paths("src/pay"), more: "grant \"pay\" {\n  to = [agent.coder]\n  actions = [\"commit\"]\n  branches = [\"agent/**\"]\n  paths = [\"src/pay/**\"]\n}\n"},
		"other files":                 {change: paths("src/**", "deploy/**"), want: "--path deploy/** is for nothing: no grant to agent.coder covers any of it"},
		"more than is granted":        {change: paths("**")},
		"another branch":              {change: branches("agent/**", "main"), want: "--branch main is for nothing: no grant to agent.coder covers it"},
		"a branch that is forbidden":  {change: branches("main"), more: onMain, want: "--branch main is for nothing: the forbid \"main\" (policies.hcl:"},
		"the base of pull requests": {change: func(o *issue.Order) {
			branches("agent/**", "main")(o)
			actions(names.Commit, names.PullRequest)(o)
		}, more: onMain},
		"to pass on": {change: depth(1)},
		"to nobody at all": {change: func(o *issue.Order) {
			o.Delegate = "agent.bot"
			o.By = human("human.bob")
			o.Key = dt.Key("agent.bot")
			branches("bot/**")(o)
			paths("go.sum")(o)
			depth(1)(o)
		}, want: "--depth 1 is for nothing: no agent of the policy has agent.bot among its delegators"},
		"what another does": {change: toPlanner},
	} {
		o := newOrder(parse(t, shop+more+tc.more))
		tc.change(o)
		_, notes, err := o.Issue()
		if all := strings.Join(notes, "\n"); err != nil || !strings.Contains(all, tc.want) || (all == "") != (tc.want == "") || len(notes) > 1 {
			t.Errorf("%s: %q, %v", name, notes, err)
		}
	}
}
