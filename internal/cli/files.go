package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
)

// maxInput bounds what is read of a file or stream that git or a caller names: a commit, a tag,
// a key, a bundle, a hook's list of refs.
const maxInput = 1 << 20

// errNotRegular means that something is there under a file's name, and that it is no file.
var errNotRegular = errors.New("it is no regular file")

// readNamed reads a file that somebody names on the command line, up to limit bytes. A relative name
// counts from env.Dir. In a work tree it must be a regular file of that tree: who made the tree may have
// put a device, a pipe or a link in the place of a file, and reading these never ends, or takes what is
// none of the tree's. Elsewhere a pipe is read too, such as the shell's <(…): the caller made it.
func readNamed(env *Env, name string, limit int64) ([]byte, error) {
	path := absolute(env, name)
	if tree, rel, ok := inWorkTree(env, path); ok {
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
	return readBelow(path, limit)
}

// readBelow reads a regular file that git or this program names, up to limit bytes.
func readBelow(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path, os.Stat, os.OpenFile)
	if err != nil {
		return nil, err
	}
	return readOpened(f, path, limit)
}

// openRegular opens a regular file to read it. What is there is looked at before, because to open a
// device may do something, and again once it is open, because it may have been replaced. It never waits.
func openRegular(path string, stat func(string) (fs.FileInfo, error), open func(string, int, fs.FileMode) (*os.File, error)) (*os.File, error) {
	info, err := stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w but a %s", path, errNotRegular, kindOf(info.Mode()))
	}
	f, err := open(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w but a %s", path, errNotRegular, kindOf(info.Mode()))
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, err
	}
	return f, nil
}

// kindOf says what a file is that is no regular one.
func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	default:
		return "thing that is not read"
	}
}

// readOpened reads an open file to its end, and closes it.
func readOpened(f *os.File, name string, limit int64) ([]byte, error) {
	defer func() { _ = f.Close() }() // only read from
	return readUpTo(f, name, limit)
}

// inWorkTree tells whether a path is in the work tree around env.Dir, and its name there.
func inWorkTree(env *Env, path string) (tree, rel string, ok bool) {
	if strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/dev/shm/") || strings.HasPrefix(path, "/proc/") {
		return "", "", false // the system's, even where the work tree is /; in shm lie anybody's files
	}
	tree, _, _, err := gitrepo.Discover(env.Dir)
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

// readBounded reads a file that a caller names, up to maxInput bytes. A relative name counts from env.Dir.
func readBounded(env *Env, name string) ([]byte, error) {
	b, err := readNamed(env, name, maxInput)
	return b, unreadable(name, err)
}

// unreadable says why a file that was named is not read, and what to do.
func unreadable(name string, err error) error {
	var c *fault.Error
	switch {
	case err == nil || errors.As(err, &c):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return fault.Usagef("%w", err)
	default:
		return fault.WithFix(fault.Usagef("%s is not read: %w", name, err),
			"in a work tree only its own regular files are read; name the file itself, by a path that no link leads out of it")
	}
}

// readGits reads a file that git hands over by name.
func readGits(env *Env, name string) ([]byte, error) {
	b, err := readBelow(absolute(env, name), maxInput)
	return b, unreadable(name, err)
}

// readLimited reads a stream to its end, up to maxInput bytes.
func readLimited(r io.Reader, name string) ([]byte, error) { return readUpTo(r, name, maxInput) }

func readUpTo(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fault.Usagef("%s is larger than %d bytes", name, limit)
	}
	return b, nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r")
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

// replaceNamed puts new content in the place of a file that somebody names, as replaceFile does. A link
// to it goes on leading to it; one that leads out of the work tree is not written through.
func replaceNamed(env *Env, name string, content []byte) error {
	path := absolute(env, name)
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Lstat(path); there == nil {
			return fault.WithFix(fault.Refusedf("%s is a link to nothing, and is not written through", name), "remove it, or name the file itself")
		}
		var folder string
		if folder, err = filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			target = filepath.Join(folder, filepath.Base(path))
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if tree, _, ok := inWorkTree(env, path); ok {
		if leadsOut(tree, filepath.Dir(path)) || target != path && leadsOut(tree, target) {
			return fault.WithFix(fault.Refusedf("%s leads out of the work tree %s, and is not written through", name, tree), "put a regular file there, or name the file itself")
		}
	}
	return replaceFile(target, content)
}

// replaceFile puts a file's new content in place in one step: whoever reads it, at whatever
// moment this program is killed, finds the old content or the new. A file that is there keeps its
// permissions. A link is replaced and not followed; a thing that is no regular file stays.
func replaceFile(path string, content []byte) error {
	mode := os.FileMode(0o600)
	if info, err := os.Lstat(path); err == nil {
		switch {
		case info.Mode().IsRegular():
			mode = info.Mode().Perm()
		case info.Mode()&fs.ModeSymlink == 0:
			return fmt.Errorf("writing %s: %w but a %s", path, errNotRegular, kindOf(info.Mode()))
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".remit-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone already where the rename worked
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}
