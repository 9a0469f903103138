package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestTree(t *testing.T) {
	r := newTestRepo(t)
	r.write(".github/workflows/ci.yml", "on: push\n")
	r.write("src/a.go", "package a\n")
	if err := os.Symlink("../src/a.go", filepath.Join(r.dir, ".github/link.yml")); err != nil {
		t.Fatal(err)
	}
	commit := r.commit("files")
	r.write(".github/workflows/ci.yml", "on: pull_request\n") // what the work tree has does not matter
	repo := r.open()
	tree, err := repo.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := fs.ReadFile(tree, ".github/workflows/ci.yml"); err != nil || string(content) != "on: push\n" {
		t.Errorf("%q, %v", content, err)
	}
	info, err := fs.Lstat(tree, ".github/link.yml")
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if _, err := tree.Open(".github/link.yml"); err == nil {
		t.Error("a link was opened")
	}
	for _, name := range []string{"src/b.go", "src/a.go/x", "none", ".github/link.yml/x"} {
		if _, err := tree.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"../x", "/src", "src/", ""} {
		if _, err := tree.Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := repo.Tree("1234"); err == nil {
		t.Error("a short name is a tree")
	}
}

// TestTreeIsFileSystem holds what the standard library asks of a file system. Links, which it would
// open, are left out.
func TestTreeIsFileSystem(t *testing.T) {
	r := newTestRepo(t)
	r.write("a/b/c.txt", "c\n")
	r.write("a/d.txt", "")
	tree, err := r.open().Tree(r.commit("files"))
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree, "a/b/c.txt", "a/d.txt"); err != nil {
		t.Error(err)
	}
}
