package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxInput bounds what is read of a file or stream that git or a caller names: a commit, a tag,
// a key, a bundle, a hook's list of refs.
const maxInput = 1 << 20

// readBounded reads a file, up to maxInput bytes. A relative name counts from env.Dir.
func readBounded(env *Env, name string) ([]byte, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usageErr("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	return readLimited(f, name)
}

// readLimited reads a stream to its end, up to maxInput bytes.
func readLimited(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(b) > maxInput {
		return nil, usageErr("%s is larger than %d bytes", name, maxInput)
	}
	return b, nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r")
}

// replaceFile puts a file's new content in place in one step: whoever reads it, at whatever
// moment this program is killed, finds the old content or the new. A file that is there keeps its
// permissions, and a link to it goes on leading to it.
func replaceFile(path string, content []byte) error {
	mode := os.FileMode(0o600)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		path, mode = target, info.Mode().Perm()
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
