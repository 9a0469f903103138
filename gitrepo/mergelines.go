package gitrepo

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/remit-sh/remit/evidence"
)

// maxContests bounds the files whose lines one git merges.
const maxContests = 2000

// mergeLines merges the lines of files that two sides changed, and returns what comes out of each; the zero
// entry where there is a conflict. git does it, in a history of three commits that holds nothing else: the
// files as they were, and as each side has them. So neither a rename nor what lies behind can make a
// difference, and it costs what the files cost.
func (r *Repo) mergeLines(ctx context.Context, contested []contest) ([]evidence.Entry, error) {
	work, err := r.scratch()
	if err != nil {
		return nil, err
	}
	commit := func(entry func(contest) evidence.Entry, parents ...oid) (oid, error) {
		var tree bytes.Buffer
		for _, i := range byName(len(contested)) {
			e := entry(contested[i])
			id, err := r.parse(e.ID)
			if err != nil {
				return oid{}, err
			}
			fmt.Fprintf(&tree, "%o %d\x00%s", e.Mode, i, id.b[:id.n])
		}
		id, err := work.write("tree", tree.Bytes(), r.format.idSize)
		if err != nil {
			return oid{}, err
		}
		text := "tree " + id.String() + "\n"
		for _, p := range parents {
			text += "parent " + p.String() + "\n"
		}
		return work.write("commit", []byte(text+"author remit <remit> 0 +0000\ncommitter remit <remit> 0 +0000\n\n"), r.format.idSize)
	}
	base, err := commit(func(c contest) evidence.Entry { return c.base })
	if err != nil {
		return nil, err
	}
	ours, err := commit(func(c contest) evidence.Entry { return c.ours }, base)
	if err != nil {
		return nil, err
	}
	theirs, err := commit(func(c contest) evidence.Entry { return c.theirs }, base)
	if err != nil {
		return nil, err
	}
	made, err := r.recompute(ctx, []oid{ours, theirs})
	if err != nil {
		return nil, err
	}
	out := make([]evidence.Entry, len(contested))
	return out, r.with(func(s *remembering) error {
		src, err := r.withScratch(s)
		if err != nil {
			return err
		}
		for i := range out {
			name := strconv.Itoa(i)
			if _, conflict := slices.BinarySearch(made.conflicts, name); conflict {
				continue
			}
			found, err := entriesAt(src, r.format.idSize, name, made.tree)
			if err != nil {
				return err
			}
			out[i] = found[0]
		}
		return nil
	})
}

// byName is 0 … n-1 in the order in which a tree has such names.
func byName(n int) []int {
	order := make([]int, n)
	names := make([]string, n)
	for i := range order {
		order[i], names[i] = i, strconv.Itoa(i)
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare([]byte(names[a]), []byte(names[b])) })
	return order
}

// write stores an object in the scratch directory.
func (s *scratch) write(kind string, content []byte, idSize int) (oid, error) {
	raw := append(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content...)
	var id oid
	if idSize == sha256Size {
		sum := sha256.Sum256(raw)
		id = makeOID(sum[:])
	} else {
		sum := sha1.Sum(raw)
		id = makeOID(sum[:])
	}
	name := id.String()
	dir := filepath.Join(s.objects(), name[:2])
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return oid{}, err
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(raw); err != nil {
		return oid{}, err
	}
	if err := z.Close(); err != nil {
		return oid{}, err
	}
	// Another goroutine may write the same object; the last one to rename wins with the same bytes.
	file, err := os.CreateTemp(dir, "tmp_obj_")
	if err != nil {
		return oid{}, err
	}
	_, err = file.Write(packed.Bytes())
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, name[2:]))
	}
	return id, err
}
