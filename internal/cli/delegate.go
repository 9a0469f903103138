package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// scopeFlags are the flags that say what a delegation covers. What is left out covers nothing.
type scopeFlags struct {
	actions, branches, paths, environments []string
	repository                             string
	depth                                  int
}

func (f *scopeFlags) add(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.actions, "action", nil, "what may be done: commit, tag, pull_request, push, delete, deploy, secret, rotate (repeatable)")
	c.Flags().StringSliceVar(&f.branches, "branch", nil, "branches or full refs, as patterns (repeatable)")
	c.Flags().StringSliceVar(&f.paths, "path", nil, "paths, as patterns (repeatable)")
	c.Flags().StringSliceVar(&f.environments, "environment", nil, "environments, as patterns (repeatable)")
	c.Flags().StringVar(&f.repository, "repository", "", "repository as host/owner/name (default: the policy's)")
	c.Flags().IntVar(&f.depth, "depth", 0, "how many times it may be passed on")
	for _, name := range []string{"branch", "path", "environment"} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // fails only for a flag that is not there
	}
}

// scope reads the flags.
func (f *scopeFlags) scope(repository string, repositoryID int64) (delegation.Scope, error) {
	s := delegation.Scope{Repositories: []string{repository}, RepositoryID: repositoryID, Depth: f.depth}
	for _, text := range f.actions {
		a, err := names.ParseAction(text)
		if err != nil {
			return s, fault.Usagef("--action: %w", err)
		}
		if !slices.Contains(s.Actions, a) {
			s.Actions = append(s.Actions, a)
		}
	}
	for _, list := range []struct {
		flag  string
		texts []string
		parse func(string) (pattern.Pattern, error)
		into  *[]pattern.Pattern
	}{
		{"--branch", f.branches, pattern.ParseRef, &s.Branches},
		{"--path", f.paths, pattern.ParsePath, &s.Paths},
		{"--environment", f.environments, pattern.ParseName, &s.Environments},
	} {
		for _, text := range list.texts {
			p, err := list.parse(text)
			if err != nil {
				return s, fault.Usagef("%s: %w", list.flag, err)
			}
			*list.into = append(*list.into, p)
		}
	}
	return s, nil
}

func newDelegate(env *Env) *cobra.Command {
	var (
		scope                           scopeFlags
		lasts                           time.Duration
		why, as, parent, toKey, polFile string
		inline, noPublish               bool
	)
	c := &cobra.Command{
		Use:   "delegate AGENT --for DURATION --why TEXT",
		Short: "Sign a delegation: what an agent may do, until when, and why",
		Long: "Signs a delegation to AGENT, writes it to refs/remit/delegations/ and prints its digest.\n" +
			"It is signed as --as NAME; by default as the delegation in force lets, else by the only human\n" +
			"of the policy whose key is at hand. What no flag names is not delegated.",
		Example: "  remit delegate planner --for 1h --why SHOP-1412 --action commit --branch 'agent/**' --path 'src/**' --depth 1\n" +
			"  remit delegate coder --as planner --for 10m --why SHOP-1412 --action commit --branch 'agent/**' --path 'src/pay/**'",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTerms(lasts, why, scope.depth); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.close()
			ctx := cmd.Context()
			p, err := w.issuingPolicy(polFile)
			if err != nil {
				return err
			}
			ring, err := openKeyring(env)
			if err != nil {
				return err
			}
			defer ring.close()
			delegate, err := principalNamed(p, args[0], names.Agent)
			if err != nil {
				return err
			}
			by, err := w.issuer(p, ring, as, parent)
			if err != nil {
				return err
			}
			key, err := w.delegateKey(delegate, ring, toKey)
			if err != nil {
				return err
			}
			repository, err := w.repositoryName(ctx, scope.repository, p)
			if err != nil {
				return err
			}
			s, err := scope.scope(repository, p.RepositoryID)
			if err != nil {
				return err
			}
			order := order{policy: p, issuer: by, delegate: delegate, key: key, scope: s, lasts: lasts, why: why, now: env.Now()}
			chain, notes, err := order.issue()
			if err != nil {
				return err
			}
			if err := w.repo.StoreBundle(ctx, chain); err != nil {
				return fmt.Errorf("storing the delegation: %w", err)
			}
			for _, n := range notes {
				fmt.Fprintf(env.Stderr, "note: %s\n", n)
			}
			if !noPublish {
				w.publish(ctx, chain.Digest())
			}
			if inline {
				fmt.Fprintln(env.Stdout, trailerValue(chain, true))
				return nil
			}
			fmt.Fprintln(env.Stdout, chain.Digest())
			return nil
		},
		ValidArgsFunction: completeAgents(env),
	}
	scope.add(c)
	c.Flags().DurationVar(&lasts, "for", 0, "how long it holds, such as 10m (required)")
	c.Flags().StringVar(&why, "why", "", "what it is for, in one line (required)")
	c.Flags().StringVar(&as, "as", "", "who delegates: a human or agent of the policy")
	c.Flags().StringVar(&parent, "parent", "", "the delegation that is passed on, by `DIGEST`")
	c.Flags().StringVar(&toKey, "to-key", "", "the delegate's public key `FILE`, for an agent without a key in the policy")
	c.Flags().StringVar(&polFile, "policy", "", "policy `FILE` (default: origin/HEAD's, else HEAD's)")
	c.Flags().BoolVar(&inline, "inline", false, "print the inline form for a commit message instead of the digest")
	c.Flags().BoolVar(&noPublish, "no-publish", false, "do not push the delegation to origin")
	return c
}

// issuer is who signs a delegation, and under which chain.
type issuer struct {
	party  delegation.Party
	signer signing.Signer
	parent delegation.Chain // nil for a human
}

// issuer finds who delegates: --as, else whoever the delegation in force names, else the only
// human of the policy whose key is at hand.
func (w *workspace) issuer(p *policy.Policy, ring *keyring, as, parent string) (*issuer, error) {
	var block *policy.Principal
	var err error
	if as != "" {
		if block, err = principalNamed(p, as, names.Human, names.Agent); err != nil {
			return nil, err
		}
		if block.Name.Kind() == names.Human {
			return w.humanIssuer(ring, block, parent)
		}
	}
	chain, err := w.parentChain(block, parent)
	if err != nil {
		return nil, err
	}
	if chain != nil {
		leaf := chain.Leaf()
		signer, err := ring.delegateSigner(leaf, "delegate where that key is, or name another with --as")
		if err != nil {
			return nil, err
		}
		return &issuer{leaf.Delegate, signer, chain}, nil
	}
	humans, err := ring.humansAtHand(p)
	if err != nil {
		return nil, err
	}
	switch len(humans) {
	case 1:
		return w.humanIssuer(ring, humans[0], parent)
	case 0:
		return nil, fault.WithFix(fault.Usagef("no delegation is in force, and no key of a human of the policy is at hand"),
			"put a delegation in force with `remit use DIGEST`, load the key into ssh-agent, or name who delegates with --as")
	default:
		list := make([]string, len(humans))
		for i, h := range humans {
			list[i] = string(h.Name)
		}
		return nil, fault.WithFix(fault.Usagef("several humans could delegate here: %s", strings.Join(list, ", ")), "name one with --as")
	}
}

func (w *workspace) humanIssuer(ring *keyring, block *policy.Principal, parent string) (*issuer, error) {
	if parent != "" {
		return nil, fault.Usagef("%s is a human: a chain starts there, so that --parent makes no sense", block.Name)
	}
	signer, err := ring.signerFor(block.Name.Label(), block.Keys...)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, fault.WithFix(fault.Usagef("no key that the policy lists for %s is in the key store or in ssh-agent", block.Name),
			"load it with `ssh-add`, or have the policy list the key that you have (`remit key list`)")
	}
	return &issuer{party: delegation.Party{Name: block.Name, Key: signer.SSHPublicKey()}, signer: signer}, nil
}

// parentChain is the chain that is passed on: --parent, else the one in force, else the only live
// one that names the agent. It is nil where nothing says that an agent delegates.
func (w *workspace) parentChain(as *policy.Principal, parent string) (delegation.Chain, error) {
	if parent != "" {
		if err := names.CheckDigest(parent); err != nil {
			return nil, fault.Usagef("--parent: %w", err)
		}
		chain, err := w.chainOf(parent)
		if err != nil {
			return nil, err
		}
		if leaf := chain.Leaf(); as != nil && leaf.Delegate.Name != as.Name {
			return nil, fault.Refusedf("the delegation %s was given to %s, so that %s cannot pass it on", parent, leaf.Delegate.Name, as.Name)
		}
		return chain, nil
	}
	use, ok, err := readUse(w.env, w.gitDir)
	if err != nil {
		return nil, err
	}
	if ok {
		chain, err := w.chainOf(use.Delegation)
		if err != nil {
			return nil, err
		}
		if as == nil || chain.Leaf().Delegate.Name == as.Name {
			return chain, nil
		}
	}
	if as == nil {
		return nil, nil
	}
	all := w.localDelegations()
	var live []delegation.Chain
	for _, c := range all {
		if c.Leaf().Delegate.Name == as.Name && c.Leaf().Scope.Depth > 0 && isLive(c, w.env.Now()) {
			live = append(live, c)
		}
	}
	switch len(live) {
	case 1:
		return live[0], nil
	case 0:
		return nil, fault.WithFix(fault.Refusedf("%s has no live delegation here that it may pass on", as.Name),
			"have somebody delegate to it with --depth 1 or more; `remit delegations` lists what there is")
	default:
		digests := make([]string, len(live))
		for i, c := range live {
			digests[i] = c.Digest()
		}
		return nil, fault.WithFix(fault.Usagef("%s has several live delegations: %s", as.Name, strings.Join(digests, ", ")), "name one with --parent")
	}
}

func isLive(c delegation.Chain, now time.Time) bool { return stateOf(c, now) == "live" }

// delegateKey is the key that the delegation is made out to: the agent's pinned key, else --to-key,
// else the key store's key of the agent's name.
func (w *workspace) delegateKey(delegate *policy.Principal, ring *keyring, file string) (signing.PublicKey, error) {
	if file != "" {
		b, err := readBounded(w.env, file)
		if err != nil {
			return signing.PublicKey{}, err
		}
		key, err := signing.ParseAuthorizedKey(firstLine(b))
		if err != nil {
			return signing.PublicKey{}, fault.Usagef("reading --to-key %s: %w", file, err)
		}
		return key, nil
	}
	switch len(delegate.Keys) {
	case 1:
		return delegate.Keys[0], nil
	case 0:
	default:
		return signing.PublicKey{}, fault.Usagef("the policy lists several keys for %s: name one with --to-key", delegate.Name)
	}
	key, err := ring.store.Public(delegate.Name.Label())
	if errors.Is(err, keystore.ErrNoKey) {
		return key, fault.WithFix(fault.Usagef("the policy pins no key for %s, and the key store has none of that name", delegate.Name),
			"name its public key with --to-key FILE, or make one with `remit key new %s`", delegate.Name.Label())
	}
	return key, err
}

// order is a delegation that somebody wants to issue.
type order struct {
	policy   *policy.Policy
	issuer   *issuer
	delegate *policy.Principal
	key      signing.PublicKey
	scope    delegation.Scope
	lasts    time.Duration
	why      string
	now      time.Time
}

// issue checks an order against the policy and the parent, signs it and returns the chain.
// What would be denied at its first use is refused here, where it can be mended.
func (o *order) issue() (delegation.Chain, []string, error) {
	if err := checkTerms(o.lasts, o.why, o.scope.Depth); err != nil {
		return nil, nil, err
	}
	if !slices.Contains(o.delegate.Delegators, o.issuer.party.Name) {
		return nil, nil, fault.WithFix(fault.Refusedf("%s may not delegate to %s (%s)", o.issuer.party.Name, o.delegate.Name, place(o.delegate.Position)),
			"have one of its delegators do it: %s", cmp.Or(joined(o.delegate.Delegators), "none"))
	}
	if owner := o.policy.KeyOwner(o.key.Fingerprint()); owner != nil && owner != o.delegate {
		return nil, nil, fault.Refusedf("the key %s is %s's: no other principal can be given it", o.key.Fingerprint(), owner.Name)
	}
	if o.delegate.Pinned() && o.policy.KeyOwner(o.key.Fingerprint()) != o.delegate {
		return nil, nil, fault.Refusedf("the policy pins the keys of %s, and %s is not one of them", o.delegate.Name, o.key.Fingerprint())
	}
	if err := o.key.AgentKey(); err != nil {
		return nil, nil, fault.Refusedf("the key for %s cannot be an agent's: %w", o.delegate.Name, err)
	}
	if err := o.checkRevoked(); err != nil {
		return nil, nil, err
	}
	if name := o.scope.Repositories[0]; !o.policy.Rules(name) {
		return nil, nil, fault.Refusedf("the policy rules %s, and under it nothing can be done in %s", o.policy.Repository, name)
	}
	start := o.now.UTC().Truncate(time.Second)
	d := delegation.Delegation{
		Delegator: o.issuer.party,
		Delegate:  delegation.Party{Name: o.delegate.Name, Key: o.key},
		Scope:     o.scope,
		NotBefore: start,
		NotAfter:  start.Add(o.lasts.Truncate(time.Second)),
		Purpose:   o.why,
		Nonce:     delegation.NewNonce(),
	}
	if err := o.checkLifetime(d); err != nil {
		return nil, nil, err
	}
	if o.issuer.parent != nil {
		if err := checkParent(&d, o.issuer.parent); err != nil {
			return nil, nil, err
		}
		d.Parent = o.issuer.parent.Digest()
	}
	link, err := delegation.Sign(d, o.issuer.signer)
	if err != nil {
		return nil, nil, err
	}
	chain := append(slices.Clone(o.issuer.parent), link)
	if problems := chain.Problems(o.scope.Repositories[0], o.scope.RepositoryID); len(problems) > 0 {
		return nil, nil, fault.Refusedf("the chain would not hold (%s): %s", problems[0].Rule, problems[0].What)
	}
	return chain, o.notes(), nil
}

// checkTerms refuses flags that make sense for nobody.
func checkTerms(lasts time.Duration, why string, depth int) error {
	switch {
	case lasts == 0:
		return fault.Usagef("say how long the delegation holds, such as --for 10m")
	case lasts < time.Second:
		return fault.Usagef("--for %s is too short: say how long the delegation holds, such as --for 10m", lasts)
	case strings.TrimSpace(why) == "":
		return fault.Usagef("say what the delegation is for, such as --why SHOP-1412")
	case len(why) > delegation.MaxPurpose:
		return fault.Usagef("--why has %d bytes, at most %d are kept: name a ticket", len(why), delegation.MaxPurpose)
	case strings.ContainsFunc(why, func(r rune) bool { return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) }):
		return fault.Usagef("--why %s has a line break or an invisible character: it is one line of plain text", inert.Quote(why))
	case depth < 0 || depth > delegation.MaxDepth:
		return fault.Usagef("--depth counts how often it may be passed on: 0 to %d", delegation.MaxDepth)
	default:
		return nil
	}
}

// checkRevoked refuses a delegation that a revocation of the policy takes back at once.
func (o *order) checkRevoked() error {
	for _, r := range o.policy.Revocations {
		if !r.BitesAt(o.now) {
			continue
		}
		what := ""
		switch {
		case slices.Contains(r.Agents, o.delegate.Name):
			what = string(o.delegate.Name)
		case slices.Contains(r.Keys, o.key.Fingerprint()):
			what = "the key " + o.key.Fingerprint() + " of " + string(o.delegate.Name)
		case slices.Contains(r.Keys, o.issuer.party.Key.Fingerprint()):
			what = "the key " + o.issuer.party.Key.Fingerprint() + " of " + string(o.issuer.party.Name)
		}
		for _, l := range o.issuer.parent {
			switch {
			case slices.Contains(r.Delegations, l.Digest):
				what = "the delegation of " + string(l.Delegator.Name) + " to " + string(l.Delegate.Name)
			case slices.Contains(r.Agents, l.Delegate.Name):
				what = string(l.Delegate.Name)
			case slices.Contains(r.Keys, l.Delegator.Key.Fingerprint()):
				what = "the key " + l.Delegator.Key.Fingerprint() + " of " + string(l.Delegator.Name)
			}
		}
		if what != "" {
			return fault.Refusedf("the policy revokes %s (%s): %q", what, place(r.Position), r.Reason)
		}
	}
	return nil
}

// checkLifetime refuses a delegation that no act could be done under.
func (o *order) checkLifetime(d delegation.Delegation) error {
	lasts := d.NotAfter.Sub(d.NotBefore)
	if o.scope.Depth > 0 {
		if most := o.policy.Settings.MaxChainTTL; lasts > most {
			return fault.WithFix(fault.Refusedf("%s is longer than the %s that a delegation may last (max_chain_ttl)", lasts, most), "use --for %s or less", most)
		}
		return nil
	}
	var most time.Duration
	for _, g := range o.policy.Grants {
		if slices.Contains(g.To, o.delegate.Name) && slices.ContainsFunc(g.Actions, func(a names.Action) bool { return slices.Contains(o.scope.Actions, a) }) {
			most = max(most, g.MaxTTL)
		}
	}
	if most > 0 && lasts > most {
		return fault.WithFix(fault.Refusedf("%s is longer than any grant to %s lets a delegation last (max_ttl %s)", lasts, o.delegate.Name, most), "use --for %s or less", most)
	}
	return nil
}

// checkParent refuses a child that is plainly wider than its parent.
func checkParent(d *delegation.Delegation, parent delegation.Chain) error {
	leaf := parent.Leaf()
	if !d.NotBefore.Before(leaf.NotAfter) {
		return fault.WithFix(fault.Refusedf("the delegation that would be passed on ended at %s", stamp(leaf.NotAfter)), "ask %s for a new one", leaf.Delegator.Name)
	}
	if d.NotAfter.After(leaf.NotAfter) {
		left := leaf.NotAfter.Sub(d.NotBefore)
		return fault.WithFix(fault.Refusedf("it would outlive the delegation that it is passed on from, which ends at %s", stamp(leaf.NotAfter)), "use --for %s or less", left)
	}
	if wider := d.Scope.Wider(leaf.Scope); len(wider) > 0 {
		return fault.WithFix(fault.Refusedf("it would give more than %s has: %s", leaf.Delegate.Name, strings.Join(wider, "; ")),
			"`remit show %s` reads out what there is to pass on", parent.Digest())
	}
	return nil
}

// notes says what is allowed and probably not meant.
func (o *order) notes() []string {
	var notes []string
	switch {
	case len(o.scope.Actions) == 0:
		notes = append(notes, "this delegation covers no action: name some with --action")
	case slices.Contains(o.scope.Actions, names.Commit) && (len(o.scope.Paths) == 0 || len(o.scope.Branches) == 0):
		notes = append(notes, "this delegation lets nothing be committed: it needs --branch and --path")
	}
	granted := slices.ContainsFunc(o.policy.Grants, func(g *policy.Grant) bool { return slices.Contains(g.To, o.delegate.Name) })
	if !granted && o.scope.Depth == 0 {
		notes = append(notes, fmt.Sprintf("the policy grants %s nothing, so that it can do nothing under this delegation", o.delegate.Name))
	}
	return notes
}

// publish pushes delegations to origin. Where that cannot be done it is a note: the pre-push hook
// tries again with the first push that needs them.
func (w *workspace) publish(ctx context.Context, digests ...string) {
	url, err := w.git(ctx, "remote", "get-url", "--push", "origin")
	if err != nil {
		fmt.Fprintln(w.env.Stderr, "note: there is no remote called origin: the delegation is stored here only")
		return
	}
	if err := w.publishTo(ctx, "origin", url, digests); err != nil {
		fmt.Fprintf(w.env.Stderr, "note: the delegation was not published yet: %v\n", err)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func place(p policy.Position) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

func joined[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

// completeAgents completes the names of the policy's agents.
func completeAgents(env *Env) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		quiet := *env
		quiet.Stderr = io.Discard
		w, err := openWorkspace(&quiet)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer w.close()
		p, err := w.issuingPolicy("")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var agents []string
		for name := range p.Principals {
			if name.Kind() == names.Agent {
				agents = append(agents, name.Label())
			}
		}
		slices.Sort(agents)
		return agents, cobra.ShellCompDirectiveNoFileComp
	}
}
