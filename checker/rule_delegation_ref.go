package checker

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// delegationRef: a ref under refs/remit/ would hold something else than the delegation that its
// name says, or one that is there would change. Commits that name it would change their meaning. What
// does not hold may be taken away, or give way to what does.
func delegationRef(a *act) []verdict.Finding {
	var found []verdict.Finding
	for i := range a.judge.set.Updates {
		u := &a.judge.set.Updates[i]
		if !u.Delegations {
			continue
		}
		why, fix := "", "Issue a delegation with `remit delegate`, which publishes it under its own name."
		switch spoiled := u.Old != "" && spoiledRef(u); {
		case u.New == "" && !spoiled:
			why = "published delegations are never deleted: acts that name them are judged by them"
			fix = "Leave it where it is. To end it early, revoke it: `remit revoke --delegation <digest> --why TEXT`."
		case u.Old != "" && u.New != "" && !spoiled:
			why = "a published delegation never changes"
		case u.New != "":
			why = delegationContent(u)
		}
		if why == "" {
			continue
		}
		found = append(found, deny(
			inert.Word(u.Ref)+" may not be pushed like this",
			"Refs under refs/remit/ hold what acts rest on: "+why+".",
			fix,
		))
	}
	return limit(found)
}

// delegationContent says what is wrong with a new delegation ref, "" for nothing.
func delegationContent(u *evidence.Update) string {
	if u.Bundle.Raw == nil {
		return "it holds no delegation bundle: " + told(u.Bundle.Why)
	}
	chain, err := delegation.ParseBundle(u.Bundle.Raw)
	if err != nil {
		return "its content is not a delegation bundle: " + err.Error()
	}
	if delegation.RefName(chain.Digest()) != u.Ref {
		return "it holds the delegation " + shortDigest(chain.Digest()) + ", which belongs at another name"
	}
	if err := chain.Authentic(); err != nil {
		return "it would keep the delegation that its name says from being published, and does not hold itself: " + err.Error()
	}
	return ""
}

// spoiledRef reports whether a ref holds what nothing can rest on, so that it may go or be mended.
func spoiledRef(u *evidence.Update) bool {
	if u.Held.Raw == nil {
		return false
	}
	held := *u
	held.Bundle = u.Held
	return delegationContent(&held) != ""
}
