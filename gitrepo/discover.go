package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// maxGitFile bounds a .git or commondir file.
const maxGitFile = 64 << 10

// ErrNoRepository means that neither the directory nor any above it belongs to a git repository.
var ErrNoRepository = errors.New("not a git repository (or any of the directories above it)")

// Discover finds the repository that dir belongs to, without running git and without reading its
// configuration. GIT_DIR of this process's environment wins, as it does with git.
//
// worktree is the top of the work tree, "" for a bare repository; gitDir holds this work tree's
// HEAD; commonDir holds refs and objects and differs from gitDir in a linked work tree.
// The error wraps [ErrNoRepository] where there is none.
func Discover(dir string) (worktree, gitDir, commonDir string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", "", fmt.Errorf("finding the repository: %w", err)
	}
	if named := os.Getenv("GIT_DIR"); named != "" {
		return discoverNamed(named, dir)
	}
	for at := dir; ; at = filepath.Dir(at) {
		gitDir, err = gitDirOf(filepath.Join(at, ".git"))
		if err == nil {
			commonDir, err = findCommonDir(gitDir)
			return at, gitDir, commonDir, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", "", fmt.Errorf("finding the repository: %w", err)
		}
		if isGitDir(at) {
			commonDir, err = findCommonDir(at)
			return "", at, commonDir, err
		}
		if filepath.Dir(at) == at {
			return "", "", "", fmt.Errorf("%s: %w", inert.Quote(dir), ErrNoRepository)
		}
	}
}

// discoverNamed takes GIT_DIR's word for where the repository is. Hooks of a work tree are called
// like that, so that without GIT_WORK_TREE the work tree is the one that the git directory is of.
func discoverNamed(named, dir string) (worktree, gitDir, commonDir string, err error) {
	if gitDir, err = filepath.Abs(named); err != nil {
		return "", "", "", fmt.Errorf("finding the repository: %w", err)
	}
	if gitDir, err = gitDirOf(gitDir); err != nil {
		return "", "", "", fmt.Errorf("finding the repository that GIT_DIR names: %w", err)
	}
	if commonDir, err = findCommonDir(gitDir); err != nil {
		return "", "", "", err
	}
	switch tree := os.Getenv("GIT_WORK_TREE"); {
	case tree != "":
		worktree, err = filepath.Abs(tree)
	case filepath.Base(gitDir) == ".git":
		worktree = filepath.Dir(gitDir)
	case commonDir != gitDir:
		worktree = linkedWorktree(gitDir, dir)
	}
	return worktree, gitDir, commonDir, err
}

// linkedWorktree reads where the work tree of .git/worktrees/NAME is. One that was moved is found around dir: git
// goes on working there, until it prunes what it knows of where it was.
func linkedWorktree(gitDir, dir string) string {
	content, err := readSmall(filepath.Join(gitDir, "gitdir"), maxGitFile)
	if err != nil {
		return ""
	}
	told := filepath.Dir(relativeTo(gitDir, strings.TrimRight(string(content), "\r\n")))
	if isOf(told, gitDir) {
		return told
	}
	for at := dir; ; at = filepath.Dir(at) {
		if isOf(at, gitDir) {
			return at
		}
		if filepath.Dir(at) == at {
			return told
		}
	}
}

// isOf reports whether a folder is a work tree of a git directory.
func isOf(folder, gitDir string) bool {
	led, err := gitDirOf(filepath.Join(folder, ".git"))
	if err != nil {
		return false
	}
	a, aErr := os.Stat(led)
	b, bErr := os.Stat(gitDir)
	return aErr == nil && bErr == nil && os.SameFile(a, b)
}

// gitDirOf resolves a .git, which is a directory or a file that names one.
func gitDirOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		content, err := readSmall(path, maxGitFile)
		if err != nil {
			return "", err
		}
		named, ok := strings.CutPrefix(strings.TrimRight(string(content), "\r\n"), "gitdir: ")
		if !ok {
			return "", fmt.Errorf("%s does not name a git directory", inert.Quote(path))
		}
		path = relativeTo(filepath.Dir(path), named)
	}
	if !isGitDir(path) {
		return "", fmt.Errorf("%s is not a git directory: %w", inert.Quote(path), fs.ErrNotExist)
	}
	return path, nil
}

// isGitDir applies git's own test: HEAD, and objects and refs in the common directory.
func isGitDir(path string) bool {
	if _, err := os.Lstat(filepath.Join(path, "HEAD")); err != nil {
		return false
	}
	common, err := findCommonDir(path)
	if err != nil {
		return false
	}
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(common, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

func findCommonDir(gitDir string) (string, error) {
	content, err := readSmall(filepath.Join(gitDir, "commondir"), maxGitFile)
	if errors.Is(err, fs.ErrNotExist) {
		return gitDir, nil
	} else if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	return relativeTo(gitDir, strings.TrimRight(string(content), "\r\n")), nil
}

func relativeTo(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
