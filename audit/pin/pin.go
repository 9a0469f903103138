// Package pin keeps what a clone has seen of audit logs: the key that it trusts, and the last checkpoint. A log that
// was rolled back, or of which its signer shows another history, is told from the true one by that alone.
package pin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
)

const (
	version = 1
	maxFile = 1 << 20 // bytes
	maxLogs = 1000

	lockTries = 50
	lockPause = 20 * time.Millisecond
)

// Pin is what was seen of one log.
type Pin struct {
	Place      string // where it was read: a ref of the repository, or a folder
	Key        string // its verifier key
	Checkpoint log.Checkpoint
}

// File is where pins are kept.
type File struct{ Path string }

type pinsJSON struct {
	Version int       `json:"version"`
	Logs    []pinJSON `json:"logs"`
}

type pinJSON struct {
	Place      string `json:"place"`
	Key        string `json:"key"`
	Checkpoint string `json:"checkpoint"` // the signed note
}

// Read is the pin of a log; nil where it was not seen yet. A file that cannot be read is an error: what was seen is
// not forgotten silently.
func (f File) Read(place string) (*Pin, error) {
	pins, err := f.read()
	if err != nil {
		return nil, fault.WithFix(fault.Refusedf("what was seen of the audit log cannot be read: %s: %w", f.Path, err),
			"restore that file; or remove it, and the log's key and state are trusted anew: compare them with what others saw")
	}
	for _, p := range pins {
		if p.Place == place {
			return &p, nil
		}
	}
	return nil, nil
}

func (f File) read() ([]Pin, error) {
	b, err := readFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file pinsJSON
	if err := json.Unmarshal(b, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, errors.New(inert.Error(err))
	}
	if file.Version != version || len(file.Logs) > maxLogs {
		return nil, fmt.Errorf("its version is %d, not %d, or it has more than %d logs", file.Version, version, maxLogs)
	}
	var out []Pin
	for _, p := range file.Logs {
		key, err := log.ParseVerifier(p.Key)
		if err != nil {
			return nil, err
		}
		c, err := log.OpenCheckpoint([]byte(p.Checkpoint), key)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(q Pin) bool { return q.Place == p.Place }) {
			return nil, fmt.Errorf("it has two pins of %s", inert.Quote(p.Place))
		}
		out = append(out, Pin{p.Place, p.Key, c})
	}
	return out, nil
}

func readFile(path string) (b []byte, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, atomicfile.NotRegular(info.Mode())
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", info.Size(), maxFile)
	}
	return os.ReadFile(path)
}

// Keep replaces a pin by a later one that was proven to continue it, and the one of no log yet by the first; before
// is what [File.Read] returned. Where somebody else moved the pin meanwhile, theirs stays: it was proven too, and the
// next look proves this one against it. A pin never moves back.
func (f File) Keep(ctx context.Context, before *Pin, now Pin) error {
	if before != nil && now.Checkpoint.Size < before.Checkpoint.Size {
		return fmt.Errorf("keeping what was seen of the audit log: %w: a pin never moves back", log.ErrRolledBack)
	}
	if before != nil && before.Key == now.Key && before.Checkpoint.Size == now.Checkpoint.Size {
		return nil
	}
	if err := f.keep(ctx, before, now); err != nil {
		return fmt.Errorf("keeping what was seen of the audit log: %w", err)
	}
	return nil
}

func (f File) keep(ctx context.Context, before *Pin, now Pin) (err error) {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return err
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	pins, err := f.read()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(pins, func(p Pin) bool { return p.Place == now.Place })
	switch {
	case at < 0 && before == nil:
		if len(pins) == maxLogs {
			return fmt.Errorf("%d logs were seen, and no more are kept", maxLogs)
		}
		pins = append(pins, now)
	case at < 0 || before == nil || pins[at].Key != before.Key || pins[at].Checkpoint.Size != before.Checkpoint.Size || pins[at].Checkpoint.Hash != before.Checkpoint.Hash:
		return nil // somebody else moved it
	default:
		pins[at] = now
	}
	file := pinsJSON{Version: version}
	for _, p := range pins {
		file.Logs = append(file.Logs, pinJSON{p.Place, p.Key, string(p.Checkpoint.Signed)})
	}
	b, err := json.Marshal(file, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return atomicfile.Replace(f.Path, append(b, '\n'))
}

// lock waits until no other program changes the file.
func (f File) lock(ctx context.Context) (unlock func() error, err error) {
	name := f.Path + ".lock"
	for try := 1; ; try++ {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			if err := file.Close(); err != nil {
				return nil, err
			}
			return func() error { return os.Remove(name) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if try == lockTries {
			return nil, fault.WithFix(fault.Undecidedf("another program is at it, or one that was killed left %s", name), "see that no remit runs here, and remove %s", name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPause):
		}
	}
}
