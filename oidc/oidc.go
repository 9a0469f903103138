// Package oidc reads the identity tokens that a forge gives to a run of a workflow (OpenID Connect), and tells whether
// such a token vouches for an entry of the audit log.
//
// It is pure: the issuer's keys and the time are arguments, so that a token is verified where the forge cannot be
// reached, and as of the moment when it was used. A token is believed when one of the issuer's keys signed it, and
// the token's kid says which: no other key is tried. RS256 and ES256 are taken, and nothing that a token brings along
// (jwk, jku, x5c) is looked at.
//
// A token says which workflow file ran, and not what it did. Who may write a file of that name, in the ref that the
// token names, may have such a token: [Trust] says which are believed.
package oidc

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// GitHub is the issuer of github.com's tokens.
const GitHub = "https://token.actions.githubusercontent.com"

// The limits of a token.
const (
	MaxToken = 16 << 10 // bytes
	MaxSkew  = 5 * time.Minute

	maxLife  = time.Hour
	maxClaim = 1024    // bytes of one text
	maxTime  = 1 << 40 // seconds since 1970
)

// Why a token is not believed. Test with [errors.Is].
var (
	// ErrUnknownKey: the keys at hand have none of the token's kid. It may be there when they are fetched again.
	ErrUnknownKey = errors.New("the issuer's keys at hand have none of that id")
	// ErrExpired: the token is no longer valid.
	ErrExpired = errors.New("it has expired")
	// ErrAudience: the token was made for something else.
	ErrAudience = errors.New("it was made for another audience")
)

// Issuer is who makes the tokens of one forge.
type Issuer struct {
	URL  string // as tokens name it, such as [GitHub]
	Host string // the forge that its repositories are on, such as "github.com"
	Keys *Keys
}

// Want is what a token must be. The zero value takes none.
type Want struct {
	Audience string
	At       time.Time
	Skew     time.Duration // how far the issuer's clock may be off; 0 to [MaxSkew]
}

// Token is what a forge says about a run. Only [Verify] makes one that is believed.
type Token struct {
	Issuer   string
	Audience string
	Subject  string
	IssuedAt time.Time
	Expires  time.Time

	Repository   string // canonical, such as "github.com/acme/shop"
	RepositoryID string // stays when the repository is renamed, and is never given again
	OwnerID      string // of the repository's owner; "" where it does not say
	// Workflow is the file that the run began with, and JobWorkflow the file that the job is of, which differs where
	// that is a reusable workflow: "acme/shop/.github/workflows/remit.yml@refs/heads/main". JobWorkflow is "" where
	// the token does not say.
	Workflow    string
	JobWorkflow string
	SHA         string
	Ref         string
	Event       string
	RunID       string
	RunAttempt  int // from 1
}

// KeyID is the id of the key that a token says it is signed by. Nothing is verified.
func KeyID(token string) (string, error) {
	_, id, err := parse(token)
	if err != nil {
		return "", fmt.Errorf("reading an identity token: %w", err)
	}
	return id, nil
}

// Verify reads a token and verifies all of it: an issuer's key of its kid signed it, it is of that issuer, for that
// audience and valid at that time. No error repeats the token.
func Verify(token string, issuer Issuer, want Want) (*Token, error) {
	t, err := verify(token, issuer, want)
	if err != nil {
		return nil, fmt.Errorf("reading an identity token: %w", err)
	}
	return t, nil
}

func verify(token string, issuer Issuer, want Want) (*Token, error) {
	switch {
	case issuer.URL == "" || issuer.Host == "":
		return nil, errors.New("no issuer is known")
	case want.Audience == "":
		return nil, errors.New("it is not known whom it must be for")
	case want.At.IsZero():
		return nil, errors.New("it is not known when it must be valid")
	case want.Skew < 0 || want.Skew > MaxSkew:
		return nil, fmt.Errorf("a clock that is %s off is not allowed for", want.Skew)
	}
	signed, id, err := parse(token)
	if err != nil {
		return nil, err
	}
	if !issuer.Keys.Has(id) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownKey, inert.Quote(id))
	}
	k := issuer.Keys.byID[id]
	if signed.Signatures[0].Header.Algorithm != string(k.algorithm) {
		return nil, fmt.Errorf("it is signed by %s, and the key is for %s", inert.Quote(signed.Signatures[0].Header.Algorithm), k.algorithm)
	}
	payload, err := signed.Verify(k.public)
	if err != nil {
		return nil, errors.New("the issuer did not sign it")
	}
	t, err := parseClaims(payload, issuer.Host, want)
	if err != nil {
		return nil, err
	}
	if t.Issuer != issuer.URL {
		return nil, fmt.Errorf("it is of the issuer %s, not %s", inert.Quote(t.Issuer), inert.Quote(issuer.URL))
	}
	if t.Audience != want.Audience {
		return nil, fmt.Errorf("%w: %s, not %s", ErrAudience, inert.Quote(t.Audience), inert.Quote(want.Audience))
	}
	return t, nil
}

// parse reads a token's form, in which it can be written in one way only.
func parse(token string) (*jose.JSONWebSignature, string, error) {
	if token == "" || len(token) > MaxToken {
		return nil, "", fmt.Errorf("it has %d bytes; 1 to %d are read", len(token), MaxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, "", errors.New("it does not have three parts")
	}
	var header []byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || base64.RawURLEncoding.EncodeToString(b) != p {
			return nil, "", errors.New("it is not in canonical base64url")
		}
		if i == 0 {
			header = b
		}
	}
	var head struct {
		Algorithm string         `json:"alg"`
		KeyID     string         `json:"kid"`
		Type      string         `json:"typ"`
		Critical  jsontext.Value `json:"crit"`
		Unencoded jsontext.Value `json:"b64"`
	}
	if err := json.Unmarshal(header, &head); err != nil {
		return nil, "", fmt.Errorf("its header: %s", inert.Error(err))
	}
	switch {
	case head.Type != "" && !strings.EqualFold(head.Type, "JWT"):
		return nil, "", fmt.Errorf("it is of the type %s, not JWT", inert.Quote(head.Type))
	case head.KeyID == "" || len(head.KeyID) > maxKeyID:
		return nil, "", fmt.Errorf("the id of its key must have 1 to %d bytes", maxKeyID)
	case head.Critical != nil || head.Unencoded != nil:
		return nil, "", errors.New("its header asks for an extension")
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return nil, "", errors.New(inert.Error(err))
	}
	if len(signed.Signatures) != 1 || signed.Signatures[0].Header.KeyID != head.KeyID || signed.Signatures[0].Header.Algorithm != head.Algorithm {
		return nil, "", errors.New("its header is read in two ways")
	}
	return signed, head.KeyID, nil
}

// claims are the members of a token that are read. Others are passed over: forges add some.
type claims struct {
	Issuer       string         `json:"iss"`
	Audience     jsontext.Value `json:"aud"`
	Subject      string         `json:"sub"`
	IssuedAt     jsontext.Value `json:"iat"`
	NotBefore    jsontext.Value `json:"nbf"`
	Expires      jsontext.Value `json:"exp"`
	Repository   string         `json:"repository"`
	RepositoryID string         `json:"repository_id"`
	OwnerID      string         `json:"repository_owner_id"`
	Workflow     string         `json:"workflow_ref"`
	JobWorkflow  string         `json:"job_workflow_ref"`
	SHA          string         `json:"sha"`
	Ref          string         `json:"ref"`
	Event        string         `json:"event_name"`
	RunID        string         `json:"run_id"`
	RunAttempt   string         `json:"run_attempt"`
}

func parseClaims(payload []byte, host string, want Want) (*Token, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, fmt.Errorf("its claims: %s", inert.Error(err))
	}
	audience, err := oneAudience(c.Audience)
	if err != nil {
		return nil, err
	}
	t := &Token{
		Issuer: c.Issuer, Audience: audience, Subject: c.Subject, RepositoryID: c.RepositoryID, OwnerID: c.OwnerID,
		Workflow: c.Workflow, JobWorkflow: c.JobWorkflow, SHA: c.SHA, Ref: c.Ref, Event: c.Event, RunID: c.RunID,
	}
	for name, text := range map[string]string{
		"iss": c.Issuer, "aud": audience, "repository": c.Repository, "repository_id": c.RepositoryID,
		"workflow_ref": c.Workflow, "sha": c.SHA, "ref": c.Ref, "event_name": c.Event, "run_id": c.RunID,
	} {
		if text == "" {
			return nil, fmt.Errorf("it has no claim %s", name)
		}
	}
	for _, text := range []string{
		c.Issuer, audience, c.Subject, c.Repository, c.RepositoryID, c.OwnerID, c.Workflow, c.JobWorkflow, c.SHA, c.Ref, c.Event, c.RunID,
	} {
		if len(text) > maxClaim {
			return nil, fmt.Errorf("a claim has %d bytes, at most %d are read", len(text), maxClaim)
		}
	}
	if t.RunAttempt, err = strconv.Atoi(c.RunAttempt); err != nil || t.RunAttempt < 1 || strconv.Itoa(t.RunAttempt) != c.RunAttempt {
		return nil, fmt.Errorf("its run_attempt %s is no number from 1", inert.Quote(c.RunAttempt))
	}
	if strings.Count(c.Repository, "/") != 1 {
		return nil, fmt.Errorf("its repository %s is not owner/name", inert.Quote(c.Repository))
	}
	if t.Repository, err = names.ParseRepository(host + "/" + c.Repository); err != nil {
		return nil, fmt.Errorf("its repository: %w", err)
	}
	return t, t.readTimes(&c, want)
}

// oneAudience is a token's audience. One for several is for nobody in particular.
func oneAudience(v jsontext.Value) (string, error) {
	var list []string
	if bytes.HasPrefix(v, []byte("[")) {
		if err := json.Unmarshal(v, &list); err != nil {
			return "", fmt.Errorf("its audience: %s", inert.Error(err))
		}
	} else if v != nil {
		list = make([]string, 1)
		if err := json.Unmarshal(v, &list[0]); err != nil {
			return "", fmt.Errorf("its audience: %s", inert.Error(err))
		}
	}
	if len(list) != 1 {
		return "", fmt.Errorf("it is for %d audiences; it must be for one", len(list))
	}
	return list[0], nil
}

func (t *Token) readTimes(c *claims, want Want) error {
	var err error
	if t.IssuedAt, err = seconds("iat", c.IssuedAt); err != nil {
		return err
	}
	if t.Expires, err = seconds("exp", c.Expires); err != nil {
		return err
	}
	from := t.IssuedAt
	if c.NotBefore != nil {
		notBefore, err := seconds("nbf", c.NotBefore)
		if err != nil {
			return err
		}
		if notBefore.After(from) {
			from = notBefore
		}
	}
	switch life := t.Expires.Sub(t.IssuedAt); {
	case life <= 0 || life > maxLife:
		return fmt.Errorf("it is valid for %s; up to %s is taken", life, maxLife)
	case from.Add(-want.Skew).After(want.At):
		return fmt.Errorf("it is valid from %s, and it is %s", names.Stamp(from), names.Stamp(want.At))
	case !want.At.Before(t.Expires.Add(want.Skew)):
		return fmt.Errorf("%w: at %s, and it is %s", ErrExpired, names.Stamp(t.Expires), names.Stamp(want.At))
	}
	return nil
}

// seconds reads a NumericDate (RFC 7519) of whole seconds.
func seconds(name string, v jsontext.Value) (time.Time, error) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n <= 0 || n > maxTime {
		return time.Time{}, fmt.Errorf("its claim %s is not a time in whole seconds", name)
	}
	return time.Unix(n, 0).UTC(), nil
}
