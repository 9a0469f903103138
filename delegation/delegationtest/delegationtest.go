// Package delegationtest makes keys, delegations and chains for tests, also such as no honest
// delegator would sign. Everything is deterministic: the same names give the same keys and digests.
package delegationtest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// Repository and Start are what the delegations of this package are for unless they are changed.
const Repository = "github.com/acme/shop"

// Start is the not_before of every delegation, and the time at which tests may judge. It is a
// Sunday; each delegation lasts ten minutes.
func Start() time.Time { return time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC) }

// signers are the keys that were made, by their seeds: making one takes as long as three signatures.
var signers sync.Map

// Signer returns the Ed25519 key that belongs to a seed; Party uses a principal's name as seed.
func Signer(seed string) signing.Signer {
	if s, ok := signers.Load(seed); ok {
		return s.(signing.Signer) // nothing else is in it
	}
	sum := sha256.Sum256([]byte("remit test key of " + seed))
	s, err := signing.NewEd25519Signer(ed25519.NewKeyFromSeed(sum[:]))
	if err != nil {
		panic(err) // only for a seed of the wrong length
	}
	signers.Store(seed, s)
	return s
}

// Key is the public half of Signer.
func Key(seed string) signing.PublicKey { return Signer(seed).SSHPublicKey() }

// Party is a principal with the key of its own name.
func Party(name names.Principal) delegation.Party {
	return delegation.Party{Name: name, Key: Key(string(name))}
}

// Step is one link to make.
type Step struct {
	To     names.Principal
	Change func(*delegation.Delegation) // applied last; may set anything, nil for nothing
	Signer signing.Signer               // nil: that of the delegator's name
}

// New is a delegation that allows commit and pull_request on agent/** under src/**, for ten minutes
// from Start.
func New(from, to names.Principal) delegation.Delegation {
	nonce := sha256.Sum256([]byte(from + " " + to))
	return delegation.Delegation{
		Delegator: Party(from),
		Delegate:  Party(to),
		Scope: delegation.Scope{
			Repositories: []string{Repository},
			Actions:      []names.Action{names.Commit, names.PullRequest},
			Branches:     Refs("agent/**"),
			Paths:        Paths("src/**"),
		},
		NotBefore: Start(),
		NotAfter:  Start().Add(10 * time.Minute),
		Purpose:   "SHOP-1412",
		Nonce:     hex.EncodeToString(nonce[:16]),
	}
}

// Forge signs d as it is, whatever is wrong with it, and with whatever key. The link is one that
// nobody verified: marshal it and parse it again.
func Forge(t testing.TB, d delegation.Delegation, s signing.Signer) delegation.Link {
	t.Helper()
	payload := d.Payload()
	env, err := signing.SignEnvelope(delegation.PayloadType, payload, s)
	if err != nil {
		t.Fatalf("signing a delegation: %v", err)
	}
	sum := sha256.Sum256(payload)
	return delegation.Link{Delegation: d, Envelope: env, Digest: "sha256:" + hex.EncodeToString(sum[:])}
}

// Bundle makes the bundle of a chain: from delegates to the first step, that one to the second, and
// so on, each naming its parent, with the depth that the steps after it need.
func Bundle(t testing.TB, from names.Principal, steps ...Step) []byte {
	t.Helper()
	var c delegation.Chain
	for i, step := range steps {
		d := New(from, step.To)
		d.Parent = c.Digest()
		d.Scope.Depth = len(steps) - 1 - i
		if step.Change != nil {
			step.Change(&d)
		}
		s := step.Signer
		if s == nil {
			s = Signer(string(d.Delegator.Name))
		}
		c = append(c, Forge(t, d, s))
		from = step.To
	}
	return c.Marshal()
}

// MakeChain is Bundle, parsed and verified. It fails the test where the bundle does not parse.
func MakeChain(t testing.TB, from names.Principal, steps ...Step) delegation.Chain {
	t.Helper()
	c, err := delegation.ParseBundle(Bundle(t, from, steps...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Refs parses ref patterns, and panics where one is malformed.
func Refs(list ...string) []pattern.Pattern { return must(pattern.ParseRef, list) }

// Paths parses path patterns, and panics where one is malformed.
func Paths(list ...string) []pattern.Pattern { return must(pattern.ParsePath, list) }

// Names parses patterns of environments, and panics where one is malformed.
func Names(list ...string) []pattern.Pattern { return must(pattern.ParseName, list) }

func must(parse func(string) (pattern.Pattern, error), list []string) []pattern.Pattern {
	out := make([]pattern.Pattern, len(list))
	for i, s := range list {
		p, err := parse(s)
		if err != nil {
			panic(err)
		}
		out[i] = p
	}
	return out
}
