package issue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// Resigner signs the commits of a chain's delegate again under that chain, parents first.
type Resigner struct {
	Policy *policy.Policy
	Chain  delegation.Chain
	Inline bool           // commits carry the whole chain
	Signer signing.Signer // of the key that the chain was made out to
	Now    time.Time
	// Bundle finds the bundle that a digest names, nil where there is none: who made a commit with a key
	// that was minted for an earlier delegation is known by that delegation alone.
	Bundle func(digest string) []byte
	// Email is the address with which the delegate commits here, "" where that is not known. What a key signed that
	// nobody is known to have, with this address as its committer, is the delegate's: it was made here, and the
	// signing was set up wrongly.
	Email string
	// Keep says why a commit of the delegate's stays as it is, unless one below it changes; "" where it does not.
	Keep func(id string) string

	renamed map[string]string // old id to new id
}

// Resigned is a commit that was signed again. [gitobject.WithSignature] makes the object of the two.
type Resigned struct {
	Payload   []byte // what is signed
	Signature []byte // armored
}

// Sign signs one commit again if it is the delegate's own, or nobody's. It returns nil where the commit stays as
// it is, and why, a clause. One of somebody else that stands on commits which changed is refused: signed again it
// would no longer be theirs. What was signed counts only once [Resigner.Stored] is told its new id.
func (r *Resigner) Sign(c *evidence.Commit) (*Resigned, string, error) {
	object, err := gitobject.ParseCommit(c.Raw)
	if err != nil {
		return nil, "", fault.Refusedf("commit %s cannot be signed again: %w", c.ID, err)
	}
	moved := slices.ContainsFunc(object.Parents, func(parent string) bool { return r.renamed[parent] != "" })
	if owner, own := r.own(object); !own {
		if moved {
			return nil, "", fault.WithFix(fault.Refusedf("commit %s is %s's and stands on commits that would change: signed again it would no longer be theirs", c.ID, owner),
				"leave it out (`git rebase --onto`), sign the rest again, and have its maker put it back")
		}
		return nil, "it is " + owner + "'s", nil
	}
	if r.Keep != nil && !moved {
		if why := r.Keep(c.ID); why != "" {
			return nil, why, nil
		}
	}
	payload := r.payload(object)
	armored, err := signing.SignSSHSIG(r.Signer, signing.NamespaceGit, payload)
	if err != nil {
		return nil, "", fmt.Errorf("signing: %w", err)
	}
	return &Resigned{Payload: payload, Signature: armored}, "", nil
}

// Stored says what the new id of a commit is.
func (r *Resigner) Stored(oldID, newID string) {
	if r.renamed == nil {
		r.renamed = map[string]string{}
	}
	r.renamed[oldID] = newID
}

// Renamed is the new id of a commit, "" where it stays.
func (r *Resigner) Renamed(id string) string { return r.renamed[id] }

// Count is how many commits were signed again.
func (r *Resigner) Count() int { return len(r.renamed) }

// own reports whether a commit is the delegate's to sign again, and else whose it is. A commit
// that nobody signed is anybody's; it is judged by what it changes. So is one that was signed by a key which
// nobody is known to have, if whoever works here committed it.
func (r *Resigner) own(object *gitobject.Commit) (owner string, own bool) {
	if object.Signature == nil {
		return "", true
	}
	sig, err := signing.ParseSSHSIG(object.Signature)
	if err != nil {
		return nobodyKnown, r.committedHere(object)
	}
	leaf := r.Chain.Leaf()
	if leaf.Delegate.Key.Fingerprint() == sig.Fingerprint() {
		return "", true
	}
	if block := r.Policy.KeyOwner(sig.Fingerprint()); block != nil {
		return string(block.Name), block.Name == leaf.Delegate.Name
	}
	// A key that was minted for an earlier delegation to the same agent.
	if ref, ok, err := delegation.ParseTrailer(object.Message); err == nil && ok {
		bundle := ref.Inline
		if bundle == nil && r.Bundle != nil {
			bundle = r.Bundle(ref.Digest)
		}
		if chain, err := delegation.ParseBundle(bundle); err == nil && chain.Leaf().Delegate.Key.Fingerprint() == sig.Fingerprint() {
			return string(chain.Leaf().Delegate.Name), chain.Leaf().Delegate.Name == leaf.Delegate.Name
		}
	}
	return nobodyKnown, r.committedHere(object)
}

// nobodyKnown is whose a commit is that was signed by a key which nobody is known to have.
const nobodyKnown = "somebody else"

// committedHere reports whether a commit's committer has the address of whoever works here.
func (r *Resigner) committedHere(object *gitobject.Commit) bool {
	headers, _, _ := strings.Cut(string(object.Payload), "\n\n")
	for line := range strings.Lines(headers) {
		if who, ok := strings.CutPrefix(line, "committer "); ok {
			_, address, _ := strings.Cut(who, "<")
			address, _, _ = strings.Cut(address, ">")
			return r.Email != "" && address == r.Email
		}
	}
	return false
}

// payload is the commit with its parents renamed, the committer's date set to now, and the
// delegation in force as its only Delegation trailer.
func (r *Resigner) payload(object *gitobject.Commit) []byte {
	headers, _, _ := strings.Cut(string(object.Payload), "\n\n")
	lines := strings.Split(headers, "\n")
	for i, line := range lines {
		if parent, ok := strings.CutPrefix(line, "parent "); ok && r.renamed[parent] != "" {
			lines[i] = "parent " + r.renamed[parent]
		}
		if strings.HasPrefix(line, "committer ") {
			lines[i] = line[:strings.LastIndex(line, ">")+1] + fmt.Sprintf(" %d +0000", r.Now.Unix())
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n\n" + delegation.AddTrailer(object.Message, r.Chain.Ref(r.Inline).Value(), ""))
}
