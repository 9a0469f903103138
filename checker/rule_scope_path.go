package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// scopePath: the act changes a path that a link of the chain does not cover. Both sides of a
// rename are such paths. In a merge, evil-merge says so instead.
func scopePath(a *act) []verdict.Finding {
	if a.isMerge() {
		return nil
	}
	return a.pathFindings(func(p string, s shortfall) verdict.Finding {
		return deny(
			inert.Word(p)+" is outside the delegation",
			linkText(s.link)+" "+covers("paths", s.link.Scope.Paths)+".",
			"Take the change to "+inert.Word(p)+" out of the commit, or ask "+string(s.link.Delegator.Name)+" for a delegation that covers it (--path).",
		)
	})
}

// pathFindings words each path that a link does not cover, once for each path: the first link that
// fails it is the one to mend first.
func (a *act) pathFindings(word func(string, shortfall) verdict.Finding) []verdict.Finding {
	var found []verdict.Finding
	said := map[string]bool{}
	for _, s := range a.cover.links {
		for _, p := range s.paths {
			if said[p] {
				continue
			}
			said[p] = true
			f := word(p, s)
			f.Path = p
			found = append(found, f)
		}
	}
	return limit(found)
}

func (a *act) isMerge() bool { return a.commit != nil && a.commit.Merge != nil }
