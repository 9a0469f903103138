package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// keyNotAllowed: the key is one that its user may not use: of a type that is refused, another
// principal's, or not the one that the policy pins.
func keyNotAllowed(a *act) []verdict.Finding {
	switch a.who.problem {
	case keyRefused, delegateMismatched:
		key := "It was made with the key " + a.who.fingerprint() + ": "
		if a.who.key.IsZero() {
			key = "" // the detail says which
		}
		f := deny(
			a.name()+" is signed with a key that may not sign it",
			sentence(key+a.who.detail),
			"Sign with the key that the delegation and the policy name. Agents use plain Ed25519 keys, made with `remit key new NAME`.",
		)
		if a.update != nil {
			f.Summary = a.name() + " names a delegation that its pusher may not use"
			f.Reason = "A push is done under the pusher's own delegation: " + a.who.detail + "."
			f.Fix = "Name a delegation to the account that pushes: `git push -o delegation=sha256:…`."
		}
		if a.foreseen {
			f.Summary = a.name() + " gives somebody a key that they may not have"
			f.Reason = sentence(a.who.detail)
			f.Fix = "Delegate to a key that the policy lists for the agent. Where it lists none, to one that is nobody's: `remit key new NAME` makes it."
		}
		if a.who.block != nil {
			f = at(f, a.who.block.Position)
		}
		return one(f)
	case attributed:
		return a.presenceOfRoot()
	default:
		return nil
	}
}

// presenceOfRoot denies a chain whose root must confirm by touch and signed with a key that cannot show it.
func (a *act) presenceOfRoot() []verdict.Finding {
	if len(a.who.chain) == 0 {
		return nil
	}
	root := &a.who.chain[0]
	block := a.judge.policy.Principal(root.Delegator.Name)
	if block == nil || !block.Presence || root.Delegator.Key.Hardware() {
		return nil
	}
	return one(at(deny(
		a.linkText(root)+" was not confirmed by touch",
		"The policy says presence = true for "+string(block.Name)+", and the key "+root.Delegator.Key.Fingerprint()+" cannot show that somebody touched it.",
		"Have "+string(block.Name)+" delegate again with a FIDO key (sk-ssh-ed25519) that the policy lists.",
	), block.Position))
}
