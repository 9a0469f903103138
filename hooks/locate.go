package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// Location says where a repository's hooks live.
type Location struct {
	HooksDir  string // absolute; from which git runs hooks, core.hooksPath respected
	GitDir    string // absolute; of this work tree
	CommonDir string // absolute; shared by all work trees of the repository
	// Configured is core.hooksPath as git expands it, relative paths left relative; "" if not set.
	Configured string
	// Scope is where core.hooksPath is set: "local", "worktree", "global", "system" or "command".
	Scope string
	Bare  bool
}

// Shared reports whether the hooks directory serves other repositories too, because the user's or
// the machine's configuration names it. Installing there would put the hooks on all of them.
func (l Location) Shared() bool {
	return l.Configured != "" && l.Scope != "local" && l.Scope != "worktree"
}

// Locate asks git where the repository that holds dir keeps its hooks. It is for a user's own
// repository: git reads that repository's configuration, though these commands run nothing from it.
func Locate(ctx context.Context, dir string) (Location, error) {
	out, err := git(ctx, dir, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir", "--is-bare-repository")
	if err != nil {
		return Location{}, err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 3 {
		return Location{}, fmt.Errorf("looking for hooks: the path of the repository at %q has a newline", dir)
	}
	l := Location{GitDir: lines[0], CommonDir: lines[1], Bare: lines[2] == "true"}
	l.HooksDir = filepath.Join(l.CommonDir, "hooks")

	out, err = git(ctx, dir, "config", "--show-scope", "--type=path", "-z", "--get", "core.hooksPath")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return l, nil // not set
	}
	if err != nil {
		return Location{}, err
	}
	scope, path, ok := strings.Cut(strings.TrimSuffix(out, "\x00"), "\x00")
	if !ok || path == "" {
		return Location{}, errors.New("looking for hooks: core.hooksPath is empty, so git runs none: unset it or name a directory")
	}
	l.Scope, l.Configured, l.HooksDir = scope, path, path
	if !filepath.IsAbs(path) {
		base := l.GitDir
		if !l.Bare {
			top, err := git(ctx, dir, "rev-parse", "--path-format=absolute", "--show-toplevel")
			if err != nil {
				return Location{}, err
			}
			base = strings.TrimSuffix(top, "\n")
		}
		l.HooksDir = filepath.Join(base, path)
	}
	return l, nil
}

// git runs one read-only command and returns what it prints. Its error wraps [exec.ExitError].
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) // fixed arguments
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("looking for hooks in %q: git %s: %w: %s", dir, args[0], err, inert.Quote(bytes.TrimSpace(stderr.Bytes())))
	}
	return stdout.String(), nil
}
