package gitrepo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"github.com/go-git/go-git/v5/plumbing/hash"
)

// Why an object could not be read. Test with [errors.Is].
var (
	// ErrMissing: no object directory has it.
	ErrMissing = errors.New("the object is missing")
	// ErrCorrupt: what is stored under the name is not the object of that name.
	ErrCorrupt = errors.New("the object is corrupted")
	// ErrTooLarge: it is larger than the caller reads.
	ErrTooLarge = errors.New("the object is too large")
)

// source reads objects by name. Content that it returns was hashed and has that name.
// It serves one goroutine.
type source interface {
	read(id oid, limit int64) (object, error)
	kind(id oid) (plumbing.ObjectType, error) // without reading the content
	close() error
}

// Bytes that the readers of a repository keep of what they read last.
const (
	baseCacheSize = 12 << 20
	treeCacheSize = 6 << 20
)

// store is the source of sha1 repositories: packs and loose files of any number of object
// directories, searched in git's order: every pack first, then loose files.
//
// It uses go-git for loose objects, deltas and hashes, and not its ObjectStorage, which loads, hashes
// and inverts whole indexes before the first object (17 ms a reader for 50,000 commits), follows
// alternates one level deep and passes over their errors, and cannot be told how much to inflate.
type store struct {
	dirs   []string // object directories
	packs  []*pack  // the one that answered last comes first
	known  map[string]bool
	shared *memory
	sum    hash.Hash // SHA-1 that notices collision attacks
}

func openStore(dirs []string, shared *memory) (*store, error) {
	s := &store{dirs: dirs, known: map[string]bool{}, shared: shared, sum: hash.New(hash.CryptoType)}
	_, err := s.scan()
	return s, err
}

// scan looks for packs that were not there before and reports whether there are any.
func (s *store) scan() (bool, error) {
	found := false
	for _, dir := range s.dirs {
		entries, err := os.ReadDir(filepath.Join(dir, "pack"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("listing packs: %w", err)
		}
		for _, e := range entries {
			name, isIndex := strings.CutSuffix(e.Name(), ".idx")
			path := filepath.Join(dir, "pack", name+".pack")
			if isIndex && strings.HasPrefix(name, "pack-") && !s.known[path] {
				s.known[path], found = true, true
				s.packs = append(s.packs, &pack{path: path, number: s.shared.number(path), bases: s.shared.bases})
			}
		}
	}
	return found, nil
}

func (s *store) read(id oid, limit int64) (object, error) {
	o, err := s.find(id, limit)
	if err != nil {
		return object{}, &ObjectError{ID: id.String(), Err: err}
	}
	if sum := s.name(o); sum != id {
		err := fmt.Errorf("%w: its content has the name %s", ErrCorrupt, sum)
		return object{}, &ObjectError{ID: id.String(), Err: err}
	}
	return o, nil
}

// name is the name that an object has.
func (s *store) name(o object) oid {
	s.sum.Reset()
	_, _ = fmt.Fprintf(s.sum, "%s %d\x00", o.kind, len(o.content)) // a hash takes everything
	_, _ = s.sum.Write(o.content)
	return makeOID(s.sum.Sum(nil))
}

// find takes the first copy there is. It never looks for a better one behind a bad one: git would
// use the first too, and what is judged must be what is used.
func (s *store) find(id oid, limit int64) (object, error) {
	o, err := s.findPacked(id, limit)
	if !errors.Is(err, ErrMissing) {
		return o, err
	}
	for _, dir := range s.dirs {
		o, err := readLoose(dir, id, limit)
		if !errors.Is(err, fs.ErrNotExist) {
			return o, err
		}
	}
	// A repack may have moved the object since the packs were listed.
	if found, scanErr := s.scan(); scanErr == nil && found {
		return s.findPacked(id, limit)
	}
	return object{}, ErrMissing
}

func (s *store) findPacked(id oid, limit int64) (object, error) {
	for i, p := range s.packs {
		if err := p.open(); errors.Is(err, fs.ErrNotExist) {
			continue // repacked away
		} else if err != nil {
			return object{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		offset, ok, err := p.index.find(id.b[:sha1Size])
		if err != nil {
			return object{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if !ok {
			continue
		}
		if i > 0 {
			copy(s.packs[1:], s.packs[:i])
			s.packs[0] = p
		}
		o, err := p.read(offset, limit)
		if err != nil && !errors.Is(err, ErrTooLarge) {
			err = fmt.Errorf("%w: %s: %w", ErrCorrupt, filepath.Base(p.path), err)
		}
		return o, err
	}
	return object{}, ErrMissing
}

// readLoose reads the file of one object. The error is fs.ErrNotExist where there is none.
func readLoose(dir string, id oid, limit int64) (object, error) {
	name := id.String()
	f, err := os.Open(filepath.Join(dir, name[:2], name[2:]))
	if errors.Is(err, fs.ErrNotExist) {
		return object{}, err
	} else if err != nil {
		return object{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	defer func() { _ = f.Close() }() // only read
	r, err := objfile.NewReader(f)
	if err != nil {
		return object{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	defer func() { _ = r.Close() }()
	kind, size, err := r.Header()
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("%w: bad header of a loose object: %w", ErrCorrupt, err)
	}
	if size > limit {
		return object{}, tooLarge(size, limit)
	}
	content := make([]byte, size+1)
	if n, err := io.ReadFull(r, content); int64(n) != size || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return object{}, fmt.Errorf("%w: a loose object does not inflate to its size", ErrCorrupt)
	}
	return object{kind, content[:size:size]}, nil
}

func (s *store) close() error {
	var errs []error
	for _, p := range s.packs {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// ObjectError says which object could not be read, and why.
type ObjectError struct {
	ID  string // full name
	Err error  // wraps ErrMissing, ErrCorrupt or ErrTooLarge
}

func (e *ObjectError) Error() string { return "object " + e.ID + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *ObjectError) Unwrap() error { return e.Err }

// remembering is a source that keeps the trees which were read last.
type remembering struct {
	source
	trees *cache[oid]
}

func (r *remembering) read(id oid, limit int64) (object, error) {
	if o, ok := r.trees.get(id); ok {
		return o, nil
	}
	o, err := r.source.read(id, limit)
	if err == nil && o.kind == plumbing.TreeObject {
		r.trees.put(id, o)
	}
	return o, err
}

// hash256 is the name of an object in a sha256 repository.
func hash256(o object) oid {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d\x00", o.kind, len(o.content))
	_, _ = h.Write(o.content)
	return makeOID(h.Sum(nil))
}

// readKind reads an object that must be of one type.
func readKind(s source, id oid, kind plumbing.ObjectType, limit int64) ([]byte, error) {
	o, err := s.read(id, limit)
	if err != nil {
		return nil, err
	}
	if o.kind != kind {
		err := fmt.Errorf("%w: it is a %s where a %s is named: %w", ErrCorrupt, o.kind, kind, errWrongKind)
		return nil, &ObjectError{ID: id.String(), Err: err}
	}
	return o.content, nil
}
