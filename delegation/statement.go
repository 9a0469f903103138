package delegation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// The JSON of a statement. The order of the fields is the order of the members.
type statement[P any] struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     P         `json:"predicate"`
}

type subject struct {
	Name   string        `json:"name"`
	Digest subjectDigest `json:"digest"`
}

// subjectDigest has one of its members: of a key or payload, or the id of a commit.
type subjectDigest struct {
	SHA256    string `json:"sha256,omitzero"`
	GitCommit string `json:"gitCommit,omitzero"`
}

type predicate struct {
	Delegator party  `json:"delegator"`
	Delegate  party  `json:"delegate"`
	Parent    string `json:"parent,omitzero"`
	Scope     scope  `json:"scope"`
	NotBefore string `json:"not_before"`
	NotAfter  string `json:"not_after"`
	Purpose   string `json:"purpose"`
	Nonce     string `json:"nonce"`
}

type party struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type scope struct {
	Repositories []string `json:"repositories,omitempty"`
	RepositoryID int64    `json:"repository_id,omitzero"`
	Actions      []string `json:"actions,omitempty"`
	Branches     []string `json:"branches,omitempty"`
	Paths        []string `json:"paths,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Depth        int      `json:"depth,omitzero"`
}

const timeLayout = "2006-01-02T15:04:05Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// Payload is the payload that is signed: the in-toto statement of d as canonical JSON. It does
// not check d; it is nil where a text of d is not UTF-8.
func (d Delegation) Payload() []byte {
	key := sha256.Sum256(d.Delegate.Key.Marshal())
	b, err := json.Marshal(statement[predicate]{
		Type:          StatementType,
		Subject:       []subject{{Name: string(d.Delegate.Name), Digest: subjectDigest{SHA256: hex.EncodeToString(key[:])}}},
		PredicateType: PredicateType,
		Predicate: predicate{
			Delegator: party{string(d.Delegator.Name), d.Delegator.Key.AuthorizedKey()},
			Delegate:  party{string(d.Delegate.Name), d.Delegate.Key.AuthorizedKey()},
			Parent:    d.Parent,
			Scope: scope{
				Repositories: d.Scope.Repositories,
				RepositoryID: d.Scope.RepositoryID,
				Actions:      texts(d.Scope.Actions),
				Branches:     written(d.Scope.Branches),
				Paths:        written(d.Scope.Paths),
				Environments: written(d.Scope.Environments),
				Depth:        d.Scope.Depth,
			},
			NotBefore: formatTime(d.NotBefore),
			NotAfter:  formatTime(d.NotAfter),
			Purpose:   d.Purpose,
			Nonce:     d.Nonce,
		},
	})
	if err != nil {
		return nil
	}
	return b
}

// ParseDelegation reads the payload of a delegation. Whatever is accepted, [Delegation.Payload]
// writes again byte for byte. Each field is well-formed then; whether they make sense together is
// for [Chain.Problems] to say.
func ParseDelegation(payload []byte) (Delegation, error) {
	s, err := readStatement[predicate](payload, "a delegation")
	if err != nil {
		return Delegation{}, err
	}
	if s.PredicateType != PredicateType {
		return Delegation{}, fmt.Errorf("the predicate's type is %s, not %s", inert.Quote(s.PredicateType), PredicateType)
	}
	d, err := s.Predicate.delegation()
	if err != nil {
		return Delegation{}, err
	}
	if err := checkSubject(s.Subject, d.Delegate); err != nil {
		return Delegation{}, err
	}
	if err := d.validate(); err != nil {
		return Delegation{}, err
	}
	// Two payloads that read the same would be one delegation with two digests: whoever revokes
	// one of them would miss the other.
	if !bytes.Equal(d.Payload(), payload) {
		return Delegation{}, errNotCanonical
	}
	return d, nil
}

var errNotCanonical = errors.New("the statement is not in its canonical form (compact, members in order, nothing empty)")

// readStatement reads the JSON of a statement of any kind, as far as P says what is in it.
func readStatement[P any](payload []byte, kind string) (statement[P], error) {
	var s statement[P]
	if len(payload) > MaxStatementSize {
		return s, fmt.Errorf("the statement has %d bytes, at most %d are read", len(payload), MaxStatementSize)
	}
	if err := checkNesting(payload); err != nil {
		return s, err
	}
	if err := json.Unmarshal(payload, &s, json.RejectUnknownMembers(true)); err != nil {
		return s, fmt.Errorf("the statement is not the JSON of %s: %s", kind, inert.Error(err))
	}
	if s.Type != StatementType {
		return s, fmt.Errorf("the statement's type is %s, not %s", inert.Quote(s.Type), StatementType)
	}
	return s, nil
}

// checkSubject compares what in-toto calls the subject with the delegate: tools that know in-toto
// and nothing of delegations must see the same one.
func checkSubject(list []subject, delegate Party) error {
	if len(list) != 1 {
		return fmt.Errorf("the statement has %d subjects; exactly one is allowed", len(list))
	}
	key := sha256.Sum256(delegate.Key.Marshal())
	if list[0].Name != string(delegate.Name) || list[0].Digest.SHA256 != hex.EncodeToString(key[:]) {
		return fmt.Errorf("the statement's subject %s is not the delegate %s and its key", inert.Quote(list[0].Name), delegate.Name)
	}
	return nil
}

func (p *predicate) delegation() (Delegation, error) {
	d := Delegation{Parent: p.Parent, Purpose: p.Purpose, Nonce: p.Nonce}
	var err error
	if d.Delegator, err = p.Delegator.parse("delegator"); err != nil {
		return Delegation{}, err
	}
	if d.Delegate, err = p.Delegate.parse("delegate"); err != nil {
		return Delegation{}, err
	}
	if d.Scope, err = p.Scope.parse(); err != nil {
		return Delegation{}, err
	}
	if d.NotBefore, err = parseTime("not_before", p.NotBefore); err != nil {
		return Delegation{}, err
	}
	d.NotAfter, err = parseTime("not_after", p.NotAfter)
	return d, err
}

func (p *party) parse(role string) (Party, error) {
	name, err := names.ParsePrincipal(p.Name)
	if err != nil {
		return Party{}, fmt.Errorf("the %s: %w", role, err)
	}
	key, err := signing.ParseAuthorizedKey(p.Key)
	if err != nil {
		return Party{}, fmt.Errorf("the key of the %s %s: %w", role, name, err)
	}
	return Party{Name: name, Key: key}, nil
}

func (s *scope) parse() (Scope, error) {
	out := Scope{Repositories: s.Repositories, RepositoryID: s.RepositoryID, Depth: s.Depth}
	for _, a := range s.Actions {
		action, err := names.ParseAction(a)
		if err != nil {
			return Scope{}, fmt.Errorf("the scope's actions: %w", err)
		}
		out.Actions = append(out.Actions, action)
	}
	for _, l := range []struct {
		name  string
		in    []string
		out   *[]pattern.Pattern
		parse func(string) (pattern.Pattern, error)
	}{
		{"branches", s.Branches, &out.Branches, pattern.ParseRef},
		{"paths", s.Paths, &out.Paths, pattern.ParsePath},
		{"environments", s.Environments, &out.Environments, pattern.ParseName},
	} {
		if len(l.in) > MaxPatterns {
			return Scope{}, tooMany(l.name, len(l.in), MaxPatterns)
		}
		for _, text := range l.in {
			p, err := l.parse(text)
			if err != nil {
				return Scope{}, fmt.Errorf("the scope's %s: %w", l.name, err)
			}
			*l.out = append(*l.out, p)
		}
	}
	return out, nil
}

func parseTime(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, fmt.Errorf("%s is missing", field)
	}
	t, err := time.Parse(timeLayout, s)
	if err != nil || len(s) != len(timeLayout) {
		return time.Time{}, fmt.Errorf("%s is %s and must be like %s", field, inert.Quote(s), timeLayout)
	}
	return t, nil
}

// checkNesting bounds the depth of JSON before a parser sees it. Brackets inside strings do not
// count. In what is not JSON the count may be off, but not before the place where a parser stops.
func checkNesting(b []byte) error {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > maxNesting {
				return fmt.Errorf("the JSON is nested deeper than %d levels", maxNesting)
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		}
	}
	return nil
}

func digestOf(payload []byte) string {
	sum := sha256.Sum256(payload)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func written(list []pattern.Pattern) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return out
}
