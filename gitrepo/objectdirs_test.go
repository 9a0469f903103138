package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSplitAlternates(t *testing.T) {
	for _, test := range []struct {
		list      string
		separator rune
		want      []string
	}{
		{"", ':', nil},
		{"/a:/b", ':', []string{"/a", "/b"}},
		{"::/a::", ':', []string{"/a"}},
		{`"/a:b":/c`, ':', []string{"/a:b", "/c"}},
		{`"/a\"\\\n\t\303\244"`, ':', []string{"/a\"\\\n\tä"}},
		{"/a\n# /b\n/c\n", '\n', []string{"/a", "/c"}},
		{`"/a`, ':', []string{`"/a`}},
		{`"\400"`, ':', []string{`"\400"`}},
		{`"\00`, ':', []string{`"\00`}},
		{"/a\x00b:/c", ':', []string{"/c"}},
	} {
		if got := splitAlternates(test.list, test.separator); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.list, got, test.want)
		}
	}
}

func TestAlternateDepth(t *testing.T) {
	r := newTestRepo(t)
	top := t.TempDir()
	at := func(i int) string { return filepath.Join(top, fmt.Sprint(i)) }
	for i := range 8 {
		if err := os.MkdirAll(filepath.Join(at(i), "info"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at(i), "info", "alternates"), []byte("../"+fmt.Sprint(i+1)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.write(".git/objects/info/alternates", at(0)+"\n")
	dirs := r.open().dirs
	if len(dirs) != 1+maxAlternateDepth || !slices.Contains(dirs, at(4)) || slices.Contains(dirs, at(5)) {
		t.Errorf("object directories %v", dirs)
	}
	r.write(".git/objects/info/alternates", strings.Repeat("x", maxAlternatesFile+1))
	if _, err := Open(Options{GitDir: r.gitDir()}); err == nil {
		t.Error("a huge file was read")
	}
}

func FuzzAlternates(f *testing.F) {
	f.Add("/a:/b")
	f.Add(`"/a:\"b":c`)
	f.Add("#x:\"")
	f.Fuzz(func(t *testing.T, list string) {
		dirs := splitAlternates(list, os.PathListSeparator)
		var quoted []string
		for _, dir := range dirs {
			if dir == "" || strings.IndexByte(dir, 0) >= 0 {
				t.Fatalf("%q", dir)
			}
			quoted = append(quoted, quoteAlternate(dir))
		}
		if again := splitAlternates(strings.Join(quoted, string(os.PathListSeparator)), os.PathListSeparator); !slices.Equal(again, dirs) {
			t.Fatalf("%q is written as %q and read as %q", dirs, quoted, again)
		}
	})
}
