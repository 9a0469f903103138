package policy

import (
	"strconv"
	"strings"

	"github.com/remit-sh/remit/names"
)

// Takeover says, as a clause about the next policy, why putting it in the place of this one, which observes, counts as if
// this one enforced; "" where it does not, and where this one enforces anyway. While nothing is blocked anybody may
// change anything, but not what blocks from then on, nor who decides that: it enforces; the root key of a server, or
// everybody, has no say in it any more; or somebody gets one who had none. That is a human's key or account. root is the
// fingerprint of a server's root key, "" for none.
func (p *Policy) Takeover(next *Policy, root string) string {
	if !p.Settings.Observe {
		return ""
	}
	if !next.Settings.Observe {
		return "it enforces, and the policy in force only observes"
	}
	had, has := p.humanProofs(), next.humanProofs()
	if _, held := had["key "+root]; held && has["key "+root] == "" {
		return "it takes the root key of this server from the humans who may change it"
	}
	keys, kept := 0, 0
	for proof := range had {
		if strings.HasPrefix(proof, "key ") {
			keys++
			if has[proof] != "" {
				kept++
			}
		}
	}
	if keys > 0 && kept == 0 {
		return "it lists no key that the policy in force lists for a human"
	}
	for _, q := range next.sortedPrincipals() {
		for _, proof := range q.proofs() {
			if has[proof] == q.Name && had[proof] == "" {
				return "it has a key or account of " + string(q.Name) + " that the policy in force lists for no human"
			}
		}
	}
	return ""
}

// humanProofs maps what shows that a human acts to who that is, without keys that are revoked.
func (p *Policy) humanProofs() map[string]names.Principal {
	all := map[string]names.Principal{}
	for _, q := range p.Principals {
		if q.Name.Kind() != names.Human {
			continue
		}
		for _, proof := range q.proofs() {
			all[proof] = q.Name
		}
		for _, k := range q.Keys {
			if _, revoked := p.revokedFrom(q.Name, k.Fingerprint()); revoked {
				delete(all, "key "+k.Fingerprint())
			}
		}
	}
	return all
}

// proofs are what shows that a principal acts: its keys, and its accounts. The name of an account is none where its
// number, which never changes hands, is there.
func (p *Principal) proofs() []string {
	var all []string
	for _, k := range p.Keys {
		all = append(all, "key "+k.Fingerprint())
	}
	switch {
	case p.GitHubID != 0:
		all = append(all, "account "+strconv.FormatInt(p.GitHubID, 10))
	case p.GitHub != "":
		all = append(all, "account "+asciiLower(p.GitHub))
	}
	if p.Login != "" {
		all = append(all, "login "+p.Login)
	}
	return all
}
