package cli

import (
	"context"
	"fmt"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing/keystore"
	"github.com/remit-sh/remit/verdict"
)

// What `remit pr`, `remit request` and `remit approve` have in common: who states something, under
// which delegation, about which commit and ref.

// within is a statement's one word for a place that takes so many characters. Where its chain stays behind,
// which is read from the delegation's ref then, that is published.
func within[C delegation.Statement](ctx context.Context, w *workspace, s *delegation.Signed[C], most int, place string) (*delegation.Signed[C], error) {
	fits, cut, err := issue.Fit(s, most, place)
	if err != nil || !cut {
		return fits, err
	}
	fmt.Fprintf(w.env.Stderr, "note: with its delegations the statement is too long for %s: they are read from %s\n", place, delegation.RefName(s.Bundle.Digest()))
	w.publish(ctx, s.Bundle.Digest())
	return fits, nil
}

// refuseDenied asks whether what was signed is denied for certain, and refuses it then.
func (w *workspace) refuseDenied(ctx context.Context, q decide.Question) error {
	o := decide.Decide(ctx, w.sources(), q)
	if o.Err != nil || o.Report.Verdict == verdict.Allowed {
		return o.Err
	}
	if err := report.Text(w.env.errors(), o.Report, report.Options{}); err != nil {
		return err
	}
	return verdictError(o.ExitCode())
}

// author is who makes a statement, and the keys that it is signed with.
type author struct {
	issue.Author
	ring *keystore.Ring
}

func (a *author) close() { a.ring.Close() }

// author finds out who makes a statement here: find chooses among the keys at hand. What it returns is to
// be closed after signing.
func (w *workspace) author(ctx context.Context, policyFile, repository string, find func(*issue.Place) (*issue.Issuer, error)) (*author, error) {
	p, err := w.issuingPolicy(policyFile)
	if err != nil {
		return nil, err
	}
	ring, err := openKeyring(w.env)
	if err != nil {
		return nil, err
	}
	a := &author{issue.Author{Policy: p, Now: w.env.Now()}, ring}
	if a.Issuer, err = find(w.place(p, ring)); err == nil {
		a.Repository, err = w.repositoryName(ctx, repository, p)
	}
	if err != nil {
		ring.Close()
		return nil, err
	}
	return a, nil
}

// stater finds the one whom --as names, or who is at work here.
func stater(as string) func(*issue.Place) (*issue.Issuer, error) {
	return func(at *issue.Place) (*issue.Issuer, error) {
		if as == "" {
			return at.Stater(nil)
		}
		named, err := principalNamed(at.Policy, as, names.Human, names.Agent)
		if err != nil {
			return nil, err
		}
		return at.Stater(named)
	}
}
