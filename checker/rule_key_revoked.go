package checker

import (
	"slices"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// keyRevoked: a key behind the act was revoked when the act was first seen. What was seen before
// stays allowed and is flagged.
func keyRevoked(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, r := range a.judge.policy.Revocations {
		for _, k := range a.keys() {
			if !slices.Contains(r.Keys, k.fingerprint) {
				continue
			}
			found = append(found, a.revoked(r, "the key "+k.fingerprint+" of "+k.owner+" is revoked",
				"Use another key: have the key replaced in the policy, and delegate again with it."))
		}
		if a.who.standing() && slices.Contains(r.Agents, a.who.principal) {
			found = append(found, a.revoked(r, string(a.who.principal)+" is revoked",
				"Have a maintainer look at why, and remove the revocation if it is over."))
		}
	}
	return limit(found)
}

// usedKey is a key that stands behind an act, and in whose hands.
type usedKey struct{ fingerprint, owner string }

// keys lists the act's signing key and those of every link of its chain. What nobody signs, such as
// a ref's deletion, is done with the key that the chain ends in.
func (a *act) keys() []usedKey {
	var keys []usedKey
	switch l := a.leaf(); {
	case !a.who.key.IsZero():
		keys = append(keys, usedKey{a.who.key.Fingerprint(), a.doer()})
	case l != nil:
		keys = append(keys, usedKey{l.Delegate.Key.Fingerprint(), a.doer()})
	}
	for i := range a.who.chain {
		d := a.who.chain[i].Delegator
		keys = append(keys, usedKey{d.Key.Fingerprint(), string(d.Name)})
	}
	return keys
}

// revoked words a revocation that was found, by when the act was first seen.
func (a *act) revoked(r *policy.Revocation, what, fix string) verdict.Finding {
	reason := "The policy revokes it (" + inert.Word(r.Name) + ")"
	if r.Reason != "" {
		reason += ": " + quoted(r.Reason)
	}
	if !r.Since.IsZero() {
		reason += ", since " + clock(r.Since)
	}
	f := deny(what, reason+".", fix)
	if a.foreseen && !r.BitesAt(a.seen.Time) && !a.seen.Time.IsZero() {
		f.Effect = verdict.Warn
		f.Summary += " from " + clock(r.Since) + " on"
		return at(f, r.Position)
	}
	if a.stated && !r.BitesAt(a.seen.Time) {
		f.Reason = reason + ". Nobody saw when the statement was signed: whoever has the key can sign one now for what was there before."
		f.Fix = "Sign it again under a delegation that holds: `remit pr open`, or `remit pr sign` and put what it prints into the text."
		return at(f, r.Position)
	}
	if !r.BitesAt(a.seen.Time) && !a.seen.Time.IsZero() {
		f.Effect = verdict.Warn
		f.Summary += ", and " + a.name() + " was seen before that"
		f.Reason = reason + ". It was first seen at " + clock(a.seen.Time) + ", so it stays allowed."
		f.Fix = "Look at what it did before the revocation."
	}
	return at(f, r.Position)
}
