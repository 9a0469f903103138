//go:build unix

package folder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/invariant"
	"github.com/remit-sh/remit/internal/powercut"
)

// childDir has the test's own program append for ever to the log there, and say what was acknowledged.
const (
	childDir     = "AUDIT_FOLDER_TEST_DIR"
	childEntries = "AUDIT_FOLDER_TEST_ENTRIES" // what is done instead: "create", "full", "read only", or entries are appended once ("3-5")
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		testing.Init()
		testing.Main(nil, []testing.InternalTest{{Name: "child", F: func(t *testing.T) { child(t, logtest.Log(t, Open(dir))) }}}, nil, nil)
		return
	}
	os.Exit(m.Run())
}

func child(t *testing.T, l *log.Log) {
	switch from, number, _ := strings.Cut(os.Getenv(childEntries), "-"); from {
	case "":
		logtest.AppendForever(t, l)
	case "full":
		filler := filepath.Join(filepath.Dir(os.Getenv(childDir)), "filler")
		if err := os.WriteFile(filler, make([]byte, 300_000), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		logtest.FullDisk(t, l, func() {
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		})
	case "read only":
		if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 2, "")); !errors.Is(err, syscall.EROFS) {
			t.Errorf("appending: %v", err)
		}
		logtest.Sound(t, l, 2)
	case "create":
		if _, err := l.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
	default:
		first, err := strconv.Atoi(from)
		if err != nil {
			t.Fatal(err)
		}
		next, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		logtest.Append(t, l, logtest.Entries(t, first, next)...)
	}
}

func begun(t *testing.T) (*log.Log, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := logtest.Log(t, Open(dir))
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func TestStore(t *testing.T) { logtest.Store(t, Open(filepath.Join(t.TempDir(), "a", "b"))) }

// Whatever the sizes of the batches, the folder holds what any other store would, and nothing of the states between.
func TestFiles(t *testing.T) {
	l, dir := begun(t)
	memory := &logtest.Memory{}
	model := logtest.Log(t, memory)
	if _, err := model.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, size := range []int{1, 2, 255, 1, 30} {
		logtest.Append(t, l, logtest.Entries(t, n, n+size)...)
		logtest.Append(t, model, logtest.Entries(t, n, n+size)...)
		n += size
	}
	files := filesBelow(t, dir)
	delete(files, lockFile)
	for p, b := range memory.Files {
		if files[p] != string(b) {
			t.Errorf("%s holds %.80q", p, files[p])
		}
		delete(files, p)
	}
	if len(files) > 0 {
		t.Errorf("it also holds %q", slices.Collect(maps.Keys(files)))
	}
	logtest.Sound(t, l, int64(n))
}

func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A folder with entries and without a checkpoint is no empty log, and none is made of it.
func TestALostCheckpoint(t *testing.T) {
	l, dir := begun(t)
	logtest.Append(t, l, logtest.Entry(t, 1, ""))
	if err := os.Remove(filepath.Join(dir, checkpoint)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Checkpoint(t.Context()); !errors.Is(err, log.ErrCorrupt) || errors.Is(err, log.ErrMissing) {
		t.Errorf("reading: %v", err)
	}
	if _, err := l.Create(t.Context()); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("creating: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, checkpoint)); err == nil {
		t.Error("a checkpoint was made")
	}
}

// A link in the log's folder leads nowhere else.
func TestLinksLeadNowhere(t *testing.T) {
	l, dir := begun(t)
	logtest.Append(t, l, logtest.Entry(t, 0, ""))
	out := t.TempDir()
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "index")), os.Symlink(out, filepath.Join(dir, "index"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 1, "")); err == nil {
		t.Error("it was appended by way of a link")
	}
	if files := filesBelow(t, out); len(files) > 0 {
		t.Errorf("the link was followed: %q", files)
	}
}

// A writer that holds the lock and does not end hinders nobody for longer than they want to wait.
func TestLockIsCalledOff(t *testing.T) {
	l, dir := begun(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	unlock, err := lock(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 1, ""))
		done <- err
	}()
	if _, err := l.Checkpoint(t.Context()); err != nil {
		t.Errorf("reading beside a writer: %v", err)
	}
	select {
	case err := <-done:
		t.Errorf("it was appended beside a writer: %v", err)
	default:
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	logtest.Sound(t, l, 1)
}

// Writers that are killed at any moment: the log verifies, and holds what was acknowledged.
func TestPropertyKilledAtAnyMoment(t *testing.T) { invariant.Property(t, 1, killed) }

func killed(t *testing.T, seed uint64) {
	l, dir := begun(t)
	logtest.Kills{
		Kills: invariant.Count(t, "REMIT_SOAK_KILLS", 20), Within: 60 * time.Millisecond,
		Command: func(int) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childDir+"="+dir)
			return cmd
		},
	}.Run(t, l, seed, nil)
}

// A writer that is stopped before any of its files, as where the disk is full, changes nothing that counts.
func TestStoppedBeforeEachFile(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "audit"))
	l := logtest.Log(t, s)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for stop := 0; ; stop++ {
		ctx, cancel := context.WithCancel(t.Context())
		files := 0
		s.step = func(what, _ string) {
			if what != "create temporary file" {
				return
			}
			if files++; files == stop {
				cancel()
			}
		}
		got, _, err := l.Append(ctx, nil, logtest.Entries(t, 0, int(size)+2)...)
		cancel()
		if err == nil {
			size += 2
		}
		s.step = nil
		logtest.Sound(t, l, size)
		if stop > files { // it was not stopped at all
			if stop < 5 || err != nil {
				t.Errorf("%d files, %+v, %v", files, got, err)
			}
			return
		}
	}
}

// A disk that is full: what was acknowledged stays, nothing else is, and with room again it goes on.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	logtest.OnSmallDisk(t, dir, 1_000_000, childDir+"="+filepath.Join(dir, "audit"), childEntries+"=full")
}

// A folder in which nobody may write: nothing is acknowledged, and reading goes on.
func TestAReadOnlyFolder(t *testing.T) {
	l, dir := begun(t)
	logtest.Append(t, l, logtest.Entries(t, 0, 2)...)
	logtest.ReadOnly(t, dir, childDir+"="+dir, childEntries+"=read only")
	logtest.Sound(t, l, 2)
}

// The power is lost before and after each change that making a log and appending make to the disk: what was
// acknowledged is there, and the log verifies and goes on.
func TestPropertyPowerCuts(t *testing.T) { invariant.Property(t, 1, powerCuts) }

func powerCuts(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	want := invariant.Count(t, "REMIT_SOAK_CUTS", 80)
	dir := filepath.Join(t.TempDir(), "made", "audit")
	disk := powercut.New(t, filepath.Dir(filepath.Dir(dir)))
	created, acknowledged, cuts, before := false, int64(0), 0, 0
	check := func() {
		if want < 1000 && rng.IntN(5) > 0 {
			return // enough of it where there is little time
		}
		for range max(1, want/400) {
			cuts++
			copied := t.TempDir()
			disk.Write(t, rng, copied)
			left := logtest.Log(t, Open(filepath.Join(copied, "made", "audit")))
			v, err := left.Verify(t.Context())
			if !created && errors.Is(err, log.ErrMissing) {
				before++
				continue
			}
			if err != nil || !v.OK() || v.Entries < acknowledged {
				t.Fatalf("cut %d: %d were acknowledged, and it is left with %+v, %v; not saved:\n%s", cuts, acknowledged, v, err, disk)
			}
			if cuts%5 == 0 { // and it goes on from there
				if _, _, err := left.Append(t.Context(), nil, logtest.Entry(t, 100_000, "")); err != nil {
					t.Fatalf("cut %d: %v", cuts, err)
				}
			}
			_ = os.RemoveAll(copied) // it goes at the end in any case
		}
	}
	step := func(entries string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, childEntries+"="+entries)
		disk.Run(t, cmd, check)
	}
	step("create")
	created = true
	check()
	for _, next := range []int64{1, 2, 5, 7, 8, 9, 10} {
		step(fmt.Sprintf("%d-%d", acknowledged, next))
		acknowledged = next
		check()
	}
	for cuts < want {
		step(fmt.Sprintf("%d-%d", acknowledged, acknowledged+2))
		acknowledged += 2
		check()
	}
	if before == 0 && want >= 1000 {
		t.Error("no cut was before the log was made")
	}
	t.Logf("%d cuts", cuts)
}
