// Package powercut tells what programs may leave on a disk when the power is lost, for tests.
//
// It has strace watch them, whatever they are made of, and follows a disk that keeps only what it was told to save: the
// content of a file by fsync of the file, a name by fsync of the folder that it is in. All else may be there after a
// loss of power or not, each by itself, and of content that was not saved any beginning. File systems in use keep more.
package powercut

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// inode is a file, whatever it is called.
type inode struct {
	content []byte // as it is in the end
	begun   []byte // what was there before
	open    bool   // written and not saved
}

// op is a change of names that lasts once their folder is saved.
type op struct {
	what     string // "link", "rename", "unlink", "mkdir", "rmdir"
	path, to string
	file     *inode
}

// names are files and folders, by their paths below the disk's folder.
type names struct {
	files map[string]*inode
	dirs  map[string]bool
}

func (n *names) clone() *names { return &names{maps.Clone(n.files), maps.Clone(n.dirs)} }

func (n *names) apply(o *op) {
	switch o.what {
	case "link":
		n.files[o.path] = o.file
	case "rename":
		delete(n.files, o.path)
		n.files[o.to] = o.file
	case "unlink":
		delete(n.files, o.path)
	case "mkdir":
		n.dirs[o.path] = true
	case "rmdir":
		delete(n.dirs, o.path)
	}
}

// Disk is what a folder holds, and what of it would last.
type Disk struct {
	dir   string
	saved *names
	now   *names
	open  []*op // in their order
}

// New is a disk on which all that is in a folder now was saved.
func New(t testing.TB, dir string) *Disk {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{dir: dir, saved: &names{map[string]*inode{}, map[string]bool{}}}
	contents, dirs := d.read(t)
	for p, b := range contents {
		d.saved.files[p] = &inode{content: b}
	}
	for _, p := range dirs {
		d.saved.dirs[p] = true
	}
	d.now = d.saved.clone()
	return d
}

func (d *Disk) read(t testing.TB) (map[string][]byte, []string) {
	t.Helper()
	files, dirs := map[string][]byte{}, []string(nil)
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(d.dir, path)
		if e.IsDir() {
			dirs = append(dirs, name)
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, dirs
}

// Tracer finds strace, or skips the test.
func Tracer(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(path, "-o", os.DevNull, "true").Run() // where nobody may trace
	}
	if err != nil {
		if os.Getenv("REMIT_CI") == "1" {
			t.Fatalf("strace cannot be used: %v", err)
		}
		t.Skipf("strace cannot be used: %v", err)
	}
	return path
}

// Run runs a program to its end, and calls at before each change that it made to the disk, and once more after the
// last: the disk stands then as it did at that moment.
func (d *Disk) Run(t testing.TB, cmd *exec.Cmd, at func()) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	args := []string{
		"strace", "-f", "-y", "-s", "65536", "-o", trace, "-e",
		"trace=openat,creat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,write,writev,pwrite64,ftruncate", "--",
	}
	cmd.Path, cmd.Args = Tracer(t), append(append(args, cmd.Path), cmd.Args[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", cmd.Args, err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	cwd := cmd.Dir
	if cwd == "" {
		cwd = d.dir
	}
	changes := d.parse(t, b, cwd)
	for i, c := range changes {
		if i > 0 && c.quiet {
			c.do()
			continue
		}
		at()
		c.do()
	}
	at()

	// What it holds in the end must be what it was followed to.
	contents, _ := d.read(t)
	if want, got := slices.Sorted(maps.Keys(contents)), slices.Sorted(maps.Keys(d.now.files)); !slices.Equal(want, got) {
		t.Fatalf("the folder holds %q, and the disk was followed to %q", want, got)
	}
}

// change is one step that was traced.
type change struct {
	quiet bool // nothing that could be lost changed
	do    func()
}

var (
	call = regexp.MustCompile(`^(\d+) +([a-z0-9]+)\((.*)\) += (-?\d+)`)
	text = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	desc = regexp.MustCompile(`^-?[A-Z0-9_]+<([^>]*)>`)
)

// parse reads a trace. What files hold is read from the folder as it is in the end; of one that is gone by then it is what
// was written, one piece after the other.
func (d *Disk) parse(t testing.TB, trace []byte, cwd string) []change {
	t.Helper()
	contents, _ := d.read(t)
	begun := map[string]string{} // by process: a call that has not returned
	now := d.now.clone()
	var out []change
	var made []*inode
	written := map[*inode][]byte{}
	add := func(o *op) {
		now.apply(o)
		out = append(out, change{do: func() { d.now.apply(o); d.open = append(d.open, o) }})
	}
	lines := bufio.NewScanner(bytes.NewReader(trace))
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		line := lines.Text()
		pid, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimLeft(rest, " ")
		if before, ok := strings.CutSuffix(rest, "<unfinished ...>"); ok {
			begun[pid] = before
			continue
		}
		if _, after, ok := strings.Cut(rest, " resumed>"); ok && strings.HasPrefix(rest, "<... ") {
			line = pid + " " + begun[pid] + after
		}
		m := call.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[4], "-") {
			continue
		}
		name, args := m[2], m[3]
		paths := d.paths(args, cwd)
		fd := ""
		if p := desc.FindStringSubmatch(args); p != nil {
			fd = d.below(strings.TrimSuffix(p[1], " (deleted)"), cwd)
		}
		switch name {
		case "openat", "creat":
			if len(paths) == 0 || paths[0] == "" || strings.Contains(args, "O_DIRECTORY") {
				continue
			}
			f := now.files[paths[0]]
			if f == nil && (strings.Contains(args, "O_CREAT") || name == "creat") {
				f = &inode{}
				made = append(made, f)
				add(&op{what: "link", path: paths[0], file: f})
			}
			if f != nil && strings.Contains(args, "O_TRUNC") {
				out = append(out, change{do: func() { f.begun, f.open = f.content, true }})
			}
		case "write", "writev", "pwrite64", "ftruncate":
			if f := now.files[fd]; fd != "" && f != nil {
				if piece := text.FindStringSubmatch(args); piece != nil && name == "write" {
					written[f] = append(written[f], unescape(piece[1])...)
				}
				out = append(out, change{quiet: true, do: func() { f.open = true }})
			}
		case "fsync", "fdatasync":
			if fd == "" {
				continue
			}
			if f := now.files[fd]; f != nil {
				out = append(out, change{do: func() { f.open = false }})
				continue
			}
			folder := fd
			out = append(out, change{do: func() { d.save(folder) }})
		case "rename", "renameat", "renameat2":
			if len(paths) == 2 && paths[0] != "" && paths[1] != "" {
				add(&op{what: "rename", path: paths[0], to: paths[1], file: now.files[paths[0]]})
			}
		case "link", "linkat":
			if len(paths) == 2 && paths[1] != "" {
				add(&op{what: "link", path: paths[1], file: now.files[paths[0]]})
			}
		case "unlink", "unlinkat", "rmdir":
			if len(paths) != 1 || paths[0] == "" {
				continue
			}
			if name == "rmdir" || strings.Contains(args, "AT_REMOVEDIR") {
				add(&op{what: "rmdir", path: paths[0]})
			} else {
				add(&op{what: "unlink", path: paths[0]})
			}
		case "mkdir", "mkdirat":
			if len(paths) == 1 && paths[0] != "" {
				add(&op{what: "mkdir", path: paths[0]})
			}
		}
	}
	for p, f := range now.files {
		if b, ok := contents[p]; ok {
			if slices.Contains(made, f) || f.content == nil {
				f.content = b
			} else if !bytes.Equal(f.content, b) { // written in place
				f.begun, f.content = f.content, b
			}
		}
	}
	for _, f := range made {
		if f.content == nil {
			f.content = written[f]
		}
	}
	return out
}

// unescape is what strace wrote as the text of a C program.
func unescape(s string) []byte {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		if at := strings.IndexByte("tnvfr", s[i]); at >= 0 {
			out = append(out, "\t\n\v\f\r"[at])
			continue
		}
		n, digits := 0, 0
		for ; digits < 3 && i+digits < len(s) && s[i+digits] >= '0' && s[i+digits] <= '7'; digits++ {
			n = n*8 + int(s[i+digits]-'0')
		}
		if digits == 0 {
			out = append(out, s[i])
			continue
		}
		out, i = append(out, byte(n)), i+digits-1
	}
	return out
}

// paths are the names in a call's arguments, below the disk's folder; "" for one that is elsewhere.
func (d *Disk) paths(args, cwd string) []string {
	var out []string
	for _, m := range text.FindAllStringSubmatchIndex(args, -1) {
		p := args[m[2]:m[3]]
		if !filepath.IsAbs(p) {
			base := cwd
			if before := strings.TrimSuffix(args[:m[0]], ", "); before != "" {
				at := before[strings.LastIndex(before, ", ")+1:]
				if f := desc.FindStringSubmatch(strings.TrimSpace(at)); f != nil {
					base = f[1]
				}
			}
			p = filepath.Join(base, p)
		}
		out = append(out, d.below(p, cwd))
	}
	return out
}

// below is a path from the disk's folder on; "" for one that is elsewhere.
func (d *Disk) below(path, cwd string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	name, err := filepath.Rel(d.dir, filepath.Clean(path))
	if err != nil || name == ".." || strings.HasPrefix(name, "../") {
		return ""
	}
	return name
}

// save saves the names in a folder.
func (d *Disk) save(folder string) {
	d.open = slices.DeleteFunc(d.open, func(o *op) bool {
		if o.what == "rename" && filepath.Dir(o.to) != folder || o.what != "rename" && filepath.Dir(o.path) != folder {
			return false
		}
		d.saved.apply(o)
		return true
	})
}

// Files are what a loss of power may leave now: what was saved, and any of what was not. Nothing is there whose folder
// is not.
func (d *Disk) Files(rng *rand.Rand) map[string][]byte {
	left := d.saved.clone()
	for _, o := range d.open {
		if rng.IntN(2) == 0 {
			left.apply(o)
		}
	}
	out := map[string][]byte{}
files:
	for p, f := range left.files {
		for dir := filepath.Dir(p); dir != "."; dir = filepath.Dir(dir) {
			if !left.dirs[dir] {
				continue files
			}
		}
		switch {
		case f == nil:
		case !f.open:
			out[p] = f.content
		case rng.IntN(3) == 0:
			out[p] = f.begun
		default:
			out[p] = f.content[:rng.IntN(len(f.content)+1)]
		}
	}
	return out
}

// Write writes what a loss of power may leave now into another folder. Folders of the disk are there too, so far as
// they were when it was begun: a repository is none without some that are empty.
func (d *Disk) Write(t testing.TB, rng *rand.Rand, to string) {
	t.Helper()
	for p := range d.saved.dirs {
		if err := os.MkdirAll(filepath.Join(to, p), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for p, b := range d.Files(rng) {
		path := filepath.Join(to, p)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// String is what is not saved, for a test that fails.
func (d *Disk) String() string {
	var b strings.Builder
	for _, o := range d.open {
		fmt.Fprintf(&b, "%s %s %s\n", o.what, o.path, o.to)
	}
	return b.String()
}
