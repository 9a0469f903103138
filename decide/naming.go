package decide

import (
	"cmp"

	"github.com/remit-sh/remit/policy"
)

// Naming tells what the repository that is here is called, "host/owner/name": a policy may rule several.
type Naming func(*policy.Policy) (string, error)

// calledUnder tells what a repository is called once another policy takes the place of p: what the address says
// that it has here, as far as p rules that. Else nobody but the new policy vouches for a name, which is what a
// server does that was told none; one that has no name of its own is held against what was judged.
func calledUnder(p *policy.Policy, address, judged string) ruledBy {
	if !p.Rules(address) {
		address = ""
	}
	return func(left *policy.Policy) string { return cmp.Or(address, left.Repository, judged) }
}
