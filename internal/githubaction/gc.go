package githubaction

import (
	"context"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/internal/prune"
	"github.com/remit-sh/remit/signing"
)

// gc takes away the refs of the repository that nobody needs any more, now that the log is folded, and says what it did.
func (a *action) gc(ctx context.Context, at auditlog.Remote, key signing.Signer) (string, error) {
	var plan *prune.Plan
	err := prune.WithCopy(ctx, at.URL, at.Environ, at.Login, func(repo *gitrepo.Repo) error {
		err := at.With(ctx, func(store *gitbranch.Store) error {
			l, err := auditlog.Under(ctx, store, key)
			if err != nil {
				return err
			}
			var reader *log.Reader
			if reader, err = l.Read(ctx); err != nil {
				return err
			}
			plan, err = prune.Make(ctx, prune.Sources{Repo: repo, Log: reader, Now: a.env.Now(), Keep: prune.Usual})
			return err
		})
		if err != nil {
			return err
		}
		return plan.Apply(ctx, repo, prune.Remote)
	})
	if err != nil {
		return "", err
	}
	var parts []string
	for _, kind := range prune.Kinds() {
		if n := plan.Counts[kind].Removed; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) == 0 {
		return "", nil
	}
	return "taken away, since they are over and nobody needs them: " + strings.Join(parts, ", ") + ".", nil
}

// tidy is gc after a fold, which did what it is for whatever comes of this.
func (a *action) tidy(ctx context.Context, at auditlog.Remote, key signing.Signer, done *auditlog.Fold) (said string) {
	said, err := a.gc(ctx, at, key)
	if err != nil {
		done.Notes = append(done.Notes, "refs that nobody needs could not be taken away: "+strings.TrimSuffix(inert.Error(err), ".")+
			". Where a ruleset keeps "+delegation.GateRefs+" from being deleted, let whoever folds delete there")
	}
	return said
}
