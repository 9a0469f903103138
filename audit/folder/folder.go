// Package folder keeps the files of an audit log in a folder, for a server hook and for tests.
//
// A commit puts each new file in place and saves it, then the checkpoint, which makes it count: whoever is killed, or
// loses power, before that leaves files that nothing refers to and that the next commit replaces. Partial tiles of the
// checkpoint before are taken away last. Writers take turns by a lock on the file "lock", which the system gives up
// with the process that held it; readers take none.
package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
)

const (
	checkpoint = "checkpoint"
	lockFile   = "lock"

	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// Store is a log's folder. Its methods may be called from several goroutines and processes at once.
type Store struct {
	dir  string
	mu   sync.Mutex
	kept map[string]bool // folders whose names this process saved

	step func(what, path string) // before each lasting change; for tests
}

// Open is the store in a folder, which need not be there yet. Nothing is read or made.
func Open(dir string) *Store { return &Store{dir: dir, kept: map[string]bool{}} }

// Look is the log as it is now.
func (s *Store) Look(ctx context.Context) (log.View, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", log.ErrMissing, s.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	v := &view{dir: s.dir}
	v.checkpoint, err = read(root, checkpoint)
	if err == nil && v.checkpoint == nil {
		err = missing(root, s.dir)
	}
	if err := errors.Join(err, root.Close()); err != nil {
		return nil, err
	}
	return v, nil
}

// missing says that there is no log, or that one has lost its checkpoint, which must not read as none.
func missing(root *os.Root, dir string) error {
	_, err := root.Lstat("tile")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w in %s", log.ErrMissing, dir)
	case err != nil:
		return fmt.Errorf("opening the audit log: %w", err)
	}
	return fault.WithFix(fmt.Errorf("%w: %s holds entries and no checkpoint", log.ErrCorrupt, dir), "put the checkpoint back from a backup")
}

// view is a log whose checkpoint was read. Its other files are read when they are asked for: they never change, but
// for those that later ones replace.
type view struct {
	dir        string
	checkpoint []byte
}

// Read is for [log.View].
func (v *view) Read(ctx context.Context, paths []string) (_ [][]byte, err error) {
	root, err := os.OpenRoot(v.dir)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	out := make([][]byte, len(paths))
	for i, p := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p == checkpoint {
			out[i] = v.checkpoint
			continue
		}
		if out[i], err = read(root, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read is the content of a regular file; nil where nothing, or something else, is there.
func read(root *os.Root, path string) (_ []byte, err error) {
	info, err := root.Lstat(filepath.FromSlash(path))
	if err != nil || !info.Mode().IsRegular() {
		if err == nil || isAbsent(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	f, err := root.Open(filepath.FromSlash(path))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, log.MaxFile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	if len(b) > log.MaxFile {
		return nil, fmt.Errorf("reading the audit log: %s has more than %d bytes", path, log.MaxFile)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// Commit is for [log.Store].
func (s *Store) Commit(ctx context.Context, base log.View, change log.Change) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the audit log: %w", err)
		}
	}()
	var before []byte
	if v, ok := base.(*view); ok {
		before = v.checkpoint
	} else if base != nil {
		return errors.New("the view is of another store")
	}
	if before == nil {
		s.at("make folder", ".")
		if err := makeAll(s.dir); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	unlock, err := lock(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	switch now, err := read(root, checkpoint); {
	case err != nil:
		return err
	case !bytes.Equal(now, before):
		return log.ErrConflict
	case before == nil:
		if err := missing(root, s.dir); !errors.Is(err, log.ErrMissing) {
			return err
		}
	}
	if err := s.put(ctx, root, change); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.kept) // somebody may have taken a folder away
		return err
	}
	return nil
}

func (s *Store) put(ctx context.Context, root *os.Root, change log.Change) error {
	for _, f := range change.Put {
		// What was not made to count can be given up at any moment.
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.makeFolder(root, path.Dir(f.Path)); err != nil {
			return err
		}
		w := atomicfile.Writer{Root: root, Mode: fileMode}
		if s.step != nil {
			w.Step = func(what string) {
				s.step(strings.TrimSuffix(what, " "+path.Base(f.Path)), f.Path)
			}
		}
		if err := w.Replace(filepath.FromSlash(f.Path), f.Content); err != nil {
			return err
		}
	}
	for _, p := range change.Drop {
		s.at("remove", p)
		if err := root.Remove(filepath.FromSlash(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			// The log is whole; what stays is in nobody's way.
			continue
		}
	}
	return nil
}

// makeFolder makes a folder and those above it, and saves their names. That of one that is there is saved too: whoever
// made it may have been stopped before.
func (s *Store) makeFolder(root *os.Root, dir string) error {
	if dir == "." || s.isKept(dir) {
		return nil
	}
	if err := s.makeFolder(root, path.Dir(dir)); err != nil {
		return err
	}
	s.at("make folder", dir)
	if err := root.Mkdir(filepath.FromSlash(dir), folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s.at("save folder", dir)
	if err := atomicfile.SyncFolder(filepath.Join(s.dir, filepath.FromSlash(path.Dir(dir)))); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[dir] = true
	return nil
}

func (s *Store) isKept(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[dir]
}

// makeAll makes the log's own folder and those above it, and saves their names.
func makeAll(dir string) error {
	err := os.Mkdir(dir, folderMode)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		if err := makeAll(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, folderMode)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// One that is there may be in a folder that is not ours to read.
	if saveErr := atomicfile.SyncFolder(filepath.Dir(dir)); saveErr != nil && (err == nil || !errors.Is(saveErr, fs.ErrPermission)) {
		return saveErr
	}
	return nil
}

func (s *Store) at(what, path string) {
	if s.step != nil {
		s.step(what, path)
	}
}
