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
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/invariant"
)

// childDir has the test's own program append for ever to the log there, and say what was acknowledged.
const childDir = "AUDIT_FOLDER_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		testing.Init()
		testing.Main(nil, []testing.InternalTest{{Name: "child", F: func(t *testing.T) { logtest.AppendForever(t, logtest.Log(t, Open(dir))) }}}, nil, nil)
		return
	}
	os.Exit(m.Run())
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

// disk follows what a store does, as a disk would that keeps only what it was told to save.
type disk struct {
	kept  map[string]string // files, as they are after a loss of power
	dirs  map[string]bool   // folders whose names are kept
	open  []change          // of names, which may or may not be kept
	saved bool              // the temporary file is
}

type change struct{ what, path, content string }

// cut is what one loss of power may leave: what was saved, and any of what was not.
func (d *disk) cut(rng *rand.Rand) map[string][]byte {
	kept, dirs := maps.Clone(d.kept), maps.Clone(d.dirs)
	for _, c := range d.open {
		if rng.IntN(2) == 0 {
			apply(kept, dirs, c)
		}
	}
	out := map[string][]byte{}
files:
	for p, content := range kept {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if !dirs[dir] {
				continue files
			}
		}
		out[p] = []byte(content)
	}
	return out
}

func apply(files map[string]string, dirs map[string]bool, c change) {
	switch c.what {
	case "rename":
		files[c.path] = c.content
	case "remove":
		delete(files, c.path)
	case "make folder":
		dirs[c.path] = true
	}
}

// step is told before each change; contents are those that are to be written.
func (d *disk) step(what, p string, contents map[string]string) {
	switch what {
	case "create temporary file":
		d.saved = false
	case "save temporary file":
		d.saved = true
	case "rename":
		content := contents[p]
		if !d.saved {
			content = content[:len(content)/2] // its end was never written
		}
		d.open = append(d.open, change{what, p, content})
	case "remove", "make folder":
		d.open = append(d.open, change{what, p, ""})
	case "save folder":
		d.open = slices.DeleteFunc(d.open, func(c change) bool {
			if path.Dir(c.path) != path.Dir(p) {
				return false
			}
			apply(d.kept, d.dirs, c)
			return true
		})
	}
}

// spy knows what is to be written, and calls f before each step.
type spy struct {
	*Store
	contents map[string]string
}

func (s *spy) Commit(ctx context.Context, base log.View, change log.Change) error {
	for _, f := range change.Put {
		s.contents[f.Path] = string(f.Content)
	}
	return s.Store.Commit(ctx, base, change)
}

// The power is lost before and after each step of many commits: what was acknowledged is there, and the log verifies.
func TestPropertyPowerCuts(t *testing.T) { invariant.Property(t, 1, powerCuts) }

func powerCuts(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	s := &spy{Store: Open(filepath.Join(t.TempDir(), "audit")), contents: map[string]string{}}
	d := &disk{kept: map[string]string{}, dirs: map[string]bool{}}
	created, acknowledged, cuts := false, int64(0), 0
	check := func() {
		cuts++
		left := logtest.Log(t, &logtest.Memory{Files: d.cut(rng)})
		v, err := left.Verify(t.Context())
		if !created && errors.Is(err, log.ErrMissing) {
			return
		}
		if err != nil || !v.OK() || v.Entries < acknowledged {
			t.Fatalf("cut %d: %d were acknowledged, and it is left with %+v, %v", cuts, acknowledged, v, err)
		}
		// And it goes on from there.
		if _, _, err := left.Append(t.Context(), nil, logtest.Entry(t, 100_000, "")); err != nil {
			t.Fatalf("cut %d: %v", cuts, err)
		}
	}
	s.step = func(what, p string) {
		check()
		d.step(what, p, s.contents)
		check()
	}
	l := logtest.Log(t, s)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	created = true
	n := 0
	for _, size := range []int{1, 1, 3, 250, 2} {
		if size > 100 { // so many files tell nothing new
			s.step = func(what, p string) { d.step(what, p, s.contents) }
		}
		logtest.Append(t, l, logtest.Entries(t, n, n+size)...)
		s.step = func(what, p string) {
			check()
			d.step(what, p, s.contents)
			check()
		}
		n += size
		acknowledged = int64(n)
		check()
	}
	t.Logf("%d cuts", cuts)
	if !strings.Contains(fmt.Sprint(slices.Sorted(maps.Keys(d.kept))), "tile/entries/001.p/1") {
		t.Errorf("the disk was not followed: %q", slices.Sorted(maps.Keys(d.kept)))
	}
}
