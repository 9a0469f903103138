package delegation

import (
	"errors"
	"fmt"

	"github.com/remit-sh/remit/inert"
)

// Authentic returns nil if the chain is what its digest stands for: each link is signed by the key that
// it names and follows from the one before, from the root on. The digest covers the text of the leaf
// and, through it, of all links; it covers neither the signatures nor what was put in a link's place.
// So anybody can make a bundle of the same digest that does not hold, and only an authentic one may
// stand at the digest's ref. Whether it covers anything is for [Chain.Problems] and a policy to say.
func (c Chain) Authentic() error {
	for _, p := range c.Problems("", 0) {
		switch {
		case p.Link < 0:
			return errors.New(p.What)
		case p.Rule == RuleForged || p.Rule == RuleSpliced:
			return fmt.Errorf("link %d of it: %s", p.Link+1, p.What)
		}
	}
	for i := range c {
		// A hint that nobody signed, in which anything could stand.
		if id := c[i].Envelope.KeyID; id != "" && id != c[i].Delegator.Key.Fingerprint() {
			return fmt.Errorf("link %d of it: its key id %s is not that of the key which signed it", i+1, inert.Quote(id))
		}
	}
	return nil
}
