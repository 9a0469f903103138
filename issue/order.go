package issue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// Terms are how long a delegation holds, what for, and how often it may be passed on.
type Terms struct {
	Lasts time.Duration // whole seconds of it count
	Why   string        // one line
	Depth int
}

// Check refuses terms that make sense for nobody.
func (t *Terms) Check() error {
	switch {
	case t.Lasts == 0:
		return fault.Usagef("say how long the delegation holds, such as --for 10m")
	case t.Lasts < time.Second:
		return fault.Usagef("--for %s is too short: say how long the delegation holds, such as --for 10m", t.Lasts)
	case strings.TrimSpace(t.Why) == "":
		return fault.Usagef("say what the delegation is for, such as --why SHOP-1412")
	}
	if err := CheckWhy(t.Why); err != nil {
		return err
	}
	if t.Depth < 0 || t.Depth > delegation.MaxDepth {
		return fault.Usagef("--depth counts how often it may be passed on: 0 to %d", delegation.MaxDepth)
	}
	return nil
}

// Order is a delegation that somebody wants to issue.
type Order struct {
	Policy   *policy.Policy
	By       *Issuer
	Delegate names.Principal
	Key      signing.PublicKey // of the delegate: one that the policy pins for it, or one made for this
	Scope    delegation.Scope  // its depth is that of Terms
	Terms    Terms
	Now      time.Time
	Clock    string // whose clock Now is from, in words
}

// Issue signs the delegation and returns its chain, with notes on what is allowed and probably not meant.
//
// The chain is judged by the rules of [checker.Foresee] first: what would be denied at its first use is
// refused, with a [*DeniedError]. So is a scope that is plainly wider than that of the delegation which is
// passed on, although the checker would only take what both cover. A policy that merely observes makes no
// difference.
func (o *Order) Issue() (delegation.Chain, []string, error) {
	if err := o.Terms.Check(); err != nil {
		return nil, nil, err
	}
	if len(o.Scope.Repositories) == 0 {
		return nil, nil, fault.Usagef("say which repository the delegation is for, such as --repository github.com/acme/shop")
	}
	d := o.delegation()
	link, err := delegation.Sign(d, o.By.Signer)
	if err != nil {
		var void *delegation.VoidError
		if errors.As(err, &void) {
			return nil, nil, fault.Refusedf("no such delegation can hold: %w", void)
		}
		return nil, nil, err
	}
	chain := append(slices.Clone(o.By.Chain), link)
	var notes []string
	for _, repository := range d.Scope.Repositories {
		judged := checker.Foresee(o.Policy, &evidence.Set{
			Repository: repository, RepositoryID: d.Scope.RepositoryID, At: o.Now, AtSource: o.Clock, Surface: evidence.SurfaceClient,
		}, chain)
		if judged.Verdict != verdict.Allowed {
			return nil, nil, denied(judged)
		}
		for _, f := range judged.Acts[0].Findings { // what is left is no reason to refuse
			if !slices.Contains(notes, f.Summary) {
				notes = append(notes, f.Summary)
			}
		}
	}
	if parent := o.By.Chain; parent != nil {
		if wider := d.Scope.Wider(parent.Leaf().Scope); len(wider) > 0 {
			return nil, nil, fault.WithFix(fault.Refusedf("it would give more than %s has: %s", o.By.Party.Name, strings.Join(wider, "; ")),
				"`remit show %s` reads out what there is to pass on", parent.Digest())
		}
	}
	return chain, append(notes, o.notes()...), nil
}

func (o *Order) delegation() delegation.Delegation {
	start := startOf(o.Now)
	d := delegation.Delegation{
		Delegator: o.By.Party,
		Delegate:  delegation.Party{Name: o.Delegate, Key: o.Key},
		Parent:    o.By.Chain.Digest(),
		Scope:     o.Scope,
		NotBefore: start,
		NotAfter:  endOf(start, o.Terms.Lasts),
		Purpose:   o.Terms.Why,
		Nonce:     delegation.NewNonce(),
	}
	d.Scope.Depth = o.Terms.Depth
	return d
}

// notes says what is allowed and probably not meant.
func (o *Order) notes() []string {
	var notes []string
	switch {
	case len(o.Scope.Actions) == 0:
		notes = append(notes, "this delegation covers no action: name some with --action")
	case slices.Contains(o.Scope.Actions, names.Commit) && (len(o.Scope.Paths) == 0 || len(o.Scope.Branches) == 0):
		notes = append(notes, "this delegation lets nothing be committed: it needs --branch and --path")
	}
	granted := slices.ContainsFunc(o.Policy.Grants, func(g *policy.Grant) bool { return slices.Contains(g.To, o.Delegate) })
	if !granted && o.Terms.Depth == 0 {
		notes = append(notes, fmt.Sprintf("the policy grants %s nothing, so that it can do nothing under this delegation", o.Delegate))
	}
	if granted || o.Terms.Depth > 0 {
		notes = append(notes, o.useless()...)
	}
	return notes
}
