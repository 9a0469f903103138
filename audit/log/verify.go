package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
)

// Kind says what sort of fault a log has.
type Kind string

// The kinds of fault.
const (
	BadCheckpoint Kind = "checkpoint" // it is not signed by the log's key, or not readable
	RolledBack    Kind = "rollback"   // the log ends before a checkpoint that was seen
	Forked        Kind = "fork"       // a checkpoint that was seen is of another history
	Rewritten     Kind = "rewritten"  // entries and tiles agree, and the checkpoint is of others
	BadTile       Kind = "tile"       // a file of hashes was altered, cut or lost
	BadBundle     Kind = "bundle"     // a file of entries was cut, lost, or has another form
	Altered       Kind = "altered"    // an entry is not the one that was appended
	Moved         Kind = "moved"      // an entry stands in the place of another
	Lost          Kind = "lost"       // an entry is nowhere
	NoEntry       Kind = "no-entry"   // what was appended is no entry of the audit log
	BadIndex      Kind = "index"      // a file of the index does not say where the entries are
	BadKey        Kind = "key"        // the file with the log's key has another one
	BadStatement  Kind = "statement"  // a deploy statement of such an entry is lost, not signed as it says, or of something else
	BadDelegation Kind = "delegation" // the signed delegations of an entry that somebody vouches for are lost, or other ones
)

// maxFaults is how many faults are listed; more are counted.
const maxFaults = 200

// readAtOnce is how many files are read at once.
const readAtOnce = 64

// Fault is something that is wrong with a log.
type Fault struct {
	Kind  Kind
	Path  string // the file, "" where it is about the whole
	Index int64  // the entry, -1 where it is about no single one
	Text  string // a sentence without a full stop
}

// Same are entries of one identity. The log is sound where there are such; one of them is not true, or a decision was
// made twice.
type Same struct {
	ID      string
	Indexes []int64
	Differ  bool // they do not say the same; false is harmless
}

// Verification is what came of looking at a whole log.
type Verification struct {
	Checkpoint Checkpoint // zero where it could not be read
	Entries    int64      // how many were read
	Faults     []Fault
	More       int // faults that are not listed
	Same       []Same
}

// OK reports whether nothing was found wrong.
func (v *Verification) OK() bool { return v != nil && len(v.Faults) == 0 }

func (v *Verification) fault(k Kind, path string, index int64, format string, args ...any) {
	if len(v.Faults) == maxFaults {
		v.More++
		return
	}
	v.Faults = append(v.Faults, Fault{k, path, index, fmt.Sprintf(format, args...)})
}

// Verify looks at every file of the log: each entry against the tiles, each tile against the checkpoint, the
// checkpoint against the key and the pins, the index against the entries, and the delegations that entries name
// against the bundles that are kept of them. What is wrong is a fault of the
// result; an error says that it could not be looked. It takes some 300 bytes of memory an entry.
func (l *Log) Verify(ctx context.Context) (*Verification, error) {
	for try := 1; ; try++ {
		v, size, err := l.verify(ctx)
		if err != nil {
			return nil, fmt.Errorf("verifying the audit log: %w", err)
		}
		// A writer that took files away meanwhile is no fault of the log.
		if v.OK() || try == maxTries || !l.grew(ctx, size) {
			return v, nil
		}
	}
}

// grew reports whether the log has another size by now.
func (l *Log) grew(ctx context.Context, size int64) bool {
	now, err := (&Log{Store: l.Store, Verifier: l.Verifier}).look(ctx)
	return err == nil && now.checkpoint.Size != size
}

func (l *Log) verify(ctx context.Context) (*Verification, int64, error) {
	if l.Store == nil || l.Verifier == nil {
		return nil, 0, errors.New("the log has no store or no key to be verified with")
	}
	view, err := l.Store.Look(ctx)
	if err != nil {
		return nil, 0, err
	}
	files, err := view.Read(ctx, []string{CheckpointPath, KeyPath})
	if err != nil {
		return nil, 0, err
	}
	v := &Verification{}
	if files[0] == nil {
		v.fault(BadCheckpoint, CheckpointPath, -1, "the log has no checkpoint, so that nothing else can be told")
		return v, -1, nil
	}
	c, err := OpenCheckpoint(files[0], l.Verifier)
	if err != nil {
		v.fault(BadCheckpoint, CheckpointPath, -1, "%v; nothing else can be told without it", err)
		return v, -1, nil
	}
	v.Checkpoint = c
	if why := wrongKey(files[1], files[0], c.Origin); why != "" {
		v.fault(BadKey, KeyPath, -1, "%s", why)
	}
	w := &verifying{ctx: ctx, view: view, v: v, size: c.Size, root: c.Hash, pins: l.pinsOf(v, c)}
	if err := w.run(); err != nil {
		return nil, 0, err
	}
	return v, c.Size, nil
}

// pinsOf are the pins that the entries have to be held against.
func (l *Log) pinsOf(v *Verification, c Checkpoint) []Checkpoint {
	var out []Checkpoint
	for _, pin := range l.Pins {
		switch {
		case pin.Origin != c.Origin:
			v.fault(Forked, CheckpointPath, -1, "the checkpoint that was seen is of another log, %+q", pin.Origin)
		case pin.Size > c.Size:
			v.fault(RolledBack, CheckpointPath, -1, "%d entries were seen, and it ends after %d", pin.Size, c.Size)
		default:
			out = append(out, pin)
		}
	}
	slices.SortFunc(out, func(a, b Checkpoint) int { return int(min(max(a.Size-b.Size, -1), 1)) })
	return out
}

// verifying is one look at a log.
type verifying struct {
	ctx  context.Context
	view View
	v    *Verification
	size int64
	root tlog.Hash
	pins []Checkpoint

	entries []tlog.Hash // of the entries as they stand; zero where there is none
	stored  []tlog.Hash // of the tiles of level 0; zero where there is none
	claims  []tlog.Hash // of what the entries say, without who vouches for them
	ids     map[string][]int64
	deploys map[string][]int64 // by what the index has them under
	chains  map[string][]named // that entries name for which somebody vouches, by the digest of the last link
	stating []stating          // entries with statements for which somebody vouches
	bad     map[string]bool    // files that were found wrong
}

func (w *verifying) run() error {
	w.entries, w.stored = make([]tlog.Hash, w.size), make([]tlog.Hash, w.size)
	w.claims = make([]tlog.Hash, w.size)
	w.ids, w.deploys, w.chains, w.bad = map[string][]int64{}, map[string][]int64{}, map[string][]named{}, map[string]bool{}
	for from := int64(0); from < w.size; from += readAtOnce * width {
		if err := w.readEntries(from, min(from+readAtOnce*width, w.size)); err != nil {
			return err
		}
	}
	whole := !slices.Contains(w.entries, tlog.Hash{})
	sound := whole && treeHash(w.entries) == w.root
	if sound {
		// The entries are what the checkpoint is of: whatever tile says something else is wrong.
		if err := w.compareTiles(); err != nil {
			return err
		}
	} else if err := w.accuse(); err != nil {
		return err
	}
	w.holdPins(sound)
	w.v.Same = w.same()
	if err := w.compareBundles(); err != nil {
		return err
	}
	if err := w.compareStatements(); err != nil {
		return err
	}
	if err := w.compareDeploys(); err != nil {
		return err
	}
	return w.compareIndex()
}

// readEntries reads bundles and the tiles of level 0 beside them.
func (w *verifying) readEntries(from, to int64) error {
	var paths []string
	for at := from; at < to; at += width {
		n := int(min(width, w.size-at))
		paths = append(paths, bundlePath(at/width, n), tilePath(tlog.Tile{H: height, N: at / width, W: n}))
	}
	files, err := w.view.Read(w.ctx, paths)
	if err != nil {
		return err
	}
	for i := 0; i < len(paths); i += 2 {
		at := from + int64(i/2)*width
		n := int(min(width, w.size-at))
		w.readBundle(paths[i], files[i], at, n)
		if tile := files[i+1]; len(tile) == n*tlog.HashSize {
			for k := range n {
				copy(w.stored[at+int64(k)][:], tile[k*tlog.HashSize:])
			}
		} else {
			w.badTile(paths[i+1], tile, n)
		}
	}
	return nil
}

func (w *verifying) badTile(path string, tile []byte, n int) {
	w.bad[path] = true
	if tile == nil {
		w.v.fault(BadTile, path, -1, "the file is missing")
		return
	}
	w.v.fault(BadTile, path, -1, "it has %d bytes, and holds %d hashes, which are %d", len(tile), n, n*tlog.HashSize)
}

func (w *verifying) readBundle(path string, b []byte, at int64, n int) {
	entries, err := splitBundle(b)
	switch {
	case b == nil:
		w.v.fault(BadBundle, path, -1, "the file with entries %d to %d is missing", at, at+int64(n)-1)
	case err != nil:
		w.v.fault(BadBundle, path, -1, "it is no bundle of entries: %v", err)
	case len(entries) != n:
		w.v.fault(BadBundle, path, -1, "it holds %d entries, and should hold %d", len(entries), n)
	}
	for k, e := range entries[:min(len(entries), n)] {
		index := at + int64(k)
		w.entries[index] = tlog.RecordHash(e)
		w.v.Entries++
		var claim []byte
		parsed, err := audit.Parse(e)
		if err == nil {
			claim, err = parsed.Claim()
		}
		if err != nil {
			w.v.fault(NoEntry, path, index, "entry %d cannot be read: %v", index, err)
			continue
		}
		w.claims[index] = tlog.RecordHash(claim)
		w.ids[parsed.ID] = append(w.ids[parsed.ID], index)
		if parsed.Deployed() {
			key := deployKey(parsed.Question.Environment)
			w.deploys[key] = append(w.deploys[key], index)
		}
		w.nameFiles(parsed, index)
	}
}

// treeHash is the hash of a whole tree: RFC 6962, section 2.1.
func treeHash(leaves []tlog.Hash) tlog.Hash {
	var t peaks
	for _, h := range leaves {
		t.add(h)
	}
	return t.root()
}

// peaks are the roots of the complete trees that a tree is made of, largest first.
type peaks []struct {
	hash  tlog.Hash
	level int
}

func (p *peaks) add(h tlog.Hash) {
	level := 0
	for n := len(*p); n > 0 && (*p)[n-1].level == level; n = len(*p) {
		h, level = tlog.NodeHash((*p)[n-1].hash, h), level+1
		*p = (*p)[:n-1]
	}
	*p = append(*p, struct {
		hash  tlog.Hash
		level int
	}{h, level})
}

func (p *peaks) root() tlog.Hash {
	n := len(*p)
	if n == 0 {
		h, _ := tlog.TreeHash(0, nil) // reads nothing
		return h
	}
	h := (*p)[n-1].hash
	for i := n - 2; i >= 0; i-- {
		h = tlog.NodeHash((*p)[i].hash, h)
	}
	return h
}

// levelOf is the hashes of the full tiles of a level, by those of the level below.
func levelOf(below []tlog.Hash) []tlog.Hash {
	var out []tlog.Hash
	for i := 0; i+width <= len(below); i += width {
		out = append(out, treeHash(below[i:i+width]))
	}
	return out
}

// compareTiles holds every tile against the entries, which are right.
func (w *verifying) compareTiles() error {
	hashes := w.entries
	for level := 0; len(hashes) > 0; level, hashes = level+1, levelOf(hashes) {
		err := w.eachTile(level, hashes, func(path string, data []byte, right []tlog.Hash) {
			if w.bad[path] {
				return
			}
			if len(data) != len(right)*tlog.HashSize {
				w.badTile(path, data, len(right))
				return
			}
			for k, h := range right {
				if !bytes.Equal(data[k*tlog.HashSize:(k+1)*tlog.HashSize], h[:]) {
					w.v.fault(BadTile, path, -1, "hash %d of it is not that of the log, and the entries are right", k)
					return
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachTile calls f for each tile of a level, with the hashes that belong there.
func (w *verifying) eachTile(level int, hashes []tlog.Hash, f func(path string, data []byte, right []tlog.Hash)) error {
	for from := 0; from < len(hashes); from += readAtOnce * width {
		var paths []string
		for at := from; at < min(from+readAtOnce*width, len(hashes)); at += width {
			paths = append(paths, tilePath(tlog.Tile{H: height, L: level, N: int64(at / width), W: min(width, len(hashes)-at)}))
		}
		files, err := w.view.Read(w.ctx, paths)
		if err != nil {
			return err
		}
		for i, p := range paths {
			at := from + i*width
			f(p, files[i], hashes[at:min(at+width, len(hashes))])
		}
	}
	return nil
}

// accuse says what is wrong where the entries are not what the checkpoint is of. The tiles tell which entries, as
// far as the checkpoint proves them.
func (w *verifying) accuse() error {
	s := newSnapshot(w.ctx, w.view, Checkpoint{Size: w.size, Hash: w.root})
	if _, err := s.proven(nil); err != nil && s.failed == nil {
		return w.accuseAll()
	}
	for at := int64(0); at < w.size; at += width {
		s := newSnapshot(w.ctx, w.view, Checkpoint{Size: w.size, Hash: w.root})
		n := min(width, w.size-at)
		indexes := make([]int64, n)
		for k := range indexes {
			indexes[k] = tlog.StoredHashIndex(0, at+int64(k))
		}
		right, err := s.proven(indexes)
		if err != nil {
			if s.failed != nil && !errors.As(s.failed, new(*goneError)) {
				return s.failed
			}
			w.accuseTiles(at, int(n))
			continue
		}
		w.accuseEntries(at, right)
	}
	return nil
}

// accuseTiles is accuse for one tile of level 0 that the checkpoint does not prove.
func (w *verifying) accuseTiles(at int64, n int) {
	path := tilePath(tlog.Tile{H: height, N: at / width, W: n})
	if w.bad[path] || len(w.v.Faults) == maxFaults {
		return
	}
	differ := 0
	for k := at; k < at+int64(n); k++ {
		if w.entries[k] != w.stored[k] {
			differ++
		}
	}
	w.v.fault(BadTile, path, -1, "it, or a tile above it, is not of the log; %d of its %d entries are not what it says", differ, n)
}

// accuseEntries holds the entries of one bundle against their true hashes.
func (w *verifying) accuseEntries(at int64, right []tlog.Hash) {
	path := bundlePath(at/width, len(right))
	belongs, stands := map[tlog.Hash]int64{}, map[tlog.Hash]bool{}
	for k, h := range right {
		index := at + int64(k)
		stands[w.entries[index]] = true
		if w.entries[index] != h {
			belongs[h] = index
		}
	}
	for k, h := range right {
		index := at + int64(k)
		there := w.entries[index]
		if there == h {
			continue
		}
		from, moved := belongs[there]
		switch {
		case there == tlog.Hash{}:
			w.v.fault(Lost, path, index, "entry %d is missing", index)
		case moved:
			w.v.fault(Moved, path, index, "in the place of entry %d stands what is entry %d", index, from)
		default:
			w.v.fault(Altered, path, index, "entry %d is not the one that was appended", index)
		}
		if moved && !stands[h] {
			w.v.fault(Lost, path, index, "entry %d is nowhere", index)
		}
	}
}

// accuseAll is accuse where the checkpoint proves no tile.
func (w *verifying) accuseAll() error {
	before, hashes := len(w.v.Faults), w.entries
	for k := range hashes {
		if hashes[k] == (tlog.Hash{}) || w.stored[k] == (tlog.Hash{}) || hashes[k] == w.stored[k] {
			continue
		}
		at := int64(k) / width
		path := bundlePath(at, int(min(width, w.size-at*width)))
		w.v.fault(Altered, path, int64(k), "entry %d is not what its tile says, and neither fits the checkpoint", k)
	}
	for level := 1; ; level++ {
		if hashes = levelOf(hashes); len(hashes) == 0 {
			break
		}
		err := w.eachTile(level, hashes, func(path string, data []byte, right []tlog.Hash) {
			for k, h := range right {
				if len(data) != len(right)*tlog.HashSize || !bytes.Equal(data[k*tlog.HashSize:(k+1)*tlog.HashSize], h[:]) {
					w.v.fault(BadTile, path, -1, "it does not fit the tiles below it, nor the checkpoint")
					return
				}
			}
		})
		if err != nil {
			return err
		}
	}
	if len(w.v.Faults) == before {
		w.v.fault(Rewritten, CheckpointPath, -1, "entries and tiles fit each other, and the checkpoint of %d entries is of others: they were rewritten after it was signed", w.size)
	}
	return nil
}

// holdPins holds the entries against checkpoints that were seen.
func (w *verifying) holdPins(sound bool) {
	var t peaks
	next := int64(0)
	for _, pin := range w.pins {
		for ; next < pin.Size; next++ {
			t.add(w.entries[next])
		}
		switch {
		case t.root() == pin.Hash:
		case sound:
			w.v.fault(Forked, CheckpointPath, -1, "its first %d entries are not those of the checkpoint that was seen: whoever signs made two histories", pin.Size)
		default:
			w.v.fault(Forked, "", -1, "the first %d entries are not those of the checkpoint that was seen", pin.Size)
		}
	}
}

// same lists the identities that more than one entry has.
func (w *verifying) same() []Same {
	var out []Same
	for _, id := range sortedKeys(w.ids) {
		if at := w.ids[id]; len(at) > 1 {
			differ := slices.ContainsFunc(at, func(i int64) bool { return w.claims[i] != w.claims[at[0]] })
			out = append(out, Same{ID: id, Indexes: at, Differ: differ})
		}
	}
	return out
}

// compareDeploys holds what the index has of the deploys of environments against the entries. A log that was grown by
// another program may not have it.
func (w *verifying) compareDeploys() error {
	for _, key := range sortedKeys(w.deploys) {
		p := bucketPath(key)
		files, err := w.view.Read(w.ctx, []string{p})
		if err != nil {
			return err
		}
		has := map[int64]bool{}
		parseBucket(files[0], func(id string, index int64) {
			if id == key {
				has[index] = true
			}
		})
		at := w.deploys[key]
		at = at[max(0, len(at)-maxDeploys):]
		if len(has) > 0 && slices.ContainsFunc(at, func(index int64) bool { return !has[index] }) {
			w.v.fault(BadIndex, p, -1, "it does not say where the last deploys of an environment are")
		}
	}
	return nil
}

// compareIndex holds the index against the entries. Lines that lead to another entry or to none are what a writer
// left that was stopped; they are harmless.
func (w *verifying) compareIndex() error {
	want := map[string][]string{}
	for id, at := range w.ids {
		for _, index := range at {
			p := bucketPath(id)
			want[p] = append(want[p], bucketLine(id, index))
		}
	}
	for part := range slices.Chunk(sortedKeys(want), readAtOnce*width) {
		files, err := w.view.Read(w.ctx, part)
		if err != nil {
			return err
		}
		for i, p := range part {
			has, size := map[string]bool{}, 0
			parseBucket(files[i], func(id string, index int64) {
				text := bucketLine(id, index)
				has[text], size = true, size+len(text)
			})
			if size != len(files[i]) || slices.ContainsFunc(want[p], func(text string) bool { return !has[text] }) {
				w.v.fault(BadIndex, p, -1, "it does not say where the entries of this part are")
			}
		}
	}
	return nil
}
