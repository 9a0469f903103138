package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
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
			terms := issue.Terms{Lasts: lasts, Why: why, Depth: scope.depth}
			if err := terms.Check(); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			ctx := cmd.Context()
			p, err := w.issuingPolicy(polFile)
			if err != nil {
				return err
			}
			ring, err := openKeyring(env)
			if err != nil {
				return err
			}
			defer ring.Close()
			delegate, err := principalNamed(p, args[0], names.Agent)
			if err != nil {
				return err
			}
			var named *policy.Principal
			if as != "" {
				if named, err = principalNamed(p, as, names.Human, names.Agent); err != nil {
					return err
				}
			}
			by, err := w.place(p, ring).Delegator(named, parent)
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
			order := issue.Order{Policy: p, By: by, Delegate: delegate.Name, Key: key, Scope: s, Terms: terms, Now: env.Now(), Clock: decide.ClockHere}
			chain, notes, err := order.Issue()
			if err != nil {
				return err
			}
			if err := w.Repo.StoreBundle(ctx, chain); err != nil {
				return fmt.Errorf("storing the delegation: %w", err)
			}
			for _, n := range notes {
				fmt.Fprintf(env.Stderr, "note: %s\n", report.Inert(n))
			}
			if !noPublish {
				w.publish(ctx, chain.Digest())
			}
			if inline {
				fmt.Fprintln(env.Stdout, chain.Ref(true).Value())
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
	c.Flags().StringVar(&polFile, "policy", "", policyUsage("origin/HEAD's, else HEAD's"))
	c.Flags().BoolVar(&inline, "inline", false, "print the inline form for a commit message instead of the digest")
	c.Flags().BoolVar(&noPublish, "no-publish", false, "do not push the delegation to origin")
	return c
}

// delegateKey is the key that the delegation is made out to: the agent's pinned key, else --to-key,
// else the key store's key of the agent's name.
func (w *workspace) delegateKey(delegate *policy.Principal, ring *keystore.Ring, file string) (signing.PublicKey, error) {
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
	key, err := ring.Store.Public(delegate.Name.Label())
	if errors.Is(err, keystore.ErrNoKey) {
		return key, fault.WithFix(fault.Usagef("the policy pins no key for %s, and the key store has none of that name", delegate.Name),
			"name its public key with --to-key FILE, or make one with `remit key new %s`", delegate.Name.Label())
	}
	return key, err
}
