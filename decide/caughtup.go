package decide

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
)

// caughtUp is the tree that a work branch had before, but where the branch now has what stands on the default
// branch, it has that: a file that came by catching up is nobody's change. Known are trees of the default
// branch, as it is and where the branch has it from.
type caughtUp struct {
	before, after fs.FS
	known         []fs.FS
}

// Open opens a file or a directory of the tree.
func (c caughtUp) Open(name string) (fs.File, error) { return c.at(name).Open(name) }

// Lstat says what a name is.
func (c caughtUp) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(c.at(name), name) }

// Stat is Lstat: no link is followed.
func (c caughtUp) Stat(name string) (fs.FileInfo, error) { return c.Lstat(name) }

// ReadLink refuses, as the trees do.
func (c caughtUp) ReadLink(name string) (string, error) { return fs.ReadLink(c.at(name), name) }

// ReadDir lists what the directory had before and what came into it.
func (c caughtUp) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(c.before, name)
	more, errAfter := fs.ReadDir(c.after, name)
	if err != nil && errAfter != nil {
		return nil, err
	}
	for _, e := range more {
		at := slices.IndexFunc(list, func(o fs.DirEntry) bool { return o.Name() == e.Name() })
		path := strings.TrimPrefix(name+"/"+e.Name(), "./")
		switch {
		case at >= 0 && !e.IsDir() && c.came(path):
			list[at] = e
		case at < 0 && (e.IsDir() || c.came(path)):
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// at is the tree in which a name counts.
func (c caughtUp) at(name string) fs.FS {
	if c.came(name) {
		return c.after
	}
	if _, err := fs.Lstat(c.before, name); err != nil {
		if info, err := fs.Lstat(c.after, name); err == nil && info.IsDir() {
			return c.after // what is in it is asked for by itself
		}
	}
	return c.before
}

// came reports whether the branch has a file as the default branch has it. What cannot be read did not come.
func (c caughtUp) came(name string) bool {
	info, err := fs.Lstat(c.after, name)
	if err != nil || info.IsDir() || !info.Mode().IsRegular() {
		return false
	}
	now, err := readFew(c.after, name)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.known, func(t fs.FS) bool {
		there, err := fs.Lstat(t, name)
		if err != nil || there.Mode() != info.Mode() {
			return false
		}
		content, err := readFew(t, name)
		return err == nil && bytes.Equal(content, now)
	})
}
