package policy

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/remit-sh/remit/names"
)

// AllowedSigners writes the policy's keys as an allowed_signers file (ssh-keygen(1)), with which
// plain git verifies who signed a commit: gpg.ssh.allowedSignersFile. Each key stands for the
// principal's name and e-mail addresses, in the namespace "git" alone. A key that is revoked from a
// point in time on is valid before it; one revoked for good is left out. Keys that are minted for a
// delegation cannot be listed: to verify those takes remit.
func AllowedSigners(w io.Writer, p *Policy) error {
	var b strings.Builder
	for _, q := range p.sortedPrincipals() {
		for _, k := range q.Keys {
			end, revoked := p.revokedFrom(q.Name, k.Fingerprint())
			if revoked && end.IsZero() {
				continue
			}
			who := append([]string{string(q.Name)}, q.Emails...)
			options := `namespaces="git"`
			if revoked {
				// OpenSSH takes the last second to be valid still, and a Z to mean UTC.
				options += fmt.Sprintf(`,valid-before="%sZ"`, end.UTC().Add(-time.Second).Format("20060102150405"))
			}
			fmt.Fprintf(&b, "%s %s %s\n", strings.Join(who, ","), options, k.AuthorizedKey())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// revokedFrom returns the earliest time from which a key or its agent is revoked; zero for always.
func (p *Policy) revokedFrom(name names.Principal, fingerprint string) (from time.Time, revoked bool) {
	for _, r := range p.Revocations {
		hit := false
		for _, k := range r.Keys {
			hit = hit || k == fingerprint
		}
		for _, a := range r.Agents {
			hit = hit || a == name
		}
		if hit && (!revoked || r.Since.Before(from)) {
			from, revoked = r.Since, true
		}
	}
	return from, revoked
}
