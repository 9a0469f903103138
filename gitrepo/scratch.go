package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// scratch is a throw-away git directory of our own. Where git must do the work, it does it there:
// with our configuration, no hooks, no attributes, no refs, and the repository's objects as
// alternates to read from. Whatever git writes goes with the directory.
type scratch struct {
	dir     string
	program string
	env     []string
	fetches bool // git may start others that talk to a server
}

// maxErrorOutput bounds what is kept of a program's complaints, in bytes.
const maxErrorOutput = 4 << 10

// scratch returns the repository's scratch directory, making it the first time.
func (r *Repo) scratch() (*scratch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the repository is closed")
	}
	if r.work != nil {
		return r.work, nil
	}
	s, err := newScratch(r)
	if err != nil {
		return nil, fmt.Errorf("making a temporary git directory: %w", err)
	}
	r.work = s
	return s, nil
}

func newScratch(r *Repo) (*scratch, error) {
	dir, err := os.MkdirTemp(r.env.get("TMPDIR"), "remit-git-")
	if err != nil {
		return nil, err
	}
	// A commit-graph or multi-pack-index of the repository could say other than its objects do.
	config := "[core]\n\tbare = true\n\tcommitGraph = false\n\tmultiPackIndex = false\n\trepositoryformatversion = "
	if r.format.idSize == sha256Size {
		config += "1\n[extensions]\n\tobjectformat = sha256\n"
	} else {
		config += "0\n"
	}
	for _, d := range []string{"objects", "refs", "home"} {
		if err = os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			break
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/none\n"), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &scratch{dir: dir, program: r.git}
	var alternates []string
	for _, d := range r.dirs {
		alternates = append(alternates, quoteAlternate(d))
	}
	s.env = append(r.env.kept(), cleanGit(filepath.Join(dir, "home"))...)
	s.env = append(s.env,
		"GIT_DIR="+dir,
		"GIT_OBJECT_DIRECTORY="+s.objects(),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES="+strings.Join(alternates, string(os.PathListSeparator)),
		"GIT_AUTHOR_NAME=remit", "GIT_AUTHOR_EMAIL=remit", "GIT_AUTHOR_DATE=@0 +0000",
		"GIT_COMMITTER_NAME=remit", "GIT_COMMITTER_EMAIL=remit", "GIT_COMMITTER_DATE=@0 +0000",
	)
	return s, nil
}

// cleanGit is an environment in which git reads no configuration but the git directory's own,
// follows no replacement refs, asks nothing and fetches nothing.
func cleanGit(home string) []string {
	return []string{
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + home,
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=none",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_ADVICE=0",
	}
}

func (s *scratch) objects() string { return filepath.Join(s.dir, "objects") }

func (s *scratch) remove() error { return os.RemoveAll(s.dir) }

// command prepares git to run in the scratch directory.
func (s *scratch) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Dir = s.dir
	cmd.Env = s.env
	if s.fetches {
		endWhole(cmd)
	}
	return cmd
}

// run runs git and returns its standard output. The error is an *exec.ExitError, wrapped, where git
// ran and failed; output is returned even then, because for some commands status 1 is an answer.
func run(cmd *exec.Cmd) ([]byte, error) {
	out, _, err := runAndListen(cmd)
	return out, err
}

// runAndListen is run, and returns the complaints too: git can complain and succeed.
func runAndListen(cmd *exec.Cmd) (out []byte, complaints string, err error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &limitedWriter{&stderr, maxErrorOutput}
	err = cmd.Run()
	complaints = strings.TrimSpace(stderr.String())
	if err != nil {
		if complaints != "" {
			err = fmt.Errorf("%s: %s: %w", commandOf(cmd), oneLine(complaints), err)
		} else {
			err = fmt.Errorf("%s: %w", commandOf(cmd), err)
		}
	}
	return stdout.Bytes(), complaints, err
}

// commandOf is what a person calls a command of git: "git push", whatever settings stand before that.
func commandOf(cmd *exec.Cmd) string {
	args := cmd.Args[1:]
	for len(args) > 2 && args[0] == "-c" {
		args = args[2:]
	}
	if len(args) == 0 {
		return "git"
	}
	return "git " + args[0]
}

// oneLine is what git complained of as part of a sentence. A server may have written it.
func oneLine(complaints string) string {
	var lines []string
	for line := range strings.Lines(complaints) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return inert.Line(strings.Join(lines, "; "))
}

// limitedWriter keeps the first bytes of what is written and swallows the rest.
type limitedWriter struct {
	buf  *bytes.Buffer
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.buf.Write(p[:n])
	w.left -= n
	return len(p), nil
}

// overlay reads what git wrote into the scratch directory, and all else from the repository.
type overlay struct {
	source
	made source
}

// withScratch returns a source that finds the trees of recomputed merges too.
func (r *Repo) withScratch(src source) (source, error) {
	work, err := r.scratch()
	if err != nil {
		return nil, err
	}
	if r.format.idSize == sha256Size {
		return src, nil // it runs in the scratch directory
	}
	made, err := openStore([]string{work.objects()}, r.memory)
	if err != nil {
		return nil, err
	}
	return overlay{source: src, made: made}, nil // loose files only, so nothing stays open
}

// mergedSource is a source that finds what merging again left, if anything was merged again.
func (r *Repo) mergedSource(src source) (source, error) {
	r.mu.Lock()
	none := r.work == nil
	r.mu.Unlock()
	if none {
		return src, nil
	}
	return r.withScratch(src)
}

func (o overlay) read(id oid, limit int64) (object, error) {
	if found, err := o.made.read(id, limit); !errors.Is(err, ErrMissing) {
		return found, err
	}
	return o.source.read(id, limit)
}
