package cli

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/signing/gitobject"
)

func newResign(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "resign RANGE",
		Short: "Sign an agent's own commits again under the delegation in force",
		Long: "Signs the commits of RANGE (BASE..HEAD) that the delegate in force made, or that nobody signed,\n" +
			"again under the delegation in force, with one trailer each, and moves the branch onto them. What\n" +
			"they change stays the same. Commits of others are never signed: where one stands on top of a\n" +
			"commit that changes, nothing is done.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.resign(cmd.Context(), args)
		},
	}
}

func (w *workspace) resign(ctx context.Context, args []string) error {
	r, err := w.readRange(args)
	if err != nil {
		return err
	}
	head, err := w.Repo.ResolveRevision("HEAD")
	if err != nil {
		return err
	}
	if head != r.head {
		return fault.WithFix(fault.Usagef("%s is not what is checked out", r.headName), "check it out, and resign BASE..HEAD")
	}
	chain, use, err := w.InForce()
	if err != nil {
		return err
	}
	if chain == nil {
		return fault.WithFix(fault.Usagef("no delegation is in force here"), "put one in force with `remit use DIGEST`")
	}
	p, err := w.issuingPolicy("")
	if err != nil {
		return err
	}
	ring, err := openKeyring(w.env)
	if err != nil {
		return err
	}
	defer ring.Close()
	leaf := chain.Leaf()
	signer, err := issue.DelegateSigner(ring, leaf, "sign again where that key is")
	if err != nil {
		return err
	}
	set, err := w.Repo.CollectRange(ctx, r.base, r.head, w.judgedRef("", r), gitrepo.CollectOptions{})
	if err != nil {
		return fault.Undecidedf("reading the range: %w", err)
	}
	if len(set.Gaps) > 0 {
		return fault.WithFix(fault.Undecidedf("the range is not complete here: %s", set.Gaps[0].What), "%s", set.Gaps[0].Fix)
	}
	again := &issue.Resigner{
		Policy: p, Chain: chain, Inline: use.Inline, Signer: signer, Now: w.env.Now(),
		Bundle: func(digest string) []byte { return w.Repo.Bundle(digest).Raw },
	}
	for i := range set.Commits {
		if err := w.resignCommit(ctx, again, &set.Commits[i]); err != nil {
			return err
		}
	}
	newHead := again.Renamed(head)
	if newHead == "" {
		fmt.Fprintf(w.env.Stderr, "nothing to sign: no commit of the range is %s's.\n", leaf.Delegate.Name)
		return nil
	}
	if _, err := w.Git(ctx, "update-ref", "-m", "remit resign", "HEAD", newHead, head); err != nil {
		return err
	}
	noun := "commits"
	if again.Count() == 1 {
		noun = "commit"
	}
	fmt.Fprintf(w.env.Stderr, "%d %s signed again as %s; HEAD was %s.\n", again.Count(), noun, leaf.Delegate.Name, head)
	return nil
}

// resignCommit signs one commit again, unless it stays as it is, and stores it. What the delegation does not
// cover is refused.
func (w *workspace) resignCommit(ctx context.Context, again *issue.Resigner, c *evidence.Commit) error {
	made, err := again.Sign(c)
	if err != nil || made == nil {
		return err
	}
	if err := w.refuseUncovered(ctx, made.Payload, made.Signature); err != nil {
		return err
	}
	raw, err := gitobject.WithSignature(made.Payload, made.Signature)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "git", "hash-object", "-t", "commit", "-w", "--stdin")
	cmd.Dir, cmd.Env, cmd.Stdin = w.Worktree, w.env.Environ, strings.NewReader(string(raw))
	gitrepo.AskToEnd(cmd)
	id, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("storing a signed commit: %w", err)
	}
	again.Stored(c.ID, strings.TrimSpace(string(id)))
	return nil
}
