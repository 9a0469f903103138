package keystore

import (
	"errors"
	"slices"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/signing"
)

// Ring is where private keys are looked for: a store of key files, then ssh-agent. Close it when the
// signers that it gave are no longer used.
type Ring struct {
	Store *Store
	Agent *Agent // nil where there is none
}

// OpenRing looks in a store, and in the ssh-agent that listens on a socket; "" for none. An agent that does
// not answer is as good as none.
func OpenRing(store *Store, socket string) *Ring {
	r := &Ring{Store: store}
	if socket != "" {
		if agent, err := DialAgent(socket); err == nil {
			r.Agent = agent
		}
	}
	return r
}

// Close ends the connection to ssh-agent.
func (r *Ring) Close() {
	if r.Agent != nil {
		_ = r.Agent.Close() // nothing was written
	}
}

// SignerFor finds the private half of one of the keys, a key file called name first. It returns nil without
// an error where there is none. A key file that needs a passphrase is an error only where ssh-agent does not
// hold its key.
func (r *Ring) SignerFor(name string, keys ...signing.PublicKey) (signing.Signer, error) {
	wanted := func(pub signing.PublicKey) bool {
		return slices.ContainsFunc(keys, func(key signing.PublicKey) bool { return key.Equal(pub) })
	}
	files, err := r.Store.List()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(files, func(a, b string) int {
		switch {
		case a == name:
			return -1
		case b == name:
			return 1
		default:
			return strings.Compare(a, b)
		}
	})
	var locked error // a key file that needs a passphrase, which ssh-agent may have been given
	for _, file := range files {
		pub, err := r.Store.Public(file)
		if err != nil || !wanted(pub) {
			continue
		}
		s, err := r.Store.Load(file, nil)
		if !errors.Is(err, ErrPassphrase) {
			return s, err
		}
		locked = fault.WithFix(fault.Usagef("the key %s needs its passphrase", file), "load it into ssh-agent: `ssh-add %s`", r.Store.Path(file))
	}
	if r.Agent == nil {
		return nil, locked
	}
	loaded, err := r.Agent.Keys()
	if err != nil {
		return nil, err
	}
	for _, pub := range loaded {
		if wanted(pub) {
			return r.Agent.Signer(pub)
		}
	}
	return nil, locked
}
