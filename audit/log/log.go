// Package log is the audit log: entries in the order in which they were appended, under hashes that whoever holds
// a [Checkpoint] can check.
//
// Its files are those of C2SP tlog-tiles (https://c2sp.org/tlog-tiles), so that other tools read it too:
//
//	checkpoint                 the size and root hash, signed (c2sp.org/tlog-checkpoint, c2sp.org/signed-note)
//	tile/<level>/<n>[.p/<w>]   256 hashes each, the last of a level fewer
//	tile/entries/<n>[.p/<w>]   256 entries each, with two bytes of length before each
//	key                        the key that signs, as [VerifierKey] writes it, on a line
//	index/a/b/c/d              where the entries are whose identity begins with these four digits
//	bundle/a/b/c/d/<64>        the delegation bundle whose last link has this digest, and its first four digits
//	statement/a/b/c/d/<64>     an envelope of a deploy statement, likewise by its own digest
//
// The last four are not part of the specification and prove nothing by themselves. The key is for whoever has none to
// begin with. The index says where to look, so that an entry that is sent again is not kept twice at a cost that does
// not grow with the log. A bundle is the signed delegations behind entries, kept once. A statement says of a deploy that
// it was let through; its entry names it. What is wrong with any of them
// is found by [Log.Verify].
//
// What a log proves: an entry that a checkpoint covers cannot be altered, moved or taken out without [Log.Verify]
// and the next [Log.Append] saying so. That a log was rolled back to an earlier checkpoint, or split in two by
// whoever holds its key, is seen only by those who kept a later checkpoint: hand it over as a pin.
//
// A log that is missing is never taken for an empty one: only [Log.Create] makes one.
package log

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
)

// The limits of one call.
const (
	MaxBatch = 10_000 // entries that are appended at once
	maxTries = 20     // how often it is looked again when somebody else committed in between
	maxBack  = 1000   // states before the current one that are looked at for one to go on from
)

// Why a log cannot be used. Test with [errors.Is].
var (
	// ErrMissing: no log is there. It is never made where one was expected.
	ErrMissing = errors.New("there is no audit log")
	// ErrExist: a log is there already.
	ErrExist = errors.New("there is an audit log already")
	// ErrCorrupt: files of the log do not fit its checkpoint, or the checkpoint is not the log's.
	ErrCorrupt = errors.New("the audit log does not hold together")
	// ErrRolledBack: the log ends before a checkpoint that was seen.
	ErrRolledBack = errors.New("the audit log was rolled back")
	// ErrForked: the log is not the one of a checkpoint that was seen.
	ErrForked = errors.New("the audit log is another one than was seen before")
)

// Log is a log in a store. Its methods may be called from several goroutines and processes at once.
type Log struct {
	Store    Store
	Verifier note.Verifier // of the log's key; its name is the log's origin
	Signer   note.Signer   // of the same key; nil where nothing is appended
	// Pins are checkpoints that were seen before, and verified. A log that does not continue each of them is refused.
	Pins []Checkpoint
	// Resumed is told why the log could not be continued as it stood, when it is continued from a state before: where
	// the store keeps those, somebody who may write there cannot end the log by spoiling it. Nil: nobody is.
	Resumed func(why error)
}

// Create makes an empty log. Where one is, the error wraps [ErrExist].
func (l *Log) Create(ctx context.Context) (Checkpoint, error) {
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("creating the audit log: %w", err)
	}
	c, err := l.sign(tlog.Tree{Hash: empty})
	if err != nil {
		return Checkpoint{}, fmt.Errorf("creating the audit log: %w", err)
	}
	key, err := keyFile(l.Signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("creating the audit log: %w", err)
	}
	err = l.Store.Commit(ctx, nil, Change{Put: []File{{KeyPath, key}, {CheckpointPath, c.Signed}}, Summary: "Begin the audit log " + c.Origin})
	if errors.Is(err, ErrConflict) {
		err = ErrExist
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("creating the audit log: %w", err)
	}
	return c, nil
}

// Checkpoint is the log's current one.
func (l *Log) Checkpoint(ctx context.Context) (c Checkpoint, err error) {
	err = l.read(ctx, func(s *snapshot) error { c = s.checkpoint; return nil })
	return c, err
}

// Entry is the bytes of the entry at an index, proven to be in the log.
func (l *Log) Entry(ctx context.Context, index int64) (b []byte, err error) {
	err = l.read(ctx, func(s *snapshot) error { b, err = s.entry(index); return err })
	return b, err
}

// Found is an entry that is in the log.
type Found struct {
	Index int64
	Bytes []byte
	claim []byte
}

// Lookup is the entries of identities ([audit.Entry.Identity]), each in the order of the log, proven to be in it.
// Identities that are not there are not in the result.
func (l *Log) Lookup(ctx context.Context, ids ...string) (found map[string][]Found, err error) {
	err = l.read(ctx, func(s *snapshot) error { found, err = s.find(ids); return err })
	return found, err
}

// Find lists where the entries of an identity are, in order.
func (l *Log) Find(ctx context.Context, id string) ([]int64, error) {
	found, err := l.Lookup(ctx, id)
	if err != nil {
		return nil, err
	}
	var at []int64
	for _, e := range found[id] {
		at = append(at, e.Index)
	}
	return at, nil
}

// Deploys is what was let through to an environment last by the word of those for whom somebody vouches, at most 64, in
// the order of the log and proven to be in it.
func (l *Log) Deploys(ctx context.Context, environment string) (found []Found, err error) {
	err = l.read(ctx, func(s *snapshot) error { found, err = s.deploys(environment); return err })
	return found, err
}

// Consistency proves that the log as it is continues the one that an earlier checkpoint is of.
func (l *Log) Consistency(ctx context.Context, earlier Checkpoint) (proof tlog.TreeProof, now Checkpoint, err error) {
	err = l.read(ctx, func(s *snapshot) error {
		now = s.checkpoint
		proof, err = s.consistency(earlier)
		return err
	})
	return proof, now, err
}

// Appended is what became of one entry.
type Appended struct {
	Index int64
	Again bool // it was in the log before, byte for byte, and was not appended again
	// Others are where entries of the same identity are that say something else, whoever vouches for them. Both are
	// kept: one of them is not true, or a decision was made twice.
	Others []int64
}

// Append adds entries in their order and commits once. When it returns without an error, they are in the log and
// last; when it does not, some may be, and whoever sends them again does no harm: an entry is known by its identity.
// One commit costs the same whatever the log's size.
//
// Files are the bundles of the delegations that the entries name, and the statements; others are passed over. An entry
// that somebody vouches for needs all of them, here or in the log, but for the bundles of forged chains; where one is
// not there the error wraps [ErrNoFile].
func (l *Log) Append(ctx context.Context, files [][]byte, entries ...*audit.Entry) ([]Appended, Checkpoint, error) {
	out, c, err := l.append(ctx, files, entries)
	if err != nil {
		return nil, Checkpoint{}, fmt.Errorf("appending to the audit log: %w", err)
	}
	return out, c, nil
}

func (l *Log) append(ctx context.Context, files [][]byte, entries []*audit.Entry) ([]Appended, Checkpoint, error) {
	if len(entries) > MaxBatch {
		return nil, Checkpoint{}, fmt.Errorf("there are %d entries, at most %d are appended at once", len(entries), MaxBatch)
	}
	batch := make([]item, len(entries))
	for i, e := range entries {
		b, err := e.Encode()
		if err != nil {
			return nil, Checkpoint{}, err
		}
		claim, err := e.Claim()
		if err != nil {
			return nil, Checkpoint{}, err
		}
		batch[i] = item{id: e.ID, bytes: b, claim: claim, entry: e, vouched: !e.Attestation.IsZero()}
		if e.Deployed() {
			batch[i].deploy = deployKey(e.Question.Environment)
		}
	}
	given := Beside(files)
	for try := 1; ; try++ {
		out, c, err := l.appendOnce(ctx, given, batch)
		if !again(err) || try == maxTries || ctx.Err() != nil {
			return out, c, err
		}
	}
}

// item is an entry that is to be appended.
type item struct {
	id    string
	bytes []byte
	claim []byte // what it says, without who vouches for it

	entry   *audit.Entry
	vouched bool   // somebody vouches for it
	deploy  string // under what the index has it as a deploy that was let through; "": it is none
}

func (l *Log) appendOnce(ctx context.Context, given map[string][]byte, batch []item) ([]Appended, Checkpoint, error) {
	ids := make([]string, len(batch))
	var beside []string
	for i := range batch {
		ids[i] = batch[i].id
		beside = append(beside, FilesOf(batch[i].entry)...)
		if key := batch[i].deploy; key != "" {
			beside = append(beside, bucketPath(key))
		}
	}
	beside = append(beside, bucketPaths(ids)...)
	s, spoiled, err := l.lookToAppend(ctx, beside)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	if err := s.readBeside(beside); err != nil {
		return nil, Checkpoint{}, err
	}
	known, err := s.find(ids)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	out := make([]Appended, len(batch))
	var fresh []item
	for i, it := range batch {
		a := Appended{Index: s.checkpoint.Size + int64(len(fresh))}
		for _, e := range known[it.id] {
			if slices.Equal(e.Bytes, it.bytes) {
				a.Index, a.Again = e.Index, true
			} else if !slices.Equal(e.claim, it.claim) {
				a.Others = append(a.Others, e.Index)
			}
		}
		if !a.Again {
			known[it.id] = append(known[it.id], Found{a.Index, it.bytes, it.claim})
			fresh = append(fresh, it)
		}
		out[i] = a
	}
	if len(fresh) == 0 && spoiled == nil {
		return out, s.checkpoint, nil
	}
	change, c, err := s.grow(l, given, fresh)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	if err := l.Store.Commit(ctx, s.view, change); err != nil {
		return nil, Checkpoint{}, err
	}
	if spoiled != nil && l.Resumed != nil {
		l.Resumed(spoiled)
	}
	return out, c, nil
}

// lookToAppend is the log as it is now, or, where that cannot be continued, the last state before it that can:
// spoiled says why then. A state that does not continue a checkpoint of the log that was met on the way is none.
func (l *Log) lookToAppend(ctx context.Context, beside []string) (s *snapshot, spoiled, err error) {
	s, err = l.look(ctx)
	if err == nil {
		if err = s.ahead(beside); err != nil {
			return nil, nil, err
		}
		if err = s.edge(); err == nil {
			return s, nil, nil
		}
	}
	if s == nil || !spoils(err) {
		return nil, nil, err
	}
	spoiled = err
	var met []Checkpoint
	for range maxBack {
		if s.checkpoint.Signed != nil {
			met = append(met, s.checkpoint)
		}
		view, ok := s.view.(history)
		if !ok {
			return nil, nil, spoiled
		}
		before, err := view.Before(ctx)
		if err != nil {
			return nil, nil, errors.Join(spoiled, err)
		}
		if before == nil {
			return nil, nil, spoiled
		}
		s, err = l.lookAt(ctx, before)
		if err == nil {
			err = s.edge()
		}
		for i := 0; err == nil && i < len(met); i++ {
			_, err = s.consistency(met[i])
		}
		if err == nil {
			return s, spoiled, nil
		}
		if s == nil || !spoils(err) {
			return nil, nil, errors.Join(spoiled, err)
		}
	}
	return nil, nil, spoiled
}

// spoils reports whether an error says that a state of a log cannot be continued, and not that it could not be read.
func spoils(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrRolledBack) || errors.Is(err, ErrForked)
}

// look reads the checkpoint of the log as it is now, and holds the pins against it.
func (l *Log) look(ctx context.Context) (*snapshot, error) {
	if l.Store == nil || l.Verifier == nil {
		return nil, errors.New("the log has no store or no key to be verified with")
	}
	view, err := l.Store.Look(ctx)
	if err != nil {
		return nil, err
	}
	return l.lookAt(ctx, view)
}

// lookAt is look at one state. With an error that spoils it there is a snapshot, which nothing is to be read from.
func (l *Log) lookAt(ctx context.Context, view View) (*snapshot, error) {
	s := &snapshot{view: view}
	files, err := view.Read(ctx, []string{CheckpointPath})
	if err != nil {
		return nil, err
	}
	if files[0] == nil {
		return s, fmt.Errorf("%w: it has no checkpoint", ErrCorrupt)
	}
	c, err := OpenCheckpoint(files[0], l.Verifier)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s = newSnapshot(ctx, view, c)
	for _, pin := range l.Pins {
		if _, err := s.consistency(pin); err != nil {
			return s, err
		}
	}
	return s, nil
}

// read has f read a snapshot, and once more where somebody else committed meanwhile and took away what it read.
func (l *Log) read(ctx context.Context, f func(*snapshot) error) error {
	for try := 1; ; try++ {
		s, err := l.look(ctx)
		if err == nil {
			err = f(s)
		}
		if err == nil {
			return nil
		}
		if !again(err) || try == maxTries || ctx.Err() != nil || !l.moved(ctx, s) {
			return fmt.Errorf("reading the audit log: %w", err)
		}
	}
}

// again reports whether an error may be gone when the log is looked at again.
func again(err error) bool {
	var gone *goneError
	return errors.Is(err, ErrConflict) || errors.As(err, &gone)
}

func (l *Log) moved(ctx context.Context, s *snapshot) bool {
	now, err := l.look(ctx)
	return err == nil && s != nil && now.checkpoint.Size != s.checkpoint.Size
}

// sign makes the checkpoint of a tree, and takes it only if it verifies: what the log's own key does not open would
// end the log.
func (l *Log) sign(tree tlog.Tree) (Checkpoint, error) {
	if l.Signer == nil || l.Verifier == nil {
		return Checkpoint{}, fault.Refusedf("the log's key is not here: only who holds it appends")
	}
	c := Checkpoint{Origin: l.Verifier.Name(), Size: tree.N, Hash: tree.Hash}
	signed, err := note.Sign(&note.Note{Text: c.text()}, l.Signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("signing a checkpoint: %s", inert.Error(err))
	}
	c, err = OpenCheckpoint(signed, l.Verifier)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the key that signs is not the log's: %w", err)
	}
	return c, nil
}
