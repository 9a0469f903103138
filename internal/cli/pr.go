package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/policy"
)

func newPr(env *Env) *cobra.Command {
	return group("pr", "Answer for a pull request: sign it, and open it", newPrSign(env), newPrOpen(env))
}

// prOptions are the flags of pr sign and pr open.
type prOptions struct {
	base, head, headCommit, why, as, policy, repository, body string

	title string
	draft bool
	forge forgeFlags
}

func (o *prOptions) add(env *Env, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.base, "base", "", "the `BRANCH` to merge into (default: origin's default branch)")
	f.StringVar(&o.head, "head", "", "the `BRANCH` to be merged (default: the one checked out)")
	f.StringVar(&o.headCommit, "head-commit", "", "the commit that is signed, as a `REV` (default: where the head is)")
	f.StringVar(&o.why, "why", "", "what it is for, a `TEXT` of one line (default: what the delegation is for, else the commit's subject)")
	f.StringVar(&o.as, "as", "", "the `NAME` of who signs: a human or agent of the policy")
	f.StringVar(&o.policy, "policy", "", policyUsage("origin/HEAD's, else HEAD's"))
	f.StringVar(&o.repository, "repository", "", "the base's `REPOSITORY` as host/owner/name (default: the policy's)")
	f.StringVar(&o.body, "body", "", "add the statement to the text in this `FILE`, - for standard input")
	for _, name := range []string{"base", "head"} {
		_ = c.RegisterFlagCompletionFunc(name, completeBranches(env)) // fails only for a flag that is not there
	}
}

func newPrSign(env *Env) *cobra.Command {
	var o prOptions
	c := &cobra.Command{
		Use:   "sign",
		Short: "Sign a pull request: print the comment that its text must carry",
		Long: "Signs that the head is to be merged into the base: as --as NAME, by default as the delegate of the delegation\n" +
			"in force. Prints the HTML comment that the pull request's text must carry, or with --body the whole text.\n" +
			"Later pushes need no new signature, unless the policy says pin_head.",
		Example: "  remit pr sign\n" +
			"  gh pr create --title 'Pay by card' --body \"$(remit pr sign --body text.md)\"",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			body, err := o.readBody(env)
			if err != nil {
				return err
			}
			signed, _, err := w.signPull(cmd.Context(), &o)
			if err != nil {
				return err
			}
			if body, err = w.pullBody(cmd.Context(), body, signed); err != nil {
				return err
			}
			_, err = io.WriteString(env.Stdout, body)
			return err
		},
	}
	o.add(env, c)
	return c
}

func newPrOpen(env *Env) *cobra.Command {
	var o prOptions
	c := &cobra.Command{
		Use:   "open",
		Short: "Sign a pull request and open it on GitHub",
		Long: "Does what `remit pr sign` does and opens the pull request. Where one of these branches is open already, the\n" +
			"statement in its text is replaced and the rest of it stays. The head must have been pushed.",
		Example: "  git push -u origin agent/pay && remit pr open --title 'Pay by card'",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.openPull(cmd.Context(), &o)
		},
	}
	o.add(env, c)
	f := c.Flags()
	f.StringVar(&o.title, "title", "", "its title, a `TEXT` (default: the head commit's subject)")
	f.BoolVar(&o.draft, "draft", false, "open it as a draft")
	f.Lookup("head").Usage = "the `BRANCH` to be merged, or OWNER:BRANCH of a fork (default: the one checked out)"
	o.forge.add(c)
	return c
}

func (o *prOptions) readBody(env *Env) (string, error) {
	if o.body == "" {
		return "", nil
	}
	b, err := readArgument(env, o.body)
	return string(b), err
}

// headOwner splits OWNER:BRANCH, in which no branch's name can be mistaken: it holds no colon.
func (o *prOptions) headOwner() (owner, branch string) {
	if owner, branch, ok := strings.Cut(o.head, ":"); ok {
		return owner, branch
	}
	return "", o.head
}

// signPull signs the pull request that the flags describe, unless it is one that would be denied however it is
// opened. It returns the policy too, which signing goes by.
func (w *workspace) signPull(ctx context.Context, o *prOptions) (*delegation.Signed[delegation.PullRequest], *policy.Policy, error) {
	if err := issue.CheckWhy(o.why); err != nil {
		return nil, nil, err
	}
	by, err := w.author(ctx, o.policy, o.repository, stater(o.as))
	if err != nil {
		return nil, nil, err
	}
	defer by.close()
	base, head, commit, err := w.pullBranches(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	subject := ""
	if by.Purpose(o.why) == "" {
		subject = w.subjectOf(commit)
	}
	signed, err := by.PullRequest(delegation.PullRequest{BaseRef: base, HeadRef: head, Head: commit, Purpose: o.why}, subject)
	if err != nil {
		return nil, nil, err
	}
	return signed, by.Policy, w.refuseDenied(ctx, decide.PullStatement{Signed: signed, Policy: by.Policy})
}

// pullBranches are the full names of base and head, and the commit that is signed.
func (w *workspace) pullBranches(ctx context.Context, o *prOptions) (base, head, commit string, err error) {
	if base = o.base; base == "" {
		if base = w.DefaultBranch(ctx); base == "" {
			return "", "", "", fault.WithFix(fault.Usagef("it is not known which branch to merge into: this clone does not know origin's default branch"),
				"name it with --base, or run `git remote set-head origin --auto`")
		}
	}
	if base, err = fullRef("--base", base); err != nil {
		return "", "", "", err
	}
	owner, branch := o.headOwner()
	rev := "HEAD"
	switch {
	case branch != "":
		if head, err = fullRef("--head", branch); err != nil {
			return "", "", "", err
		}
		rev = w.LocalFirst(head)
	default:
		if head = w.Head(); head == "HEAD" {
			return "", "", "", fault.WithFix(fault.Usagef("no branch is checked out here"), "name the one to be merged with --head BRANCH")
		}
	}
	for _, ref := range []string{base, head} {
		if !strings.HasPrefix(ref, "refs/heads/") {
			return "", "", "", fault.Usagef("%s is not a branch: a pull request is from one branch into another", ref)
		}
	}
	if base == head && owner == "" {
		return "", "", "", fault.WithFix(fault.Usagef("%s would be merged into itself", head), "make a branch for the change: `git switch -c agent/…`")
	}
	if o.headCommit != "" {
		rev = o.headCommit
	}
	if commit, err = w.Repo.ResolveRevision(rev); err != nil {
		return "", "", "", w.notFound(rev, err)
	}
	return base, head, commit, nil
}

// pullBody adds the statement to a text, without its chain where that is too long for GitHub.
func (w *workspace) pullBody(ctx context.Context, text string, s *delegation.Signed[delegation.PullRequest]) (string, error) {
	if _, _, err := delegation.FindInBody(text); err != nil {
		fmt.Fprintf(w.env.Stderr, "note: what the text carried so far is replaced: %v\n", err)
	}
	room := forge.MaxBody - len(delegation.StripFromBody(text)) - len("\n\n<!-- remit:pull-request/v1  -->\n")
	s, err := within(ctx, w, s, room, "the text of a pull request")
	if err != nil {
		return "", err
	}
	body, err := delegation.AddToBody(text, s)
	if err != nil {
		return "", fault.Usagef("%w", err)
	}
	return body, nil
}

func (w *workspace) openPull(ctx context.Context, o *prOptions) error {
	client, err := o.forge.client(w.env)
	if err != nil {
		return err
	}
	text, err := o.readBody(w.env)
	if err != nil {
		return err
	}
	signed, rules, err := w.signPull(ctx, o)
	if err != nil {
		return err
	}
	c := signed.Statement
	owner, _ := o.headOwner()
	if owner == "" {
		if err := w.checkPushed(ctx, c.HeadRef, c.Head); err != nil {
			return err
		}
	}
	wanted := forge.NewPull{HeadOwner: owner, HeadRef: c.HeadRef, BaseRef: c.BaseRef, Title: o.title, Draft: o.draft}
	found, err := client.FindPull(ctx, c.Repository, wanted)
	switch {
	case err == nil:
		return w.updatePull(ctx, client, o, found, text, signed)
	case !errors.Is(err, forge.ErrNotFound):
		return sendError(err)
	}
	if wanted.Title == "" {
		if wanted.Title = w.subjectOf(c.Head); wanted.Title == "" {
			wanted.Title = c.Purpose
		}
	}
	opening := decide.Opening{Title: wanted.Title, Draft: wanted.Draft}
	if err := w.refuseDenied(ctx, decide.PullStatement{Signed: signed, Policy: rules, Opening: &opening}); err != nil {
		return err
	}
	w.publishChain(ctx, signed)
	if wanted.Body, err = w.pullBody(ctx, text, signed); err != nil {
		return err
	}
	made, err := client.OpenPull(ctx, c.Repository, wanted)
	if errors.Is(err, forge.ErrRefused) { // somebody may have opened it meanwhile
		if found, findErr := client.FindPull(ctx, c.Repository, wanted); findErr == nil {
			return w.updatePull(ctx, client, o, found, text, signed)
		}
	}
	if err != nil {
		return sendError(err)
	}
	fmt.Fprintf(w.env.Stderr, "%s.\n", c.Sentence())
	fmt.Fprintln(w.env.Stdout, made.URL)
	return nil
}

// updatePull replaces the statement in an open pull request. Its text stays, unless --body names another.
func (w *workspace) updatePull(ctx context.Context, client *forge.Client, o *prOptions, found forge.Pull, text string, s *delegation.Signed[delegation.PullRequest]) error {
	w.publishChain(ctx, s)
	if o.body == "" {
		text = found.Body
	}
	body, err := w.pullBody(ctx, text, s)
	if err != nil {
		return err
	}
	if err := client.SetBody(ctx, s.Statement.Repository, found.Number, body); err != nil {
		return sendError(err)
	}
	fmt.Fprintf(w.env.Stderr, "%s.\n", s.Statement.Sentence())
	if o.title != "" || o.draft {
		fmt.Fprintln(w.env.Stderr, "note: the pull request was open already: its title and state stay as they are")
	}
	fmt.Fprintln(w.env.Stdout, found.URL)
	return nil
}

// publishChain pushes the delegation that a pull request was signed under, if there is one.
func (w *workspace) publishChain(ctx context.Context, s *delegation.Signed[delegation.PullRequest]) {
	if s.Bundle != nil {
		w.publish(ctx, s.Statement.Delegation)
	}
}

// checkPushed makes sure that the head is where the pull request will take it from.
func (w *workspace) checkPushed(ctx context.Context, ref, commit string) error {
	branch := strings.TrimPrefix(ref, "refs/heads/")
	remote := "origin"
	for _, key := range []string{"branch." + branch + ".pushRemote", "remote.pushDefault", "branch." + branch + ".remote"} {
		if v := w.ConfigValue(ctx, key); v != "" && v != "." {
			remote = v
			break
		}
	}
	out, err := w.Git(ctx, "ls-remote", "--refs", "--", remote, ref)
	if err != nil {
		return fault.Undecidedf("asking %s whether it has %s: %w", remote, ref, err)
	}
	push := fmt.Sprintf("push it first: `git push -u %s %s:%s`", remote, branch, ref)
	switch id, _, _ := strings.Cut(out, "\t"); id {
	case commit:
		return nil
	case "":
		return fault.WithFix(fault.Refusedf("%s has not been pushed to %s", ref, remote), "%s", push)
	default:
		return fault.WithFix(fault.Refusedf("%s is at %s in %s, and what would be signed is %s", ref, id, remote, commit), "%s", push)
	}
}
