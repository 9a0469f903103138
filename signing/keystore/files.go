package keystore

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/remit-sh/remit/atomicfile"
)

const (
	// maxFile is the longest key file, in bytes.
	maxFile = 64 << 10

	forOthers      fs.FileMode = 0o077
	writableByThem fs.FileMode = 0o022
)

// create writes a file in one step, for its owner alone, and never over another. A process that dies in
// between leaves a temporary file, which nothing reads: no key can have such a name.
func (s *Store) create(name string, data []byte) error {
	err := atomicfile.Writer{Mode: 0o600}.Create(filepath.Join(s.dir, name), data)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("creating %q: %w", filepath.Join(s.dir, name), ErrExists)
	}
	return err
}

// ensureFolder makes the store's folder, for its owner alone.
func (s *Store) ensureFolder() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the key folder: %w", err)
	}
	return s.checkFolder()
}

// checkFolder refuses a folder in which others could swap keys.
func (s *Store) checkFolder() error {
	info, err := os.Stat(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // reading a key will say so
	}
	if err != nil {
		return fmt.Errorf("looking at the key folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %q is not a folder", ErrUnsafeFile, s.dir)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&writableByThem != 0 {
		return fmt.Errorf("%w: others can write to the folder %q: run chmod 700 on it", ErrUnsafeFile, s.dir)
	}
	return nil
}

// readBlock reads the one PEM block of a private key file that only its owner can read.
func readBlock(path string) ([]byte, error) {
	before, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	// Before it is opened: to open a pipe would wait for ever.
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is a link or no regular file; name the file itself", ErrUnsafeFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(before, info) {
		return nil, fmt.Errorf("%w: it was replaced while it was opened", ErrUnsafeFile)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&forOthers != 0 {
		return nil, fmt.Errorf("%w: its mode %#o lets others use it: run chmod 600 on it, and make a new key if others may have read it", ErrUnsafeFile, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	block, rest := pem.Decode(data)
	if block == nil || !bytes.HasPrefix(data, []byte("-----BEGIN ")) || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("it is not exactly one private key in PEM form")
	}
	return data, nil
}
