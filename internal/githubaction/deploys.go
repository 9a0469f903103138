package githubaction

import (
	"context"
	"errors"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/record"
)

// deploys asks the repository's audit log what was deployed.
type deploys struct{ a *action }

// Deployed is for [decide.Deploys]. Only a log counts whose key the policy names: whoever may write the branch could
// have put one of their own there.
func (d deploys) Deployed(ctx context.Context, key, environment string) (list []decide.Deploy, known bool, err error) {
	if key == "" {
		return nil, false, nil
	}
	verifier, err := log.ParseVerifier(key)
	if err != nil {
		return nil, false, err
	}
	at, err := d.a.auditRemote()
	if err != nil {
		return nil, false, err
	}
	err = at.With(ctx, func(store *gitbranch.Store) (err error) {
		list, err = record.Deploys(ctx, &log.Log{Store: store, Verifier: verifier}, environment)
		return err
	})
	if errors.Is(err, log.ErrMissing) {
		err = fault.WithFix(err, "the policy names the key of an audit log, and the log is not there: put its branch _audit/log back, or where there never was one have the job that keeps it make it (docs/github.md)")
	}
	return list, err == nil, err
}
