package checker

import (
	"github.com/remit-sh/remit/verdict"
)

// delegationMissing: an agent acted without a delegation, and no grant lets it stand on its own.
func delegationMissing(a *act) []verdict.Finding {
	if !a.who.standing() || a.kind == "" || a.anyStanding() {
		return nil // what a standing grant covers is not-granted's matter
	}
	f := deny(
		a.name()+" by "+string(a.who.principal)+" names no delegation",
		"An agent acts on somebody's behalf: without a delegation nobody let it do this, and no grant with standing = true lets it (which takes a key in the policy).",
		"Get a delegation (`remit delegate "+a.who.principal.Label()+" …` by one of its delegators), put it in force with `remit use <digest>`, then "+a.doAgain()+"`"+a.renew()+"`.",
	)
	if a.tag != nil {
		f.Fix = "Git runs no hook for tags: name the delegation yourself, `git tag -f -s NAME -m TEXT -m \"Delegation: sha256:…\"`."
	}
	if a.update != nil {
		f.Fix = "Name the delegation with the push: `git push -o delegation=DIGEST …`, with the digest that `remit use` was given (`remit delegations` lists them). " +
			"If the server takes no push options, its administrator runs `git config receive.advertisePushOptions true` there."
	}
	return one(at(f, a.who.block.Position))
}
