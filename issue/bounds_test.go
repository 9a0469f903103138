package issue_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// mustRefuse says why an order has to be refused, "" where nothing says so: each bound of a delegation once
// more, in plain words and without the checker. The checker's rules may refuse more.
func mustRefuse(o *issue.Order) string {
	delegate := o.Policy.Principal(o.Delegate)
	switch {
	case delegate == nil:
		return "nobody knows the delegate"
	case !slices.Contains(delegate.Delegators, o.By.Party.Name):
		return "it is no delegator's"
	case !o.Policy.Rules(o.Scope.Repositories[0]):
		return "the policy does not rule the repository"
	case o.Key.AgentKey() != nil:
		return "the key is no agent's"
	}
	if owner := o.Policy.KeyOwner(o.Key.Fingerprint()); owner != delegate && (owner != nil || delegate.Pinned()) {
		return "the key is another's, or not the one that is pinned"
	}
	revoked := func(r *policy.Revocation) bool {
		gone := slices.Contains(r.Agents, o.Delegate) || slices.Contains(r.Keys, o.Key.Fingerprint()) || slices.Contains(r.Keys, o.By.Party.Key.Fingerprint())
		for _, l := range o.By.Chain {
			gone = gone || slices.Contains(r.Delegations, l.Digest) || slices.Contains(r.Agents, l.Delegate.Name) || slices.Contains(r.Keys, l.Delegator.Key.Fingerprint())
		}
		return gone && r.BitesAt(o.Now)
	}
	if slices.ContainsFunc(o.Policy.Revocations, revoked) {
		return "something of it is revoked"
	}
	start := o.Now.Truncate(time.Second)
	end := start.Add(o.Terms.Lasts)
	if o.Terms.Depth > 0 && o.Terms.Lasts > o.Policy.Settings.MaxChainTTL {
		return "it is longer than a chain may be"
	}
	var most time.Duration
	for _, g := range o.Policy.Grants {
		if slices.Contains(g.To, o.Delegate) && slices.ContainsFunc(g.Actions, func(a names.Action) bool { return slices.Contains(o.Scope.Actions, a) }) {
			most = max(most, g.MaxTTL)
		}
	}
	if o.Terms.Depth == 0 && most > 0 && o.Terms.Lasts > most {
		return "it is longer than any grant lets it"
	}
	if o.By.Chain == nil {
		return ""
	}
	parent := o.By.Chain.Leaf()
	scope := o.Scope
	scope.Depth = o.Terms.Depth
	switch {
	case !start.Before(parent.NotAfter):
		return "its parent is over"
	case end.After(parent.NotAfter):
		return "it outlives its parent"
	case len(scope.Wider(parent.Scope)) > 0:
		return "it is wider than its parent"
	}
	return ""
}

// TestBounds: of many orders at random none is issued that has to be refused; and many are issued.
func TestBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(14, 12))
	gone := func(what string) string {
		return "revoke \"gone\" {\n" + what + "\nsince = \"2026-11-22T14:03:00Z\"\n}\n"
	}
	var policies []*policy.Policy
	for _, more := range []string{
		"", "", "", "settings { mode = \"observe\" }\n", "settings { max_chain_ttl = \"30m\" }\n",
		gone("agents = [agent.coder]"), gone("agents = [agent.planner]"), gone(`keys = ["fingerprint of human.alice"]`),
		gone(`keys = ["fingerprint of agent.planner"]`), gone(`keys = ["fingerprint of minted"]`), gone(`delegations = ["` + plan(t, 1).Digest() + `"]`),
	} {
		policies = append(policies, parse(t, shop+more))
	}
	issuers := []*issue.Issuer{
		human("human.alice"), human("human.alice"), human("human.bob"), under(plan(t, 1)), under(plan(t, 1)), under(plan(t, 2)), under(plan(t, 0)),
		under(elsewhere(t)), under(toCoder(t)),
	}
	issued, refused := 0, map[string]int{}
	for range 2000 {
		o := newOrder(pick(random, policies...))
		o.By = pick(random, issuers...)
		o.Delegate = pick[names.Principal](random, "agent.coder", "agent.coder", "agent.planner", "agent.helper", "agent.bot", "agent.nobody")
		o.Key = dt.Key(pick(random, string(o.Delegate), string(o.Delegate), "minted", "agent.planner", "human.bob"))
		o.Scope.Repositories = []string{pick(random, dt.Repository, dt.Repository, dt.Repository, "github.com/acme/other")}
		o.Scope.Actions = pick(random, []names.Action{names.Commit}, []names.Action{names.Commit, names.Deploy}, []names.Action{names.Deploy}, nil)
		o.Scope.Paths = pick(random, dt.Paths("src/**"), dt.Paths("src/pay/**"), dt.Paths("**"), nil)
		o.Terms.Lasts = pick(random, time.Minute, 10*time.Minute, 10*time.Minute+time.Second, 57*time.Minute, 57*time.Minute+time.Second, time.Hour, time.Hour+time.Second, 12*time.Hour, 13*time.Hour)
		o.Terms.Depth = pick(random, 0, 0, 1)
		o.Now = dt.Start().Add(pick(random, 3*time.Minute, 3*time.Minute, 3*time.Minute-time.Second, time.Hour-time.Second, time.Hour))
		chain, _, err := o.Issue()
		why := mustRefuse(o)
		switch {
		case why == "" && err == nil:
			issued++
		case why != "" && err == nil:
			t.Fatalf("%s, and yet it was issued: %s", why, chain.Sentences()[len(chain)-1])
		case why != "":
			refused[why]++
		}
		if err != nil && chain != nil {
			t.Fatal("refused, and yet there is a chain")
		}
	}
	if issued < 40 || len(refused) < 9 {
		t.Errorf("%d issued, refused because %v: the test shows too little", issued, refused)
	}
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }
