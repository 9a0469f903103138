package largelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
)

const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600

	lockFile    = "lock" // as package audit/folder has it: of the two, one writes
	treeFile    = ".state/treeState"
	indexedFile = "index/indexed"

	indexSaves = 30 * time.Second // how often the index is saved
	indexKeeps = 50_000           // entries after which it is saved at once
	indexMost  = 1_000_000        // entries that are kept in memory where it cannot be saved
)

// Folder is a log in a folder of a file system that keeps what was saved, for one process at a time.
type Folder struct {
	Dir string

	root *os.Root
	lock *os.File
}

func (f *Folder) pace() pace {
	return pace{sign: 100 * time.Millisecond, gather: 20 * time.Millisecond, look: 20 * time.Millisecond}
}

func (f *Folder) open(context.Context) (err error) {
	if err := os.MkdirAll(f.Dir, folderMode); err != nil {
		return err
	}
	if f.root, err = os.OpenRoot(f.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.lock, err = f.root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, fileMode); err != nil {
		return err
	}
	if err := syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fault.WithFix(fault.Refusedf("%s is in use: %w", f.Dir, err), "stop the other process that writes this log; one at a time does")
	}
	return nil
}

func (f *Folder) close() (err error) {
	if f.lock != nil {
		err = f.lock.Close()
		f.lock = nil
	}
	if f.root != nil {
		err = errors.Join(err, f.root.Close())
		f.root = nil
	}
	return err
}

func (f *Folder) driver(ctx context.Context) (tessera.Driver, error) {
	return posix.New(ctx, posix.Config{Path: f.Dir})
}

// tree reads what Tessera notes of itself.
func (f *Folder) tree(context.Context) (*tree, error) {
	b, err := f.readFile(treeFile)
	if err != nil || b == nil {
		return nil, err
	}
	var state struct {
		Size int64  `json:"size"`
		Root []byte `json:"root"`
	}
	if err := json.Unmarshal(b, &state); err != nil {
		return nil, fmt.Errorf("reading %s: %w", treeFile, err)
	}
	if state.Size < 0 || len(state.Root) != tlog.HashSize {
		return nil, fmt.Errorf("%s is not what Tessera writes", treeFile)
	}
	return &tree{Tree: tlog.Tree{N: state.Size, Hash: tlog.Hash(state.Root)}, next: state.Size}, nil
}

func (f *Folder) migrated(context.Context, int64) error { return nil }

func (f *Folder) read(ctx context.Context, paths []string) ([][]byte, error) {
	out := make([][]byte, len(paths))
	for i, p := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if out[i], err = f.readFile(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readFile is the content of a regular file; nil where there is none.
func (f *Folder) readFile(path string) (_ []byte, err error) {
	file, err := f.root.OpenFile(filepath.FromSlash(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(file, log.MaxFile+1))
	if err != nil {
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

func (f *Folder) put(_ context.Context, path string, content []byte) error {
	if err := f.makeFolders(path); err != nil {
		return err
	}
	return atomicfile.Writer{Root: f.root, Mode: fileMode}.Replace(filepath.FromSlash(path), content)
}

// makeFolders makes the folders that a file is in, and saves their names.
func (f *Folder) makeFolders(file string) error {
	dir := path.Dir(file)
	if dir == "." {
		return nil
	}
	switch err := f.root.Mkdir(filepath.FromSlash(dir), folderMode); {
	case errors.Is(err, fs.ErrNotExist):
		if err := f.makeFolders(dir); err != nil {
			return err
		}
		return f.makeFolders(file)
	case err != nil && !errors.Is(err, fs.ErrExist):
		return err
	}
	// One that is there may have been made by a process that was stopped before it was saved.
	return atomicfile.SyncFolder(filepath.Join(f.Dir, filepath.FromSlash(path.Dir(dir))))
}

func (f *Folder) index(ctx context.Context) (index, error) {
	x := &folderIndex{f: f, fresh: map[string][]byte{}, saved: time.Now()}
	var err error
	x.noted, err = x.size(ctx)
	return x, err
}

// folderIndex is the index in files. New lines are kept in memory and written to the files' ends now and then, which a
// file of its own then notes: what came after the note is added again after a crash, and only the parts that it is in
// can be cut.
type folderIndex struct {
	f *Folder

	mu     sync.Mutex
	fresh  map[string][]byte // lines by the parts that they belong to
	going  map[string][]byte // those that are being written
	to     int64             // entries that are in it
	noted  int64             // entries that the files are known to have
	saved  time.Time
	saving chan struct{} // closed when what is being written is; nil: nothing is
	failed error         // why the last could not be
}

func (x *folderIndex) size(context.Context) (int64, error) {
	b, err := x.f.readFile(indexedFile)
	if err != nil || b == nil {
		return 0, err
	}
	n, _ := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
	return max(n, 0), nil // what is no number is nought: the index is made again
}

func (x *folderIndex) add(_ context.Context, from int64, ids []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, id := range ids {
		p := log.IndexPath(id)
		x.fresh[p] = append(x.fresh[p], log.IndexLine(id, from+int64(i))...)
	}
	x.to = from + int64(len(ids))
	if x.to-x.noted >= indexKeeps || time.Since(x.saved) >= indexSaves {
		x.save()
	}
	if x.to-x.noted >= indexMost {
		return x.failed
	}
	return nil
}

// save begins to write what is fresh, and notes it then.
func (x *folderIndex) save() {
	if x.saving != nil {
		return
	}
	// What could not be written may have been in part.
	from, whole := x.noted, x.failed == nil
	to, done := x.to, make(chan struct{})
	x.going, x.fresh, x.saving, x.saved = x.fresh, map[string][]byte{}, done, time.Now()
	going := x.going
	go func() {
		err := x.write(going, from, to, whole)
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.failed = err; err == nil {
			x.noted = to
		} else {
			for p, lines := range x.fresh {
				going[p] = append(going[p], lines...)
			}
			x.fresh = going
		}
		x.going, x.saving = nil, nil
		close(done)
	}()
}

// wait writes what is fresh, and waits for it.
func (x *folderIndex) wait() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.fresh) > 0 || x.saving != nil {
		x.save()
		done := x.saving
		x.mu.Unlock()
		<-done
		x.mu.Lock()
		if x.failed != nil {
			return x.failed
		}
	}
	return nil
}

// recover writes at once, to files that may have some of it.
func (x *folderIndex) recover(_ context.Context, from int64, ids []string) error {
	parts := map[string][]byte{}
	for i, id := range ids {
		p := log.IndexPath(id)
		parts[p] = append(parts[p], log.IndexLine(id, from+int64(i))...)
	}
	to := from + int64(len(ids))
	if err := x.write(parts, from, to, false); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.to, x.noted = to, to
	return nil
}

// write adds lines to the ends of their parts, has the disk keep them and notes that. Where the parts are not known to
// be whole, they are made anew of what they had of the entries before.
func (x *folderIndex) write(parts map[string][]byte, from, to int64, whole bool) error {
	folders := map[string]bool{"index": true}
	for p := range parts {
		for dir := path.Dir(p); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(folders)) // those above before those below
	for _, dir := range sorted {
		if err := x.f.root.Mkdir(filepath.FromSlash(dir), folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for p, lines := range parts {
		flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
		if !whole {
			before, err := x.f.readFile(p)
			if err != nil {
				return err
			}
			var kept []byte
			log.ParseIndex(before, func(id string, at int64) {
				if at < from {
					kept = append(kept, log.IndexLine(id, at)...)
				}
			})
			flags, lines = os.O_WRONLY|os.O_CREATE|os.O_TRUNC, append(kept, lines...)
		}
		file, err := x.f.root.OpenFile(filepath.FromSlash(p), flags, fileMode)
		if err != nil {
			return err
		}
		_, err = file.Write(lines)
		if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
			return err
		}
	}
	for _, dir := range append(sorted, ".") {
		if err := atomicfile.SyncFolder(filepath.Join(x.f.Dir, filepath.FromSlash(dir))); err != nil {
			return err
		}
	}
	return x.f.put(context.Background(), indexedFile, fmt.Appendf(nil, "%d\n", to))
}

func (x *folderIndex) find(ctx context.Context, ids []string) (map[string][]int64, error) {
	wanted, paths := map[string]bool{}, []string{}
	for _, id := range ids {
		wanted[id] = true
		paths = append(paths, log.IndexPath(id))
	}
	slices.Sort(paths)
	parts, err := x.read(ctx, slices.Compact(paths))
	if err != nil {
		return nil, err
	}
	out := map[string][]int64{}
	for _, part := range parts {
		log.ParseIndex(part, func(id string, n int64) {
			if wanted[id] && !slices.Contains(out[id], n) {
				out[id] = append(out[id], n)
			}
		})
	}
	return out, nil
}

func (x *folderIndex) read(ctx context.Context, paths []string) ([][]byte, error) {
	// Before the files: what is written meanwhile is then in both, and not in neither.
	fresh := make([][]byte, len(paths))
	x.mu.Lock()
	for i, p := range paths {
		fresh[i] = slices.Concat(x.going[p], x.fresh[p])
	}
	x.mu.Unlock()
	out, err := x.f.read(ctx, paths)
	if err != nil {
		return nil, err
	}
	for i, lines := range fresh {
		if len(lines) == 0 {
			continue
		}
		whole := out[i][:bytes.LastIndexByte(out[i], '\n')+1] // without a line that is being written
		out[i] = slices.Concat(whole, lines)
	}
	return out, nil
}

func (x *folderIndex) close() error { return x.wait() }
