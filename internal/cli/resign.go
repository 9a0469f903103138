package cli

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/subprocess"
	"github.com/remit-sh/remit/verdict"
)

// resignOptions are the flags of resign.
type resignOptions struct {
	pushed, all bool
}

func newResign(env *Env) *cobra.Command {
	var o resignOptions
	c := &cobra.Command{
		Use:   "resign RANGE",
		Short: "Sign an agent's own commits again under the delegation in force",
		Long: "Signs the commits of RANGE (BASE..HEAD) that are the agent's again under the delegation in force, with one\n" +
			"trailer each, and moves the branch onto them. What they change stays the same. The agent's are those that it\n" +
			"signed under any delegation, those that nobody signed, and those that it committed here with a key which\n" +
			"nobody is known to have. What holds as it is stays as it is, and so does what a remote has already: --pushed\n" +
			"signs that again too, which takes a forced push then. Commits of others are never signed: where one stands\n" +
			"on top of a commit that changes, nothing is done. The exit code is 3 where something does not hold and\n" +
			"nothing of it was signed.",
		Example: "  remit resign origin/main..HEAD\n  remit resign --pushed origin/main..HEAD && git push --force-with-lease",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.resign(cmd.Context(), args, o)
		},
	}
	c.Flags().BoolVar(&o.pushed, "pushed", false, "also what a remote has already, whether it holds or not: it was judged there, and at another time")
	c.Flags().BoolVar(&o.all, "all", false, "also what holds, so that all of it is under the delegation in force; implies --pushed")
	return c
}

// Why a commit of the agent's is left as it is.
const (
	keptHolds  = "it holds as it is"
	keptPushed = "a remote has it already"
)

func (w *workspace) resign(ctx context.Context, args []string, o resignOptions) error {
	r, err := w.readRange(ctx, args)
	if err != nil {
		return err
	}
	head, err := w.Repo.ResolveRevision("HEAD")
	if err != nil {
		return w.notFound("HEAD", err)
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
	ref := w.judgedRef(ctx, "", r)
	set, err := w.Repo.CollectRange(ctx, r.base, r.head, ref, gitrepo.CollectOptions{})
	if err != nil {
		return fault.Undecidedf("reading the range: %w", err)
	}
	if len(set.Gaps) > 0 {
		return fault.WithFix(fault.Undecidedf("the range is not complete here: %s", set.Gaps[0].What), "%s", set.Gaps[0].Fix)
	}
	if len(set.Commits) == 0 {
		return fault.WithFix(fault.Undecidedf("nothing was signed: no commit of HEAD is new to %s", r.baseName), "name a range that holds the commits: BASE is the newest commit before them")
	}
	keep, holds, err := w.keptAsIs(ctx, r, ref, p, o)
	if err != nil {
		return err
	}
	again := &issue.Resigner{
		Policy: p, Chain: chain, Inline: use.Inline, Signer: signer, Now: w.env.Now(), Email: w.committer(ctx), Keep: keep,
		Bundle: func(digest string) []byte { return w.Repo.Bundle(digest).Raw },
	}
	var left tally
	for i := range set.Commits {
		why, err := w.resignCommit(ctx, again, &set.Commits[i])
		if err != nil {
			return err
		}
		if why != "" && holds[set.Commits[i].ID] {
			why = keptHolds
		}
		left.add(why)
	}
	return w.sayResigned(ctx, again, set, head, &left)
}

// sayResigned moves the branch onto what was signed, and says what that is and what was left.
func (w *workspace) sayResigned(ctx context.Context, again *issue.Resigner, set *gitrepo.Collected, head string, left *tally) error {
	who := again.Chain.Leaf().Delegate.Name
	newHead := again.Renamed(head) // whatever stands on what changed was signed again too, or refused
	if again.Count() == 0 {
		switch {
		case left.only(keptHolds):
			fmt.Fprintf(w.env.Stderr, "nothing had to be signed: %s.\n", left)
			return nil
		case left.count(keptPushed) > 0:
			return fault.WithFix(fault.Undecidedf("nothing was signed: %s", left), "`remit resign --pushed RANGE` signs that again too; then push with --force-with-lease")
		default:
			return fault.WithFix(fault.Undecidedf("nothing was signed, for no commit of the range is %s's: %s", who, left), "have whoever made them sign them, or make them again yourself: `git commit --amend --reset-author --no-edit`")
		}
	}
	if _, err := w.Git(ctx, "update-ref", "-m", "remit resign", "HEAD", newHead, head); err != nil {
		return err
	}
	for i := range set.Commits {
		c := &set.Commits[i]
		if id := again.Renamed(c.ID); id != "" {
			fmt.Fprintf(w.env.Stderr, "%s is now %s: %s\n", c.ID[:10], id[:10], report.Inert(w.Subject(c.ID)))
		}
	}
	noun := "commits"
	if again.Count() == 1 {
		noun = "commit"
	}
	fmt.Fprintf(w.env.Stderr, "%d %s signed again as %s; HEAD was %s.\n", again.Count(), noun, who, head)
	if left.total() > 0 {
		fmt.Fprintf(w.env.Stderr, "left as they are: %s.\n", left)
	}
	return nil
}

// keptAsIs tells why a commit of the agent's is not to be signed again, and which commits of anybody's hold as they
// are, as far as that can be told here.
func (w *workspace) keptAsIs(ctx context.Context, r *commitRange, ref string, p *policy.Policy, o resignOptions) (keep func(id string) string, holds map[string]bool, err error) {
	holds = map[string]bool{}
	// The policy is the one that a push is judged by, which may have revoked meanwhile what the range's base had not.
	// Where the judge comes to no verdict nothing is known to hold.
	judged := decide.Decide(ctx, w.sources(), decide.Range{
		Base: r.base, Head: r.head, BaseName: r.baseName, HeadName: r.headName, Ref: ref, Policy: p, Repository: w.naming(ctx, ""),
		At: decide.Clock{Time: w.env.Now(), Source: decide.ClockHere},
	})
	if judged.Err == nil {
		for _, a := range judged.Report.Acts {
			holds[a.Subject] = a.Kind == string(names.Commit) && (a.Verdict == verdict.Allowed || a.Verdict == verdict.Waiting)
		}
	}
	out, err := w.Git(ctx, "rev-list", r.base+".."+r.head, "--not", "--remotes")
	if err != nil {
		return nil, nil, fault.Undecidedf("finding out what was pushed: %w", err)
	}
	unpushed := map[string]bool{}
	for id := range strings.FieldsSeq(out) {
		unpushed[id] = true
	}
	return func(id string) string {
		switch {
		case o.all || o.pushed && !unpushed[id]:
			return ""
		case holds[id]:
			return keptHolds
		case !unpushed[id]:
			return keptPushed
		default:
			return ""
		}
	}, holds, nil
}

// committer is the address with which git commits here, "" where it knows none.
func (w *workspace) committer(ctx context.Context) string {
	ident, err := w.Git(ctx, "var", "GIT_COMMITTER_IDENT")
	if err != nil {
		return ""
	}
	_, address, _ := strings.Cut(ident, "<")
	address, _, _ = strings.Cut(address, ">")
	return address
}

// tally counts why commits were left as they are, in the order in which that was first so.
type tally struct {
	reasons []string
	counts  map[string]int
}

func (t *tally) add(why string) {
	if why == "" {
		return
	}
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if t.counts[why]++; t.counts[why] == 1 {
		t.reasons = append(t.reasons, why)
	}
}

func (t *tally) count(why string) int { return t.counts[why] }

func (t *tally) only(why string) bool { return len(t.reasons) == 1 && t.reasons[0] == why }

func (t *tally) total() int {
	n := 0
	for _, c := range t.counts {
		n += c
	}
	return n
}

// String is "1 commit (it holds as it is), 2 commits (it is human.alice's)".
func (t *tally) String() string {
	parts := make([]string, len(t.reasons))
	for i, why := range t.reasons {
		noun := "commits"
		if t.counts[why] == 1 {
			noun = "commit"
		}
		parts[i] = fmt.Sprintf("%d %s (%s)", t.counts[why], noun, why)
	}
	return strings.Join(parts, ", ")
}

// resignCommit signs one commit again, and stores it, unless it stays as it is: then it says why. What the
// delegation does not cover is refused.
func (w *workspace) resignCommit(ctx context.Context, again *issue.Resigner, c *evidence.Commit) (left string, err error) {
	made, left, err := again.Sign(c)
	if err != nil || made == nil {
		return left, err
	}
	if err := w.refuseUncovered(ctx, made.Payload, made.Signature); err != nil {
		return "", err
	}
	raw, err := gitobject.WithSignature(made.Payload, made.Signature)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "git", "hash-object", "-t", "commit", "-w", "--stdin")
	cmd.Dir, cmd.Env, cmd.Stdin = w.Worktree, w.env.Environ, strings.NewReader(string(raw))
	subprocess.AskToEnd(cmd, subprocess.Patience)
	id, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("storing a signed commit: %w", err)
	}
	again.Stored(c.ID, strings.TrimSpace(string(id)))
	return "", nil
}
