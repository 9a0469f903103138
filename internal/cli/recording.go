package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/signing"
)

// newRun names one run of this program, so that what is decided twice is two decisions.
func newRun() string { return rand.Text() }

// explaining says what to do where nothing is recorded because nobody knows what the repository is called.
type explaining struct {
	decide.Recorder
	fix string
}

// Record is for [decide.Recorder].
func (e explaining) Record(ctx context.Context, o *decide.Outcome) error {
	err := e.Recorder.Record(ctx, o)
	if errors.Is(err, record.ErrNameless) {
		return fault.WithFix(err, "%s", e.fix)
	}
	return err
}

// keyedSink appends to the log of the repository that is here, with a key that was handed over.
type keyedSink struct {
	place auditlog.Place
	key   signing.Signer
}

// Keep is for [record.Sink].
func (s keyedSink) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (string, error) {
	store, err := s.place.Store(ctx)
	if err != nil {
		return "", err
	}
	where, err := auditlog.Keyed{Store: store, Key: s.key}.Keep(ctx, e, bundles)
	return where, notBegun(err)
}

// remoteSink appends to the log behind a remote, likewise.
type remoteSink struct {
	at  auditlog.Remote
	key signing.Signer
}

// Keep is for [record.Sink].
func (s remoteSink) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (string, error) {
	where, err := s.at.Keep(ctx, s.key, e, bundles)
	return where, notBegun(err)
}

// notBegun says how a log is made, which whoever records does not do.
func notBegun(err error) error {
	if !errors.Is(err, log.ErrMissing) {
		return err
	}
	return fault.WithFix(err, "where there was one, put its branch back, from a clone or a backup; where there never was, whoever has its key makes it: `remit audit fold --create`")
}

// spoolSink hands entries over where they wait for whoever has the log's key: on a remote, "" for here.
type spoolSink struct {
	place       auditlog.Place
	remote, url string
}

// Keep is for [record.Sink].
func (s spoolSink) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (string, error) {
	store, err := s.place.Store(ctx)
	if err != nil {
		return "", err
	}
	spool := &gitbranch.Spool{Store: store, Remote: s.url, RemoteEnv: auditlog.Login(s.place.Environ)}
	where, err := record.Spool{Spool: spool}.Keep(ctx, e, bundles)
	if err != nil && s.remote != "" {
		return "", fault.WithFix(err, "see that whoever runs this may make refs below %s in %s, or hand the log's key over in %s", gitbranch.SpoolPrefix, inert.Word(s.remote), auditlog.KeyVariable)
	}
	return where, err
}

// sayWhereRecorded says where the log has what is said.
func sayWhereRecorded(env *Env, o *decide.Outcome) {
	if o.Recorded != "" {
		fmt.Fprintf(env.Stderr, "remit: %s.\n", o.Recorded)
	}
}
