package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
)

// stepAct is a merge that the forge recorded: one act, by whoever merged. The commits that it brought
// were judged in their pull request.
func (j *judge) stepAct(s *evidence.Step) *act {
	a := &act{judge: j, kind: names.Push, subject: s.Commit, seen: s.Seen, step: s}
	if s.PullRequest != nil {
		a.refs = []string{s.PullRequest.BaseRef}
	}
	landing := j.broughtByStep(s)
	a.lands, a.touched = pathsOf(landing), j.environmentsOf(landing)
	if s.PullRequest != nil && s.Equal {
		a.changes = followed(s.PullRequest)
		a.pathList = pathsOf(a.changes)
	}
	return a
}

// followed is what merging a pull request changes at paths which its branch has under another name. Its own
// check may have been before the rename: whoever merges answers for it.
func followed(pr *evidence.PullRequest) []evidence.Change {
	var changes []evidence.Change
	for _, c := range pr.Changes {
		if slices.Contains(pr.Merge.Followed, c.Path) {
			changes = append(changes, c)
		}
	}
	return changes
}

// broughtByStep is all that a merge puts on its branch: what its pull request changes as a whole, and
// what the commits change that it brought.
func (j *judge) broughtByStep(s *evidence.Step) []evidence.Change {
	var all []evidence.Change
	if s.PullRequest != nil {
		all = append(all, s.PullRequest.Changes...)
	}
	for _, id := range s.Commits {
		if c := j.byCommit[id]; c != nil {
			all = append(all, c.changes...)
		}
	}
	return all
}

// attributeStep names whoever merged, by the forge's word. A merge queue merges for nobody.
func (j *judge) attributeStep(a *act) {
	s, w := a.step, &a.who
	switch {
	case s.PullRequest == nil:
		w.fail(accountUnlisted, "the forge has no record of a pull request that was merged as this%s", because(s.Why))
		return
	case s.MergedBy.ID == 0 || strings.EqualFold(s.MergedBy.Login, mergeQueueAccount):
		*w = attribution{problem: madeByForge, evidence: "the forge's record that it merged " + mergedName(s)}
		return
	}
	if w.block = j.owner(s.MergedBy); w.block == nil {
		w.fail(accountUnlisted, "%s merged it, and no principal of the policy has that account", accountName(s.MergedBy))
		return
	}
	w.principal, w.problem = w.block.Name, attributed
	w.evidence = fmt.Sprintf("the forge's record: %q merged %s", s.MergedBy.Login, mergedName(s))
}

func mergedName(s *evidence.Step) string {
	if s.PullRequest == nil {
		return shortID(s.Commit)
	}
	return fmt.Sprintf("pull request #%d", s.PullRequest.Number)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + told(why)
}
