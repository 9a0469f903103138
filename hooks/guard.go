package hooks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// guardName is the hook that git runs before it changes a branch, however that comes about.
const guardName = "reference-transaction"

// Guard puts a hook into usual, git's usual hooks directory, that refuses to move branches where a delegation is
// in force and git has lost the settings by which it would sign as the delegate: then nothing would sign,
// or the person's own key. While git reads the settings it looks for hooks elsewhere, and never runs it.
//
// file is the file of settings, below the git directory; marker the key of git's configuration that it sets.
// Where somebody has a hook of that name there is no guard.
func Guard(usual, file, marker string) error {
	path := filepath.Join(usual, guardName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && !isGuard(path) {
		return err
	}
	if err := makeHooksDir(usual); err != nil {
		return err
	}
	return putScript(path, render(guardName, guardPart, values{file: file, marker: marker}))
}

// RemoveGuard undoes [Guard].
func RemoveGuard(usual string) error {
	path := filepath.Join(usual, guardName)
	if !isGuard(path) {
		return nil
	}
	return os.Remove(path)
}

// isGuard reports whether a file is what [Guard] writes.
func isGuard(path string) bool { return filepath.Base(path) == guardName && isOurs(path) }

// lost is what the guard says.
const lost = "remit: stopped. A delegation is in force in this work tree, but git's configuration has lost what `remit use` wrote there,\n" +
	"so commits would not be signed by the delegate. To mend it: remit use DIGEST (remit delegations lists them). To go on as yourself: remit use --none"
