package log

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
)

// The paths of https://c2sp.org/tlog-tiles, with its own examples.
func TestPaths(t *testing.T) {
	for want, got := range map[string]string{
		"tile/0/x001/x234/067":           tilePath(tlog.Tile{H: 8, N: 1_234_067, W: 256}),
		"tile/2/000.p/1":                 tilePath(tlog.Tile{H: 8, L: 2, W: 1}),
		"tile/entries/x001/x234/067":     bundlePath(1_234_067, 256),
		"tile/entries/x001/x234/067.p/8": bundlePath(1_234_067, 8),
		"index/0/1/a/f":                  bucketPath("sha256:01af" + strings.Repeat("0", 60)),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	// A tree of 70,000 entries, as the specification counts it.
	var tiles []string
	for _, tile := range tlog.NewTiles(height, 0, 70_000) {
		if p := tilePath(tile); tile.N >= 272 || tile.L > 0 {
			tiles = append(tiles, p)
		}
	}
	if want := []string{"tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"}; !slices.Equal(tiles, want) {
		t.Errorf("%q, want %q", tiles, want)
	}
}

func TestBuckets(t *testing.T) {
	id := audit.Digest(nil)
	hex := strings.TrimPrefix(id, "sha256:")
	text := hex + " 7\n" + hex + " 07\n" + hex + " -1\n" + hex + "\n" + hex + " 8 \n" + hex[:63] + " 9\n" + hex + " 10\n" + hex + " 11"
	var got []int64
	parseBucket([]byte(text), func(found string, index int64) {
		if found != id {
			t.Errorf("%s", found)
		}
		got = append(got, index)
	})
	if !slices.Equal(got, []int64{7, 10}) {
		t.Errorf("%v", got)
	}
}

// What splits into entries is made of them again byte for byte.
func FuzzSplitBundle(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendEntry(appendEntry(nil, []byte("one")), nil))
	f.Add([]byte{0, 3, 1, 2})
	f.Add(bytes.Repeat([]byte{0, 0}, width+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := splitBundle(b)
		var again []byte
		for _, e := range entries {
			again = appendEntry(again, e)
		}
		if err == nil && !bytes.Equal(again, b) || !bytes.HasPrefix(b, again) || len(entries) > width {
			t.Errorf("%q is %q", b, entries)
		}
	})
}
