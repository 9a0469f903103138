package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxParents bounds the parents of one commit; the largest known merge has 66.
const maxParents = 256

var errCommit = errors.New("malformed commit")

// header is what the walk needs of a commit. Package gitobject reads the whole of it, strictly.
type header struct {
	tree    oid
	parents []oid
	date    int64 // the committer's, seconds since 1970; a hint for the walk's order and no more
}

// parseHeader reads the lines that decide history. Like git it takes only the parents that follow
// the tree line at once: a "parent" further down is text.
func parseHeader(raw []byte, idSize int) (header, error) {
	var h header
	tree, rest, ok := cutID(raw, "tree ", idSize)
	if !ok {
		return header{}, fmt.Errorf("%w: it does not begin with a tree", errCommit)
	}
	h.tree = tree
	for bytes.HasPrefix(rest, []byte("parent ")) {
		var p oid
		if p, rest, ok = cutID(rest, "parent ", idSize); !ok {
			return header{}, fmt.Errorf("%w: parent %d is not an object name", errCommit, len(h.parents)+1)
		}
		if len(h.parents) == maxParents {
			return header{}, fmt.Errorf("%w: more than %d parents", errCommit, maxParents)
		}
		h.parents = append(h.parents, p)
	}
	h.date = committerDate(rest)
	return h, nil
}

// cutID reads one line made of a keyword and an object name.
func cutID(raw []byte, keyword string, idSize int) (oid, []byte, bool) {
	end := len(keyword) + 2*idSize
	if len(raw) <= end || raw[end] != '\n' || string(raw[:len(keyword)]) != keyword {
		return oid{}, nil, false
	}
	id, ok := parseOID(string(raw[len(keyword):end]))
	return id, raw[end+1:], ok
}

// committerDate finds the committer's date among the header lines; 0 where there is none.
func committerDate(rest []byte) int64 {
	for len(rest) > 0 && rest[0] != '\n' {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if !bytes.HasPrefix(line, []byte("committer ")) {
			continue
		}
		_, after, _ := bytes.Cut(line[bytes.LastIndexByte(line, '>')+1:], []byte{' '})
		digits, _, _ := bytes.Cut(after, []byte{' '})
		date, err := strconv.ParseInt(string(digits), 10, 64)
		if err != nil || date < 0 {
			return 0
		}
		return date
	}
	return 0
}
