package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
)

// The limits of a key set.
const (
	MaxKeys = 256 << 10 // bytes of its JSON text

	maxKeyCount  = 64
	maxKeyID     = 256 // bytes
	minRSABits   = 2048
	maxRSABits   = 8192
	maxRSAPublic = 1<<31 - 1 // of the exponent
)

// Keys are an issuer's public keys, by their ids. The zero value has none, and verifies nothing.
type Keys struct {
	byID map[string]key
}

type key struct {
	algorithm jose.SignatureAlgorithm
	public    any
}

// ParseKeys reads a JSON Web Key Set (RFC 7517). Keys that are not for RS256 or ES256 signatures are passed over, since
// issuers add kinds. A key that is, and that is too short, has no id, or has the id of another, makes the set an error.
func ParseKeys(b []byte) (*Keys, error) {
	k, err := parseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("reading a key set: %w", err)
	}
	return k, nil
}

func parseKeys(b []byte) (*Keys, error) {
	if len(b) > MaxKeys {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), MaxKeys)
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, errors.New(inert.Error(err))
	}
	if len(set.Keys) > maxKeyCount {
		return nil, fmt.Errorf("it has %d keys, at most %d are read", len(set.Keys), maxKeyCount)
	}
	out := &Keys{byID: map[string]key{}}
	for i, text := range set.Keys {
		id, k, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("its key number %d: %w", i+1, err)
		}
		if k == nil {
			continue
		}
		if _, twice := out.byID[id]; twice {
			return nil, fmt.Errorf("two of its keys have the id %s", inert.Quote(id))
		}
		out.byID[id] = *k
	}
	if len(out.byID) == 0 {
		return nil, errors.New("no key of it is for RS256 or ES256 signatures")
	}
	return out, nil
}

// parseKey is one key of a set; nil where it is for something else.
func parseKey(text []byte) (string, *key, error) {
	var head struct {
		Type      string `json:"kty"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
		Curve     string `json:"crv"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return "", nil, errors.New(inert.Error(err))
	}
	var algorithm jose.SignatureAlgorithm
	switch {
	case head.Use != "" && head.Use != "sig":
	case head.Type == "RSA" && (head.Algorithm == "" || head.Algorithm == string(jose.RS256)):
		algorithm = jose.RS256
	case head.Type == "EC" && head.Curve == "P-256" && (head.Algorithm == "" || head.Algorithm == string(jose.ES256)):
		algorithm = jose.ES256
	}
	if algorithm == "" {
		return "", nil, nil
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(text); err != nil {
		return "", nil, errors.New(inert.Error(err))
	}
	if k.KeyID == "" || len(k.KeyID) > maxKeyID {
		return "", nil, fmt.Errorf("its id must have 1 to %d bytes", maxKeyID)
	}
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		if n := public.N.BitLen(); n < minRSABits || n > maxRSABits {
			return "", nil, fmt.Errorf("it has %d bits; %d to %d are taken", n, minRSABits, maxRSABits)
		}
		if public.E < 3 || public.E%2 == 0 || public.E > maxRSAPublic {
			return "", nil, fmt.Errorf("its exponent %d is not taken", public.E)
		}
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return "", nil, errors.New("it is not of the curve P-256")
		}
	default:
		return "", nil, errors.New("it is not a public key")
	}
	return k.KeyID, &key{algorithm, k.Key}, nil
}

// Has reports whether there is a key of that id: whoever keeps a set knows by it when to fetch another.
func (k *Keys) Has(id string) bool {
	if k == nil {
		return false
	}
	_, ok := k.byID[id]
	return ok
}
