// Package gitbranch keeps the files of an audit log in a branch of a git repository, and entries that wait for it in
// refs beside it.
//
// Each commit of the log is a commit of the branch on top of the one that was read, whose objects git
// keeps as a pack, and counts once `git update-ref` has moved the branch from the one to the other: of two writers, one wins. Whoever is
// killed before that leaves objects that nothing refers to. Whether a writer has won is read from the branch.
//
// It works inside a receive hook too, while what is being pushed is in quarantine: git refuses to move refs there, and
// would lose the objects of a push that is refused, so that none of the hook's variables reach the git that writes.
// The repository's own configuration is read, and no other; no hook of it runs.
//
// Many writers do not share the log's key, and do not wait for each other: each hands its entry over as a ref of its
// own ([Spool]), and one that holds the key brings them into the log ([Fold]). Whoever may delete refs can take an
// entry away before it is folded, and whoever may make refs can hand over an entry that is not true: it is kept as
// what it claims, beside the true one, and nobody vouches for it.
//
// Both work on a repository that is here and on one behind a server: then as little is fetched as is needed, of one
// commit the folders on the way to the files at the log's right edge, in few requests and as much however long the log
// is, and what was pushed is read from the server.
//
// A commit that returned has been saved to the disk: git (2.36 or newer) is told to save all that it writes, and the folder that the
// branch is in is saved after it.
package gitbranch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/subprocess"
)

// Branch is where a log is, unless somebody says otherwise.
const Branch = names.AuditBranch

const (
	maxConfig = 1 << 20         // bytes of a repository's configuration that is looked at without git
	maxAnswer = 32 << 20        // bytes of what git says beside contents of files
	patience  = 5 * time.Second // for git to end once it was told to
	lockWait  = time.Second     // for another's lock of the branch to go
)

// Config says where a log is and how git is run.
type Config struct {
	GitDir      string // the repository's git directory
	Ref         string // "": [Branch]
	Git         string // the program; "": "git", from PATH
	Environment []string
	Now         func() time.Time // for the dates of commits, which nothing goes by
	// Remote is where the branch is, as git takes it; "": in the repository itself. The repository then only holds
	// what was fetched, as little as is needed, and is for one program at a time. RemoteEnv is what git needs to log in
	// there, such as GIT_SSH_COMMAND or a header by GIT_CONFIG_COUNT.
	Remote    string
	RemoteEnv []string
}

// Store is a log's branch. Its methods may be called from several goroutines and processes at once.
type Store struct {
	gitDir string
	common string // what several work trees share: refs and objects
	ref    string
	none   string // the object id of nothing
	git    string
	env    []string
	now    func() time.Time

	remote    string
	remoteEnv []string
	reader    reader
	fetching  sync.Mutex
	fetched   map[string]int // objects, by their ids: how many levels of folders of each, itself counted
	part      int            // of [parts]: what the server gives
}

// Open is the store in a branch, which need not be there yet. Nothing is written.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{ref: c.Ref, git: c.Git, now: c.Now, remote: c.Remote, remoteEnv: c.RemoteEnv, fetched: map[string]int{}}
	if s.ref == "" {
		s.ref = Branch
	}
	if s.git == "" {
		s.git = "git"
	}
	if err := names.CheckRef(s.ref); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	if s.now == nil {
		return nil, errors.New("opening the audit log: there is no clock")
	}
	dir, err := filepath.Abs(c.GitDir)
	if err != nil || c.GitDir == "" {
		return nil, fmt.Errorf("opening the audit log: %s is no git directory", inert.Quote(c.GitDir))
	}
	s.gitDir, s.env = dir, environment(c.Environment, dir)
	if err := s.locate(ctx); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	return s, nil
}

// locate finds the folder that several work trees share, and the form of object ids. Git is asked where the
// repository is of a form that is younger than what is looked at here.
func (s *Store) locate(ctx context.Context) error {
	if plainRepository(s.gitDir) {
		s.common, s.none = s.gitDir, strings.Repeat("0", 40)
		_, err := exec.LookPath(s.git)
		return err
	}
	out, err := s.run(ctx, nil, "rev-parse", "--show-object-format", "--git-common-dir")
	if err != nil {
		return err
	}
	format, common, _ := strings.Cut(strings.TrimSuffix(out, "\n"), "\n")
	s.none, s.common = strings.Repeat("0", 40), common
	if format == "sha256" {
		s.none = strings.Repeat("0", 64)
	}
	if !filepath.IsAbs(s.common) {
		s.common = filepath.Join(s.gitDir, s.common)
	}
	return nil
}

// plainRepository reports whether a folder is a git directory of its own, with object ids of the first form: its own
// configuration, which alone says so, names no other (gitrepository-layout(5)).
func plainRepository(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, "commondir")); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	f, err := os.Open(filepath.Join(dir, "config"))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read from
	config, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	return err == nil && len(config) <= maxConfig && !strings.Contains(strings.ToLower(string(config)), "extensions")
}

// environment is what git sees: where programs are, and nothing that changes what it does. The variables of a
// receive hook, which lead into the quarantine, are not among it.
func environment(given []string, gitDir string) []string {
	var out []string
	for _, name := range []string{"PATH", "TMPDIR", "TMP", "TEMP", "SystemRoot", "LD_LIBRARY_PATH"} {
		for i := len(given) - 1; i >= 0; i-- {
			if strings.HasPrefix(given[i], name+"=") {
				out = append(out, given[i])
				break
			}
		}
	}
	return append(out,
		"GIT_DIR="+gitDir, "HOME="+os.DevNull, "XDG_CONFIG_HOME="+os.DevNull, "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_ATTR_NOSYSTEM=1",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_TERMINAL_PROMPT=0", "GIT_ADVICE=0",
		"GIT_COMMITTER_NAME=remit", "GIT_COMMITTER_EMAIL=remit",
	)
}

// command prepares git. No hook of the repository runs, and all that is written is saved.
func (s *Store) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{
		"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false",
		"-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync",
		"-c", "core.filesRefLockTimeout=" + strconv.FormatInt(lockWait.Milliseconds(), 10),
	}, args...)
	cmd := exec.CommandContext(ctx, s.git, args...)
	cmd.Env, cmd.Dir = s.env, s.gitDir
	subprocess.AskToEnd(cmd, patience)
	return cmd
}

// run runs git and returns what it says. The error repeats what git says of why.
func (s *Store) run(ctx context.Context, in io.Reader, args ...string) (string, error) {
	return s.runWith(ctx, s.env, in, args...)
}

func (s *Store) runWith(ctx context.Context, env []string, in io.Reader, args ...string) (string, error) {
	var out limited
	err := s.runTo(ctx, env, in, &out, args...)
	if err != nil {
		return "", err
	}
	return out.String(), nil
}

func (s *Store) runTo(ctx context.Context, env []string, in io.Reader, out io.Writer, args ...string) error {
	cmd := s.command(ctx, args...)
	cmd.Env = env
	var complaint limited
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for len(args) > 2 && args[0] == "-c" {
			args = args[2:]
		}
		return fmt.Errorf("git %s: %w%s", args[0], err, complaint.why())
	}
	return nil
}

// eachLine runs git and calls f for each line that it says, however many there are.
func (s *Store) eachLine(ctx context.Context, env []string, f func(line string) error, args ...string) error {
	in, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = out.CloseWithError(s.runTo(ctx, env, nil, out, args...)) // which the reader is told
	}()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := f(lines.Text()); err != nil {
			_ = in.CloseWithError(err) // which ends git
			<-done
			return err
		}
	}
	<-done
	return lines.Err()
}

// limited keeps the beginning of what is written.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	l.Buffer.Write(b[:min(len(b), maxAnswer-l.Len())])
	return len(b), nil
}

// why is a complaint, as the end of an error's text.
func (l *limited) why() string {
	if text := strings.TrimSpace(l.String()); text != "" {
		return ": " + inert.Line(text)
	}
	return ""
}

// Look is the log as it is now.
func (s *Store) Look(ctx context.Context) (log.View, error) {
	id, err := s.tip(ctx)
	if err == nil && id != "" {
		err = s.fetchTip(ctx, id, "--depth=1")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	if id == "" {
		return nil, fmt.Errorf("%w: there is no branch %s", log.ErrMissing, s.ref)
	}
	return &view{s, id, id}, nil
}

// tip is the commit that the branch is at; "" where there is no such branch.
func (s *Store) tip(ctx context.Context) (string, error) {
	if s.remote != "" {
		return s.remoteTip(ctx)
	}
	if id := s.looseTip(); id != "" {
		commit := false
		err := s.objects(ctx, "commit", []string{id}, maxTree, func(_ int, o object) error { commit = o.kind == "commit"; return nil })
		if err != nil || commit {
			return id, err
		}
	}
	out, err := s.run(ctx, nil, "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", s.ref)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, s.ref+" "); ok {
			id, kind, _ := strings.Cut(strings.TrimSpace(rest), " ")
			if kind != "commit" {
				return "", fmt.Errorf("%w: %s is at a %s, not at a commit", log.ErrCorrupt, s.ref, kind)
			}
			return id, nil
		}
	}
	return "", nil
}

// looseTip is the commit that the branch is at where it has a file of its own that says so, which counts then and takes
// no process to read (gitrepository-layout(5), refs); "" where git has to be asked.
func (s *Store) looseTip() string {
	f, err := os.Open(filepath.Join(s.common, filepath.FromSlash(s.ref)))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read from
	b, err := io.ReadAll(io.LimitReader(f, int64(len(s.none))+2))
	id, ok := strings.CutSuffix(string(b), "\n")
	if err != nil || !ok || len(id) != len(s.none) || strings.Trim(id, "0123456789abcdef") != "" {
		return "" // a symbolic ref, or spoiled
	}
	return id
}

// view is the log at one commit.
type view struct {
	store  *Store
	commit string
	tip    string // of the branch, when it was looked at
}

// Before is the log at the commit before.
func (v *view) Before(ctx context.Context) (log.View, error) {
	if err := v.store.fetchTip(ctx, v.tip, "--deepen=1"); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	out, err := v.store.run(ctx, nil, "rev-list", "--first-parent", "--max-count=2", v.commit)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	ids := strings.Fields(out)
	if len(ids) < 2 {
		return nil, nil
	}
	v.store.fetchedWith(v.tip, ids[1])
	return &view{v.store, ids[1], v.tip}, nil
}

// Read is for [log.View].
func (v *view) Read(ctx context.Context, paths []string) ([][]byte, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	out, err := v.read(ctx, paths)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return out, nil
}

func (v *view) read(ctx context.Context, paths []string) ([][]byte, error) {
	names := make([]string, len(paths))
	for i, p := range paths {
		if err := checkPath(p); err != nil {
			return nil, err
		}
		names[i] = v.commit + ":" + p
	}
	if v.store.remote != "" {
		var err error
		if names, err = v.store.fetchFiles(ctx, v.commit, paths); err != nil {
			return nil, err
		}
	}
	out := make([][]byte, len(paths))
	err := v.store.objects(ctx, "blob", names, log.MaxFile, func(i int, o object) error {
		if o.size > log.MaxFile {
			return fmt.Errorf("%s has %d bytes, at most %d are read", paths[i], o.size, log.MaxFile)
		}
		out[i] = o.content
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkPath holds a path to what files of a log are called, which needs no quoting anywhere.
func checkPath(p string) error {
	if p == "" || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789./-") != "" {
		return fmt.Errorf("%s is no file of an audit log", inert.Quote(p))
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || strings.HasPrefix(part, ".") {
			return fmt.Errorf("%s is no file of an audit log", inert.Quote(p))
		}
	}
	return nil
}

// Commit is for [log.Store].
func (s *Store) Commit(ctx context.Context, base log.View, change log.Change) error {
	var parent, tree string
	if v, ok := base.(*view); ok && v.store.ref == s.ref && v.store.common == s.common {
		parent, tree = v.tip, v.commit
	} else if base != nil {
		return errors.New("writing the audit log: the view is of another store")
	}
	if err := s.commit(ctx, parent, tree, change); err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, parent, tree string, change log.Change) error {
	now, err := s.tip(ctx)
	if err != nil {
		return err
	}
	if now != parent {
		return log.ErrConflict
	}
	// What was spoiled stays in the history, under a commit that puts back what was before it.
	id, pack, err := s.writeCommit(ctx, parent, tree, change)
	if err != nil {
		return err
	}
	old := parent
	if old == "" {
		old = s.none // there must be no such branch
	}
	var moveErr error
	if s.remote != "" {
		moveErr = s.pushTip(ctx, id, parent)
	} else {
		_, moveErr = s.run(ctx, nil, "update-ref", "-m", "remit: "+line(change.Summary), s.ref, id, old)
	}
	if moveErr != nil {
		if err := s.won(ctx, id, parent, moveErr); err != nil {
			return err
		}
	}
	if s.remote != "" {
		return nil // the server saves
	}
	if err := s.saveRef(s.ref); err != nil {
		return err
	}
	_ = s.tidy(ctx, pack) // the commit is made; packs that stay are in git's way, and not in the log's
	return nil
}

// won reports why a writer that git says has failed did not win; nil where it did.
func (s *Store) won(ctx context.Context, id, parent string, cause error) error {
	now, err := s.tip(ctx)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case now == id:
		return nil
	case now != parent:
		return log.ErrConflict
	case s.remote != "":
		return cause
	}
	return fault.WithFix(cause, "see that no git runs in %s, and remove what it left: %s", s.common, filepath.Join(s.common, filepath.FromSlash(s.ref)+".lock"))
}

// ignoreAbsent passes over a folder that is not there: refs are in a table then, which git saves.
func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// line is a summary on one line.
func line(s string) string { return inert.LineOf(s, 200) }
