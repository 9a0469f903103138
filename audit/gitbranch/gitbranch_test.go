//go:build unix

package gitbranch_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/gitserver"
	"github.com/remit-sh/remit/internal/invariant"
)

// What the test's own program is told when it is a writer (append, spool or fold for ever in the repository) or a hook
// (append one entry, and then let the push in or not).
const (
	childDir  = "AUDIT_GITBRANCH_TEST_DIR"
	childRole = "AUDIT_GITBRANCH_TEST_ROLE"
	childHook = "AUDIT_GITBRANCH_TEST_HOOK"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDir) == "" && os.Getenv(childHook) == "" {
		os.Exit(m.Run())
	}
	testing.Init()
	run := working
	if os.Getenv(childHook) != "" {
		run = hook
	}
	testing.Main(nil, []testing.InternalTest{{Name: "child", F: run}}, nil, nil)
}

// working is a program that works for ever in the repository: one of those that the children do.
func working(t *testing.T) {
	dir := os.Getenv(childDir)
	role, number, _ := strings.Cut(os.Getenv(childRole), ": ")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	switch role {
	case "append":
		logtest.AppendForever(t, in(t, dir))
	case "spool":
		spool := &gitbranch.Spool{Store: opened(t, dir)}
		for i := 0; ; i++ {
			if _, err := spool.Add(t.Context(), logtest.Entry(t, n*1000+i, "spooled"), []byte("token")); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("acknowledged %d\n", n*1000+i)
		}
	case "fold":
		f := &gitbranch.Fold{Store: opened(t, dir), Log: in(t, dir), Attest: byToken}
		for {
			fmt.Println("works")
			// A lock of one that was killed stands in the way until somebody takes it away.
			if _, err := f.Run(t.Context()); err != nil && !strings.Contains(err.Error(), ".lock") {
				t.Fatal(err)
			}
		}
	default:
		oneStep(t, dir, role, n)
	}
}

// hook is a pre-receive hook, in the environment and folder that git gives it.
func hook(t *testing.T) {
	if os.Getenv("GIT_QUARANTINE_PATH") == "" {
		t.Fatal("git keeps no quarantine")
	}
	dir, err := filepath.Abs(os.Getenv("GIT_DIR"))
	if err != nil {
		t.Fatal(err)
	}
	number, end, _ := strings.Cut(os.Getenv(childHook), " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, in(t, dir), logtest.Entry(t, n, ""))
	if end == "refuse" {
		t.Fatal("refused")
	}
}

func in(t testing.TB, dir string) *log.Log {
	t.Helper()
	s, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: dir, Environment: os.Environ(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return logtest.Log(t, s)
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.com", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func bare(t testing.TB, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop.git")
	git(t, t.TempDir(), append([]string{"init", "-q", "--bare", dir}, args...)...)
	return dir
}

func begun(t testing.TB, dir string, size int) *log.Log {
	t.Helper()
	l := in(t, dir)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < size; n += log.MaxBatch {
		logtest.Append(t, l, logtest.Entries(t, n, min(n+log.MaxBatch, size))...)
	}
	return l
}

func TestStore(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			dir := bare(t, "--object-format="+format)
			s, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: dir, Environment: os.Environ(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			logtest.Store(t, s)
			if refs := git(t, dir, "for-each-ref", "--format=%(refname)"); refs != gitbranch.Branch {
				t.Errorf("refs: %s", refs)
			}
			git(t, dir, "fsck", "--strict", "--no-dangling")
		})
	}
}

// remote is a store whose branch is on a server.
func remote(t testing.TB, dir string, server *gitserver.Server) *gitbranch.Store {
	t.Helper()
	s, err := gitbranch.Open(t.Context(), gitbranch.Config{
		GitDir: bare(t), Environment: os.Environ(), Now: time.Now, Remote: server.URL("folder", filepath.Base(dir)), RemoteEnv: server.Env("folder"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func served(t testing.TB) (dir string, server *gitserver.Server) {
	t.Helper()
	dir = bare(t)
	git(t, dir, "config", "http.receivepack", "true")
	git(t, dir, "config", "uploadpack.allowFilter", "true")
	return dir, gitserver.HTTP(t, filepath.Dir(dir), []string{"folder"})
}

func TestRemoteStore(t *testing.T) {
	t.Parallel()
	dir, server := served(t)
	logtest.Store(t, remote(t, dir, server))
	git(t, dir, "fsck", "--strict", "--no-dangling")
}

// A log on a server is continued by several that have nothing of it, fetched as far as it is needed, and put right.
func TestRemoteLog(t *testing.T) {
	t.Parallel()
	dir, server := served(t)
	l := begun(t, dir, 300)
	one, two := logtest.Log(t, remote(t, dir, server)), logtest.Log(t, remote(t, dir, server))
	logtest.Append(t, one, logtest.Entry(t, 300, ""), logtest.Entry(t, 7, ""))
	logtest.Append(t, two, logtest.Entry(t, 301, ""))
	logtest.Append(t, one, logtest.Entry(t, 302, ""), logtest.Entry(t, 301, ""))
	logtest.Sound(t, l, 303)
	logtest.Sound(t, two, 303)

	work := filepath.Join(t.TempDir(), "work")
	git(t, filepath.Dir(dir), "clone", "-q", "-b", "_audit/log", dir, work)
	write(t, filepath.Join(work, "checkpoint"), "junk")
	git(t, work, "commit", "-qam", "junk")
	git(t, work, "push", "-q")
	logtest.Append(t, one, logtest.Entry(t, 303, ""))
	logtest.Sound(t, l, 304)
	git(t, dir, "fsck", "--strict", "--no-dangling")

	git(t, dir, "update-ref", "-d", gitbranch.Branch)
	if _, _, err := two.Append(t.Context(), nil, logtest.Entry(t, 304, "")); !errors.Is(err, log.ErrMissing) {
		t.Errorf("a branch that is gone: %v", err)
	}
	gone := server.URL("folder", "none.git")
	s, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: bare(t), Environment: os.Environ(), Now: time.Now, Remote: gone, RemoteEnv: server.Env("folder")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Look(t.Context()); err == nil || errors.Is(err, log.ErrMissing) {
		t.Errorf("a server without such a repository: %v", err)
	}
}

func TestOpen(t *testing.T) {
	dir := bare(t)
	for name, c := range map[string]gitbranch.Config{
		"no folder":     {Now: time.Now},
		"no repository": {GitDir: t.TempDir(), Now: time.Now},
		"no clock":      {GitDir: dir},
		"no ref":        {GitDir: dir, Now: time.Now, Ref: "main"},
		"no git":        {GitDir: dir, Now: time.Now, Git: filepath.Join(dir, "none")},
	} {
		c.Environment = os.Environ()
		if s, err := gitbranch.Open(t.Context(), c); err == nil || s != nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// The branch has a commit for each append and the files of the log, and the work tree's variables change nothing.
func TestFiles(t *testing.T) {
	work := filepath.Join(t.TempDir(), "work")
	git(t, t.TempDir(), "init", "-q", work)
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_OBJECT_DIRECTORY", "/nowhere")
	t.Setenv("GIT_CONFIG_COUNT", "x")
	dir := filepath.Join(work, ".git")
	l := begun(t, dir, 0)
	logtest.Append(t, l, logtest.Entries(t, 0, 3)...)
	logtest.Append(t, l, logtest.Entries(t, 3, 258)...)
	for _, name := range []string{"GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_COUNT"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	if got := git(t, work, "log", "--format=%s", gitbranch.Branch); got != "Append 255 to 3 entries\nAppend 3 to 0 entries\nBegin the audit log "+logtest.Origin {
		t.Errorf("its commits: %q", got)
	}
	want := "checkpoint\ntile/0/000\ntile/0/001.p/2\ntile/1/000.p/1\ntile/entries/000\ntile/entries/001.p/2"
	if got := git(t, work, "ls-tree", "-r", "--name-only", gitbranch.Branch, "checkpoint", "tile/"); got != want {
		t.Errorf("its files: %q", got)
	}
	if got := git(t, work, "status", "--porcelain"); got != "" {
		t.Errorf("the work tree: %s", got)
	}
	linked := filepath.Join(filepath.Dir(work), "linked")
	git(t, work, "commit", "-q", "--allow-empty", "-m", "x")
	git(t, work, "worktree", "add", "-q", linked)
	logtest.Append(t, in(t, git(t, linked, "rev-parse", "--absolute-git-dir")), logtest.Entry(t, 258, ""))
	logtest.Sound(t, l, 259)
}

// No program that the repository's configuration or its hooks name is run.
func TestNothingOfTheRepositoryRuns(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	trace := filepath.Join(t.TempDir(), "ran")
	script := "#!/bin/sh\necho \"$0\" >>'" + trace + "'\nexit 1\n"
	for _, name := range []string{"reference-transaction", "update", "pre-receive", "post-receive"} {
		if err := os.WriteFile(filepath.Join(dir, "hooks", name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "program"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "config", "core.fsmonitor", filepath.Join(dir, "program"))
	git(t, dir, "config", "core.pager", filepath.Join(dir, "program"))
	git(t, dir, "config", "commit.gpgsign", "true")
	git(t, dir, "config", "gpg.program", filepath.Join(dir, "program"))
	logtest.Append(t, begun(t, dir, 0), logtest.Entry(t, 0, ""))
	if ran, err := os.ReadFile(trace); err == nil {
		t.Errorf("it ran %s", ran)
	}
}

// A hook writes while what is pushed is in quarantine, and what it wrote stays, whether the push is let in or not.
func TestInsideAPush(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	l := begun(t, dir, 2)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(t.TempDir(), "work")
	git(t, t.TempDir(), "init", "-q", work)
	for i, end := range []string{"allow", "refuse", "allow"} {
		script := fmt.Sprintf("#!/bin/sh\n%s='%d %s' exec '%s'\n", childHook, i+2, end, own)
		if err := os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		git(t, work, "commit", "-q", "--allow-empty", "-m", strconv.Itoa(i))
		cmd := exec.Command("git", "-C", work, "push", "-q", dir, "HEAD:refs/heads/b"+strconv.Itoa(i))
		out, err := cmd.CombinedOutput()
		if (err == nil) != (end == "allow") {
			t.Fatalf("push %d, to %s: %v: %s", i, end, err, out)
		}
		logtest.Sound(t, l, int64(i+3))
	}
	git(t, dir, "fsck", "--strict", "--no-dangling")
	if refs := git(t, dir, "for-each-ref", "--format=%(refname)"); refs != gitbranch.Branch+"\nrefs/heads/b0\nrefs/heads/b2" {
		t.Errorf("refs: %q", refs)
	}
}

// What is done to the branch itself.
func TestTheBranchIsTamperedWith(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	l := begun(t, dir, 2)
	pin, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, l, logtest.Entry(t, 2, ""))
	tip := git(t, dir, "rev-parse", gitbranch.Branch)

	// Moved back: whoever pinned a checkpoint that is gone sees it.
	late, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "update-ref", gitbranch.Branch, tip+"~1")
	l.Pins = []log.Checkpoint{pin, late}
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 3, "")); !errors.Is(err, log.ErrRolledBack) {
		t.Errorf("moved back: %v", err)
	}
	// Deleted: it is not begun again.
	git(t, dir, "update-ref", "-d", gitbranch.Branch)
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 3, "")); !errors.Is(err, log.ErrMissing) {
		t.Errorf("deleted: %v", err)
	}
	if refs := git(t, dir, "for-each-ref"); refs != "" {
		t.Errorf("a branch was made: %s", refs)
	}
	// No commit at all.
	git(t, dir, "tag", "-a", "-m", "x", "x", tip)
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(gitbranch.Branch)), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, gitbranch.Branch), git(t, dir, "rev-parse", "refs/tags/x")+"\n")
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 3, "")); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("a tag: %v", err)
	}
	// Put back, it goes on.
	git(t, dir, "update-ref", "--no-deref", gitbranch.Branch, tip)
	logtest.Append(t, l, logtest.Entry(t, 3, ""))
	logtest.Sound(t, l, 4)
}

// Whoever may write to the branch can spoil the log, and cannot end it: the next append goes on from before that, says
// so, and leaves what was done in the history.
func TestASpoiledBranch(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, dir, work string){
		"emptied": func(t *testing.T, _, work string) { git(t, work, "rm", "-rq", ".") },
		"a tile altered": func(t *testing.T, _, work string) {
			write(t, filepath.Join(work, "tile/0/000.p/3"), strings.Repeat("x", 96))
		},
		"an entry altered": func(t *testing.T, _, work string) {
			path := filepath.Join(work, "tile/entries/000.p/3")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, strings.Replace(string(b), "coder", "codex", 1))
		},
		"a checkpoint of junk": func(t *testing.T, _, work string) { write(t, filepath.Join(work, "checkpoint"), "junk") },
		"rolled back by a commit": func(t *testing.T, _, work string) {
			git(t, work, "rm", "-rq", ".")
			git(t, work, "checkout", "-q", "HEAD~1", "--", ".")
		},
		"rolled back under junk": func(t *testing.T, _, work string) {
			git(t, work, "rm", "-rq", ".")
			git(t, work, "checkout", "-q", "HEAD~1", "--", ".")
			git(t, work, "add", "-A")
			git(t, work, "commit", "-qm", "rolled back")
			git(t, work, "checkout", "-q", "HEAD~1", "--", "checkpoint")
		},
		"twice": func(t *testing.T, _, work string) {
			write(t, filepath.Join(work, "checkpoint"), "junk")
			git(t, work, "commit", "-qam", "junk")
			git(t, work, "rm", "-rq", "tile")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := bare(t)
			l := begun(t, dir, 2)
			logtest.Append(t, l, logtest.Entry(t, 2, ""))
			seen, err := l.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			work := filepath.Join(t.TempDir(), "work")
			git(t, filepath.Dir(dir), "clone", "-q", "-b", "_audit/log", dir, work)
			spoil(t, dir, work)
			git(t, work, "add", "-A")
			git(t, work, "commit", "-qm", "junk")
			git(t, work, "push", "-q")
			junk := git(t, dir, "rev-parse", gitbranch.Branch)

			var why []error
			l.Resumed = func(err error) { why = append(why, err) }
			if name == "rolled back by a commit" { // which only somebody who saw more can tell
				l.Pins = []log.Checkpoint{seen}
			}
			if v, err := l.Verify(t.Context()); err != nil || v.OK() {
				t.Errorf("verifying says nothing of it: %+v, %v", v, err)
			}
			got, _ := logtest.Append(t, l, logtest.Entry(t, 3, ""), logtest.Entry(t, 1, ""))
			if got[0].Index != 3 || !got[1].Again || len(why) != 1 {
				t.Errorf("%+v, resumed for %v", got, why)
			}
			logtest.Sound(t, l, 4)
			logtest.Append(t, l, logtest.Entry(t, 4, ""))
			if parent := git(t, dir, "rev-parse", gitbranch.Branch+"~2"); parent != junk || len(why) != 1 {
				t.Errorf("it goes on from %s, not from %s; %v", parent, junk, why)
			}
			git(t, dir, "fsck", "--strict", "--no-dangling")
		})
	}
	// What was never a log is not made one.
	dir := bare(t)
	git(t, dir, "update-ref", gitbranch.Branch, git(t, dir, "commit-tree", "-m", "junk", git(t, dir, "hash-object", "-t", "tree", "-w", "/dev/null")))
	if _, _, err := in(t, dir).Append(t.Context(), nil, logtest.Entry(t, 3, "")); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("junk alone: %v", err)
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A lock that a killed git left is named, with what to do, and loses nothing.
func TestStaleLock(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for the lock")
	}
	dir := bare(t)
	l := begun(t, dir, 1)
	lock := filepath.Join(dir, gitbranch.Branch+".lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 1, ""))
	if err == nil || errors.Is(err, log.ErrConflict) || !strings.Contains(err.Error(), "log.lock") {
		t.Errorf("%v", err)
	}
	logtest.Sound(t, l, 1)
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, l, logtest.Entry(t, 1, ""))
	logtest.Sound(t, l, 2)
}

// Several writers at once: each gets its entries in, and none is there twice.
func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	l := begun(t, dir, 0)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 2 {
				if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 10*i+n, ""), logtest.Entry(t, 100, "")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	logtest.Sound(t, l, 9)
}

// Writers that are killed at any moment, with the git that they run: the log verifies, and holds what was acknowledged.
func TestPropertyKilledAtAnyMoment(t *testing.T) { invariant.Property(t, 1, killed) }

func killed(t *testing.T, seed uint64) {
	dir := bare(t)
	l := begun(t, dir, 0)
	logtest.Kills{
		Kills: invariant.Count(t, "REMIT_SOAK_KILLS", 6), Within: 200 * time.Millisecond,
		Command: func(int) *exec.Cmd { return child(dir, "append", 0) },
		Clean:   func() { removeLocks(t, dir) },
	}.Run(t, l, seed, nil)
}

// Writers that hand over and folds that bring in, several at once, all killed at any moment.
func TestPropertyWritersAndFoldsKilled(t *testing.T) { invariant.Property(t, 1, writersAndFoldsKilled) }

func writersAndFoldsKilled(t *testing.T, seed uint64) {
	dir := bare(t)
	l := begun(t, dir, 0)
	logtest.Kills{
		Kills: invariant.Count(t, "REMIT_SOAK_KILLS", 6), Together: 4, Within: 300 * time.Millisecond, Note: "spooled",
		Command: func(n int) *exec.Cmd { return child(dir, []string{"spool", "fold"}[n%2], n) },
		Clean:   func() { removeLocks(t, dir) },
	}.Run(t, l, seed, func() {
		run(t, &gitbranch.Fold{Store: opened(t, dir), Log: l, Attest: byToken})
		if rest := waiting(t, dir); len(rest) > 0 {
			t.Errorf("%q wait", rest)
		}
	})
	git(t, dir, "fsck", "--strict", "--no-dangling")
}

func child(dir, role string, n int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childRole+"="+role+": "+strconv.Itoa(n))
	return cmd
}

// removeLocks removes what a killed git left, as the message about it says.
func removeLocks(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".lock") {
			err = os.Remove(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkAppend appends one entry to logs of several sizes. The time should be the same: times-empty is how often it
// takes as long as with an empty log.
func BenchmarkAppend(b *testing.B) {
	var empty float64
	for _, size := range []int{0, 1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			if size > 10_000 && testing.Short() {
				b.Skip("it takes long to make")
			}
			l := begun(b, bare(b), size)
			n := size
			for b.Loop() {
				logtest.Append(b, l, logtest.Entry(b, n, ""))
				n++
			}
			took := float64(b.Elapsed()) / float64(b.N)
			if size == 0 {
				empty = took
			}
			if empty > 0 {
				b.ReportMetric(took/empty, "times-empty")
			}
		})
	}
}

// BenchmarkRemoteAppend appends one entry to a log on a server by a program that has nothing of it, as a job does.
func BenchmarkRemoteAppend(b *testing.B) {
	for _, size := range []int{0, 1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			if size > 10_000 && testing.Short() {
				b.Skip("it takes long to make")
			}
			dir, server := served(b)
			begun(b, dir, size)
			git(b, dir, "repack", "-qad")
			n := size
			for b.Loop() {
				logtest.Append(b, logtest.Log(b, remote(b, dir, server)), logtest.Entry(b, n, ""))
				n++
			}
		})
	}
}
