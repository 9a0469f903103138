package cli

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

const (
	defaultApprovalTTL = time.Hour
	maxMisreads        = 3 // answers that are neither yes nor no
)

// approveOptions are the flags of approve and its argument.
type approveOptions struct {
	request                        string
	as, why, policy, repository    string
	commit, base, ref, environment string
	action                         string
	lasts                          time.Duration
	yes, noPublish                 bool
}

func newApprove(env *Env) *cobra.Command {
	var o approveOptions
	c := &cobra.Command{
		Use:   "approve REQUEST | --commit REV --base REV --action ACTION",
		Short: "Approve a request, or a commit on a ref, by signature: for humans",
		Long: "Reads a request out and signs a human's approval of it: for what it asks, in its environment, by the policy as it\n" +
			"is now. REQUEST is a file, - for standard input, or the one word that `remit request` printed. With --commit it\n" +
			"approves a commit as it would come onto a ref, or with --action delete a ref's deletion; that is published at origin\n" +
			"as well, where hooks find it. At a terminal it asks first; elsewhere, running it is consent.",
		Example: "  remit approve request.txt\n" +
			"  remit approve request.txt --for 30m --why 'tried it on staging' >approval.txt\n" +
			"  remit approve --commit agent/pay --base main --action pull_request\n" +
			"  remit approve --commit origin/agent/old --action delete",
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.request = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.approve(cmd.Context(), &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.as, "as", "", "the `NAME` of who approves: a human of the policy (default: the only one whose key is at hand)")
	f.DurationVar(&o.lasts, "for", defaultApprovalTTL, "the `DURATION` for which the approval holds")
	f.StringVar(&o.why, "why", "", "what you looked at, a `TEXT` of one line")
	f.StringVar(&o.policy, "policy", "", policyUsage("origin/HEAD's, else HEAD's"))
	f.StringVar(&o.repository, "repository", "", "`REPOSITORY` as host/owner/name (default: the policy's)")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.noPublish, "no-publish", false, "do not push the approval to origin")
	f.StringVar(&o.commit, "commit", "", "approve this commit, or on a tag the tag, a `REV`, instead of a request")
	f.StringVar(&o.base, "base", "", "with --commit: what it was compared with, a `REV`; the commit where the two parted is signed. With --action push: what the ref is at now, which the push takes away (default: the ref is new)")
	f.StringVar(&o.ref, "ref", "", "with --commit: branch or full `REF` that the act is on (default: for a pull request or commits the branch that --base names, for a deletion or a tag what --commit names, for a deploy the branch that leads to the commit)")
	f.StringVar(&o.action, "action", "", "with --commit: the `ACTION`, "+names.List(approvableActions(), "or"))
	f.StringVar(&o.environment, "environment", "", "with --commit and --action deploy: the `ENVIRONMENT`")
	completeEnvironments(env, c)
	_ = c.RegisterFlagCompletionFunc("action", cobra.FixedCompletions(approvableActions(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("as", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return humansOf(quietPolicy(env)), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// approvableActions are the actions that a commit or ref is approved for; all others are requested.
func approvableActions() []string {
	return []string{string(names.Commit), string(names.PullRequest), string(names.Push), string(names.Tag), string(names.Delete), string(names.Deploy)}
}

func humansOf(p *policy.Policy) []string {
	var found []string
	if p != nil {
		for name := range p.Principals {
			if name.Kind() == names.Human {
				found = append(found, name.Label())
			}
		}
	}
	slices.Sort(found)
	return found
}

// check refuses flags that make sense for nobody.
func (o *approveOptions) check() error {
	if err := issue.CheckApproval(o.why, o.lasts); err != nil {
		return err
	}
	switch {
	case (o.request == "") == (o.commit == ""):
		return fault.WithFix(fault.Usagef("name what is approved: a request, or a commit with --commit"), "see `remit approve --help`")
	case o.request != "":
		for flag, value := range map[string]string{"--base": o.base, "--ref": o.ref, "--action": o.action, "--environment": o.environment} {
			if value != "" {
				return fault.Usagef("%s is for --commit: the request says it already", flag)
			}
		}
		return nil
	}
	switch names.Action(o.action) {
	case names.Commit, names.PullRequest:
		switch {
		case o.base == "":
			return fault.Usagef("say what the commit was compared with: --base REV, such as --base main")
		case o.environment != "":
			return fault.Usagef("--environment is for --action deploy")
		}
	case names.Deploy:
		if o.environment == "" {
			return fault.Usagef("say where it may be deployed: --environment NAME")
		}
	case names.Push, names.Tag, names.Delete:
		switch {
		case o.environment != "":
			return fault.Usagef("--environment is for --action deploy")
		case names.Action(o.action) == names.Push && o.ref == "":
			return fault.Usagef("say which ref is to be moved there: --ref NAME")
		}
	case "":
		return fault.Usagef("say what is approved: --action %s", names.List(approvableActions(), "or"))
	default:
		return fault.Usagef("--action is %s, and not %q", names.List(approvableActions(), "or"), o.action)
	}
	return nil
}

func (w *workspace) approve(ctx context.Context, o *approveOptions) error {
	by, err := w.author(ctx, o.policy, o.repository, approver(o.as))
	if err != nil {
		return err
	}
	defer by.close()
	a, err := by.Approval(delegation.Approval{Reason: o.why}, o.lasts)
	if err != nil {
		return err
	}
	if o.commit != "" {
		err = w.approveCommit(ctx, o, &a)
	} else {
		err = w.approveRequest(ctx, o, by.Policy, &a)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w.env.Stderr, "%s.\n", a.Sentence())
	if o.policy == "" && !o.noPublish && publishes(&a) {
		w.noteOutdated(ctx)
	}
	if w.env.Interactive && !o.yes && !w.consent() {
		return fault.Refusedf("nothing was approved")
	}
	signed, err := by.SignApproval(a)
	if err != nil {
		return err
	}
	fmt.Fprintln(w.env.Stdout, signed.Text())
	return w.publishApproval(ctx, o, signed)
}

// publishApproval puts an approval of what somebody pushes where hooks find it. Reviews and requests have ways of
// their own. That it could not be published is a note: its one word can be handed over too.
func (w *workspace) publishApproval(ctx context.Context, o *approveOptions, a *delegation.Signed[delegation.Approval]) error {
	if !publishes(&a.Statement) {
		return nil
	}
	if err := w.Repo.StoreApproval(ctx, a); err != nil {
		return fault.Undecidedf("%w", err)
	}
	if o.noPublish {
		return nil
	}
	if err := w.PublishApproval(ctx, a); err != nil {
		fmt.Fprintf(w.env.Stderr, "note: %v; hand the word over instead: `git push -o approval=WORD …`\n", err)
		return nil
	}
	fmt.Fprintln(w.env.Stderr, "published at origin: the push that it is for can be made again.")
	return nil
}

// publishes reports whether an approval is of something that is pushed.
func publishes(a *delegation.Approval) bool {
	switch a.Action {
	case names.Commit, names.Push, names.Tag, names.Delete:
		return a.Request == ""
	default:
		return false
	}
}

// noteOutdated says where the policy that was fetched may not be the one that rules: an approval by another one does
// not count. Where origin does not answer nothing is said, as when the approval is published.
func (w *workspace) noteOutdated(ctx context.Context) {
	branch := w.DefaultBranch(ctx)
	if branch == "" {
		return
	}
	there, err := w.Git(ctx, "ls-remote", "origin", branch)
	if err != nil {
		return
	}
	if id, _, _ := strings.Cut(there, "\t"); id != "" && id != w.Tip(branch) {
		fmt.Fprintf(w.env.Stderr, "note: %s of origin has moved since it was fetched here: where that changed the policy this does not count; then `git fetch origin`, and approve it again\n", branch)
	}
}

// approver finds the human whom --as names, or the only one here.
func approver(as string) func(*issue.Place) (*issue.Issuer, error) {
	return func(at *issue.Place) (*issue.Issuer, error) {
		if as == "" {
			return at.Approver(nil)
		}
		named, err := principalNamed(at.Policy, as, names.Agent, names.Human, names.Workflow, names.App)
		if err != nil { // of several who are called so, the human is meant
			if named, err = principalNamed(at.Policy, as, names.Human); err != nil {
				return nil, err
			}
		}
		return at.Approver(named)
	}
}

// approveRequest reads a request, reads it out, and makes the approval one of it.
func (w *workspace) approveRequest(ctx context.Context, o *approveOptions, p *policy.Policy, a *delegation.Approval) error {
	raw, err := readStatement(w.env, o.request)
	if err != nil {
		return err
	}
	r, err := issue.ReadRequest(raw, p, a.Repository, w.env.Now())
	if err != nil {
		return err
	}
	c := r.Statement
	chain := r.Bundle
	if chain == nil && c.Delegation != "" {
		if chain, err = w.Chain(c.Delegation); err != nil {
			return err
		}
	}
	fmt.Fprintf(w.env.Stderr, "%s.\n", c.Sentence())
	for _, s := range chain.Sentences() {
		fmt.Fprintf(w.env.Stderr, "%s.\n", s)
	}
	if err := w.refuseDenied(ctx, decide.RequestStatement{Signed: r, Policy: p, Repository: a.Repository}); err != nil {
		return err
	}
	authority, notes := issue.ApproveRequest(a, r, chain)
	fmt.Fprintln(w.env.Stderr, authority)
	for _, n := range notes {
		fmt.Fprintf(w.env.Stderr, "note: %s\n", n)
	}
	return nil
}

// approveCommit makes the approval one of a commit on a ref.
func (w *workspace) approveCommit(ctx context.Context, o *approveOptions, a *delegation.Approval) error {
	a.Action, a.Environment = names.Action(o.action), o.environment
	if o.ref == "" {
		if err := w.approvedRef(ctx, o, a.Action); err != nil {
			return err
		}
		if strings.HasPrefix(o.ref, "refs/tags/") {
			o.commit = o.ref
		}
	}
	var err error
	if a.Head, err = w.isAt(ctx, o.ref, o.commit); err == nil && a.Action == names.Push && o.base != "" {
		if a.Base, err = w.isAt(ctx, o.ref, o.base); err != nil {
			return w.notFound(o.base, err)
		}
	}
	if err != nil {
		return w.notFound(o.commit, err)
	}
	if o.base != "" && a.Action != names.Push {
		tip, err := w.Repo.ResolveRevision(o.base)
		if err != nil {
			return w.notFound(o.base, err)
		}
		// What is approved is what the head adds since it left the base, as a pull request shows it: that
		// stays the same while the base moves on.
		if a.Base, err = w.Repo.MergeBase(ctx, tip, a.Head); err != nil {
			return fault.Undecidedf("finding where %s left %s: %w", o.commit, o.base, err)
		}
		if a.Base == "" {
			return fault.Refusedf("%s and %s have no history in common", o.commit, o.base)
		}
	}
	if a.Ref, err = w.refOf(ctx, o.ref, o.commit, a.Head); err != nil {
		return err
	}
	if subject := w.Subject(a.Head); subject != "" { // whatever is in it, whoever approves is to see it
		fmt.Fprintf(w.env.Stderr, "%s is %s.\n", a.Head, inert.Quote(subject))
	}
	return nil
}

// onBranch reports whether what is approved is on a branch, or on one that is still to be found out: there it is a
// commit, whatever names it.
func onBranch(ref string) bool {
	return !strings.HasPrefix(ref, "refs/") || strings.HasPrefix(ref, "refs/heads/")
}

// isAt is what a revision would be as what a ref is at: branches are at commits, and a tag at its own object, where it
// has one.
func (w *workspace) isAt(ctx context.Context, ref, rev string) (string, error) {
	if onBranch(ref) {
		return w.Repo.ResolveRevision(rev)
	}
	return w.Repo.Object(ctx, rev)
}

// approvedRef sets the ref that the act is on by what --commit or --base names. For a deploy it stays open.
func (w *workspace) approvedRef(ctx context.Context, o *approveOptions, action names.Action) error {
	switch action {
	case names.Delete:
		branch, tag := w.BranchNamed(o.commit), w.tagNamed(ctx, o.commit)
		switch {
		case branch != "" && tag != "":
			return fault.WithFix(fault.Usagef("--commit %q names a branch and a tag, so that it is not known which is to be deleted", o.commit), "name the ref with --ref: --ref %s, or --ref %s", branch, tag)
		case branch+tag == "":
			return fault.WithFix(fault.Usagef("--commit %q names no branch or tag, so that it is not known what is to be deleted", o.commit), "name the ref with --ref, such as --ref agent/old or --ref refs/tags/v1.0")
		}
		o.ref = branch + tag
	case names.Tag:
		if o.ref = w.tagNamed(ctx, o.commit); o.ref == "" {
			return fault.WithFix(fault.Usagef("--commit %q names no tag, so that it is not known which is to be pushed", o.commit), "name the tag with --ref, such as --ref refs/tags/v1.0")
		}
	case names.Deploy:
	default:
		// The act is on the branch that the commits come onto, which is the base's.
		if o.ref = w.BranchNamed(o.base); o.ref == "" {
			return fault.WithFix(fault.Usagef("--base %q names no branch, so that it is not known where the commits go", o.base), "name the branch with --ref, such as --ref main")
		}
	}
	return nil
}

// tagNamed is the full name of the tag that a revision names as such, "" for none.
func (w *workspace) tagNamed(ctx context.Context, rev string) string {
	tag := "refs/tags/" + strings.TrimPrefix(rev, "refs/tags/")
	if names.CheckRef(tag) != nil {
		return ""
	}
	if _, err := w.Repo.Object(ctx, tag); err != nil {
		return ""
	}
	return tag
}

// consent asks whoever sits at the terminal.
func (w *workspace) consent() bool {
	in := bufio.NewReader(w.env.Stdin)
	for range maxMisreads {
		fmt.Fprint(w.env.Stderr, "Approve this? [y/N] ")
		line, err := in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true
		case "", "n", "no":
			return false
		}
		if err != nil {
			return false
		}
	}
	return false
}
