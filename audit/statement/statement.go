// Package statement is what a gate says of a deploy that it let through, for whoever is to run what was deployed: that
// this commit, and these artifacts, passed into this environment, and on whose authority.
//
// It is two in-toto statements, each in a DSSE envelope by the same key and about the same subjects. The first is a SLSA
// Verification Summary (https://slsa.dev/spec/v1.1/verification_summary), which admission controllers and
// slsa-verifier read without knowing anything of remit. The second, [DeployType], is the account behind it: who asked, the
// chain of delegations, who approved, by which policy, and the entry of the audit log. They are two and not one, because
// a verifier of summaries takes an envelope with one statement of one predicate type, because what is handed to
// whoever runs the artifact need not tell people's names and purposes, and because SLSA's predicate has no place for a chain.
//
// Nothing joins two that do not belong together: each member of the summary follows from the account, and [Parse] takes no
// other pair. A deploy that was denied, that waits, or that was let through only because nothing is enforced has none.
package statement

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// The names that verifiers compare.
const (
	SummaryType = "https://slsa.dev/verification_summary/v1"
	DeployType  = "https://remit.sh/deploy/v1"
	VerifierID  = "https://remit.sh/gate/v1"

	// LevelAuthorized: somebody whom the policy lets deploy there asked for it, signed, and every gate of the policy was
	// met. LevelApproved: others approved it beside that, because the policy asks for it.
	LevelAuthorized = "REMIT_DEPLOY_AUTHORIZED"
	LevelApproved   = "REMIT_DEPLOY_APPROVED"
)

// MaxBundle is how many bytes a file of both envelopes has at most.
const MaxBundle = 2 * (signing.MaxEnvelopeSize + 1)

const (
	passed      = "PASSED"
	slsaVersion = "1.1"
	timeLayout  = "2006-01-02T15:04:05Z"

	maxText  = 1024 // bytes of what is not bounded otherwise
	maxLinks = 10   // of a chain, as package delegation has it
	maxGates = 1000
)

// ErrNoDeploy says that an entry is of no deploy that was let through, so that there is nothing to be stated.
var ErrNoDeploy = errors.New("it is no deploy that a policy in force let through")

// Deploy is a deploy that a gate let through. The zero value is invalid.
type Deploy struct {
	Entry       string // identity of the audit log's entry
	Surface     string // where it was decided
	Time        time.Time
	TimeSource  string // whose clock it is
	Repository  string
	Environment string
	Commit      string
	Ref         string // that led to the commit
	Artifacts   []delegation.Artifact
	Request     string       // digest of the signed request
	Reason      string       // untrusted
	By          Party        // who asked
	RootKey     string       // fingerprint of the first delegator's key; "" where nobody delegated
	Chain       []audit.Link // root first; none where whoever asked did so in its own name
	Gates       []Gate
	Policy      string // digest
	PolicyFrom  string
	Signer      signing.PublicKey // plain Ed25519
}

// Party is who asked, and the fingerprint of the key that signed the request.
type Party struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Gate is approvals that the policy asked for, and who gave them.
type Gate struct {
	Name   string   `json:"gate"`
	Needed int      `json:"needed"`
	By     []string `json:"by"`
	More   int      `json:"more,omitzero"` // that are not listed
}

// The JSON of the statements. The order of the fields is the order of the members.
type envelope[P any] struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     P         `json:"predicate"`
}

type subject struct {
	Name   string `json:"name"`
	Digest digest `json:"digest"`
}

type digest struct {
	GitCommit string `json:"gitCommit,omitzero"`
	SHA256    string `json:"sha256,omitzero"`
}

type summary struct {
	Verifier struct {
		ID string `json:"id"`
	} `json:"verifier"`
	TimeVerified string `json:"timeVerified"`
	ResourceURI  string `json:"resourceUri"`
	Policy       struct {
		URI    string `json:"uri"`
		Digest digest `json:"digest"`
	} `json:"policy"`
	VerificationResult string   `json:"verificationResult"`
	VerifiedLevels     []string `json:"verifiedLevels"`
	SLSAVersion        string   `json:"slsaVersion"`
}

type deploy struct {
	Entry       string                `json:"entry"`
	Surface     string                `json:"surface"`
	Time        string                `json:"time"`
	TimeSource  string                `json:"time_source"`
	Repository  string                `json:"repository"`
	Environment string                `json:"environment"`
	Commit      string                `json:"commit"`
	Ref         string                `json:"ref"`
	Artifacts   []delegation.Artifact `json:"artifacts,omitempty"`
	Request     string                `json:"request"`
	Reason      string                `json:"reason"`
	By          Party                 `json:"by"`
	RootKey     string                `json:"root_key,omitzero"`
	Chain       []audit.Link          `json:"chain,omitempty"`
	Gates       []Gate                `json:"gates,omitempty"`
	Policy      string                `json:"policy"`
	PolicyFrom  string                `json:"policy_from"`
	Signer      string                `json:"signer"`
}

// Of is what is to be stated of an entry and the request that was let through by it. The error wraps [ErrNoDeploy] where
// nothing is.
func Of(e *audit.Entry, r *delegation.Signed[delegation.Request]) (*Deploy, error) {
	if e == nil || r == nil {
		return nil, ErrNoDeploy
	}
	c := r.Statement
	i := slices.IndexFunc(e.Acts.Items, func(a audit.Act) bool { return a.Kind == string(names.Deploy) && a.Subject == r.Digest })
	switch {
	case e.Observe || e.Bootstrap:
		return nil, fmt.Errorf("%w: nothing is enforced yet", ErrNoDeploy)
	case e.Verdict != verdict.Allowed || e.Question.Kind != string(names.Deploy) || c.Action != names.Deploy:
		return nil, ErrNoDeploy
	case e.Question.Head != c.Commit || e.Repository != c.Repository || !strings.EqualFold(e.Question.Environment, c.Environment):
		return nil, fmt.Errorf("%w: the entry is about something else than the request", ErrNoDeploy)
	case i < 0 || e.Acts.Items[i].Verdict != verdict.Allowed:
		return nil, fmt.Errorf("%w: the entry does not say that of the request", ErrNoDeploy)
	}
	a := &e.Acts.Items[i]
	d := &Deploy{
		Entry: e.ID, Surface: e.Surface, Time: e.Time, TimeSource: e.TimeSource,
		Repository: e.Repository, Environment: e.Question.Environment, Commit: c.Commit, Ref: c.Ref, Artifacts: c.Artifacts,
		Request: r.Digest, Reason: c.Reason, By: Party{a.Actor, a.Key}, Policy: e.Policy, PolicyFrom: e.PolicyFrom,
		Gates: gatesOf(e), Chain: e.ChainOf(a), RootKey: rootKey(e, a),
	}
	if a.Actor != string(c.Signer.Name) || a.Delegation != c.Delegation || a.Delegation != "" && d.Chain == nil {
		return nil, fmt.Errorf("%w: the entry does not say who asked for it on whose authority", ErrNoDeploy)
	}
	return d, nil
}

func gatesOf(e *audit.Entry) []Gate {
	var out []Gate
	for _, g := range e.Gates.Items {
		out = append(out, Gate{g.Name, g.Needed, append([]string{}, g.Counted.Items...), g.Counted.Cut})
	}
	return out
}

func rootKey(e *audit.Entry, a *audit.Act) string {
	i := slices.IndexFunc(e.Chains.Items, func(c audit.Chain) bool { return c.Links[len(c.Links)-1].Digest == a.Delegation })
	if i < 0 {
		return ""
	}
	return e.Chains.Items[i].RootKey
}

// Signed is a deploy with both of its envelopes, whose signatures are good. Whether the key is to be trusted is for
// whoever reads it to say.
type Signed struct {
	Deploy
	Summary, Account *signing.Envelope
}

// Sign states a deploy under a key, which is plain Ed25519.
func (d *Deploy) Sign(key signing.Signer) (*Signed, error) {
	stated := *d
	stated.Signer = key.SSHPublicKey()
	if err := stated.validate(); err != nil {
		return nil, fmt.Errorf("signing a deploy statement: %w", err)
	}
	s := &Signed{Deploy: stated}
	var err error
	if s.Summary, err = signing.SignEnvelope(delegation.PayloadType, stated.summary(), key); err != nil {
		return nil, fmt.Errorf("signing a deploy statement: %w", err)
	}
	if s.Account, err = signing.SignEnvelope(delegation.PayloadType, stated.account(), key); err != nil {
		return nil, fmt.Errorf("signing a deploy statement: %w", err)
	}
	if _, err := Parse(s.Files()...); err != nil {
		return nil, fmt.Errorf("signing a deploy statement: %w", err)
	}
	return s, nil
}

// Files are the envelopes as they are kept, the summary first: a line each, without its end.
func (s *Signed) Files() [][]byte { return [][]byte{s.Summary.Marshal(), s.Account.Marshal()} }

// Bundle is a file of both, a line each: an in-toto bundle (JSON Lines), which [ParseBundle] reads.
func (s *Signed) Bundle() []byte { return append(bytes.Join(s.Files(), []byte("\n")), '\n') }

// ParseBundle reads what [Signed.Bundle] wrote.
func ParseBundle(b []byte) (*Signed, error) {
	if len(b) > MaxBundle {
		return nil, fmt.Errorf("reading a deploy statement: it has %d bytes, at most %d are read", len(b), MaxBundle)
	}
	text, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok {
		return nil, errors.New("reading a deploy statement: it does not have whole lines")
	}
	return Parse(bytes.Split(text, []byte("\n"))...)
}

// Parse reads the two envelopes of a deploy, in the form in which they were written and in no other, and verifies both
// signatures by the key that they name.
func Parse(files ...[]byte) (*Signed, error) {
	s, err := parse(files)
	if err != nil {
		return nil, fmt.Errorf("reading a deploy statement: %w", err)
	}
	return s, nil
}

func parse(files [][]byte) (*Signed, error) {
	if len(files) != 2 {
		return nil, fmt.Errorf("it has %d envelopes, not 2: the summary and the account behind it", len(files))
	}
	s := &Signed{}
	for i, env := range []**signing.Envelope{&s.Summary, &s.Account} {
		e, err := signing.ParseEnvelope(files[i])
		if err != nil {
			return nil, fmt.Errorf("envelope %d: %s", i+1, inert.Error(err))
		}
		if !bytes.Equal(e.Marshal(), files[i]) {
			return nil, fmt.Errorf("envelope %d is not in its canonical form", i+1)
		}
		*env = e
	}
	d, err := parseAccount(s.Account.Payload)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(d.summary(), s.Summary.Payload) {
		return nil, errors.New("the summary is not that of the account beside it")
	}
	for _, e := range []*signing.Envelope{s.Summary, s.Account} {
		if e.PayloadType != delegation.PayloadType || e.KeyID != d.Signer.Fingerprint() {
			return nil, errors.New("an envelope has another payload type, or names another key, than a deploy statement has")
		}
		if err := e.Verify(d.Signer); err != nil {
			return nil, err
		}
	}
	s.Deploy = *d
	return s, nil
}

func parseAccount(payload []byte) (*Deploy, error) {
	var p envelope[deploy]
	if err := json.Unmarshal(payload, &p, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("it is not the JSON of a deploy statement: %s", inert.Error(err))
	}
	a := p.Predicate
	at, err := time.Parse(timeLayout, a.Time)
	if err != nil {
		return nil, fmt.Errorf("its time %s is not like %s", inert.Quote(a.Time), timeLayout)
	}
	key, err := signing.ParseAuthorizedKey(a.Signer)
	if err != nil {
		return nil, fmt.Errorf("its signer's key: %w", err)
	}
	d := &Deploy{
		Entry: a.Entry, Surface: a.Surface, Time: at, TimeSource: a.TimeSource, Repository: a.Repository, Environment: a.Environment,
		Commit: a.Commit, Ref: a.Ref, Artifacts: a.Artifacts, Request: a.Request, Reason: a.Reason, By: a.By, RootKey: a.RootKey,
		Chain: a.Chain, Gates: a.Gates, Policy: a.Policy, PolicyFrom: a.PolicyFrom, Signer: key,
	}
	if err := d.validate(); err != nil {
		return nil, err
	}
	if !bytes.Equal(d.account(), payload) {
		return nil, errors.New("it is not in its canonical form (compact, members in order, nothing empty)")
	}
	return d, nil
}

// Fits says why a statement is not that of an entry of the audit log; nil: it is.
func (s *Signed) Fits(e *audit.Entry) error {
	request := &delegation.Signed[delegation.Request]{Digest: s.Request, Statement: delegation.Request{
		Action: names.Deploy, Repository: s.Repository, Environment: s.Environment, Commit: s.Commit, Ref: s.Ref, Artifacts: s.Artifacts,
		Reason: s.Reason, Signer: delegation.Party{Name: names.Principal(s.By.Name)},
	}}
	if n := len(s.Chain); n > 0 {
		request.Statement.Delegation = s.Chain[n-1].Digest
	}
	want, err := Of(e, request)
	if err != nil {
		return fmt.Errorf("the deploy statement is not that of its entry: %w", err)
	}
	want.Signer = s.Signer
	if !bytes.Equal(want.account(), s.Account.Payload) {
		return errors.New("the deploy statement is not that of its entry: they do not say the same")
	}
	return nil
}

func (d *Deploy) subjects() []subject {
	out := []subject{{Name: "https://" + d.Repository, Digest: digest{GitCommit: d.Commit}}}
	for _, a := range d.Artifacts {
		out = append(out, subject{Name: a.Name, Digest: digest{SHA256: a.SHA256}})
	}
	return out
}

// Levels are what the summary says that was verified.
func (d *Deploy) Levels() []string {
	levels := []string{LevelAuthorized}
	if slices.ContainsFunc(d.Gates, func(g Gate) bool { return g.Needed > 0 && len(g.By) > 0 }) {
		levels = append(levels, LevelApproved)
	}
	return levels
}

// Resource names an environment of a repository, as the summary's resourceUri does. Names of environments are compared
// without case: it is in lower case.
func Resource(repository, environment string) string {
	return "https://" + repository + "?environment=" + url.PathEscape(strings.ToLower(environment))
}

// summary is the payload of the first statement.
func (d *Deploy) summary() []byte {
	var s summary
	s.Verifier.ID = VerifierID
	s.TimeVerified = d.Time.UTC().Format(timeLayout)
	s.ResourceURI = Resource(d.Repository, d.Environment)
	s.Policy.URI = "https://" + d.Repository + "?policy=" + url.PathEscape(d.PolicyFrom)
	s.Policy.Digest.SHA256 = strings.TrimPrefix(d.Policy, "sha256:")
	s.VerificationResult, s.VerifiedLevels, s.SLSAVersion = passed, d.Levels(), slsaVersion
	return marshal(d, SummaryType, s)
}

// account is the payload of the second.
func (d *Deploy) account() []byte {
	return marshal(d, DeployType, deploy{
		Entry: d.Entry, Surface: d.Surface, Time: d.Time.UTC().Format(timeLayout), TimeSource: d.TimeSource,
		Repository: d.Repository, Environment: d.Environment, Commit: d.Commit, Ref: d.Ref, Artifacts: d.Artifacts,
		Request: d.Request, Reason: d.Reason, By: d.By, RootKey: d.RootKey, Chain: d.Chain, Gates: d.Gates,
		Policy: d.Policy, PolicyFrom: d.PolicyFrom, Signer: d.Signer.AuthorizedKey(),
	})
}

func marshal[P any](d *Deploy, predicateType string, p P) []byte {
	b, err := json.Marshal(envelope[P]{delegation.StatementType, d.subjects(), predicateType, p}, json.Deterministic(true))
	if err != nil {
		return nil // a text that is not UTF-8, which validate refuses
	}
	return b
}

func (d *Deploy) validate() error {
	if err := d.Signer.AgentKey(); err != nil {
		return fmt.Errorf("the key that signs: %w", err)
	}
	for name, text := range map[string]string{"entry": d.Entry, "request": d.Request, "policy": d.Policy} {
		if err := names.CheckDigest(text); err != nil {
			return fmt.Errorf("its %s: %w", name, err)
		}
	}
	if r, err := names.ParseRepository(d.Repository); err != nil || r != d.Repository {
		return fmt.Errorf("%s is not the canonical name of a repository", inert.Quote(d.Repository))
	}
	if n := len(d.Commit); n != 40 && n != 64 || strings.Trim(d.Commit, "0123456789abcdef") != "" {
		return fmt.Errorf("%s is not the id of a commit", inert.Quote(d.Commit))
	}
	if err := names.CheckRef(d.Ref); err != nil {
		return err
	}
	if _, err := names.ParsePrincipal(d.By.Name); err != nil {
		return fmt.Errorf("who asked: %w", err)
	}
	if d.Time.IsZero() || d.Surface == "" || d.TimeSource == "" || d.Environment == "" || d.Reason == "" || d.By.Key == "" {
		return errors.New("it does not say when or where it was decided, to what environment, for what, or with which key it was asked for")
	}
	if len(d.Chain) > maxLinks || len(d.Gates) > maxGates || len(d.Artifacts) > delegation.MaxArtifacts {
		return errors.New("it has more delegations, gates or artifacts than are read")
	}
	if n := len(d.Chain); n > 0 && d.Chain[n-1].Delegate != d.By.Name {
		return fmt.Errorf("the last delegation is to %s, and %s asked", inert.Quote(d.Chain[n-1].Delegate), d.By.Name)
	}
	for i := range d.Artifacts {
		if a, err := delegation.ParseArtifact(d.Artifacts[i].String()); err != nil || a != d.Artifacts[i] {
			return fmt.Errorf("%s is no artifact", inert.Quote(d.Artifacts[i].Name))
		}
	}
	for _, text := range []string{d.Surface, d.TimeSource, d.Environment, d.Ref, d.Reason, d.By.Key, d.RootKey, d.PolicyFrom} {
		if len(text) > maxText {
			return fmt.Errorf("%s has %d bytes, at most %d are read", inert.Quote(text), len(text), maxText)
		}
	}
	if d.account() == nil || d.summary() == nil {
		return errors.New("a text of it is not UTF-8")
	}
	return nil
}

// Sentences read a deploy out. They are safe to show.
func (d *Deploy) Sentences() []string {
	what := "Commit " + d.Commit
	for i, a := range d.Artifacts {
		if i == 0 {
			what += ", as "
		} else {
			what += ", "
		}
		what += inert.WordAll(a.Name) + " (sha256:" + a.SHA256 + ")"
	}
	out := []string{
		fmt.Sprintf("%s, was let through to %s of %s, %s (%s), by the gate %s: audit entry %s.",
			what, inert.WordAll(d.Environment), d.Repository, names.Stamp(d.Time), inert.LineOf(d.TimeSource, maxText), inert.WordAll(d.Surface), d.Entry),
		fmt.Sprintf("%s asked for it, for %s, with the key %s: request %s.", d.By.Name, inert.QuoteAll(d.Reason), inert.WordAll(d.By.Key), d.Request),
	}
	for _, l := range d.Chain {
		out = append(out, fmt.Sprintf("%s let %s, until %s, for %s: delegation %s.",
			inert.WordAll(l.Delegator), inert.WordAll(l.Delegate), names.Stamp(l.NotAfter), inert.QuoteAll(l.Purpose), l.Digest))
	}
	if len(d.Chain) == 0 {
		out = append(out, "It was asked for in its own name, and nobody delegated.")
	}
	for _, g := range d.Gates {
		by := make([]string, len(g.By))
		for i, who := range g.By {
			by[i] = inert.WordAll(who)
		}
		if g.More > 0 {
			by = append(by, fmt.Sprintf("%d more", g.More))
		}
		if len(by) == 0 {
			by = []string{"nobody"}
		}
		out = append(out, fmt.Sprintf("The gate %s asks for %d: %s approved.", inert.QuoteAll(g.Name), g.Needed, names.List(by, "and")))
	}
	return append(out, fmt.Sprintf("It was judged by the policy %s (%s).", d.Policy, inert.WordAll(d.PolicyFrom)))
}
