package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// The rules about approvals that do not count.
const (
	ruleStale      = "approval-stale"
	ruleIneligible = "approval-ineligible"
	ruleExpired    = "approval-expired"
)

// What the forge calls the states of a review that say something.
const (
	reviewApproved  = "APPROVED"
	reviewObjected  = "CHANGES_REQUESTED"
	reviewDismissed = "DISMISSED"
)

// terms is what a gate asks of approvals. A policy's gate has its own; deploy, delete, rotate and
// protected paths have those of defaultTerms where no gate speaks.
type terms struct {
	needed         int
	approvers      []names.Principal // as the policy has them; nil: any human of the policy
	role           string            // the least that a reviewer has on the forge
	signed         bool              // only signed approvals count
	allowDelegator bool
	carryOver      string
	maxAge         time.Duration
}

func termsOf(g *policy.Gate) terms {
	t := terms{
		needed: max(g.Approvals, 1), approvers: g.Approvers, role: g.Role, signed: g.Signed,
		allowDelegator: g.AllowDelegator, carryOver: g.CarryOver, maxAge: g.MaxAge,
	}
	if t.approvers == nil {
		t.approvers = []names.Principal{} // a gate that names nobody is opened by nobody
	}
	return t
}

// defaultTerms are one human of the policy with the role write, who is not the chain's root. Whoever else the
// forge lets write may be a machine, or an agent's second account: the forge does not tell.
func defaultTerms() terms {
	return terms{needed: 1, role: "write", carryOver: carryMerges, maxAge: 72 * time.Hour}
}

// carryMerges is the carry_over of approvals that survive merges of the base.
const carryMerges = "merges"

// tally is what all ballots of a check share. Its zero value is empty.
type tally struct {
	once   sync.Once
	signed []*signedApproval

	mu     sync.Mutex
	places map[any]*place // by what they are of
}

// cause is one thing that approvals are asked for, and what one must name to be for it.
type cause struct {
	name string // "pull request #7"; in a sentence

	pull *evidence.PullRequest // whose reviews count; nil: none do, and why says why
	why  string
	also []*evidence.PullRequest // of the same merge: whoever objects there objects to this
	// beside is a pull request with others that have its head: whoever objects there objects to this, until they
	// approve it here.
	beside *evidence.PullRequest

	// What a signed approval must name: the digest of the request, or the head and a ref that gets it (of a
	// deploy, one that it is from).
	actions     []names.Action
	environment string
	request     string
	head        string
	refs        []string // one of which it must name
	bases       []string // one of which it must have compared the head with
	inside      []string // ids of the commits that come with head
	was         string   // what a ref that is moved is at now, "" for none: an approval of the move must name just that

	// goesBack is a commit that this takes away, "" for none. What was said before it was there says
	// nothing about taking it away: since is when it was let through, zero where that is not known.
	goesBack string
	since    time.Time

	party party
	// asked are those who may approve and signed that for the very request, and when; filled in as they are counted.
	asked map[names.Principal]time.Time
}

// ballot is how approvals count: for one cause, or for the one of several that has the fewest.
type ballot struct {
	counted   []string
	missing   int       // how many more are needed; 0 with blocking or unknown is no consent either
	ignored   []ignored // of all causes
	blocking  []objection
	unknown   []string // what had to be learned and was not, as clauses
	approvers []string // who could still approve
	// waived says that what could not be learned does not matter: enough of those who approve signed that for the
	// very request, whatever else there may be. sign is how others would; "" where there is no request.
	waived bool
	sign   string
	lacks  []string // the causes that wait, where there are several
	no     []string // why no review counts, as clauses
	how    string   // how to approve: "approve pull request #7 at 1a2b3c"
}

// ignored is an approval that does not count.
type ignored struct {
	rule string
	who  string
	why  string // a clause
	fix  string // a sentence
	// loose is set where who is not the giver but the approval, of which no giver is known.
	loose bool
}

// objection is a standing request for changes. dismissed is a clause that says who dismissed it and why that
// does not end it, "" where nobody did.
type objection struct{ who, cause, dismissed string }

// satisfied reports whether the terms are met. The zero ballot, which nobody counted, is not.
func (b *ballot) satisfied() bool {
	return b.missing == 0 && len(b.counted) > 0 && len(b.blocking)+len(b.unknown) == 0
}

// ballot is how the approvals of everything that the act is a part of count. The terms must be met for
// each: a commit in two pull requests needs them in both.
func (a *act) ballot(t terms) ballot {
	causes := a.causes()
	if len(causes) == 0 {
		causes = []cause{{name: a.name(), why: a.judge.noReviews(), actions: a.approvable(), party: newParty().with(a.name(), &a.who)}}
	}
	return a.judge.ballotOver(causes, t)
}

// ballotOver counts for each cause, and sums up.
func (j *judge) ballotOver(causes []cause, t terms) ballot {
	var sum ballot
	for i := range causes {
		b := j.count(&causes[i], t)
		if i == 0 || b.missing > sum.missing {
			sum.counted, sum.missing, sum.approvers, sum.how = b.counted, b.missing, b.approvers, b.how
		}
		if i == 0 || !b.waived {
			sum.waived = b.waived
		}
		if sum.sign == "" && len(b.unknown) > 0 {
			sum.sign = b.sign
		}
		for _, no := range b.ignored {
			if !slices.Contains(sum.ignored, no) {
				sum.ignored = append(sum.ignored, no)
			}
		}
		sum.blocking = append(sum.blocking, b.blocking...)
		for _, what := range b.unknown {
			if !slices.Contains(sum.unknown, what) {
				sum.unknown = append(sum.unknown, what)
			}
		}
		if b.missing > 0 {
			sum.lacks = append(sum.lacks, causes[i].name)
			if no := causes[i].why; no != "" && !slices.Contains(sum.no, no) {
				sum.no = append(sum.no, no)
			}
		}
	}
	if len(causes) < 2 {
		sum.lacks = nil
	}
	return sum
}

// count counts the approvals for one cause. Who counts, counts once, however often and however they
// approved.
func (j *judge) count(c *cause, t terms) ballot {
	var b ballot
	unplaced := names.Principal("") // who approved and has no account that the policy knows
	c.asked = map[names.Principal]time.Time{}
	for _, s := range j.approvals() {
		no := j.signedCounts(s, c, t)
		switch {
		case no == nil:
		case no.rule != "":
			b.ignored = append(b.ignored, *no)
		case !slices.Contains(b.counted, string(s.block.Name)):
			b.counted = append(b.counted, string(s.block.Name))
			if !hasAccount(s.block) && unplaced == "" {
				unplaced = s.block.Name
			}
		}
		if no != nil && no.rule == "" && s.Request != "" && c.asked[s.block.Name].Before(s.NotBefore) {
			c.asked[s.block.Name] = s.NotBefore
		}
	}
	b.unknown = append(b.unknown, c.party.unknown...)
	if c.pull != nil {
		if !c.pull.Complete {
			b.unknown = append(b.unknown, "the reviews, pushes and base changes of "+c.name+" could not be read to their end")
		}
		j.countReviews(&b, c, t, unplaced)
	}
	for _, pr := range c.also {
		name := fmt.Sprintf("pull request #%d", pr.Number)
		if !pr.Complete {
			b.unknown = append(b.unknown, "the reviews, pushes and base changes of "+name+" could not be read to their end")
		}
		for _, r := range latestReviews(pr.Reviews) {
			j.hears(&b, j.voter(r.By, t), r, name, c, t)
		}
	}
	j.hearBeside(&b, c, t)
	b.ignored = slices.DeleteFunc(b.ignored, func(no ignored) bool { return slices.Contains(b.counted, no.who) })
	b.missing = max(t.needed-len(b.counted), 0)
	b.approvers, b.how = j.remaining(c, t, b.counted), c.how(t)
	if b.waived = len(c.asked) >= t.needed; b.waived {
		b.unknown = nil
	}
	if c.request != "" {
		b.sign = j.signersLeft(c, t)
	}
	return b
}

// hearBeside takes in what is said in other pull requests that have the head of a cause's.
func (j *judge) hearBeside(b *ballot, c *cause, t terms) {
	if c.beside == nil {
		return
	}
	if why := c.beside.SameHeadUnread; why != "" {
		b.unknown = append(b.unknown, "which other open pull requests have the head of "+c.name+" could not be read"+because(why))
	}
	settled := func(r review) bool {
		return slices.ContainsFunc(latestReviews(c.beside.Reviews), func(here review) bool {
			return here.By.ID == r.By.ID && here.State == reviewApproved && here.At.After(r.At)
		})
	}
	for _, pr := range c.beside.SameHead {
		name := fmt.Sprintf("pull request #%d, which has the same head", pr.Number)
		if !pr.Complete {
			b.unknown = append(b.unknown, "what is said in "+name+", could not be read")
		}
		for _, r := range latestReviews(pr.Reviews) {
			if !settled(r) {
				j.hears(b, j.voter(r.By, t), r, name, c, t)
			}
		}
	}
}

// countReviews counts the reviews of a pull request.
func (j *judge) countReviews(b *ballot, c *cause, t terms, unplaced names.Principal) {
	var unknown []string
	for _, r := range latestReviews(c.pull.Reviews) {
		v := j.voter(r.By, t)
		switch {
		case j.hears(b, v, r, c.name, c, t):
		case !r.approvedOnce:
		case slices.Contains(b.counted, v.name):
		default:
			no := j.reviewIgnored(v, r, c, t, unplaced)
			switch {
			case no.rule != "":
				b.ignored = append(b.ignored, no)
			case v.unknown != "":
				unknown = append(unknown, v.unknown)
			default:
				b.counted = append(b.counted, v.name)
			}
		}
	}
	if len(b.counted) < t.needed {
		b.unknown = append(b.unknown, unknown...)
	}
}

// hears takes a review of a pull request in as an objection to a cause, and reports whether it is one, or may be.
func (j *judge) hears(b *ballot, v voter, r review, pull string, c *cause, t terms) bool {
	stands, dismissed, unread := j.objects(v, r, c, t)
	if v.block != nil && c.asked[v.block.Name].After(r.At) {
		return false // they signed that it may be done, since
	}
	switch {
	case v.barred.rule != "":
		return stands
	case unread != "":
		b.unknown = append(b.unknown, unread)
	case stands && v.unknown != "":
		b.unknown = append(b.unknown, v.unknown) // it may be one that counts
	case stands:
		b.blocking = append(b.blocking, objection{v.name, pull, dismissed})
	default:
		return false
	}
	return true
}

// objects reports whether a review stands as a request for changes. It does after somebody dismissed it who
// could not have approved in its place: dismissed then says so. unread is what of that could not be learned,
// as a clause.
func (j *judge) objects(v voter, r review, c *cause, t terms) (stands bool, dismissed, unread string) {
	d := r.Dismissed
	switch {
	case r.State == reviewObjected:
		return true, "", ""
	case r.State != reviewDismissed:
		return false, "", ""
	case d == nil:
		return false, "", "who dismissed the review of " + v.name + " could not be read"
	case d.Was == reviewApproved, d.Was == "COMMENTED", d.By.ID == r.By.ID && d.By.ID > 0:
		return false, "", ""
	}
	by := j.voter(d.By, t)
	no := by.barred
	if no.rule == "" {
		no = j.reviewerTakesPart(by, c, t, "")
	}
	switch {
	case no.rule != "":
		return true, by.name + " dismissed the review at " + clock(d.At) + ", and could not have approved: " + no.why, ""
	case by.unknown != "":
		return false, "", by.unknown
	default:
		return false, "", ""
	}
}

// reviewIgnored says why an approving review does not count; its rule is "" where nothing speaks
// against it.
func (j *judge) reviewIgnored(v voter, r review, c *cause, t terms, unplaced names.Principal) ignored {
	no := v.barred
	if no.rule == "" {
		no = j.reviewerTakesPart(v, c, t, unplaced)
	}
	if no.rule == "" && t.signed {
		no = ignored{
			rule: ruleIneligible,
			why:  "only signed approvals count (evidence = \"signed\"): a review proves that somebody had a token",
			fix:  "Have them sign one: `" + c.command() + "`.",
		}
	}
	if no.rule == "" {
		no = j.outdated(c.pull, r, t, v.name)
	}
	no.who = v.name
	return no
}

// review is the last word of an account.
type review struct {
	evidence.Review
	approvedOnce bool // it or an earlier one approved, or it was dismissed
}

// latestReviews is the last word of each account, in the order of their first. A comment says nothing.
// Whatever else there may be takes the last word away without giving an earlier one back.
func latestReviews(reviews []evidence.Review) []review {
	ordered := slices.Clone(reviews)
	slices.SortStableFunc(ordered, func(a, b evidence.Review) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	var last []review
	for _, r := range ordered {
		if r.State == "COMMENTED" || r.State == "PENDING" {
			continue
		}
		i := slices.IndexFunc(last, func(l review) bool { return l.By.ID == r.By.ID })
		if i < 0 {
			i, last = len(last), append(last, review{})
		}
		last[i] = review{r, last[i].approvedOnce || r.State != reviewObjected}
	}
	return last
}

// voter is an account that reviewed: under which name it counts, and what of it is known.
type voter struct {
	by      evidence.Account
	name    string
	block   *policy.Principal // of the human whose account it is, nil for none
	barred  ignored           // why it could approve nothing under these terms; its rule is "" where it could
	unknown string            // what about it could not be learned, "" where all was
}

// voter finds out who a reviewer is, and whether the terms let them approve anything at all.
func (j *judge) voter(by evidence.Account, t terms) voter {
	v := voter{by: by, name: inert.Word(by.Login)}
	bar := func(why, fix string) voter {
		v.barred = ignored{rule: ruleIneligible, who: v.name, why: why, fix: fix}
		return v
	}
	const people = "Ask a person to approve."
	owner := j.owner(by)
	switch {
	case by.ID <= 0:
		v.name = "a deleted account"
		return bar("nobody has the account any more", people)
	case by.Type != "User":
		return bar(v.name+" is an account of the type "+inert.Word(by.Type)+", and only people approve", people)
	case owner != nil && owner.Name.Kind() != names.Human:
		return bar(v.name+" is the account of "+string(owner.Name)+", and only people approve", people)
	case owner != nil:
		v.block, v.name = owner, string(owner.Name)
	default:
		if agent := j.agentAccount(by); agent != "" {
			return bar(v.name+" is the account of "+string(agent)+" by its name, and only people approve",
				"Ask a person to approve. If it is a person's, have a maintainer add the account to their human block (github = \"…\").")
		}
		if human := j.impersonated(by); human != nil {
			return bar(fmt.Sprintf("the account %s has the name of %s's and is another one: its id is %d, and the policy says %d",
				v.name, human.Name, by.ID, human.GitHubID), "If the account is "+string(human.Name)+"'s own, have a maintainer correct its github_id.")
		}
		if t.approvers == nil {
			return bar("no human of the policy has the account "+v.name+", and only humans of the policy approve here", listThem(by))
		}
	}
	role, read := j.roleOf(by)
	if t.approvers != nil && !j.listed(v.block, role, t.approvers) {
		if !j.mayBeListed(role, t.approvers) {
			return bar(v.name+" is none of the approvers, "+list(t.approvers), "Ask one of the approvers.")
		}
		v.unknown = "whether " + v.name + " is one of " + list(t.approvers) + " could not be read" + because(role.Why)
		return v
	}
	switch {
	case !read || !role.Known:
		v.unknown = "the role of " + v.name + " in the repository could not be read" + because(role.Why)
	case !atLeast(role.Name, t.role):
		return bar(v.name+" has the role "+inert.Word(role.Name)+" in the repository, and it takes "+t.role+because(role.Why),
			"Ask somebody who has the role, or have an administrator give it to "+v.name+".")
	}
	return v
}

// listThem says how the approvals of an account's person come to count.
func listThem(by evidence.Account) string {
	account := "github and github_id"
	if plainLogin(by.Login) {
		account = fmt.Sprintf("github = \"%s\" and github_id = %d", by.Login, by.ID)
	}
	return "Ask a human of the policy. If it is a person's account, have a maintainer add a block human \"NAME\" with " + account +
		": the approval counts once the base's policy has that."
}

// plainLogin reports whether a login can be written into a policy as it is.
func plainLogin(login string) bool {
	return login != "" && inert.Word(login) == login && !strings.ContainsAny(login, "\"\\${}%")
}

// agentAccount is the agent whose name on a server an account has, "" for none.
func (j *judge) agentAccount(by evidence.Account) names.Principal {
	for _, block := range j.policy.Principals {
		if block.Name.Kind() == names.Agent && strings.EqualFold(block.Login, by.Login) {
			return block.Name
		}
	}
	return ""
}

// impersonated is the human whose name an account has with another id than the policy pins.
func (j *judge) impersonated(by evidence.Account) *policy.Principal {
	for _, block := range j.policy.Principals {
		if block.Name.Kind() == names.Human && block.GitHubID != 0 && block.GitHubID != by.ID && strings.EqualFold(block.GitHub, by.Login) {
			return block
		}
	}
	return nil
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
func (j *judge) listed(block *policy.Principal, role evidence.Role, approvers []names.Principal) bool {
	for _, p := range j.policy.Expand(approvers) {
		if block != nil && p == block.Name {
			return true
		}
		team := j.policy.Teams[p]
		if role.Known && team != nil && team.GitHub != "" && slices.ContainsFunc(role.Teams, func(t string) bool {
			return strings.EqualFold(t, team.GitHub)
		}) {
			return true
		}
	}
	return false
}

// mayBeListed reports whether somebody could be in a listed team of the forge for all that is known.
func (j *judge) mayBeListed(role evidence.Role, approvers []names.Principal) bool {
	listed := slices.DeleteFunc(slices.Clone(j.policy.Expand(approvers)), func(p names.Principal) bool { return p.Kind() != names.Team })
	unread := slices.ContainsFunc(j.set.Gaps, func(g evidence.Gap) bool {
		return g.Kind == evidence.GapForge && (g.Team == "" || slices.ContainsFunc(listed, func(p names.Principal) bool {
			t := j.policy.Teams[p]
			return t != nil && strings.EqualFold(t.GitHub, g.Team)
		}))
	})
	return len(listed) > 0 && (!role.Known && !role.Stranger || unread)
}

// roles are the forge's, the weakest first.
func roles() []string { return []string{"none", "read", "triage", "write", "maintain", "admin"} }

// atLeast compares roles. A role that nobody knows is none.
func atLeast(has, needs string) bool {
	h, n := slices.Index(roles(), has), slices.Index(roles(), needs)
	return h >= 0 && n > 0 && h >= n
}

// outdated says why an approving review by somebody who may approve does not hold for what is there now.
func (j *judge) outdated(pr *evidence.PullRequest, r review, t terms, who string) ignored {
	again := "Ask " + who + " to look at " + shortID(pr.Head) + " and approve it."
	stale := func(why string) ignored { return ignored{rule: ruleStale, why: why, fix: again} }
	for _, at := range pr.Retargets {
		if !r.At.After(at) {
			return stale("it is of " + clock(r.At) + ", and at " + clock(at) + " the base became another, " + inert.Word(pr.BaseRef))
		}
	}
	if unseen := pr.Merge.Followed; len(unseen) > 0 && r.State == reviewApproved {
		return ignored{rule: ruleStale, why: carriedUnseen(pr), fix: seeCarried(pr, "ask "+who+" to approve again")}
	}
	switch {
	case r.State != reviewApproved:
		return stale("it was dismissed, or a later review was; no earlier one comes back with that")
	case r.Commit == "" || pr.Head == "":
		return stale("the forge does not say which commit it is for")
	case r.Commit != pr.Head && !j.onlyMergedSince(pr, r.Commit):
		return stale("it is for " + shortID(r.Commit) + ", and more was pushed since: the head is " + shortID(pr.Head))
	case r.Commit != pr.Head && t.carryOver != carryMerges:
		return stale("it is for " + shortID(r.Commit) + ", the base was merged in since, and the gate carries no approval over that (carry_over)")
	case j.tooOld(r.At, t):
		return ignored{rule: ruleExpired, why: "it is of " + clock(r.At) + ", and none counts that is older than " + span(t.maxAge), fix: again}
	default:
		return ignored{}
	}
}

// carriedUnseen says that merging a pull request changes a path that it shows under another name.
func carriedUnseen(pr *evidence.PullRequest) string {
	return "merging it carries a change to " + inert.Word(pr.Merge.Followed[0]) + ", which its branch has under another name: whoever looked at the branch did not see that"
}

// seeCarried says how approvals come to be of what lands.
func seeCarried(pr *evidence.PullRequest, again string) string {
	if pr.Merged {
		return "Approve the request itself (`remit approve`), after a look at " + inert.Word(pr.Merge.Followed[0]) + "."
	}
	return "Merge " + inert.Word(pr.BaseRef) + " into the branch, so that it shows what lands, and " + again + "."
}

// tooOld reports whether an approval was given longer ago than the terms take. Without a clock
// everything is too old.
func (j *judge) tooOld(at time.Time, t terms) bool {
	return j.set.At.IsZero() || at.IsZero() || j.set.At.Sub(at) > t.maxAge
}

// onlyMergedSince reports whether what came after a reviewed commit is only the base, merged in
// just as git merges it: then nothing that was reviewed changed.
func (j *judge) onlyMergedSince(pr *evidence.PullRequest, reviewed string) bool {
	at := pr.Head
	for range pr.Commits {
		if at == reviewed {
			return true
		}
		if !j.mergesBase(pr, at) {
			return false
		}
		at = j.byCommit[at].commit.Parents[0]
	}
	return at == reviewed && slices.Contains(pr.Commits, reviewed)
}

// mergesBase reports whether a commit of a pull request merges the base in and changes nothing of its own at
// any path: what lands at each path is what was reviewed at that path.
func (j *judge) mergesBase(pr *evidence.PullRequest, id string) bool {
	c := j.byCommit[id]
	return c != nil && j.cleanMerge(c.commit) && j.bringsBase(pr, c.commit)
}

// bringsBase reports whether a merge of two parents is a commit of a pull request that merges its base in.
func (j *judge) bringsBase(pr *evidence.PullRequest, c *evidence.Commit) bool {
	return slices.Contains(pr.Commits, c.ID) && !slices.Contains(pr.Commits, c.Parents[1])
}

// how says in what way the cause is approved.
func (c *cause) how(t terms) string {
	const sign = "sign an approval of the request (`remit approve`)"
	switch {
	case c.pull != nil && !t.signed:
		text := "review and approve pull request #" + strconv.Itoa(c.pull.Number) + " at " + shortID(c.pull.Head)
		if c.request != "" {
			text += ", or to " + sign
		}
		return text
	case c.request != "":
		return sign
	case c.head != "" && len(c.refs) > 0 && len(c.actions) > 0:
		return "approve " + shortID(c.head) + " on " + alternatives(shown(c.refs)) + " by signature: `" + c.command() + "`"
	default:
		return "sign an approval of " + c.name + " (`remit approve`), once it is a commit"
	}
}

// signersLeft says in a sentence who can sign an approval of the request that the cause is part of, and how that is
// handed over: what nobody can read does not keep that from counting.
func (j *judge) signersLeft(c *cause, t terms) string {
	able := slices.DeleteFunc(j.remaining(c, t, nil), func(who string) bool {
		block := j.policy.Principal(names.Principal(who))
		return block != nil && len(block.Keys) == 0
	})
	if len(able) < t.needed {
		return "have a maintainer list another approver with a key, who takes no part in it and approves the request by signature (`remit approve`)."
	}
	who := alternatives(able)
	if t.needed > 1 {
		who = strconv.Itoa(t.needed) + " of " + list(able)
	}
	return "put the request's word into request.txt, ask " + who + " to look at what is deployed and to sign that with `remit approve request.txt`, and ask again with the same request and what it prints (the input approvals). If the request has ended by then, begin with a new one."
}

// command is the command by which somebody who may approve the cause signs that.
func (c *cause) command() string {
	switch {
	case c.request != "":
		return "remit approve request.txt"
	case c.head == "" || len(c.refs) == 0 || len(c.actions) == 0:
		return "remit approve"
	}
	action := c.actions[len(c.actions)-1] // of the push of others' commits: of these
	words := []string{"remit", "approve", "--commit", shortID(c.head), "--ref", inShell(strings.TrimPrefix(c.refs[0], "refs/heads/")), "--action", string(action)}
	switch {
	case needsBase(action) && len(c.bases) > 0:
		words = append(words, "--base", shortID(c.bases[0]))
	case action == names.Push && c.was != "":
		words = append(words, "--base", shortID(c.was))
	}
	return strings.Join(words, " ")
}

// inShell is a ref's name as a shell takes it for one word.
func inShell(name string) string { return inShellOr(name, "REF") }

// inShellOr is a name as a shell takes it for one word, or what stands for one that nobody should paste.
func inShellOr(name, placeholder string) string {
	quote := false
	for _, r := range name {
		switch {
		case r <= ' ', r >= 0x7f, r == '\'', r == '`':
			return placeholder
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("/._-+@", r):
		default:
			quote = true
		}
	}
	if quote {
		return "'" + name + "'"
	}
	return name
}

// humans are those of the policy who have what it takes to approve a cause: a key, or an account where
// reviews count.
func (j *judge) humans(c *cause) []names.Principal {
	var able []names.Principal
	for name, block := range j.policy.Principals {
		if name.Kind() == names.Human && (len(block.Keys) > 0 || c.pull != nil && hasAccount(block)) {
			able = append(able, name)
		}
	}
	slices.Sort(able)
	return able
}

// remaining lists who could still approve: the approvers without those who take part and those who did.
func (j *judge) remaining(c *cause, t terms, counted []string) []string {
	approvers := j.policy.Expand(t.approvers)
	if t.approvers == nil {
		approvers = j.humans(c)
	}
	var left []string
	for _, p := range approvers {
		if c.party.has(p, t) || slices.Contains(counted, string(p)) || p.Kind() != names.Human && p.Kind() != names.Team {
			continue
		}
		if team := j.policy.Teams[p]; team != nil && team.GitHub != "" {
			left = append(left, string(p)+" ("+team.GitHub+")")
			continue
		}
		left = append(left, string(p))
	}
	return left
}

// alternatives is "a, b or c".
func alternatives(items []string) string {
	if n := len(items); n > 1 && n <= maxListed {
		return strings.Join(items[:n-1], ", ") + " or " + items[n-1]
	}
	return list(items)
}

func approvals(n int) string {
	if n == 1 {
		return "1 approval"
	}
	return strconv.Itoa(n) + " approvals"
}
