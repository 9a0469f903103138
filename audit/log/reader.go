package log

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// mostAtOnce is how many bundles a walk reads at once: up to a few megabytes of usual entries.
const mostAtOnce = 16

// Reader reads a log as it was when it was looked at, and proves what it reads. It holds a few bundles at a time,
// however long the log is. It is for one goroutine.
type Reader struct {
	log   *Log
	s     *snapshot
	inner *grownHashes // hashes of the bundle that receipts were last asked of, and those above
	of    int64        // that bundle; -1: none
}

// Read looks at the log, and holds the pins against it.
func (l *Log) Read(ctx context.Context) (*Reader, error) {
	s, err := l.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return &Reader{log: l, s: s, of: -1}, nil
}

// Checkpoint is what the reader reads by. It is a later one, proven to continue the first, once a file was asked for
// that somebody who appended has taken away meanwhile.
func (r *Reader) Checkpoint() Checkpoint { return r.s.checkpoint }

// Files is the content of files of the log that no hash of it proves; nil for one that is not there.
func (r *Reader) Files(ctx context.Context, paths []string) ([][]byte, error) {
	files, err := r.s.view.Read(ctx, paths)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return files, nil
}

// Walk calls f for the entries from an index up to another, which is not among them, in that order or the last of
// them first, until f returns an error, which is returned as it is.
func (r *Reader) Walk(ctx context.Context, from, to int64, lastFirst bool, f func(index int64, entry []byte) error) error {
	if from < 0 || to > r.s.checkpoint.Size {
		return fmt.Errorf("reading the audit log: there are no entries %d to %d: the log has %d", from, to, r.s.checkpoint.Size)
	}
	for atOnce := int64(1); from < to; atOnce = min(2*atOnce, mostAtOnce) {
		start, end := from, min((from/width+atOnce)*width, to)
		if lastFirst {
			start, end = max(((to-1)/width-atOnce+1)*width, from), to
		}
		entries, err := r.entries(ctx, start, end)
		if err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		for i := range entries {
			at := i
			if lastFirst {
				at = len(entries) - 1 - i
			}
			if err := f(start+int64(at), entries[at]); err != nil {
				return err
			}
		}
		if lastFirst {
			to = start
		} else {
			from = end
		}
	}
	return nil
}

// entries are those of a few bundles.
func (r *Reader) entries(ctx context.Context, from, to int64) (out [][]byte, err error) {
	err = r.retry(ctx, func() error {
		out = nil
		var want []wanted
		for n := from / width; n*width < to; n++ {
			w := int(min(width, r.s.checkpoint.Size-n*width))
			tile, full := tlog.Tile{H: height, N: n, W: w}, tlog.Tile{H: height, N: n, W: width}
			want = append(want, wanted{bundlePath(n, w), bundlePath(n, width)}, wanted{tilePath(tile), tilePath(full)})
		}
		if _, err := r.s.readAll(want); err != nil {
			return err
		}
		for n := from / width; n*width < to; n++ {
			entries, err := r.s.bundle(n)
			if err != nil {
				return err
			}
			out = append(out, entries[max(from-n*width, 0):min(to-n*width, int64(len(entries)))]...)
		}
		return nil
	})
	r.forget()
	return out, err
}

// forget gives up what is proportional to the length of the log: bundles, and the tiles of the entries.
func (r *Reader) forget() {
	clear(r.s.bundles)
	maps.DeleteFunc(r.s.tiles, func(path string, _ []byte) bool {
		return strings.HasPrefix(path, "tile/0/") || strings.HasPrefix(path, "tile/entries/")
	})
}

// Receipt proves that the entry at an index is in the log. Those of neighbours cost little more than one.
func (r *Reader) Receipt(ctx context.Context, index int64, entry []byte) (*Receipt, error) {
	var proof tlog.RecordProof
	err := r.retry(ctx, func() error {
		size := r.s.checkpoint.Size
		if index < 0 || index >= size {
			return fmt.Errorf("there is no entry %d: the log has %d", index, size)
		}
		if err := r.load(index / width); err != nil {
			return err
		}
		var err error
		if proof, err = tlog.ProveRecord(size, index, r.inner); err != nil {
			return r.s.why(err)
		}
		if tlog.CheckRecord(proof, size, r.s.checkpoint.Hash, index, tlog.RecordHash(entry)) != nil {
			return fmt.Errorf("%w: entry %d is not the one that it proves", ErrCorrupt, index)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return &Receipt{Entry: entry, Index: index, Proof: proof, Checkpoint: r.s.checkpoint}, nil
}

// load takes the hashes of the entries of a bundle, and works out those of the trees over them.
func (r *Reader) load(n int64) error {
	if r.of == n {
		return nil
	}
	w := min(width, r.s.checkpoint.Size-n*width)
	indexes := make([]int64, w)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, n*width+int64(i))
	}
	hashes, err := r.s.proven(indexes)
	if err != nil {
		return err
	}
	inner := &grownHashes{under: r.s.hashes, new: map[int64]tlog.Hash{}}
	first := n * width
	for level := 0; len(hashes) > 0; level++ {
		for i, h := range hashes {
			inner.new[tlog.StoredHashIndex(level, first+int64(i))] = h
		}
		above := make([]tlog.Hash, 0, len(hashes)/2)
		for i := 0; i+1 < len(hashes); i += 2 {
			above = append(above, tlog.NodeHash(hashes[i], hashes[i+1]))
		}
		hashes, first = above, first/2
	}
	r.inner, r.of = inner, n
	r.forget()
	return nil
}

// retry has f read, and once more by a later checkpoint where what it read was taken away meanwhile.
func (r *Reader) retry(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		r.s.ctx, r.s.failed = ctx, nil
		err := f()
		if err == nil || !errors.As(err, new(*goneError)) || try == maxTries {
			return err
		}
		now, lookErr := r.log.look(ctx)
		if lookErr != nil {
			return errors.Join(err, lookErr)
		}
		if now.checkpoint.Size == r.s.checkpoint.Size {
			return err
		}
		if _, forked := now.consistency(r.s.checkpoint); forked != nil {
			return forked
		}
		r.s, r.of = now, -1
	}
}
