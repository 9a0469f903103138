package log

import (
	"context"
	"errors"
)

// MaxFile is how many bytes a file of a log has at most: a full bundle of the longest entries.
const MaxFile = width * (2 + 0xffff)

// ErrConflict is wrapped by the error of [Store.Commit] where somebody else committed since the view was taken,
// and by that of a commit without a view where a log is. Nothing was changed.
var ErrConflict = errors.New("somebody else wrote the audit log meanwhile")

// Store keeps the files of one log. Paths have slashes and are those of package log's documentation.
type Store interface {
	// Look is the log as it is now. Where there is none, the error wraps [ErrMissing].
	Look(ctx context.Context) (View, error)
	// Commit makes a change of the log as it was in a view: all of it or nothing, for whoever looks, at whatever
	// moment the program is killed or the power is lost. When it returns without an error, the change lasts. A nil
	// view makes a log where none is.
	Commit(ctx context.Context, base View, change Change) error
}

// View is a log as it was at one moment.
type View interface {
	// Read is the content of files; nil for one that is not there. Where a store takes files away that later ones
	// replace, a view may find fewer than there were.
	Read(ctx context.Context, paths []string) ([][]byte, error)
}

// history is a view of a store that keeps what the log was before, so that a log that was spoiled goes on.
type history interface {
	// Before is the state before this one; nil where this is the first. A commit on it takes the place of all since.
	Before(ctx context.Context) (View, error)
}

// Change is what one commit does.
type Change struct {
	Put     []File   // made or replaced; the checkpoint is the last
	Drop    []string // partial tiles that nothing refers to any more
	Summary string   // a line for people
}

// File is a file of a log.
type File struct {
	Path    string
	Content []byte
}
