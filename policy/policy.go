// Package policy turns the bytes of a policies.hcl into a typed policy.
// Reading is strict: whatever the language does not know is an error with its source line.
// No part of the language reads a file, the environment, a clock or the network.
package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// FileName is the policy's path in a repository.
const FileName = "policies.hcl"

// Position is where something stands in the policy. Lines and columns count from 1, columns in bytes.
type Position struct {
	File   string
	Line   int
	Column int
}

// Policy is a whole, valid policy.
type Policy struct {
	Digest string // "sha256:…" of the file's bytes
	File   string // the file's name, for messages
	Path   string // the policy's own path in the repository, always protected; "" where it lives elsewhere

	Repository   string            // canonical host/owner/name; "" in an organisation's policy
	Repositories []pattern.Pattern // an organisation's policy: the repositories it rules
	RepositoryID int64             // the forge's numeric id; 0 for none

	Settings     Settings
	Principals   map[names.Principal]*Principal // humans, agents, workflows, apps
	Teams        map[names.Principal]*Team
	Environments []*Environment // in the order of the file
	Workflows    Workflows
	Grants       []*Grant
	Forbids      []*Forbid
	Gates        []*Gate
	Revocations  []*Revocation

	keys   map[string]*Principal // by fingerprint
	logins map[string]*Principal
}

// Settings are the policy's switches, with the defaults filled in.
type Settings struct {
	Observe          bool // mode = "observe"
	Bases            []pattern.Pattern
	Protected        []pattern.Pattern // always includes the policy's own path
	ClockSkew        time.Duration
	MaxChainTTL      time.Duration
	HumansGranted    bool // humans = "granted": humans need grants too
	UnsignedPusher   bool // unsigned = "pusher"
	Identity         Level
	OctopusAllowed   bool // octopus = "allow"
	SecretReferences Level
	Artifacts        Level // what a gated job deploys that was made from another commit than its gate's
	AuditBestEffort  bool
	AuditKey         string // whose checkpoints of the audit log count, as NAME+HASH+KEY; "" where it does not say
	PinHead          bool
	TimeZone         *time.Location // what time.weekday and time.hour are told in; nil is UTC
	Position         Position       // of the block; zero where the file has none
}

// IsBase reports whether a ref is one whose own policy counts: a branch that bases lists. No pattern makes a tag, a
// note or what remit keeps under refs/remit/ one, because others may write these than may write a branch.
func (s *Settings) IsBase(ref string) bool {
	return strings.HasPrefix(ref, "refs/heads/") && pattern.Any(s.Bases, ref)
}

// Level is what a rule with a switch does.
type Level string

// The levels.
const (
	LevelDeny Level = "deny"
	LevelWarn Level = "warn"
	LevelOff  Level = "off"
)

// Principal is a human, agent, workflow or app block.
type Principal struct {
	Name       names.Principal
	Keys       []signing.PublicKey
	Emails     []string
	GitHub     string
	GitHubID   int64
	Login      string            // name on a git server; the label where the block has none
	Presence   bool              // human: a touch or confirmation is required
	Delegators []names.Principal // agent, workflow: who may delegate to it; teams are expanded
	Workflow   *WorkflowIdentity // workflow only
	Position   Position
}

// Pinned reports whether the policy names the principal's keys.
func (p *Principal) Pinned() bool { return len(p.Keys) > 0 }

// WorkflowIdentity is how a forge's OIDC token must describe a workflow principal.
type WorkflowIdentity struct {
	Repository, File, Ref, Issuer string
}

// Team is a list of principals, or a team that the forge resolves.
type Team struct {
	Name     names.Principal
	Members  []names.Principal
	GitHub   string
	Position Position
}

// Environment is an environment block.
type Environment struct {
	Name       string            // as written; compared without case
	Secrets    []pattern.Pattern // without case
	Paths      []pattern.Pattern
	DeployFrom []pattern.Pattern // refs
	Position   Position
}

// Workflows is the workflows block.
type Workflows struct {
	SharedSecrets []pattern.Pattern // always includes GITHUB_TOKEN
	GateAction    string
	GateCommits   []string // that the gate may be pinned to, lower case; nil: any
	Allow         []Waiver
	Position      Position
}

// Waiver lets one rule pass for one workflow file until a date.
type Waiver struct {
	File, Rule, Reason string
	Until              time.Time
	Position           Position

	until    Position // where its end stands
	from, to int
}

// Grant says what principals may do. A dimension left out covers nothing.
type Grant struct {
	Name         string
	To           []names.Principal // teams are expanded
	Actions      []names.Action
	Branches     []pattern.Pattern // full ref names
	Paths        []pattern.Pattern
	Environments []pattern.Pattern // without case
	Secrets      []pattern.Pattern // without case: shared ones that a change of workflows may newly reach
	MaxTTL       time.Duration
	When         *Condition // nil: always
	Standing     bool
	Alone        bool
	Modes        []string // "symlink", "submodule", "executable"
	Position     Position
}

// Forbid says what nobody may do. A dimension left out (nil) matches everything.
type Forbid struct {
	Name         string
	To           []names.Principal
	Actions      []names.Action
	Branches     []pattern.Pattern
	Paths        []pattern.Pattern
	Environments []pattern.Pattern
	When         *Condition
	Reason       string
	Position     Position
}

// Gate says what waits for approvals. A dimension left out (nil) matches everything.
type Gate struct {
	Name           string
	To             []names.Principal
	Actions        []names.Action
	Branches       []pattern.Pattern
	Paths          []pattern.Pattern
	Environments   []pattern.Pattern
	When           *Condition
	Approvals      int
	Approvers      []names.Principal // humans and teams, as written: a team may be the forge's
	Role           string            // read, triage, write, maintain, admin
	Signed         bool              // evidence = "signed"
	AllowDelegator bool
	CarryOver      string // "none" or "merges"
	MaxAge         time.Duration
	Position       Position
}

// Revocation is a revoke block.
type Revocation struct {
	Name        string
	Keys        []string // "SHA256:…" fingerprints
	Agents      []names.Principal
	Delegations []string  // "sha256:…" digests
	Since       time.Time // zero: always
	Reason      string
	Position    Position
}

// BitesAt reports whether the revocation counts for what was first seen at t.
func (r *Revocation) BitesAt(t time.Time) bool { return r.Since.IsZero() || !t.Before(r.Since) }

// Principal returns the block of a name, nil where the policy has none.
func (p *Policy) Principal(name names.Principal) *Principal { return p.Principals[name] }

// KeyOwner returns the principal under which the policy lists a key, nil for none.
// A policy never lists one key twice.
func (p *Policy) KeyOwner(fingerprint string) *Principal { return p.owners()[fingerprint] }

// owners maps the fingerprints of all listed keys to whom they are listed for.
func (p *Policy) owners() map[string]*Principal {
	if p.keys != nil {
		return p.keys
	}
	owners := map[string]*Principal{} // a policy that was not read by Parse
	for _, q := range p.Principals {
		for _, k := range q.Keys {
			owners[k.Fingerprint()] = q
		}
	}
	return owners
}

// ByLogin returns the human or agent with an account on a git server, nil for none.
func (p *Policy) ByLogin(login string) *Principal {
	if p.logins != nil || login == "" {
		return p.logins[login]
	}
	for _, q := range p.Principals {
		if k := q.Name.Kind(); q.Login == login && (k == names.Human || k == names.Agent) {
			return q
		}
	}
	return nil
}

// Environment returns the environment of a name, nil where the policy has none.
// The case of ASCII letters does not count.
func (p *Policy) Environment(name string) *Environment {
	for _, e := range p.Environments {
		if equalFold(e.Name, name) {
			return e
		}
	}
	return nil
}

// equalFold compares without the case of ASCII letters, and of no others.
func equalFold(a, b string) bool {
	return len(a) == len(b) && asciiLower(a) == asciiLower(b)
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// Protects returns the pattern of settings.protected that a path matches. The policy's own path
// is always protected.
func (p *Policy) Protects(path string) (pattern.Pattern, bool) {
	for _, q := range p.Settings.Protected {
		if q.Match(path) {
			return q, true
		}
	}
	if p.Path != "" && path == p.Path {
		own, _ := pattern.ParsePath(p.Path) // whether or not it can be written as a pattern
		return own, true
	}
	return pattern.Pattern{}, false
}

// Rules reports whether the policy is meant for a repository.
func (p *Policy) Rules(repository string) bool {
	if p.Repository != "" {
		return p.Repository == repository
	}
	return slices.ContainsFunc(p.Repositories, func(q pattern.Pattern) bool { return q.Match(repository) })
}

// RulesAt reports whether the policy is meant for a repository of which the forge gives the name and the id, 0
// where it is not known. A pinned id decides alone, for names change hands: a repository that was renamed is the
// same one, and another that has its name is not.
func (p *Policy) RulesAt(repository string, id int64) bool {
	if p.RepositoryID != 0 && id != 0 {
		return p.RepositoryID == id
	}
	return p.Rules(repository)
}

// WithRevocations is a policy in which what another one revokes is revoked too.
func (p *Policy) WithRevocations(of *Policy) *Policy {
	if of == nil || of == p || len(of.Revocations) == 0 {
		return p
	}
	out := *p
	out.Revocations = slices.Concat(p.Revocations, of.Revocations)
	return &out
}
