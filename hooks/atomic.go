package hooks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/remit-sh/remit/atomicfile"
)

// steps is called before each lasting change to the disk; tests stop the program there.
type steps func(what string)

func (s steps) at(what string) {
	if s != nil {
		s(what)
	}
}

// writeFile puts text at path in one step. A hook must be executable for whoever pushes, whatever the umask.
// git runs no temporary file, and one that an interrupted run left behind does no harm until [Uninstall]
// takes it away.
func writeFile(path string, text []byte, mode fs.FileMode, step steps) error {
	return atomicfile.Writer{Mode: mode, Step: step.at}.Replace(path, text)
}

// makeHooksDir makes a hooks directory if need be.
func makeHooksDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- as git makes it: whoever pushes reads hooks
		return fmt.Errorf("making the hooks directory: %w", err)
	}
	return nil
}

// syncDir makes the names that were given and taken beside path last.
func syncDir(path string) error { return atomicfile.SyncFolder(filepath.Dir(path)) }

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
