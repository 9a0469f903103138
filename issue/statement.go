package issue

import (
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/policy"
)

// Author is who makes statements, for which repository and by which policy.
type Author struct {
	*Issuer
	Policy     *policy.Policy
	Repository string // canonical name
	Now        time.Time
}

// Purpose is what a statement says that it is for: why, else what the delegation is for; "" for neither.
func (i *Issuer) Purpose(why string) string {
	if why == "" && i.Chain != nil {
		return i.Chain.Leaf().Purpose
	}
	return why
}

// sign signs a statement, which then carries the chain that it was made under, if there is one.
func sign[C delegation.Statement](c C, by *Issuer) (*delegation.Signed[C], error) {
	s, err := delegation.SignStatement(c, by.Signer)
	if err == nil && by.Chain != nil {
		s, err = s.WithBundle(by.Chain)
	}
	if err != nil {
		return nil, fault.Usagef("%w", err)
	}
	return s, nil
}

// Fit makes a statement's one word fit a place that takes so many characters. Where it would be longer its
// chain stays behind, which is to be read from the delegation's ref then: see that it is published. Where it
// is too long even so, that is refused.
func Fit[C delegation.Statement](s *delegation.Signed[C], most int, place string) (fits *delegation.Signed[C], cut bool, err error) {
	if len(s.Text()) <= most {
		return s, false, nil
	}
	bare := *s
	bare.Bundle = nil
	if n := len(bare.Text()); n > most {
		return nil, false, fault.WithFix(fault.Refusedf("the signed statement has %d characters, and %s takes %d", n, place, most), "name fewer or shorter targets")
	}
	return &bare, true, nil
}
