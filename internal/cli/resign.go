package cli

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
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
			defer w.close()
			return w.resign(cmd.Context(), args)
		},
	}
}

// resigner signs commits again, parents first.
type resigner struct {
	w       *workspace
	policy  *policy.Policy
	chain   delegation.Chain
	trailer string
	signer  signing.Signer
	now     time.Time
	renamed map[string]string // old id to new id
}

func (w *workspace) resign(ctx context.Context, args []string) error {
	r, err := w.readRange(args)
	if err != nil {
		return err
	}
	head, err := w.repo.ResolveRevision("HEAD")
	if err != nil {
		return err
	}
	if head != r.head {
		return fault.WithFix(fault.Usagef("%s is not what is checked out", r.headName), "check it out, and resign BASE..HEAD")
	}
	chain, use, err := w.useInForce()
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
	defer ring.close()
	leaf := chain.Leaf()
	signer, err := ring.delegateSigner(leaf, "sign again where that key is")
	if err != nil {
		return err
	}
	set, err := w.repo.CollectRange(ctx, r.base, r.head, w.judgedRef("", r), gitrepo.CollectOptions{})
	if err != nil {
		return fault.Undecidedf("reading the range: %w", err)
	}
	if len(set.Gaps) > 0 {
		return fault.WithFix(fault.Undecidedf("the range is not complete here: %s", set.Gaps[0].What), "%s", set.Gaps[0].Fix)
	}
	again := &resigner{w, p, chain, trailerValue(chain, use.Inline), signer, w.env.Now(), map[string]string{}}
	for i := range set.Commits {
		if err := again.commit(ctx, &set.Commits[i]); err != nil {
			return err
		}
	}
	newHead, changed := again.renamed[head]
	if !changed {
		fmt.Fprintf(w.env.Stderr, "nothing to sign: no commit of the range is %s's.\n", leaf.Delegate.Name)
		return nil
	}
	if _, err := w.git(ctx, "update-ref", "-m", "remit resign", "HEAD", newHead, head); err != nil {
		return err
	}
	noun := "commits"
	if len(again.renamed) == 1 {
		noun = "commit"
	}
	fmt.Fprintf(w.env.Stderr, "%d %s signed again as %s; HEAD was %s.\n", len(again.renamed), noun, leaf.Delegate.Name, head)
	return nil
}

// trailerValue is what commits name: the delegation's digest, or all of it.
func trailerValue(chain delegation.Chain, inline bool) string {
	ref := delegation.Ref{Digest: chain.Digest()}
	if inline {
		ref.Inline = chain.Marshal()
	}
	return ref.Value()
}

// commit signs one commit again if it is the delegate's own, or nobody's.
func (r *resigner) commit(ctx context.Context, c *evidence.Commit) error {
	object, err := gitobject.ParseCommit(c.Raw)
	if err != nil {
		return fault.Refusedf("commit %s cannot be signed again: %w", c.ID, err)
	}
	moved := false
	for _, parent := range object.Parents {
		moved = moved || r.renamed[parent] != ""
	}
	if owner, own := r.own(object); !own {
		if moved {
			return fault.WithFix(fault.Refusedf("commit %s is %s's and stands on commits that would change: signed again it would no longer be theirs", c.ID, owner),
				"leave it out (`git rebase --onto`), sign the rest again, and have its maker put it back")
		}
		return nil
	}
	payload := r.payload(object)
	armored, err := signing.SignSSHSIG(r.signer, signing.NamespaceGit, payload)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if err := r.w.refuseUncovered(ctx, payload, armored); err != nil {
		return err
	}
	raw, err := gitobject.WithSignature(payload, armored)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "git", "hash-object", "-t", "commit", "-w", "--stdin")
	cmd.Dir, cmd.Env, cmd.Stdin = r.w.worktree, r.w.env.Environ, strings.NewReader(string(raw))
	id, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("storing a signed commit: %w", err)
	}
	r.renamed[c.ID] = strings.TrimSpace(string(id))
	return nil
}

// own reports whether a commit is the delegate's to sign again, and else whose it is. A commit
// that nobody signed is anybody's; it is judged by what it changes.
func (r *resigner) own(object *gitobject.Commit) (owner string, own bool) {
	if object.Signature == nil {
		return "", true
	}
	sig, err := signing.ParseSSHSIG(object.Signature)
	if err != nil {
		return "somebody else", false
	}
	leaf := r.chain.Leaf()
	if leaf.Delegate.Key.Fingerprint() == sig.Fingerprint() {
		return "", true
	}
	if block := r.policy.KeyOwner(sig.Fingerprint()); block != nil {
		return string(block.Name), block.Name == leaf.Delegate.Name
	}
	// A key that was minted for an earlier delegation to the same agent.
	if ref, ok, err := delegation.ParseTrailer(object.Message); err == nil && ok {
		bundle := ref.Inline
		if bundle == nil {
			bundle = r.w.repo.Bundle(ref.Digest).Raw
		}
		if chain, err := delegation.ParseBundle(bundle); err == nil && chain.Leaf().Delegate.Key.Fingerprint() == sig.Fingerprint() {
			return string(chain.Leaf().Delegate.Name), chain.Leaf().Delegate.Name == leaf.Delegate.Name
		}
	}
	return "somebody else", false
}

// payload is the commit with its parents renamed, the committer's date set to now, and the
// delegation in force as its only Delegation trailer.
func (r *resigner) payload(object *gitobject.Commit) []byte {
	headers, _, _ := strings.Cut(string(object.Payload), "\n\n")
	lines := strings.Split(headers, "\n")
	for i, line := range lines {
		if parent, ok := strings.CutPrefix(line, "parent "); ok && r.renamed[parent] != "" {
			lines[i] = "parent " + r.renamed[parent]
		}
		if strings.HasPrefix(line, "committer ") {
			lines[i] = line[:strings.LastIndex(line, ">")+1] + fmt.Sprintf(" %d +0000", r.now.Unix())
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n\n" + delegation.AddTrailerBefore(object.Message, r.trailer, ""))
}
