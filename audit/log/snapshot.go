package log

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// snapshot is a log at one moment. Whatever it returns is proven by the checkpoint, but for what the index says.
type snapshot struct {
	ctx        context.Context
	view       View
	checkpoint Checkpoint
	hashes     tlog.HashReader
	tiles      map[string][]byte // that were read
	bundles    map[int64][][]byte
	beside     map[string][]byte // files beside the tiles that were read; nil for those that are not there
	failed     error             // why one could not be read
}

func newSnapshot(ctx context.Context, view View, c Checkpoint) *snapshot {
	s := &snapshot{ctx: ctx, view: view, checkpoint: c, tiles: map[string][]byte{}, bundles: map[int64][][]byte{}, beside: map[string][]byte{}}
	s.hashes = noHashes{}
	if c.Size > 0 {
		s.hashes = tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Hash}, s)
	}
	return s
}

// noHashes are those of an empty log.
type noHashes struct{}

func (noHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) > 0 {
		return nil, fmt.Errorf("the log is empty")
	}
	return nil, nil
}

// Height is for [tlog.TileReader].
func (s *snapshot) Height() int { return height }

// SaveTiles is for [tlog.TileReader]; tiles are kept as long as the snapshot anyway.
func (s *snapshot) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles is for [tlog.TileReader], which proves what is read.
func (s *snapshot) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	want := make([]wanted, len(tiles))
	for i, t := range tiles {
		full := t
		full.W = width
		want[i] = wanted{path: tilePath(t), whole: tilePath(full)}
	}
	data, err := s.readAll(want)
	if err != nil {
		s.failed = err
		return nil, err
	}
	for i, t := range tiles {
		if size := t.W * tlog.HashSize; len(data[i]) > size {
			data[i] = data[i][:size] // of the whole tile, in place of the partial one
		}
	}
	return data, nil
}

// wanted is a file, and the one that it has become part of when it is gone.
type wanted struct{ path, whole string }

// goneError says that a file of the log is not there.
type goneError struct{ path string }

func (e *goneError) Error() string { return fmt.Sprintf("%v: %s is missing", ErrCorrupt, e.path) }
func (e *goneError) Unwrap() error { return ErrCorrupt }

func (s *snapshot) readAll(want []wanted) ([][]byte, error) {
	for _, whole := range []bool{false, true} {
		var paths []string
		for _, w := range want {
			if s.tiles[w.path] != nil {
				continue
			}
			if p := w.choose(whole); !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
		if len(paths) == 0 {
			break
		}
		files, err := s.view.Read(s.ctx, paths)
		if err != nil {
			return nil, err
		}
		read := map[string][]byte{}
		for i, p := range paths {
			read[p] = files[i]
		}
		for _, w := range want {
			if b := read[w.choose(whole)]; b != nil {
				s.tiles[w.path] = b
			}
		}
	}
	out := make([][]byte, len(want))
	for i, w := range want {
		if out[i] = s.tiles[w.path]; out[i] == nil {
			return nil, &goneError{w.path}
		}
	}
	return out, nil
}

func (w wanted) choose(whole bool) string {
	if whole {
		return w.whole
	}
	return w.path
}

// bundle is the entries from n*256 on, as far as the checkpoint covers them, proven.
func (s *snapshot) bundle(n int64) ([][]byte, error) {
	if known := s.bundles[n]; known != nil {
		return known, nil
	}
	w := int(min(width, s.checkpoint.Size-n*width))
	data, err := s.readAll([]wanted{{bundlePath(n, w), bundlePath(n, width)}})
	if err != nil {
		return nil, err
	}
	entries, err := splitBundle(data[0])
	if err != nil || len(entries) < w {
		return nil, fmt.Errorf("%w: %s is not a bundle of %d entries", ErrCorrupt, bundlePath(n, w), w)
	}
	entries = entries[:w]
	indexes := make([]int64, w)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, n*width+int64(i))
	}
	hashes, err := s.proven(indexes)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if tlog.RecordHash(entries[i]) != hashes[i] {
			return nil, fmt.Errorf("%w: entry %d, in %s, was altered", ErrCorrupt, n*width+int64(i), bundlePath(n, w))
		}
	}
	s.bundles[n] = entries
	return entries, nil
}

// proven reads hashes that the checkpoint proves.
func (s *snapshot) proven(indexes []int64) ([]tlog.Hash, error) {
	hashes, err := s.hashes.ReadHashes(indexes)
	return hashes, s.why(err)
}

// why says of an error of package tlog that the log does not hold together, unless it comes of the store.
func (s *snapshot) why(err error) error {
	if err == nil || s.failed != nil {
		return s.failed
	}
	return fmt.Errorf("%w: its tiles do not fit its checkpoint of %d entries", ErrCorrupt, s.checkpoint.Size)
}

// entry is the entry at an index.
func (s *snapshot) entry(index int64) ([]byte, error) {
	if index < 0 || index >= s.checkpoint.Size {
		return nil, fmt.Errorf("there is no entry %d: the log has %d", index, s.checkpoint.Size)
	}
	entries, err := s.bundle(index / width)
	if err != nil {
		return nil, err
	}
	return entries[index%width], nil
}

// find is the entries of identities, as far as the index knows them, in order. What the index says is held against
// the entries themselves.
func (s *snapshot) find(ids []string) (map[string][]Found, error) {
	out := map[string][]Found{}
	buckets, err := s.buckets(ids)
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, id := range ids {
		asked[id] = true
	}
	for _, path := range sortedKeys(buckets) {
		at := map[string][]int64{}
		parseBucket(buckets[path], func(id string, index int64) {
			if asked[id] && index < s.checkpoint.Size && !slices.Contains(at[id], index) {
				at[id] = append(at[id], index)
			}
		})
		for id, indexes := range at {
			slices.Sort(indexes)
			for _, index := range indexes {
				b, err := s.entry(index)
				if err != nil {
					return nil, err
				}
				e, err := audit.Parse(b)
				if err != nil || e.ID != id {
					continue
				}
				claim, err := e.Claim()
				if err != nil {
					return nil, err
				}
				out[id] = append(out[id], Found{index, b, claim})
			}
		}
	}
	return out, nil
}

// buckets are the parts of the index that identities are in, by path; nil for one that is not there yet.
func (s *snapshot) buckets(ids []string) (map[string][]byte, error) {
	for _, id := range ids {
		if err := names.CheckDigest(id); err != nil {
			return nil, fmt.Errorf("looking for the entry %s: %w", inert.Quote(id), err)
		}
	}
	paths := bucketPaths(ids)
	if err := s.readBeside(paths); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, p := range paths {
		out[p] = s.beside[p]
	}
	return out, nil
}

func bucketPaths(ids []string) []string {
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = bucketPath(id)
	}
	return paths
}

// readBeside reads files beside the tiles at once, those that were not read before.
func (s *snapshot) readBeside(paths []string) error {
	var missing []string
	for _, p := range paths {
		if _, ok := s.beside[p]; !ok {
			missing = append(missing, p)
		}
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	if len(missing) == 0 {
		return nil
	}
	files, err := s.view.Read(s.ctx, missing)
	if err != nil {
		return err
	}
	for i, p := range missing {
		s.beside[p] = files[i]
	}
	return nil
}

func sortedKeys[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// consistency proves that the snapshot continues an earlier checkpoint.
func (s *snapshot) consistency(earlier Checkpoint) (tlog.TreeProof, error) {
	switch now := s.checkpoint; {
	case earlier.Origin != now.Origin:
		return nil, fmt.Errorf("%w: %s was seen, and this is %s", ErrForked, inert.Quote(earlier.Origin), inert.Quote(now.Origin))
	case earlier.Size > now.Size:
		return nil, fmt.Errorf("%w: %d entries were seen, and it has %d", ErrRolledBack, earlier.Size, now.Size)
	case earlier.Size == now.Size:
		if earlier.Hash != now.Hash {
			return nil, fmt.Errorf("%w: two checkpoints of %d entries differ", ErrForked, now.Size)
		}
		return nil, nil
	case earlier.Size == 0:
		if empty, err := tlog.TreeHash(0, nil); err != nil || empty != earlier.Hash {
			return nil, fmt.Errorf("%w: the checkpoint of no entries is none", ErrForked)
		}
		return nil, nil
	}
	proof, err := tlog.ProveTree(s.checkpoint.Size, earlier.Size, s.hashes)
	if err != nil {
		return nil, s.why(err)
	}
	if tlog.CheckTree(proof, s.checkpoint.Size, s.checkpoint.Hash, earlier.Size, earlier.Hash) != nil {
		return nil, fmt.Errorf("%w: its first %d entries are not those that were seen", ErrForked, earlier.Size)
	}
	return proof, nil
}

// ahead reads what appending needs, with files beside the tiles, at once: where the log is behind a server, each time
// that something is read is a request. Whoever needs what is not there asks again, and says so.
func (s *snapshot) ahead(beside []string) error {
	paths := slices.Clone(beside)
	tiles := map[string]bool{}
	if last := s.checkpoint.Size - 1; last >= 0 {
		tiles[bundlePath(last/width, int(last%width)+1)] = true
	}
	for level := 0; s.checkpoint.Size>>(height*level) > 0; level++ {
		last := s.checkpoint.Size>>(height*level) - 1
		tiles[tilePath(tlog.Tile{H: height, L: level, N: last / width, W: int(last%width) + 1})] = true
	}
	for p := range tiles {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(paths) == 0 {
		return nil
	}
	files, err := s.view.Read(s.ctx, paths)
	if err != nil {
		return err
	}
	for i, p := range paths {
		switch {
		case !tiles[p]:
			s.beside[p] = files[i]
		case files[i] != nil:
			s.tiles[p] = files[i]
		}
	}
	return nil
}

// edge reports whether what the next entry is put beside is what the checkpoint says.
func (s *snapshot) edge() error {
	if s.checkpoint.Size == 0 {
		return nil
	}
	_, err := s.bundle((s.checkpoint.Size - 1) / width)
	return err
}

// grow is the change that appends entries, and the checkpoint after it.
func (s *snapshot) grow(l *Log, given map[string][]byte, fresh []item) (Change, Checkpoint, error) {
	before, after := s.checkpoint.Size, s.checkpoint.Size+int64(len(fresh))
	if after > maxSize {
		return Change{}, Checkpoint{}, fmt.Errorf("the log is full")
	}
	grown := &grownHashes{under: s.hashes, new: map[int64]tlog.Hash{}}
	for i, it := range fresh {
		n := before + int64(i)
		hashes, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(it.bytes), grown)
		if err != nil {
			return Change{}, Checkpoint{}, s.why(err)
		}
		for j, h := range hashes {
			grown.new[tlog.StoredHashIndex(0, n)+int64(j)] = h
		}
	}
	change := Change{Summary: fmt.Sprintf("Append %d to %d entries", len(fresh), before)}
	for _, t := range tlog.NewTiles(height, before, after) {
		data, err := tlog.ReadTileData(t, grown)
		if err != nil {
			return Change{}, Checkpoint{}, s.why(err)
		}
		change.Put = append(change.Put, File{tilePath(t), data})
		if w := int((before >> (height * t.L)) % width); w > 0 && t.N == before>>(height*t.L)/width {
			change.Drop = append(change.Drop, tilePath(tlog.Tile{H: height, L: t.L, N: t.N, W: w}))
		}
	}
	if err := s.growBundles(&change, fresh); err != nil {
		return Change{}, Checkpoint{}, err
	}
	if err := s.growIndex(&change, fresh); err != nil {
		return Change{}, Checkpoint{}, err
	}
	if err := s.keepFiles(&change, given, fresh); err != nil {
		return Change{}, Checkpoint{}, err
	}
	root, err := tlog.TreeHash(after, grown)
	if err != nil {
		return Change{}, Checkpoint{}, s.why(err)
	}
	c, err := l.sign(tlog.Tree{N: after, Hash: root})
	if err != nil {
		return Change{}, Checkpoint{}, err
	}
	change.Put = append(change.Put, File{CheckpointPath, c.Signed})
	return change, c, nil
}

func (s *snapshot) growBundles(change *Change, fresh []item) error {
	n, w := s.checkpoint.Size/width, int(s.checkpoint.Size%width)
	var data []byte
	if w > 0 {
		entries, err := s.bundle(n)
		if err != nil {
			return err
		}
		for _, e := range entries {
			data = appendEntry(data, e)
		}
		change.Drop = append(change.Drop, bundlePath(n, w))
	}
	for _, it := range fresh {
		data = appendEntry(data, it.bytes)
		if w++; w == width {
			change.Put = append(change.Put, File{bundlePath(n, width), data})
			n, w, data = n+1, 0, nil
		}
	}
	if w > 0 {
		change.Put = append(change.Put, File{bundlePath(n, w), data})
	}
	return nil
}

func (s *snapshot) growIndex(change *Change, fresh []item) error {
	ids, deploys := make([]string, len(fresh)), map[string][]int64{}
	for i := range fresh {
		ids[i] = fresh[i].id
		if key := fresh[i].deploy; key != "" {
			deploys[key] = append(deploys[key], s.checkpoint.Size+int64(i))
		}
	}
	buckets, err := s.buckets(slices.AppendSeq(slices.Clone(ids), maps.Keys(deploys)))
	if err != nil {
		return err
	}
	grown := map[string][]byte{}
	for path, b := range buckets {
		// What was left by a writer that was stopped before its checkpoint is not of this log.
		parseBucket(b, func(id string, index int64) {
			switch {
			case index >= s.checkpoint.Size:
			case deploys[id] != nil:
				deploys[id] = append(deploys[id], index)
			default:
				grown[path] = append(grown[path], bucketLine(id, index)...)
			}
		})
	}
	for _, key := range sortedKeys(deploys) {
		at := deploys[key]
		slices.Sort(at)
		at = slices.Compact(at)
		for _, index := range at[max(0, len(at)-maxDeploys):] {
			grown[bucketPath(key)] = append(grown[bucketPath(key)], bucketLine(key, index)...)
		}
	}
	for i, id := range ids {
		path := bucketPath(id)
		grown[path] = append(grown[path], bucketLine(id, s.checkpoint.Size+int64(i))...)
	}
	for _, path := range sortedKeys(grown) {
		if len(grown[path]) > MaxFile {
			return fmt.Errorf("the index is full at %s", path)
		}
		change.Put = append(change.Put, File{path, grown[path]})
	}
	return nil
}

// grownHashes are those of a log with what is being appended.
type grownHashes struct {
	under tlog.HashReader
	new   map[int64]tlog.Hash
}

// ReadHashes is for [tlog.HashReader].
func (g *grownHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var missing []int64
	for _, x := range indexes {
		if _, ok := g.new[x]; !ok && !slices.Contains(missing, x) {
			missing = append(missing, x)
		}
	}
	if len(missing) > 0 {
		hashes, err := g.under.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		for i, x := range missing {
			g.new[x] = hashes[i]
		}
	}
	for i, x := range indexes {
		out[i] = g.new[x]
	}
	return out, nil
}
