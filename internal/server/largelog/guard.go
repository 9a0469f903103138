package largelog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit/log"
)

const (
	height = 8
	width  = 1 << height
)

// guard is a log's signer that signs no checkpoint but one that continues the last that it knows of: whatever becomes
// of the files below Tessera, the log is not split or rolled back with its own key.
type guard struct {
	note.Signer
	ctx    context.Context
	place  Place
	refuse func(error)

	mu   sync.Mutex
	last tlog.Tree
}

// Sign is for [note.Signer].
func (g *guard) Sign(message []byte) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next, err := parseTree(g.Name(), string(message))
	if err == nil {
		err = g.continues(next)
	}
	if err != nil {
		err = fmt.Errorf("a checkpoint is not signed: %w", err)
		// What could not be read now may be read the next time.
		if errors.Is(err, log.ErrRolledBack) || errors.Is(err, log.ErrForked) || errors.Is(err, log.ErrCorrupt) {
			g.refuse(err)
		}
		return nil, err
	}
	signature, err := g.Signer.Sign(message)
	if err == nil {
		g.last = next
	}
	return signature, err
}

func (g *guard) continues(next tlog.Tree) error {
	switch {
	case next.N < g.last.N:
		return fmt.Errorf("%w: to %d entries, after %d", log.ErrRolledBack, next.N, g.last.N)
	case next.N == g.last.N && next.Hash != g.last.Hash:
		return fmt.Errorf("%w: two trees of %d entries", log.ErrForked, next.N)
	case next.N == g.last.N:
		return nil
	}
	// That the tiles are of the tree is a part of it: nobody else looks before it is signed.
	read := &tiles{ctx: g.ctx, place: g.place}
	hashes := tlog.TileHashReader(next, read)
	var proof tlog.TreeProof
	var err error
	if g.last.N == 0 {
		_, err = hashes.ReadHashes([]int64{0})
	} else {
		proof, err = tlog.ProveTree(next.N, g.last.N, hashes)
	}
	switch {
	case err != nil && read.failed != nil:
		return read.failed
	case err != nil:
		return fmt.Errorf("%w: its tiles are not of the tree of %d entries", log.ErrCorrupt, next.N)
	case g.last.N == 0:
		return nil
	}
	if tlog.CheckTree(proof, next.N, next.Hash, g.last.N, g.last.Hash) != nil {
		return fmt.Errorf("%w: %d entries do not continue the %d that were signed", log.ErrForked, next.N, g.last.N)
	}
	return nil
}

// parseTree reads the text of a checkpoint, which differs from that of Go's checksum database in its first line.
func parseTree(origin, text string) (tlog.Tree, error) {
	rest, ok := strings.CutPrefix(text, origin+"\n")
	if !ok {
		return tlog.Tree{}, errors.New("it is not of this log")
	}
	t, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	if err != nil || strings.Count(text, "\n") != 3 {
		return tlog.Tree{}, errors.New("it is no checkpoint")
	}
	return t, nil
}

// tiles reads a log's tiles.
type tiles struct {
	ctx    context.Context
	place  Place
	failed error // why they could not be read
}

// Height is for [tlog.TileReader].
func (t *tiles) Height() int { return height }

// SaveTiles is for [tlog.TileReader].
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles is for [tlog.TileReader].
func (t *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	paths := make([]string, 0, 2*len(want))
	for _, tile := range want {
		whole := tile
		whole.W = width
		paths = append(paths, tilePath(tile), tilePath(whole))
	}
	files, err := t.place.read(t.ctx, paths)
	if err != nil {
		t.failed = err
		return nil, err
	}
	out := make([][]byte, len(want))
	for i, tile := range want {
		if out[i] = files[2*i]; out[i] == nil {
			out[i] = files[2*i+1]
		}
		size := tile.W * tlog.HashSize
		if len(out[i]) < size {
			return nil, fmt.Errorf("%s is missing or cut", paths[2*i])
		}
		out[i] = out[i][:size]
	}
	return out, nil
}

// tilePath is where a tile is: c2sp.org/tlog-tiles, which has no height in it.
func tilePath(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", height))
}
