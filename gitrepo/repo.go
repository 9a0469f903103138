// Package gitrepo reads evidence from git objects, refs and delegation bundles.
//
// It trusts the repository for nothing but bytes: every object is hashed again and must have the
// name that it was asked for by; configuration, attributes, hooks, grafts, replacement refs and
// shallow marks do not change what is read. What cannot be read is a gap that says how to fill it.
//
// Nothing is fetched to read it, except into a [Mirror], which is for repositories that are not here.
package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/inert"
)

// Limits on single objects, in bytes.
const (
	// MaxCommitSize bounds a commit or tag object.
	MaxCommitSize = 1 << 20
	// MaxTreeSize bounds one tree object.
	MaxTreeSize = 32 << 20
	// MaxFileSize bounds a file that [Repo.File] returns.
	MaxFileSize = 8 << 20
	// MaxPath bounds the depth of directories that are followed.
	maxTreeDepth = 128
)

// ErrNotFound means that the commit has no file of that name or, of a [Mirror], that its server has no
// such object or ref.
var ErrNotFound = errors.New("no such file in that commit")

// ErrNotFile means that what the commit has under the name has no content of its own.
var ErrNotFile = errors.New("it is a link, a directory or a submodule and not a file")

// Options say which repository to open.
type Options struct {
	GitDir string   // the git directory, as found by Discover; of a linked work tree its own
	Env    []string // nil: os.Environ(). Only git's variables for object directories and PATH count
	Git    string   // the git program; "" is "git" in PATH
	// Namespace is the git namespace that is served, as GIT_NAMESPACE says it to a receive hook; clients
	// know of none.
	Namespace string
	// Asks says that somebody is at a terminal, whom git may ask for a password where it reaches a remote.
	Asks bool
}

// Repo is a repository that is open for one decision, which bounds what it spends on merging again.
// Its methods may be called by several goroutines.
type Repo struct {
	gitDir    string
	commonDir string
	format    format
	dirs      []string // object directories
	env       environment
	git       string
	memory    *memory
	prefix    string // of the names of refs: the namespace's
	asks      bool
	mirror    bool // a Mirror's, where what is missing is no fault of a clone
	merging   mergeBudget
	budget    budget
	lines     lineCounter

	mu      sync.Mutex
	idle    []*remembering    // sources that nobody uses just now
	work    *scratch          // nil until something needs it
	shallow map[oid]bool      // nil until read
	remade  map[string]remade // merges that were made again, by the ids of their parents
	closed  bool
}

// Open opens a repository. It starts no program and reads no configuration but the repository's
// format. Repositories of both hashes can be opened; those of sha256 are read through git.
func Open(o Options) (*Repo, error) {
	r := &Repo{env: o.Env, git: o.Git, asks: o.Asks, memory: newMemory()}
	if r.env == nil {
		r.env = os.Environ()
	}
	if r.git == "" {
		r.git = "git"
	}
	var err error
	if r.prefix, err = namespacePrefix(o.Namespace); err != nil {
		return nil, fmt.Errorf("opening repository %s: %w", inert.Quote(o.GitDir), err)
	}
	if r.gitDir, err = filepath.Abs(o.GitDir); err != nil {
		return nil, fmt.Errorf("opening repository %s: %w", inert.Quote(o.GitDir), err)
	}
	if !isGitDir(r.gitDir) {
		return nil, fmt.Errorf("opening repository %s: %w", inert.Quote(o.GitDir), ErrNoRepository)
	}
	if r.commonDir, err = findCommonDir(r.gitDir); err == nil {
		r.format, err = readFormat(r.commonDir)
	}
	if err == nil {
		r.dirs, err = objectDirs(r.commonDir, r.env)
	}
	if err != nil {
		return nil, fmt.Errorf("opening repository %s: %w", inert.Quote(o.GitDir), err)
	}
	return r, nil
}

// Close releases files and programs and removes temporary directories.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, s := range r.idle {
		errs = append(errs, s.close())
	}
	r.idle = nil
	if r.work != nil {
		errs = append(errs, r.work.remove())
		r.work = nil
	}
	return errors.Join(errs...)
}

// open returns a source for one goroutine; give it back with release.
func (r *Repo) open() (*remembering, error) {
	r.mu.Lock()
	if n := len(r.idle); n > 0 {
		s := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return s, nil
	}
	r.mu.Unlock()
	var s source
	var err error
	if r.format.idSize == sha256Size {
		s, err = r.openCatFile()
	} else {
		s, err = openStore(r.dirs, r.memory)
	}
	if err != nil {
		return nil, err
	}
	return &remembering{source: s, trees: r.memory.trees}, nil
}

func (r *Repo) release(s *remembering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = s.close() // nothing was written
		return
	}
	r.idle = append(r.idle, s)
}

// with calls f with a source of its own.
func (r *Repo) with(f func(*remembering) error) error {
	s, err := r.open()
	if err != nil {
		return err
	}
	defer r.release(s)
	return f(s)
}

// parse reads an object name of this repository's hash.
func (r *Repo) parse(id string) (oid, error) {
	o, ok := parseOID(id)
	if !ok || int(o.n) != r.format.idSize {
		return oid{}, fmt.Errorf("%s is not the full name of an object here", inert.Quote(id))
	}
	return o, nil
}

// Commit returns the content of a commit object.
func (r *Repo) Commit(id string) (raw []byte, err error) { return r.object(id, plumbing.CommitObject) }

// Tag returns the content of a tag object.
func (r *Repo) Tag(id string) (raw []byte, err error) { return r.object(id, plumbing.TagObject) }

func (r *Repo) object(id string, kind plumbing.ObjectType) (raw []byte, err error) {
	o, err := r.parse(id)
	if err != nil {
		return nil, err
	}
	err = r.with(func(s *remembering) error {
		raw, err = readKind(s, o, kind, MaxCommitSize)
		return err
	})
	return raw, err
}

// File returns the content of a regular file of a commit, at most [MaxFileSize] bytes. The error
// wraps [ErrNotFound] where there is none, and [ErrNotFile] where it is a link, a directory or a submodule.
func (r *Repo) File(commit, path string) (content []byte, err error) {
	id, err := r.parse(commit)
	if err != nil {
		return nil, err
	}
	err = r.with(func(s *remembering) error {
		e, err := r.entryAt(s, id, path)
		if err != nil {
			return err
		}
		if e.mode&modeType != modeRegular {
			return fmt.Errorf("%w (mode %o)", ErrNotFile, e.mode)
		}
		content, err = readKind(s, makeOID(e.id), plumbing.BlobObject, MaxFileSize)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s of commit %s: %w", inert.Quote(path), commit, err)
	}
	return content, nil
}

// entryAt follows a path through a commit's trees.
func (r *Repo) entryAt(s source, commit oid, path string) (treeEntry, error) {
	raw, err := readKind(s, commit, plumbing.CommitObject, MaxCommitSize)
	if err != nil {
		return treeEntry{}, err
	}
	head, err := parseHeader(raw, r.format.idSize)
	if err != nil {
		return treeEntry{}, err
	}
	id := head.tree
	segments := strings.Split(path, "/")
	if len(segments) > maxTreeDepth {
		return treeEntry{}, ErrNotFound
	}
	for i, name := range segments {
		content, err := readKind(s, id, plumbing.TreeObject, MaxTreeSize)
		if err != nil {
			return treeEntry{}, err
		}
		e, err := findEntry(content, r.format.idSize, name)
		if err != nil || i == len(segments)-1 {
			return e, err
		}
		if !e.isTree() {
			return treeEntry{}, ErrNotFound
		}
		id = makeOID(e.id)
	}
	return treeEntry{}, ErrNotFound
}

// findEntry reads a whole tree, so that a malformed one is not taken for one without the entry.
func findEntry(content []byte, idSize int, name string) (treeEntry, error) {
	scanner := scanTree(content, idSize)
	var found treeEntry
	for {
		e, ok, err := scanner.next()
		switch {
		case err != nil:
			return treeEntry{}, err
		case !ok && found.name == nil:
			return treeEntry{}, ErrNotFound
		case !ok:
			return found, nil
		case string(e.name) == name:
			found = e
		}
	}
}
