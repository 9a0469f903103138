package checker

import (
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
	return a.pathFindings(func(p string, s shortfall) verdict.Finding {
		return deny(
			"the merge changes "+show(p)+" beyond what its parents have",
			"Made again, the merge of the parents gives another content there, and "+linkText(s.link)+" "+covers("paths", s.link.Scope.Paths)+".",
			"Merge again without touching "+show(p)+". If it is in conflict, have somebody merge who may change it.",
		)
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
