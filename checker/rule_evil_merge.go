package checker

import (
	"slices"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// evilMerge: a merge holds content that the merge of its parents, made again, does not have, at a
// path that its maker may not change. Resolving a conflict is such content too.
func evilMerge(a *act) []verdict.Finding {
	if a.step != nil {
		return a.stepDiffers()
	}
	if !a.isMerge() {
		return nil
	}
	m := a.commit.Merge
	return a.pathFindings(func(p string, s shortfall) verdict.Finding {
		scope := ", and " + linkText(s.link) + " " + covers("paths", s.link.Scope.Paths) + "."
		switch {
		case slices.Contains(m.Conflicts, p):
			return deny(
				"the merge settles a conflict at "+inert.Word(p),
				"Its parents cannot be merged there by themselves, so whoever merges decides what stands there, whatever git left"+scope,
				"Have somebody merge who may change "+inert.Word(p)+", or leave out of the branch what conflicts with it (`git rebase`).",
			)
		case slices.Contains(m.Followed, p):
			return deny(
				"the merge carries a change to "+inert.Word(p)+" from another name",
				"One parent renamed a file or folder, and git moved what the other parent changed along with it: a change made in one place lands in another"+scope,
				"Merge with `git merge -s resolve`, which follows no renames, and settle what conflicts within what you may change, or have somebody merge who may change "+inert.Word(p)+".",
			)
		default:
			return deny(
				"the merge changes "+inert.Word(p)+" beyond what its parents have",
				"Made again, the merge of the parents gives another content there"+scope,
				"Merge again without touching "+inert.Word(p)+". If it is in conflict, have somebody merge who may change it.",
			)
		}
	})
}

// stepDiffers says that what a branch got is not what merging the pull request gives: then its review
// and its check were about something else.
func (a *act) stepDiffers() []verdict.Finding {
	s := a.step
	switch {
	case s.PullRequest == nil || s.Equal:
		return nil
	case !s.Merge.Recomputed:
		return one(undecided(
			a.name()+" could not be recomputed",
			"What was merged counts as judged where merging the pull request again gives the same: "+told(s.Merge.Why)+".",
			"Use git 2.38 or newer where this check runs, and let it read the whole pull request.",
		))
	default:
		return one(deny(
			a.name()+" holds something else than the pull request",
			shortID(s.Commit)+" is recorded as that merge, and merging "+shortID(s.PullRequest.Head)+" into "+shortID(s.Parent)+" again gives another content. What differs was never in the pull request.",
			"Look at `git diff` between the two, and revert what nobody reviewed.",
		))
	}
}
