package auditlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/signing"
)

// Folding brings what waits into the log of a repository, for whoever holds its key.
type Folding struct {
	Store *gitbranch.Store
	Key   signing.Signer
	// Create is what the repository of a log is called that is to be made where there is none; nil: none is made.
	Create func(ctx context.Context) (string, error)
	Tokens *Tokens // nil: nobody's word is looked at
	Most   int     // of what waits; 0: all
}

// Fold is what a fold did. Its notes are sentences without a full stop.
type Fold struct {
	gitbranch.Folded

	Origin string // of the log
	Begun  string // the verifier key of the log that was made; "": there was one
	Notes  []string
	Now    log.Checkpoint
}

// Run folds.
func (f *Folding) Run(ctx context.Context) (Fold, error) {
	var out Fold
	l, err := Under(ctx, f.Store, f.Key)
	switch {
	case errors.Is(err, log.ErrMissing) && f.Create != nil:
		name, nameErr := f.Create(ctx)
		if nameErr != nil {
			return out, nameErr
		}
		if l, err = Begin(ctx, f.Store, name, f.Key); err == nil {
			out.Begun, err = log.VerifierKey(l.Verifier.Name(), f.Key.SSHPublicKey())
		}
	case errors.Is(err, log.ErrMissing):
		return out, fault.WithFix(fault.Undecidedf("%w", err), "%s", lostOrNever)
	}
	if err != nil {
		return out, err
	}
	out.Origin = l.Verifier.Name()
	l.Resumed = func(why error) {
		out.Notes = append(out.Notes, "somebody wrote to the log's branch who does not hold its key, and the log goes on from before that: "+inert.Error(why))
	}
	fold := &gitbranch.Fold{Store: f.Store, Log: l, Most: f.Most}
	if f.Tokens != nil {
		fold.Attest = f.Tokens.Attest
	}
	if out.Folded, err = fold.Run(ctx); err != nil {
		return out, err
	}
	if out.Junk > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d refs that held no entry were taken away", out.Junk))
	}
	for _, id := range out.Squatted {
		out.Notes = append(out.Notes, fmt.Sprintf("the log has entries of the identity %s that do not say the same: one of them is not true", inert.Word(id)))
	}
	out.Notes = append(out.Notes, out.Why...)
	if f.Tokens != nil {
		out.Notes = append(out.Notes, f.Tokens.Doubts...)
		if f.Tokens.More > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("nobody vouches for %d further entries that came with a token", f.Tokens.More))
		}
	}
	if out.More > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d more wait: the next fold takes them", out.More))
	}
	out.Now, err = l.Checkpoint(ctx)
	return out, err
}

// lostOrNever says what to do where no log is, for those who fold and those who record.
const lostOrNever = "where there was one, put its branch back, from a clone or a backup; where there never was, make it with --create"

// Summary says in a sentence what a fold did.
func (f *Fold) Summary() string {
	return fmt.Sprintf("%d appended, of which nobody vouches for %d; %d were there already", f.Appended, f.Unattested, f.Again)
}
