package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// rawTree writes entries "<mode> <name>" as they are given.
func rawTree(entries ...string) []byte {
	var b bytes.Buffer
	for i, e := range entries {
		b.WriteString(e)
		b.WriteByte(0)
		b.Write(bytes.Repeat([]byte{byte(i + 1)}, sha1Size))
	}
	return b.Bytes()
}

// encode is the reverse of scanTree.
func encode(entries []treeEntry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00%s", e.mode, e.name, e.id)
	}
	return b.Bytes()
}

func readTree(content []byte) ([]treeEntry, error) {
	s := scanTree(content, sha1Size)
	var entries []treeEntry
	for {
		e, ok, err := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return entries, nil
		}
		entries = append(entries, e)
	}
}

func TestTreeForm(t *testing.T) {
	for _, test := range []struct {
		name    string
		content []byte
		ok      bool
	}{
		{"empty", nil, true},
		{"all kinds", rawTree("100644 a", "100755 b", "120000 c", "40000 d", "160000 e"), true},
		{"old group-writable mode", rawTree("100664 a"), true},
		{"names for the checker", rawTree("40000 ..", "40000 .git", "100644 a\\b", "100644 x "), true},
		{"a directory sorts with its slash", rawTree("100644 a-b", "40000 a", "100644 a0"), true},
		{"a submodule sorts as a file", rawTree("160000 a", "100644 a-b"), true},
		{"files that prefix each other", rawTree("100644 foo", "100644 foo.bar", "100644 foo.bar.baz", "40000 foo.bar.baz.d"), true},

		{"padded mode", rawTree("040000 a"), false},
		{"long mode", rawTree("1006440 a"), false},
		{"mode with a stray digit", rawTree("100648 a"), false},
		{"no mode", rawTree(" a"), false},
		{"unknown type", rawTree("110000 a"), false},
		{"directory with permissions", rawTree("40755 a"), false},
		{"link with permissions", rawTree("120777 a"), false},
		{"empty name", rawTree("100644 "), false},
		{"slash in a name", rawTree("100644 a/b"), false},
		{"out of order", rawTree("100644 b", "100644 a"), false},
		{"twice", rawTree("100644 a", "100644 a"), false},
		{"directory out of order", rawTree("40000 a", "100644 a-b"), false},
		{"file and directory side by side", rawTree("100644 a", "40000 a"), false},
		{"file and directory apart", rawTree("100644 a", "100644 a-b", "100644 a.b", "40000 a"), false},
		{"deeper pair of those", rawTree("100644 foo", "100644 foo.bar", "100644 foo.bar.baz", "40000 foo.bar", "40000 foo"), false},
		{"submodule and directory", rawTree("160000 a", "100644 a-b", "40000 a"), false},
		{"cut in an id", rawTree("100644 a")[:20], false},
		{"cut in a name", []byte("100644 a"), false},
		{"cut in a mode", []byte("1006"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			entries, err := readTree(test.content)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, errTree) {
				t.Fatalf("error %v, want it accepted: %v", err, test.ok)
			}
			if test.ok && !bytes.Equal(encode(entries), test.content) {
				t.Error("reads as something else")
			}
		})
	}
}

// TestTreeFormAgreesWithGit holds the table above against git fsck.
func TestTreeFormAgreesWithGit(t *testing.T) {
	r := newTestRepo(t)
	for _, test := range []struct {
		entries []string
		ok      bool
	}{
		{[]string{"100644 a-b", "40000 a", "100644 a0"}, true},
		{[]string{"100644 a", "100644 a-b", "40000 a"}, false},
		{[]string{"160000 a", "100644 a-b", "40000 a"}, false},
		{[]string{"100644 b", "100644 a"}, false},
		{[]string{"100644 foo", "100644 foo.bar", "40000 foo.bar"}, false},
	} {
		content := rawTree(test.entries...)
		_, err := readTree(content)
		id := r.input(string(content), "hash-object", "--literally", "-w", "-t", "tree", "--stdin")
		out, _ := r.try("fsck", "--no-dangling", "--no-full", id)
		complains := strings.Contains(out, "error in tree "+id)
		if (err == nil) != test.ok || complains == test.ok {
			t.Errorf("%v: we say %v, git says %q", test.entries, err, out)
		}
	}
}

func FuzzTree(f *testing.F) {
	f.Add(rawTree("100644 a", "40000 b"))
	f.Add(rawTree("100644 a", "100644 a-b", "40000 a"))
	f.Add(rawTree("160000 a", "120000 b"))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := readTree(content)
		if err != nil {
			return
		}
		if !bytes.Equal(encode(entries), content) {
			t.Fatal("what was accepted is written differently")
		}
		names := map[string]bool{}
		for i, e := range entries {
			if names[string(e.name)] {
				t.Fatalf("%q is there twice", e.name)
			}
			names[string(e.name)] = true
			if i > 0 && compareEntries(entries[i-1], e) >= 0 {
				t.Fatal("out of order")
			}
		}
	})
}
