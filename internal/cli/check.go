package cli

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
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
			defer w.Close()
			ctx := cmd.Context()
			r, err := w.readRange(args)
			if err != nil {
				return err
			}
			q := decide.Range{Base: r.base, Head: r.head, BaseName: r.baseName, Ref: w.judgedRef(ref, r), Repository: w.naming(ctx, repository)}
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
	c.Flags().StringVar(&ref, "ref", "", "the full ref that the commits are judged at (default: the range's branch)")
	c.Flags().StringVar(&polFile, "policy", "", policyUsage("the base's"))
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
	for _, r := range decide.Rules() {
		t.Rules = append(t.Rules, report.Rule{ID: r.ID, Short: r.Summary})
	}
	return t
}

// showing is how an outcome is to be shown.
type showing struct {
	format           string
	verbose, observe bool
}

// tell shows an outcome on standard output, and turns it into the command's exit code.
func tell(env *Env, o decide.Outcome, how showing) error {
	env.note(o.Notes)
	if o.Err != nil {
		return o.Err
	}
	o.Report.Observe = o.Report.Observe || how.observe
	if err := show(env, env.Stdout, o.Report, how.format, how.verbose); err != nil {
		return err
	}
	return exitWith(&o)
}

// exitWith turns an outcome into the command's exit code.
func exitWith(o *decide.Outcome) error {
	if code := o.ExitCode(); code != verdict.ExitAllow {
		return verdictError(code)
	}
	return nil
}

// judgedAt is the time as of which is judged, and whose clock says so: --at, else this machine's.
func judgedAt(env *Env, at string) (decide.Clock, error) {
	if at == "" {
		return decide.Clock{Time: env.Now(), Source: decide.ClockHere}, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return decide.Clock{}, fault.Usagef("--at is no RFC 3339 time, such as 2026-11-22T14:03:00Z: %w", err)
	}
	return decide.Clock{Time: t, Source: decide.ClockFlag}, nil
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
		id, err := w.Repo.ResolveRevision(end.name)
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
	if flag != "" {
		return flag
	}
	if r.headName == "HEAD" || r.headName == "@" {
		return w.Head()
	}
	if strings.HasPrefix(r.headName, "refs/") {
		return r.headName
	}
	branch := "refs/heads/" + r.headName
	if refs, err := w.Repo.Refs(branch); err == nil && refs[branch] != "" {
		return branch
	}
	return w.Head()
}
