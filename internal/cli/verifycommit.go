package cli

import (
	"context"
	"fmt"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// object verifies what a revision means, where the repository around has it: the signature of a commit or of an
// annotated tag, and the chain of the delegation that it names. asked is why there is no file of that name.
func (v *verification) object(env *Env, rev, repository string, asked error) error {
	w, err := openWorkspace(env)
	if err != nil {
		return asked // then a file alone can be meant
	}
	defer w.Close()
	id, err := w.Repo.ResolveRevision(rev)
	if err != nil {
		missing := w.notFound(rev, err)
		return fault.WithFix(fault.Usagef("%w, and %w", asked, missing), "%s", fault.FixOf(missing))
	}
	if tag, err := w.Repo.Object(context.Background(), rev); err == nil && tag != id {
		if raw, err := w.Repo.Tag(tag); err == nil {
			return v.tag(env, w, tag, raw, repository)
		}
	}
	raw, err := w.Repo.Commit(id)
	if err != nil {
		return fault.Undecidedf("reading commit %s: %w", id, err)
	}
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return fault.Refusedf("commit %s: %w", id[:10], err)
	}
	return v.signed(env, w, signedObject{
		name: fmt.Sprintf("commit %s %q", id[:10], report.Inert(w.Subject(id))), signature: c.Signature, payload: c.Payload, message: c.Message,
	}, repository)
}

func (v *verification) tag(env *Env, w *workspace, id string, raw []byte, repository string) error {
	t, err := gitobject.ParseTag(raw)
	if err != nil {
		return fault.Refusedf("tag object %s: %w", id[:10], err)
	}
	return v.signed(env, w, signedObject{
		name: fmt.Sprintf("tag %s of %s %s", report.Inert(t.Name), t.Type, t.Object[:10]), signature: t.Signature, payload: t.Payload, message: t.Message,
	}, repository)
}

// signedObject is what is to be known of a git object with a signature.
type signedObject struct {
	name               string // as it is shown
	signature, payload []byte
	message            string
}

func (v *verification) signed(env *Env, w *workspace, o signedObject, repository string) error {
	if len(o.signature) == 0 {
		return fault.Refusedf("%s is not signed", o.name)
	}
	sig, err := signing.ParseSSHSIG(o.signature)
	if err != nil {
		return fault.Refusedf("%s: its signature is not one by an SSH key: %w", o.name, err)
	}
	v.Key = sig.Fingerprint()
	if err := sig.Verify(o.payload, signing.NamespaceGit); err != nil {
		return fault.Refusedf("%s: the signature by the key %s is not good: %w", o.name, v.Key, err)
	}
	v.Sentences = append(v.Sentences, fmt.Sprintf("%s is signed by the key %s.", o.name, v.Key))
	if owner := w.ownerOf(v.Key); owner.Kind() == names.Human {
		v.Signer = string(owner)
		v.good = fmt.Sprintf("Its signature is good, by a key of %s. What a human signs acts under no delegation.", owner)
		return nil
	}
	ref, ok, err := delegation.ParseTrailer(o.message)
	if err != nil {
		return fault.Refusedf("%s: %w", o.name, err)
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
		return fault.WithFix(fault.Refusedf("%s names a delegation to %s, whose key is %s", o.name, leaf.Name, leaf.Key.Fingerprint()),
			"have it signed under the delegation: `remit resign`; `remit check` says whether the policy takes it as it is")
	}
	v.good = fmt.Sprintf("Its signature is good, by the key that was delegated to, and each link follows from the one before. The delegation is %s.",
		chain.StateAt(env.Now(), 0).Words())
	return nil
}

// ownerOf is who has a key by the policy that is known here, "" for nobody.
func (w *workspace) ownerOf(fingerprint string) names.Principal {
	p, err := w.issuingPolicy("")
	if err != nil {
		return ""
	}
	if owner := p.KeyOwner(fingerprint); owner != nil {
		return owner.Name
	}
	return ""
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
