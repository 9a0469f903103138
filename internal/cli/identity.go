package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// home is $REMIT_HOME, else "remit" in the user's config folder.
func home(env *Env) (string, error) {
	if dir := env.Getenv("REMIT_HOME"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fault.Usagef("REMIT_HOME must be an absolute path, and is %q", dir)
		}
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fault.WithFix(fault.Usagef("finding the user's config folder: %w", err), "set REMIT_HOME")
	}
	return filepath.Join(dir, "remit"), nil
}

// openKeys opens the user's key store. It need not exist yet.
func openKeys(env *Env) (*keystore.Store, error) {
	dir, err := home(env)
	if err != nil {
		return nil, err
	}
	return keystore.Open(filepath.Join(dir, "keys")), nil
}

// keyring is where private keys are looked for: the key store, then ssh-agent.
type keyring struct {
	store *keystore.Store
	agent *keystore.Agent // nil where there is none
}

func openKeyring(env *Env) (*keyring, error) {
	store, err := openKeys(env)
	if err != nil {
		return nil, err
	}
	k := &keyring{store: store}
	if socket := env.Getenv("SSH_AUTH_SOCK"); socket != "" {
		// An agent that does not answer is as good as none.
		if agent, err := keystore.DialAgent(socket); err == nil {
			k.agent = agent
		}
	}
	return k, nil
}

func (k *keyring) close() {
	if k.agent != nil {
		_ = k.agent.Close() // nothing was written
	}
}

// signerFor finds the private half of one of the keys, a key file called name first.
// It returns nil without an error where there is none.
func (k *keyring) signerFor(name string, keys ...signing.PublicKey) (signing.Signer, error) {
	wanted := func(pub signing.PublicKey) bool {
		return slices.ContainsFunc(keys, func(key signing.PublicKey) bool { return key.Equal(pub) })
	}
	files, err := k.store.List()
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
		pub, err := k.store.Public(file)
		if err != nil || !wanted(pub) {
			continue
		}
		s, err := k.store.Load(file, nil)
		if !errors.Is(err, keystore.ErrPassphrase) {
			return s, err
		}
		locked = fault.WithFix(fault.Usagef("the key %s needs its passphrase", file), "load it into ssh-agent: `ssh-add %s`", k.store.Path(file))
	}
	if k.agent == nil {
		return nil, locked
	}
	loaded, err := k.agent.Keys()
	if err != nil {
		return nil, err
	}
	for _, pub := range loaded {
		if wanted(pub) {
			return k.agent.Signer(pub)
		}
	}
	return nil, locked
}

// delegateSigner finds the private half of the key that a delegation was made out to. The hint says
// what to do where it is not at hand.
func (k *keyring) delegateSigner(l delegation.Link, hint string) (signing.Signer, error) {
	signer, err := k.signerFor(l.Delegate.Name.Label(), l.Delegate.Key)
	if err == nil && signer == nil {
		err = fault.WithFix(fault.Usagef("the key of %s (%s) is neither in the key store nor in ssh-agent", l.Delegate.Name, l.Delegate.Key.Fingerprint()), "%s", hint)
	}
	return signer, err
}

// humansAtHand lists the humans of the policy whose key can sign here.
func (k *keyring) humansAtHand(p *policy.Policy) ([]*policy.Principal, error) {
	var found []*policy.Principal
	for name, block := range p.Principals {
		if name.Kind() != names.Human {
			continue
		}
		s, err := k.signerFor(name.Label(), block.Keys...)
		if err != nil {
			return nil, err
		}
		if s != nil {
			found = append(found, block)
		}
	}
	slices.SortFunc(found, func(a, b *policy.Principal) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return found, nil
}
