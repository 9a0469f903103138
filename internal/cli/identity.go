package cli

import (
	"os"
	"path/filepath"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/policy"
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

// openKeyring opens what private keys are looked for in: the key store, then ssh-agent.
func openKeyring(env *Env) (*keystore.Ring, error) {
	store, err := openKeys(env)
	if err != nil {
		return nil, err
	}
	return keystore.OpenRing(store, env.Getenv("SSH_AUTH_SOCK")), nil
}

// chainsHere are the delegations of a repository.
type chainsHere struct{ w *workspace }

// InForce implements [issue.Chains].
func (c chainsHere) InForce() (string, error) {
	use, _, err := readUse(c.w.env, c.w.GitDir)
	return use.Delegation, err
}

// Chain implements [issue.Chains].
func (c chainsHere) Chain(digest string) (delegation.Chain, error) { return c.w.Chain(digest) }

// Stored implements [issue.Chains].
func (c chainsHere) Stored() []delegation.Chain { return c.w.localDelegations() }

// place is what there is to choose a signer from.
func (w *workspace) place(p *policy.Policy, ring *keystore.Ring) *issue.Place {
	return &issue.Place{Policy: p, Keys: ring, Chains: chainsHere{w}, Now: w.env.Now()}
}
