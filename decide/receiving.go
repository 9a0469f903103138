package decide

import (
	"context"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// PlaceError says that there is no repository or no ref where an administrator said that the policy is.
type PlaceError struct{ Err error }

func (e *PlaceError) Error() string { return e.Err.Error() }

func (e *PlaceError) Unwrap() error { return e.Err }

// Receiving is by what a server's pushes are judged, before any push.
type Receiving struct {
	Ref  string // full name of the default branch; "" where that is not known
	None bool   // there never was a policy: nothing is enforced yet
	// Lost is what each push is told of a policy that is missing and replaced by the last one; "": it is there.
	Lost string
	// Why says what is wrong with the policy of the default branch, "" for nothing, and LastValid is the last commit
	// there that has a valid one, "" for none. A push could put it right if it was let in.
	Why, LastValid string
	// Planted says, as a clause, why the policy may be of somebody who may not bring one: it was there before the
	// hook was. "": the root key signed a commit that brought or changed one for this repository, or is that of a
	// human whom it lists.
	Planted string
	// Unvouched is the commit that changed the policy last, where the root key did not sign it; "": it did.
	Unvouched string
}

// Rules tells by what pushes are judged: the error is what each would be refused with.
func (q Receive) Rules(ctx context.Context, src Sources) (Receiving, error) {
	r := &receiver{Receive: &q, src: src, repo: src.Repo}
	var now Receiving
	err := r.look()
	now.Ref = r.defaultRef
	if err != nil {
		return now, err
	}
	rules, err := r.rulings(ctx)
	now.None, now.Lost = rules.main.first, rules.main.lost
	tip := r.refs[r.defaultRef]
	switch {
	case r.Policy != nil || tip == "" || now.None && err == nil:
	case err != nil || now.Lost != "":
		if _, lost := policyAt(ctx, inRepo{r.repo, true}, tip, r.defaultRef); isLost(lost) {
			now.Why, now.LastValid = why(lost), r.lastValid(ctx, tip)
		}
	default:
		r.origin(ctx, rules.main.policy, tip, &now)
	}
	return now, err
}

// lastValid is the last commit of a history that has a valid policy for this repository, "" for none.
func (r *receiver) lastValid(ctx context.Context, tip string) string {
	last := ""
	err := inRepo{r.repo, true}.everFile(ctx, tip, func(at string, text []byte) bool {
		if p, diags := policy.Parse(text, policy.FileName); !diags.HasErrors() && p.Rules(byName(r.Repository)(p)) {
			last = at
		}
		return last == ""
	})
	if err != nil {
		return ""
	}
	return last
}

// origin fills in what tells whether the root key brought the policy.
func (r *receiver) origin(ctx context.Context, p *policy.Policy, tip string, now *Receiving) {
	commits, err := r.repo.Touching(ctx, tip, policy.FileName, maxPolicies)
	name, signed := byName(r.Repository)(p), false
	for i, commit := range commits {
		text, err := r.repo.File(commit, policy.FileName)
		if errors.Is(err, gitrepo.ErrNotFound) {
			continue
		}
		by := err == nil && r.signedByRoot(commit) == nil
		if i == 0 && !by {
			now.Unvouched = commit
		}
		if by && !signed { // what was signed for another repository is worth nothing here
			was, diags := policy.Parse(text, policy.FileName)
			signed = !diags.HasErrors() && was.Rules(name)
		}
	}
	if owner := p.KeyOwner(r.rootFingerprint()); signed || owner != nil && owner.Name.Kind() == names.Human {
		return
	}
	now.Planted = fmt.Sprintf("no commit that brought or changed the %s of %s is signed by the root key %s, and it lists that key for no human: whoever could push before the hook was here may have chosen it",
		policy.FileName, r.defaultRef, r.rootFingerprint())
	if err != nil {
		now.Planted = fmt.Sprintf("the %s of %s lists the root key %s for no human, and its history cannot be read (%v): whoever could push before the hook was here may have chosen it",
			policy.FileName, r.defaultRef, r.rootFingerprint(), err)
	}
}
