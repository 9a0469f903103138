package issue_test

import (
	"errors"
	"fmt"
	"regexp"
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

// shop is the policy of these tests. "key of SEED" and "fingerprint of SEED" stand for what they say.
const shop = `repository = "github.com/acme/shop"

human "alice" { keys = ["key of human.alice"] }
human "bob" { keys = ["key of human.bob"] }
human "carol" {
  keys     = ["key of human.carol"]
  presence = true
}

agent "planner" {
  keys       = ["key of agent.planner"]
  delegators = [human.alice, human.carol]
}

# Minted: whoever delegates to it makes its key.
agent "coder" { delegators = [human.alice, agent.planner] }

agent "helper" { delegators = [agent.coder, human.alice] }

agent "bot" {
  keys       = ["key of agent.bot"]
  delegators = [human.bob]
}

grant "coder commits" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}

grant "coder deploys to staging, not for long" {
  to           = [agent.coder]
  actions      = ["deploy"]
  environments = ["staging"]
  max_ttl      = "10m"
}

environment "staging" {}

grant "bot stands alone" {
  to       = [agent.bot]
  actions  = ["commit"]
  branches = ["bot/**"]
  paths    = ["go.sum"]
  standing = true
}
`

var place = regexp.MustCompile(`"(key|fingerprint) of ([^"]+)"`)

func parse(t testing.TB, src string) *policy.Policy {
	t.Helper()
	p, found := policy.Parse([]byte(place.ReplaceAllStringFunc(src, func(m string) string {
		part := place.FindStringSubmatch(m)
		if part[1] == "key" {
			return fmt.Sprintf("%q", dt.Key(part[2]).AuthorizedKey())
		}
		return fmt.Sprintf("%q", dt.Key(part[2]).Fingerprint())
	})), policy.FileName)
	if p == nil {
		t.Fatal(found.Err())
	}
	return p
}

// keys are private keys at hand, by their seeds; names of files play no part.
type keys []string

func (k keys) SignerFor(_ string, wanted ...signing.PublicKey) (signing.Signer, error) {
	for _, seed := range k {
		if seed == "broken" {
			return nil, errors.New("the key store cannot be read")
		}
		for _, w := range wanted {
			if dt.Key(seed).Equal(w) {
				return dt.Signer(seed), nil
			}
		}
	}
	return nil, nil
}

// chains are delegations at hand.
type chains struct {
	inForce string
	err     error // of reading what is in force
	stored  []delegation.Chain
}

func (c *chains) InForce() (string, error) { return c.inForce, c.err }

func (c *chains) Chain(digest string) (delegation.Chain, error) {
	for _, chain := range c.stored {
		if chain.Digest() == digest {
			return chain, nil
		}
	}
	return nil, fault.Undecidedf("there is no %s", digest)
}

func (c *chains) Stored() []delegation.Chain { return c.stored }

// now is when these tests sign: three minutes after what delegationtest makes begins.
func now() time.Time { return dt.Start().Add(3 * time.Minute) }

// plan is alice's delegation to the planner, for an hour, to be passed on so many times.
func plan(t testing.TB, depth int) delegation.Chain {
	t.Helper()
	return dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner", Change: func(d *delegation.Delegation) {
		d.Scope.Depth, d.NotAfter = depth, dt.Start().Add(time.Hour)
	}})
}

func human(name names.Principal) *issue.Issuer {
	return &issue.Issuer{Party: dt.Party(name), Signer: dt.Signer(string(name))}
}

func under(c delegation.Chain) *issue.Issuer {
	to := c.Leaf().Delegate
	return &issue.Issuer{Party: to, Signer: dt.Signer(string(to.Name)), Chain: c}
}
