package checker

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// problem is what kept an act from being attributed to a principal. Each has a rule that words it.
type problem uint8

const (
	notTried problem = iota // the zero value: nobody looked, so nobody is named; history-incomplete
	attributed
	objectUnread       // history-incomplete
	objectMalformed    // signature-malformed
	objectEncoded      // signature-malformed
	notSigned          // unsigned
	signatureUnparsed  // signature-malformed
	signatureWrong     // signature-invalid
	keyRefused         // key-not-allowed
	keyUnknown         // unknown-key
	trailerMalformed   // delegation-malformed
	bundleMissing      // delegation-unresolved
	bundleMalformed    // delegation-malformed
	delegateUnknown    // unknown-key
	delegateMismatched // key-not-allowed
	pusherUnattested   // pusher-unknown
	pusherUnlisted     // pusher-unknown
	statementMalformed // statement-malformed
	requestAbsent      // request-missing
	accountUnlisted    // forge-unattributed
	// madeByForge is no problem, and nobody: what the forge makes by itself of what others made, such
	// as a merge that recomputes equal. It brings nothing of its own.
	madeByForge
)

// attribution is who did an act, on what evidence, and under which chain.
// Only problem == attributed names somebody whom the evidence proves.
type attribution struct {
	problem   problem
	detail    string // what exactly is wrong, in words; "" where the problem says it all
	principal names.Principal
	block     *policy.Principal
	key       signing.PublicKey
	evidence  string
	// assumed says that nothing was signed: somebody asks what an agent's grants would let it do.
	assumed bool

	// unissued says that the last link was not handed out yet: nobody knows its digest.
	unissued bool

	trailer  delegation.Ref
	bundle   evidence.Bundle
	chain    delegation.Chain
	problems []delegation.Problem
}

func (w *attribution) fail(p problem, format string, args ...any) {
	w.problem, w.detail = p, fmt.Sprintf(format, args...)
}

func (w *attribution) fingerprint() string {
	if w.key.IsZero() {
		return ""
	}
	return w.key.Fingerprint()
}

// standing reports whether an agent acts by its own pinned key, without a delegation.
func (w *attribution) standing() bool {
	return w.problem == attributed && w.principal.Kind() == names.Agent && len(w.chain) == 0
}

// sound reports whether the chain, if any, is what its signers signed. A chain that is not sound
// says nothing about what was delegated, so no other rule draws on it.
func (w *attribution) sound() bool { return w.problem == attributed && len(w.problems) == 0 }

// minted reports whether the delegate of link i has no key in the policy, so that its key
// was made for the delegation.
func (w *attribution) minted(i int, p *policy.Policy) bool {
	block := p.Principal(w.chain[i].Delegate.Name)
	return block != nil && !block.Pinned()
}

// attribute finds out who did an act that carries its own signature: a commit or a tag.
func (j *judge) attribute(a *act) {
	switch {
	case a.commit != nil && len(a.commit.Raw) == 0, a.tag != nil && len(a.tag.Raw) == 0:
		a.who.fail(objectUnread, "")
	case a.commit != nil:
		c, err := gitobject.ParseCommit(a.commit.Raw)
		if err != nil {
			a.who.fail(objectMalformed, "%v", err)
			return
		}
		a.object = c
		if bytes.HasPrefix(c.Signature, []byte("-----BEGIN SSH SIGNATURE-----")) && !plainText(c.Encoding) {
			a.who.fail(objectEncoded, "its encoding header says %s", told(c.Encoding))
			return
		}
		j.attributeSigned(&a.who, c.Signature, c.Payload, c.Message)
	case a.request != nil:
		j.attributeRequest(a)
	case a.tag != nil:
		t, err := gitobject.ParseTag(a.tag.Raw)
		if err != nil {
			a.who.fail(objectMalformed, "%v", err)
			return
		}
		a.named = t
		j.attributeSigned(&a.who, t.Signature, t.Payload, t.Message)
	}
}

// plainText reports whether a commit's encoding is the one in which its message is judged.
func plainText(encoding string) bool {
	return encoding == "" || strings.EqualFold(encoding, "utf-8") || strings.EqualFold(encoding, "utf8")
}

// attributeSigned goes from a signature to a key, from the key to a principal, and for an agent
// on to the delegation that it acted under.
func (j *judge) attributeSigned(w *attribution, armored, payload []byte, message string) {
	if len(armored) == 0 {
		w.fail(notSigned, "")
		return
	}
	if !bytes.HasPrefix(armored, []byte("-----BEGIN SSH SIGNATURE-----")) {
		w.fail(notSigned, "%s", foreignSignature)
		return
	}
	sig, err := signing.ParseSSHSIG(armored)
	if err != nil {
		w.fail(signatureUnparsed, "%v", err)
		return
	}
	// A key that the policy lists was checked when the policy was read.
	fingerprint := sig.Fingerprint()
	w.block = j.policy.KeyOwner(fingerprint)
	if w.block != nil {
		w.key = keyOf(w.block, fingerprint)
	} else if w.key, err = j.checkedKey(sig, fingerprint); err != nil {
		w.fail(keyRefused, "%v (%s)", err, sig.Fingerprint())
		return
	}
	if err := sig.VerifyWith(w.key, payload, signing.NamespaceGit); err != nil {
		switch {
		case errors.Is(err, signing.ErrNamespace), errors.Is(err, signing.ErrPresence):
			w.fail(signatureWrong, "%v", err)
		default:
			w.fail(signatureWrong, "it does not match the object and the key %s", w.key.Fingerprint())
		}
		return
	}

	if w.block != nil && w.block.Name.Kind() == names.Human {
		j.attributeHuman(w)
		return
	}
	// The key belongs to an agent, or to nobody whom the policy lists: then it may have been
	// minted for the delegation that the object names.
	j.attributeAgent(w, message)
}

// keyOf is the key of a principal's block with a fingerprint.
func keyOf(block *policy.Principal, fingerprint string) signing.PublicKey {
	for _, k := range block.Keys {
		if k.Fingerprint() == fingerprint {
			return k
		}
	}
	return signing.PublicKey{}
}

func (j *judge) attributeHuman(w *attribution) {
	w.principal = w.block.Name
	w.evidence = "signature by " + w.key.Fingerprint()
	if w.block.Presence && !w.key.Hardware() {
		w.fail(keyRefused, "%s must confirm each signature by touch, and the key %s cannot show that it was touched",
			w.principal, w.key.Fingerprint())
		return
	}
	w.problem = attributed
}

func (j *judge) attributeAgent(w *attribution, message string) {
	if w.block != nil {
		w.principal = w.block.Name
	}
	w.evidence = "signature by " + w.key.Fingerprint()
	ref, ok, err := delegation.ParseTrailer(message)
	if refused := w.key.AgentKey(); refused != nil && (ok || w.block != nil) {
		w.fail(keyRefused, "%v", refused)
		return
	}
	switch {
	case err != nil:
		w.fail(trailerMalformed, "%s", strings.TrimPrefix(err.Error(), delegation.ErrTrailer.Error()+": "))
		return
	case !ok && w.block == nil:
		w.fail(keyUnknown, "")
		return
	case !ok:
		// Whether it may act without a delegation is the grants' to say.
		w.problem = attributed
		return
	}
	w.trailer = ref
	bundle := ref.Inline
	if bundle == nil {
		w.bundle = j.set.Bundles[ref.Digest]
		bundle = w.bundle.Raw
		if bundle == nil {
			w.fail(bundleMissing, "%s", w.bundle.Why)
			return
		}
	}
	state := j.readChain(bundle)
	switch {
	case state.err != nil:
		w.fail(bundleMalformed, "%v", state.err)
		return
	case state.chain.Digest() != ref.Digest:
		w.fail(bundleMalformed, "the bundle found for it ends in delegation %s", shortDigest(state.chain.Digest()))
		return
	}
	j.attributeDelegate(w, state)
}

// attributeDelegate checks that the signer is the delegate of the chain's last link.
func (j *judge) attributeDelegate(w *attribution, state *chainState) {
	leaf := state.chain.Leaf()
	if !leaf.Delegate.Key.Equal(w.key) {
		if w.block == nil {
			w.fail(keyUnknown, "the delegation %s that it names is for another key, %s of %s",
				shortDigest(leaf.Digest), leaf.Delegate.Key.Fingerprint(), leaf.Delegate.Name)
			return
		}
		w.fail(delegateMismatched, "the delegation %s that it names is for %s with the key %s",
			shortDigest(leaf.Digest), leaf.Delegate.Name, leaf.Delegate.Key.Fingerprint())
		return
	}
	block := j.policy.Principal(leaf.Delegate.Name)
	switch {
	case block == nil || leaf.Delegate.Name.Kind() != names.Agent:
		w.fail(delegateUnknown, "the delegation %s names %s, which the policy does not list as an agent",
			shortDigest(leaf.Digest), leaf.Delegate.Name)
		return
	case w.block != nil && w.block != block:
		w.fail(delegateMismatched, "the delegation %s gives the key of %s to %s",
			shortDigest(leaf.Digest), w.block.Name, leaf.Delegate.Name)
		return
	}
	w.principal, w.block = leaf.Delegate.Name, block
	w.chain, w.problems = state.chain, state.problems
	if !j.keysDisputed(w) {
		w.problem = attributed
	}
}

// keysDisputed reports whether some link gives a delegate a key that the policy does not let it have,
// and says so in w: a pinned agent has its pinned keys and no others, and a minted key is nobody else's.
func (j *judge) keysDisputed(w *attribution) bool {
	for i, l := range w.chain {
		block := j.policy.Principal(l.Delegate.Name)
		if block == nil {
			w.fail(delegateUnknown, "%s names %s, whom the policy does not list", w.linkName(i), l.Delegate.Name)
			return true
		}
		owner := j.policy.KeyOwner(l.Delegate.Key.Fingerprint())
		switch {
		case owner == block:
			continue
		case owner != nil:
			w.fail(delegateMismatched, "%s gives %s the key of %s", w.linkName(i), l.Delegate.Name, owner.Name)
			return true
		case block.Pinned():
			w.fail(delegateMismatched, "%s gives %s the key %s, which the policy does not list for it",
				w.linkName(i), l.Delegate.Name, l.Delegate.Key.Fingerprint())
			return true
		}
		// Whether a minted key is of a type that agents may have is for delegation-malformed to say.
	}
	return false
}

// linkName is a link of the chain in a sentence, by its digest if that is known.
func (w *attribution) linkName(i int) string {
	if w.unissued && i == len(w.chain)-1 {
		return "the delegation"
	}
	return "the delegation " + shortDigest(w.chain[i].Digest)
}

// assign says who answers for each moved or deleted ref, once the commits are attributed.
func (j *judge) assign(acts []*act) {
	for _, a := range acts {
		switch {
		case a.update != nil:
			j.attributePusher(a)
			a.foreign = a.byAgent() && len(j.foreign(a))+len(j.foreignTags(a))+len(j.landed(a)) > 0
		case a.who.problem == notSigned:
			j.attributeUnsigned(a)
		case a.step != nil:
			j.attributeStep(a)
		}
	}
	for _, a := range acts {
		if a.pull != nil { // once its commits are attributed
			j.attributePull(a)
			a.foreign = a.who.problem == attributed && a.byAgent() && len(j.foreign(a)) > 0
		}
	}
}

const foreignSignature = "it carries a signature that is not an SSH signature; such a signature proves no principal of the policy"

// attributeUnsigned gives an unsigned commit to whom the server or the forge saw pushing it: to a human
// where the policy accepts such weak evidence (unsigned = "pusher"), and to an app, which nothing else
// proves. Agents always sign. A merge that the forge made alone is nobody's.
func (j *judge) attributeUnsigned(a *act) {
	if a.commit == nil {
		return
	}
	if j.set.Surface == evidence.SurfaceForge {
		j.attributeByForge(a)
		return
	}
	p := j.set.Pusher
	if p == nil || !j.policy.Settings.UnsignedPusher {
		return
	}
	block := j.policy.ByLogin(p.Login)
	if block == nil || block.Name.Kind() != names.Human {
		return
	}
	a.who = attribution{
		problem: attributed, principal: block.Name, block: block,
		evidence: fmt.Sprintf("not signed; the server's word that %q pushed it (%s)", p.Login, p.Source),
	}
}

// attributePusher names whoever pushed, by the server's word. Where no server says it, whoever
// signed the new head of the ref answers for what the head brings, and for nothing else.
func (j *judge) attributePusher(a *act) {
	w := &a.who
	if p := j.set.Pusher; p != nil && p.Login != "" {
		w.evidence = fmt.Sprintf("the server's word: %s is %q", p.Source, p.Login)
		if j.set.Surface == evidence.SurfaceClient {
			w.evidence = p.Source + ", here; who pushes is for the server to say"
		}
		w.block = j.policy.ByLogin(p.Login)
		if w.block == nil {
			w.fail(pusherUnlisted, "the server names %q as pushing, and no principal of the policy has that login", p.Login)
			return
		}
		w.principal = w.block.Name
		w.problem = attributed
		if w.principal.Kind() == names.Agent {
			j.pusherChain(a)
		}
		return
	}
	if head := j.head(a.update); head != nil && head.who.problem == attributed && a.kind == "" {
		a.who = head.who
		a.who.evidence = "signature of " + head.name() + ", the head; nobody attests who pushed"
		return
	}
	w.fail(pusherUnattested, "")
}

// head is the new commit or tag that an update's ref is to name, nil for none.
func (j *judge) head(u *evidence.Update) *act {
	if t := j.tag(u); t != nil {
		return t
	}
	if c := j.byCommit[u.New]; c != nil && c.commit.New {
		return c
	}
	return nil
}

// tag is the tag that an update's ref is to name, nil for none.
func (j *judge) tag(u *evidence.Update) *act {
	for _, t := range j.byTag[u.Ref] {
		if t.subject == u.New {
			return t
		}
	}
	return nil
}

// pusherChain finds the delegation that an agent pushes under: the one that the push names,
// else the one of its own newest commit in the push. Without either it has only its standing grants.
func (j *judge) pusherChain(a *act) {
	w := &a.who
	if d := j.set.Pusher.Delegation; d != "" {
		w.trailer = delegation.Ref{Digest: d}
		w.bundle = j.set.Bundles[d]
		if w.bundle.Raw == nil {
			w.fail(bundleMissing, "%s", w.bundle.Why)
			return
		}
		state := j.readChain(w.bundle.Raw)
		switch {
		case state.err != nil:
			w.fail(bundleMalformed, "%v", state.err)
		case state.chain.Digest() != d:
			w.fail(bundleMalformed, "the bundle found for it ends in delegation %s", shortDigest(state.chain.Digest()))
		case state.chain.Leaf().Delegate.Name != w.principal:
			w.fail(delegateMismatched, "the delegation %s that the push names is for %s",
				shortDigest(d), state.chain.Leaf().Delegate.Name)
		default:
			w.chain, w.problems = state.chain, state.problems
			j.keysDisputed(w)
		}
		return
	}
	for i := len(j.set.Commits) - 1; i >= 0; i-- {
		own := j.byCommit[j.set.Commits[i].ID]
		if own.commit.New && own.who.problem == attributed && own.who.principal == w.principal && len(own.who.chain) > 0 {
			w.chain, w.problems, w.trailer = own.who.chain, own.who.problems, own.who.trailer
			return
		}
	}
}
