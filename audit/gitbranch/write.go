package gitbranch

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/inert"
)

const (
	maxTree = 16 << 20 // bytes of a tree that is read

	treeMode = "40000"
	linkMode = "160000" // a commit of another repository
	blobMode = "100644"
)

// The kinds of objects, as a pack numbers them.
const (
	packCommit = 1
	packTree   = 2
	packBlob   = 3
)

// writing is one commit in the making: the objects that are new.
type writing struct {
	store   *Store
	objects [][]byte // as a pack has them, without deltas
	count   uint32
	deflate *zlib.Writer // made once: it is large
}

// hash is the one that names objects here.
func (s *Store) hash() hash.Hash {
	if len(s.none) == sha256.Size*2 {
		return sha256.New()
	}
	return sha1.New() // nothing is trusted because such a name fits
}

// add adds an object and returns its id.
func (w *writing) add(number byte, kind string, content []byte) (id []byte, err error) {
	h := w.store.hash()
	fmt.Fprintf(h, "%s %d\x00", kind, len(content))
	h.Write(content)
	var b bytes.Buffer
	size := len(content)
	first := number<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		b.WriteByte(first | 0x80)
		first = byte(size & 0x7f)
	}
	b.WriteByte(first)
	if w.deflate == nil {
		w.deflate = zlib.NewWriter(&b)
	} else {
		w.deflate.Reset(&b)
	}
	if _, err := w.deflate.Write(content); err != nil {
		return nil, err
	}
	if err := w.deflate.Close(); err != nil {
		return nil, err
	}
	w.objects, w.count = append(w.objects, b.Bytes()), w.count+1
	return h.Sum(nil), nil
}

// pack is all that was added, as git reads it.
func (w *writing) pack() []byte {
	var b bytes.Buffer
	b.WriteString("PACK")
	b.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 2), w.count))
	for _, o := range w.objects {
		b.Write(o)
	}
	h := w.store.hash()
	h.Write(b.Bytes())
	return h.Sum(b.Bytes())
}

// node is a folder or a file of a tree.
type node struct {
	mode string
	id   []byte // of what is not changed; nil for what is
	file []byte // of a new file
	dir  map[string]*node
	// levels are how many levels of folders are here from this one on, itself counted; 0: it is not here. Of a
	// repository that is not behind a server all are.
	levels int
}

func (n *node) isFolder() bool { return n.mode == treeMode }
func (n *node) isFile() bool   { return !n.isFolder() && n.mode != linkMode }

// way is a part of the paths that are looked for, beginning at a node.
type way struct {
	path string
	at   *node
	on   map[string]*way // by the next name; nil at a path's end
}

// ways puts paths together.
func ways(paths []string) *way {
	root := &way{}
	for _, p := range paths {
		w := root
		for part := range strings.SplitSeq(p, "/") {
			next := w.on[part]
			if next == nil {
				next = &way{path: strings.TrimPrefix(w.path+"/"+part, "/")}
				if w.on == nil {
					w.on = map[string]*way{}
				}
				w.on[part] = next
			}
			w = next
		}
	}
	return root
}

// tree is the tree of a commit, "" for an empty one, with its folders read as far as some paths go. From a server what
// is not here is fetched, a level by one request: those folders, and what is at the paths too where files are asked for.
func (s *Store) tree(ctx context.Context, commit string, paths []string, files bool) (*node, error) {
	root := &node{mode: treeMode, dir: map[string]*node{}}
	if commit == "" {
		return root, nil
	}
	if err := s.objects(ctx, "commit", []string{commit}, maxTree, func(_ int, o object) (err error) {
		text, ok := strings.CutPrefix(string(o.content), "tree ")
		if id, _, whole := strings.Cut(text, "\n"); ok && whole && len(id) == len(s.none) {
			root.id, err = hex.DecodeString(id)
			return err
		}
		return fmt.Errorf("%w: the commit %s cannot be read", log.ErrCorrupt, commit)
	}); err != nil {
		return nil, err
	}
	root.levels = s.levelsOf(commit) - 1
	first := ways(paths)
	first.at = root
	for level := []*way{first}; len(level) > 0; {
		if err := s.fetchLevel(ctx, level, files); err != nil {
			return nil, err
		}
		var err error
		if level, err = s.readLevel(ctx, level); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// readLevel reads folders, and returns what stands in them on the way. A folder that is not here is an error: another
// in its place would leave out what is in it.
func (s *Store) readLevel(ctx context.Context, level []*way) ([]*way, error) {
	level = slices.DeleteFunc(level, func(w *way) bool { return !w.at.isFolder() || w.on == nil })
	if len(level) == 0 {
		return nil, nil
	}
	ids := make([]string, len(level))
	for i, w := range level {
		ids[i] = hex.EncodeToString(w.at.id)
	}
	var next []*way
	err := s.objects(ctx, "tree", ids, maxTree, func(i int, o object) (err error) {
		w := level[i]
		if o.content == nil {
			return fmt.Errorf("%w: the folder %s of it, %s, cannot be read", log.ErrCorrupt, inert.Quote(w.path), ids[i])
		}
		if w.at.dir, err = parseTree(o.content, len(s.none)/2); err != nil {
			return err
		}
		w.at.id = nil
		for name, on := range w.on {
			if on.at = w.at.dir[name]; on.at != nil {
				on.at.levels = s.levelsBelow(w.at, on.at)
				next = append(next, on)
			}
		}
		return nil
	})
	return next, err
}

// at is the node at a path, nil for none.
func (n *node) at(path string) *node {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		if n = n.dir[part]; n == nil { // a nil map has none
			return nil
		}
	}
	return n
}

func parseTree(b []byte, idLen int) (map[string]*node, error) {
	out := map[string]*node{}
	for len(b) > 0 {
		mode, rest, ok := bytes.Cut(b, []byte(" "))
		name, rest, whole := bytes.Cut(rest, []byte{0})
		if !ok || !whole || len(rest) < idLen {
			return nil, errors.New("a tree of it cannot be read")
		}
		out[string(name)] = &node{mode: string(mode), id: rest[:idLen:idLen]}
		b = rest[idLen:]
	}
	return out, nil
}

// put puts a file at a path, in the place of whatever stood there or in its way.
func (n *node) put(path string, content []byte) {
	name, rest, deeper := strings.Cut(path, "/")
	if !deeper {
		if content == nil {
			content = []byte{}
		}
		n.dir[name] = &node{mode: blobMode, file: content}
		return
	}
	sub := n.dir[name]
	if sub == nil || sub.dir == nil {
		sub = &node{mode: treeMode, dir: map[string]*node{}}
		n.dir[name] = sub
	}
	sub.put(rest, content)
}

// drop takes away what is at a path.
func (n *node) drop(path string) {
	name, rest, deeper := strings.Cut(path, "/")
	sub := n.dir[name]
	switch {
	case !deeper:
		delete(n.dir, name)
	case sub != nil && sub.dir != nil:
		sub.drop(rest)
	}
}

// write adds a folder and all that is new below it, and returns its id: nil for one that is empty.
func (n *node) write(w *writing) ([]byte, error) {
	var b bytes.Buffer
	order := slices.SortedFunc(maps.Keys(n.dir), func(x, y string) int { return strings.Compare(n.sortKey(x), n.sortKey(y)) })
	for _, name := range order {
		sub := n.dir[name]
		id := sub.id
		var err error
		switch {
		case sub.dir != nil:
			id, err = sub.write(w)
		case sub.file != nil:
			id, err = w.add(packBlob, "blob", sub.file)
		}
		if err != nil {
			return nil, err
		}
		if id != nil {
			fmt.Fprintf(&b, "%s %s\x00", sub.mode, name)
			b.Write(id)
		}
	}
	if b.Len() == 0 {
		return nil, nil
	}
	return w.add(packTree, "tree", b.Bytes())
}

// sortKey is what git sorts an entry by.
func (n *node) sortKey(name string) string {
	if n.dir[name].mode == treeMode {
		return name + "/"
	}
	return name
}

// writeCommit writes a commit of a change on top of a parent, with the tree of another commit to begin with, and
// returns its id, and the name of the pack that holds what is new. It makes no ref.
func (s *Store) writeCommit(ctx context.Context, parent, from string, change log.Change) (commit, pack string, err error) {
	var paths []string
	for _, f := range change.Put {
		paths = append(paths, f.Path)
	}
	paths = append(paths, change.Drop...)
	for _, p := range paths {
		if err := checkPath(p); err != nil {
			return "", "", err
		}
	}
	root, err := s.tree(ctx, from, paths, false)
	if err != nil {
		return "", "", err
	}
	for _, p := range change.Drop {
		root.drop(p)
	}
	for _, f := range change.Put {
		root.put(f.Path, f.Content)
	}
	w := &writing{store: s}
	tree, err := root.write(w)
	if err == nil && tree == nil {
		tree, err = w.add(packTree, "tree", nil)
	}
	if err != nil {
		return "", "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", hex.EncodeToString(tree))
	if parent != "" {
		fmt.Fprintf(&b, "parent %s\n", parent)
	}
	who := fmt.Sprintf("remit <remit> %d +0000", max(s.now().Unix(), 0)) // git knows no earlier time
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s\n", who, who, line(change.Summary))
	id, err := w.add(packCommit, "commit", b.Bytes())
	if err != nil {
		return "", "", err
	}
	name, err := s.keepPack(ctx, w.pack())
	return hex.EncodeToString(id), name, err
}
