package checker

import (
	"errors"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

// attributeStatement finds out who made a signed statement, in the same steps as for a commit. It
// returns nil where the statement cannot be read.
func attributeStatement[C delegation.Statement](j *judge, w *attribution, file []byte) *delegation.Signed[C] {
	s, err := delegation.ParseSigned[C](file)
	switch {
	case errors.Is(err, signing.ErrBadSignature), errors.Is(err, signing.ErrPresence):
		w.fail(signatureWrong, "%v", err)
		return nil
	case err != nil:
		w.fail(statementMalformed, "%v", err)
		return nil
	}
	by := s.Statement.By()
	w.key = by.Key
	w.block = j.policy.KeyOwner(by.Key.Fingerprint())
	w.evidence = "statement signed by " + by.Key.Fingerprint()
	if by.Name.Kind() == names.Agent && s.Statement.Authority() != "" {
		j.statementChain(w, s.Statement, s.Bundle)
		return s
	}
	switch {
	case w.block == nil:
		w.fail(keyUnknown, "it says that it is by %s, for whom the policy does not list it", by.Name)
	case w.block.Name != by.Name:
		w.fail(delegateMismatched, "it says that it is by %s, and the key is %s's", by.Name, w.block.Name)
	case by.Name.Kind() == names.Human:
		j.attributeHuman(w)
		w.evidence = "statement " + strings.TrimPrefix(w.evidence, "signature ")
	default:
		// Whether an agent may act without a delegation is the grants' to say.
		w.principal, w.problem = by.Name, attributed
	}
	return s
}

// statementChain reads the chain under which an agent made a statement: what came with the statement,
// else what was published.
func (j *judge) statementChain(w *attribution, c delegation.Statement, travelling delegation.Chain) {
	digest := c.Authority()
	w.trailer = delegation.Ref{Digest: digest}
	raw := []byte(nil)
	if travelling != nil {
		raw = travelling.Marshal()
	} else {
		w.bundle = j.set.Bundles[digest]
		raw = w.bundle.Raw
	}
	if raw == nil {
		w.fail(bundleMissing, "%s", w.bundle.Why)
		return
	}
	state := j.readChain(raw)
	switch {
	case state.err != nil:
		w.fail(bundleMalformed, "%v", state.err)
	case state.chain.Digest() != digest:
		w.fail(bundleMalformed, "the bundle found for it ends in delegation %s", shortDigest(state.chain.Digest()))
	case state.chain.Leaf().Delegate.Name != c.By().Name:
		w.fail(delegateMismatched, "the delegation %s that it names is for %s", shortDigest(digest), state.chain.Leaf().Delegate.Name)
	default:
		j.attributeDelegate(w, state)
	}
}
