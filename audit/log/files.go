package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
)

const (
	height = 8
	width  = 1 << height // hashes of a tile, entries of a bundle

	bucketDigits = 4 // of an identity, in the path of its part of the index
)

// tilePath is where a tile is: c2sp.org/tlog-tiles, which has no height in it.
func tilePath(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), "tile/"+strconv.Itoa(height)+"/")
}

// bundlePath is where the entries of a tile of level 0 are.
func bundlePath(n int64, w int) string {
	return "tile/entries/" + strings.TrimPrefix(tlog.Tile{H: height, N: n, W: w}.Path(), "tile/"+strconv.Itoa(height)+"/0/")
}

// appendEntry adds an entry, of at most [audit.MaxSize] bytes, to a bundle.
func appendEntry(bundle, entry []byte) []byte {
	n := len(entry)
	return append(append(bundle, byte(n>>8&0xff), byte(n&0xff)), entry...)
}

// splitBundle is the entries of a bundle. On an error it returns those before it.
func splitBundle(b []byte) ([][]byte, error) {
	var out [][]byte
	for len(b) > 0 {
		if len(b) < 2 {
			return out, errors.New("it ends within a length")
		}
		n := int(binary.BigEndian.Uint16(b))
		if len(b)-2 < n {
			return out, fmt.Errorf("it ends within entry %d of it", len(out))
		}
		if len(out) == width {
			return out, fmt.Errorf("it holds more than %d entries", width)
		}
		out, b = append(out, b[2:2+n:2+n]), b[2+n:]
	}
	return out, nil
}

// bucketPath is where the index has an identity, which is a digest.
func bucketPath(id string) string {
	hex := strings.TrimPrefix(id, "sha256:")
	return "index/" + strings.Join(strings.Split(hex[:bucketDigits], ""), "/")
}

// bucketLine is a line of the index.
func bucketLine(id string, index int64) string {
	return strings.TrimPrefix(id, "sha256:") + " " + strconv.FormatInt(index, 10) + "\n"
}

// parseBucket calls f for each line of a part of the index. What is no such line is passed over: it only says where to look.
func parseBucket(b []byte, f func(id string, index int64)) {
	for line := range strings.Lines(string(b)) {
		hex, number, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		index, err := strconv.ParseInt(number, 10, 64)
		if ok && err == nil && index >= 0 && bucketLine(hex, index) == line && len(hex) == len(audit.Digest(nil))-len("sha256:") {
			f("sha256:"+hex, index)
		}
	}
}
