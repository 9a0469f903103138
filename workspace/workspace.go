// Package workspace is a work tree and what remit knows and keeps there: its repository, the delegation
// in force, what was published, what this clone knows of its remote, and files that somebody names.
//
// It asks the user's own git where git's configuration counts, and reads objects by itself elsewhere. It
// prints nothing: what is to be said beside a result comes back with it.
package workspace

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/subprocess"
)

// maxHeadFile bounds what is read of HEAD.
const maxHeadFile = 4 << 10

// Env is what a work tree takes from the surroundings of a run.
type Env struct {
	Environ []string // "NAME=value"; the last of a name counts
	Dir     string   // the working directory, absolute
	Asks    bool     // somebody is at a terminal, whom git may ask for a password
}

// Getenv returns a variable's value, "" where it is not set.
func (e Env) Getenv(name string) string {
	for i := len(e.Environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(e.Environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// Absolute is a path that somebody wrote, from the working directory.
func (e Env) Absolute(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(e.Dir, name)
}

// Git runs the user's own git in a folder, as a client does, and returns what it prints, without the last
// line break. The error is what git said.
func (e Env) Git(ctx context.Context, dir string, args ...string) (string, error) {
	return runGit(ctx, "git", e, dir, args...)
}

func runGit(ctx context.Context, program string, e Env, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, e.Environ
	subprocess.AskToEnd(cmd, subprocess.Patience)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if msg := strings.TrimSpace(stderr.String()); msg != "" {
			return "", fmt.Errorf("git %s: %s", command(args), msg)
		}
		return "", fmt.Errorf("git %s: %w", command(args), err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// command is which of git's commands the arguments call.
func command(args []string) string {
	for len(args) > 2 && args[0] == "-c" {
		args = args[2:]
	}
	return args[0]
}

// Workspace is the repository around a working directory. Methods that need its objects say so.
type Workspace struct {
	Worktree  string        // "" in a bare repository
	GitDir    string        // of this work tree
	CommonDir string        // shared by all work trees
	Repo      *gitrepo.Repo // its objects; nil until they are opened

	env Env
}

// Bare reports whether the repository has no work tree.
func (w *Workspace) Bare() bool { return w.Worktree == "" }

// Open finds the repository around the working directory and opens its objects. The caller closes it.
func Open(env Env) (*Workspace, error) {
	w, err := Find(env)
	if err != nil {
		return nil, err
	}
	return w, w.OpenObjects()
}

// Find finds the repository around the working directory, and opens nothing. The error wraps
// [gitrepo.ErrNoRepository] where there is none.
func Find(env Env) (*Workspace, error) {
	w := &Workspace{env: env}
	var err error
	w.Worktree, w.GitDir, w.CommonDir, err = gitrepo.Discover(env.Dir)
	if err != nil {
		return nil, fault.WithFix(fault.Usagef("no git repository here: %w", err), "run this inside a repository, or make one with `git init`")
	}
	if w.Worktree == "" {
		w.Worktree = w.configuredWorktree()
	}
	return w, nil
}

// configuredWorktree is the work tree of a repository whose configuration says where it is, as that of a
// submodule does, "" where it has none. Git names only the git directory to its hooks.
func (w *Workspace) configuredWorktree() string {
	config, err := ReadFile(filepath.Join(w.GitDir, "config"), MaxInput)
	if err != nil || !strings.Contains(strings.ToLower(string(config)), "worktree") {
		return ""
	}
	top, err := w.env.Git(context.Background(), w.env.Dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return "" // bare after all
	}
	return top
}

// OpenObjects opens the objects of a repository that was only found so far.
func (w *Workspace) OpenObjects() error {
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: w.GitDir, Env: w.env.Environ, Asks: w.env.Asks})
	if err != nil {
		return fault.Undecidedf("opening the repository %s: %w", w.GitDir, err)
	}
	w.Repo = repo
	return nil
}

// Close closes the objects, if they are open.
func (w *Workspace) Close() {
	if w.Repo != nil {
		_ = w.Repo.Close() // only read from
	}
}

// reftableHead is where HEAD points, for whoever cannot read reftables.
const reftableHead = "refs/heads/.invalid"

// Head is the full name of the branch that is checked out. While git rebases, that is the branch
// being rebased. Where HEAD is detached it is "HEAD", which the checker refuses to judge.
func (w *Workspace) Head() string {
	for _, f := range []string{"rebase-merge/head-name", "rebase-apply/head-name", "HEAD"} {
		b, err := ReadFile(filepath.Join(w.GitDir, f), maxHeadFile)
		if err != nil {
			continue
		}
		line := strings.TrimPrefix(strings.TrimSpace(string(b)), "ref: ")
		if line == reftableHead {
			// Which branch that is stands among the refs, which git alone reads.
			if line, err = w.Git(context.Background(), "symbolic-ref", "--quiet", "HEAD"); err != nil {
				return "HEAD"
			}
		}
		if strings.HasPrefix(line, "refs/heads/") {
			return line
		}
	}
	return "HEAD"
}

// Making is the command by which whoever works here makes the commit that is being made once more: it goes on with
// what git has under way.
func (w *Workspace) Making() string {
	for _, under := range []struct{ way, command string }{
		{"rebase-apply/applying", "git am --continue"},
		{"rebase-merge", "git rebase --continue"},
		{"rebase-apply", "git rebase --continue"},
		{"CHERRY_PICK_HEAD", "git cherry-pick --continue"},
		{"REVERT_HEAD", "git revert --continue"},
		{"MERGE_HEAD", "git merge --continue"},
	} {
		if _, err := os.Lstat(filepath.Join(w.GitDir, under.way)); err == nil {
			return under.command
		}
	}
	return "git commit …"
}

// Git runs the user's own git in the work tree; see [Env.Git].
func (w *Workspace) Git(ctx context.Context, args ...string) (string, error) {
	dir := w.Worktree
	if dir == "" {
		dir = w.GitDir
	}
	return w.env.Git(ctx, dir, args...)
}

// ConfigValue is what git's configuration says here, given `git config --get`'s arguments; "" for nothing.
func (w *Workspace) ConfigValue(ctx context.Context, key ...string) string {
	v, err := w.Git(ctx, append([]string{"config", "--get"}, key...)...)
	if err != nil {
		return ""
	}
	return v
}

// StagedDiff is what the index holds against a revision, HEAD or one before it, and against nothing where there
// is none, in git's raw form: [gitrepo.ParseRawDiff] reads it. It needs the objects.
func (w *Workspace) StagedDiff(ctx context.Context, against string) (string, error) {
	if _, err := w.Repo.ResolveRevision(against); err != nil {
		against = w.Repo.EmptyTree() // the first commit
	}
	return w.Git(ctx, "-c", "core.fsmonitor=false", "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-ext-diff", against)
}
