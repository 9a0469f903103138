//go:build unix

package gitbranch_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/invariant"
)

// sizeOf is how many bytes the files below a folder have.
func sizeOf(t testing.TB, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// What a long log costs: the time is said, and what an append adds to the repository must not follow the log's size.
func TestGrowth(t *testing.T) {
	t.Parallel()
	most := invariant.Count(t, "REMIT_SOAK_SIZE", 2000)
	const some = 20 // appends that are measured
	dir := bare(t)
	l := begun(t, dir, 0)
	n := 0
	for _, size := range []int{0, most / 100, most / 10, most} {
		began := time.Now()
		from := n
		for n < size {
			next := min(n+1000, size)
			logtest.Append(t, l, logtest.Entries(t, n, next)...)
			n = next
		}
		if n > from {
			t.Logf("%d entries, 1,000 at once: %v an entry", n-from, (time.Since(began) / time.Duration(n-from)).Round(time.Microsecond))
		}
		before := sizeOf(t, filepath.Join(dir, "objects"))
		var times []time.Duration
		for range some {
			began := time.Now()
			logtest.Append(t, l, logtest.Entry(t, n, ""))
			times = append(times, time.Since(began))
			n++
		}
		slices.Sort(times)
		added := (sizeOf(t, filepath.Join(dir, "objects")) - before) / some
		t.Logf("%d entries: appending one takes %v (median), and adds %d bytes", size, times[some/2].Round(100*time.Microsecond), added)
		if added > 150_000 {
			t.Errorf("%d entries: an append adds %d bytes", size, added)
		}
	}
	began := time.Now()
	logtest.Sound(t, l, int64(n))
	took := time.Since(began)
	whole := sizeOf(t, dir)
	git(t, dir, "gc", "-q", "--prune=now")
	t.Logf("%d entries: verifying all takes %v, %v an entry; the repository has %d bytes, %d an entry after git gc", n,
		took.Round(time.Millisecond), (took / time.Duration(n)).Round(time.Microsecond), whole, sizeOf(t, dir)/int64(n))
	logtest.Sound(t, in(t, dir), int64(n))
}
