// Package largelog grows audit logs by Tessera, for repositories that have outgrown a log of their own.
//
// The log is the one of package audit/log: the same entries, tiles, origin and key, so that whoever reads the one reads
// the other. Tessera orders entries, saves them and signs; what it does not do is done here, and no more:
//
//   - an entry that is handed over again is not kept twice: the index beside the tiles, in audit/log's form, knows
//     entries by their identity, and tells those that say something else under the same one;
//   - a checkpoint is shown, and an entry acknowledged, once the index covers it too;
//   - no checkpoint is signed that does not continue the last one, whatever the files say by then ([guard]);
//   - a log that is missing is never made anew: only [Create] and [Migrate] make one.
//
// A [Place] is where the files are: a folder, or a bucket and a database.
package largelog

import (
	"context"
	"strings"
	"time"

	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit/log"
)

const checkpointPath = "checkpoint"

// Place is where a log's files are. Each is for one log.
type Place interface {
	// open gets hold of the place, alone where it is for one process. What it has got is given up by close.
	open(ctx context.Context) error
	close() error
	// driver is Tessera's.
	driver(ctx context.Context) (tessera.Driver, error)
	// tree is how far Tessera is, whether it was signed or not, and how many entries have been given a number; nil
	// where Tessera was never here.
	tree(ctx context.Context) (*tree, error)
	// migrated tells Tessera that what a [tessera.MigrationTarget] wrote is what it goes on from.
	migrated(ctx context.Context, size int64) error
	// read is the content of files, nil for those that are not there. Paths are those of package log, but for the index.
	read(ctx context.Context, paths []string) ([][]byte, error)
	// put makes or replaces a file, which lasts when it returns.
	put(ctx context.Context, path string, content []byte) error
	// index is where entries are by their identities.
	index(ctx context.Context) (index, error)
	// pace is how often a checkpoint is signed, how long entries are gathered, and how often one looks for a new
	// checkpoint.
	pace() pace
}

type pace struct{ sign, gather, look time.Duration }

type tree struct {
	tlog.Tree
	next int64 // the number of the next entry
}

// index says where entries are. It can be made again from them.
type index interface {
	// size is how many entries are in it for good: a reader adds those after these again.
	size(ctx context.Context) (int64, error)
	// add adds entries from a number on. What was added before stays as it is.
	add(ctx context.Context, from int64, ids []string) error
	// recover is add for those that may have been added before, in part.
	recover(ctx context.Context, from int64, ids []string) error
	// find is where the entries of identities are, in order.
	find(ctx context.Context, ids []string) (map[string][]int64, error)
	// read is parts of the index in the form of package log, by their paths.
	read(ctx context.Context, paths []string) ([][]byte, error)
	close() error
}

// fixed is a log by one checkpoint.
type fixed struct {
	place      Place
	index      index // nil: none is read
	checkpoint []byte
	key        []byte // in the place of the file; nil: as it is
}

// Look is for [log.Store].
func (f *fixed) Look(context.Context) (log.View, error) { return f, nil }

// Commit is for [log.Store].
func (f *fixed) Commit(context.Context, log.View, log.Change) error { return errNotHere }

// Read is for [log.View].
func (f *fixed) Read(ctx context.Context, paths []string) ([][]byte, error) {
	out := make([][]byte, len(paths))
	var files, parts []string
	var fileAt, partAt []int
	for i, p := range paths {
		switch {
		case p == checkpointPath:
			out[i] = f.checkpoint
		case p == log.KeyPath && f.key != nil:
			out[i] = f.key
		case strings.HasPrefix(p, "index/"):
			parts, partAt = append(parts, p), append(partAt, i)
		default:
			files, fileAt = append(files, p), append(fileAt, i)
		}
	}
	if len(files) > 0 {
		got, err := f.place.read(ctx, files)
		if err != nil {
			return nil, err
		}
		for i, at := range fileAt {
			out[at] = got[i]
		}
	}
	if len(parts) > 0 && f.index != nil {
		got, err := f.index.read(ctx, parts)
		if err != nil {
			return nil, err
		}
		for i, at := range partAt {
			out[at] = got[i]
		}
	}
	return out, nil
}
