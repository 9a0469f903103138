package decide

import (
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// approvalsOf are the approvals of what a push leaves on its refs, and of what it takes away, that are published
// in a repository or come with the push: of the heads first, and then of the commits below them, which are out of
// date.
func approvalsOf(repo *gitrepo.Repo, found *gitrepo.Collected, at Clock) ([]evidence.SignedApproval, error) {
	var heads, below []string
	var all []evidence.SignedApproval
	for i := range found.Updates {
		switch u := &found.Updates[i]; {
		case u.Delegations && strings.HasPrefix(u.Ref, delegation.ApprovalRefs) && u.Bundle.Raw != nil:
			all = append(all, evidence.SignedApproval{Raw: u.Bundle.Raw, Source: u.Ref + " of this push", Seen: at.seen()})
		case u.Delegations:
		case u.New == "":
			heads = append(heads, u.Old)
		default:
			heads, below = append(heads, u.New), append(below, u.Carried...)
		}
	}
	if len(heads) == 0 {
		return nil, nil
	}
	published, err := repo.Approvals(append(heads, below...))
	if err != nil {
		return nil, fault.Undecidedf("reading the approvals: %w", err)
	}
	for _, a := range published {
		all = append(all, evidence.SignedApproval{Raw: a.Raw, Source: a.Ref, Seen: at.seen()})
	}
	return all, nil
}

// byHumans keeps the approvals that humans of a policy signed. Anybody may publish what holds for nobody: it must
// not crowd out what counts.
func byHumans(p *policy.Policy, all []evidence.SignedApproval) []evidence.SignedApproval {
	var kept []evidence.SignedApproval
	for _, a := range all {
		signed, err := delegation.ParseSigned[delegation.Approval](a.Raw)
		if err != nil {
			continue
		}
		if by := p.KeyOwner(signed.Statement.Approver.Key.Fingerprint()); by != nil && by.Name == signed.Statement.Approver.Name && by.Name.Kind() == names.Human {
			kept = append(kept, a)
		}
	}
	return kept
}
