package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/remit-sh/remit/inert"
)

// Bounds on the chain of alternates; five levels are what git follows.
const (
	maxAlternateDepth = 5
	maxAlternates     = 1000
	maxAlternatesFile = 1 << 20
)

// objectDirs lists the object directories of a repository, the one that git would write to first:
// the quarantine of an incoming push, the repository's own, and their alternates.
func objectDirs(commonDir string, env environment) ([]string, error) {
	d := dirLister{seen: map[string]bool{}}
	quarantine := env.get("GIT_QUARANTINE_PATH")
	for _, dir := range []string{env.get("GIT_OBJECT_DIRECTORY"), quarantine, filepath.Join(commonDir, "objects")} {
		if dir == "" {
			continue
		}
		if err := d.add(dir, 0); err != nil {
			return nil, err
		}
	}
	// git names them with its path-list separator and may quote each.
	for _, dir := range splitAlternates(env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES"), os.PathListSeparator) {
		if err := d.add(dir, 0); err != nil {
			return nil, err
		}
	}
	return d.dirs, nil
}

type dirLister struct {
	dirs []string
	seen map[string]bool
}

// add appends an object directory and what its info/alternates names, at most five levels deep.
// A directory that is not there is skipped, as git does: what it had will be missing by name.
func (d *dirLister) add(dir string, depth int) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding object directory %s: %w", inert.Quote(dir), err)
	}
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil
	} else if err != nil {
		return fmt.Errorf("reading object directory %s: %w", inert.Quote(dir), err)
	}
	key := dir
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		key = resolved
	}
	if d.seen[key] {
		return nil
	}
	if len(d.dirs) == maxAlternates {
		return fmt.Errorf("reading alternates: more than %d object directories", maxAlternates)
	}
	d.seen[key] = true
	d.dirs = append(d.dirs, dir)
	if depth >= maxAlternateDepth {
		return nil
	}
	content, err := readSmall(filepath.Join(dir, "info", "alternates"), maxAlternatesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("reading alternates of %s: %w", inert.Quote(dir), err)
	}
	for _, line := range splitAlternates(string(content), '\n') {
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		if err := d.add(line, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// splitAlternates splits a list of object directories in either of git's two forms: one a line, or
// with the separator of PATH. An element that begins with a double quote is quoted like a C string;
// one that begins with # is a comment.
func splitAlternates(list string, separator rune) []string {
	var dirs []string
	for list != "" {
		var element string
		if unquoted, rest, ok := unquoteC(list); ok {
			element, list = unquoted, strings.TrimPrefix(rest, string(separator))
		} else {
			element, list, _ = strings.Cut(list, string(separator))
			if strings.HasPrefix(element, "#") {
				continue
			}
		}
		if element != "" && strings.IndexByte(element, 0) < 0 {
			dirs = append(dirs, element)
		}
	}
	return dirs
}

// unquoteC reads one string quoted as git's quote.c does, and returns what follows it.
func unquoteC(s string) (unquoted, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			if at := strings.IndexByte(`abfnrtv\"`, s[i]); at >= 0 {
				b.WriteByte("\a\b\f\n\r\t\v\\\""[at])
				continue
			}
			if i+2 >= len(s) || s[i] > '3' {
				return "", "", false
			}
			var octal byte
			for _, d := range []byte(s[i : i+3]) {
				if d < '0' || d > '7' {
					return "", "", false
				}
				octal = octal<<3 | (d - '0')
			}
			b.WriteByte(octal)
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// quoteAlternate writes a directory so that git reads it back from GIT_ALTERNATE_OBJECT_DIRECTORIES.
func quoteAlternate(dir string) string {
	if !strings.HasPrefix(dir, `"`) && !strings.HasPrefix(dir, "#") && !strings.ContainsRune(dir, os.PathListSeparator) {
		return dir
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(dir) + `"`
}

// openRegular opens a file to be read, with its size, and nothing else that a path may lead to.
func openRegular(path string) (f *os.File, size int64, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // which never waits for a pipe's writer
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", inert.Quote(path))
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	var b bytes.Buffer
	b.Grow(int(min(size, limit)) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", inert.Quote(path), limit)
	}
	return b.Bytes(), nil
}
