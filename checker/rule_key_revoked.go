package checker

import (
	"slices"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
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
			found = append(found, a.revoked(r, "the key "+k.fingerprint+" of "+k.owner+" is revoked", a.anotherKey(k)))
		}
		if a.who.standing() && slices.Contains(r.Agents, a.who.principal) {
			found = append(found, a.revoked(r, string(a.who.principal)+" is revoked",
				"Have a maintainer look at why, and remove the revocation if it is over."))
		}
	}
	return limit(found)
}

// anotherKey says what is done where a key is revoked: a human has the policy list a new one, and whatever was signed
// with the old one is signed again.
func (a *act) anotherKey(k usedKey) string {
	if k.human == "" {
		return "Use another key: have the key replaced in the policy, and delegate again with it."
	}
	who := string(k.human)
	fix := "Have a maintainer add a new key of " + who + " to the policy (keys), beside the revoked one, which says whose the old signatures are. "
	switch {
	case k.delegates && a.foreseen:
		return fix + "Then " + who + " delegates again with it (`remit delegate`)."
	case k.delegates && a.request != nil:
		fix += "Then " + who + " delegates again with it (`remit delegate`), and the request is made again under that (`" + a.renew() + "`)."
	case k.delegates && a.commit != nil:
		return fix + "Then " + who + " delegates again with it (`remit delegate`), and what was done is signed again under that (`remit use <delegation>`, and " + a.signAgain() + ")."
	case k.delegates:
		return fix + "Then " + who + " delegates again with it (`remit delegate`), and it is done again under that."
	case a.request != nil:
		fix += "Then make the request again with it (`" + a.renew() + "`)."
	case a.commit != nil && len(a.commit.Parents) > 0 && a.judge.set.Making == "":
		return fix + "Then sign again with it: set user.signingkey to it, and run `git rebase --force-rebase --rebase-merges --gpg-sign " + shortID(a.commit.Parents[0]) + "`."
	case a.pull != nil:
		return fix + "Then " + a.signAgain() + "."
	default:
		return fix + "Then do it again with that."
	}
	return fix + " Reviews go on counting; what was approved by signature is approved again (`remit approve`), because that names the request and the policy."
}

// usedKey is a key that stands behind an act, and in whose hands.
type usedKey struct {
	fingerprint, owner string
	human              names.Principal // whose it is, where it is a human's; else ""
	delegates          bool            // it signed a delegation, and not the act
}

// keys lists the act's signing key and those of every link of its chain. What nobody signs, such as
// a ref's deletion, is done with the key that the chain ends in.
func (a *act) keys() []usedKey {
	var keys []usedKey
	switch l := a.leaf(); {
	case !a.who.key.IsZero():
		keys = append(keys, usedKey{fingerprint: a.who.key.Fingerprint(), owner: a.doer(), human: humanOf(a.who.principal)})
	case l != nil:
		keys = append(keys, usedKey{fingerprint: l.Delegate.Key.Fingerprint(), owner: a.doer()})
	}
	for i := range a.who.chain {
		d := a.who.chain[i].Delegator
		keys = append(keys, usedKey{fingerprint: d.Key.Fingerprint(), owner: string(d.Name), human: humanOf(d.Name), delegates: true})
	}
	return keys
}

// humanOf is a principal where it is a human, else "".
func humanOf(who names.Principal) names.Principal {
	if who.Kind() != names.Human {
		return ""
	}
	return who
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
