package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
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
		Long: "Judges the commits of RANGE (BASE..HEAD; default: upstream..HEAD) as if they were pushed to --ref.\n" +
			"The policy is the one of BASE unless --policy names a file: never the one that the range brings.",
		Example: "  remit check origin/main..HEAD\n  remit check --format json --ref refs/heads/agent/pay main..agent/pay",
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, "text", "json", "sarif", "markdown"); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.close()
			ctx := cmd.Context()
			r, err := w.readRange(args)
			if err != nil {
				return err
			}
			var p *policy.Policy
			if polFile != "" {
				p, err = readPolicyFile(env, polFile)
			} else {
				p, err = w.rulingOfRange(ctx, r, w.judgedRef(ref, r))
				if errors.Is(err, errNoPolicy) {
					err = fault.WithFix(fault.Undecidedf("%w: nothing says what is allowed", err),
						"commit a policy to the default branch first, or name one with --policy FILE")
				}
			}
			if err != nil {
				return err
			}
			set, err := w.collect(ctx, p, r, ref, at, repository)
			if err != nil {
				return err
			}
			if pusher != "" {
				set.Pusher = &evidence.Pusher{Login: pusher, Source: "--pusher"}
			}
			if set.Approvals, err = readApprovals(env, approvals, set.At); err != nil {
				return err
			}
			result := checker.Check(p, set)
			result.Observe = result.Observe || observe
			if err := show(env, env.Stdout, result, format, verbose); err != nil {
				return err
			}
			return exitWith(result)
		},
	}
	c.Flags().StringVar(&ref, "ref", "", "the full ref that the commits are judged at (default: the range's branch)")
	c.Flags().StringVar(&polFile, "policy", "", "policy `FILE` (default: the base's)")
	c.Flags().StringVar(&repository, "repository", "", "repository as host/owner/name (default: the policy's)")
	c.Flags().StringVar(&at, "at", "", "judge as of this `RFC3339` time; for tests and replays, and the report says so")
	c.Flags().StringVar(&format, "format", "text", "text, json, sarif or markdown")
	c.Flags().StringArrayVar(&approvals, "approval", nil, "a signed approval of the range's head: a `FILE`, or its one word (repeatable)")
	c.Flags().StringVar(&pusher, "pusher", "", "judge the range as a whole as pushed by this `LOGIN`")
	c.Flags().BoolVar(&observe, "observe", false, "report, and exit with 0 whatever the verdict is")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "show what is allowed too")
	return c
}

func checkFormat(format string, known ...string) error {
	for _, k := range known {
		if format == k {
			return nil
		}
	}
	return fault.Usagef("--format is %s, and not %q", strings.Join(known, ", "), format)
}

// sarifTool describes remit and its rules to SARIF viewers.
func sarifTool() report.Tool {
	t := report.Tool{Version: version}
	for _, id := range checker.RuleIDs() {
		t.Rules = append(t.Rules, report.Rule{ID: id, Short: checker.RuleSummary(id)})
	}
	return t
}

// exitWith turns a report into the command's exit code.
func exitWith(r *verdict.Report) error {
	if code := r.ExitCode(); code != verdict.ExitAllow {
		return verdictError(code)
	}
	return nil
}

// show writes a report in one of the formats.
func show(env *Env, out io.Writer, r *verdict.Report, format string, verbose bool) error {
	switch format {
	case "json":
		return report.JSON(out, r)
	case "sarif":
		return report.SARIF(out, r, sarifTool())
	case "markdown":
		return report.Markdown(out, r, report.MarkdownOptions{})
	default:
		return report.Text(out, r, report.Options{Color: env.Color() && out == env.Stdout, Verbose: verbose})
	}
}

// commitRange is a range of commits, resolved.
type commitRange struct {
	base, head         string // commit ids
	baseName, headName string // as the caller wrote them
}

// readRange resolves BASE..HEAD.
func (w *workspace) readRange(args []string) (*commitRange, error) {
	r := &commitRange{baseName: "@{upstream}", headName: "HEAD"}
	if len(args) == 1 {
		base, head, ok := strings.Cut(args[0], "..")
		if !ok || base == "" || strings.HasPrefix(head, ".") {
			return nil, fault.WithFix(fault.Usagef("%q is not a range", args[0]), "write BASE..HEAD, such as origin/main..HEAD")
		}
		r.baseName = base
		if head != "" {
			r.headName = head
		}
	}
	for _, end := range []struct {
		name string
		id   *string
	}{{r.baseName, &r.base}, {r.headName, &r.head}} {
		id, err := w.repo.ResolveRevision(end.name)
		if err != nil {
			if end.name == "@{upstream}" {
				return nil, fault.WithFix(fault.Usagef("this branch has no upstream, so that it is not known what is new"), "name the range, such as origin/main..HEAD")
			}
			return nil, notFound(end.name, err)
		}
		*end.id = id
	}
	return r, nil
}

// notFound says why an end of a range was not found, and what helps.
func notFound(name string, err error) error {
	err = fault.Undecidedf("finding %s: %w", name, err)
	switch {
	case errors.Is(err, gitrepo.ErrRevision), errors.Is(err, gitrepo.ErrMissing):
		return fault.WithFix(err, "fetch it first, with `git fetch`; in a shallow clone with `git fetch --unshallow`")
	case errors.Is(err, gitrepo.ErrCorrupt):
		return fault.WithFix(err, "the repository is damaged, or somebody made a broken object: `git fsck` says which")
	default:
		return err
	}
}

// judgedRef is the ref that a range is judged at: --ref, else the branch that its head names.
func (w *workspace) judgedRef(flag string, r *commitRange) string {
	return w.written(w.namedRef(flag, r))
}

// namedRef is that ref by the name that was given.
func (w *workspace) namedRef(flag string, r *commitRange) string {
	if flag != "" {
		return flag
	}
	if r.headName == "HEAD" || r.headName == "@" {
		return w.head()
	}
	if strings.HasPrefix(r.headName, "refs/") {
		return r.headName
	}
	branch := "refs/heads/" + r.headName
	if refs, err := w.repo.Refs(branch); err == nil && refs[branch] != "" {
		return branch
	}
	return w.head()
}

// collect gathers the evidence of a range.
func (w *workspace) collect(ctx context.Context, p *policy.Policy, r *commitRange, ref, at, repository string) (*evidence.Set, error) {
	now, clock, err := judgedAt(w.env, at)
	if err != nil {
		return nil, err
	}
	name, err := w.repositoryName(ctx, repository, p)
	if err != nil {
		return nil, err
	}
	found, err := w.repo.CollectRange(ctx, r.base, r.head, w.judgedRef(ref, r), gitrepo.CollectOptions{
		CountLines: p.NeedsLines(), Land: judgesWorkflows(p), LongLived: longLived(p, w.usualDefault()),
	})
	if err != nil {
		return nil, fault.Undecidedf("reading the range: %w", err)
	}
	set := newSet(found, evidence.SurfaceCheck, name, now, clock)
	if l := found.Landing; l != nil && len(set.Updates) > 0 && !(len(l.Gaps) > 0 && blocked(set)) {
		set.Updates[0].Workflows = landingChange(p, localTrees(w.repo), r.base, *l)
	}
	return set, addReferences(ctx, p, w.repo, set)
}
