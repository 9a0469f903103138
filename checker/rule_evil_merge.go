package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// evilMerge: a merge holds content that the merge of its parents, made again, does not have, at a
// path that its maker may not change. Resolving a conflict is such content too.
func evilMerge(a *act) []verdict.Finding {
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
