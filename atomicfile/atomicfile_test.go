//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// holds checks a file's content and permissions.
func holds(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != content || info.Mode() != mode {
		t.Errorf("%s holds %q with mode %v, %v; want %q with mode %v", path, b, info.Mode(), err, content, mode)
	}
}

// only checks that a folder holds these names and nothing else.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		found = append(found, f.Name())
	}
	if strings.Join(found, " ") != strings.Join(names, " ") {
		t.Errorf("the folder holds %q, want %q", found, names)
	}
}

func TestReplaceKeepsPermissions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Replace(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new", 0o600)
	for _, mode := range []fs.FileMode{0o644, 0o755, 0o400, 0o606} {
		write(t, path, "old", mode|0o200)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, []byte("newer")); err != nil {
			t.Fatal(err)
		}
		holds(t, path, "newer", mode)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, "old", 0o644)
	if err := (Writer{Mode: 0o750}).Replace(path, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "", 0o750)
	only(t, dir, "a")
}

func TestReplaceReplacesALinkAndNotWhereItLeads(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "link"), filepath.Join(dir, "target")
	write(t, target, "theirs", 0o644)
	if err := os.Symlink("target", path); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("ours")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "ours", 0o600)
	holds(t, target, "theirs", 0o644)
}

func TestReplaceRefusesWhatIsNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	folder, pipe := filepath.Join(dir, "folder"), filepath.Join(dir, "pipe")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, what := range map[string]string{folder: "folder", pipe: "pipe"} {
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		err = Replace(path, []byte("x"))
		if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), "but a "+what) {
			t.Errorf("over a %s: %v", what, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("the %s was replaced: %v", what, err)
		}
	}
	only(t, dir, "folder", "pipe")
}

func TestErrorsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	if err := Replace(filepath.Join(dir, "none", "a"), []byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
	path := filepath.Join(dir, "a")
	write(t, path, "old", 0o644)
	// What fails late: the place is taken by a folder after it was looked at.
	err := Writer{Step: func(what string) {
		if what != "rename a" {
			return
		}
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
	}}.Replace(path, []byte("x"))
	if err == nil {
		t.Error("a folder was replaced")
	}
	only(t, dir, "a")
}

func TestCreateNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := (Writer{}).Create(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "first", 0o600)
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, link, dir} {
		for _, w := range []Writer{{}, {NoLinks: true}} {
			if err := w.Create(p, []byte("second")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("over %s: %v", p, err)
			}
		}
	}
	holds(t, path, "first", 0o600)
	only(t, dir, "a", "link")
}

func TestCreateOnceUnderRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	made := make(chan string, 16)
	var wg sync.WaitGroup
	for i := range cap(made) {
		wg.Go(func() {
			mine := strings.Repeat("x", i+1)
			if err := (Writer{}).Create(path, []byte(mine)); err == nil {
				made <- mine
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(made)
	if len(made) != 1 {
		t.Fatalf("%d of them made it", len(made))
	}
	holds(t, path, <-made, 0o600)
	only(t, dir, "a")
}

// linkless is a file system without hard links.
type linkless struct{ system }

func (linkless) Link(string, string) error { return errors.ErrUnsupported }

func TestCreateWithoutHardLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	create := func(w Writer, content string) error { return w.create(linkless{}, path, []byte(content)) }
	if err := create(Writer{}, "x"); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "hard links") {
		t.Errorf("without leave to go on: %v", err)
	}
	only(t, dir)
	if err := create(Writer{NoLinks: true}, "first"); err != nil {
		t.Error(err)
	}
	if err := create(Writer{NoLinks: true}, "second"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	holds(t, path, "first", 0o600)
	only(t, dir, "a")
}

// Where the folder aside cannot be used, the file's own is.
func TestAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, aside := range []string{t.TempDir(), filepath.Join(dir, "none"), path, "/proc"} {
		w := Writer{Aside: aside}
		if err := w.Replace(path, []byte(aside)); err != nil {
			t.Errorf("by way of %s: %v", aside, err)
		}
		holds(t, path, aside, 0o600)
		if err := w.Create(path, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("by way of %s, over a file: %v", aside, err)
		}
		if err := w.Create(filepath.Join(dir, "b"), []byte(aside)); err != nil {
			t.Errorf("by way of %s: %v", aside, err)
		}
		if err := os.Remove(filepath.Join(dir, "b")); err != nil {
			t.Error(err)
		}
		only(t, dir, "a")
	}
}

func TestBelowARoot(t *testing.T) {
	dir := t.TempDir()
	tree, out := filepath.Join(dir, "tree"), filepath.Join(dir, "out")
	for _, d := range []string{tree, filepath.Join(tree, "sub"), out} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../out", filepath.Join(tree, "away")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	w := Writer{Root: root, Mode: 0o640}
	if err := w.Create("sub/a", []byte("x")); err != nil {
		t.Error(err)
	}
	if err := w.Replace("b", []byte("y")); err != nil {
		t.Error(err)
	}
	holds(t, filepath.Join(tree, "sub", "a"), "x", 0o640)
	holds(t, filepath.Join(tree, "b"), "y", 0o640)
	for _, name := range []string{"away/a", "../out/a"} {
		if w.Create(name, nil) == nil || w.Replace(name, nil) == nil {
			t.Errorf("%s was written", name)
		}
	}
	only(t, out)
	only(t, filepath.Join(tree, "sub"), "a")
}

// What is kept is saved before it takes its name, and its name after that; what passes waits for neither.
func TestWhatIsKeptIsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, passing := range []bool{false, true} {
		var steps []string
		w := Writer{Passing: passing, Step: func(what string) { steps = append(steps, what) }}
		if err := w.Replace(path, []byte("x")); err != nil {
			t.Fatal(err)
		}
		holds(t, path, "x", 0o600)
		want := []string{"create temporary file", "fill temporary file", "save temporary file", "rename a", "save folder"}
		if passing {
			want = []string{"create temporary file", "fill temporary file", "rename a"}
		}
		if !slices.Equal(steps, want) {
			t.Errorf("passing %v: %q, want %q", passing, steps, want)
		}
	}
}

func TestIsTemp(t *testing.T) {
	dir := t.TempDir()
	var seen []string
	err := Writer{Step: func(what string) {
		if what == "rename a" {
			found, err := filepath.Glob(filepath.Join(dir, TempPattern))
			if err != nil {
				t.Fatal(err)
			}
			seen = found
		}
	}}.Replace(filepath.Join(dir, "a"), nil)
	if err != nil || len(seen) != 1 || !IsTemp(filepath.Base(seen[0])) {
		t.Errorf("the temporary file: %q, %v", seen, err)
	}
	for _, name := range []string{".remit-.tmp", ".remit-x.tm", "remit-x.tmp", ".remit-x", "a"} {
		if IsTemp(name) {
			t.Errorf("%s is taken for one", name)
		}
	}
}
