package auditlog

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	// Pin keeps a tag each day that says how the log stood, and holds the log to those that are there: where a forge
	// keeps tags from being moved and deleted, it is told when the branch was. Now is the clock for it; nil: no tags.
	Pin func() time.Time
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
	if errors.Is(err, log.ErrMissing) {
		l, err = f.begin(ctx, &out)
	}
	if err != nil {
		return out, err
	}
	var last *pin
	var today bool
	if f.Pin != nil {
		if last, today, err = lastPin(ctx, f.Store, l.Verifier, f.Pin()); err != nil {
			return out, err
		}
		if last != nil {
			l.Pins = []log.Checkpoint{last.Checkpoint}
		}
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
		if last != nil && (errors.Is(err, log.ErrRolledBack) || errors.Is(err, log.ErrForked)) {
			err = fault.WithFix(err, "%s", last.putBack())
		}
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
	if out.Now, err = l.Checkpoint(ctx); err != nil || f.Pin == nil || today || out.Now.Size == 0 {
		return out, err
	}
	name, err := nameOfPin(out.Now, l.Verifier, f.Pin())
	if err == nil {
		err = f.Store.Pin(ctx, name)
	}
	if err != nil { // it is in the log all the same
		out.Notes = append(out.Notes, "no tag says how the log stood today: "+inert.Error(err))
	}
	return out, nil
}

// begin makes the log where there is none and never was.
func (f *Folding) begin(ctx context.Context, out *Fold) (*log.Log, error) {
	if f.Create == nil {
		return nil, fault.WithFix(fault.Undecidedf("%w", log.ErrMissing), "%s", lostOrNever)
	}
	name, err := f.Create(ctx)
	if err != nil {
		return nil, err
	}
	l, err := named(f.Store, Origin(name), f.Key)
	if err != nil {
		return nil, err
	}
	if f.Pin != nil {
		last, _, err := lastPin(ctx, f.Store, l.Verifier, f.Pin())
		if err != nil {
			return nil, err
		}
		if last != nil {
			return nil, fault.WithFix(fault.Undecidedf("there is no audit log, and there was one, with %d entries or more", last.Size), "%s", last.putBack())
		}
	}
	if l, err = Begin(ctx, f.Store, name, f.Key); err == nil {
		out.Begun, err = log.VerifierKey(l.Verifier.Name(), f.Key.SSHPublicKey())
	}
	return l, err
}

// putBack says how the branch is put back from where a pin is.
func (p *pin) putBack() string {
	return fmt.Sprintf("put the branch back, from a clone that has more of it, else from the newest tag below %s of %s: `git fetch --tags origin && git push --force origin TAG:%s`. "+
		"Then have a ruleset block force pushes to it and its deletion", gitbranch.PinPrefix, p.day, gitbranch.Branch)
}

// lostOrNever says what to do where no log is, for those who fold and those who record.
const lostOrNever = "where there was one, put its branch back, from a clone or a backup; where there never was, make it with --create"

// Summary says in a sentence what a fold did.
func (f *Fold) Summary() string {
	return fmt.Sprintf("%d appended, of which nobody vouches for %d; %d were there already", f.Appended, f.Unattested, f.Again)
}
