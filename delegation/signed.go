package delegation

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// Limits of the statements that are no delegations, beside those of a delegation.
const (
	MaxSignedSize  = 96 << 10 // bytes of a signed statement's file: room for the longest statement and bundle
	MaxReason      = 500      // bytes, also of a pull request's purpose
	MaxEnvironment = 100      // characters
)

// Statement is what a principal states beside delegations: a [PullRequest], [Request] or [Approval].
type Statement interface {
	// Payload is what is signed: the in-toto statement as canonical JSON. It does
	// not check the statement; it is nil where a text is not UTF-8.
	Payload() []byte
	// Sentence reads the statement out. It is safe to show: text that somebody chose freely is quoted
	// in ASCII.
	Sentence() string
	// By is who states it, and the key that must have signed it. Whether the key is that
	// principal's is for the policy to say.
	By() Party
	// Authority is the digest of the delegation under which it is stated; "" for a principal who
	// acts in its own name.
	Authority() string
	// ForRepository says why it is not for the repository of that canonical name and id; nil if it
	// is. An id of 0, on either side, is not known.
	ForRepository(repository string, repositoryID int64) error

	validate() error
	subject() subject
}

// Signed is a statement with its signature. [SignStatement] and [ParseSigned] make one that has been
// verified; of one that was put together otherwise [Signed.Verify] says what it is worth.
type Signed[C Statement] struct {
	Statement C
	Envelope  *signing.Envelope
	Digest    string // "sha256:" and the hexadecimal SHA-256 of the payload
	// Bundle is the chain that gives the statement its authority, where it travels along. It is
	// well-formed and leads to the statement; whether it holds is for [Chain.Problems] to say.
	Bundle Chain
}

const signedVersion = 1

// signedFile is the JSON of a Signed.
type signedFile struct {
	Version   int            `json:"version"`
	Statement jsontext.Value `json:"statement"`
	Bundle    jsontext.Value `json:"bundle,omitzero"`
}

// SignStatement signs c with the key of the principal that states it. It refuses a signer with another
// key and a field that is not well-formed.
func SignStatement[C Statement](c C, s signing.Signer) (*Signed[C], error) {
	if any(c) == nil {
		return nil, errors.New("signing a statement: there is none")
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	by := c.By()
	if !s.SSHPublicKey().Equal(by.Key) {
		return nil, fmt.Errorf("signing a statement: the signer's key %s is not the key of %s, %s",
			s.SSHPublicKey().Fingerprint(), by.Name, by.Key.Fingerprint())
	}
	// What was made is what a reader will see, or it is not made.
	payload := c.Payload()
	read, err := parsePayload(payload)
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	c, ok := read.(C)
	if !ok {
		return nil, fmt.Errorf("signing a statement: it would be read as %s", kindOf(read))
	}
	env, err := signing.SignEnvelope(PayloadType, payload, s)
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	return &Signed[C]{Statement: c, Envelope: env, Digest: digestOf(payload)}, nil
}

// ParseSigned reads what [Signed.Marshal] writes, a statement and perhaps its bundle:
//
//	{"version":1,"statement":<DSSE envelope>,"bundle":<bundle>}
//
// compact, members in this order, nothing behind it. C is the type of statement that is expected; any
// other is an error, and with [Statement] itself all three are taken. Sizes are checked before anything
// is parsed, and the statement is parsed before any signature is looked at. The statement's
// signature must be one by the key that it names: what is returned has been verified, and for a
// forgery errors.Is(err, [signing.ErrBadSignature]). Whatever is accepted, Marshal writes again
// byte for byte.
func ParseSigned[C Statement](b []byte) (*Signed[C], error) {
	s, err := parseSigned[C](b)
	if err != nil {
		return nil, fmt.Errorf("reading a signed statement: %w", err)
	}
	return s, nil
}

func parseSigned[C Statement](b []byte) (*Signed[C], error) {
	if len(b) > MaxSignedSize {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), MaxSignedSize)
	}
	if err := checkNesting(b); err != nil {
		return nil, err
	}
	var raw signedFile
	if err := json.Unmarshal(b, &raw, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("it is not the JSON of a signed statement: %s", inert.Error(err))
	}
	if raw.Version != signedVersion {
		return nil, fmt.Errorf("its version is %d, not %d: it may need a newer remit", raw.Version, signedVersion)
	}
	env, err := signing.ParseEnvelope(raw.Statement)
	if err != nil {
		return nil, errors.New(inert.Error(err))
	}
	if env.PayloadType != PayloadType {
		return nil, fmt.Errorf("the payload type is %s, not %s", inert.Quote(env.PayloadType), PayloadType)
	}
	read, err := parsePayload(env.Payload)
	if err != nil {
		return nil, err
	}
	statement, ok := read.(C)
	if !ok {
		return nil, fmt.Errorf("it is %s, which is not what is expected here", kindOf(read))
	}
	s := &Signed[C]{Statement: statement, Envelope: env, Digest: digestOf(env.Payload)}
	if err := s.verifySignature(); err != nil {
		return nil, err
	}
	if raw.Bundle != nil {
		if s.Bundle, err = ParseBundle(raw.Bundle); err != nil {
			return nil, err
		}
		if err := s.Bundle.LeadsTo(statement); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(s.Marshal(), b) {
		return nil, errors.New("it is not in its canonical form (compact, members in order)")
	}
	return s, nil
}

// Verify checks all that a Signed says of itself: that the envelope holds the statement, that the key
// which the statement names signed it, and that the bundle, if there is one, leads to it.
func (s *Signed[C]) Verify() error {
	if s == nil || any(s.Statement) == nil || s.Envelope == nil {
		return errors.New("verifying a statement: there is none, or nobody signed it")
	}
	if err := s.Statement.validate(); err != nil {
		return fmt.Errorf("verifying a statement: %w", err)
	}
	payload := s.Statement.Payload()
	if s.Envelope.PayloadType != PayloadType || !bytes.Equal(s.Envelope.Payload, payload) || s.Digest != digestOf(payload) {
		return errors.New("verifying a statement: what was signed is something else")
	}
	if err := s.verifySignature(); err != nil {
		return fmt.Errorf("verifying a statement: %w", err)
	}
	if s.Bundle != nil {
		if err := s.Bundle.LeadsTo(s.Statement); err != nil {
			return fmt.Errorf("verifying a statement: %w", err)
		}
	}
	return nil
}

func (s *Signed[C]) verifySignature() error {
	by := s.Statement.By()
	if err := s.Envelope.Verify(by.Key); err != nil {
		return fmt.Errorf("it says that it is by %s, and its signature is not one by the key %s: %w", by.Name, by.Key.Fingerprint(), err)
	}
	return nil
}

// WithBundle returns s together with the chain under which it was made, to be handed over as one.
func (s *Signed[C]) WithBundle(c Chain) (*Signed[C], error) {
	if err := c.LeadsTo(s.Statement); err != nil {
		return nil, fmt.Errorf("adding a bundle to a statement: %w", err)
	}
	if n := len(c.Marshal()); n > MaxBundleSize {
		return nil, fmt.Errorf("adding a bundle to a statement: it has %d bytes, at most %d are allowed", n, MaxBundleSize)
	}
	out := *s
	out.Bundle = c
	return &out, nil
}

// LeadsTo says why c is not the chain under which a statement was made; nil if it is: its leaf is the
// delegation that the statement names, and the leaf's delegate stated and signed the statement. It is a
// part of what a judge must ask; whether the chain holds is another.
func (c Chain) LeadsTo(statement Statement) error {
	leaf, by := c.Leaf(), statement.By()
	switch {
	case statement.Authority() == "":
		return fmt.Errorf("the statement by %s names no delegation, and a bundle comes with it", by.Name)
	case leaf.Digest != statement.Authority():
		return fmt.Errorf("the bundle ends in %s, and the statement names the delegation %s", inert.Quote(leaf.Digest), statement.Authority())
	case leaf.Delegate.Name != by.Name || !leaf.Delegate.Key.Equal(by.Key):
		return fmt.Errorf("the delegation %s is to %s with the key %s, and the statement is by %s with the key %s",
			leaf.Digest, leaf.Delegate.Name, leaf.Delegate.Key.Fingerprint(), by.Name, by.Key.Fingerprint())
	}
	return nil
}

// Marshal returns the file of the statement and its bundle, which [ParseSigned] reads. Nothing ends
// its only line.
func (s *Signed[C]) Marshal() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `{"version":%d,"statement":`, signedVersion)
	if s.Envelope == nil {
		out.WriteString("null") // no parser takes it
	} else {
		out.Write(s.Envelope.Marshal())
	}
	if s.Bundle != nil {
		out.WriteString(`,"bundle":`)
		out.Write(s.Bundle.Marshal())
	}
	out.WriteByte('}')
	return out.Bytes()
}

// Text is the file in base64url without padding: one word, for places that would write JSON anew
// or break its lines, such as a deployment's payload or a dispatch input.
func (s *Signed[C]) Text() string { return base64.RawURLEncoding.EncodeToString(s.Marshal()) }

// DecodeText reads what [Signed.Text] writes and returns the file, for [ParseSigned] to read.
func DecodeText(text string) ([]byte, error) {
	if most := base64.RawURLEncoding.EncodedLen(MaxSignedSize); len(text) > most {
		return nil, fmt.Errorf("the signed statement has %d characters, at most %d are read", len(text), most)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 || strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return nil, errors.New("the signed statement is not base64url without padding")
	}
	return b, nil
}

// parsePayload reads the payload of any statement. Whatever is accepted, its Statement method
// writes again byte for byte.
func parsePayload(payload []byte) (Statement, error) {
	s, err := readStatement[jsontext.Value](payload, "a statement")
	if err != nil {
		return nil, err
	}
	var c Statement
	switch s.PredicateType {
	case PullRequestType:
		c, err = readPredicate[pullRequestPredicate](s.Predicate, "a pull request")
	case RequestType:
		c, err = readPredicate[requestPredicate](s.Predicate, "a request")
	case ApprovalType:
		c, err = readPredicate[approvalPredicate](s.Predicate, "an approval")
	case PredicateType:
		return nil, errors.New("the statement is a delegation, which gives authority and asks for nothing")
	default:
		return nil, fmt.Errorf("the predicate's type is %s, which is none that remit knows", inert.Quote(s.PredicateType))
	}
	if err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	// Tools that know in-toto and nothing of remit must see the same subject.
	if !slices.Equal(s.Subject, []subject{c.subject()}) {
		return nil, errors.New("the statement's subject is not the one thing that its predicate names")
	}
	if !bytes.Equal(c.Payload(), payload) {
		return nil, errNotCanonical
	}
	return c, nil
}

func readPredicate[P interface{ statement() (Statement, error) }](raw jsontext.Value, kind string) (Statement, error) {
	var p P
	if err := json.Unmarshal(raw, &p, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("the predicate is not the JSON of %s: %s", kind, inert.Error(err))
	}
	return p.statement()
}

// writeStatement is the canonical JSON of a statement's statement.
func writeStatement[P any](s subject, predicateType string, p P) []byte {
	b, err := json.Marshal(statement[P]{Type: StatementType, Subject: []subject{s}, PredicateType: predicateType, Predicate: p})
	if err != nil {
		return nil
	}
	return b
}

func kindOf(c Statement) string {
	switch c.(type) {
	case PullRequest:
		return "the statement of a pull request"
	case Request:
		return "a request"
	case Approval:
		return "an approval"
	default:
		return "no statement that remit knows"
	}
}

// checkActor checks who states a pull request or a request, and under which delegation.
func checkActor(p Party, authority string) error {
	if err := p.validate("signer", names.Human, names.Agent); err != nil {
		return err
	}
	if p.Name.Kind() == names.Agent {
		if err := p.Key.AgentKey(); err != nil {
			return fmt.Errorf("the key of %s cannot be an agent's: %w", p.Name, err)
		}
	}
	switch {
	case authority == "":
		return nil
	case p.Name.Kind() == names.Human:
		return fmt.Errorf("%s names a delegation, and a human acts in its own name", p.Name)
	}
	if err := names.CheckDigest(authority); err != nil {
		return fmt.Errorf("the delegation %w", err)
	}
	return nil
}

func checkRepository(name string, id int64) error {
	canonical, err := names.ParseRepository(name)
	switch {
	case err != nil:
		return fmt.Errorf("the repository: %w", err)
	case canonical != name:
		return fmt.Errorf("the repository %s must be written %s", inert.Quote(name), canonical)
	case id < 0:
		return fmt.Errorf("the repository_id %d is negative", id)
	}
	return nil
}

func forRepository(name string, id int64, wanted string, wantedID int64) error {
	switch {
	case name == "" || name != wanted:
		return fmt.Errorf("it is for %s and not for %s", inert.Quote(name), inert.Quote(wanted))
	case id != 0 && wantedID != 0 && id != wantedID:
		return fmt.Errorf("it is for the repository with the id %d, and %s now has the id %d: it was made anew, or is a fork", id, wanted, wantedID)
	}
	return nil
}

// checkCommit takes the full id of a commit in a SHA-1 or SHA-256 repository.
func checkCommit(what, id string) error {
	if len(id) != 40 && len(id) != 64 || !lowerHex(id) || strings.Trim(id, "0") == "" {
		return fmt.Errorf("the %s %s is not the id of a commit: 40 or 64 lower-case hexadecimal digits", what, inert.Quote(id))
	}
	return nil
}

// checkRefText is for names that a human will read, which git allows to hold what cannot be seen.
func checkRefText(what, ref string) error {
	if err := names.CheckRef(ref); err != nil {
		return fmt.Errorf("the %s: %w", what, err)
	}
	return checkLine(what, ref, len(ref))
}

func checkBranch(what, ref string) error {
	if !strings.HasPrefix(ref, "refs/heads/") {
		return fmt.Errorf("the %s %s is not a branch: it must start with refs/heads/", what, inert.Quote(ref))
	}
	return checkRefText(what, ref)
}

// checkEnvironment allows the names that a policy can list: no look-alike of them exists.
// Case does not count where they are compared.
func checkEnvironment(a names.Action, s string) error {
	switch a {
	case names.Deploy, names.Secret:
		if s == "" {
			return fmt.Errorf("the environment is missing: say where to %s", actionsText([]names.Action{a}))
		}
	case names.Delete, names.Rotate:
		if s == "" {
			return nil
		}
	default:
		if s != "" {
			return fmt.Errorf("the environment %s means nothing for the action %s", inert.Quote(s), inert.Quote(string(a)))
		}
		return nil
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_. /", r)
	}
	if len(s) > MaxEnvironment || strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return fmt.Errorf("the environment %s must have 1 to %d letters, digits and -_./, or spaces between them", inert.Quote(s), MaxEnvironment)
	}
	if _, err := pattern.ParseName(s); err != nil {
		return fmt.Errorf("the environment: %w", err)
	}
	return nil
}

func checkWindow(from, to time.Time, most time.Duration) error {
	if err := checkTime("not_before", from); err != nil {
		return err
	}
	if err := checkTime("not_after", to); err != nil {
		return err
	}
	switch {
	case !to.After(from):
		return fmt.Errorf("it ends at %s, which is not after its start at %s", formatTime(to), formatTime(from))
	case to.Sub(from) > most:
		return fmt.Errorf("it lasts for %s, at most %s is allowed", to.Sub(from), most)
	}
	return nil
}

func parseWindow(from, to string) (notBefore, notAfter time.Time, err error) {
	if notBefore, err = parseTime("not_before", from); err != nil {
		return time.Time{}, time.Time{}, err
	}
	if notAfter, err = parseTime("not_after", to); err != nil {
		return time.Time{}, time.Time{}, err
	}
	return notBefore, notAfter, nil
}

// hexDigest is a digest as in-toto writes it.
func hexDigest(digest string) string { return strings.TrimPrefix(digest, digestPrefix) }

// underText ends a sentence with the authority of a statement.
func underText(authority string) string {
	if authority == "" {
		return ", in its own name"
	}
	return ", under the delegation " + authority
}

func partyJSON(p Party) party { return party{string(p.Name), p.Key.AuthorizedKey()} }
