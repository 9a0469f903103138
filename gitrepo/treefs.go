package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/inert"
)

// errNoFile is what opening a link or a submodule says: neither is followed.
var errNoFile = errors.New("it is a link or a submodule and not a file")

// treeFS is a commit's tree as a file system. It has no times, sizes or owners. Links and submodules are
// there, and cannot be opened.
type treeFS struct {
	repo *Repo
	root oid
	made bool // a merge that was made again has it, or parts of it
	// fetch gets a blob that is not here; nil: it stays missing.
	fetch func(id oid) error
}

// Tree is the files of a commit. Opening one reads at most [MaxFileSize] bytes.
func (r *Repo) Tree(commit string) (fs.FS, error) {
	id, err := r.parse(commit)
	if err != nil {
		return nil, err
	}
	t := &treeFS{repo: r}
	err = r.with(func(s *remembering) error {
		raw, err := readKind(s, id, plumbing.CommitObject, MaxCommitSize)
		if err != nil {
			return err
		}
		head, err := parseHeader(raw, r.format.idSize)
		t.root = head.tree
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tree of commit %s: %w", commit, err)
	}
	return t, nil
}

// TreeOf is the files of a tree, which may be that of a [Landing].
func (r *Repo) TreeOf(tree string) (fs.FS, error) {
	id, err := r.parse(tree)
	if err != nil {
		return nil, err
	}
	return &treeFS{repo: r, root: id, made: true}, nil
}

// with runs f on a source that finds the tree.
func (t *treeFS) with(f func(source) error) error {
	return t.repo.with(func(s *remembering) error {
		if !t.made {
			return f(s)
		}
		src, err := t.repo.withScratch(s)
		if err != nil {
			return err
		}
		return f(src)
	})
}

// Tree is the files of a commit whose trees were fetched. The contents of what is in one of the folders
// are fetched now, all at once, and of other files when they are opened.
func (m *Mirror) Tree(ctx context.Context, commit string, folders ...string) (fs.FS, error) {
	if err := m.Fetch(ctx, commit); err != nil {
		return nil, err
	}
	made, err := m.Repo().Tree(commit)
	if err != nil {
		return nil, err
	}
	return m.contentsIn(ctx, made, "commit "+commit, folders...)
}

// TreeOf is the files of a tree whose own trees are here, as those of a [Landing] are. Contents are fetched
// as [Mirror.Tree] does.
func (m *Mirror) TreeOf(ctx context.Context, tree string, folders ...string) (fs.FS, error) {
	made, err := m.Repo().TreeOf(tree)
	if err != nil {
		return nil, err
	}
	return m.contentsIn(ctx, made, "tree "+tree, folders...)
}

// contentsIn has the contents of a tree's files fetched: of what is in some folders now, of others when
// they are opened.
func (m *Mirror) contentsIn(ctx context.Context, made fs.FS, what string, folders ...string) (fs.FS, error) {
	t, ok := made.(*treeFS)
	if !ok {
		return made, nil
	}
	t.fetch = func(id oid) error { return m.FetchBlobs(ctx, id.String()) }
	var blobs []string
	for _, folder := range folders {
		ids, err := t.blobsIn(folder)
		if err != nil {
			return nil, fmt.Errorf("listing %s of %s: %w", inert.Quote(folder), what, err)
		}
		blobs = append(blobs, ids...)
	}
	if len(blobs) > maxWants {
		return t, nil // one by one, then, up to the limits of whoever reads
	}
	return t, m.FetchBlobs(ctx, blobs...)
}

// blobsIn lists the contents of the plain files below a folder; none where there is no such folder.
func (t *treeFS) blobsIn(folder string) ([]string, error) {
	var ids []string
	err := fs.WalkDir(t, folder, func(_ string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fs.SkipDir
		case err != nil:
			return err
		}
		if e, ok := d.(*treeFile); ok && e.mode&modeType == modeRegular {
			ids = append(ids, e.id.String())
		}
		return nil
	})
	return ids, err
}

// find looks a name up, following directories and nothing else.
func (t *treeFS) find(op, name string) (*treeFile, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	at := &treeFile{name: ".", mode: modeTree, id: t.root}
	if name == "." {
		return at, nil
	}
	segments := strings.Split(name, "/")
	if len(segments) > maxTreeDepth {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	err := t.with(func(s source) error {
		for _, segment := range segments {
			if at.mode != modeTree {
				return fs.ErrNotExist
			}
			content, err := readKind(s, at.id, plumbing.TreeObject, MaxTreeSize)
			if err != nil {
				return err
			}
			e, err := findEntry(content, t.repo.format.idSize, segment)
			if errors.Is(err, ErrNotFound) {
				return fs.ErrNotExist
			}
			if err != nil {
				return err
			}
			at = &treeFile{name: segment, mode: e.mode, id: makeOID(e.id)}
		}
		return nil
	})
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return at, nil
}

// Open opens a plain file or a directory.
func (t *treeFS) Open(name string) (fs.File, error) {
	e, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	switch {
	case e.mode == modeTree:
		list, err := t.list(name, e)
		return &openDir{treeFile: e, rest: list}, err
	case e.mode&modeType != modeRegular:
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNoFile}
	}
	content, err := t.content(e.id)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{treeFile: e, Reader: bytes.NewReader(content)}, nil
}

// content reads a blob, and gets it first where it is not here and can be got.
func (t *treeFS) content(id oid) (content []byte, err error) {
	read := func(s source) error {
		content, err = readKind(s, id, plumbing.BlobObject, MaxFileSize)
		return err
	}
	if err := t.with(read); err == nil || t.fetch == nil || !errors.Is(err, ErrMissing) {
		return content, err
	}
	if err := t.fetch(id); err != nil {
		return nil, withheld(err)
	}
	return content, t.with(read)
}

// ReadDir lists a directory.
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	return t.list(name, e)
}

func (t *treeFS) list(name string, dir *treeFile) (list []fs.DirEntry, err error) {
	if dir.mode != modeTree {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("it is not a directory")}
	}
	err = t.with(func(s source) error {
		content, err := readKind(s, dir.id, plumbing.TreeObject, MaxTreeSize)
		if err != nil {
			return err
		}
		scanner := scanTree(content, t.repo.format.idSize)
		for {
			e, ok, err := scanner.next()
			if err != nil || !ok {
				return err
			}
			list = append(list, &treeFile{name: string(e.name), mode: e.mode, id: makeOID(e.id)})
		}
	})
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return list, nil
}

// Lstat says what a name is.
func (t *treeFS) Lstat(name string) (fs.FileInfo, error) { return t.info("lstat", name) }

// Stat is Lstat: no link is followed.
func (t *treeFS) Stat(name string) (fs.FileInfo, error) { return t.info("stat", name) }

func (t *treeFS) info(op, name string) (fs.FileInfo, error) {
	e, err := t.find(op, name)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// ReadLink refuses: where a link leads is nobody's business here.
func (t *treeFS) ReadLink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: errNoFile}
}

// treeFile is one entry of a tree, as an entry of a directory and as what is known of a file.
type treeFile struct {
	name string
	mode uint32 // git's
	id   oid
}

func (e *treeFile) Name() string               { return path.Base(e.name) }
func (e *treeFile) Size() int64                { return 0 } // it would take the content to say
func (e *treeFile) ModTime() time.Time         { return time.Time{} }
func (e *treeFile) IsDir() bool                { return e.mode == modeTree }
func (e *treeFile) Sys() any                   { return nil }
func (e *treeFile) Type() fs.FileMode          { return e.Mode().Type() }
func (e *treeFile) Info() (fs.FileInfo, error) { return e, nil }
func (e *treeFile) Stat() (fs.FileInfo, error) { return e, nil }
func (e *treeFile) Close() error               { return nil }

// Mode is the mode of a file that nobody can write.
func (e *treeFile) Mode() fs.FileMode {
	switch {
	case e.mode == modeTree:
		return fs.ModeDir | 0o555
	case e.mode == modeSymlink:
		return fs.ModeSymlink | 0o444
	case e.mode&modeType != modeRegular:
		return fs.ModeIrregular
	case e.mode&0o100 != 0:
		return 0o555
	default:
		return 0o444
	}
}

type openFile struct {
	*treeFile
	*bytes.Reader
}

func (f *openFile) Size() int64 { return 0 }

type openDir struct {
	*treeFile
	rest []fs.DirEntry
}

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("it is a directory")}
}

// ReadDir is as [fs.ReadDirFile] has it.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		list := d.rest
		d.rest = nil
		return list, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	list := d.rest[:min(n, len(d.rest))]
	d.rest = d.rest[len(list):]
	return list, nil
}
