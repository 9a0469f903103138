package largelog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
)

const (
	copiers    = 4   // bundles of entries that are copied at once
	bundleRead = 256 // delegation bundles that are copied at once
)

// Migrate moves a log that nobody appends to any more: entries, tiles and checkpoint are the same afterwards, and what
// is appended next continues it. Both are verified as a whole. One that was stopped goes on when it is run again; a log
// that is complete is never written over.
func Migrate(ctx context.Context, c Config, from *log.Log) (_ log.Checkpoint, err error) {
	defer wrap(&err, "moving the audit log %s", c.Signer.Name())
	key, err := c.keyFile()
	if err != nil {
		return log.Checkpoint{}, err
	}
	was, err := verified(ctx, from)
	if err != nil {
		return log.Checkpoint{}, fault.WithFix(fmt.Errorf("the log as it was: %w", err), "mend it first; a log that does not hold together is not moved")
	}
	if err := c.Place.open(ctx); err != nil {
		return log.Checkpoint{}, err
	}
	defer func() { err = errors.Join(err, c.Place.close()) }()
	if err := vacant(ctx, c, was); err != nil {
		return log.Checkpoint{}, err
	}
	view, err := from.Store.Look(ctx)
	if err != nil {
		return log.Checkpoint{}, err
	}
	if err := copyEntries(ctx, c, view, was); err != nil {
		return log.Checkpoint{}, err
	}
	if err := copyBeside(ctx, c, from); err != nil {
		return log.Checkpoint{}, err
	}
	l := &Log{c: c, published: was}
	if l.index, err = c.Place.index(ctx); err != nil {
		return log.Checkpoint{}, err
	}
	err = errors.Join(l.recoverIndex(ctx), l.index.close())
	if err != nil {
		return log.Checkpoint{}, err
	}
	moved := &log.Log{
		Store:    &fixed{place: c.Place, index: l.index, checkpoint: was.Signed, key: key},
		Verifier: c.Verifier, Pins: []log.Checkpoint{was},
	}
	if _, err := verified(ctx, moved); err != nil {
		return log.Checkpoint{}, fmt.Errorf("the log as it is moved: %w", err)
	}
	if now, err := from.Checkpoint(ctx); err != nil || now.Size != was.Size || now.Hash != was.Hash {
		return log.Checkpoint{}, fault.WithFix(errors.Join(fault.Refusedf("the log has grown while it was moved"), err), "stop whoever writes it, and run this again")
	}
	if err := c.Place.put(ctx, checkpointPath, was.Signed); err != nil {
		return log.Checkpoint{}, err
	}
	// The key is the last: without it nothing is appended here.
	return was, c.Place.put(ctx, log.KeyPath, key)
}

// verified is the checkpoint of a log without a fault.
func verified(ctx context.Context, l *log.Log) (log.Checkpoint, error) {
	v, err := l.Verify(ctx)
	if err != nil {
		return log.Checkpoint{}, err
	}
	if !v.OK() {
		return log.Checkpoint{}, fmt.Errorf("%w: %s (and %d more faults)", log.ErrCorrupt, v.Faults[0].Text, len(v.Faults)-1+v.More)
	}
	return v.Checkpoint, nil
}

// vacant refuses a place that has another log than a beginning of this one.
func vacant(ctx context.Context, c Config, was log.Checkpoint) error {
	files, err := c.Place.read(ctx, []string{log.KeyPath, checkpointPath})
	if err != nil {
		return err
	}
	state, err := c.Place.tree(ctx)
	if err != nil {
		return err
	}
	switch {
	case files[0] != nil:
		return fault.WithFix(log.ErrExist, "nothing is to be moved where the log is already; else name a place that is empty")
	case files[1] != nil && string(files[1]) != string(was.Signed), state != nil && (state.N > was.Size || state.next > was.Size):
		return fault.WithFix(fmt.Errorf("%w, and it is another one", log.ErrExist), "name a place that is empty")
	}
	return nil
}

func copyEntries(ctx context.Context, c Config, from log.View, was log.Checkpoint) error {
	driver, err := c.Place.driver(ctx)
	if err != nil {
		return err
	}
	target, err := tessera.NewMigrationTarget(ctx, driver, tessera.NewMigrationOptions())
	if err != nil {
		return err
	}
	if was.Size > 0 {
		err := target.Migrate(ctx, copiers, uint64(was.Size), was.Hash[:], func(ctx context.Context, index uint64, p uint8) ([]byte, error) {
			files, err := from.Read(ctx, []string{layout.EntriesPath(index, p)})
			if err == nil && files[0] == nil {
				err = fmt.Errorf("%s is missing", layout.EntriesPath(index, p))
			}
			if err != nil {
				return nil, err
			}
			return files[0], nil
		})
		if err != nil {
			return err
		}
	}
	return c.Place.migrated(ctx, was.Size)
}

// copyBeside copies the delegations and statements that the entries name.
func copyBeside(ctx context.Context, c Config, from *log.Log) error {
	r, err := from.Read(ctx)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	err = r.Walk(ctx, 0, r.Checkpoint().Size, false, func(_ int64, b []byte) error {
		e, err := audit.Parse(b)
		if err != nil {
			return err
		}
		for _, path := range log.FilesOf(e) {
			named[path] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	paths := make([]string, 0, len(named))
	for p := range named {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for part := range slices.Chunk(paths, bundleRead) {
		files, err := r.Files(ctx, part)
		if err != nil {
			return err
		}
		for i, b := range files {
			if b == nil {
				continue
			}
			if err := c.Place.put(ctx, part[i], b); err != nil {
				return err
			}
		}
	}
	return nil
}
