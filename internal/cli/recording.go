package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/record"
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

// sayWhereRecorded says where the log has what is said.
func sayWhereRecorded(env *Env, o *decide.Outcome) {
	if o.Recorded != "" {
		fmt.Fprintf(env.Stderr, "remit: %s.\n", o.Recorded)
	}
}
