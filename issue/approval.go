package issue

import (
	"fmt"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// CheckApproval refuses terms that make sense for nobody.
func CheckApproval(why string, lasts time.Duration) error {
	if err := CheckWhy(why); err != nil {
		return err
	}
	switch {
	case lasts < time.Second:
		return fault.Usagef("--for %s is too short: say how long the approval holds, such as --for 1h", lasts)
	case lasts > delegation.MaxApprovalTTL:
		return fault.Usagef("--for %s is too long: an approval holds for %s at most", lasts, delegation.MaxApprovalTTL)
	default:
		return nil
	}
}

// Approval fills an approval in: who approves, by which policy and for how long. Of c it takes what is approved
// and the reason. It is unsigned, to be read out first; [Author.SignApproval] signs it.
func (a *Author) Approval(c delegation.Approval, lasts time.Duration) (delegation.Approval, error) {
	if err := CheckApproval(c.Reason, lasts); err != nil {
		return delegation.Approval{}, err
	}
	c.Approver, c.Repository, c.RepositoryID, c.PolicyDigest = a.Party, a.Repository, a.Policy.RepositoryID, a.Policy.Digest
	c.Nonce, c.NotBefore = delegation.NewNonce(), startOf(a.Now)
	c.NotAfter = endOf(c.NotBefore, lasts)
	return c, nil
}

// SignApproval signs an approval.
func (a *Author) SignApproval(c delegation.Approval) (*delegation.Signed[delegation.Approval], error) {
	return sign(c, a.Issuer)
}

// ReadRequest reads a request that somebody is to approve, by a policy and for a repository. One that could not
// be used now is refused.
func ReadRequest(raw []byte, p *policy.Policy, repository string, now time.Time) (*delegation.Signed[delegation.Request], error) {
	r, err := delegation.ParseSigned[delegation.Request](raw)
	if err != nil {
		return nil, fault.WithFix(fault.Refusedf("what is to be approved is no request: %w", err), "hand over what `remit request` printed, as it was printed")
	}
	c := r.Statement
	if err := c.ForRepository(repository, p.RepositoryID); err != nil {
		return nil, fault.Refusedf("the request is not for this repository: %w", err)
	}
	switch c.StateAt(now, p.Settings.ClockSkew) {
	case delegation.Live:
		return r, nil
	case delegation.TooEarly:
		return nil, fault.WithFix(fault.Refusedf("the request holds from %s on, and by this machine's clock it is %s", names.Stamp(c.NotBefore), names.Stamp(now)), "set this machine's clock")
	default:
		return nil, fault.WithFix(fault.Refusedf("the request ended at %s", names.Stamp(c.NotAfter)), "have %s make a new one", c.Signer.Name)
	}
}

// ApproveRequest makes c the approval of a request that was made under a chain, nil for none. It says on whose
// authority the request is, and notes where that is the approver's own.
func ApproveRequest(c *delegation.Approval, r *delegation.Signed[delegation.Request], chain delegation.Chain) (authority string, notes []string) {
	root, whose := r.Statement.Signer.Name, "in %s's own name"
	if len(chain) > 0 {
		root, whose = chain[0].Delegator.Name, "on the authority of %s"
	}
	if root == c.Approver.Name {
		notes = append(notes, "it goes back to you: your approval counts only where the gate says allow_delegator")
	}
	c.Request, c.Action, c.Environment = r.Digest, r.Statement.Action, r.Statement.Environment
	return fmt.Sprintf("It is "+whose+", and must be used before %s.", root, names.Stamp(r.Statement.NotAfter)), notes
}
