package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/internal/prune"
)

// gcOptions are the flags of gc.
type gcOptions struct {
	source auditSource
	keep   time.Duration
	dryRun bool
	format string
}

func newGc(env *Env) *cobra.Command {
	var o gcOptions
	c := &cobra.Command{
		Use: "gc", Short: "Take away refs that nobody needs any more", Args: usageArgs(cobra.NoArgs),
		Long: "Takes away what fleets pile up below refs/remit/ and refs/tags/remit/ and nobody needs any more: delegations and\n" +
			"approvals that are over, and the marks of requests that are used. What a commit names stays until the audit log\n" +
			"has it, from where it is read then; marks stay until the log says that the request was used, and of an environment\n" +
			"the last deploy stays. What holds, or ended a short time ago, stays.\n\n" +
			"It works on this repository, a server's too; with --remote on the one behind a remote, by a copy, and on\n" +
			"nothing that is here.\n" +
			"Run it on a schedule, after `remit audit fold`.",
		Example: "  remit gc --dry-run\n  remit gc --remote origin --keep 6h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.keep < prune.Least {
				return fault.Usagef("--keep is at least %s: for so long a request could still be used", prune.Least)
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.gc(cmd.Context(), &o)
		},
	}
	o.source.flags(env, c)
	f := c.Flags()
	f.DurationVar(&o.keep, "keep", prune.Usual, "keep what ended within this `TIME`")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "say what would be taken away, and change nothing")
	return withFormat(c, &o.format)
}

// gc takes away what is not needed, of this repository or of the one behind a remote.
func (w *workspace) gc(ctx context.Context, o *gcOptions) error {
	remote := o.source.remote
	if remote == "" {
		use, _, err := w.Use()
		if err != nil {
			return err
		}
		return w.gcOf(ctx, o, w.Repo, "", use.Delegation)
	}
	if !w.HasRemote(ctx, remote) {
		return fault.Usagef("there is no remote %s", inert.Quote(remote))
	}
	o.source.fetch = true
	at, err := w.auditRemote(ctx, remote)
	if err != nil {
		return err
	}
	return prune.WithCopy(ctx, at.URL, at.Environ, append(auditlog.Login(at.Environ), w.loginSettings(ctx)...), func(repo *gitrepo.Repo) error {
		return w.gcOf(ctx, o, repo, prune.Remote, "")
	})
}

// gcOf plans for a repository, and carries it out there (remote "") or where it is a copy of.
func (w *workspace) gcOf(ctx context.Context, o *gcOptions, repo *gitrepo.Repo, remote, inForce string) error {
	src := prune.Sources{Repo: repo, Now: w.env.Now(), Keep: o.keep, InForce: inForce}
	do := func() error {
		plan, err := prune.Make(ctx, src)
		if err != nil {
			return fault.Undecidedf("finding what nobody needs: %w", err)
		}
		if !o.dryRun {
			if err := plan.Apply(ctx, repo, remote); err != nil {
				return fault.WithFix(fault.Undecidedf("%w", err), "a server with remit's hook takes no such push: run `remit gc` in its repository; a forge must let whoever runs it delete refs below refs/remit/ and refs/tags/remit/")
			}
		}
		return w.tellGc(plan, o)
	}
	err := withAudit(ctx, w.env, &o.source, func(a *auditLog) (err error) {
		if src.Log, err = a.Read(ctx); err != nil {
			return err
		}
		return do()
	})
	if errors.Is(err, log.ErrMissing) {
		w.say([]error{errors.New("there is no audit log: what commits name, and the marks of requests, stay")})
		return do()
	}
	return err
}

// gcJSON is what gc did, for programs.
type gcJSON struct {
	Version int                        `json:"version"`
	DryRun  bool                       `json:"dry_run"`
	Refs    map[prune.Kind]prune.Count `json:"refs"`
}

func (w *workspace) tellGc(plan *prune.Plan, o *gcOptions) error {
	if o.format == "json" {
		return writeJSON(w.env, gcJSON{1, o.dryRun, plan.Counts})
	}
	verb := "taken away"
	if o.dryRun {
		verb = "would be taken away"
	}
	for _, kind := range prune.Kinds() {
		c := plan.Counts[kind]
		if c == (prune.Count{}) {
			continue
		}
		parts := []string{fmt.Sprintf("%d %s", c.Removed, verb)}
		for _, kept := range []struct {
			count int
			why   string
		}{{c.Live, "hold, or ended a short time ago"}, {c.Needed, neededFor(kind)}, {c.Unread, "cannot be read"}} {
			if kept.count > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", kept.count, kept.why))
			}
		}
		fmt.Fprintf(w.env.Stdout, "%s: %s\n", kind, strings.Join(parts, ", "))
	}
	return nil
}

// neededFor says why refs stay that are over.
func neededFor(kind prune.Kind) string {
	if kind == prune.Delegations {
		return "are over and named by commits, and not in the audit log"
	}
	return "are not in the audit log"
}
