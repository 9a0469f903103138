//go:build unix

package auditlog

import (
	"context"
	"os"
	"syscall"
	"time"
)

const (
	lockPause = 3 * time.Millisecond
	lockWait  = 20 * time.Second
)

// turn waits until nobody else who does the same appends: several at once are slower than one after the other, since
// each that comes second begins again. Whoever waits too long goes on: of two that commit, one does it again.
func turn(ctx context.Context, path string) (end func()) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}
	}
	end = func() { _ = f.Close() } // which gives the lock up
	for waited := time.Duration(0); waited < lockWait && ctx.Err() == nil; waited += lockPause {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil || err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			break
		}
		time.Sleep(lockPause)
	}
	return end
}
