package issue

import (
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// Keys are the private keys at hand.
type Keys interface {
	// SignerFor finds the private half of one of the keys, one that is called name first. It returns nil
	// without an error where there is none.
	SignerFor(name string, keys ...signing.PublicKey) (signing.Signer, error)
}

// Chains are the delegations at hand. They are read when they are needed and not before: who signs in their
// own name needs none.
type Chains interface {
	// InForce is the digest of the delegation in force, "" for none.
	InForce() (string, error)
	// Chain is the chain that ends in a delegation. That there is none is an error.
	Chain(digest string) (delegation.Chain, error)
	// Stored lists all that are here.
	Stored() []delegation.Chain
}

// Issuer is who signs, and under which chain.
type Issuer struct {
	Party  delegation.Party
	Signer signing.Signer
	Chain  delegation.Chain // that ends in Party; nil for who signs in their own name
}

// Place is where something is to be signed: what there is to choose from, and when.
type Place struct {
	Policy *policy.Policy
	Keys   Keys
	Chains Chains
	Now    time.Time
}

// Delegator finds who delegates, and under which chain: the principal named, else whoever the delegation in
// force names, else the only human of the policy whose key is at hand. Parent is the digest of the delegation
// that is passed on, "" where the choice is left: the one in force, else the principal's only live one.
// Whether the chain may be passed on is for [Order.Issue] to say.
func (p *Place) Delegator(as *policy.Principal, parent string) (*Issuer, error) {
	if as != nil && as.Name.Kind() == names.Human {
		if parent != "" {
			return nil, fault.Usagef("%s is a human: a chain starts there, so that --parent makes no sense", as.Name)
		}
		return p.own(as)
	}
	chain, err := p.parent(as, parent)
	if err != nil {
		return nil, err
	}
	if chain == nil {
		return p.onlyHuman("delegate")
	}
	return p.delegate(chain, "delegate where that key is, or name another with --as")
}

// Stater finds who makes a pull request or request, and under which chain: the principal named, else the
// delegate of the delegation in force, else the only human of the policy whose key is at hand. An agent acts
// under the delegation in force if it is its own, else under its only live one; without one in its own name,
// where the policy pins its key and a grant says that it may. The chain must hold now.
func (p *Place) Stater(as *policy.Principal) (*Issuer, error) {
	if as == nil {
		chain, err := p.inForce()
		switch {
		case err != nil:
			return nil, err
		case chain != nil:
			return p.under(chain)
		}
		return p.onlyHuman("sign")
	}
	if as.Name.Kind() == names.Human {
		return p.own(as)
	}
	chain, err := p.chainOf(as.Name)
	if err != nil {
		return nil, err
	}
	if chain != nil {
		return p.under(chain)
	}
	standing := slices.ContainsFunc(p.Policy.Grants, func(g *policy.Grant) bool { return g.Standing && slices.Contains(g.To, as.Name) })
	if !standing || !as.Pinned() {
		return nil, fault.WithFix(fault.Refusedf("%s has no live delegation here", as.Name),
			"have somebody delegate to it, or fetch what was published: `git fetch origin 'refs/remit/*:refs/remit/*'`")
	}
	return p.own(as)
}

// Approver finds the human who approves: the principal named, else the only human of the policy whose key is
// at hand. While a delegation is in force nobody approves without being named: an agent works here. A human
// who must confirm each signature by touch needs a key that shows it.
func (p *Place) Approver(as *policy.Principal) (*Issuer, error) {
	const humanOnly = "have a human of the policy approve it, where their key is"
	find := func() (*Issuer, error) { return p.own(as) }
	switch {
	case as == nil:
		inForce, err := p.Chains.InForce()
		if err != nil {
			return nil, err
		}
		if inForce != "" {
			return nil, fault.WithFix(fault.Refusedf("the delegation %s is in force here: an agent works here, and an agent cannot approve", inForce), humanOnly+", or name them with --as")
		}
		find = func() (*Issuer, error) { return p.onlyHuman("approve") }
	case as.Name.Kind() != names.Human:
		return nil, fault.WithFix(fault.Refusedf("%s is no human, and only a human can approve", as.Name), humanOnly)
	}
	by, err := find()
	if err != nil {
		return nil, err
	}
	if err := p.checkPresence(by); err != nil {
		return nil, err
	}
	return by, nil
}

// checkPresence refuses a key that cannot show that it was touched where the policy asks for that.
func (p *Place) checkPresence(by *Issuer) error {
	if block := p.Policy.Principal(by.Party.Name); block != nil && block.Presence && !by.Party.Key.Hardware() {
		return fault.WithFix(fault.Refusedf("%s must confirm each signature by touch, and the key %s cannot show that it was touched", block.Name, by.Party.Key.Fingerprint()),
			"sign with the hardware key that the policy lists: `ssh-add` it")
	}
	return nil
}

// DelegateSigner finds the private half of the key that a delegation was made out to. The hint says what to do
// where it is not at hand, which is an error.
func DelegateSigner(keys Keys, l delegation.Link, hint string) (signing.Signer, error) {
	signer, err := keys.SignerFor(l.Delegate.Name.Label(), l.Delegate.Key)
	if err == nil && signer == nil {
		err = fault.WithFix(fault.Usagef("the key of %s (%s) is neither in the key store nor in ssh-agent", l.Delegate.Name, l.Delegate.Key.Fingerprint()), "%s", hint)
	}
	return signer, err
}

// own is a principal who signs in their own name, with a key that the policy lists for them.
func (p *Place) own(block *policy.Principal) (*Issuer, error) {
	signer, err := p.Keys.SignerFor(block.Name.Label(), p.usable(block)...)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, fault.WithFix(fault.Usagef("no key that the policy lists for %s is in the key store or in ssh-agent", block.Name),
			"load it with `ssh-add`, or have the policy list the key that you have (`remit key list`)")
	}
	return &Issuer{Party: delegation.Party{Name: block.Name, Key: signer.SSHPublicKey()}, Signer: signer}, nil
}

// usable are the keys that the policy lists for a principal, without those that it revokes by now: whoever has two at
// hand signs with the one that counts. Where all are revoked they are all, and the checks say so.
func (p *Place) usable(block *policy.Principal) []signing.PublicKey {
	keys := slices.DeleteFunc(slices.Clone(block.Keys), func(k signing.PublicKey) bool {
		return slices.ContainsFunc(p.Policy.Revocations, func(r *policy.Revocation) bool {
			return slices.Contains(r.Keys, k.Fingerprint()) && r.BitesAt(p.Now)
		})
	})
	if len(keys) == 0 {
		return block.Keys
	}
	return keys
}

// onlyHuman is the human of the policy whose key is at hand, if there is just one. What they do is a verb.
func (p *Place) onlyHuman(do string) (*Issuer, error) {
	var found []*policy.Principal
	for name, block := range p.Policy.Principals {
		if name.Kind() != names.Human {
			continue
		}
		s, err := p.Keys.SignerFor(name.Label(), p.usable(block)...)
		if err != nil {
			return nil, err
		}
		if s != nil {
			found = append(found, block)
		}
	}
	switch {
	case len(found) == 1:
		return p.own(found[0])
	case len(found) == 0 && do == "approve":
		return nil, fault.WithFix(fault.Usagef("a human of the policy approves, and no key of one is in the key store or in ssh-agent"),
			"have one of them run it where their key is, or load yours with `ssh-add`; --as NAME says which of several approves")
	case len(found) == 0:
		return nil, fault.WithFix(fault.Usagef("no delegation is in force, and no key of a human of the policy is at hand"),
			"put a delegation in force with `remit use DIGEST`, load the key into ssh-agent, or name who %ss with --as", do)
	}
	list := make([]names.Principal, len(found))
	for i, h := range found {
		list[i] = h.Name
	}
	slices.Sort(list)
	return nil, fault.WithFix(fault.Usagef("several humans could %s here: %s", do, names.Join(list)), "name one with --as")
}

// under is the delegate of a chain, which must hold now.
func (p *Place) under(chain delegation.Chain) (*Issuer, error) {
	if state := chain.StateAt(p.Now, 0); state != delegation.Live {
		return nil, fault.WithFix(fault.Refusedf("the delegation %s is %s", chain.Digest(), state.Words()),
			"ask %s for a new one, and put it in force with `remit use DIGEST`", chain.Leaf().Delegator.Name)
	}
	return p.delegate(chain, "sign where that key is, or name who signs with --as")
}

func (p *Place) delegate(chain delegation.Chain, hint string) (*Issuer, error) {
	signer, err := DelegateSigner(p.Keys, chain.Leaf(), hint)
	if err != nil {
		return nil, err
	}
	return &Issuer{Party: chain.Leaf().Delegate, Signer: signer, Chain: chain}, nil
}

// inForce is the chain in force, nil for none.
func (p *Place) inForce() (delegation.Chain, error) {
	digest, err := p.Chains.InForce()
	if err != nil || digest == "" {
		return nil, err
	}
	return p.Chains.Chain(digest)
}

// parent is the chain that is passed on; nil where nothing says that an agent delegates.
func (p *Place) parent(as *policy.Principal, digest string) (delegation.Chain, error) {
	if digest != "" {
		if err := names.CheckDigest(digest); err != nil {
			return nil, fault.Usagef("--parent: %w", err)
		}
		chain, err := p.Chains.Chain(digest)
		if err != nil {
			return nil, err
		}
		if to := chain.Leaf().Delegate.Name; as != nil && to != as.Name {
			return nil, fault.Refusedf("the delegation %s was given to %s, so that %s cannot pass it on", digest, to, as.Name)
		}
		return chain, nil
	}
	chain, err := p.inForce()
	if err != nil || as == nil || len(chain) > 0 && chain.Leaf().Delegate.Name == as.Name {
		return chain, err
	}
	live := p.live(as.Name, func(l delegation.Link) bool { return l.Scope.Depth > 0 })
	switch len(live) {
	case 1:
		return live[0], nil
	case 0:
		return nil, fault.WithFix(fault.Refusedf("%s has no live delegation here that it may pass on", as.Name),
			"have somebody delegate to it with --depth 1 or more; `remit delegations` lists what there is")
	default:
		return nil, fault.WithFix(several(as.Name, live), "name one with --parent")
	}
}

// chainOf is the chain under which an agent acts: the one in force if it is the agent's, else its only live
// one here; nil for none.
func (p *Place) chainOf(agent names.Principal) (delegation.Chain, error) {
	chain, err := p.inForce()
	if err != nil || len(chain) > 0 && chain.Leaf().Delegate.Name == agent {
		return chain, err
	}
	live := p.live(agent, func(delegation.Link) bool { return true })
	switch len(live) {
	case 0:
		return nil, nil
	case 1:
		return live[0], nil
	default:
		return nil, fault.WithFix(several(agent, live), "put one in force with `remit use DIGEST`")
	}
}

// live lists the chains here that end in an agent, hold now, fit, and stand by the policy: whoever may publish can
// publish one that the policy denies, and it is no choice. Where none stands they are all, so that whoever uses one is
// told what is wrong with it.
func (p *Place) live(agent names.Principal, fits func(leaf delegation.Link) bool) []delegation.Chain {
	var live, stand []delegation.Chain
	for _, c := range p.Chains.Stored() {
		if leaf := c.Leaf(); leaf.Delegate.Name != agent || !fits(leaf) || c.StateAt(p.Now, 0) != delegation.Live {
			continue
		}
		live = append(live, c)
		if p.stands(c) {
			stand = append(stand, c)
		}
	}
	if len(stand) > 0 {
		return stand
	}
	return live
}

// stands reports whether the policy denies nothing of a chain, whatever would be done under it.
func (p *Place) stands(c delegation.Chain) bool {
	scope := c[0].Scope
	set := &evidence.Set{At: p.Now, AtSource: "clock", Surface: evidence.SurfaceClient, RepositoryID: scope.RepositoryID}
	if len(scope.Repositories) > 0 {
		set.Repository = scope.Repositories[0]
	}
	return checker.Foresee(p.Policy, set, c).Verdict == verdict.Allowed
}

func several(agent names.Principal, live []delegation.Chain) error {
	digests := make([]string, len(live))
	for i, c := range live {
		digests[i] = c.Digest()
	}
	return fault.Usagef("%s has several live delegations: %s", agent, strings.Join(digests, ", "))
}
