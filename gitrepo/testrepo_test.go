package gitrepo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// testRepo is a repository made by real git, away from anybody's configuration.
type testRepo struct {
	t    testing.TB
	dir  string
	home string
	env  []string
	tick int // every command is a second later than the one before
}

const testEpoch = 1_700_000_000

func newTestRepo(t testing.TB, init ...string) *testRepo {
	t.Helper()
	r := &testRepo{t: t, dir: filepath.Join(t.TempDir(), "repo"), home: t.TempDir()}
	r.run(append([]string{"init", "-q", "-b", "main", r.dir}, init...)...)
	return r
}

// in is the same repository from another directory, such as a clone or a linked work tree.
func (r *testRepo) in(dir string) *testRepo {
	other := *r
	other.dir = dir
	return &other
}

func (r *testRepo) command(args ...string) *exec.Cmd {
	r.tick++
	date := fmt.Sprintf("%d +0000", testEpoch+r.tick)
	cmd := exec.Command("git", args...)
	if _, err := os.Stat(r.dir); err == nil {
		cmd.Dir = r.dir
	}
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.home, "GIT_CONFIG_GLOBAL=" + filepath.Join(r.home, ".gitconfig"),
		"GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", // and nothing goes on in the background
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0", "GIT_CONFIG_KEY_1=maintenance.auto", "GIT_CONFIG_VALUE_1=false",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_COMMITTER_DATE=" + date,
	}, r.env...)
	return cmd
}

// try runs git and returns its output, trimmed, and whether it succeeded.
func (r *testRepo) try(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := r.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func (r *testRepo) run(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// input runs git with something on its standard input.
func (r *testRepo) input(stdin string, args ...string) string {
	r.t.Helper()
	cmd := r.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

func (r *testRepo) write(path, content string) {
	r.t.Helper()
	full := filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit writes files, given as path and content in turn, and commits everything.
func (r *testRepo) commit(message string, files ...string) string {
	r.t.Helper()
	for i := 0; i < len(files); i += 2 {
		r.write(files[i], files[i+1])
	}
	r.run("add", "-A")
	r.run("commit", "-q", "--allow-empty", "-m", message)
	return r.run("rev-parse", "HEAD")
}

func (r *testRepo) gitDir() string {
	return r.run("rev-parse", "--absolute-git-dir")
}

// open opens the repository with the package under test.
func (r *testRepo) open(env ...string) *Repo {
	r.t.Helper()
	repo, err := Open(Options{GitDir: r.gitDir(), Env: append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + r.t.TempDir()}, env...)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return repo
}

// changes is one line a change: mode and path of both sides.
func changes(c evidence.Commit) string {
	var out []string
	for _, ch := range c.Changes {
		out = append(out, fmt.Sprintf("%o %o %s", ch.Old.Mode, ch.New.Mode, ch.Path))
	}
	return strings.Join(out, "\n")
}

func ids(commits []evidence.Commit) []string {
	var out []string
	for _, c := range commits {
		out = append(out, c.ID)
	}
	return out
}

// noGaps fails where anything was missing.
func noGaps(t testing.TB, c *Collected) {
	t.Helper()
	for _, g := range c.Gaps {
		t.Errorf("gap: %+v", g)
	}
	for _, commit := range c.Commits {
		for _, g := range commit.Gaps {
			t.Errorf("gap of %s: %+v", commit.ID, g)
		}
	}
}

func collectRange(t testing.TB, r *Repo, base, head string, opt CollectOptions) *Collected {
	t.Helper()
	c, err := r.CollectRange(t.Context(), base, head, "refs/heads/x", opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
