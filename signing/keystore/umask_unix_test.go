//go:build unix

package keystore

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The tests below need a process of their own: a umask is process-wide, and one process is killed.
const childEnv = "REMIT_TEST_KEYSTORE_CHILD"

func TestMain(m *testing.M) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	syscall.Umask(0)
	s := Open(dir)
	for i := 0; ; i++ {
		name := "k" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26))
		if _, err := s.New(name, nil); err != nil {
			os.Exit(1)
		}
	}
}

// With umask 0, whatever is looked at at any moment is for its owner alone; and however often the
// process is killed, each key that is listed is whole.
func TestNeverReadableAndWholeWhenKilled(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	looks, keys := 0, 0
	for round := range 15 {
		dir := filepath.Join(t.TempDir(), "keys")
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childEnv+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Duration(20+7*round) * time.Millisecond); time.Now().Before(deadline); {
			looks += lookAt(t, dir)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		lookAt(t, dir)

		s := Open(dir)
		list, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			keys++
			if _, err := s.Load(name, nil); err != nil {
				t.Errorf("after the kill: %v", err)
			}
		}
	}
	if looks == 0 || keys == 0 {
		t.Errorf("%d files were looked at and %d keys loaded: nothing was tested", looks, keys)
	}
	t.Logf("%d files looked at, %d keys loaded", looks, keys)
}

// lookAt checks the modes of the folder and of each file in it, and counts the files.
func lookAt(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	for _, path := range append(glob(t, filepath.Join(dir, "*")), glob(t, filepath.Join(dir, ".*"))...) {
		info, err := os.Lstat(path)
		if err != nil {
			continue // a temporary file that is gone
		}
		if n++; info.Mode()&forOthers != 0 {
			t.Fatalf("%s has mode %v", path, info.Mode())
		}
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode() != fs.ModeDir|0o700 {
		t.Fatalf("the folder has mode %v", info.Mode())
	}
	return n
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A named pipe in a key's place must not hang whoever reads it.
func TestPipeInsteadOfKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(path, nil); err == nil || !bytes.Contains([]byte(err.Error()), []byte("no regular file")) {
		t.Errorf("a pipe: %v", err)
	}
}
