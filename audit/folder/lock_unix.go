//go:build unix

package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockPause is how long a writer waits before it tries the lock again.
const lockPause = 2 * time.Millisecond

// isAbsent reports whether nothing is at a path: not even a folder where the path goes on.
func isAbsent(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// lock waits until no other writer holds the folder. The system gives up the lock with the process.
func lock(ctx context.Context, root *os.Root) (unlock func() error, err error) {
	f, err := root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case ctx.Err() != nil:
			return nil, errors.Join(ctx.Err(), f.Close())
		case err == nil:
			return f.Close, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(fmt.Errorf("locking the folder: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
		case <-time.After(lockPause):
		}
	}
}
