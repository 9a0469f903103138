package hooks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Chain fills dir, a directory of remit's own such as <git dir>/remit/hooks, to which core.hooksPath
// can then point for as long as a delegation is in force. It changes no other hooks directory.
//
// Its client hooks run the hook of the same name in existing first, and then remit. Its other hooks
// only run the one in existing. Both look at the moment when git runs them, so hooks that are added
// to existing later still run; like git, they ignore files that are not executable. If the hook in
// existing is remit's own, it runs alone.
//
// existing is the absolute path of the hooks directory that git used until now, as [Locate] tells it:
// the earlier core.hooksPath, else the hooks folder of the common git directory. It need not exist.
//
// The hooks reference-transaction, push-to-checkout and proc-receive are passed through only if
// existing has them now: their mere existence changes what git does, or costs a process for each ref.
//
// Each file is written in one step and dir is made if need be. Call it again to change existing or
// remit. remit is the absolute path of the program.
func Chain(dir, existing, remit string) error {
	if err := checkChain(dir, existing, remit); err != nil {
		return fmt.Errorf("chaining to the hooks in %q: %w", existing, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- as git makes it
		return fmt.Errorf("making the hooks directory: %w", err)
	}
	for _, name := range Client.Names() {
		before := filepath.Join(existing, name)
		text := render(name, findPart+throughPart+thenPart(name), values{
			remit: remit, before: before, run: `"$remit_before"`,
			undo: "git -c core.hooksPath=" + quote(existing) + " COMMAND",
		})
		if err := putScript(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	names := passedNames()
	for _, name := range passedIfPresent() {
		if _, err := os.Stat(filepath.Join(existing, name)); err == nil {
			names = append(names, name)
		} else if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a hook that is not passed through any more: %w", err)
		}
	}
	for _, name := range names {
		text := render(name, passPart, values{before: filepath.Join(existing, name)})
		if err := putScript(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return nil
}

// putScript writes a script unless it is there already.
func putScript(path string, text []byte) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
		if old, err := readUpTo(path, maxScript); err == nil && bytes.Equal(old, text) {
			return nil
		}
	}
	return writeFile(path, text, 0o755, nil)
}

func checkChain(dir, existing, remit string) error {
	if err := checkPath("the directory", dir); err != nil {
		return err
	}
	if err := checkPath("remit's path", remit); err != nil {
		return err
	}
	if err := checkPath("the path", existing); err != nil {
		return err
	}
	if sameDir(dir, existing) {
		return errors.New("that is the chain itself: its hooks would run themselves for ever")
	}
	return nil
}

// sameDir reports whether two paths lead to one directory.
func sameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ai, aErr := os.Stat(a)
	bi, bErr := os.Stat(b)
	return aErr == nil && bErr == nil && os.SameFile(ai, bi)
}

// ChainedTo returns the directory that a chain made by [Chain] in dir passes hooks to, so that a
// caller that finds core.hooksPath set to the chain can chain again or undo it. The error wraps
// [fs.ErrNotExist] if dir holds no chain, or one that somebody changed.
func ChainedTo(dir string) (string, error) {
	const name = "commit-msg"
	b, err := readUpTo(filepath.Join(dir, name), maxScript)
	if err != nil {
		return "", fmt.Errorf("reading the chain: %w", err)
	}
	_, rest, ok := bytes.Cut(b, []byte("\nexec '"))
	word, _, end := bytes.Cut(rest, []byte("/"+name+"' \"$@\"\n"))
	if author(name, b) != intact || !ok || !end {
		return "", fmt.Errorf("reading the chain in %q: %w as remit wrote it", dir, fs.ErrNotExist)
	}
	return strings.ReplaceAll(string(word), `'\''`, `'`), nil
}
