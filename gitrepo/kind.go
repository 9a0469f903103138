package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// errWrongKind means that something names an object of another type than it says.
var errWrongKind = errors.New("it names an object of another type")

// wrongKinds says which entries that come in name an object of another type than their mode does, such
// as a file that is a commit: what git makes of that depends on what it read before. Objects that are
// not here say nothing, and the commit of a submodule belongs elsewhere.
func wrongKinds(src source, changes []evidence.Change, idSize int) error {
	for _, c := range changes {
		if t := c.New.Mode & modeType; t != modeRegular && t != modeSymlink {
			continue
		}
		id, ok := parseOID(c.New.ID)
		if !ok || int(id.n) != idSize {
			continue
		}
		if kind, err := src.kind(id); err == nil && kind != plumbing.BlobObject {
			return fmt.Errorf("%w: entry %s has the mode of a file (%o), and %s is a %s", errTree, inert.Quote(c.Path), c.New.Mode, id, kind)
		}
	}
	return nil
}

// kind is the type of an object, of which no content is read.
func (s *store) kind(id oid) (plumbing.ObjectType, error) {
	for _, p := range s.packs {
		if err := p.open(); errors.Is(err, fs.ErrNotExist) {
			continue // repacked away
		} else if err != nil {
			return plumbing.InvalidObject, err
		}
		offset, ok, err := p.index.find(id.b[:sha1Size])
		if err != nil {
			return plumbing.InvalidObject, err
		}
		if ok {
			return p.kind(offset)
		}
	}
	for _, dir := range s.dirs {
		kind, err := looseKind(dir, id)
		if !errors.Is(err, fs.ErrNotExist) {
			return kind, err
		}
	}
	return plumbing.InvalidObject, ErrMissing
}

// kind is the type of the object at an offset: that of the base at the end of its deltas.
func (p *pack) kind(offset int64) (plumbing.ObjectType, error) {
	for range maxDeltaDepth {
		head, err := p.entries.header(offset)
		if err != nil {
			return plumbing.InvalidObject, err
		}
		if !head.isDelta() {
			return head.kind, nil
		}
		if offset, err = p.base(head); err != nil {
			return plumbing.InvalidObject, err
		}
	}
	return plumbing.InvalidObject, errPack
}

func looseKind(dir string, id oid) (plumbing.ObjectType, error) {
	name := id.String()
	f, err := os.Open(filepath.Join(dir, name[:2], name[2:]))
	if err != nil {
		return plumbing.InvalidObject, err
	}
	defer func() { _ = f.Close() }() // only read
	r, err := objfile.NewReader(f)
	if err != nil {
		return plumbing.InvalidObject, err
	}
	defer func() { _ = r.Close() }()
	kind, _, err := r.Header()
	return kind, err
}

func (c *catFile) kind(id oid) (plumbing.ObjectType, error) {
	kind, _, err := c.header("info", id)
	return kind, err
}
