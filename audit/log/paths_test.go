package log_test

import (
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
)

func TestIsFile(t *testing.T) {
	store := &logtest.Memory{}
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, l, logtest.Entries(t, 0, 700)...)
	e, bundle := logtest.Delegated(t, 701)
	if _, _, err := l.Append(t.Context(), [][]byte{bundle}, e); err != nil {
		t.Fatal(err)
	}
	for path := range store.Files {
		if !log.IsFile(path) {
			t.Errorf("%s is a file of a log", path)
		}
		for _, other := range []string{path + "/", "/" + path, path + "/..", "./" + path, strings.ToUpper(path), path + "\x00", path + "%00", " " + path, strings.Replace(path, "/", "//", 1), strings.ReplaceAll(path, "/", "\\")} {
			if other != path && log.IsFile(other) {
				t.Errorf("%q is no file of a log", other)
			}
		}
	}
	hex := strings.Repeat("ab", 32)
	for path, want := range map[string]bool{
		"tile/0/x001/234": true, "tile/0/x001/234.p/255": true, "tile/63/000": true, "tile/entries/x001/234.p/1": true, "index/0/9/a/f": true, "bundle/a/b/a/b/" + hex: true,
		"": false, ".": false, "..": false, "tile": false, "tile/": false, "tile/0": false, "tile/0/": false, "lock": false, ".state/treeState": false,
		"tile/0/1": false, "tile/0/0001": false, "tile/0/x000/001": false, "tile/0/001/234": false, "tile/0/000.p/256": false, "tile/0/000.p/0": false, "tile/0/000.p/01": false,
		"tile/0/../../key": false, "tile/../key": false, "tile/-1/000": false, "tile/+1/000": false, "tile/data/000": false, "tile/8/0/000": false, "tile/entries/../000": false,
		"index/0/9/a": false, "index/0/9/a/f/0": false, "index/09/a/f": false, "index/0/9/a/g": false, "index/0/9/a/F": false, "index/0/9/a/..": false, "index/indexed": false,
		"bundle/a/b/a/c/" + hex: false, "bundle/a/b/a/b/" + hex[2:]: false, "bundle/a/b/a/b/" + strings.ToUpper(hex): false, "bundle/../" + hex: false, "bundle/a/b/a/b/../key": false, "bundle/" + hex: false,
		"checkpoint/x": false, "key/x": false, "checkpoint.p/1": false, "keys": false,
	} {
		if log.IsFile(path) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}

// No path that is a file of a log leads out of its folder, or is written in two ways.
func FuzzIsFile(f *testing.F) {
	for _, path := range []string{"checkpoint", "key", "tile/0/x001/234.p/7", "tile/entries/000", "index/0/9/a/f", "bundle/a/b/a/b/" + strings.Repeat("ab", 32)} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !log.IsFile(path) {
			return
		}
		if strings.Trim(path, "abcdefghijklmnopqrstuvwxyz0123456789./") != "" || strings.Contains("/"+path+"/", "/../") || strings.Contains("/"+path+"/", "/./") || strings.Contains("/"+path+"/", "//") {
			t.Errorf("%q", path)
		}
	})
}
