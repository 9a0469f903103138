//go:build unix

package auditlog_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/invariant"
	"github.com/remit-sh/remit/internal/powercut"
)

// childDir has the test's own program keep the entry childEntry in the log of the repository there.
const (
	childDir   = "AUDITLOG_TEST_DIR"
	childEntry = "AUDITLOG_TEST_ENTRY"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	testing.Init()
	testing.Main(nil, []testing.InternalTest{{Name: "child", F: func(t *testing.T) {
		n, err := strconv.Atoi(os.Getenv(childEntry))
		must(t, err)
		must(t, keep(t, place(dir), n))
	}}}, nil, nil)
}

// The power is lost while a hook begins the log and its key, and while it goes on: what was acknowledged is there, and
// the next decision is recorded without an administrator, but for a lock that git left.
func TestPropertyPowerCuts(t *testing.T) { invariant.Property(t, 1, powerCuts) }

func powerCuts(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	want := invariant.Count(t, "REMIT_SOAK_CUTS", 30)
	cuts, made := 0, 0
	for cuts < want {
		dir := bare(t)
		disk := powercut.New(t, dir)
		acknowledged := 0
		check := func() {
			if made++; want < 100 && rng.IntN(8) > 0 {
				return // enough of it where there is little time
			}
			cuts++
			left := t.TempDir()
			disk.Write(t, rng, left)
			removeLocks(t, left)
			p := place(left)
			if err := keep(t, p, 1000); err != nil {
				t.Fatalf("cut %d: %d were acknowledged, and then: %v; not saved:\n%s", cuts, acknowledged, err, disk)
			}
			l, _, err := p.Open(t.Context())
			must(t, err)
			v, err := l.Verify(t.Context())
			if err != nil || !v.OK() || len(v.Same) > 0 || v.Entries <= int64(acknowledged) {
				t.Fatalf("cut %d: %d were acknowledged: %+v, %v; not saved:\n%s", cuts, acknowledged, v, err, disk)
			}
			for n := range acknowledged {
				if at, err := l.Find(t.Context(), logtest.Entry(t, n, "").ID); err != nil || len(at) != 1 {
					t.Fatalf("cut %d: the acknowledged entry %d is at %v, %v; not saved:\n%s", cuts, n, at, err, disk)
				}
			}
			_ = os.RemoveAll(left) // it goes at the end in any case
		}
		for n := range 2 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childDir+"="+dir, childEntry+"="+strconv.Itoa(n))
			disk.Run(t, cmd, check)
			acknowledged = n + 1
			check()
		}
		sound(t, place(dir), 2)
		if made < 50 {
			t.Fatalf("only %d changes were seen", made)
		}
	}
	t.Logf("%d cuts, at %d changes", cuts, made)
}

// removeLocks removes what a killed git left, as the message about it says.
func removeLocks(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".lock") {
			err = os.Remove(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}))
}
