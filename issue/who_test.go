package issue_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// whoCase is a place, whom somebody names, and who signs there: by name and under which chain, or why nobody.
type whoCase struct {
	keys   keys
	chains chains
	as     names.Principal
	parent string
	want   names.Principal
	under  delegation.Chain
	kind   fault.Kind
	says   string
	fix    string
}

func (c *whoCase) run(t *testing.T, find func(*issue.Place) (*issue.Issuer, error)) {
	t.Helper()
	by, err := find(&issue.Place{Policy: parse(t, shop), Keys: c.keys, Chains: &c.chains, Now: now()})
	if c.want == "" {
		if by != nil || err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.FixOf(err), c.fix) {
			t.Errorf("%+v, %v (%d), fix %q", by, err, fault.KindOf(err), fault.FixOf(err))
		}
		return
	}
	switch {
	case err != nil:
		t.Errorf("%v, fix %q", err, fault.FixOf(err))
	case by.Party.Name != c.want || !by.Party.Key.Equal(dt.Key(string(c.want))) || !by.Signer.SSHPublicKey().Equal(by.Party.Key) || by.Chain.Digest() != c.under.Digest():
		t.Errorf("%s under %s", by.Party.Name, by.Chain.Digest())
	}
}

// othersPlan are two delegations to the planner that the policy denies: one of a human whom it does not have, and one
// of a human who is none of its delegators.
func othersPlan(t *testing.T) (forged, bobs delegation.Chain) {
	t.Helper()
	step := dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) { d.Scope.Depth, d.NotAfter = 1, dt.Start().Add(time.Hour) }}
	return dt.MakeChain(t, "human.mallory", step), dt.MakeChain(t, "human.bob", step)
}

// TestDelegator: who delegates, and under which chain.
func TestDelegator(t *testing.T) {
	one, two, leaf := plan(t, 1), plan(t, 2), plan(t, 0)
	over := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) { d.Scope.Depth, d.NotAfter = 1, dt.Start().Add(3*time.Minute) }})
	coders := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"})
	broken := errors.New("what is in force cannot be read")
	forged, bobs := othersPlan(t)
	for name, c := range map[string]whoCase{
		"the only human":                   {keys: keys{"human.alice"}, want: "human.alice"},
		"no key":                           {kind: fault.Usage, says: "no delegation is in force, and no key of a human", fix: "name who delegates with --as"},
		"a key of nobody":                  {keys: keys{"mallory"}, kind: fault.Usage, says: "no key of a human of the policy is at hand"},
		"two humans":                       {keys: keys{"human.bob", "human.alice"}, kind: fault.Usage, says: "several humans could delegate here: human.alice, human.bob", fix: "--as"},
		"one of two":                       {keys: keys{"human.bob", "human.alice"}, as: "human.bob", want: "human.bob"},
		"a human without a key":            {keys: keys{"human.alice"}, as: "human.bob", kind: fault.Usage, says: "no key that the policy lists for human.bob", fix: "ssh-add"},
		"a human and a parent":             {keys: keys{"human.alice"}, chains: chains{stored: []delegation.Chain{one}}, as: "human.alice", parent: one.Digest(), kind: fault.Usage, says: "a chain starts there"},
		"a human while one is in force":    {keys: keys{"human.alice"}, chains: chains{err: broken}, as: "human.alice", want: "human.alice"},
		"keys that cannot be read":         {keys: keys{"broken"}, kind: fault.Undecided, says: "the key store cannot be read"},
		"in force":                         {keys: keys{"human.alice", "agent.planner"}, chains: chains{inForce: one.Digest(), stored: []delegation.Chain{one, two}}, want: "agent.planner", under: one},
		"in force, unread":                 {keys: keys{"human.alice"}, chains: chains{err: broken}, kind: fault.Undecided, says: broken.Error()},
		"in force, not here":               {keys: keys{"human.alice"}, chains: chains{inForce: one.Digest()}, kind: fault.Undecided, says: "there is no " + one.Digest()},
		"in force, without its key":        {keys: keys{"human.alice"}, chains: chains{inForce: one.Digest(), stored: []delegation.Chain{one}}, kind: fault.Usage, says: "the key of agent.planner (" + dt.Key("agent.planner").Fingerprint(), fix: "delegate where that key is"},
		"in force is another's":            {keys: keys{"agent.planner"}, chains: chains{inForce: coders.Digest(), stored: []delegation.Chain{coders, one}}, as: "agent.planner", want: "agent.planner", under: one},
		"in force before others":           {keys: keys{"agent.planner"}, chains: chains{inForce: two.Digest(), stored: []delegation.Chain{one, two}}, as: "agent.planner", want: "agent.planner", under: two},
		"the only live one":                {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{over, one, coders}}, as: "agent.planner", want: "agent.planner", under: one},
		"none that may be passed on":       {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{over, leaf, coders}}, as: "agent.planner", kind: fault.Refused, says: "no live delegation here that it may pass on", fix: "--depth 1"},
		"several":                          {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{one, two}}, as: "agent.planner", kind: fault.Usage, says: "several live delegations: " + one.Digest() + ", " + two.Digest(), fix: "--parent"},
		"one that stands, one forged":      {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{forged, one}}, as: "agent.planner", want: "agent.planner", under: one},
		"one that stands, one of bob's":    {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{bobs, one}}, as: "agent.planner", want: "agent.planner", under: one},
		"the parent named":                 {keys: keys{"agent.planner"}, chains: chains{inForce: one.Digest(), stored: []delegation.Chain{one, two}}, parent: two.Digest(), want: "agent.planner", under: two},
		"a parent named, over":             {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{over}}, parent: over.Digest(), want: "agent.planner", under: over}, // for Issue to refuse
		"a parent named, not here":         {keys: keys{"agent.planner"}, parent: two.Digest(), kind: fault.Undecided, says: "there is no"},
		"a parent named, no digest":        {keys: keys{"agent.planner"}, parent: "sha256:12", kind: fault.Usage, says: "--parent: "},
		"a parent named, somebody else's":  {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{coders}}, as: "agent.planner", parent: coders.Digest(), kind: fault.Refused, says: "was given to agent.coder, so that agent.planner cannot pass it on"},
		"a parent named, without its key ": {keys: keys{"human.alice"}, chains: chains{stored: []delegation.Chain{coders}}, parent: coders.Digest(), kind: fault.Usage, says: "the key of agent.coder"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			c.run(t, func(at *issue.Place) (*issue.Issuer, error) { return at.Delegator(at.Policy.Principal(c.as), c.parent) })
		})
	}
}

// TestStater: who makes a pull request or a request, and under which chain.
func TestStater(t *testing.T) {
	one, two := plan(t, 1), plan(t, 2)
	over := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) { d.NotAfter = dt.Start().Add(3 * time.Minute) }})
	later := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) { d.NotBefore = dt.Start().Add(4 * time.Minute) }})
	bots := dt.MakeChain(t, "human.bob", dt.Step{To: "agent.bot"})
	forged, bobs := othersPlan(t)
	for name, c := range map[string]whoCase{
		"the only human":                {keys: keys{"human.alice", "agent.planner"}, want: "human.alice"},
		"two humans":                    {keys: keys{"human.bob", "human.alice"}, kind: fault.Usage, says: "several humans could sign here: human.alice, human.bob"},
		"no key":                        {kind: fault.Usage, says: "no delegation is in force", fix: "name who signs with --as"},
		"a human named":                 {keys: keys{"human.bob", "human.alice"}, chains: chains{inForce: one.Digest(), stored: []delegation.Chain{one}}, as: "human.bob", want: "human.bob"},
		"in force":                      {keys: keys{"human.alice", "agent.planner"}, chains: chains{inForce: one.Digest(), stored: []delegation.Chain{one, two}}, want: "agent.planner", under: one},
		"in force, over":                {keys: keys{"human.alice", "agent.planner"}, chains: chains{inForce: over.Digest(), stored: []delegation.Chain{over, one}}, kind: fault.Refused, says: over.Digest() + " is expired", fix: "ask human.alice for a new one"},
		"in force, to come":             {keys: keys{"agent.planner"}, chains: chains{inForce: later.Digest(), stored: []delegation.Chain{later}}, kind: fault.Refused, says: "is not yet valid"},
		"in force, without its key":     {keys: keys{"human.alice"}, chains: chains{inForce: one.Digest(), stored: []delegation.Chain{one}}, kind: fault.Usage, says: "the key of agent.planner", fix: "name who signs with --as"},
		"the agent's only live one":     {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{over, one, later, bots}}, as: "agent.planner", want: "agent.planner", under: one},
		"the agent's, of several":       {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{one, two}}, as: "agent.planner", kind: fault.Usage, says: "several live delegations", fix: "remit use"},
		"the agent's, one forged":       {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{forged, one, bobs}}, as: "agent.planner", want: "agent.planner", under: one},
		"the agent's, none stands":      {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{bobs}}, as: "agent.planner", want: "agent.planner", under: bobs}, // for the judge to refuse
		"the agent has none":            {keys: keys{"agent.planner"}, chains: chains{stored: []delegation.Chain{over, bots}}, as: "agent.planner", kind: fault.Refused, says: "agent.planner has no live delegation here", fix: "git fetch origin"},
		"an agent without a key":        {keys: keys{"agent.coder"}, as: "agent.coder", kind: fault.Refused, says: "agent.coder has no live delegation here"},
		"an agent that stands alone":    {keys: keys{"agent.bot"}, as: "agent.bot", want: "agent.bot"},
		"it stands, without its key":    {keys: keys{"agent.planner"}, as: "agent.bot", kind: fault.Usage, says: "no key that the policy lists for agent.bot"},
		"it stands, and has one":        {keys: keys{"agent.bot"}, chains: chains{stored: []delegation.Chain{bots}}, as: "agent.bot", want: "agent.bot", under: bots},
		"what is in force is broken":    {keys: keys{"agent.bot"}, chains: chains{err: errors.New("broken")}, as: "agent.bot", kind: fault.Undecided, says: "broken"},
		"a human, whatever is in force": {keys: keys{"human.bob"}, chains: chains{err: errors.New("broken")}, as: "human.bob", want: "human.bob"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			c.run(t, func(at *issue.Place) (*issue.Issuer, error) { return at.Stater(at.Policy.Principal(c.as)) })
		})
	}
}

// TestApprover: only a human approves, and where an agent works only one who is named.
func TestApprover(t *testing.T) {
	one := plan(t, 1)
	for name, c := range map[string]whoCase{
		"the only human":                   {keys: keys{"human.alice", "agent.planner"}, want: "human.alice"},
		"a human named":                    {keys: keys{"human.bob", "human.alice"}, as: "human.bob", want: "human.bob"},
		"two humans":                       {keys: keys{"human.bob", "human.alice"}, kind: fault.Usage, says: "several humans could approve here"},
		"an agent works here":              {keys: keys{"human.alice"}, chains: chains{inForce: one.Digest()}, kind: fault.Refused, says: "an agent cannot approve", fix: "or name them with --as"},
		"an agent works here, and a human": {keys: keys{"human.alice"}, chains: chains{inForce: one.Digest()}, as: "human.alice", want: "human.alice"},
		"it is not known what works here":  {keys: keys{"human.alice"}, chains: chains{err: errors.New("broken")}, kind: fault.Undecided, says: "broken"},
		"nobody's key":                     {keys: keys{"agent.planner"}, kind: fault.Usage, says: "a human of the policy approves", fix: "--as NAME"},
		"an agent":                         {keys: keys{"agent.planner"}, as: "agent.planner", kind: fault.Refused, says: "agent.planner is no human, and only a human can approve"},
		"without a touch":                  {keys: keys{"human.carol"}, as: "human.carol", kind: fault.Refused, says: "human.carol must confirm each signature by touch", fix: "hardware key"},
		"without a touch, the only human":  {keys: keys{"human.carol"}, kind: fault.Refused, says: "human.carol must confirm each signature by touch"},
		"without a key":                    {as: "human.alice", kind: fault.Usage, says: "no key that the policy lists for human.alice"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			c.run(t, func(at *issue.Place) (*issue.Issuer, error) { return at.Approver(at.Policy.Principal(c.as)) })
		})
	}
}

// TestRevokedKeyAside: of two keys at hand the one signs that is not revoked.
func TestRevokedKeyAside(t *testing.T) {
	listed := strings.Replace(shop, `human "alice" { keys = ["key of human.alice"] }`, `human "alice" { keys = ["key of human.alice", "key of human.other"] }`, 1)
	for name, c := range map[string]struct {
		more string
		want string
	}{
		"the first is revoked":            {"revoke \"gone\" {\n keys = [\"fingerprint of human.alice\"]\n}\n", "human.other"},
		"near: it will be":                {"revoke \"gone\" {\n keys = [\"fingerprint of human.alice\"]\n since = \"2026-11-23T00:00:00Z\"\n}\n", "human.alice"},
		"near: another's is":              {"revoke \"gone\" {\n keys = [\"fingerprint of human.bob\"]\n}\n", "human.alice"},
		"near: all are, and a check says": {"revoke \"gone\" {\n keys = [\"fingerprint of human.alice\", \"fingerprint of human.other\"]\n}\n", "human.alice"},
	} {
		at := &issue.Place{Policy: parse(t, listed+c.more), Keys: keys{"human.alice", "human.other"}, Chains: &chains{}, Now: now()}
		for do, find := range map[string]func(*policy.Principal) (*issue.Issuer, error){"request": at.Stater, "approve": at.Approver} {
			for _, as := range []*policy.Principal{nil, at.Policy.Principal("human.alice")} {
				by, err := find(as)
				if err != nil || by.Party.Name != "human.alice" || !by.Party.Key.Equal(dt.Key(c.want)) {
					t.Errorf("%s, %s: %+v, %v", name, do, by, err)
				}
			}
		}
	}
}
