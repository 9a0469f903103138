package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/setup"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	ws "github.com/remit-sh/remit/workspace"
)

func newUse(env *Env) *cobra.Command {
	var none, inline bool
	c := &cobra.Command{
		Use:   "use DIGEST | WORD | --none",
		Short: "Put a delegation in force for this work tree",
		Long: "Puts a delegation in force for this work tree: git signs commits and tags here as the delegate\n" +
			"and names the delegation in a trailer. Only this work tree's own configuration changes, existing\n" +
			"hooks go on running, and user.name and user.email are left alone. --none undoes all of it.\n" +
			"WORD is what `remit delegate --inline` printed: it holds the delegation, which then goes along in each\n" +
			"commit message.",
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeDigests(env, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if none == (len(args) == 1) {
				return fault.Usagef("name a delegation, or --none")
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			if w.Worktree == "" {
				return fault.Usagef("this is a bare repository: a delegation is put in force for a work tree")
			}
			if none {
				moved, err := w.PutNoneInForce(cmd.Context(), env.Executable)
				env.note(ws.AdoptedWords(moved))
				return err
			}
			digest := ""
			if strings.HasPrefix(args[0], inlinePrefix) {
				inline = true
				digest, err = w.takeWord(cmd.Context(), args[0])
			} else {
				digest, err = w.fullDigest(args[0])
			}
			if err != nil {
				return err
			}
			return w.use(cmd.Context(), digest, inline)
		},
	}
	c.Flags().BoolVar(&none, "none", false, "put no delegation in force, and restore git's configuration")
	c.Flags().BoolVar(&inline, "inline", false, "carry the whole delegation in each commit message, for remotes that refuse refs/remit/")
	return c
}

// inlinePrefix begins the form of a delegation that a commit message carries whole.
const inlinePrefix = "inline:"

// takeWord stores the delegation that a word holds (`remit delegate --inline` prints it), and returns its digest.
func (w *workspace) takeWord(ctx context.Context, word string) (digest string, err error) {
	chain, err := parseAnyBundle([]byte(word))
	if err != nil {
		return "", fault.Usagef("the word is no delegation: %w", err)
	}
	return chain.Digest(), w.Repo.StoreBundle(ctx, chain)
}

// use puts a delegation in force, if it holds and its key is here.
func (w *workspace) use(ctx context.Context, digest string, inline bool) error {
	chain, err := w.Chain(digest)
	if err != nil {
		return err
	}
	leaf := chain.Leaf()
	if chain.StateAt(w.env.Now(), 0) != delegation.Live {
		return fault.WithFix(fault.Refusedf("the delegation %s is %s", digest, chain.StateAt(w.env.Now(), 0).Words()),
			"ask %s for a new one", leaf.Delegator.Name)
	}
	ring, err := openKeyring(w.env)
	if err != nil {
		return err
	}
	defer ring.Close()
	if _, err := issue.DelegateSigner(ring, leaf, "the delegation can be used only where that key is"); err != nil {
		return err
	}

	w.noteUnsure()
	if note := decide.Unjudged(w.Repo); note != "" {
		w.env.note([]string{note})
	}
	if state, why := w.standing(ctx)(chain); state != setup.Live {
		fmt.Fprintf(w.env.Stderr, "note: it does not hold by the policy: %s\n", report.Inert(why))
	}
	moved, err := w.PutInForce(ctx, chain, inline, w.env.Executable)
	w.env.note(ws.AdoptedWords(moved))
	if err != nil {
		return err
	}
	fmt.Fprintf(w.env.Stderr, "%s signs here as %s until %s.\n", filepath.Base(w.Worktree), leaf.Delegate.Name, names.Stamp(leaf.NotAfter))
	return nil
}

// isDelegate reports whether a key is the one that a chain was made out to.
func isDelegate(c delegation.Chain, key signing.PublicKey) bool {
	return c.Leaf().Delegate.Key.Equal(key) && c.Leaf().Delegate.Name.Kind() == names.Agent
}
