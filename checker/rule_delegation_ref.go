package checker

import (
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// delegationRef: a ref under refs/remit/ would hold something else than the delegation or approval that its
// name says, or one that is there would change. Commits that name it would change their meaning. What
// does not hold may be taken away, or give way to what does.
func delegationRef(a *act) []verdict.Finding {
	var found []verdict.Finding
	for i := range a.judge.set.Updates {
		u := &a.judge.set.Updates[i]
		if !u.Delegations {
			continue
		}
		approval := strings.HasPrefix(u.Ref, delegation.ApprovalRefs)
		content := a.judge.delegationContent
		why, fix := "", "Issue a delegation with `remit delegate`, which publishes it under its own name."
		if approval {
			content = a.judge.approvalContent
			fix = "Approve with `remit approve`, which publishes what it signs under its own name."
		}
		switch spoiled := u.Old != "" && spoiledRef(u, content); {
		case approval && u.New == "" && !spoiled:
			if a.judge.approvalEnded(u) {
				continue
			}
			why = "an approval that still holds is not taken away by whoever can push"
			fix = "Leave it: it ends by itself. A change of the policy ends it at once."
		case u.New == "" && !spoiled:
			why = "published delegations are never deleted: acts that name them are judged by them"
			fix = "Leave it where it is. To end it early, revoke it: `remit revoke --delegation <digest> --why TEXT`."
		case u.Old != "" && u.New != "" && !spoiled:
			why = "what is published never changes"
		case u.New != "":
			why = content(u)
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
func (*judge) delegationContent(u *evidence.Update) string {
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

// approvalContent says what is wrong with a new approval ref, "" for nothing. Only what a human of the policy
// signed is taken in: anybody can sign in anybody's name, and what nobody needs would crowd out what counts.
func (j *judge) approvalContent(u *evidence.Update) string {
	if u.Bundle.Raw == nil {
		return "it holds no approval: " + told(u.Bundle.Why)
	}
	signed, err := delegation.ParseSigned[delegation.Approval](u.Bundle.Raw)
	if err != nil {
		return "its content is not a signed approval: " + told(err.Error())
	}
	if delegation.ApprovalRef(signed) != u.Ref {
		return "it holds an approval that belongs at another name"
	}
	by := signed.Statement.Approver
	if owner := j.policy.KeyOwner(by.Key.Fingerprint()); owner == nil || owner.Name != by.Name || by.Name.Kind() != names.Human {
		return "the policy does not list the key " + by.Key.Fingerprint() + ", which signed it, for " + string(by.Name)
	}
	return ""
}

// approvalEnded reports whether the approval that a ref holds is over.
func (j *judge) approvalEnded(u *evidence.Update) bool {
	signed, err := delegation.ParseSigned[delegation.Approval](u.Held.Raw)
	return err == nil && !j.set.At.IsZero() && signed.Statement.StateAt(j.set.At, j.policy.Settings.ClockSkew) == delegation.Expired
}

// spoiledRef reports whether a ref holds what nothing can rest on, so that it may go or be mended.
func spoiledRef(u *evidence.Update, content func(*evidence.Update) string) bool {
	if u.Held.Raw == nil {
		return false
	}
	held := *u
	held.Bundle = u.Held
	return content(&held) != ""
}
