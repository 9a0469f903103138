package hooks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// tempPattern names files that are being written. git runs none of them, and one that an interrupted
// run left behind does no harm until [Uninstall] takes it away.
const tempPattern = ".remit-*.tmp"

// steps is called before each lasting change to the disk; tests stop the program there.
type steps func(what string)

func (s steps) at(what string) {
	if s != nil {
		s(what)
	}
}

// writeFile puts text at path in one step: whoever looks sees the old file or the new one, whole,
// even after the machine loses power.
func writeFile(path string, text []byte, mode fs.FileMode, step steps) error {
	temp, err := writeTemp(filepath.Dir(path), text, mode, step)
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	step.at("rename " + filepath.Base(path))
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("writing %q: %w", path, err), os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

func writeTemp(dir string, text []byte, mode fs.FileMode, step steps) (_ string, err error) {
	step.at("create temporary file")
	f, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	step.at("fill temporary file")
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode) // a hook must be executable for whoever pushes, whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return f.Name(), err
}

// syncDir makes renames in dir last. Windows has no such call and needs none.
func syncDir(dir string) (err error) {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir) // the caller's own hooks directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("saving %q: %w", dir, err)
	}
	return nil
}

// readUpTo reads a file of at most limit bytes, following a link.
func readUpTo(path string, limit int64) (_ []byte, err error) {
	f, err := os.Open(path) // the caller's own hooks directory
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("reading %q: %w of %d bytes", path, errTooLong, limit)
	}
	return b, nil
}

var errTooLong = errors.New("longer than the limit")
