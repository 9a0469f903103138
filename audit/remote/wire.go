// Package remote is an audit log that a server keeps: it hands entries over and reads the log's files, by HTTP.
//
//	POST URL/entries   an entry; answered once a signed checkpoint covers it, with the receipt
//	GET  URL/PATH      a file of the log, by the paths of package log
//
// where URL is the server's, "/log/" and the log's origin. Whoever hands an entry over shows who they are before they
// send it: the header [ClaimHeader] has the digest of what the entry claims, and Authorization a run's identity token
// for that audience, or a signature over it. So neither is of use for another entry, and to send one again does no harm:
// the server knows an entry by its identity.
package remote

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

// ClaimHeader is the header with the digest of what an entry claims ([audit.Digest] of [audit.Entry.Claim]).
const ClaimHeader = "Remit-Claim"

// The limits of what is handed over.
const (
	MaxBundles    = 1 << 20    // bytes of all delegation bundles of an entry
	MaxSubmission = 1600 << 10 // bytes of the body, in which both are in base64
	MaxAnswer     = 256 << 10  // bytes of the answer

	maxAuthorization = 24 << 10
	maxURL           = 1024
)

// The schemes of Authorization.
const (
	bearer    = "Bearer "
	signature = "Remit-Signature "

	namespace = "audit@remit.sh" // of the SSHSIG
)

// Submission is the body of a POST.
type Submission struct {
	Entry   []byte   `json:"entry"` // canonical, without an attestation
	Bundles [][]byte `json:"bundles,omitzero"`
}

// Answer is what the server says of an entry that is in the log.
type Answer struct {
	Index   int64   `json:"index"`
	Again   bool    `json:"again,omitzero"`  // it was in the log before
	Others  []int64 `json:"others,omitzero"` // entries of the same identity that say something else
	Receipt []byte  `json:"receipt"`         // a C2SP tlog-proof
}

// Refusal is what the server says where it takes nothing. Its texts are the server's, and untrusted.
type Refusal struct {
	Code    string `json:"code"`    // a word for programs
	Message string `json:"message"` // what happened
	Fix     string `json:"fix,omitzero"`
}

// message is what a key signs to vouch for an entry in a log.
func message(origin, claim string) []byte {
	return []byte("remit audit entry\n" + origin + "\n" + claim + "\n")
}

// SignClaim is the value of Authorization by which a key vouches for an entry in the log of that origin.
func SignClaim(origin, claim string, key signing.Signer) (string, error) {
	armored, err := signing.SignSSHSIG(key, namespace, message(origin, claim))
	if err != nil {
		return "", fmt.Errorf("vouching for an audit entry: %w", err)
	}
	return signature + base64.StdEncoding.EncodeToString(armored), nil
}

// Proof is what Authorization holds: a token, or a signature.
type Proof struct {
	Token     string // of a run; "" where it is a signature
	signature *signing.Signature
}

// ParseAuthorization reads Authorization. Nothing is verified. No error repeats it.
func ParseAuthorization(value string) (Proof, error) {
	if len(value) > maxAuthorization {
		return Proof{}, fmt.Errorf("the header Authorization has %d bytes, at most %d are read", len(value), maxAuthorization)
	}
	if token, ok := strings.CutPrefix(value, bearer); ok && token != "" {
		return Proof{Token: token}, nil
	}
	text, ok := strings.CutPrefix(value, signature)
	if !ok {
		return Proof{}, errors.New("the header Authorization holds neither a token (Bearer) nor a signature (Remit-Signature)")
	}
	armored, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(armored) != text {
		return Proof{}, errors.New("the signature in the header Authorization is not in canonical base64")
	}
	s, err := signing.ParseSSHSIG(armored)
	if err != nil {
		return Proof{}, fmt.Errorf("the signature in the header Authorization: %w", err)
	}
	return Proof{signature: s}, nil
}

// VerifyClaim is which of some keys vouches for an entry in the log of that origin.
func (p Proof) VerifyClaim(origin, claim string, keys []signing.PublicKey) (signing.PublicKey, error) {
	if p.signature == nil {
		return signing.PublicKey{}, errors.New("it is not signed")
	}
	for _, k := range keys {
		if !k.Equal(p.signature.PublicKey()) {
			continue
		}
		if err := p.signature.VerifyWith(k, message(origin, claim), namespace); err != nil {
			return signing.PublicKey{}, err
		}
		return k, nil
	}
	return signing.PublicKey{}, fmt.Errorf("the key %s is none of those that may write", inert.Word(p.signature.Fingerprint()))
}

// URLOf is where a log is at a server: server is "https://host[:port]", or http where the host is this machine.
func URLOf(server, origin string) (string, error) {
	at := strings.TrimSuffix(server, "/") + "/log/" + origin
	if err := checkURL(at); err != nil {
		return "", err
	}
	if r, err := names.ParseRepository(origin); err != nil || r != origin {
		return "", fmt.Errorf("%s is not the name of a log", inert.Quote(origin))
	}
	return at, nil
}

func checkURL(at string) error {
	u, err := url.Parse(at)
	if err != nil || len(at) > maxURL {
		return fmt.Errorf("%s is no URL of a log", inert.Quote(at))
	}
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && isHere(u.Hostname())):
		return fmt.Errorf("%s must begin with https://: whoever is in between could read what is sent, and answer", inert.Quote(at))
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.EscapedPath() != u.Path || strings.ContainsAny(at, "?#"):
		return fmt.Errorf("%s must be a host and a path alone", inert.Quote(at))
	case !strings.HasPrefix(u.Path, "/log/"):
		return fmt.Errorf("%s is no URL of a log: its path must be /log/ and the log's origin", inert.Quote(at))
	}
	return nil
}

// isHere reports whether a host is this machine.
func isHere(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
