// Package audit holds what the audit log keeps: one [Entry] for each decision of a surface that enforces. It says
// who acted and on whose authority, what was asked, when, by which policy, what was found and what came of it.
//
// An entry is a line of canonical JSON: the same entry has the same bytes, and what [Parse] takes, [Entry.Encode]
// writes again. The log hashes these bytes; every other form (a sentence, a page, an export) is made from them.
// An entry has a bounded size whatever was judged: lists are cut, and then say how much they leave out and what
// the digest of the whole is. It holds no text of a finding, which may quote a file, and so no secret's value; what
// somebody else wrote (a title, a purpose, a path) is kept as it is, bounded, and must be made inert where it is shown.
//
// Package log, below, is the log itself; the folders beside it are where its files are kept.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// Version is the version of the entries that are written. A reader takes no other.
const Version = 1

// The limits of an entry. Sizes are bytes; those of texts and lists count as JSON, escapes included.
const (
	MaxSize = 65_535 // of an entry: what an entry bundle of C2SP tlog-tiles can hold

	maxWord   = 40  // a surface, a kind of question, an event
	maxParty  = 100 // a principal, a key's fingerprint
	maxName   = 300 // a ref, a subject, a run, a path, who approved
	maxText   = 200 // what people wrote, and why something did not count
	maxRef    = 1024
	maxItems  = 1000 // of a list, when it is read; the sizes below bound it when it is written
	maxLinks  = 10   // of a chain, as package delegation has it
	maxRules  = 20   // that one act names
	maxPaths  = 20   // of one act
	maxVoices = 40   // approvals of one gate

	maxStatements = 2 // of one deploy

	maxActsSize   = 24_000
	maxChainsSize = 16_000
	maxGatesSize  = 8_000
	maxRulesSize  = 6_000
)

// Entry is one decision. The zero value is invalid.
type Entry struct {
	Version    int             `json:"version"`
	ID         string          `json:"id"` // see [Entry.Identity]
	Time       time.Time       `json:"time"`
	TimeSource string          `json:"time_source"` // whose clock it is
	Repository string          `json:"repository"`
	Surface    string          `json:"surface"` // where it was enforced, such as "pre-receive"
	Question   Question        `json:"question"`
	Run        Run             `json:"run"`
	Verdict    verdict.Verdict `json:"verdict"`
	Observe    bool            `json:"observe,omitzero"`   // the policy only observes: nothing was blocked
	Bootstrap  bool            `json:"bootstrap,omitzero"` // no policy was in force: nothing was blocked
	Policy     string          `json:"policy,omitzero"`    // digest; "" where none, or more than one, was used
	PolicyFrom string          `json:"policy_from,omitzero"`
	Acts       List[Act]       `json:"acts"`
	Chains     List[Chain]     `json:"chains"` // those behind the acts, each once
	Gates      List[Gate]      `json:"gates"`
	Rules      List[Rule]      `json:"rules"` // what was found, over all acts and the whole
	// Statements are the digests of the envelopes that say of a deploy that it was let through: none, or the two of
	// package statement.
	Statements []string `json:"statements,omitempty"`
	// Attestation is set by who appends the entry, never by who made it.
	Attestation Attestation `json:"attestation,omitzero"`
}

// Attestation is who vouches that an entry is of the surface that it names. The zero value vouches for nothing: such
// an entry says what somebody with a right to write claims, and is never evidence.
type Attestation struct {
	Kind string `json:"kind"` // how it was checked, such as "oidc" for a workflow's token, "hook" for a server's own
	By   string `json:"by"`   // the workflow and run, or the fingerprint of the key
}

// IsZero reports whether nobody vouches.
func (a Attestation) IsZero() bool { return a == Attestation{} }

func (a Attestation) validate() error {
	if a.IsZero() {
		return nil
	}
	if err := checkWord(a.Kind); err != nil {
		return fmt.Errorf("its attestation: %w", err)
	}
	if a.By == "" {
		return errors.New("its attestation does not say by whom")
	}
	return within(maxName, a.By)
}

// Question is what was to be decided.
type Question struct {
	Kind        string `json:"kind"`          // such as "push", "pull_request", "deploy"
	Subject     string `json:"subject"`       // a ref, a pull request's number, a request's digest
	Head        string `json:"head,omitzero"` // commit id
	Base        string `json:"base,omitzero"` // commit id or ref that it was judged against
	Environment string `json:"environment,omitzero"`
	Nonce       string `json:"nonce,omitzero"` // of the request that was judged
}

// Run is the occasion of a decision. The same occasion judged again is another attempt.
type Run struct {
	Event   string `json:"event,omitzero"`   // what the surface was called for: the forge's event, the hook
	ID      string `json:"id,omitzero"`      // of the run, the delivery or the push
	Attempt int    `json:"attempt,omitzero"` // from 1; 0 where the surface counts none
	Job     string `json:"job,omitzero"`
}

// List is a list that says what it leaves out.
type List[T any] struct {
	Items []T `json:"items"`
	Cut   int `json:"cut,omitzero"` // how many more there were
	// Digest is that of the JSON of the whole list where it was cut; "" where it was not.
	Digest string `json:"digest,omitzero"`
}

// IsZero reports whether there was nothing to list.
func (l List[T]) IsZero() bool { return len(l.Items) == 0 && l.Cut == 0 && l.Digest == "" }

// Len is the length of the whole list.
func (l List[T]) Len() int { return len(l.Items) + l.Cut }

// Act is the outcome for one act.
type Act struct {
	Kind       string          `json:"kind"` // names.Action
	Subject    string          `json:"subject"`
	Ref        string          `json:"ref,omitzero"`
	Title      string          `json:"title,omitzero"` // untrusted
	Actor      string          `json:"actor,omitzero"` // "" where nobody could be named
	Key        string          `json:"key,omitzero"`   // fingerprint
	Evidence   string          `json:"evidence,omitzero"`
	Delegation string          `json:"delegation,omitzero"` // digest of the last link of its chain
	Seen       time.Time       `json:"seen,omitzero"`
	SeenBy     string          `json:"seen_by,omitzero"`
	Verdict    verdict.Verdict `json:"verdict"`
	Rules      List[string]    `json:"rules,omitzero"` // ids of what was found, notes and warnings too
	Paths      List[string]    `json:"paths,omitzero"` // that it changes, where the surface tells; untrusted
}

// Chain is the authority behind acts, root first. Its last link's digest is its name.
type Chain struct {
	RootKey string `json:"root_key,omitzero"` // fingerprint of the first delegator's key
	// Forged says that its links are not signed as they say, or do not follow from each other: anybody can put such
	// together, it binds nobody, and the log keeps no bundle of it.
	Forged bool   `json:"forged,omitzero"`
	Links  []Link `json:"links"`
}

// Link is one delegation.
type Link struct {
	Delegator string    `json:"delegator"`
	Delegate  string    `json:"delegate"`
	Key       string    `json:"key,omitzero"` // fingerprint of the delegate's key
	Digest    string    `json:"digest"`
	NotAfter  time.Time `json:"not_after"`
	Purpose   string    `json:"purpose,omitzero"` // untrusted
	Minted    bool      `json:"minted,omitzero"`
}

// Gate is an approval that something needed, and who gave it.
type Gate struct {
	Name    string        `json:"name"`
	Needed  int           `json:"needed"`
	Counted List[string]  `json:"counted"`
	Ignored List[Ignored] `json:"ignored,omitzero"`
}

// Ignored is an approval that did not count.
type Ignored struct {
	Who string `json:"who"`
	Why string `json:"why"`
}

// Rule is how often a rule found something of one effect.
type Rule struct {
	ID     string `json:"rule"`
	Effect string `json:"effect"` // as reports name it
	Count  int    `json:"count"`
}

// Identity is what makes two entries the same decision: the digest of repository, surface, question, head, event,
// run and attempt. Whoever writes an entry again after a crash writes it with the same identity.
func (e *Entry) Identity() string {
	b, err := json.Marshal([]any{
		"remit audit entry", e.Repository, e.Surface, e.Question.Kind, e.Question.Subject, e.Question.Head,
		e.Run.Event, e.Run.ID, e.Run.Attempt, e.Run.Job,
	})
	if err != nil {
		return "" // a text that is not UTF-8, which no valid entry has
	}
	return Digest(b)
}

// Deployed reports whether an entry says that a deploy was let through, and somebody vouches for it.
func (e *Entry) Deployed() bool {
	return e.Question.Kind == string(names.Deploy) && e.Question.Environment != "" && e.Verdict == verdict.Allowed && !e.Attestation.IsZero()
}

// Claim is what an entry says, without who vouches for it: the bytes of the entry as it was handed over.
func (e *Entry) Claim() ([]byte, error) {
	plain := *e
	plain.Attestation = Attestation{}
	return plain.Encode()
}

// Digest is the name of some bytes: "sha256:" and 64 lower-case hexadecimal digits.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Encode is the entry as canonical JSON. It refuses an entry that [Parse] would refuse.
func (e *Entry) Encode() ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, fmt.Errorf("encoding an audit entry: %w", err)
	}
	b, err := marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding an audit entry: %s", inert.Error(err))
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("encoding an audit entry: it has %d bytes, at most %d are kept", len(b), MaxSize)
	}
	return b, nil
}

var errNotCanonical = errors.New("it is not in its canonical form (compact, members in order, nothing empty)")

// Parse reads an entry, strictly: what it takes, [Entry.Encode] writes again byte for byte.
func Parse(b []byte) (*Entry, error) {
	e, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("reading an audit entry: %w", err)
	}
	return e, nil
}

func parse(b []byte) (*Entry, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), MaxSize)
	}
	var e Entry
	err := json.Unmarshal(b, &e, json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFunc(unmarshalVerdict)))
	if err != nil {
		return nil, errors.New(inert.Error(err))
	}
	if err := e.validate(); err != nil {
		return nil, err
	}
	again, err := marshal(&e)
	if err != nil {
		return nil, errors.New(inert.Error(err))
	}
	if !bytes.Equal(again, b) {
		return nil, errNotCanonical
	}
	return &e, nil
}

func marshal(v any) ([]byte, error) { return json.Marshal(v, json.Deterministic(true)) }

// unmarshalVerdict reads the names that reports use, and takes no other word for a denial.
func unmarshalVerdict(b []byte, v *verdict.Verdict) error {
	for _, known := range []verdict.Verdict{verdict.Denied, verdict.NotDecided, verdict.Waiting, verdict.Allowed} {
		if string(b) == `"`+known.String()+`"` {
			*v = known
			return nil
		}
	}
	return fmt.Errorf("%s is no verdict", inert.Quote(b))
}

func (e *Entry) validate() error {
	switch {
	case e.Version != Version:
		return fmt.Errorf("its version is %d, not %d", e.Version, Version)
	case e.Time.IsZero():
		return errors.New("it has no time")
	case e.TimeSource == "":
		return errors.New("it does not say whose clock its time is of")
	case e.Run.Attempt < 0:
		return errors.New("its attempt is negative")
	case e.Verdict > verdict.Allowed:
		return errors.New("it has no verdict")
	case e.ID != e.Identity():
		return fmt.Errorf("its id %s is not that of what it says", inert.Quote(e.ID))
	}
	if r, err := names.ParseRepository(e.Repository); err != nil || r != e.Repository {
		return fmt.Errorf("%s is not the canonical name of a repository", inert.Quote(e.Repository))
	}
	for name, word := range map[string]string{"surface": e.Surface, "question's kind": e.Question.Kind} {
		if err := checkWord(word); err != nil {
			return fmt.Errorf("its %s: %w", name, err)
		}
	}
	if err := checkTimes(e.Time); err != nil {
		return err
	}
	if err := within(maxName, e.TimeSource, e.Question.Subject, e.Question.Head, e.Question.Environment, e.Question.Nonce, e.Run.Event, e.Run.ID, e.Run.Job, e.PolicyFrom); err != nil {
		return err
	}
	if err := within(maxRef, e.Question.Base); err != nil {
		return err
	}
	if err := checkDigest(e.Policy); err != nil {
		return err
	}
	if n := len(e.Statements); n != 0 && n != maxStatements || slices.Contains(e.Statements, "") {
		return errors.New("it names one statement, or more than two")
	}
	if err := errors.Join(checkDigests(e.Statements)...); err != nil {
		return err
	}
	if err := e.Attestation.validate(); err != nil {
		return err
	}
	return errors.Join(
		checkList("acts", e.Acts, maxItems, (*Act).validate), checkList("chains", e.Chains, maxItems, (*Chain).validate),
		checkList("gates", e.Gates, maxItems, (*Gate).validate), checkList("rules", e.Rules, maxItems, (*Rule).validate),
	)
}

func (a *Act) validate() error {
	if err := errors.Join(
		within(maxName, a.Kind, a.Subject, a.Evidence, a.SeenBy), within(maxParty, a.Actor, a.Key), within(maxRef, a.Ref), within(maxText, a.Title),
		checkDigest(a.Delegation), checkTimes(a.Seen),
		checkList("rules", a.Rules, maxRules, text(maxName)), checkList("paths", a.Paths, maxPaths, text(maxName)),
	); err != nil {
		return err
	}
	if a.Kind == "" || a.Verdict > verdict.Allowed {
		return errors.New("it has no kind or no verdict")
	}
	return nil
}

func (c *Chain) validate() error {
	if len(c.Links) == 0 || len(c.Links) > maxLinks {
		return fmt.Errorf("it has %d links; 1 to %d are read", len(c.Links), maxLinks)
	}
	for i := range c.Links {
		l := &c.Links[i]
		if l.Digest == "" {
			return fmt.Errorf("link %d has no digest", i+1)
		}
		if err := errors.Join(within(maxParty, l.Delegator, l.Delegate, l.Key), within(maxText, l.Purpose), checkDigest(l.Digest), checkTimes(l.NotAfter)); err != nil {
			return fmt.Errorf("link %d: %w", i+1, err)
		}
	}
	return within(maxParty, c.RootKey)
}

func (g *Gate) validate() error {
	if g.Needed < 0 {
		return errors.New("it needs fewer than none")
	}
	return errors.Join(within(maxName, g.Name), checkList("counted", g.Counted, maxVoices, text(maxName)),
		checkList("ignored", g.Ignored, maxVoices, func(i *Ignored) error { return errors.Join(within(maxName, i.Who), within(maxText, i.Why)) }))
}

func (r *Rule) validate() error {
	if r.ID == "" || r.Count < 1 {
		return errors.New("it has no id or found nothing")
	}
	for _, e := range effects() {
		if r.Effect == e.String() {
			return within(maxName, r.ID)
		}
	}
	return fmt.Errorf("%s is no effect", inert.Quote(r.Effect))
}

func effects() []verdict.Effect {
	return []verdict.Effect{verdict.Deny, verdict.Undecided, verdict.Pending, verdict.Warn, verdict.Note}
}

func checkList[T any](what string, l List[T], limit int, check func(*T) error) error {
	if len(l.Items) > limit {
		return fmt.Errorf("%s: there are %d, at most %d are read", what, len(l.Items), limit)
	}
	if l.Cut < 0 || (l.Cut > 0) != (l.Digest != "") {
		return fmt.Errorf("%s: it is cut where it has the digest of the whole, and else not", what)
	}
	if err := checkDigest(l.Digest); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for i := range l.Items {
		if err := check(&l.Items[i]); err != nil {
			return fmt.Errorf("%s, number %d: %w", what, i+1, err)
		}
	}
	return nil
}

func text(limit int) func(*string) error { return func(s *string) error { return within(limit, *s) } }

// within reports why a text is too long as JSON.
func within(limit int, texts ...string) error {
	for _, s := range texts {
		if n := quotedLen(s); n > limit {
			return fmt.Errorf("the text %s has %d bytes as JSON, at most %d are read", inert.Quote(s), n, limit)
		}
	}
	return nil
}

// quotedLen is the length of a text as JSON, without its quotes.
func quotedLen(s string) int {
	b, _ := jsontext.AppendQuote(nil, s) // what is not UTF-8 is refused when all of it is encoded
	return len(b) - len(`""`)
}

// checkTimes holds an instant to the one form in which it is written: UTC, in years of four digits.
func checkTimes(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if t.Location() != time.UTC || t.Year() < 1970 || t.Year() > 9999 {
		return fmt.Errorf("the time %s is not in UTC, or not in the years from 1970 to 9999", inert.Quote(t.String()))
	}
	return nil
}

func checkDigests(list []string) []error {
	out := make([]error, len(list))
	for i, text := range list {
		out[i] = checkDigest(text)
	}
	return out
}

func checkDigest(s string) error {
	if s == "" {
		return nil
	}
	return names.CheckDigest(s)
}

// checkWord holds a word of ours to its grammar: [a-z][a-z0-9_-]*.
func checkWord(s string) error {
	if s == "" || len(s) > maxWord {
		return fmt.Errorf("the word %s must have 1 to %d characters", inert.Quote(s), maxWord)
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '_') {
			continue
		}
		return fmt.Errorf("the word %s must match [a-z][a-z0-9_-]*", inert.Quote(s))
	}
	return nil
}
