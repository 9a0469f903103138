package policy

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// The defaults that attributes name.
const (
	defaultIssuer   = "https://token.actions.githubusercontent.com"
	defaultSkew     = 30 * time.Second
	defaultChainTTL = 12 * time.Hour
	defaultTTL      = time.Hour
	defaultMaxAge   = 72 * time.Hour
	maxSkew         = time.Hour
	maxApprovals    = 50
)

// block is one kind of block of the language. The parser and the printed reference both go by it.
type block struct {
	kind       string
	label      label
	once       bool // the file has one at most
	about      string
	attributes []attribute
	blocks     []block
}

// label says what stands between a block's kind and its brace.
type label uint8

const (
	noLabel   label = iota
	nameLabel       // a name that others refer to
	titleLabel
)

// attribute is one attribute of a block.
type attribute struct {
	name     string
	kind     string // what its value is
	defaults string // what holds where it is left out, or [required]
	about    string
	read     func(d *decoder, x expr, into any)
}

const required = "must be given"

// attr builds an attribute of a block that is read into a T.
func attr[T any](name, kind, defaults, about string, read func(d *decoder, x expr, into *T)) attribute {
	return attribute{name, kind, defaults, about, func(d *decoder, x expr, into any) {
		if t, ok := into.(*T); ok {
			read(d, x, t)
		}
	}}
}

// language is the whole language: the file's own attributes, and its blocks.
func language() block {
	return block{
		kind:       "file",
		about:      "What the policy rules.",
		attributes: fileAttributes(),
		blocks: []block{
			{"settings", noLabel, true, "Switches for the whole policy.", settingsAttributes(), nil},
			{"human", nameLabel, false, "A person, with keys that nobody else has.", humanAttributes(), nil},
			{"agent", nameLabel, false, "A program that acts for people, within what they delegate to it.", agentAttributes(), nil},
			{"workflow", nameLabel, false, "A workflow, known by the forge's OIDC token. It may be a root where an agent's delegators list it.", workflowAttributes(), nil},
			{"app", nameLabel, false, "An app such as Dependabot, known only by what the forge attests.", appAttributes(), nil},
			{"team", nameLabel, false, "A list of principals, or the forge's team.", teamAttributes(), nil},
			{"environment", nameLabel, false, "A place that is deployed to. Names are compared without case.", environmentAttributes(), nil},
			{"workflows", noLabel, true, "Rules for the forge's workflow files.", workflowsAttributes(), []block{
				{"allow", noLabel, false, "A waiver: one rule passes for one workflow file until a date.", waiverAttributes(), nil},
			}},
			{"grant", titleLabel, false, "What principals may do. What is left out covers nothing.", grantAttributes(), nil},
			{"forbid", titleLabel, false, "What nobody may do, whatever is granted. Matches any principal on the chain. What is left out matches all.", forbidAttributes(), nil},
			{"gate", titleLabel, false, "What waits for approval. What is left out matches all.", gateAttributes(), nil},
			{"revoke", titleLabel, false, "What counts no longer, from a point in time on.", revokeAttributes(), nil},
		},
	}
}

func fileAttributes() []attribute {
	return []attribute{
		attr("repository", "text", required+", or repositories", "The repository that the policy rules: host/owner/name.",
			func(d *decoder, x expr, p *Policy) {
				d.text(x, func(s string) (err error) { p.Repository, err = names.ParseRepository(s); return err })
			}),
		attr("repositories", "patterns", "none", "In an organisation's policy: the repositories that it rules.",
			func(d *decoder, x expr, p *Policy) { p.Repositories = d.patterns(x, pattern.ParseName) }),
		attr("repository_id", "number", "none", "The forge's numeric id of the repository: another of the same name is refused, and the same one is known after it was renamed.",
			func(d *decoder, x expr, p *Policy) { p.RepositoryID = d.number(x, 1, 1<<53) }),
	}
}

func settingsAttributes() []attribute {
	return []attribute{
		attr("mode", "enforce or observe", "enforce", "observe reports and never blocks.",
			func(d *decoder, x expr, s *Settings) { s.Observe = d.choice(x, "enforce", "observe") == "observe" }),
		attr("bases", "patterns of branches", "the default branch", "The branches whose own policy counts; every other base is judged by the default branch's.",
			func(d *decoder, x expr, s *Settings) { s.Bases = d.branches(x) }),
		attr("protected", "patterns of paths", `["policies.hcl", ".github/**"]`, "Paths whose change by an agent needs a human. The policy itself is always one.",
			func(d *decoder, x expr, s *Settings) { s.Protected = d.pathList(x) }),
		attr("clock_skew", "time span", "30s", "Widens the beginning of a delegation's time, for clocks that differ.",
			func(d *decoder, x expr, s *Settings) {
				if s.ClockSkew = d.duration(x, 0); s.ClockSkew > maxSkew {
					d.errorf(x.Range(), "Invalid value", "The clock skew must not exceed %s.", span(maxSkew))
				}
			}),
		attr("max_chain_ttl", "time span", "12h", "The longest delegation other than the last of a chain.",
			func(d *decoder, x expr, s *Settings) { s.MaxChainTTL = d.duration(x, time.Second) }),
		attr("humans", "ungranted or granted", "ungranted", "granted: humans too may do only what is granted to them.",
			func(d *decoder, x expr, s *Settings) {
				s.HumansGranted = d.choice(x, "ungranted", "granted") == "granted"
			}),
		attr("unsigned", "deny or pusher", "deny", "pusher: a listed human's unsigned commits pass on the forge's word for who pushed.",
			func(d *decoder, x expr, s *Settings) { s.UnsignedPusher = d.choice(x, "deny", "pusher") == "pusher" }),
		attr("identity", "deny, warn or off", "warn", "An author's or committer's e-mail that is not the signer's; judged only where the signer lists emails.",
			func(d *decoder, x expr, s *Settings) { s.Identity = d.level(x) }),
		attr("octopus", "deny or allow", "deny", "Merges of more than two parents.",
			func(d *decoder, x expr, s *Settings) { s.OctopusAllowed = d.choice(x, "deny", "allow") == "allow" }),
		attr("secret_references", "deny, warn or off", "warn", "Names of another environment's secrets in any file that an agent changes.",
			func(d *decoder, x expr, s *Settings) { s.SecretReferences = d.level(x) }),
		attr("artifacts", "deny, warn or off", "warn", "What a gated job deploys that another job made from a commit which its gate did not let through.",
			func(d *decoder, x expr, s *Settings) { s.Artifacts = d.level(x) }),
		attr("audit", "required or best-effort", "required", "best-effort: allow even if the decision could not be recorded.",
			func(d *decoder, x expr, s *Settings) {
				s.AuditBestEffort = d.choice(x, "required", "best-effort") == "best-effort"
			}),
		attr("audit_key", "a verifier key", "none", "Whose checkpoints of the audit log count: NAME+HASH+KEY, where NAME ends in /audit.",
			func(d *decoder, x expr, s *Settings) { s.AuditKey = d.text(x, checkAuditKey) }),
		attr("pin_head", "true or false", "false", "The signed statement of a pull request must name its current head.",
			func(d *decoder, x expr, s *Settings) { s.PinHead = d.boolean(x) }),
		attr("time_zone", "UTC or an offset", "UTC", "What time.weekday and time.hour are told in: UTC or a fixed offset such as +01:00, without summer time.",
			func(d *decoder, x expr, s *Settings) { s.TimeZone = d.zone(x) }),
	}
}

// checkAuditKey reports why a text is not the key of an audit log, as C2SP's signed notes write one.
func checkAuditKey(s string) error {
	v, err := note.NewVerifier(s)
	if err != nil {
		return fmt.Errorf("%s is no verifier key: it must be NAME+HASH+KEY, as the file key of the log has it", inert.Quote(s))
	}
	// note takes any base64 that decodes to the key, and a hash in capitals.
	parts := strings.SplitN(s, "+", 3)
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || base64.StdEncoding.EncodeToString(raw) != parts[2] || parts[1] != fmt.Sprintf("%08x", v.KeyHash()) {
		return fmt.Errorf("%s is a verifier key, but not in its canonical form", inert.Quote(s))
	}
	of, ok := strings.CutSuffix(v.Name(), "/audit")
	if name, err := names.ParseRepository(of); !ok || err != nil || name != of {
		return fmt.Errorf("%s is the key of %s: the log of a repository is called host/owner/name/audit", inert.Quote(s), inert.Quote(v.Name()))
	}
	return nil
}

func (d *decoder) level(x expr) Level {
	return Level(d.choice(x, string(LevelDeny), string(LevelWarn), string(LevelOff)))
}

func keysAttribute(agent bool, about string) attribute {
	return attr("keys", "public keys", "none", about, func(d *decoder, x expr, p *Principal) {
		for _, e := range d.list(x, `["ssh-ed25519 AAAA…"]`) {
			if key, ok := d.key(e, agent); ok {
				p.Keys = append(p.Keys, key)
				d.places[p.Name] = append(d.places[p.Name], e.Range())
			}
		}
	})
}

func emailsAttribute() attribute {
	return attr("emails", "e-mail addresses", "none", "The addresses that its commits may carry; see settings.identity.",
		func(d *decoder, x expr, p *Principal) { p.Emails = d.texts(x, checkEmail) })
}

func loginAttribute() attribute {
	return attr("login", "text", "the block's name", "Its account on a git server, as the server reports who pushes.",
		func(d *decoder, x expr, p *Principal) { p.Login = d.text(x, among("a login", "-_.@+", 255)) })
}

func delegatorsAttribute(about string) attribute {
	return attr("delegators", "principals", "none", about, func(d *decoder, x expr, p *Principal) {
		list := d.principals(x, names.Human, names.Agent, names.Workflow, names.Team)
		if slices.Contains(list, p.Name) {
			d.errorf(x.Range(), "Own delegator", "%s cannot delegate to itself.", p.Name)
		}
		list = d.expanded(x, list)
		for _, q := range list {
			if q.Kind() == names.App {
				d.errorf(x.Range(), "Wrong kind of principal", "%s cannot delegate: an app has no key to sign with.", q)
			}
		}
		p.Delegators = slices.DeleteFunc(list, func(q names.Principal) bool { return q == p.Name }) // a member of its own team
	})
}

func humanAttributes() []attribute {
	return []attribute{
		keysAttribute(false, "authorized_keys lines of any SSH keys, FIDO keys too."),
		emailsAttribute(),
		attr("github", "text", "none", "The account on the forge.",
			func(d *decoder, x expr, p *Principal) { p.GitHub = d.text(x, among("a login", "-_", 100)) }),
		attr("github_id", "number", "none", "The account's number, which outlives its name: gh api users/LOGIN --jq .id. It decides alone.",
			func(d *decoder, x expr, p *Principal) { p.GitHubID = d.number(x, 1, 1<<53) }),
		loginAttribute(),
		attr("presence", "true or false", "false", "A FIDO touch or a confirmation is required for each signature.",
			func(d *decoder, x expr, p *Principal) { p.Presence = d.boolean(x) }),
	}
}

func agentAttributes() []attribute {
	return []attribute{
		keysAttribute(true, "Plain Ed25519 keys. Without any, a key is minted for each delegation by whoever delegates."),
		emailsAttribute(),
		delegatorsAttribute("Who may delegate to it, and mint its key where it has none: humans, agents, workflows, teams of them."),
		loginAttribute(),
	}
}

func workflowAttributes() []attribute {
	return []attribute{
		attr("repository", "text", "the policy's repository", "The repository that the workflow file is in.",
			func(d *decoder, x expr, p *Principal) {
				d.text(x, func(s string) (err error) { p.Workflow.Repository, err = names.ParseRepository(s); return err })
			}),
		attr("file", "path", required, "The workflow file, such as .github/workflows/release.yml.",
			func(d *decoder, x expr, p *Principal) { p.Workflow.File = d.text(x, checkPath) }),
		attr("ref", "full ref name", "the default branch", "The ref that the workflow file must come from.",
			func(d *decoder, x expr, p *Principal) { p.Workflow.Ref = d.text(x, names.CheckRef) }),
		attr("issuer", "text", defaultIssuer, "Who issues the token.",
			func(d *decoder, x expr, p *Principal) { p.Workflow.Issuer = d.text(x, checkIssuer) }),
		delegatorsAttribute("Who may delegate to it."),
	}
}

func appAttributes() []attribute {
	return []attribute{
		attr("github", "text", required, "The app's name on the forge, such as dependabot. Never github-actions: every workflow has that app's token.",
			func(d *decoder, x expr, p *Principal) {
				p.GitHub = d.text(x, func(s string) error {
					s = strings.TrimSuffix(s, "[bot]")
					if strings.EqualFold(s, "github-actions") {
						return fmt.Errorf("%s can be no app of a policy: any workflow, an agent's own too, acts with its token", inert.Quote(s))
					}
					return among("an app's name", "-_", 100)(s)
				})
				p.GitHub = strings.TrimSuffix(p.GitHub, "[bot]")
			}),
	}
}

func teamAttributes() []attribute {
	return []attribute{
		attr("members", "principals", "none", "Who is in it. Teams may be members of teams.",
			func(d *decoder, x expr, t *Team) {
				t.Members = d.principals(x, names.Human, names.Agent, names.Workflow, names.App, names.Team)
			}),
		attr("github", "text", "none", "The forge's team, organisation/team, resolved when it is needed. Only approvers can name such a team.",
			func(d *decoder, x expr, t *Team) {
				t.GitHub = d.text(x, func(s string) error {
					org, team, _ := strings.Cut(s, "/")
					if among("a team's name", "-_", 100)(org) != nil || among("a team's name", "-_.", 100)(team) != nil {
						return fmt.Errorf("%s is not a team of the forge: write organisation/team", inert.Quote(s))
					}
					return nil
				})
			}),
	}
}

func environmentAttributes() []attribute {
	return []attribute{
		attr("secrets", "patterns", "none", "The secrets that its jobs may use and requests may name, without case. One pattern may stand in several environments.",
			func(d *decoder, x expr, e *Environment) { e.Secrets = d.secretNames(x) }),
		attr("paths", "patterns of paths", "none", "The files that make it up: to change them is to act on the environment.",
			func(d *decoder, x expr, e *Environment) { e.Paths = d.pathList(x) }),
		attr("deploy_from", "patterns of refs", "the default branch", "Refs that a deployed commit must be reachable from; it is deployed from each that it is.",
			func(d *decoder, x expr, e *Environment) { e.DeployFrom = d.deployFrom(x) }),
	}
}

func workflowsAttributes() []attribute {
	return []attribute{
		attr("shared_secrets", "patterns", `["GITHUB_TOKEN"]`, "Secrets that any job may use, without case. GITHUB_TOKEN always is one. An agent needs a grant to bring one into a job; see secrets of a grant.",
			func(d *decoder, x expr, w *Workflows) { w.SharedSecrets = d.secretNames(x) }),
		attr("gate_action", "text", DefaultGateAction, "The action that must be the first step of a job of a gated environment.",
			func(d *decoder, x expr, w *Workflows) {
				w.GateAction = d.text(x, checkAction)
			}),
		gateCommitsAttribute(),
	}
}

func gateCommitsAttribute() attribute {
	return attr("gate_commits", "commit ids", "any commit id", "The commits of gate_action that a gate may be pinned to, in full.",
		func(d *decoder, x expr, w *Workflows) {
			before := d.errs
			w.GateCommits = d.texts(x, func(s string) error {
				if len(s) != 40 || strings.Trim(s, "0123456789abcdef") != "" {
					return fmt.Errorf("%s is not a commit id: write all of its 40 digits, in lower case", inert.Quote(s))
				}
				return nil
			})
			if len(w.GateCommits) == 0 && d.errs == before {
				d.errorf(x.Range(), "No gate would do", "With nothing listed here no gate could be right. Leave the attribute out to let any commit id be one.")
			}
		})
}

func waiverAttributes() []attribute {
	return []attribute{
		attr("file", "path", required, "The workflow file, or the action.yml of an action of the repository.",
			func(d *decoder, x expr, w *Waiver) { w.File = d.text(x, checkWaivedFile) }),
		attr("rule", "text", required, "The rule's id, as a finding shows it: "+either(Waivable())+".",
			func(d *decoder, x expr, w *Waiver) {
				w.Rule = d.text(x, checkWaived)
			}),
		attr("reason", "text", required, "Why it is let pass.",
			func(d *decoder, x expr, w *Waiver) { w.Reason = d.text(x, checkTitle) }),
		attr("until", "point in time", required, "When it ends.",
			func(d *decoder, x expr, w *Waiver) {
				w.Until, w.until = d.moment(x), d.at(x.Range())
				w.from, w.to = x.Range().Start.Byte, x.Range().End.Byte
			}),
	}
}

func grantAttributes() []attribute {
	return []attribute{
		attr("to", "principals", "nobody", "Who is granted this.",
			func(d *decoder, x expr, g *Grant) { g.To = d.actors(x) }),
		attr("actions", "actions", "none", "What they may do: "+strings.Join(actionNames(), ", ")+".",
			func(d *decoder, x expr, g *Grant) { g.Actions = d.actions(x) }),
		attr("branches", "patterns of refs", "none", "Where: full ref names, or branches. Of a deploy it may be left out; else each ref that it is from.",
			func(d *decoder, x expr, g *Grant) { g.Branches = d.refs(x) }),
		attr("paths", "patterns of paths", "none", "Which files commits and pull requests may change.",
			func(d *decoder, x expr, g *Grant) { g.Paths = d.pathList(x) }),
		attr("environments", "patterns", "none", "Which environments they may act on, without case.",
			func(d *decoder, x expr, g *Grant) { g.Environments = d.environments(x, false) }),
		attr("secrets", "patterns", "none", "With the action secret: the shared secrets that a change of workflows may newly reach, without case. environments cover their own.",
			func(d *decoder, x expr, g *Grant) { g.Secrets = d.secretNames(x) }),
		attr("max_ttl", "time span", "1h", "The longest delegation that this grant honours.",
			func(d *decoder, x expr, g *Grant) { g.MaxTTL = d.duration(x, time.Second) }),
		attr("when", "condition", "always", "Holds only where this is true.",
			func(d *decoder, x expr, g *Grant) { g.When = d.condition(x, g.Actions) }),
		attr("standing", "true or false", "false", "Covers acts without a delegation, by a pinned key only.",
			func(d *decoder, x expr, g *Grant) { g.Standing = d.boolean(x) }),
		attr("alone", "true or false", "false", "Lifts the default gate on deploy, delete and rotate.",
			func(d *decoder, x expr, g *Grant) { g.Alone = d.boolean(x) }),
		attr("modes", "symlink, submodule, executable", "none", "Entries other than plain files that they may add.",
			func(d *decoder, x expr, g *Grant) {
				g.Modes = d.texts(x, func(s string) error {
					if options := []string{"symlink", "submodule", "executable"}; !slices.Contains(options, s) {
						return fmt.Errorf("%s is not one of %s", inert.Quote(s), either(options))
					}
					return nil
				})
			}),
	}
}

// selector is what forbid and gate blocks look for.
type selector struct {
	to           *[]names.Principal
	actions      *[]names.Action
	branches     *[]pattern.Pattern
	paths        *[]pattern.Pattern
	environments *[]pattern.Pattern
	when         **Condition
}

// selectorAttributes are the dimensions of a forbid or a gate. Left out, one matches everything;
// empty, it could match nothing, which is never what was meant.
func selectorAttributes[T any](of func(*T) selector) []attribute {
	filled := func(name, kind, defaults, about string, read func(d *decoder, x expr, s selector) int) attribute {
		return attr(name, kind, defaults, about, func(d *decoder, x expr, t *T) {
			before := d.errs
			if n := read(d, x, of(t)); n == 0 && d.errs == before {
				d.errorf(x.Range(), "Matches nothing", "With nobody and nothing listed here the rule would never apply. Leave the attribute out to match everything.")
			}
		})
	}
	return []attribute{
		filled("to", "principals", "anybody", "Whose acts: any principal on the chain.",
			func(d *decoder, x expr, s selector) int { *s.to = d.actors(x); return len(*s.to) }),
		filled("actions", "actions", "all", "Which kinds of act.",
			func(d *decoder, x expr, s selector) int { *s.actions = d.actions(x); return len(*s.actions) }),
		filled("branches", "patterns of refs", "all", "At which refs: of a deploy those of deploy_from that lead to the commit, of a deletion those that go.",
			func(d *decoder, x expr, s selector) int {
				*s.branches = d.refs(x)
				return len(*s.branches)
			}),
		filled("paths", "patterns of paths", "all", "That change any of these files: a push what differs between old and new tip, a deploy what differs from what is deployed.",
			func(d *decoder, x expr, s selector) int {
				*s.paths = d.pathList(x)
				return len(*s.paths)
			}),
		filled("environments", "patterns", "all", "On which environments, without case.",
			func(d *decoder, x expr, s selector) int {
				*s.environments = d.environments(x, true)
				return len(*s.environments)
			}),
		attr("when", "condition", "always", "Only where this is true.",
			func(d *decoder, x expr, t *T) { s := of(t); *s.when = d.condition(x, *s.actions) }),
	}
}

func forbidAttributes() []attribute {
	return append(selectorAttributes(func(f *Forbid) selector {
		return selector{&f.To, &f.Actions, &f.Branches, &f.Paths, &f.Environments, &f.When}
	}),
		attr("reason", "text", "none", "Why; shown to whoever is denied.",
			func(d *decoder, x expr, f *Forbid) { f.Reason = d.text(x, checkTitle) }))
}

func gateAttributes() []attribute {
	return append(selectorAttributes(func(g *Gate) selector {
		return selector{&g.To, &g.Actions, &g.Branches, &g.Paths, &g.Environments, &g.When}
	}),
		attr("approvals", "number", "1", "How many approvals it takes.",
			func(d *decoder, x expr, g *Gate) { g.Approvals = int(d.number(x, 1, maxApprovals)) }),
		attr("approvers", "principals", required, "Who may approve: humans and teams of them.",
			func(d *decoder, x expr, g *Gate) {
				before := d.errs
				if g.Approvers = d.principals(x, names.Human, names.Team); len(g.Approvers) == 0 && d.errs == before {
					d.errorf(x.Range(), "Nobody may approve", "The gate could never open: name somebody who may approve.")
				}
			}),
		attr("role", "read, triage, write, maintain or admin", "write", "The role on the forge that an approver needs at least.",
			func(d *decoder, x expr, g *Gate) {
				g.Role = d.choice(x, "read", "triage", "write", "maintain", "admin")
			}),
		attr("evidence", "review or signed", "review", "signed: only approvals signed with an approver's key count.",
			func(d *decoder, x expr, g *Gate) { g.Signed = d.choice(x, "review", "signed") == "signed" }),
		attr("allow_delegator", "true or false", "false", "The human whom the chain goes back to may approve too.",
			func(d *decoder, x expr, g *Gate) { g.AllowDelegator = d.boolean(x) }),
		attr("carry_over", "none or merges", "merges", "What an approval survives: merges of the base that recompute equal, or nothing.",
			func(d *decoder, x expr, g *Gate) { g.CarryOver = d.choice(x, "none", "merges") }),
		attr("max_age", "time span", "72h", "How old an approval may be.",
			func(d *decoder, x expr, g *Gate) { g.MaxAge = d.duration(x, time.Second) }),
	)
}

func revokeAttributes() []attribute {
	return []attribute{
		attr("keys", "fingerprints", "none", "Keys, as ssh-keygen -l shows them: SHA256:…",
			func(d *decoder, x expr, r *Revocation) { r.Keys = d.texts(x, checkFingerprint) }),
		attr("agents", "principals", "none", "Agents.",
			func(d *decoder, x expr, r *Revocation) { r.Agents = d.principals(x, names.Agent) }),
		attr("delegations", "digests", "none", "Delegations: sha256:… What was delegated on from them falls too.",
			func(d *decoder, x expr, r *Revocation) { r.Delegations = d.texts(x, names.CheckDigest) }),
		attr("since", "point in time", "always", "From when on; what was first seen before stays allowed.",
			func(d *decoder, x expr, r *Revocation) { r.Since = d.moment(x) }),
		attr("reason", "text", "none", "Why.",
			func(d *decoder, x expr, r *Revocation) { r.Reason = d.text(x, checkTitle) }),
	}
}

// actors reads who a rule is about, teams expanded.
func (d *decoder) actors(x expr) []names.Principal {
	return d.expanded(x, d.principals(x, names.Agent, names.Human, names.Workflow, names.App, names.Team))
}

// expanded replaces teams by their members. A team that only the forge can resolve cannot stand here.
func (d *decoder) expanded(x expr, list []names.Principal) []names.Principal {
	out := d.policy.Expand(list)
	for _, p := range out {
		if p.Kind() == names.Team {
			d.errorf(x.Range(), "Team not known here", "The members of %s are known to the forge alone, so only approvers can name it.", p)
		}
	}
	return out
}
