package checker

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// terms is what a gate asks of approvals. A policy's gate has its own; deploy, delete, rotate and
// protected paths have those of defaultTerms where no gate speaks.
type terms struct {
	needed         int
	approvers      []names.Principal // nil: any human whom the forge gives the role
	role           string
	signed         bool // only signed approvals count
	allowDelegator bool
	carryOver      string
	maxAge         time.Duration
}

func termsOf(g *policy.Gate) terms {
	return terms{
		needed: g.Approvals, approvers: g.Approvers, role: g.Role, signed: g.Signed,
		allowDelegator: g.AllowDelegator, carryOver: g.CarryOver, maxAge: g.MaxAge,
	}
}

// defaultTerms are one human with the role write, who is not the chain's root.
func defaultTerms() terms {
	return terms{needed: 1, role: "write", carryOver: "merges", maxAge: 72 * time.Hour}
}

// ballot is how the approvals of one pull request count for one gate.
type ballot struct {
	counted  []string
	ignored  []ignored
	blocking []string // eligible reviewers who ask for changes
	unknown  []string // reviewers about whom something could not be learned
}

// ignored is an approval that does not count, and the rule that says so.
type ignored struct{ rule, who, why string }

// satisfied reports whether the terms are met.
func (b *ballot) satisfied(t terms) bool { return len(b.blocking) == 0 && len(b.counted) >= t.needed }

// verdictGate is the ballot as reports show it.
func (b *ballot) verdictGate(name string, t terms, at *verdict.Location) verdict.Gate {
	g := verdict.Gate{Name: name, Needed: t.needed, Counted: b.counted, Location: at}
	for _, i := range b.ignored {
		g.Ignored = append(g.Ignored, verdict.Ignored{Who: i.who, Why: i.why})
	}
	return g
}

// party is everybody who has a part in a pull request and so cannot approve it.
type party struct {
	accounts   map[int64]string           // forge accounts, with what their part is
	principals map[names.Principal]string // the same by the policy's names
	roots      map[names.Principal]bool   // human roots of chains
}

// partyOf collects who opened, pushed and signed, and on whose authority. Author and committer
// lines are no evidence: an agent could name the whole team there.
func (j *judge) partyOf(pr *evidence.PullRequest) party {
	p := party{accounts: map[int64]string{}, principals: map[names.Principal]string{}, roots: map[names.Principal]bool{}}
	if pr.Author.ID != 0 {
		p.accounts[pr.Author.ID] = "opened the pull request"
	}
	for _, push := range pr.Pushes {
		if push.By.ID != 0 && p.accounts[push.By.ID] == "" {
			p.accounts[push.By.ID] = "pushed to its branch"
		}
	}
	for _, id := range pr.Commits {
		c := j.byCommit[id]
		if c == nil || c.who.problem != attributed {
			continue
		}
		if p.principals[c.who.principal] == "" {
			p.principals[c.who.principal] = "signed " + c.name()
		}
		if len(c.who.chain) > 0 {
			p.roots[c.root()] = true
		}
	}
	return p
}

// count decides which reviews of a pull request count for a gate.
func (j *judge) count(pr *evidence.PullRequest, t terms) ballot {
	var b ballot
	p := j.partyOf(pr)
	for _, r := range latestReviews(pr.Reviews) {
		if r.State != "APPROVED" && r.State != "CHANGES_REQUESTED" {
			continue
		}
		who, why := j.reviewer(r.By, p, t)
		switch {
		case why.rule == "unknown":
			b.unknown = append(b.unknown, why.why)
		case why.rule != "":
			if r.State == "APPROVED" {
				b.ignored = append(b.ignored, why)
			}
		case r.State == "CHANGES_REQUESTED":
			b.blocking = append(b.blocking, who)
		default:
			if why := j.stale(pr, r, t, who); why.rule != "" {
				b.ignored = append(b.ignored, why)
				continue
			}
			b.counted = append(b.counted, who)
		}
	}
	return b
}

// latestReviews is the last word of each account: a comment says nothing, and a dismissal takes
// the last word away without giving an earlier one back.
func latestReviews(reviews []evidence.Review) []evidence.Review {
	ordered := slices.Clone(reviews)
	slices.SortStableFunc(ordered, func(a, b evidence.Review) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return cmp.Compare(a.ID, b.ID)
	})
	last := map[int64]evidence.Review{}
	var order []int64
	for _, r := range ordered {
		switch r.State {
		case "APPROVED", "CHANGES_REQUESTED", "DISMISSED":
		default:
			continue
		}
		if _, ok := last[r.By.ID]; !ok {
			order = append(order, r.By.ID)
		}
		last[r.By.ID] = r
	}
	out := make([]evidence.Review, 0, len(order))
	for _, id := range order {
		out = append(out, last[id])
	}
	return out
}

// reviewer decides whether an account may approve at all, and under what name it counts.
func (j *judge) reviewer(by evidence.Account, p party, t terms) (who string, why ignored) {
	who = show(by.Login)
	no := func(rule, text string) (string, ignored) { return who, ignored{rule, who, text} }
	block := j.human(by)
	if block != nil {
		who = string(block.Name)
	}
	switch {
	case t.signed:
		return no("approval-ineligible", "the gate asks for signed approvals; a review proves a token and no person")
	case by.Type != "User":
		return no("approval-ineligible", "is a "+show(by.Type)+" and no person")
	case j.isAgentAccount(by):
		return no("approval-ineligible", "is the account of an agent")
	case p.accounts[by.ID] != "":
		return no("approval-ineligible", p.accounts[by.ID])
	case block != nil && p.principals[block.Name] != "":
		return no("approval-ineligible", p.principals[block.Name])
	case block != nil && p.roots[block.Name] && !t.allowDelegator:
		return no("approval-ineligible", "is the human on whose authority the agent acts (allow_delegator is not set)")
	}
	if clash := j.renamed(by); clash != "" {
		return no("approval-ineligible", clash)
	}
	role, ok := j.roleOf(by)
	switch {
	case !ok || !role.Known:
		return no("unknown", "the role of "+who+" could not be read"+because(role.Why))
	case !atLeast(role.Name, t.role):
		return no("approval-ineligible", "has the role "+show(role.Name)+", and the gate asks for "+t.role)
	case !j.listed(t.approvers, block, role):
		return no("approval-ineligible", "is none of the gate's approvers: "+list(t.approvers))
	}
	return who, ignored{}
}

// stale says why an approval by somebody eligible does not hold for what is there now.
func (j *judge) stale(pr *evidence.PullRequest, r evidence.Review, t terms, who string) ignored {
	switch {
	case slices.ContainsFunc(pr.Retargets, func(at time.Time) bool { return !r.At.After(at) }):
		return ignored{"approval-stale", who, "approved before the base branch was changed"}
	case r.Commit == "" || r.Commit != pr.Head && !(t.carryOver == "merges" && j.onlyMergedSince(pr, r.Commit)):
		return ignored{"approval-stale", who, "approved " + shortID(r.Commit) + ", and the head is " + shortID(pr.Head)}
	case j.set.At.Sub(r.At) > t.maxAge:
		return ignored{"approval-expired", who, "approved at " + clock(r.At) + ", more than " + t.maxAge.String() + " ago"}
	default:
		return ignored{}
	}
}

// onlyMergedSince reports whether what came after a reviewed commit is only the base, merged in
// just as git merges it: then nothing that was reviewed changed.
func (j *judge) onlyMergedSince(pr *evidence.PullRequest, reviewed string) bool {
	inside := map[string]bool{}
	for _, id := range pr.Commits {
		inside[id] = true
	}
	at := pr.Head
	for range pr.Commits {
		if at == reviewed {
			return true
		}
		c := j.byCommit[at]
		if c == nil || c.commit.Merge == nil || !c.commit.Merge.Recomputed || len(c.commit.Merge.Conflicts) > 0 ||
			len(c.changes) > 0 || len(c.commit.Parents) != 2 || len(c.commit.Gaps) > 0 || inside[c.commit.Parents[1]] {
			return false
		}
		at = c.commit.Parents[0]
	}
	return at == reviewed
}

// human is the human of the policy to whom a forge account belongs, nil for none. A pinned id
// decides alone: names change hands.
func (j *judge) human(by evidence.Account) *policy.Principal {
	for _, block := range j.policy.Principals {
		if block.Name.Kind() != names.Human {
			continue
		}
		if block.GitHubID != 0 {
			if block.GitHubID == by.ID {
				return block
			}
			continue
		}
		if block.GitHub != "" && strings.EqualFold(block.GitHub, by.Login) {
			return block
		}
	}
	return nil
}

// renamed says that an account carries a listed human's name with another id, "" if it does not.
func (j *judge) renamed(by evidence.Account) string {
	for _, block := range j.policy.Principals {
		if block.GitHubID != 0 && block.GitHubID != by.ID && strings.EqualFold(block.GitHub, by.Login) {
			return "carries the name of " + string(block.Name) + " and is another account (github_id)"
		}
	}
	return ""
}

// isAgentAccount reports whether the policy gives a forge account to an agent or app.
func (j *judge) isAgentAccount(by evidence.Account) bool {
	for _, block := range j.policy.Principals {
		if block.Name.Kind() == names.Human {
			continue
		}
		if block.GitHub != "" && strings.EqualFold(block.GitHub, by.Login) || block.GitHubID != 0 && block.GitHubID == by.ID {
			return true
		}
	}
	return false
}

func (j *judge) roleOf(by evidence.Account) (evidence.Role, bool) {
	for _, r := range j.set.Roles {
		if r.Account.ID == by.ID {
			return r, true
		}
	}
	return evidence.Role{}, false
}

// listed reports whether somebody is one of the approvers: by name, through a team of the policy,
// or as a member of a listed team of the forge.
func (j *judge) listed(approvers []names.Principal, block *policy.Principal, role evidence.Role) bool {
	if approvers == nil {
		return true
	}
	if block != nil && slices.Contains(j.policy.Expand(approvers), block.Name) {
		return true
	}
	for _, a := range approvers {
		if team := j.policy.Teams[a]; team != nil && team.GitHub != "" && slices.ContainsFunc(role.Teams, func(t string) bool {
			return strings.EqualFold(t, team.GitHub)
		}) {
			return true
		}
	}
	return false
}

// roles are the forge's, the weakest first.
func roles() []string { return []string{"none", "read", "triage", "write", "maintain", "admin"} }

// atLeast compares roles. A role that nobody knows (a custom one) is none.
func atLeast(has, needs string) bool {
	h, n := slices.Index(roles(), has), slices.Index(roles(), needs)
	return h >= 0 && n >= 0 && h >= n
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + show(why)
}
