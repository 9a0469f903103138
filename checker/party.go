package checker

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// party is everybody who has a part in something and so cannot approve it. A part is a clause:
// "opened pull request #7".
type party struct {
	accounts   map[int64]part             // of the forge
	principals map[names.Principal]string // by the policy's names
	roots      map[names.Principal]string // humans on whose authority an agent acted
	unknown    []string                   // what of it could not be learned, as clauses
}

// part is the part that an account has.
type part struct {
	by   evidence.Account
	text string
	// stranger is set where it is a person's account, and the policy does not say whose.
	stranger bool
}

func newParty() party {
	return party{accounts: map[int64]part{}, principals: map[names.Principal]string{}, roots: map[names.Principal]string{}}
}

// with is the party and those who stand behind more attributions, who made what.
func (p party) with(made string, more ...*attribution) party {
	p.accounts, p.principals, p.roots = maps.Clone(p.accounts), maps.Clone(p.principals), maps.Clone(p.roots)
	p.unknown = slices.Clone(p.unknown)
	for _, w := range more {
		p.signed(w, "signed "+made)
	}
	return p
}

// and is the party and another one.
func (p party) and(more party) party {
	p = p.with("")
	for id, part := range more.accounts {
		if p.accounts[id].text == "" {
			p.accounts[id] = part
		}
	}
	for who, text := range more.principals {
		if p.principals[who] == "" {
			p.principals[who] = text
		}
	}
	for who, text := range more.roots {
		if p.roots[who] == "" {
			p.roots[who] = text
		}
	}
	for _, what := range more.unknown {
		if !slices.Contains(p.unknown, what) {
			p.unknown = append(p.unknown, what)
		}
	}
	return p
}

// partyOf is who opened a pull request, pushed to it and signed in it, and on whose authority, with
// those who stand behind more attributions. Author and committer lines are no evidence: an agent could
// name the whole team there.
func (j *judge) partyOf(pr *evidence.PullRequest, more ...*attribution) party {
	p := j.place(pr).party
	if len(more) == 0 {
		return p
	}
	return p.with("the request", more...)
}

func (j *judge) pullParty(pr *evidence.PullRequest) party {
	p := newParty()
	j.takes(&p, pr.Author, fmt.Sprintf("opened pull request #%d", pr.Number))
	for _, push := range pr.Pushes {
		if !j.pushedMerge(pr, push) {
			j.takes(&p, push.By, "pushed to "+inert.Word(pr.HeadRef)+" at "+clock(push.At))
		}
	}
	j.signers(&p, pr.Commits, func(c *act) bool { return sameMerge(c.commit) && j.bringsBase(pr, c.commit) && !ownSigned(c) })
	for _, id := range pr.Commits {
		if c := j.byCommit[id]; c != nil {
			j.carriedParty(&p, c.commit, 0)
		}
	}
	if w := j.openedBy(pr); w != nil {
		p.signed(w, fmt.Sprintf("signed pull request #%d", pr.Number))
	}
	j.innerParty(&p, pr, 0)
	return p
}

// innerParty adds those who have a part in the pull requests that were merged into the branch of one.
func (j *judge) innerParty(p *party, pr *evidence.PullRequest, deep int) {
	if why := pr.InnerUnread; why != "" {
		p.unknown = append(p.unknown, fmt.Sprintf("who had a part in what was merged into the branch of pull request #%d could not be read", pr.Number)+because(why))
	}
	if deep == maxCarriedIn {
		return
	}
	for _, inner := range pr.Inner {
		j.takes(p, inner.Author, fmt.Sprintf("opened pull request #%d, which was merged into the branch of #%d", inner.Number, pr.Number))
		for _, push := range inner.Pushes {
			if !j.pushedMerge(inner, push) {
				j.takes(p, push.By, "pushed to "+inert.Word(inner.HeadRef)+" at "+clock(push.At))
			}
		}
		j.signers(p, inner.Commits, func(c *act) bool { return sameMerge(c.commit) && j.bringsBase(inner, c.commit) && !ownSigned(c) })
		if w := j.openedBy(inner); w != nil {
			p.signed(w, fmt.Sprintf("signed pull request #%d", inner.Number))
		}
		j.innerParty(p, inner, deep+1)
	}
}

// innerMerge is the pull request of which a commit of another's branch is the merge, by the forge's record: one that
// was merged into it, or into one of those; nil for none.
func innerMerge(pr *evidence.PullRequest, c *evidence.Commit) *evidence.PullRequest {
	for _, inner := range pr.Inner {
		if len(c.Parents) == 2 && inner.MergedAs == c.ID && inner.Head == c.Parents[1] {
			return inner
		}
		if below := innerMerge(inner, c); below != nil {
			return below
		}
	}
	return nil
}

// changedInside says which merge into the branch of a pull request holds what nobody signed: no key signed it, and
// merging again does not give it. A review of the branch is no word about the merge of another pull request.
func (j *judge) changedInside(pr *evidence.PullRequest, deep int) string {
	if deep == maxCarriedIn {
		return ""
	}
	for _, inner := range pr.Inner {
		if c := j.made(inner.MergedAs); c != nil && innerMerge(pr, c.commit) != nil && !sameMerge(c.commit) && !ownSigned(c) {
			return fmt.Sprintf("commit %s, by which pull request #%d was merged into the branch of #%d, is not what merging it again gives, and no key signed it", shortID(c.commit.ID), inner.Number, pr.Number)
		}
		if why := j.changedInside(inner, deep+1); why != "" {
			return why
		}
	}
	return ""
}

// carriedParty adds those who have a part in the pull requests that a commit was merged from.
func (j *judge) carriedParty(p *party, c *evidence.Commit, deep int) {
	if deep == maxCarriedIn {
		return
	}
	for _, pr := range c.CarriedIn {
		j.takes(p, pr.Author, fmt.Sprintf("opened pull request #%d, which was merged as commit %s", pr.Number, shortID(c.ID)))
		for _, push := range pr.Pushes {
			if !j.pushedMerge(pr, push) {
				j.takes(p, push.By, "pushed to "+inert.Word(pr.HeadRef)+" at "+clock(push.At))
			}
		}
		j.signers(p, pr.Commits, func(c *act) bool { return sameMerge(c.commit) && j.bringsBase(pr, c.commit) && !ownSigned(c) })
		for _, id := range pr.Commits {
			if inside := j.byCommit[id]; inside != nil {
				j.carriedParty(p, inside.commit, deep+1)
			}
		}
	}
}

// updateParty is who made what an update brings, and who pushes it.
func (j *judge) updateParty(u *evidence.Update, ids []string) party {
	p := newParty()
	j.signers(&p, ids, func(*act) bool { return false })
	if by := j.set.Pusher; by != nil {
		if block := j.policy.ByLogin(by.Login); block != nil && p.principals[block.Name] == "" {
			p.principals[block.Name] = "pushed to " + inert.Word(u.Ref)
		}
	}
	return p
}

// takes adds an account, and the human whose it is.
func (j *judge) takes(p *party, by evidence.Account, text string) {
	if by.ID <= 0 {
		p.unknown = append(p.unknown, "who "+text+" could not be read")
		return
	}
	if p.accounts[by.ID].text != "" {
		return
	}
	owner := j.owner(by)
	p.accounts[by.ID] = part{by, text, owner == nil && by.Type == "User" && j.agentAccount(by) == ""}
	if owner != nil && p.principals[owner.Name] == "" {
		p.principals[owner.Name] = text
	}
}

// signers adds whoever signed commits, but for those that count for nobody.
func (j *judge) signers(p *party, ids []string, nobodys func(*act) bool) {
	for _, id := range ids {
		c := j.made(id)
		switch {
		case c == nil:
			p.unknown = append(p.unknown, "who made commit "+shortID(id)+" could not be read")
		case !nobodys(c):
			p.signed(&c.who, "signed "+c.name())
		}
	}
}

// signed adds the maker of something, and the root of their authority. What is not attributed is added
// as far as it names somebody: that only ever excludes.
func (p *party) signed(w *attribution, text string) {
	if w.principal != "" && p.principals[w.principal] == "" {
		p.principals[w.principal] = text
	}
	if len(w.chain) > 0 {
		if root := w.chain[0].Delegator.Name; root.Kind() == names.Human && p.roots[root] == "" {
			p.roots[root] = "gave " + string(w.chain[len(w.chain)-1].Delegate.Name) + " the authority for " + strings.TrimPrefix(text, "signed ")
		}
	}
	switch w.problem {
	case objectUnread, bundleMissing, bundleMalformed:
		what := "who gave the authority for " + strings.TrimPrefix(text, "signed ") + " could not be read"
		if !slices.Contains(p.unknown, what) {
			p.unknown = append(p.unknown, what)
		}
	default:
	}
}

// made is the act of a commit with its attribution; nil where the commit was not read. A commit that
// is not under judgement is attributed here.
func (j *judge) made(id string) *act {
	c := j.byCommit[id]
	if c == nil || c.who.problem != notTried {
		return c
	}
	as := *c
	j.attribute(&as)
	return &as
}

// openedBy is who answers for a pull request by its signed statement, nil where there is none.
func (j *judge) openedBy(pr *evidence.PullRequest) *attribution {
	if a := j.byPull[pr]; a != nil {
		return &a.who
	}
	if pr.Statement == nil {
		return nil
	}
	w := &attribution{}
	attributeStatement[delegation.PullRequest](j, w, pr.Statement)
	return w
}

// pushedMerge reports whether a push brought nothing but a merge of the base ("update branch"), or of a pull request
// by the forge's record, that is the same when made again and that nobody of the policy signed: whoever asked for it
// took no part.
func (j *judge) pushedMerge(pr *evidence.PullRequest, push evidence.Push) bool {
	c := j.made(push.After)
	return c != nil && push.Before != "" && sameMerge(c.commit) && (j.bringsBase(pr, c.commit) || innerMerge(pr, c.commit) != nil) &&
		push.Before == c.commit.Parents[0] && !ownSigned(c)
}

// ownSigned reports whether a commit carries a signature of the kind that people and agents make.
func ownSigned(c *act) bool {
	return c.object == nil || strings.HasPrefix(string(c.object.Signature), "-----BEGIN SSH SIGNATURE-----")
}

// hasAccount reports whether the policy says which account of the forge a human has.
func hasAccount(block *policy.Principal) bool { return block.GitHub != "" || block.GitHubID != 0 }

// reviewerTakesPart says why a reviewer has too much of a part to approve; its rule is "" for none.
func (j *judge) reviewerTakesPart(v voter, c *cause, t terms, unplaced names.Principal) ignored {
	p := &c.party
	if part, ok := p.accounts[v.by.ID]; ok {
		return takesPart(v.name, part.text)
	}
	if v.block != nil {
		return p.humanTakesPart(v.block.Name, t)
	}
	// Whoever has an account that the policy gives to nobody could be any human without one.
	var humans []names.Principal
	humans = append(humans, slices.Sorted(maps.Keys(p.principals))...)
	if !t.allowDelegator {
		humans = append(humans, slices.Sorted(maps.Keys(p.roots))...)
	}
	for _, h := range humans {
		if block := j.policy.Principal(h); h.Kind() == names.Human && (block == nil || !hasAccount(block)) {
			return sameAccount(v.name, h, "who takes part in it")
		}
	}
	if unplaced != "" {
		return sameAccount(v.name, unplaced, "who approved already")
	}
	return ignored{}
}

func sameAccount(account string, human names.Principal, what string) ignored {
	return ignored{
		rule: ruleIneligible, who: account,
		why: "the account could be that of " + string(human) + ", " + what + ": the policy names no account for either",
		fix: "Have a maintainer add github = \"…\" to " + string(human) + ", or list the approver with it.",
	}
}

// strangers are the ids of the people's accounts that take part and are nobody's by the policy, in order.
func (p *party) strangers() []int64 {
	var ids []int64
	for _, id := range slices.Sorted(maps.Keys(p.accounts)) {
		if p.accounts[id].stranger {
			ids = append(ids, id)
		}
	}
	return ids
}

// humanTakesPart says why a human of the policy has too much of a part to approve.
func (p *party) humanTakesPart(who names.Principal, t terms) ignored {
	if text := p.principals[who]; text != "" {
		return takesPart(string(who), text)
	}
	if text := p.roots[who]; text != "" && !t.allowDelegator {
		no := takesPart(string(who), text)
		if t.approvers != nil {
			no.fix += " In a team of one a maintainer can set allow_delegator = true in the gate."
		}
		return no
	}
	return ignored{}
}

func takesPart(who, text string) ignored {
	return ignored{
		rule: ruleIneligible, who: who,
		why: who + " " + text + ", and whoever takes part does not approve",
		fix: "Ask somebody else to approve.",
	}
}

// has reports whether a human of the policy takes part.
func (p *party) has(who names.Principal, t terms) bool {
	return p.principals[who] != "" || p.roots[who] != "" && !t.allowDelegator
}
