package gitrepo

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/inert"
)

// The kinds of tree entry, from the file type bits of the mode.
const (
	modeType    = 0o170000
	modeTree    = 0o040000
	modeRegular = 0o100000
	modeSymlink = 0o120000
	modeGitlink = 0o160000
)

// errTree is wrapped by every complaint about a tree object's form.
var errTree = errors.New("malformed tree")

// treeEntry is one entry of a tree. Its slices point into the tree's content.
type treeEntry struct {
	mode uint32
	name []byte
	id   []byte
}

func (e treeEntry) isTree() bool { return e.mode == modeTree }

// treeScanner reads a tree's entries and refuses whatever git itself would not have written:
// names out of order, twice, empty or with a slash, padded or unknown modes. Two trees that differ
// only in form would otherwise be two ways to say one thing. Names such as ".." or ".git" pass:
// they are facts for the checker.
type treeScanner struct {
	rest  []byte
	size  int // of an object name, in bytes
	prev  treeEntry
	files [][]byte // names that a later directory could repeat; see distinct
}

func scanTree(content []byte, idSize int) treeScanner {
	return treeScanner{rest: content, size: idSize}
}

// next returns the next entry; ok is false at the end.
func (s *treeScanner) next() (e treeEntry, ok bool, err error) {
	if len(s.rest) == 0 {
		return treeEntry{}, false, nil
	}
	if e.mode, err = s.mode(); err != nil {
		return treeEntry{}, false, err
	}
	end := bytes.IndexByte(s.rest, 0)
	if end < 0 || len(s.rest)-end-1 < s.size {
		return treeEntry{}, false, fmt.Errorf("%w: it ends inside an entry", errTree)
	}
	e.name, e.id = s.rest[:end], s.rest[end+1:end+1+s.size]
	s.rest = s.rest[end+1+s.size:]
	if len(e.name) == 0 || bytes.IndexByte(e.name, '/') >= 0 {
		return treeEntry{}, false, fmt.Errorf("%w: entry name %s", errTree, inert.Quote(string(e.name)))
	}
	if s.prev.name != nil && compareEntries(s.prev, e) >= 0 {
		return treeEntry{}, false, fmt.Errorf("%w: entry %s is out of order or repeated", errTree, inert.Quote(string(e.name)))
	}
	if !s.distinct(e) {
		return treeEntry{}, false, fmt.Errorf("%w: entry %s is both a file and a directory", errTree, inert.Quote(string(e.name)))
	}
	s.prev = e
	return e, true, nil
}

// mode reads an entry's mode: octal, not padded, followed by one space.
func (s *treeScanner) mode() (uint32, error) {
	const digits = 6
	var mode uint32
	for i, c := range s.rest {
		switch {
		case c == ' ' && i > 0:
			s.rest = s.rest[i+1:]
			if t := mode & modeType; mode == modeTree || t == modeRegular || mode == modeSymlink || mode == modeGitlink {
				return mode, nil
			}
			return 0, fmt.Errorf("%w: unknown mode %o", errTree, mode)
		case c < '0' || c > '7' || i == digits || i == 0 && c == '0':
			return 0, fmt.Errorf("%w: mode is not an octal number without padding", errTree)
		}
		mode = mode<<3 | uint32(c-'0')
	}
	return 0, fmt.Errorf("%w: it ends inside a mode", errTree)
}

// distinct reports whether no earlier entry has e's name. Order alone does not show it: a directory
// sorts as if its name ended in a slash, so "a", "a.b", "a/" is in order. The files whose name is a
// prefix of the present one are kept on a stack; no other can be repeated by what follows.
func (s *treeScanner) distinct(e treeEntry) bool {
	for len(s.files) > 0 && !bytes.HasPrefix(e.name, s.files[len(s.files)-1]) {
		s.files = s.files[:len(s.files)-1]
	}
	if e.isTree() {
		return len(s.files) == 0 || len(s.files[len(s.files)-1]) != len(e.name)
	}
	s.files = append(s.files, e.name)
	return true
}

// compareEntries orders entries as git does: by name, a directory's ending in a slash.
func compareEntries(a, b treeEntry) int {
	n := min(len(a.name), len(b.name))
	if c := bytes.Compare(a.name[:n], b.name[:n]); c != 0 {
		return c
	}
	return int(a.at(n)) - int(b.at(n))
}

// at returns byte i of the name as it sorts: past the end a slash for a directory, else zero.
func (e treeEntry) at(i int) byte {
	switch {
	case i < len(e.name):
		return e.name[i]
	case e.isTree():
		return '/'
	default:
		return 0
	}
}
