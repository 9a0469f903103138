//go:build unix

package workspace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestGitIsAskedToEnd: git that is called off takes its locks away itself, and one that does not end is ended.
func TestGitIsAskedToEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trap string
		left bool // the lock stays
	}{
		"cleans up":    {trap: "trap 'rm lock; exit 1' TERM"},
		"does not end": {trap: "trap '' TERM", left: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			git := "#!/bin/sh\n" + tc.trap + "\ntouch lock\nwhile :; do sleep 0.02; done\n"
			// A program that another test starts meanwhile would hold the file open, and it could not be run.
			syscall.ForkLock.RLock()
			err := os.WriteFile(filepath.Join(dir, "git"), []byte(git), 0o700)
			syscall.ForkLock.RUnlock()
			if err != nil {
				t.Fatal(err)
			}
			lock := filepath.Join(dir, "lock")
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			go func() {
				for {
					if _, err := os.Lstat(lock); err == nil {
						stop()
						return
					}
					time.Sleep(time.Millisecond)
				}
			}()
			out, err := runGit(ctx, filepath.Join(dir, "git"), Env{Environ: os.Environ()}, dir, "config")
			if err == nil {
				t.Errorf("it went well: %q", out)
			}
			if _, err := os.Lstat(lock); errors.Is(err, fs.ErrNotExist) == tc.left {
				t.Errorf("the lock: %v", err)
			}
		})
	}
}
