package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
)

// MaxInput bounds what is read of a file or stream that git or a caller names: a commit, a tag,
// a key, a bundle, a hook's list of refs.
const MaxInput = 1 << 20

// ReadNamed reads a file that somebody names on the command line, up to limit bytes. A relative name
// counts from the working directory. In a work tree it must be a regular file of that tree: who made the
// tree may have put a device, a pipe or a link in the place of a file, and reading these never ends, or
// takes what is none of the tree's. Elsewhere a pipe is read too, such as the shell's <(…): the caller
// made it. A file that is longer is a fault; other errors are the system's.
func (e Env) ReadNamed(name string, limit int64) ([]byte, error) {
	path := e.Absolute(name)
	if tree, rel, ok := e.inWorkTree(path); ok {
		root, err := os.OpenRoot(tree)
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }() // only a handle
		f, err := openRegular(rel, root.Stat, root.OpenFile)
		if err != nil && leadsOut(tree, path) {
			return nil, fmt.Errorf("a link leads it out of the work tree %s", tree)
		}
		if err != nil {
			return nil, err
		}
		return readOpened(f, name, limit)
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return readOpened(f, name, limit)
	}
	return ReadFile(path, limit)
}

// ReadInput is [Env.ReadNamed] up to [MaxInput] bytes, with errors that say what to do.
func (e Env) ReadInput(name string) ([]byte, error) {
	b, err := e.ReadNamed(name, MaxInput)
	return b, unreadable(name, err)
}

// ReadGits reads a file that git hands over by name, up to [MaxInput] bytes.
func (e Env) ReadGits(name string) ([]byte, error) {
	b, err := ReadFile(e.Absolute(name), MaxInput)
	return b, unreadable(name, err)
}

// ReadFile reads a regular file that git or this program names, up to limit bytes. It never waits.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path, os.Stat, os.OpenFile)
	if err != nil {
		return nil, err
	}
	return readOpened(f, path, limit)
}

// ReadStream reads a stream to its end, up to limit bytes. Messages call it by name.
func ReadStream(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fault.Usagef("%s is larger than %d bytes", name, limit)
	}
	return b, nil
}

// openRegular opens a regular file to read it. What is there is looked at before, because to open a
// device may do something, and again once it is open, because it may have been replaced. It never waits.
func openRegular(path string, stat func(string) (fs.FileInfo, error), open func(string, int, fs.FileMode) (*os.File, error)) (*os.File, error) {
	info, err := stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, atomicfile.NotRegular(info.Mode()))
	}
	f, err := open(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, atomicfile.NotRegular(info.Mode()))
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, err
	}
	return f, nil
}

// readOpened reads an open file to its end, and closes it.
func readOpened(f *os.File, name string, limit int64) ([]byte, error) {
	defer func() { _ = f.Close() }() // only read from
	return ReadStream(f, name, limit)
}

// inWorkTree tells whether a path is in the work tree around the working directory, and its name there.
func (e Env) inWorkTree(path string) (tree, rel string, ok bool) {
	if strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/dev/shm/") || strings.HasPrefix(path, "/proc/") {
		return "", "", false // the system's, even where the work tree is /; in shm lie anybody's files
	}
	tree, _, _, err := gitrepo.Discover(e.Dir)
	if err != nil || tree == "" {
		return "", "", false
	}
	if rel, err = filepath.Rel(tree, path); err == nil && filepath.IsLocal(rel) {
		return tree, rel, true
	}
	// Either may be written by way of a link above the tree.
	top, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return "", "", false
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", "", false
	}
	rel, err = filepath.Rel(top, filepath.Join(folder, filepath.Base(path)))
	return tree, rel, err == nil && filepath.IsLocal(rel)
}

// leadsOut reports whether a link leads a path out of the work tree.
func leadsOut(tree, path string) bool {
	top, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return false
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(top, target)
	return err != nil || !filepath.IsLocal(rel)
}

// absent is a file that is not there, by the name that somebody gave it.
type absent struct{ name string }

func (e *absent) Error() string { return "there is no file " + inert.Word(e.name) }

func (e *absent) Unwrap() error { return fs.ErrNotExist }

// unreadable says why a file that was named is not read, and what to do.
func unreadable(name string, err error) error {
	var c *fault.Error
	switch {
	case err == nil || errors.As(err, &c):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.Usagef("%w", &absent{name})
	case errors.Is(err, fs.ErrPermission):
		return fault.Usagef("the file %s may not be read by this account", inert.Word(name))
	default:
		return fault.WithFix(fault.Usagef("%s is not read: %w", name, err),
			"in a work tree only its own regular files are read; name the file itself, by a path that no link leads out of it")
	}
}
