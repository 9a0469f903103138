package gitrepo

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// errChanges is wrapped where a commit changes more than is read.
var errChanges = errors.New("more changes than a decision reads")

// differ compares trees by their entries. Attributes and content play no part.
type differ struct {
	src     source
	idSize  int
	limit   int // changes at most
	looks   looks
	changes []evidence.Change
	failed  []error // trees that could not be read; the rest was compared all the same
}

// run compares two whole trees.
func (d *differ) run(before, after oid) {
	if err := d.compare(before, after, "", 0); err != nil {
		d.failed = append(d.failed, err)
	}
}

// compare adds what differs between two trees, of which either may be the zero oid: nothing.
// The error wraps errChanges; what cannot be read is added to failed.
func (d *differ) compare(before, after oid, prefix string, depth int) error {
	if before == after {
		return nil
	}
	if depth > maxTreeDepth {
		d.failed = append(d.failed, fmt.Errorf("%w: directories more than %d deep under %s", errChanges, maxTreeDepth, inert.Quote(prefix)))
		return nil
	}
	var a, b side
	if err := a.open(d.src, d.idSize, before); err != nil {
		d.failed = append(d.failed, err)
		return nil
	}
	if err := b.open(d.src, d.idSize, after); err != nil {
		d.failed = append(d.failed, err)
		return nil
	}
	if after != (oid{}) && depth > 0 && b.end && b.err == nil {
		// git never writes one, and a file that is not there would be no change.
		d.failed = append(d.failed, fmt.Errorf("%w: the directory %s is empty", errTree, inert.Quote(prefix)))
		return nil
	}
	for !a.end || !b.end {
		if err := d.looks.take(1); err != nil {
			return err
		}
		var x, y treeEntry // what stands at this name on each side
		switch order := a.compare(&b); {
		case order < 0:
			x = a.entry
			a.next()
		case order > 0:
			y = b.entry
			b.next()
		default:
			x, y = a.entry, b.entry
			a.next()
			b.next()
		}
		if err := d.entries(x, y, prefix, depth); err != nil {
			return err
		}
	}
	d.complain(a.id, a.err)
	d.complain(b.id, b.err)
	return nil
}

// complain notes that a tree is malformed, if it is.
func (d *differ) complain(tree oid, err error) {
	if err != nil {
		d.failed = append(d.failed, &ObjectError{ID: tree.String(), Err: fmt.Errorf("%w: %w", ErrCorrupt, err)})
	}
}

// entries compares what two trees have under one name; either may have nothing.
func (d *differ) entries(x, y treeEntry, prefix string, depth int) error {
	if x.mode == y.mode && string(x.id) == string(y.id) {
		return nil
	}
	name := x.name
	if name == nil {
		name = y.name
	}
	path := prefix + string(name)
	if x.isTree() || y.isTree() { // a directory sorts apart from a file, so the other is one too or nothing
		return d.compare(makeOID(x.id), makeOID(y.id), path+"/", depth+1)
	}
	if len(d.changes) >= d.limit {
		return fmt.Errorf("%w: more than %d paths in one commit", errChanges, d.limit)
	}
	d.changes = append(d.changes, evidence.Change{Path: path, Old: x.fact(), New: y.fact()})
	return nil
}

func (e treeEntry) fact() evidence.Entry {
	if e.name == nil {
		return evidence.Entry{}
	}
	return evidence.Entry{Mode: e.mode, ID: makeOID(e.id).String()}
}

// side is one of the two trees of a comparison.
type side struct {
	id      oid
	scanner treeScanner
	entry   treeEntry
	end     bool
	err     error
}

// open reads a tree and moves to its first entry.
func (s *side) open(src source, idSize int, id oid) error {
	s.id, s.end = id, true
	if id.isZero() {
		return nil
	}
	content, err := readKind(src, id, plumbing.TreeObject, MaxTreeSize)
	if errors.Is(err, errWrongKind) {
		return fmt.Errorf("%w: %w", errTree, err)
	} else if err != nil {
		return err
	}
	s.scanner = scanTree(content, idSize)
	s.next()
	return nil
}

// next moves on; a malformed tree ends where it stops making sense.
func (s *side) next() {
	e, ok, err := s.scanner.next()
	s.entry, s.end, s.err = e, !ok, err
}

func (s *side) compare(o *side) int {
	switch {
	case s.end && o.end:
		return 0
	case s.end:
		return 1
	case o.end:
		return -1
	}
	return compareEntries(s.entry, o.entry)
}
