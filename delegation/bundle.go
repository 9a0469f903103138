package delegation

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/signing"
)

// Chain is the delegations from a root to the acting agent, root first. The empty chain is void.
type Chain []Link

const bundleVersion = 1

// bundle is the JSON of a chain.
type bundle struct {
	Version int              `json:"version"`
	Links   []jsontext.Value `json:"links"`
}

// ParseBundle reads a chain and verifies the signature of each link against the key that the link
// itself names as its delegator's; the result is in [Link.SignatureErr]. Sizes are checked before
// anything is parsed, and everything is parsed before any signature is looked at. Whatever is
// accepted, [Chain.Marshal] writes again byte for byte.
//
// No error means that the chain is well-formed, not that it holds: see [Chain.Problems].
func ParseBundle(b []byte) (Chain, error) {
	return parseBundle(b, (*signing.Envelope).Verify)
}

// Reader parses bundles that have links in common: the signature of each is verified once. It serves one goroutine.
// The zero value is ready.
type Reader struct{ verified map[[sha256.Size]byte]error }

// ParseBundle is [ParseBundle].
func (r *Reader) ParseBundle(b []byte) (Chain, error) {
	return parseBundle(b, func(e *signing.Envelope, k signing.PublicKey) error {
		name := sha256.Sum256(append(e.Marshal(), k.Marshal()...))
		err, known := r.verified[name]
		if !known {
			if r.verified == nil {
				r.verified = map[[sha256.Size]byte]error{}
			}
			err = e.Verify(k)
			r.verified[name] = err
		}
		return err
	})
}

func parseBundle(b []byte, verify func(*signing.Envelope, signing.PublicKey) error) (Chain, error) {
	envelopes, err := parseEnvelopes(b)
	if err != nil {
		return nil, fmt.Errorf("reading a delegation bundle: %w", err)
	}
	c := make(Chain, len(envelopes))
	for i, env := range envelopes {
		if env.PayloadType != PayloadType {
			return nil, fmt.Errorf("reading link %d of a delegation bundle: the payload type is %s, not %s", i+1, inert.Quote(env.PayloadType), PayloadType)
		}
		d, err := ParseDelegation(env.Payload)
		if err != nil {
			return nil, fmt.Errorf("reading link %d of a delegation bundle: %w", i+1, err)
		}
		c[i] = Link{Delegation: d, Envelope: env, Digest: digestOf(env.Payload)}
	}
	for i := range c {
		c[i].SignatureErr = verify(c[i].Envelope, c[i].Delegator.Key)
		c[i].checked = true
	}
	return c, nil
}

// parseEnvelopes reads what is around the statements. At least one envelope is returned.
func parseEnvelopes(b []byte) ([]*signing.Envelope, error) {
	if len(b) > MaxBundleSize {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), MaxBundleSize)
	}
	if err := checkNesting(b); err != nil {
		return nil, err
	}
	var raw bundle
	if err := json.Unmarshal(b, &raw, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("it is not the JSON of a bundle: %s", inert.Error(err))
	}
	if raw.Version != bundleVersion {
		return nil, fmt.Errorf("its version is %d, not %d: it may need a newer remit", raw.Version, bundleVersion)
	}
	if n := len(raw.Links); n == 0 || n > MaxLinks {
		return nil, fmt.Errorf("it has %d links and must have 1 to %d", n, MaxLinks)
	}
	envelopes := make([]*signing.Envelope, len(raw.Links))
	for i, text := range raw.Links {
		env, err := signing.ParseEnvelope(text)
		if err != nil {
			return nil, fmt.Errorf("link %d: %s", i+1, inert.Error(err))
		}
		envelopes[i] = env
	}
	if !bytes.Equal(marshal(envelopes), b) {
		return nil, errors.New("it is not in its canonical form (compact, members in order)")
	}
	return envelopes, nil
}

// Marshal returns the bundle of the chain.
func (c Chain) Marshal() []byte {
	envelopes := make([]*signing.Envelope, len(c))
	for i := range c {
		envelopes[i] = c[i].Envelope
	}
	return marshal(envelopes)
}

func marshal(envelopes []*signing.Envelope) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `{"version":%d,"links":[`, bundleVersion)
	for i, env := range envelopes {
		if i > 0 {
			out.WriteByte(',')
		}
		if env == nil {
			out.WriteString("null") // of a link that nobody signed; no parser takes it
			continue
		}
		out.Write(env.Marshal())
	}
	out.WriteString("]}")
	return out.Bytes()
}

// Leaf is the last link, which names the acting agent; the zero Link for an empty chain.
func (c Chain) Leaf() Link {
	if len(c) == 0 {
		return Link{}
	}
	return c[len(c)-1]
}

// Digest is the leaf's digest, which is what a commit names; "" for an empty chain.
func (c Chain) Digest() string { return c.Leaf().Digest }
