package logtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
)

// OnSmallDisk runs the test's own program, told what to do by its environment, with a disk of so many bytes in the place
// of a folder. It is skipped where nobody may mount in a namespace of their own.
func OnSmallDisk(t *testing.T, dir string, size int, env ...string) {
	t.Helper()
	mounted(t, fmt.Sprintf("mount -t tmpfs -o size=%d tmpfs \"$0\"", size), dir, env)
}

// ReadOnly runs it with a folder in which nobody may write, root neither.
func ReadOnly(t *testing.T, dir string, env ...string) {
	t.Helper()
	mounted(t, `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`, dir, env)
}

func mounted(t *testing.T, mount, dir string, env []string) {
	t.Helper()
	run := func(script string) ([]byte, error) {
		cmd := exec.Command("unshare", "--map-root-user", "--mount", "sh", "-c", mount+" && "+script, dir, os.Args[0])
		cmd.Env = append(os.Environ(), env...)
		return cmd.CombinedOutput()
	}
	if out, err := run("true"); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	if out, err := run(`exec "$1"`); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// FullDisk fills the disk that a log is on by appending to it, and then gives it room again: what was acknowledged is
// there, the log verifies all the time, and it goes on.
func FullDisk(t *testing.T, l *log.Log, room func()) {
	t.Helper()
	large := func(n int) *audit.Entry { return Entry(t, n, fmt.Sprintf("%0*d", audit.MaxSize/100, n)) }
	n, refused := 0, 0
	for ; refused < 3; n++ {
		if n > 10_000 {
			t.Fatal("the disk is never full")
		}
		if _, _, err := l.Append(t.Context(), nil, large(n)); err != nil {
			refused++
			n--
			if errors.Is(err, log.ErrCorrupt) || errors.Is(err, log.ErrMissing) || errors.Is(err, log.ErrConflict) {
				t.Fatalf("a full disk reads as something else: %v", err)
			}
		}
		Sound(t, l, int64(n+1))
	}
	if n == 0 {
		t.Fatal("nothing was appended")
	}
	room()
	Append(t, l, large(n), large(0))
	Sound(t, l, int64(n+1))
}
