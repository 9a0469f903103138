package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing/gitobject"
)

// pullAct is the act of opening a pull request, judged at its base for all that it would change there.
func (j *judge) pullAct(pr *evidence.PullRequest) *act {
	by := "the forge's clock, at its creation"
	if j.set.Surface == evidence.SurfaceClient { // it is still to be opened, and no forge has seen it
		by = j.set.AtSource
	}
	a := &act{
		judge: j, kind: names.PullRequest, subject: fmt.Sprintf("#%d", pr.Number), refs: []string{pr.BaseRef},
		seen:    evidence.Seen{Time: pr.Created, By: by},
		changes: pr.Changes, pathList: pathsOf(pr.Changes), pull: pr, pulls: []*evidence.PullRequest{pr},
		flow: newFlow(pr.Workflows),
	}
	a.touched = j.environmentsOf(pr.Changes)
	j.byPull[pr] = a
	return a
}

// attributeByForge attributes a commit that no key signed, by what the forge recorded about the push
// that brought it. The forge's own signature and the committer that it writes prove nobody: anybody
// can make the forge commit, and anybody can write its name.
func (j *judge) attributeByForge(a *act) { j.byForge(a, 0) }

func (j *judge) byForge(a *act, deep int) {
	for _, pr := range a.pulls {
		if inner := innerMerge(pr, a.commit); inner != nil && sameMerge(a.commit) {
			a.who = attribution{problem: madeByForge, evidence: fmt.Sprintf("the forge's record that pull request #%d was merged as it: made again it is the same", inner.Number)}
			return
		}
	}
	push := a.commit.Push
	if push == nil {
		return
	}
	if j.forgeMerged(a, push) {
		a.who = attribution{problem: madeByForge, evidence: "a merge of the base that the forge made: made again it is the same"}
		return
	}
	block := j.owner(push.By)
	switch {
	case len(a.commit.CarriedIn) > 0:
		j.attributeCarriedIn(a, deep)
		return
	case block == nil:
		return
	case a.commit.CarriedWhy != "":
		a.who.detail = told(a.commit.CarriedWhy)
		return
	case a.commit.Unread != nil:
		u := a.commit.Unread
		a.who.detail = "an older push, by " + accountName(u.By) + " at " + clock(u.At) + ", could not be read, and whoever pushed it first answers for it"
		return
	case block.Name.Kind() == names.App:
	case block.Name.Kind() == names.Human && j.policy.Settings.UnsignedPusher:
	default:
		return
	}
	a.who = attribution{
		problem: attributed, principal: block.Name, block: block,
		evidence: fmt.Sprintf("not signed; the forge's word that %q pushed it", push.By.Login),
	}
}

// maxCarriedIn bounds pull requests that were merged into each other.
const maxCarriedIn = 5

// attributeCarriedIn attributes a commit that is what merging other pull requests made of them: to an agent or
// app that made some of one, which answers for it as a whole, and else to the human who opened it. Whoever
// merged it did not make it. Where some of it is nobody's, all is.
func (j *judge) attributeCarriedIn(a *act, deep int) {
	no := func(pr *evidence.PullRequest, format string, args ...any) {
		a.who.detail = fmt.Sprintf("it is pull request #%d, merged into the branch, ", pr.Number) + fmt.Sprintf(format, args...)
	}
	var by *act
	for _, pr := range a.commit.CarriedIn {
		if deep == maxCarriedIn {
			no(pr, "into which too many others were merged")
			return
		}
		for _, id := range pr.Commits {
			c := j.made(id)
			if c == nil {
				no(pr, "of which commit %s could not be read", shortID(id))
				return
			}
			if c.who.problem == notSigned {
				as := *c
				as.pulls, as.who = []*evidence.PullRequest{pr}, attribution{problem: notSigned, detail: c.who.detail}
				c = &as
				j.byForge(c, deep+1)
			}
			switch {
			case c.who.problem == madeByForge:
			case c.who.problem != attributed:
				no(pr, "of which commit %s is not attributed to anybody", shortID(id))
				return
			case c.who.principal.Kind() != names.Human:
				by = c
			}
		}
	}
	pr := a.commit.CarriedIn[0]
	if by != nil {
		a.who = by.who
		a.who.evidence = fmt.Sprintf("the forge's record that pull request #%d was merged as it, of which %s made commit %s (%s)", pr.Number, by.who.principal, shortID(by.subject), by.who.evidence)
		return
	}
	block := j.owner(pr.Author)
	switch {
	case block == nil:
		no(pr, "which %s opened, and no principal of the policy has that account", accountName(pr.Author))
	case block.Name.Kind() == names.App, block.Name.Kind() == names.Human && j.policy.Settings.UnsignedPusher:
		a.who = attribution{
			problem: attributed, principal: block.Name, block: block,
			evidence: fmt.Sprintf("not signed; the forge's record that pull request #%d was merged as it, which %q opened", pr.Number, pr.Author.Login),
		}
	case block.Name.Kind() == names.Agent:
		no(pr, "which %s opened, and agents sign their commits", block.Name)
	}
}

// forgeMerged reports whether a commit is what "update branch" makes: the base merged into the branch,
// by the forge, in a push of its own, with nothing in it that the merge does not give. Where it followed a
// rename the pull request as a whole answers for what that carries.
func (j *judge) forgeMerged(a *act, push *evidence.Push) bool {
	c := a.commit
	if !sameMerge(c) || push.After != c.ID || push.Before != c.Parents[0] || a.object == nil {
		return false
	}
	return len(a.pulls) > 0 && !inside(a.pulls, c.Parents[1]) && forgeSigned(a.object)
}

// sameMerge reports whether a commit has two parents and is what git makes of them: nobody added anything.
// What one parent changed may have gone where the other moved it all the same.
func sameMerge(c *evidence.Commit) bool {
	return c != nil && c.Merge != nil && c.Merge.Recomputed && c.Merge.Same && len(c.Gaps) == 0 && len(c.Parents) == 2
}

// cleanMerge reports whether a commit has two parents and changes nothing of its own at any path: each holds
// what somebody put at that path.
func (j *judge) cleanMerge(c *evidence.Commit) bool {
	return c != nil && c.Merge != nil && c.Merge.Recomputed && len(c.Merge.Conflicts) == 0 &&
		len(c.Changes) == 0 && len(c.Gaps) == 0 && len(c.Parents) == 2
}

// inside reports whether a pull request brings a commit.
func inside(pulls []*evidence.PullRequest, id string) bool {
	return slices.ContainsFunc(pulls, func(pr *evidence.PullRequest) bool { return slices.Contains(pr.Commits, id) })
}

// forgeSigned reports whether a commit looks like the forge's own. It is no proof: whoever asks must
// have another.
func forgeSigned(c *gitobject.Commit) bool {
	return strings.HasPrefix(string(c.Signature), "-----BEGIN PGP SIGNATURE-----") &&
		strings.EqualFold(c.Committer.Email, "noreply@github.com")
}
