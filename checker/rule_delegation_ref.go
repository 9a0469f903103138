package checker

import (
	"crypto/sha256"
	"encoding/hex"
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
		if names.InAuditLog(u.Ref) {
			if why := wrongSpooled(u); why != "" {
				found = append(found, deny(
					inert.Word(u.Ref)+" may not be pushed like this",
					"Refs under refs/remit/audit/ hold what waits to be brought into the audit log: "+why+".",
					"Leave it as it is: whoever decides hands its entry over by itself, and `remit audit fold` brings it into the log.",
				))
			}
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

// spoolRefs is where entries wait for whoever holds the audit log's key, each at the name that is its digest.
const spoolRefs = "refs/remit/audit/spool/"

// wrongSpooled says what is wrong with a change of a ref of the audit log, "" for nothing. Whoever decides hands an
// entry over by a ref of its own; what it says is worth nothing until whoever folds it has looked who vouches for it.
func wrongSpooled(u *evidence.Update) string {
	name, spool := strings.CutPrefix(u.Ref, spoolRefs)
	switch {
	case !spool:
		return "nothing is pushed there"
	case u.New == "":
		return "it is only taken away once it is in the log"
	case u.Old != "":
		return "what waits never changes"
	case u.Bundle.Raw == nil:
		return "it holds no entry: " + told(u.Bundle.Why)
	}
	if sum := sha256.Sum256(u.Bundle.Raw); hex.EncodeToString(sum[:]) != name {
		return "its name is not the SHA-256 of what it holds"
	}
	return ""
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
