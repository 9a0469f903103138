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
// It is asked only where another policy takes its place.
func calledUnder(p *policy.Policy, address func() string, judged string) ruledBy {
	return func(left *policy.Policy) string {
		if at := address(); p.Rules(at) {
			return cmp.Or(at, left.Repository, judged)
		}
		return cmp.Or(left.Repository, judged)
	}
}
