package gitrepo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	at   string // the git directory, once somebody asked
	tick int    // every command is a second later than the one before
}

const testEpoch = 1_700_000_000

func newTestRepo(t testing.TB, init ...string) *testRepo {
	t.Helper()
	r := &testRepo{t: t, dir: filepath.Join(t.TempDir(), "repo"), home: t.TempDir()}
	config, err := os.ReadFile("../testdata/gitconfig")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.home, ".gitconfig"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(append([]string{"init", "-q", "-b", "main", r.dir}, init...)...)
	return r
}

// in is the same repository from another directory, such as a clone or a linked work tree.
func (r *testRepo) in(dir string) *testRepo {
	other := *r
	other.dir, other.at = dir, ""
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
		"GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
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
	return r.head()
}

// head is the commit that HEAD is at.
func (r *testRepo) head() string {
	r.t.Helper()
	at := r.gitDir()
	head, err := os.ReadFile(filepath.Join(at, "HEAD"))
	for err == nil {
		ref, symbolic := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: ")
		if !symbolic {
			return ref
		}
		head, err = os.ReadFile(filepath.Join(at, ref))
	}
	return r.run("rev-parse", "HEAD") // of a linked work tree, or packed
}

// empty makes n commits on a branch that change nothing, and of which nobody needs the ids.
func (r *testRepo) empty(branch string, n int, message string) {
	r.t.Helper()
	var b strings.Builder
	ref := "refs/heads/" + branch
	_, err := os.Stat(filepath.Join(r.gitDir(), ref))
	for i := range n {
		r.tick++
		fmt.Fprintf(&b, "commit %s\ncommitter C <c@example.com> %d +0000\ndata %d\n%s\n", ref, testEpoch+r.tick, len(message), message)
		if i == 0 && err == nil {
			fmt.Fprintf(&b, "from %s^0\n", ref)
		}
	}
	r.input(b.String(), "fast-import", "--quiet")
}

// branches makes the branch b0 at the first of some commits, b1 at the second, and so on.
func (r *testRepo) branches(commits []string) {
	r.t.Helper()
	var b strings.Builder
	for i, id := range commits {
		fmt.Fprintf(&b, "create refs/heads/b%d %s\n", i, id)
	}
	r.input(b.String(), "update-ref", "--stdin")
}

func (r *testRepo) gitDir() string {
	r.t.Helper()
	if r.at == "" {
		r.at = r.run("rev-parse", "--absolute-git-dir")
	}
	return r.at
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

// allocated is how many bytes f asks for: what it reads, on a busy machine too. Other tests must not run.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
