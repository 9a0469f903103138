package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/signing"
)

// gateDeploys asks the audit log what was deployed: of the repository that is here, or of a remote. Without a key that
// the policy names only that of a server's own log counts, or one that was handed over: whoever may write the branch
// could have put a log of their own there.
type gateDeploys struct {
	w      *workspace
	remote string         // "": this repository
	key    signing.Signer // that was handed over; nil for none
}

// Deployed is for [decide.Deploys].
func (g gateDeploys) Deployed(ctx context.Context, key, environment string) (list []decide.Deploy, known bool, err error) {
	ask := func(store *gitbranch.Store) error {
		verifier, err := g.verifier(ctx, store, key)
		if verifier == nil || err != nil {
			return err
		}
		known = true
		list, err = record.Deploys(ctx, &log.Log{Store: store, Verifier: verifier}, environment)
		return err
	}
	if g.remote == "" {
		if c, err := hooks.ReadServerConfig(g.w.CommonDir); err == nil && c.AuditServer != "" {
			return nil, false, nil // its log is elsewhere now, and what is here is what it was when it was moved
		}
		store, err := g.w.auditPlace("").Store(ctx)
		if err != nil {
			return nil, false, err
		}
		err = ask(store)
		return list, known, g.words(err)
	}
	if key == "" && g.key == nil {
		return nil, false, nil
	}
	at, err := g.w.auditRemote(ctx, g.remote)
	if err != nil {
		return nil, false, err
	}
	at.Environ = append(slices.DeleteFunc(slices.Clone(at.Environ), func(kv string) bool { return strings.HasPrefix(kv, "GIT_CONFIG") }), g.w.loginSettings(ctx)...)
	err = at.With(ctx, ask)
	return list, known, g.words(err)
}

// verifier is that of the key which the log must be signed with; nil where no log counts.
func (g gateDeploys) verifier(ctx context.Context, store *gitbranch.Store, key string) (note.Verifier, error) {
	if key != "" {
		return log.ParseVerifier(key)
	}
	var own *log.Log
	var err error
	if g.key != nil {
		own, err = auditlog.Under(ctx, store, g.key)
	} else {
		own, _, err = g.w.auditPlace("").Open(ctx)
	}
	switch {
	case errors.Is(err, log.ErrMissing), errors.Is(err, auditlog.ErrNone), errors.Is(err, auditlog.ErrAnotherKey):
		return nil, nil // there is none, or nothing says that it counts
	case err != nil:
		return nil, err
	}
	return own.Verifier, nil
}

// words says of a log that is not there what mends it.
func (g gateDeploys) words(err error) error {
	if errors.Is(err, log.ErrMissing) {
		return fault.WithFix(err, "the policy names the key of an audit log, and the log is not there: put its branch _audit/log back, or where there never was one make it with `remit audit fold --create`")
	}
	return err
}
