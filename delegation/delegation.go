// Package delegation holds the statements by which one principal hands authority to another, the
// chains that they form, and the trailer by which a commit names one. It does no I/O.
//
// A delegation is a DSSE envelope over an in-toto v1 statement. This is the payload, spread over
// lines; the real one is compact JSON with its members in this order, and no other bytes are
// accepted, because the SHA-256 of the payload is what identifies a delegation:
//
//	{"_type": "https://in-toto.io/Statement/v1",
//	 "subject": [{"name": "agent.coder", "digest": {"sha256": "<of the delegate's SSH public key>"}}],
//	 "predicateType": "https://remit.sh/delegation/v1",
//	 "predicate": {
//	   "delegator": {"name": "agent.planner", "key": "ssh-ed25519 AAAA…"},
//	   "delegate": {"name": "agent.coder", "key": "ssh-ed25519 AAAA…"},
//	   "parent": "sha256:…",
//	   "scope": {"repositories": ["github.com/acme/shop"], "repository_id": 4711,
//	     "actions": ["commit"], "branches": ["agent/**"], "paths": ["src/**"],
//	     "environments": ["staging"], "depth": 1},
//	   "not_before": "2026-11-22T14:00:00Z", "not_after": "2026-11-22T14:10:00Z",
//	   "purpose": "SHOP-1412", "nonce": "<32 hexadecimal digits>"}}
//
// Members whose value is empty or 0 are left out. What is left out of a scope is not granted.
//
// A bundle is a chain of envelopes, root first: {"version":1,"links":[…]}.
//
// A chain that parses has proved nothing yet: [Chain.Problems] says whether its links belong
// together, and the policy, whether its root may delegate at all.
package delegation

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// The types that a delegation's envelope and statement must name.
const (
	PayloadType   = "application/vnd.in-toto+json"
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://remit.sh/delegation/v1"
)

// Limits of what is read and written.
const (
	MaxStatementSize = 16 << 10 // bytes of one payload
	MaxBundleSize    = 64 << 10 // bytes of a bundle
	MaxLinks         = 10       // links of a chain
	MaxDepth         = MaxLinks - 1
	MaxRepositories  = 16  // repositories that one scope lists
	MaxPatterns      = 64  // patterns in each list of a scope
	MaxPurpose       = 500 // bytes

	minYear, maxYear = 2000, 2199
	maxNesting       = 8 // of JSON; a bundle needs 5
)

// Party is one side of a delegation.
type Party struct {
	Name names.Principal
	Key  signing.PublicKey
}

// Scope is what a delegation covers. A list that is empty covers nothing.
type Scope struct {
	Repositories []string // canonical host/owner/name, see [names.ParseRepository]
	RepositoryID int64    // the forge's numeric id of the one repository listed; 0: not stated
	Actions      []names.Action
	Branches     []pattern.Pattern // of refs
	Paths        []pattern.Pattern
	Environments []pattern.Pattern
	Depth        int // how many more links may follow; 0: the delegate may not pass it on
}

// Delegation is one statement: Delegator gives Delegate this scope for this time.
type Delegation struct {
	Delegator Party  // a human, agent or workflow
	Delegate  Party  // an agent
	Parent    string // "sha256:…" of the delegation that this one is part of; "" at the root
	Scope     Scope
	NotBefore time.Time // the first instant at which it holds; UTC, whole seconds
	NotAfter  time.Time // the first instant at which it holds no more
	Purpose   string    // what it is for: one line of untrusted text
	Nonce     string    // 32 hexadecimal digits, see [NewNonce]
}

// Link is a signed delegation as part of a chain. Make one with [Sign] or [ParseBundle]: a Link
// that was put together otherwise counts as forged.
type Link struct {
	Delegation
	Envelope *signing.Envelope
	Digest   string // "sha256:" and the hexadecimal SHA-256 of the payload
	// SignatureErr says why the envelope's signature is not one by Delegator.Key; nil if it is.
	// The envelope's key id plays no part in that.
	SignatureErr error

	checked bool // SignatureErr is the result of a verification
}

// NewNonce returns 16 random bytes in hexadecimal: two delegations with the same content differ.
func NewNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// VoidError says why a delegation could hold at no time and in no chain.
type VoidError struct {
	What string // part of a sentence; what it quotes is in ASCII
}

// Error is what is wrong with it.
func (e *VoidError) Error() string { return e.What }

// Sign makes a link of d, signed by the delegator's key. It refuses a signer with another key, a
// field that is not well-formed, and a link that would be void in any chain: a [*VoidError].
func Sign(d Delegation, s signing.Signer) (Link, error) {
	d.NotBefore, d.NotAfter = d.NotBefore.UTC(), d.NotAfter.UTC()
	if err := d.validate(); err != nil {
		return Link{}, fmt.Errorf("signing a delegation: %w", err)
	}
	if !s.SSHPublicKey().Equal(d.Delegator.Key) {
		return Link{}, fmt.Errorf("signing a delegation: the signer's key %s is not the key of %s, %s",
			s.SSHPublicKey().Fingerprint(), d.Delegator.Name, d.Delegator.Key.Fingerprint())
	}
	for _, what := range []string{d.void(), d.Scope.deep()} {
		if what != "" {
			return Link{}, fmt.Errorf("signing a delegation: %w", &VoidError{what})
		}
	}
	payload := d.Payload()
	if len(payload) > MaxStatementSize {
		return Link{}, fmt.Errorf("signing a delegation: it has %d bytes, at most %d are allowed; name fewer patterns", len(payload), MaxStatementSize)
	}
	env, err := signing.SignEnvelope(PayloadType, payload, s)
	if err != nil {
		return Link{}, fmt.Errorf("signing a delegation: %w", err)
	}
	// SignEnvelope has verified what it made.
	return Link{Delegation: d, Envelope: env, Digest: digestOf(payload), checked: true}, nil
}

// validate checks each field on its own.
func (d *Delegation) validate() error {
	if err := d.Delegator.validate("delegator", names.Human, names.Agent, names.Workflow); err != nil {
		return err
	}
	if err := d.Delegate.validate("delegate", names.Agent); err != nil {
		return err
	}
	if d.Parent != "" {
		if err := names.CheckDigest(d.Parent); err != nil {
			return fmt.Errorf("the parent %w", err)
		}
	}
	if err := d.Scope.validate(); err != nil {
		return err
	}
	if err := checkTime("not_before", d.NotBefore); err != nil {
		return err
	}
	if err := checkTime("not_after", d.NotAfter); err != nil {
		return err
	}
	if err := checkPurpose(d.Purpose); err != nil {
		return err
	}
	return checkNonce(d.Nonce)
}

// void says why d could hold at no time and in no chain; "" if it could.
func (d *Delegation) void() string {
	switch {
	case d.Delegate.Name == d.Delegator.Name:
		return fmt.Sprintf("%s delegates to itself", d.Delegator.Name)
	case d.Delegate.Key.Equal(d.Delegator.Key):
		return fmt.Sprintf("%s and %s have the same key", d.Delegator.Name, d.Delegate.Name)
	case d.Delegate.Key.AgentKey() != nil:
		return fmt.Sprintf("the key of %s cannot be an agent's: %v", d.Delegate.Name, d.Delegate.Key.AgentKey())
	case !d.NotAfter.After(d.NotBefore):
		return fmt.Sprintf("it ends at %s, which is not after its start at %s", formatTime(d.NotAfter), formatTime(d.NotBefore))
	}
	return ""
}

// deep says why the depth of s is none that a chain can have; "" if it is one.
func (s *Scope) deep() string {
	if s.Depth < 0 || s.Depth > MaxDepth {
		return fmt.Sprintf("its depth is %d and must be 0 to %d", s.Depth, MaxDepth)
	}
	return ""
}

func (p Party) validate(role string, kinds ...names.Kind) error {
	if _, err := names.ParsePrincipal(string(p.Name)); err != nil {
		return fmt.Errorf("the %s: %w", role, err)
	}
	if p.Key.IsZero() {
		return fmt.Errorf("the %s %s has no key", role, p.Name)
	}
	for _, k := range kinds {
		if p.Name.Kind() == k {
			return nil
		}
	}
	return fmt.Errorf("the %s %s is of a kind that cannot be one", role, p.Name)
}

func checkTime(field string, t time.Time) error {
	switch {
	case t.IsZero():
		return fmt.Errorf("%s is missing", field)
	case t.Year() < minYear || t.Year() > maxYear:
		return fmt.Errorf("%s is in the year %d and must be in %d to %d", field, t.Year(), minYear, maxYear)
	case t.Nanosecond() != 0:
		return fmt.Errorf("%s has a fraction of a second", field)
	}
	return nil
}

func checkNonce(s string) error {
	if len(s) != 32 || !lowerHex(s) {
		return fmt.Errorf("the nonce %s is not 32 lower-case hexadecimal digits", inert.Quote(s))
	}
	return nil
}

func lowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

func checkPurpose(s string) error {
	if s == "" {
		return errors.New("the purpose is missing: say what the delegation is for")
	}
	return checkLine("purpose", s, MaxPurpose)
}

// checkLine reports why s is not one line of text that shows all that is in it.
func checkLine(what, s string, most int) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("the %s has %d bytes, at most %d are allowed", what, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("the %s %s is not UTF-8", what, inert.Quote(s))
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("the %s %s starts or ends with white space", what, inert.Quote(s))
	}
	for _, r := range s {
		// Cc and Cf hold control, bidi and invisible characters; Zl and Zp break lines.
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || r == utf8.RuneError {
			return fmt.Errorf("the %s %s has a control, formatting or line-breaking character", what, inert.Quote(s))
		}
	}
	return nil
}
