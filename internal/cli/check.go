package cli

import (
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/evidence"
)

func newCheck(env *Env) *cobra.Command {
	var (
		ref, polFile, repository, at, format, pusher string
		observe, verbose                             bool
		approvals                                    []string
	)
	c := &cobra.Command{
		Use:   "check [RANGE]",
		Short: "Judge the commits of a range as if they were pushed",
		Long: "Judges the commits of RANGE as if they were pushed to --ref. RANGE is BASE..HEAD; without it, what HEAD has\n" +
			"and the remote's default branch has not. Where there is no such commit it says so: nothing was allowed then.\n" +
			"The policy is the one of BASE unless --policy names a file: never the one that the range brings.",
		Example: "  remit check origin/main..HEAD\n  remit check --format json --ref refs/heads/agent/pay main..agent/pay",
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, reportFormats()...); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			ctx := cmd.Context()
			r, err := w.readRange(ctx, args)
			if err != nil {
				return err
			}
			q := decide.Range{
				Base: r.base, Head: r.head, BaseName: r.baseName, HeadName: r.headName, Ref: w.judgedRef(ctx, ref, r),
				Repository: w.naming(ctx, repository), Address: func() string { return w.address(ctx, repository) },
			}
			if polFile != "" {
				if q.Policy, err = readPolicyFile(env, polFile); err != nil {
					return err
				}
			}
			if q.At, err = judgedAt(env, at); err != nil {
				return err
			}
			if pusher != "" {
				q.Pusher = &evidence.Pusher{Login: pusher, Source: "--pusher"}
			}
			if q.Approvals, err = readApprovals(env, approvals, q.At.Time); err != nil {
				return err
			}
			return tell(env, decide.Decide(ctx, w.sources(), q), showing{format: format, verbose: verbose, observe: observe})
		},
	}
	c.Flags().StringVar(&ref, "ref", "", "the full `REF` that the commits are judged at (default: the branch that RANGE ends in, else the one checked out)")
	c.Flags().StringVar(&polFile, "policy", "", policyUsage("the base's"))
	c.Flags().StringVar(&repository, "repository", "", "`REPOSITORY` as host/owner/name (default: the policy's)")
	c.Flags().StringVar(&at, "at", "", "judge as of this `RFC3339` time; for tests and replays, and the report says so")
	formatFlag(c, &format, reportFormats()...)
	c.Flags().StringArrayVar(&approvals, "approval", nil, "a signed approval of the range's head: a `FILE`, or its one word (repeatable)")
	c.Flags().StringVar(&pusher, "pusher", "", "judge the range as a whole as pushed by this `LOGIN`")
	c.Flags().BoolVar(&observe, "observe", false, "report, and exit with 0 whatever the verdict is")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "show what is allowed too")
	return c
}
