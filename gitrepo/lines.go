package gitrepo

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/evidence"
)

// Bounds on counting lines.
const (
	maxCounted  = 8 << 20 // bytes of one file
	maxEdits    = 1000    // added and removed lines that are told apart exactly; see countLines
	binaryWidth = 64      // bytes of a binary file that count as a line
	binaryProbe = 8000    // bytes in which a NUL makes a file binary, as git has it
)

// lineCounter counts lines for one decision. The same two contents are compared once.
type lineCounter struct {
	mu    sync.Mutex
	known map[[2]string]int
	read  int64 // bytes
}

// count counts the lines that changes add and remove, from content alone: no attribute hides
// any. Links count as one line, submodules not at all.
func (l *lineCounter) count(s source, changes []evidence.Change) (int, error) {
	total := 0
	for _, c := range changes {
		if c.Old.ID == c.New.ID {
			continue // only its mode
		}
		pair := [2]string{c.Old.ID, c.New.ID}
		l.mu.Lock()
		n, known := l.known[pair]
		l.mu.Unlock()
		if known {
			total += n
			continue
		}
		before, err := blobOf(s, c.Old)
		if err != nil {
			return -1, err
		}
		after, err := blobOf(s, c.New)
		if err != nil {
			return -1, err
		}
		if err := l.spend(len(before) + len(after)); err != nil {
			return -1, err
		}
		n = countLines(before, after)
		total += n
		l.mu.Lock()
		if l.known == nil {
			l.known = map[[2]string]int{}
		}
		if len(l.known) < maxDiffsKept {
			l.known[pair] = n
		}
		l.mu.Unlock()
	}
	return total, nil
}

// spend takes bytes from what one decision compares.
func (l *lineCounter) spend(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read += int64(n); l.read > maxLineBytes {
		return fmt.Errorf("%w: lines of more than %d MiB", errLimit, maxLineBytes>>20)
	}
	return nil
}

func blobOf(s source, e evidence.Entry) ([]byte, error) {
	if e.Mode == 0 || e.Mode == modeGitlink {
		return nil, nil
	}
	id, _ := parseOID(e.ID)
	return readKind(s, id, plumbing.BlobObject, maxCounted)
}

// countLines is the number of lines added and removed between two contents. Binary content counts
// as lines of binaryWidth bytes, all of them. Where more than maxEdits lines differ, everything
// between the first and the last difference counts: too many rather than too few, because the
// number is only ever held against a threshold.
func countLines(before, after []byte) int {
	if isBinary(before) || isBinary(after) {
		return (len(before)+binaryWidth-1)/binaryWidth + (len(after)+binaryWidth-1)/binaryWidth
	}
	a, b := splitLines(before), splitLines(after)
	for len(a) > 0 && len(b) > 0 && bytes.Equal(a[0], b[0]) {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && bytes.Equal(a[len(a)-1], b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return editDistance(number(a, b))
}

func isBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), binaryProbe)], 0) >= 0
}

func splitLines(content []byte) [][]byte {
	lines := make([][]byte, 0, bytes.Count(content, []byte{'\n'})+1)
	for line := range bytes.Lines(content) {
		lines = append(lines, line)
	}
	return lines
}

// number gives equal lines equal numbers, so that comparing two costs the same whatever they are.
func number(a, b [][]byte) (x, y []int) {
	numbers := map[string]int{}
	each := func(lines [][]byte) []int {
		out := make([]int, len(lines))
		for i, line := range lines {
			n, ok := numbers[string(line)]
			if !ok {
				n = len(numbers)
				numbers[string(line)] = n
			}
			out[i] = n
		}
		return out
	}
	return each(a), each(b)
}

// editDistance is the least number of insertions and deletions that turn one sequence into another
// (Myers 1986, the greedy algorithm), or the length of both where it exceeds maxEdits.
func editDistance(a, b []int) int {
	n, m := len(a), len(b)
	most := min(n+m, maxEdits)
	reach := make([]int, 2*most+3) // furthest x on each diagonal
	at := func(k int) *int { return &reach[k+most+1] }
	for d := 0; d <= most; d++ {
		for k := -d; k <= d; k += 2 {
			var x int
			if k == -d || k != d && *at(k - 1) < *at(k + 1) {
				x = *at(k + 1)
			} else {
				x = *at(k - 1) + 1
			}
			for x < n && x-k < m && a[x] == b[x-k] {
				x++
			}
			if *at(k) = x; x >= n && x-k >= m {
				return d
			}
		}
	}
	return n + m
}
