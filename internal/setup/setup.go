// Package setup looks at how a repository is set up for whoever works in it: which delegation is in force, what git
// signs with, which hooks run, and which of the policy's keys are at hand. It says what is wrong, with commands that
// mend it. It changes nothing, and prints nothing.
package setup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
	"github.com/remit-sh/remit/verdict"
	"github.com/remit-sh/remit/workspace"
)

// maxPolicy bounds what is read of a policy that was not committed, in bytes.
const maxPolicy = 1 << 20

// Place is what is looked at.
type Place struct {
	Workspace *workspace.Workspace // with its objects open
	Keys      *keystore.Ring
	Env       workspace.Env
	Now       func() time.Time
	Remit     string // absolute path of this program
}

// Setup is how a repository is set up.
type Setup struct {
	Policy      *policy.Policy // that signing and delegating go by; nil where there is none that can be used
	PolicyErr   error          // why there is none
	PolicyRef   string         // the ref that it is read from by git's setting remit.policy; "" where that is not set
	Uncommitted bool           // the policy is the work tree's, and was never committed
	Branch      string         // full name of the one checked out; "HEAD" where none is
	Who         []names.Principal
	InForce     *Delegation  // nil where none is
	UseErr      error        // why it is not known whether one is
	Live        []Delegation // live ones that were made out to a key at hand, the one in force left out
	Signing     Signing
	Hooks       Hooks
	Problems    []Problem
}

// Delegation is a chain, and how it stands.
type Delegation struct {
	Chain delegation.Chain
	State State
	Why   string // what is wrong with it, a clause; "" where it is live
	Key   bool   // the private half of the delegate's key is at hand
}

// State is how a delegation stands.
type State string

// The states of a delegation.
const (
	Live        State = "live"
	Expired     State = "expired"
	NotYetValid State = "not-yet-valid"
	Revoked     State = "revoked"
	Void        State = "void" // it does not hold for another reason: Why says which
)

// Signing is how git signs here.
type Signing struct {
	On      bool   // commits are signed without being asked
	Format  string // gpg.format; "" is openpgp
	Program string // gpg.ssh.program; "" is ssh-keygen
	Value   string // user.signingkey
	Key     signing.PublicKey
	Owner   names.Principal // whose key that is by the policy or by the delegation in force; "" for nobody's
	AtHand  bool            // its private half is in the key store or in ssh-agent
	Signers string          // gpg.ssh.allowedSignersFile
}

// Hooks are where git looks for hooks, and how each of remit's stands.
type Hooks struct {
	Dir     string
	Err     error // why that is not known
	OwnDir  bool  // they are those of the delegation in force
	States  []hooks.State
	Missing []string // of those that belong here
}

// Problem is something that is wrong, and what mends it.
type Problem struct {
	What     string   // a clause, as inert as what it quotes
	Commands []string // that mend it, in this order; none where a command alone does not
	Advice   string   // what to do, or to know before; a sentence without a full stop, "" for nothing
}

// Of tells how a delegation stands. Where the policy is not known, that is by its own terms alone.
func Of(ctx context.Context, chain delegation.Chain, p *policy.Policy, src decide.Sources) (State, string) {
	switch state := chain.StateAt(src.Now(), 0); state {
	case delegation.Live:
	case delegation.TooEarly:
		return NotYetValid, "it does not hold before " + names.Stamp(starts(chain))
	default:
		return Expired, "it ended at " + names.Stamp(chain.Ends())
	}
	if p == nil {
		repository := ""
		if list := chain[0].Scope.Repositories; len(list) > 0 {
			repository = list[0]
		}
		for _, problem := range chain.Problems(repository, 0) {
			return Void, fmt.Sprintf("%s (%s)", problem.What, problem.Rule)
		}
		return Live, ""
	}
	o := decide.Decide(ctx, src, decide.Standing{Chain: chain, Policy: p})
	found := slices.Clone(o.Report.Findings)
	for _, a := range o.Report.Acts {
		found = append(found, a.Findings...)
	}
	state, why := Live, ""
	for _, f := range found {
		if verdict.Of([]verdict.Finding{f}) == verdict.Allowed {
			continue
		}
		revoked := f.Rule == "delegation-revoked" || f.Rule == "key-revoked"
		if why == "" || revoked && state != Revoked {
			state, why = Void, fmt.Sprintf("%s (%s)", f.Summary, f.Rule)
			if revoked {
				state = Revoked
			}
		}
	}
	return state, why
}

// starts is the first instant at which all of a chain holds.
func starts(c delegation.Chain) time.Time {
	return slices.MaxFunc(c, func(a, b delegation.Link) int { return a.NotBefore.Compare(b.NotBefore) }).NotBefore
}

// Look looks at a place, and says what is wrong there.
func Look(ctx context.Context, at Place) *Setup {
	s := &Setup{Branch: at.Workspace.Head()}
	l := &looking{Place: at, Setup: s}
	s.PolicyRef = at.Workspace.Repo.PolicyRef()
	s.Policy, s.PolicyErr = decide.IssuingPolicy(ctx, at.Workspace.Repo)
	if l.noPolicy() && !l.bare() {
		l.uncommitted()
	}
	l.git(ctx)
	if l.bare() {
		l.server(ctx)
		return s
	}
	l.delegations(ctx)
	l.signing(ctx)
	l.hooks(ctx)
	l.who()
	if l.agentWorks() {
		l.agent()
	} else {
		l.human(ctx)
	}
	return s
}

// looking is a Setup in the making.
type looking struct {
	Place
	*Setup
	missing string // digest of the delegation in force, where it is not here
}

func (l *looking) bare() bool { return l.Workspace.Worktree == "" }

// agentWorks reports whether an agent works here.
func (l *looking) agentWorks() bool {
	return l.InForce != nil || l.UseErr != nil || len(l.Who) > 0 && l.Who[0].Kind() != names.Human
}

func (l *looking) sources() decide.Sources {
	return decide.Sources{Now: l.Now, Repo: l.Workspace.Repo, Bare: l.bare()}
}

func (l *looking) say(p Problem) { l.Problems = append(l.Problems, p) }

// delegations finds the one in force, and those that could be.
func (l *looking) delegations(ctx context.Context) {
	use, ok, err := l.Workspace.Use()
	if err != nil {
		l.UseErr = err
		return
	}
	if ok {
		chain, err := l.Workspace.Chain(use.Delegation)
		if err != nil {
			l.UseErr, l.missing = err, use.Delegation
		} else {
			d := l.of(ctx, chain)
			l.InForce = &d
		}
	}
	chains, _ := l.Workspace.Delegations()
	for _, chain := range chains {
		if chain.StateAt(l.Now(), 0) != delegation.Live || ok && chain.Digest() == use.Delegation {
			continue
		}
		if d := l.of(ctx, chain); d.State == Live && d.Key {
			l.Live = append(l.Live, d)
		}
	}
	slices.SortFunc(l.Live, func(a, b Delegation) int {
		if d := b.Chain.Ends().Compare(a.Chain.Ends()); d != 0 {
			return d
		}
		return strings.Compare(a.Chain.Digest(), b.Chain.Digest())
	})
}

func (l *looking) of(ctx context.Context, chain delegation.Chain) Delegation {
	d := Delegation{Chain: chain}
	d.State, d.Why = Of(ctx, chain, l.Policy, l.sources())
	_, err := issue.DelegateSigner(l.Keys, chain.Leaf(), "")
	d.Key = err == nil
	return d
}

// signing reads what git signs with.
func (l *looking) signing(ctx context.Context) {
	value := func(args ...string) string { return l.Workspace.ConfigValue(ctx, args...) }
	s := Signing{
		On: value("--type=bool", "commit.gpgsign") == "true", Format: value("gpg.format"), Program: value("gpg.ssh.program"),
		Value: value("--type=path", "user.signingkey"), Signers: value("--type=path", "gpg.ssh.allowedSignersFile"),
	}
	if s.Format == "ssh" {
		s.Key = l.keyOf(s.Value)
	}
	if !s.Key.IsZero() {
		signer, err := l.Keys.SignerFor("", s.Key)
		s.AtHand = err == nil && signer != nil || s.Value != "" && privateBeside(l.Env, s.Value)
		if l.InForce != nil && l.InForce.Chain.Leaf().Delegate.Key.Equal(s.Key) {
			s.Owner = l.InForce.Chain.Leaf().Delegate.Name
		} else if l.Policy != nil {
			if block := l.Policy.KeyOwner(s.Key.Fingerprint()); block != nil {
				s.Owner = block.Name
			}
		}
	}
	l.Signing = s
}

// keyOf is the public key that user.signingkey names; the zero key where it names none that can be read.
func (l *looking) keyOf(value string) signing.PublicKey {
	line, literal := strings.CutPrefix(value, "key::")
	if literal || strings.HasPrefix(value, "ssh-") {
		key, err := signing.ParseAuthorizedKey(line)
		if err != nil {
			return signing.PublicKey{}
		}
		return key
	}
	for _, name := range []string{value + ".pub", value} {
		b, err := workspace.ReadFile(l.Env.Absolute(name), workspace.MaxInput)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(b), "\n")
		if key, err := signing.ParseAuthorizedKey(strings.TrimSuffix(first, "\r")); err == nil {
			return key
		}
	}
	return signing.PublicKey{}
}

// privateBeside reports whether a file that git signs with is a private key that opens without a passphrase, or the
// public one beside it.
func privateBeside(env workspace.Env, name string) bool {
	_, err := keystore.LoadFile(env.Absolute(strings.TrimSuffix(name, ".pub")), nil)
	return err == nil
}

// hooks looks at the hooks that git runs here.
func (l *looking) hooks(ctx context.Context) {
	var h Hooks
	h.Dir, h.OwnDir, h.States, h.Err = l.Workspace.HookStates(ctx, l.Remit)
	wanted := hooks.Client.Names()
	if l.bare() {
		wanted = hooks.Server.Names()
	}
	h.States = slices.DeleteFunc(h.States, func(s hooks.State) bool { return !slices.Contains(wanted, s.Hook) })
	for _, s := range h.States {
		if s.Condition != hooks.Installed {
			h.Missing = append(h.Missing, s.Hook)
		}
	}
	l.Hooks = h
}

// who finds whose keys are at hand, humans first; who works under a delegation is its delegate.
func (l *looking) who() {
	if l.InForce != nil {
		l.Who = []names.Principal{l.InForce.Chain.Leaf().Delegate.Name}
		return
	}
	if l.Policy == nil {
		return
	}
	for name, block := range l.Policy.Principals {
		if len(block.Keys) == 0 {
			continue
		}
		if signer, err := l.Keys.SignerFor(name.Label(), block.Keys...); err == nil && signer != nil {
			l.Who = append(l.Who, name)
		}
	}
	for _, d := range l.Live {
		if name := d.Chain.Leaf().Delegate.Name; !slices.Contains(l.Who, name) {
			l.Who = append(l.Who, name)
		}
	}
	slices.SortFunc(l.Who, func(a, b names.Principal) int {
		if h := a.Kind() == names.Human; h != (b.Kind() == names.Human) {
			if h {
				return -1
			}
			return 1
		}
		return strings.Compare(string(a), string(b))
	})
}

// uncommitted takes the work tree's policy where there is no other: somebody starts here.
func (l *looking) uncommitted() {
	src, err := l.Env.ReadNamed(filepath.Join(l.Workspace.Worktree, policy.FileName), maxPolicy)
	if err != nil {
		return
	}
	if p, err := policy.Read(src, policy.FileName); err == nil {
		l.Policy, l.PolicyErr, l.Uncommitted = p, nil, true
	}
}

// noPolicy tells a policy that is not there from one that cannot be used.
func (l *looking) noPolicy() bool { return errors.Is(l.PolicyErr, decide.ErrNoPolicy) }

// fixed turns an error that says what to do into a problem.
func fixed(err error) Problem { return Problem{What: err.Error(), Advice: fault.FixOf(err)} }
