package query

import (
	"context"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
)

// Found is an entry that was asked for, proven to be in the log.
type Found struct {
	Index   int64
	Bytes   []byte
	Entry   *audit.Entry
	Perhaps bool // what it leaves out may be what was asked for; nothing that it lists is
}

// Order says how entries come.
type Order struct {
	OldestFirst bool
	Limit       int // of the newest that are asked for; 0: all
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// Each calls f for the entries that are asked for. Those that cannot be read as entries end it: they are for
// [log.Log.Verify] to tell of. It holds a few at a time.
func Each(ctx context.Context, r *log.Reader, filter *Filter, o Order, f func(*Found) error) error {
	size := r.Checkpoint().Size
	if !o.OldestFirst {
		return walk(ctx, r, filter, 0, size, true, o.Limit, f)
	}
	from := int64(0)
	if o.Limit > 0 {
		from = size
		if err := walk(ctx, r, filter, 0, size, true, o.Limit, func(e *Found) error { from = e.Index; return nil }); err != nil {
			return err
		}
	}
	return walk(ctx, r, filter, from, size, false, 0, f)
}

// Stretch is a part of a log that is looked through, from one end.
type Stretch struct {
	// At is where it begins: the newest first, it is the first entry that is not among them; the oldest first, the first
	// that is.
	At          int64
	OldestFirst bool
	Limit       int   // of entries that are asked for
	Most        int64 // entries that are looked at
}

// Some calls f for the entries of a stretch that are asked for. It returns the At from which the next goes on in the
// same direction, and whether there is nothing left that way.
func Some(ctx context.Context, r *log.Reader, filter *Filter, s Stretch, f func(*Found) error) (next int64, end bool, err error) {
	size := r.Checkpoint().Size
	at := min(max(s.At, 0), size)
	from, to := max(at-s.Most, 0), at
	next = from
	if s.OldestFirst {
		from, to = at, min(at+s.Most, size)
		next = to
	}
	count := 0
	err = walk(ctx, r, filter, from, to, !s.OldestFirst, s.Limit, func(e *Found) error {
		if count++; count == s.Limit {
			if next = e.Index; s.OldestFirst {
				next++
			}
		}
		return f(e)
	})
	return next, next == 0 && !s.OldestFirst || next == size && s.OldestFirst, err
}

func walk(ctx context.Context, r *log.Reader, filter *Filter, from, to int64, lastFirst bool, limit int, f func(*Found) error) error {
	count := 0
	err := r.Walk(ctx, from, to, lastFirst, func(index int64, b []byte) error {
		e, err := audit.Parse(b)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		m := filter.Match(e)
		if m == No {
			return ctx.Err()
		}
		if err := f(&Found{Index: index, Bytes: b, Entry: e, Perhaps: m == Perhaps}); err != nil {
			return err
		}
		if count++; count == limit {
			return errEnough
		}
		return ctx.Err()
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Following says how somebody follows a log.
type Following struct {
	Log    *log.Log
	Filter *Filter
	After  log.Checkpoint                  // what was read before
	Wait   func(ctx context.Context) error // between two looks; its error ends it
	// Trouble is told what kept from looking, once for each text in a row; it is looked again after the next wait.
	Trouble func(error)
	Moved   func(log.Checkpoint) // is told of each later checkpoint, when its entries were read

	next int64  // the first entry that was not handed on
	said string // what Trouble was told last
}

// Follow calls f for the entries that are appended from now on and asked for, each once, until the context ends,
// which is no error. It ends with one where the log does not continue what was read before.
func Follow(ctx context.Context, w Following, f func(*Found) error) error {
	w.next = w.After.Size
	for ctx.Err() == nil {
		if err := w.step(ctx, f); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// step waits and looks once. Its error ends the following.
func (w *Following) step(ctx context.Context, f func(*Found) error) error {
	if err := w.Wait(ctx); err != nil {
		return err
	}
	l := *w.Log
	l.Pins = append([]log.Checkpoint{w.After}, w.Log.Pins...)
	err := w.look(ctx, &l, f)
	var taken *takerError
	switch {
	case err == nil:
		w.said = ""
	case errors.As(err, &taken):
		return taken.err
	case errors.Is(err, log.ErrForked) || errors.Is(err, log.ErrRolledBack) || errors.Is(err, log.ErrCorrupt) || ctx.Err() != nil:
		return err
	case err.Error() != w.said:
		w.said = err.Error()
		w.Trouble(err)
	}
	return nil
}

// takerError is one of whoever takes the entries.
type takerError struct{ err error }

func (e *takerError) Error() string { return e.err.Error() }

func (w *Following) look(ctx context.Context, l *log.Log, f func(*Found) error) error {
	r, err := l.Read(ctx)
	if err != nil {
		return err
	}
	now := r.Checkpoint()
	err = r.Walk(ctx, w.next, now.Size, false, func(index int64, b []byte) error {
		e, err := audit.Parse(b)
		if err != nil {
			return &takerError{fmt.Errorf("entry %d: %w", index, err)}
		}
		if m := w.Filter.Match(e); m != No {
			if err := f(&Found{Index: index, Bytes: b, Entry: e, Perhaps: m == Perhaps}); err != nil {
				return &takerError{err}
			}
		}
		w.next = index + 1 // and not again, if reading the rest fails
		return ctx.Err()
	})
	if err == nil && now.Size > w.After.Size {
		w.After = now
		w.Moved(now)
	}
	return err
}
