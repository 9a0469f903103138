// Package names holds the grammar of every name that remit reads: principals, actions,
// repositories, refs and digests. It is the one place that decides what such a name may look like,
// so that a look-alike (mixed case, homoglyph, control character) is refused before it is compared.
package names

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/remit-sh/remit/inert"
)

// Stamp is an instant in a sentence, always in UTC.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Join is a list of names in a sentence: "a, b, c".
func Join[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

// List is a list in a sentence, with a word before the last: "a, b and c".
func List[T ~string](list []T, word string) string {
	if len(list) < 2 {
		return Join(list)
	}
	last := len(list) - 1
	return Join(list[:last]) + " " + word + " " + string(list[last])
}

// Kind says what sort of principal a name stands for.
type Kind string

// The kinds of principal. Team is a list of principals; it never acts itself.
const (
	Human    Kind = "human"
	Agent    Kind = "agent"
	Workflow Kind = "workflow"
	App      Kind = "app"
	Team     Kind = "team"
)

// Principal names somebody who can act, as a policy and a delegation write it: "agent.coder".
// The zero value names nobody.
type Principal string

// NewPrincipal joins a kind and a label that is known to be valid.
func NewPrincipal(k Kind, label string) Principal { return Principal(string(k) + "." + label) }

// ParsePrincipal reads "kind.label". The label follows [CheckLabel].
func ParsePrincipal(s string) (Principal, error) {
	kind, label, ok := strings.Cut(s, ".")
	if !ok {
		return "", fmt.Errorf("%s is not a principal: write its kind too, such as agent.coder", inert.Quote(s))
	}
	switch Kind(kind) {
	case Human, Agent, Workflow, App, Team:
	default:
		return "", fmt.Errorf("%s is not a principal: its kind must be human, agent, workflow, app or team", inert.Quote(s))
	}
	if err := CheckLabel(label); err != nil {
		return "", err
	}
	return Principal(s), nil
}

// Kind is the part before the dot.
func (p Principal) Kind() Kind { k, _, _ := strings.Cut(string(p), "."); return Kind(k) }

// Label is the part after the dot.
func (p Principal) Label() string { _, l, _ := strings.Cut(string(p), "."); return l }

// CheckLabel reports why s cannot label a principal, team or environment block.
// The grammar is [a-z][a-z0-9-]{0,62}: nothing that could be mistaken for another name.
func CheckLabel(s string) error {
	if len(s) == 0 || len(s) > 63 {
		return fmt.Errorf("the name %s must have 1 to 63 characters", inert.Quote(s))
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '-') {
			continue
		}
		return fmt.Errorf("the name %s must match [a-z][a-z0-9-]{0,62}", inert.Quote(s))
	}
	return nil
}

// Action is the kind of an act: one thing done or asked for.
type Action string

// The actions that a grant or a delegation can name.
const (
	Commit      Action = "commit"
	Tag         Action = "tag"
	PullRequest Action = "pull_request"
	Push        Action = "push"   // a ref moved onto commits that are not new to the repository, or forced
	Delete      Action = "delete" // a ref, or what a delete request names
	Deploy      Action = "deploy"
	Secret      Action = "secret"
	Rotate      Action = "rotate"
)

// Actions lists every action, in the order in which documents name them.
func Actions() []Action {
	return []Action{Commit, Tag, PullRequest, Push, Delete, Deploy, Secret, Rotate}
}

// ParseAction reads an action's name.
func ParseAction(s string) (Action, error) {
	for _, a := range Actions() {
		if s == string(a) {
			return a, nil
		}
	}
	return "", fmt.Errorf("%s is not an action: use commit, tag, pull_request, push, delete, deploy, secret or rotate", inert.Quote(s))
}

// folds reports whether a host serves repositories whose owner and name are compared without case.
func folds(host string) bool {
	switch strings.ToLower(host) {
	case "github.com", "gitlab.com", "codeberg.org", "bitbucket.org":
		return true
	default:
		return false
	}
}

// ParseRepository reads a repository's name, "host/owner/name" or a clone URL of it, and returns
// the canonical "host/owner/name". The host is lower-cased; owner and name too where the host is
// known to compare them without case, and nowhere else: on other servers they can be two repositories.
func ParseRepository(s string) (string, error) {
	r := s
	if i := strings.Index(r, "://"); i >= 0 {
		r = r[i+3:]
		if at := strings.LastIndex(before(r, "/"), "@"); at >= 0 {
			r = r[at+1:]
		}
		if host, rest, ok := strings.Cut(r, "/"); ok {
			h, _, _ := strings.Cut(host, ":")
			r = h + "/" + rest
		}
	} else if host, path, ok := strings.Cut(r, ":"); ok && !strings.Contains(host, "/") {
		if at := strings.LastIndex(host, "@"); at >= 0 {
			host = host[at+1:]
		}
		r = host + "/" + path
	}
	if host, _, ok := strings.Cut(r, "/"); ok && folds(host) {
		r = asciiLower(r) // before its end is looked at
	}
	r = strings.TrimSuffix(strings.TrimSuffix(r, "/"), ".git")
	if strings.HasSuffix(r, ".git") {
		return "", fmt.Errorf("%s is not a repository: it ends in .git twice", inert.Quote(s))
	}
	if len(r) > 255 {
		return "", fmt.Errorf("the repository name is longer than 255 characters")
	}
	parts := strings.Split(r, "/")
	if len(parts) < 2 {
		return "", fmt.Errorf("%s is not a repository: write host/owner/name, such as github.com/acme/shop", inert.Quote(s))
	}
	for _, p := range parts {
		if p == "" || p == "." || p == ".." {
			return "", fmt.Errorf("%s is not a repository: it has an empty or relative part", inert.Quote(s))
		}
		for i := range len(p) {
			c := p[i]
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || c == '+' {
				continue
			}
			return "", fmt.Errorf("%s is not a repository: %s may not stand in it", inert.Quote(s), inert.Quote(string([]byte{c})))
		}
	}
	parts[0] = strings.ToLower(parts[0])
	return strings.Join(parts, "/"), nil
}

// asciiLower lowers the letters A to Z and nothing else: no look-alike becomes one of them.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// CheckDigest reports why s is not "sha256:" and 64 lower-case hexadecimal digits.
func CheckDigest(s string) error {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return fmt.Errorf("%s is not a digest: it must be sha256: and 64 lower-case hexadecimal digits", inert.Quote(s))
	}
	return nil
}

// CheckRef reports why s is not a full, well-formed ref name ("refs/heads/main").
// The rules are those of git-check-ref-format(1); short names and HEAD are refused,
// because what they mean depends on which refs exist.
func CheckRef(s string) error {
	if !strings.HasPrefix(s, "refs/") {
		return fmt.Errorf("%s is not a full ref name: write it out, such as refs/heads/main", inert.Quote(s))
	}
	if len(s) > 1024 || !utf8.ValidString(s) {
		return fmt.Errorf("the ref name is too long or not UTF-8")
	}
	parts := strings.Split(s, "/")
	if len(parts) < 3 {
		return fmt.Errorf("%s is not a full ref name", inert.Quote(s))
	}
	for _, p := range parts {
		if p == "" || strings.HasPrefix(p, ".") || strings.HasSuffix(p, ".lock") || strings.HasSuffix(p, ".") {
			return fmt.Errorf("%s is not a well-formed ref name", inert.Quote(s))
		}
	}
	if strings.Contains(s, "..") || strings.Contains(s, "@{") {
		return fmt.Errorf("%s is not a well-formed ref name", inert.Quote(s))
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(" ~^:?*[\\", r) {
			return fmt.Errorf("%s is not a well-formed ref name", inert.Quote(s))
		}
	}
	return nil
}

func before(s, sep string) string { b, _, _ := strings.Cut(s, sep); return b }

// InAuditLog reports whether a ref is where a repository keeps its audit log, or what waits for it, or stands in the way
// of such: case does not matter, since to some file systems it does not.
func InAuditLog(ref string) bool {
	ref = strings.ToLower(ref) + "/"
	return strings.HasPrefix(ref, "refs/heads/_audit/") || strings.HasPrefix(ref, "refs/remit/audit/")
}
