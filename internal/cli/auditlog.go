package cli

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/export"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// auditFilter are the flags that say which entries are asked for.
type auditFilter struct {
	query.Asked

	limit   int
	reverse bool
}

func (o *auditFilter) flags(env *Env, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.Agent, "agent", "", "only what the agent `NAME` did or passed authority for")
	f.StringVar(&o.Human, "human", "", "only what the human `NAME` did, delegated or approved")
	f.StringVar(&o.Environment, "environment", "", "only what is about the `ENVIRONMENT`")
	f.StringVar(&o.Verdict, "verdict", "", "only the `VERDICT`: allow, deny, pending or undecided")
	f.StringVar(&o.Since, "since", "", "only from a `TIME` on: 2026-11-23T14:00:00Z, 2026-11-23 (in UTC), or how long ago, such as 90m, 36h or 7d")
	f.StringVar(&o.Until, "until", "", "only before a `TIME`, likewise")
	f.StringVar(&o.Path, "path", "", "only what changes a file that matches the `GLOB`, as policies write one, such as 'src/**'")
	f.StringVar(&o.Delegation, "delegation", "", "only what was done under a delegation, by the first 6 digits of its `DIGEST` or more, or passed on from it")
	f.StringVar(&o.Rule, "rule", "", "only where the `RULE` found something, such as scope-path")
	f.StringVar(&o.Repository, "repository", "", "only the `REPOSITORY`, host/owner/name, where the log is of several")
	f.StringVar(&o.Surface, "surface", "", "only what the `SURFACE` decided, such as pre-receive")
	f.StringVar(&o.Commit, "commit", "", "only what judged a commit, by the first 6 digits of its `ID` or more")
	f.IntVarP(&o.limit, "max-count", "n", 0, "only the newest `N`")
	f.BoolVar(&o.reverse, "reverse", false, "the oldest first")
	_ = c.RegisterFlagCompletionFunc("human", completePrincipals(env, names.Human))
	completeEnvironments(env, c)
	var verdicts []string
	for _, v := range query.Verdicts() {
		verdicts = append(verdicts, v.String())
	}
	_ = c.RegisterFlagCompletionFunc("verdict", cobra.FixedCompletions(verdicts, cobra.ShellCompDirectiveNoFileComp))
	var rules []string
	for _, r := range decide.Rules() {
		rules = append(rules, cobra.CompletionWithDesc(r.ID, r.Summary))
	}
	_ = c.RegisterFlagCompletionFunc("rule", cobra.FixedCompletions(rules, cobra.ShellCompDirectiveNoFileComp))
}

// filter reads the flags.
func (o *auditFilter) filter(now time.Time) (*query.Filter, error) {
	if o.limit < 0 {
		return nil, fault.Usagef("-n is a number of entries, and not negative")
	}
	f, err := o.Filter(now)
	if err != nil {
		return nil, fault.Usagef("--%w", err)
	}
	return f, nil
}

// words is what was asked for, as it is said in what is exported; "" for all.
func (o *auditFilter) words() string {
	words := o.Words()
	if o.limit <= 0 {
		return words
	}
	if words != "" {
		words += ", "
	}
	return words + fmt.Sprintf("the newest %d", o.limit)
}

func newAuditLog(env *Env) *cobra.Command {
	var (
		source   auditSource
		filter   auditFilter
		format   string
		follow   bool
		interval time.Duration
	)
	c := &cobra.Command{
		Use: "log", Short: "List the decisions in the audit log, a sentence each", Args: usageArgs(cobra.NoArgs),
		Long: "Lists the entries of the audit log: who did what on whose authority, and what came of it. As in `git log` the newest\n" +
			"comes first, and -n counts the newest; --reverse turns the order around. With --follow the order is that of\n" +
			"`journalctl -f`: the last 10, or as many as -n says, and then what comes, until it is interrupted.\n" +
			"Each entry is proven to be in the log. Of one that is marked as unattested nobody vouches that it is from the\n" +
			"surface that it names: it says what somebody claims. An entry cuts long lists: where what it leaves out may be what a\n" +
			"filter asks for, it is listed and marked with perhaps.\n" +
			"The log is the branch _audit/log of this repository, else the one that was fetched from the remote; in a server's\n" +
			"repository its own. The exit code is 0 where the log could be read, whatever it says, and 1 where it does not hold.",
		Example: "  remit audit log --since 7d --verdict deny\n  remit audit log --agent coder --path 'deploy/**' -n 20\n  remit audit log -f",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := checkFormat(format, "text", "json", "jsonl"); err != nil {
				return err
			}
			if follow && format == "json" {
				return fault.WithFix(fault.Usagef("what is followed has no end, and --format json is one value"), "follow it with --format jsonl")
			}
			f, err := filter.filter(env.Now())
			if err != nil {
				return err
			}
			if follow {
				source.fetch = source.fetch || followsRemote(cmd.Context(), env, &source)
				filter.reverse = true
				if !cmd.Flags().Changed("max-count") {
					filter.limit = 10
				}
			}
			p := &auditPrinter{out: bufio.NewWriter(env.Stdout), format: format}
			defer func() {
				if flushed := p.out.Flush(); err == nil {
					err = flushed
				}
			}()
			return withAudit(cmd.Context(), env, &source, func(a *auditLog) error {
				return a.list(cmd.Context(), p, f, query.Order{OldestFirst: filter.reverse, Limit: filter.limit}, follow, interval)
			})
		},
	}
	source.flags(env, c)
	filter.flags(env, c)
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on, and list what comes")
	c.Flags().DurationVar(&interval, "interval", 5*time.Second, "look every `TIME` when following, such as 30s")
	formatFlag(c, &format, "text", "json", "jsonl")
	return c
}

// followsRemote reports whether what is read is a copy that only fetching brings up to date.
func followsRemote(ctx context.Context, env *Env, source *auditSource) bool {
	if source.dir != "" {
		return false
	}
	w, err := openWorkspace(env)
	if err != nil {
		return false // it is said when the log is opened
	}
	defer w.Close()
	own, err := w.Repo.Refs(gitbranch.Branch)
	if err == nil && own[gitbranch.Branch] != "" && source.remote == "" {
		return false
	}
	return w.HasRemote(ctx, "origin") || w.OtherRemote(ctx) != ""
}

// list prints what is in the log, and on demand what comes.
func (a *auditLog) list(ctx context.Context, p *auditPrinter, f *query.Filter, o query.Order, follow bool, interval time.Duration) error {
	r, err := a.look(ctx)
	if err != nil {
		return err
	}
	p.begin(r.Checkpoint())
	if err := query.Each(ctx, r, f, o, p.print); err != nil {
		return a.words(err)
	}
	if !follow {
		return p.end()
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	err = query.Follow(ctx, query.Following{
		Log: a.Log, Filter: f, After: r.Checkpoint(), Wait: func(ctx context.Context) error { return pause(ctx, a.env, max(interval, minInterval)) },
		Trouble: func(err error) { a.env.note([]string{worded(a.words(err)) + ": it is tried again"}) },
		Moved:   func(c log.Checkpoint) { a.keep(ctx, c) },
	}, func(e *query.Found) error {
		if err := p.print(e); err != nil {
			return err
		}
		return p.out.Flush()
	})
	if err != nil {
		return a.words(err)
	}
	return nil
}

// minInterval is how often the log is looked at, at most.
const minInterval = 100 * time.Millisecond

// auditPrinter prints entries one by one.
type auditPrinter struct {
	out    *bufio.Writer
	format string
	width  int // of the index
	count  int
}

func (p *auditPrinter) begin(c log.Checkpoint) {
	p.width = len(fmt.Sprint(max(c.Size-1, 0)))
	if p.format == "json" {
		origin, err := json.Marshal(c.Origin)
		if err != nil {
			origin = []byte(`""`) // a name that its key was parsed with is UTF-8
		}
		fmt.Fprintf(p.out, `{"version":1,"log":%s,"size":%d,"root":"%s","entries":[`, inert.JSON(origin), c.Size, c.Hash)
	}
}

func (p *auditPrinter) print(f *query.Found) error {
	if p.format == "text" {
		_, err := fmt.Fprintf(p.out, "%*d  %s  %s%s\n", p.width, f.Index, names.Stamp(f.Entry.Time), marks(f), f.Entry.Sentence())
		return err
	}
	row := export.RowOf(f)
	b, err := row.Encode()
	if err != nil {
		return err
	}
	if p.format == "json" {
		b = b[:len(b)-1]
		separator := "\n"
		if p.count > 0 {
			separator = ",\n"
		}
		b = append([]byte(separator), b...)
	}
	p.count++
	_, err = p.out.Write(b)
	return err
}

func (p *auditPrinter) end() error {
	if p.format == "json" {
		if _, err := p.out.WriteString("\n]}\n"); err != nil {
			return err
		}
	}
	return nil
}

// marks are what is to be known of an entry before it is read.
func marks(f *query.Found) string {
	text := ""
	if f.Entry.Attestation.IsZero() {
		text += "(unattested) "
	}
	if f.Perhaps {
		text += "(perhaps) "
	}
	return text
}
