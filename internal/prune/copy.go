package prune

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
)

// Remote is what a copy's own remote is called: the repository that it is of.
const Remote = "origin"

// WithCopy calls f with a copy of what planning takes of the repository at a URL, all of its refs and the messages of its
// commits, which is thrown away afterwards: a clone that somebody works in has refs of its own, which are not to be
// mixed up with those. Login is what git needs to reach it, in the environment.
func WithCopy(ctx context.Context, url string, environ, login []string, f func(*gitrepo.Repo) error) error {
	dir, err := os.MkdirTemp("", "remit-gc-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a copy
	env := append(slices.DeleteFunc(slices.Clone(environ), func(kv string) bool { return strings.HasPrefix(kv, "GIT_") }),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	env = append(env, login...)
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--template=", dir},
		{"remote", "add", Remote, url},
		// What refs are at themselves comes in any case.
		{"fetch", "--quiet", "--no-tags", "--filter=tree:0", Remote, "+refs/*:refs/*"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, inert.Line(strings.TrimSpace(string(out))))
		}
	}
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: dir, Env: env})
	if err != nil {
		return err
	}
	defer func() { _ = repo.Close() }() // only read from
	return f(repo)
}
