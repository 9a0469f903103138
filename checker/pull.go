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
	a := &act{
		judge: j, kind: names.PullRequest, subject: fmt.Sprintf("#%d", pr.Number), refs: []string{pr.BaseRef},
		seen:    evidence.Seen{Time: pr.Created, By: "the forge's clock, at its creation"},
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
func (j *judge) attributeByForge(a *act) {
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
	case block == nil:
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
