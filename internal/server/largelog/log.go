package largelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
)

// The limits of a log.
const (
	maxPending  = 8192             // entries that are on their way at once
	batch       = 1024             // entries that Tessera orders at once
	outstanding = 2 * maxPending   // that are ordered and not in the tree
	startTime   = 2 * time.Minute  // until what was left by the process before is in the log
	stopTime    = 30 * time.Second // until what is on its way is in the log
)

// Why an entry is not taken. Test with [errors.Is].
var (
	// ErrBusy: too many are on their way, or the log ends.
	ErrBusy = errors.New("the audit log is busy")

	errNotHere = errors.New("the log is written by its server alone")
)

// Config says which log is where.
type Config struct {
	Signer   note.Signer // [log.NewSigner]; its name is the log's origin
	Verifier note.Verifier
	Place    Place
	Logger   *slog.Logger
}

func (c *Config) keyFile() ([]byte, error) {
	text, err := log.KeyFile(c.Signer)
	if err != nil {
		return nil, fmt.Errorf("the key of the audit log: %w", err)
	}
	return text, nil
}

// Log is a log that grows. Its methods may be called from several goroutines at once.
type Log struct {
	c        Config
	origin   string
	index    index
	appender *tessera.Appender
	shutdown func(context.Context) error
	end      context.CancelFunc // of what runs beside
	ended    sync.WaitGroup
	look     chan struct{} // asks for a look at the checkpoint

	mu        sync.Mutex
	published log.Checkpoint
	pending   map[string]*pending // by the digest of the entry's bytes
	waiting   map[int64]*pending  // by the number that Tessera gave it
	broken    error               // why nothing is appended any more
	behind    error               // why the last look failed
}

// pending is an entry on its way.
type pending struct {
	id    string
	bytes []byte
	done  chan struct{} // closed when the rest is set
	out   *Appended
	err   error
}

// Appended is an entry that is in the log.
type Appended struct {
	Receipt *log.Receipt
	Again   bool    // it was there before
	Others  []int64 // entries of the same identity that say something else
}

// Create makes an empty log. Where one is, the error wraps [log.ErrExist].
func Create(ctx context.Context, c Config) (_ log.Checkpoint, err error) {
	defer wrap(&err, "creating the audit log %s", c.Signer.Name())
	key, err := c.keyFile()
	if err != nil {
		return log.Checkpoint{}, err
	}
	if err := c.Place.open(ctx); err != nil {
		return log.Checkpoint{}, err
	}
	defer func() { err = errors.Join(err, c.Place.close()) }()
	files, err := c.Place.read(ctx, []string{log.KeyPath, checkpointPath})
	if err != nil {
		return log.Checkpoint{}, err
	}
	state, err := c.Place.tree(ctx)
	if err != nil {
		return log.Checkpoint{}, err
	}
	begun := files[1] != nil
	if begun {
		was, err := log.OpenCheckpoint(files[1], c.Verifier)
		begun = err != nil || was.Size > 0
	}
	// One that was stopped before it wrote the key is gone on with.
	if files[0] != nil || begun || state != nil && (state.N > 0 || state.next > 0) {
		return log.Checkpoint{}, log.ErrExist
	}
	var first firstFiles
	made, err := (&log.Log{Store: &first, Verifier: c.Verifier, Signer: c.Signer}).Create(ctx)
	if err != nil {
		return log.Checkpoint{}, err
	}
	if err := begin(ctx, c, made); err != nil {
		return log.Checkpoint{}, err
	}
	if err := c.Place.put(ctx, checkpointPath, made.Signed); err != nil {
		return log.Checkpoint{}, err
	}
	// The key is the last: without it nothing is appended here.
	return made, c.Place.put(ctx, log.KeyPath, key)
}

// firstFiles takes the files of a log that begins, and keeps none.
type firstFiles struct{}

// Look is for [log.Store].
func (firstFiles) Look(context.Context) (log.View, error) { return nil, log.ErrMissing }

// Commit is for [log.Store].
func (firstFiles) Commit(context.Context, log.View, log.Change) error { return nil }

// begin has Tessera make its notes of an empty log.
func begin(ctx context.Context, c Config, empty log.Checkpoint) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	g := &guard{Signer: c.Signer, ctx: ctx, place: c.Place, last: tlog.Tree{Hash: empty.Hash}, refuse: func(error) {}}
	_, _, err := appender(ctx, c, g)
	return err
}

func appender(ctx context.Context, c Config, signer note.Signer) (*tessera.Appender, func(context.Context) error, error) {
	driver, err := c.Place.driver(ctx)
	if err != nil {
		return nil, nil, err
	}
	p := c.Place.pace()
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(p.sign).
		WithCheckpointRepublishInterval(0).
		WithBatching(batch, p.gather).
		WithPushback(outstanding).
		WithShutdownTimeout(stopTime)
	a, shutdown, _, err := tessera.NewAppender(ctx, driver, options)
	return a, shutdown, err
}

// Open opens a log to append to. What was accepted before a crash is in it when it returns.
func Open(ctx context.Context, c Config) (_ *Log, err error) {
	defer wrap(&err, "opening the audit log %s", c.Signer.Name())
	if err := c.Place.open(ctx); err != nil {
		return nil, err
	}
	l := &Log{
		c: c, origin: c.Signer.Name(), look: make(chan struct{}, 1),
		pending: map[string]*pending{}, waiting: map[int64]*pending{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.stop())
		}
	}()
	state, err := l.check(ctx)
	if err != nil {
		return nil, err
	}
	if l.index, err = c.Place.index(ctx); err != nil {
		return nil, err
	}
	// What the next entry is put beside is copied, so that it must be what the checkpoint says.
	if n := l.published.Size; n > 0 {
		if _, err := l.at(l.published).Entry(ctx, n-1); err != nil {
			return nil, err
		}
	}
	if err := l.recoverIndex(ctx); err != nil {
		return nil, err
	}
	// What runs beside goes on when the caller's context ends: [Log.Close] ends it.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	l.end = end
	g := &guard{Signer: c.Signer, ctx: running, place: c.Place, refuse: l.breakBy, last: tlog.Tree{N: l.published.Size, Hash: l.published.Hash}}
	if l.appender, l.shutdown, err = appender(running, c, g); err != nil {
		return nil, err
	}
	l.ended.Go(func() { l.follow(running) })
	ctx, stop := context.WithTimeout(ctx, startTime)
	defer stop()
	return l, l.caughtUp(ctx, state.next)
}

// check holds what is there against the key, before anything is written.
func (l *Log) check(ctx context.Context) (*tree, error) {
	key, err := l.c.keyFile()
	if err != nil {
		return nil, err
	}
	files, err := l.c.Place.read(ctx, []string{log.KeyPath, checkpointPath})
	if err != nil {
		return nil, err
	}
	state, err := l.c.Place.tree(ctx)
	switch {
	case err != nil:
		return nil, err
	case files[0] == nil && files[1] == nil && state == nil:
		return nil, fault.WithFix(log.ErrMissing, "make one by `remit-server log create`, or move the one that there is by `remit-server log migrate`; if there was one here, put it back from a backup")
	case files[0] == nil:
		return nil, fault.WithFix(fmt.Errorf("%w: it was not completely made", log.ErrCorrupt), "run the `remit-server log create` or `remit-server log migrate` again that was stopped")
	case !bytes.Equal(files[0], key):
		return nil, fault.WithFix(errors.New("the log has another key than the configuration names"), "name the key that the log was made with (key_file)")
	case files[1] == nil:
		return nil, fault.WithFix(fmt.Errorf("%w: it has no checkpoint", log.ErrCorrupt), "put the log back from a backup")
	case state == nil:
		return nil, fault.WithFix(fmt.Errorf("%w: Tessera's notes are missing, so that it would begin anew", log.ErrCorrupt), "put the log back from a backup; a log that Tessera did not make is moved by `remit-server log migrate`")
	}
	now, err := log.OpenCheckpoint(files[1], l.c.Verifier)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", log.ErrCorrupt, err)
	}
	if state.N < now.Size || state.next < state.N || state.N == now.Size && state.Hash != now.Hash {
		return nil, fault.WithFix(fmt.Errorf("%w: its checkpoint is of %d entries, and Tessera's notes are of %d", log.ErrCorrupt, now.Size, state.N), "put the log back from a backup, all of it")
	}
	l.published = now
	return state, nil
}

// recoverIndex has the index cover the checkpoint.
func (l *Log) recoverIndex(ctx context.Context) error {
	size, err := l.index.size(ctx)
	if err != nil {
		return err
	}
	if size > l.published.Size {
		size = 0 // it is of another moment than the log
	}
	return l.walk(ctx, l.published, size, l.index.recover)
}

// walk hands the identities of a checkpoint's entries, from a number on, to add.
func (l *Log) walk(ctx context.Context, to log.Checkpoint, from int64, add func(context.Context, int64, []string) error) error {
	r, err := l.at(to).Read(ctx)
	if err != nil {
		return err
	}
	var ids []string
	flush := func() error {
		err := add(ctx, from, ids)
		from, ids = from+int64(len(ids)), nil
		return err
	}
	err = r.Walk(ctx, from, to.Size, false, func(_ int64, b []byte) error {
		id := audit.Digest(nil) // of what is no entry, which Verify finds
		if e, err := audit.Parse(b); err == nil {
			id = e.ID
		}
		if ids = append(ids, id); len(ids) < log.MaxBatch {
			return nil
		}
		return flush()
	})
	if err == nil && len(ids) > 0 {
		err = flush()
	}
	return err
}

// at is the log by one checkpoint.
func (l *Log) at(c log.Checkpoint) *log.Log {
	return &log.Log{Store: &fixed{place: l.c.Place, index: l.index, checkpoint: c.Signed}, Verifier: l.c.Verifier}
}

// Reading is the log as it is now: the last checkpoint that the index covers.
func (l *Log) Reading() log.View {
	return &fixed{place: l.c.Place, index: l.index, checkpoint: l.last().Signed}
}

func (l *Log) last() log.Checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.published
}

// Err is why nothing can be appended; nil where it can.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.broken, l.behind)
}

func (l *Log) breakBy(err error) {
	l.c.Logger.Error("audit log", "log", l.origin, "error", err.Error())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

func (l *Log) caughtUp(ctx context.Context, size int64) error {
	for l.last().Size < size {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d entries of it have a number and are not in a checkpoint: %w", size-l.last().Size, errors.Join(l.Err(), ctx.Err()))
		case <-time.After(l.c.Place.pace().look):
		}
	}
	return nil
}

// Close waits until what is on its way is in the log, and ends. Nothing is to be appended any more.
func (l *Log) Close(ctx context.Context) error {
	err := l.shutdown(ctx)
	ctx, end := context.WithTimeout(ctx, stopTime)
	defer end()
	for err == nil && l.onTheirWay() > 0 {
		select {
		case <-ctx.Done():
			err = fmt.Errorf("%d entries are on their way: %w", l.onTheirWay(), ctx.Err())
		case <-time.After(l.c.Place.pace().look):
		}
	}
	return errors.Join(err, l.stop())
}

func (l *Log) onTheirWay() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending)
}

func (l *Log) stop() error {
	if l.end != nil {
		l.end()
	}
	l.ended.Wait()
	var err error
	if l.index != nil {
		err = l.index.close()
	}
	return errors.Join(err, l.c.Place.close())
}

// Append adds an entry that somebody vouches for, with the bundles of the delegations that it names, unless the log
// has it, byte for byte. When it returns without an error, a signed checkpoint covers it. When ctx ends before, it may
// yet be appended: whoever hands it over again does no harm.
func (l *Log) Append(ctx context.Context, e *audit.Entry, bundles [][]byte) (*Appended, error) {
	b, err := e.Encode()
	if err != nil {
		return nil, err
	}
	p, mine, err := l.join(e.ID, b)
	if err != nil {
		return nil, err
	}
	if mine {
		go l.add(context.WithoutCancel(ctx), p, e, bundles)
	}
	select {
	case <-p.done:
		return p.out, p.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// join is the entry on its way; mine says that it is to be added.
func (l *Log) join(id string, b []byte) (p *pending, mine bool, err error) {
	name := audit.Digest(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrBusy, l.broken)
	}
	if p := l.pending[name]; p != nil {
		return p, false, nil
	}
	if len(l.pending) >= maxPending {
		return nil, false, fmt.Errorf("%w: %d entries are on their way", ErrBusy, len(l.pending))
	}
	p = &pending{id: id, bytes: b, done: make(chan struct{})}
	l.pending[name] = p
	return p, true, nil
}

func (l *Log) finish(p *pending, out *Appended, err error) {
	l.mu.Lock()
	delete(l.pending, audit.Digest(p.bytes))
	l.mu.Unlock()
	p.out, p.err = out, err
	close(p.done)
}

func (l *Log) add(ctx context.Context, p *pending, e *audit.Entry, bundles [][]byte) {
	// It is among the pending ones by now, and stays until the index has it: so whoever looks finds it.
	out, err := l.known(ctx, p)
	if err == nil && out == nil {
		err = l.keep(ctx, e, bundles)
	}
	if err != nil || out != nil {
		l.finish(p, out, err)
		return
	}
	at, err := l.appender.Add(ctx, tessera.NewEntry(p.bytes))()
	if err != nil {
		if errors.Is(err, tessera.ErrPushback) {
			err = fmt.Errorf("%w: %w", ErrBusy, err)
		}
		l.finish(p, nil, err)
		return
	}
	l.mu.Lock()
	l.waiting[int64(at.Index&math.MaxInt64)] = p // a log has fewer
	l.mu.Unlock()
	select {
	case l.look <- struct{}{}:
	default:
	}
}

// known is an entry that is in the log already; nil where it is not.
func (l *Log) known(ctx context.Context, p *pending) (*Appended, error) {
	at, err := l.index.find(ctx, []string{p.id})
	if err != nil || len(at[p.id]) == 0 {
		return nil, err
	}
	here := l.at(l.last())
	found, err := here.Lookup(ctx, p.id)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(found[p.id], func(f log.Found) bool { return bytes.Equal(f.Bytes, p.bytes) })
	if i < 0 {
		return nil, nil
	}
	receipt, err := here.Receipt(ctx, found[p.id][i].Index)
	if err != nil {
		return nil, err
	}
	return &Appended{Receipt: receipt, Again: true, Others: others(p, found[p.id])}, nil
}

// others are where entries of the same identity are that say something else, whoever vouches for them.
func others(p *pending, found []log.Found) []int64 {
	var out []int64
	says := claim(p.bytes)
	for _, f := range found {
		if !bytes.Equal(claim(f.Bytes), says) {
			out = append(out, f.Index)
		}
	}
	return out
}

// claim is what an entry says without who vouches for it.
func claim(b []byte) []byte {
	e, err := audit.Parse(b)
	if err != nil {
		return b
	}
	c, err := e.Claim()
	if err != nil {
		return b
	}
	return c
}

// keep keeps the files beside the tiles that an entry needs and the log does not have.
func (l *Log) keep(ctx context.Context, e *audit.Entry, files [][]byte) error {
	paths := log.FilesOf(e)
	if len(paths) == 0 {
		return nil
	}
	kept, err := l.c.Place.read(ctx, paths)
	if err != nil {
		return err
	}
	given, have := log.Beside(files), map[string][]byte{}
	var put []string
	for i, path := range paths {
		have[path] = log.Beside(kept[i : i+1])[path]
		if have[path] == nil {
			have[path], put = given[path], append(put, path)
		}
		if have[path] == nil {
			return fmt.Errorf("%w: %s", log.ErrNoFile, path)
		}
	}
	if err := log.Stated(e, have); err != nil {
		return fmt.Errorf("%w: %w", log.ErrNoFile, err)
	}
	for _, path := range put {
		if err := l.c.Place.put(ctx, path, have[path]); err != nil {
			return err
		}
	}
	return nil
}

// follow shows each new checkpoint once the index covers it, and answers those whose entries are in it.
func (l *Log) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.step(ctx)
		if ctx.Err() == nil {
			if err != nil {
				l.c.Logger.Error("audit log", "log", l.origin, "error", err.Error())
			}
			l.mu.Lock()
			l.behind = err
			l.mu.Unlock()
		}
		l.rest(ctx, err != nil)
	}
}

// rest waits for the next look: often while somebody waits, else now and then.
func (l *Log) rest(ctx context.Context, failed bool) {
	p := l.c.Place.pace()
	if failed {
		p.look = time.Second
	}
	idle := time.After(10 * p.look)
	select {
	case <-ctx.Done():
		return
	case <-time.After(p.look):
	}
	if l.onTheirWay() > 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-l.look:
	case <-idle:
	}
}

func (l *Log) step(ctx context.Context) error {
	files, err := l.c.Place.read(ctx, []string{checkpointPath})
	if err != nil {
		return err
	}
	before := l.last()
	now := before
	if !bytes.Equal(files[0], before.Signed) {
		if now, err = log.OpenCheckpoint(files[0], l.c.Verifier); err != nil {
			return fmt.Errorf("%w: %w", log.ErrCorrupt, err)
		}
		shown := l.at(now)
		shown.Pins = []log.Checkpoint{before}
		if _, err := shown.Read(ctx); err != nil {
			return err
		}
		if err := l.walk(ctx, now, before.Size, l.index.add); err != nil {
			return err
		}
		l.mu.Lock()
		l.published = now
		l.mu.Unlock()
	}
	return l.answer(ctx, now)
}

// answer answers those whose entries a checkpoint covers.
func (l *Log) answer(ctx context.Context, now log.Checkpoint) error {
	var indexes []int64
	ready := map[int64]*pending{}
	var ids []string
	l.mu.Lock()
	for at, p := range l.waiting {
		if at < now.Size {
			ready[at] = p
			indexes, ids = append(indexes, at), append(ids, p.id)
		}
	}
	l.mu.Unlock()
	if len(ready) == 0 {
		return nil
	}
	slices.Sort(indexes)
	here := l.at(now)
	r, err := here.Read(ctx)
	if err != nil {
		return err
	}
	known, err := l.index.find(ctx, ids)
	if err != nil {
		return err
	}
	found := map[string][]log.Found{}
	if twice := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return len(known[id]) < 2 }); len(twice) > 0 {
		if found, err = here.Lookup(ctx, twice...); err != nil {
			return err
		}
	}
	for _, at := range indexes {
		p := ready[at]
		receipt, err := r.Receipt(ctx, at, p.bytes)
		if err != nil {
			return err
		}
		l.mu.Lock()
		delete(l.waiting, at)
		l.mu.Unlock()
		l.finish(p, &Appended{Receipt: receipt, Others: others(p, found[p.id])}, nil)
	}
	return nil
}

func wrap(err *error, format string, args ...any) {
	if *err != nil {
		*err = fmt.Errorf(format+": %w", append(args, *err)...)
	}
}
