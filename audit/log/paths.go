package log

import (
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/names"
)

// IsFile reports whether a path is one that a file of a log has, written as the log writes it. Whoever serves a log's
// files looks for no others.
func IsFile(path string) bool {
	kind, rest, _ := strings.Cut(path, "/")
	switch kind {
	case CheckpointPath, KeyPath:
		return path == kind
	case "bundle":
		leaf := "sha256:" + rest[strings.LastIndexByte(rest, '/')+1:]
		return names.CheckDigest(leaf) == nil && BundlePath(leaf) == path
	case "statement":
		digest := "sha256:" + rest[strings.LastIndexByte(rest, '/')+1:]
		return names.CheckDigest(digest) == nil && StatementPath(digest) == path
	case "index":
		id := strings.ReplaceAll(rest, "/", "") + strings.Repeat("0", 64-bucketDigits)
		return names.CheckDigest("sha256:"+id) == nil && bucketPath("sha256:"+id) == path
	case "tile":
		if entries, ok := strings.CutPrefix(rest, "entries/"); ok {
			t, err := tlog.ParseTilePath("tile/" + strconv.Itoa(height) + "/0/" + entries)
			return err == nil && bundlePath(t.N, t.W) == path
		}
		t, err := tlog.ParseTilePath("tile/" + strconv.Itoa(height) + "/" + rest)
		return err == nil && t.L >= 0 && tilePath(t) == path
	}
	return false
}

// IndexPath is the part of the index that an identity, which is a digest, is in.
func IndexPath(id string) string { return bucketPath(id) }

// IndexLine is what the index says of an entry of that identity.
func IndexLine(id string, index int64) string { return bucketLine(id, index) }

// ParseIndex calls f for each line of a part of the index. What is no such line is passed over: an index only says
// where to look.
func ParseIndex(b []byte, f func(id string, index int64)) { parseBucket(b, f) }

// KeyFile is the content of the file with the key of a signer that [NewSigner] made.
func KeyFile(s note.Signer) ([]byte, error) { return keyFile(s) }
