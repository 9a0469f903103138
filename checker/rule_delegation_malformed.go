package checker

import (
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/verdict"
)

// delegationMalformed: the trailer or the bundle that it names is not in the one accepted form.
func delegationMalformed(a *act) []verdict.Finding {
	fix := "Let the remit hook write the trailer, or sign again with `" + a.renew() + "`."
	switch a.who.problem {
	case trailerMalformed:
		return one(deny(
			"the Delegation trailer of "+a.name()+" is malformed",
			"An act names exactly one delegation, in the last block of its message: "+a.who.detail+".",
			fix,
		))
	case bundleMalformed:
		return one(deny(
			"the delegation "+shortDigest(a.who.trailer.Digest)+" of "+a.name()+" is malformed",
			"It is not a chain of delegations as remit writes it: "+a.who.detail+".",
			"Have it issued again with `remit delegate`.",
		))
	default:
		return a.chainProblems("delegation-malformed", "is malformed", "Have it issued again with `remit delegate`.")
	}
}

// chainProblems words what is structurally wrong with the act's chain and belongs to one rule.
func (a *act) chainProblems(rule, what, fix string) []verdict.Finding {
	var found []verdict.Finding
	fix += a.mendRef(rule)
	for _, p := range a.who.problems {
		if p.Rule != rule {
			continue
		}
		subject, whole := "the chain of "+a.name(), "The chain of "+a.name()
		if a.foreseen {
			subject, whole = a.name(), "It"
		}
		if p.Link >= 0 && p.Link < len(a.who.chain) {
			subject = a.linkText(&a.who.chain[p.Link])
		}
		mend := fix
		if own := a.whileIssuing(p); own != "" {
			mend = own
		}
		found = append(found, deny(subject+" "+what, whole+" does not hold: "+p.What+".", mend))
	}
	return limit(found)
}

// mendRef says how to go on where the delegation was read from a ref, at which somebody may have put a
// spoiled copy before the genuine one came: both have one digest. "" where it was not, or that is not
// what is wrong.
func (a *act) mendRef(rule string) string {
	ref := delegation.RefName(a.who.trailer.Digest)
	if ref == "" || !strings.HasPrefix(a.who.bundle.Source, ref) || rule != delegation.RuleForged && rule != delegation.RuleSpliced {
		return ""
	}
	return " If you have it genuine, somebody published a spoiled copy: put yours in its place with `git push --force <remote> " + ref + "`."
}
