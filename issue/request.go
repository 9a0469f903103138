package issue

import (
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
)

// CheckRequest refuses a request that makes sense for nobody, as far as that can be told before it is known
// who asks and for which commit.
func CheckRequest(c *delegation.Request, lasts time.Duration) error {
	if err := CheckWhy(c.Reason); err != nil {
		return err
	}
	switch {
	case c.Environment == "" && (c.Action == names.Deploy || c.Action == names.Secret):
		return fault.Usagef("say which environment it is for: --environment NAME")
	case lasts < time.Second:
		return fault.Usagef("--for %s is too short: a request holds for minutes, such as --for 10m", lasts)
	case lasts > delegation.MaxRequestTTL:
		return fault.Usagef("--for %s is too long: a request holds for %s at most", lasts, delegation.MaxRequestTTL)
	case c.RunID < 0 || c.RunAttempt < 0:
		return fault.Usagef("--run and --attempt are positive numbers")
	case c.RunID == 0 && (c.RunAttempt != 0 || c.Job != ""):
		return fault.Usagef("--attempt and --job are those of a run: name it with --run ID")
	}
	return nil
}

// Request signs a request. Of c it takes what is asked for, where, for what reason and for which run, and fills
// in the rest; without a reason it is what the delegation is for. A request never outlives the delegation
// that it is made under: there is a note where it would.
func (a *Author) Request(c delegation.Request, lasts time.Duration) (*delegation.Signed[delegation.Request], []string, error) {
	if err := CheckRequest(&c, lasts); err != nil {
		return nil, nil, err
	}
	if c.Reason = a.Purpose(c.Reason); c.Reason == "" {
		return nil, nil, fault.Usagef("say what the request is for, such as --why SHOP-1412")
	}
	c.Repository, c.RepositoryID = a.Repository, a.Policy.RepositoryID
	c.Signer, c.Delegation, c.Nonce = a.Party, a.Chain.Digest(), delegation.NewNonce()
	c.NotBefore = startOf(a.Now)
	c.NotAfter = endOf(c.NotBefore, lasts)
	var notes []string
	if a.Chain != nil {
		if last := a.Chain.Leaf().NotAfter; last.Before(c.NotAfter) {
			notes = append(notes, "the delegation ends at "+names.Stamp(last)+", and the request with it")
			c.NotAfter = last
		}
	}
	s, err := sign(c, a.Issuer)
	if err != nil {
		return nil, nil, err
	}
	return s, notes, nil
}
