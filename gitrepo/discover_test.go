package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiscover(t *testing.T) {
	t.Setenv("GIT_DIR", "") // as when the tests run in a hook
	if err := os.Unsetenv("GIT_DIR"); err != nil {
		t.Fatal(err)
	}
	r := newTestRepo(t)
	root := r.commit("root", "a/b/f", "1")
	head := r.commit("head", "a/b/f", "2")
	gitDir := filepath.Join(r.dir, ".git")
	linked := filepath.Join(t.TempDir(), "linked")
	r.run("worktree", "add", "-q", linked, "-b", "other")
	linkedDir := filepath.Join(gitDir, "worktrees", "linked")
	bare := filepath.Join(t.TempDir(), "bare.git")
	r.run("clone", "-q", "--bare", r.dir, bare)
	separate := filepath.Join(t.TempDir(), "separate")
	r.run("clone", "-q", "--separate-git-dir", separate+".git", r.dir, separate)

	for _, test := range []struct{ dir, worktree, gitDir, commonDir string }{
		{r.dir, r.dir, gitDir, gitDir},
		{filepath.Join(r.dir, "a", "b"), r.dir, gitDir, gitDir},
		{linked, linked, linkedDir, gitDir},
		{filepath.Join(linked, "a"), linked, linkedDir, gitDir},
		{bare, "", bare, bare},
		{filepath.Join(bare, "refs"), "", bare, bare},
		{separate, separate, separate + ".git", separate + ".git"},
	} {
		worktree, gitDir, commonDir, err := Discover(test.dir)
		if err != nil || worktree != test.worktree || gitDir != test.gitDir || commonDir != test.commonDir {
			t.Errorf("%s: %s, %s, %s, error %v", test.dir, worktree, gitDir, commonDir, err)
		}
		repo, err := Open(Options{GitDir: gitDir})
		if err != nil {
			t.Fatal(err)
		}
		c := collectRange(t, repo, root, head, CollectOptions{})
		if err := repo.Close(); err != nil || len(c.Commits) != 1 || len(c.Gaps) != 0 {
			t.Errorf("%s: collected %+v, error %v", test.dir, c, err)
		}
	}

	none := t.TempDir()
	if _, _, _, err := Discover(none); !errors.Is(err, ErrNoRepository) {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(filepath.Join(none, ".git"), []byte("gitdri: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Discover(none); err == nil {
		t.Error("a broken .git file was passed over")
	}
	if _, err := Open(Options{GitDir: none}); !errors.Is(err, ErrNoRepository) {
		t.Errorf("error %v", err)
	}

	for _, test := range []struct{ gitDir, workTree, worktree, want string }{
		{gitDir, "", r.dir, gitDir},
		{linkedDir, "", linked, linkedDir},
		{bare, "", "", bare},
		{bare, none, none, bare},
	} {
		t.Setenv("GIT_DIR", test.gitDir)
		t.Setenv("GIT_WORK_TREE", test.workTree)
		worktree, gitDir, _, err := Discover(none)
		if err != nil || worktree != test.worktree || gitDir != test.want {
			t.Errorf("GIT_DIR=%s: %s, %s, error %v", test.gitDir, worktree, gitDir, err)
		}
	}
	t.Setenv("GIT_DIR", none)
	if _, _, _, err := Discover(r.dir); err == nil {
		t.Error("GIT_DIR names no repository and was passed over")
	}
}

func TestFormats(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("root", "f", "1")
	// What go-git refuses to open.
	r.run("config", "extensions.worktreeConfig", "true")
	r.run("config", "core.repositoryformatversion", "1")
	noGaps(t, collectRange(t, r.open(), "", head, CollectOptions{}))
	config := filepath.Join(r.gitDir(), "config")
	saved, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	gitDir := r.gitDir()
	for extension, ok := range map[string]bool{
		"objectFormat = sha1": true, "objectformat = \"sha1\"  # note": true, "refStorage = files": true,
		"objectFormat = sha512": false, "refStorage = other": false,
	} {
		if err := os.WriteFile(config, append(saved[:len(saved):len(saved)], "[Extensions]\n\t"+extension+"\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		repo, err := Open(Options{GitDir: gitDir})
		if (err == nil) != ok {
			t.Errorf("%s: error %v", extension, err)
		}
		if err == nil {
			_ = repo.Close()
		} else if !strings.Contains(err.Error(), "not known here") {
			t.Errorf("%s: error %v", extension, err)
		}
	}
}

func TestScanConfig(t *testing.T) {
	got := scanConfig("[core]\n\tbare = true ; note\n[remote \"Origin\"] promisor = true\n# x = y\n[extensions]\nobjectFormat=\"sha256\"\nflag\n[broken\nz = 1\n")
	want := []setting{
		{"core", "bare", "true"},
		{`remote "origin"`, "promisor", "true"},
		{"extensions", "objectformat", "sha256"},
		{"extensions", "flag", "true"},
		{"extensions", "z", "1"},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}
