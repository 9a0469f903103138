package gitrepo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	commitgraph "github.com/go-git/go-git/v5/plumbing/format/commitgraph/v2"
)

const (
	graphFrom     = 64        // commits of the frontier that are read before it is worth opening the commit-graph
	maxGraphFile  = 512 << 20 // bytes of a commit-graph
	maxGraphChain = 64        // files of a chain of them
)

// commitGraph is git's own note of the history that a repository has, in memory. It says what git wrote down and not
// what the commits say, so it is asked only for what lies behind the frontier, whose commits the receiver has
// already: of everything that is judged the commits themselves tell their parents.
//
// See https://git-scm.com/docs/commit-graph-format.
type commitGraph struct{ index commitgraph.Index }

// openCommitGraph reads the commit-graph of a repository's own objects; nil where there is none, where git would not
// go by it either, because the repository is shallow, and where it cannot be read.
func (r *Repo) openCommitGraph() *commitGraph {
	if r.format.idSize != sha1Size {
		return nil // the library reads the other kind in a program of its own alone
	}
	for _, name := range []string{"shallow", "info/grafts"} {
		if _, err := os.Lstat(filepath.Join(r.commonDir, filepath.FromSlash(name))); err == nil {
			return nil
		}
	}
	info := filepath.Join(r.commonDir, "objects", "info")
	if index := openGraphFile(filepath.Join(info, "commit-graph"), nil); index != nil {
		return &commitGraph{index}
	}
	list, err := readSmall(filepath.Join(info, "commit-graphs", "commit-graph-chain"), maxGraphChain*(2*sha1Size+1))
	if err != nil {
		return nil
	}
	var index commitgraph.Index
	for _, name := range strings.Fields(string(list)) {
		if _, ok := parseOID(name); !ok {
			return nil
		}
		if index = openGraphFile(filepath.Join(info, "commit-graphs", "graph-"+name+".graph"), index); index == nil {
			return nil
		}
	}
	if index == nil {
		return nil
	}
	return &commitGraph{index}
}

func openGraphFile(path string, below commitgraph.Index) commitgraph.Index {
	content, err := readSmall(path, maxGraphFile)
	if err != nil {
		return nil
	}
	index, err := commitgraph.OpenFileIndexWithParent(inMemory{bytes.NewReader(content)}, below)
	if err != nil {
		return nil
	}
	return index
}

// inMemory is a file that was read.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// size is how many commits it has.
func (c *commitGraph) size() int { return int(c.index.MaximumNumberOfHashes()) }

// find is the place at which it has a commit, below its size; false where it has none.
func (c *commitGraph) find(id oid) (place uint32, ok bool) {
	place, err := c.index.GetIndexByHash(plumbing.Hash(id.b[:sha1Size]))
	return place, err == nil && int(place) < c.size()
}

// at is what it says of the commit at a place, with all parents at places below its size; false where it cannot be
// read.
func (c *commitGraph) at(place uint32) (*commitgraph.CommitData, bool) {
	data, err := c.index.GetCommitDataByIndex(place)
	if err != nil {
		return nil, false
	}
	for _, parent := range data.ParentIndexes {
		if int(parent) >= c.size() {
			return nil, false
		}
	}
	return data, len(data.ParentIndexes) == len(data.ParentHashes)
}
