package cli

import (
	"errors"
	"fmt"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// commit verifies what a revision means, where the repository around has it: the commit's signature, and the chain of
// the delegation that it names. found is false where there is no repository or it has no such commit.
func (v *verification) commit(env *Env, rev, repository string) (found bool, err error) {
	w, err := openWorkspace(env)
	if err != nil {
		return false, nil // then rev can be meant as a file alone
	}
	defer w.Close()
	id, err := w.Repo.ResolveRevision(rev)
	if errors.Is(err, gitrepo.ErrAmbiguous) {
		return true, fault.Usagef("%w", err)
	}
	if err != nil {
		return false, nil
	}
	raw, err := w.Repo.Commit(id)
	if err != nil {
		return true, fault.Undecidedf("reading commit %s: %w", id, err)
	}
	return true, v.signedCommit(env, w, id, raw, repository)
}

func (v *verification) signedCommit(env *Env, w *workspace, id string, raw []byte, repository string) error {
	name := "commit " + id[:10]
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return fault.Refusedf("%s: %w", name, err)
	}
	if len(c.Signature) == 0 {
		return fault.Refusedf("%s is not signed", name)
	}
	sig, err := signing.ParseSSHSIG(c.Signature)
	if err != nil {
		return fault.Refusedf("%s: its signature is not one by an SSH key: %w", name, err)
	}
	v.Key = sig.Fingerprint()
	if err := sig.Verify(c.Payload, signing.NamespaceGit); err != nil {
		return fault.Refusedf("%s: the signature by the key %s is not good: %w", name, v.Key, err)
	}
	v.Sentences = append(v.Sentences, fmt.Sprintf("%s %q is signed by the key %s.", name, report.Inert(w.Subject(id)), v.Key))
	ref, ok, err := delegation.ParseTrailer(c.Message)
	if err != nil {
		return fault.Refusedf("%s: %w", name, err)
	}
	if !ok {
		v.good = "Its signature is good. It names no delegation: whose key that is, and what it may do, is the policy's to say."
		return nil
	}
	chain, err := w.named(ref)
	if err != nil {
		return err
	}
	if repository == "" {
		repository = firstRepository(chain)
	}
	leaf := chain.Leaf().Delegate
	v.Digest, v.Signer, v.State = chain.Digest(), string(leaf.Name), chain.StateAt(env.Now(), 0).String()
	if err := v.chain(chain, repository); err != nil {
		return err
	}
	if leaf.Name.Kind() != names.Agent || !leaf.Key.Equal(sig.PublicKey()) {
		return fault.Refusedf("%s names a delegation to %s, whose key is %s", name, leaf.Name, leaf.Key.Fingerprint())
	}
	v.good = fmt.Sprintf("Its signature is good, by the key that was delegated to, and each link follows from the one before. The delegation is %s.",
		chain.StateAt(env.Now(), 0).Words())
	return nil
}

// named reads the chain that a trailer names, or holds.
func (w *workspace) named(ref delegation.Ref) (delegation.Chain, error) {
	if len(ref.Inline) == 0 {
		return w.Chain(ref.Digest)
	}
	chain, err := delegation.ParseBundle(ref.Inline)
	if err != nil {
		return nil, fault.Refusedf("the delegation that it holds: %w", err)
	}
	return chain, nil
}
