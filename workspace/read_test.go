//go:build unix

package workspace

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/fault"
)

func (w *world) pipe(name string) {
	w.t.Helper()
	if err := syscall.Mkfifo(w.path(name), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestReadNamed(t *testing.T) {
	w := newWorld(t)
	w.write("work/a", "in the tree")
	w.write("work/sub/b", "below")
	w.write("out", "outside")
	w.link("a", "work/inside")
	w.link("../out", "work/away")
	w.link(w.path("work"), "by-link")
	w.pipe("work/pipe")
	w.pipe("pipe")
	w.env.Dir = w.path("work/sub")
	for name, want := range map[string]string{
		"b": "below", "../a": "in the tree", "../inside": "in the tree", w.path("work/a"): "in the tree",
		w.path("by-link/a"): "in the tree", "../../out": "outside", w.path("out"): "outside",
	} {
		if b, err := w.env.ReadNamed(name, 100); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]string{
		"../away": "a link leads it out", w.path("by-link/away"): "a link leads it out", "../pipe": "but a pipe", "..": "but a folder",
		"none": "no such file", w.path(""): "but a folder", "/dev/zero": "but a device",
	} {
		b, err := w.env.ReadNamed(name, 100)
		if err == nil || !strings.Contains(err.Error(), want) || b != nil {
			t.Errorf("%s: %q, %v; want %q", name, b, err, want)
		}
	}
	// A pipe that the caller made is read: there is no tree that could have put it there.
	go func() {
		if f, err := os.OpenFile(w.path("pipe"), os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteString("through the pipe")
			_ = f.Close()
		}
	}()
	if b, err := w.env.ReadNamed(w.path("pipe"), 100); err != nil || string(b) != "through the pipe" {
		t.Errorf("the caller's pipe: %q, %v", b, err)
	}
	// A byte more is too much.
	if b, err := w.env.ReadNamed("b", 5); err != nil || len(b) != 5 {
		t.Errorf("up to the limit: %q, %v", b, err)
	}
	if _, err := w.env.ReadNamed("b", 4); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "larger than 4 bytes") {
		t.Errorf("over the limit: %v", err)
	}
}

func TestReadInputSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.write("out", "x")
	w.link("../out", "work/away")
	_, err := w.env.ReadInput("away")
	if fault.KindOf(err) != fault.Usage || fault.FixOf(err) == "" {
		t.Errorf("a link out: %v", err)
	}
	_, err = w.env.ReadInput("none")
	if fault.KindOf(err) != fault.Usage || fault.FixOf(err) != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	// git may hand over a link, but nothing that could be waited for.
	if b, err := w.env.ReadGits("away"); err != nil || string(b) != "x" {
		t.Errorf("git's link: %q, %v", b, err)
	}
	w.pipe("work/pipe")
	if _, err := w.env.ReadGits("pipe"); !errors.Is(err, atomicfile.ErrNotRegular) {
		t.Errorf("git's pipe: %v", err)
	}
}

func TestReadStream(t *testing.T) {
	for n, ok := range map[int]bool{0: true, 9: true, 10: true, 11: false} {
		b, err := ReadStream(bytes.NewReader(make([]byte, n)), "it", 10)
		if (err == nil) != ok || ok && len(b) != n || !ok && b != nil {
			t.Errorf("%d bytes: %d, %v", n, len(b), err)
		}
	}
}

func TestReplaceNamed(t *testing.T) {
	w := newWorld(t)
	w.write("work/a", "old")
	w.write("out/a", "theirs")
	w.link("a", "work/inside")
	w.link("../out/a", "work/away")
	w.link("../out", "work/folder")
	w.link("nowhere", "work/dangling")
	w.link(w.path("work"), "by-link")
	for _, name := range []string{"a", "inside", w.path("by-link/a"), "new", w.path("out/new")} {
		if err := w.env.ReplaceNamed(name, []byte("new "+name)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(w.env.Absolute(name)); err != nil || string(b) != "new "+name {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}
	if info, err := os.Lstat(w.path("work/inside")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link inside the tree was replaced: %v, %v", info, err)
	}
	for _, name := range []string{"away", "folder/a", "folder/new2", "dangling"} {
		err := w.env.ReplaceNamed(name, []byte("ours"))
		if fault.KindOf(err) != fault.Refused || fault.FixOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.read("out/a"); got != "theirs" {
		t.Errorf("written out of the tree: %q", got)
	}
	if _, err := os.Lstat(w.path("out/new2")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made out of the tree: %v", err)
	}
}
