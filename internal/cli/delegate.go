package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	c.Flags().StringSliceVar(&f.actions, "action", nil, "an `ACTION` that may be done: commit, tag, pull_request, push, delete, deploy, secret, rotate (repeatable)")
	c.Flags().StringSliceVar(&f.branches, "branch", nil, "a `PATTERN` of branches or full refs (repeatable)")
	c.Flags().StringSliceVar(&f.paths, "path", nil, "a `PATTERN` of paths (repeatable)")
	c.Flags().StringSliceVar(&f.environments, "environment", nil, "a `PATTERN` of environments (repeatable)")
	c.Flags().StringVar(&f.repository, "repository", "", "`REPOSITORY` as host/owner/name (default: the policy's)")
	c.Flags().IntVar(&f.depth, "depth", 0, "how many times it may be passed on, a `NUMBER`")
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
		scope                                 scopeFlags
		lasts                                 time.Duration
		why, as, parent, toKey, mint, polFile string
		inline, noPublish                     bool
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
			if _, short := delegation.ShortDigest(parent); short {
				if parent, err = w.fullDigest(parent); err != nil {
					return fmt.Errorf("--parent: %w", err)
				}
			}
			by, err := w.place(p, ring).Delegator(named, parent)
			if err != nil {
				return err
			}
			hand, err := w.mintFor(delegate, toKey, mint)
			if err != nil {
				return err
			}
			key := hand.key()
			if hand == nil {
				if key, err = w.delegateKey(delegate, ring, toKey); err != nil {
					return err
				}
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
			if err := hand.write(); err != nil {
				return err
			}
			if err := w.Repo.StoreBundle(ctx, chain); err != nil {
				hand.forget()
				return fmt.Errorf("storing the delegation: %w", err)
			}
			hand.say(env, delegate.Name, chain.Digest())
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
	c.Flags().DurationVar(&lasts, "for", 0, "the `DURATION` for which it holds, such as 10m (required)")
	c.Flags().StringVar(&why, "why", "", "what it is for, a `TEXT` of one line (required)")
	c.Flags().StringVar(&as, "as", "", "the `NAME` of who delegates: a human or agent of the policy")
	c.Flags().StringVar(&parent, "parent", "", "the delegation that is passed on, by `DIGEST`")
	c.Flags().StringVar(&toKey, "to-key", "", "the delegate's public key `FILE`, for an agent without a key in the policy")
	c.Flags().StringVar(&mint, "mint", "", "make a key for this delegation alone, and write its private half to `FILE`, to be handed over with the digest")
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
			"name its public key with --to-key FILE, make a key for this delegation alone with --mint FILE, or one that stays with `remit key new %s`", delegate.Name.Label())
	}
	return key, err
}

// handedOver is a key that is made for one delegation, and the file that it is handed over in. Nil is none.
type handedOver struct {
	*keystore.Minted

	path string // absolute
	name string // as it was written
}

// mintFor makes the key that --mint asks for, nil where it was not given. Nothing is written yet.
func (w *workspace) mintFor(delegate *policy.Principal, toKey, file string) (*handedOver, error) {
	if file == "" {
		return nil, nil
	}
	if toKey != "" {
		return nil, fault.Usagef("--to-key names a key that there is, and --mint makes another: name one of them")
	}
	if len(delegate.Keys) > 0 {
		return nil, fault.WithFix(fault.Usagef("the policy pins the key of %s, so that none can be made for it", delegate.Name), "leave --mint out")
	}
	path := absolute(w.env, file)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, fault.Usagef("--mint: %w", err)
		}
		return nil, fault.Usagef("--mint: %s is there already, and a key never replaces anything", file)
	}
	made, err := keystore.Mint(delegate.Name.Label(), nil)
	if err != nil {
		return nil, err
	}
	return &handedOver{made, path, file}, nil
}

func (h *handedOver) key() signing.PublicKey {
	if h == nil {
		return signing.PublicKey{}
	}
	return h.Key
}

func (h *handedOver) write() error {
	if h == nil {
		return nil
	}
	if err := h.Write(h.path); err != nil {
		return fault.Usagef("--mint: %w", err)
	}
	return nil
}

// forget takes the key away again: the delegation to it was not made.
func (h *handedOver) forget() {
	if h != nil {
		_ = os.Remove(h.path) // a key that nothing is delegated to
	}
}

// say tells what is to be done with the key.
func (h *handedOver) say(env *Env, to names.Principal, digest string) {
	if h == nil {
		return
	}
	fmt.Fprintf(env.Stderr, "the key of %s for this delegation is in %s. Hand it over with the digest; there, `ssh-add` it or\n"+
		"keep it in the key store ($REMIT_HOME/keys) under a name that is free there, then `remit use %s`.\n", to, report.Inert(h.name), shortDigest(digest))
}
