package issue

import (
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
)

// PullRequest signs that a head is to be merged into a base. Of c the two refs, the head commit and the
// purpose are taken, and the rest is filled in; without a purpose it is that of the delegation, else the
// subject of the head commit.
func (a *Author) PullRequest(c delegation.PullRequest, subject string) (*delegation.Signed[delegation.PullRequest], error) {
	if err := CheckWhy(c.Purpose); err != nil {
		return nil, err
	}
	if c.Purpose = a.Purpose(c.Purpose); c.Purpose == "" {
		c.Purpose = subject
	}
	if c.Purpose == "" {
		return nil, fault.Usagef("say what the pull request is for, such as --why SHOP-1412")
	}
	c.Repository, c.RepositoryID = a.Repository, a.Policy.RepositoryID
	c.Signer, c.Delegation = a.Party, a.Chain.Digest()
	c.Nonce, c.At = delegation.NewNonce(), startOf(a.Now)
	return sign(c, a.Issuer)
}
