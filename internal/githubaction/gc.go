package githubaction

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/internal/prune"
	"github.com/remit-sh/remit/signing"
)

// gc takes away the refs of the repository that nobody needs any more, now that the log is folded, and says what it did.
func (a *action) gc(ctx context.Context, at auditlog.Remote, key signing.Signer) (string, error) {
	dir, err := os.MkdirTemp("", "remit-gc-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a copy
	env := append(slices.DeleteFunc(slices.Clone(at.Environ), func(kv string) bool { return strings.HasPrefix(kv, "GIT_") }),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	env = append(env, at.Login...)
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--template=", dir},
		{"remote", "add", "origin", at.URL},
		// Of commits the messages are enough; what refs are at themselves comes in any case.
		{"fetch", "--quiet", "--no-tags", "--filter=tree:0", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+refs/remit/*:refs/remit/*"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, inert.Line(strings.TrimSpace(string(out))))
		}
	}
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: dir, Env: env})
	if err != nil {
		return "", err
	}
	defer func() { _ = repo.Close() }() // only read from
	var plan *prune.Plan
	err = at.With(ctx, func(store *gitbranch.Store) error {
		l, err := auditlog.Under(ctx, store, key)
		if err != nil {
			return err
		}
		var reader *log.Reader
		if reader, err = l.Read(ctx); err != nil {
			return err
		}
		plan, err = prune.Make(ctx, prune.Sources{Repo: repo, Log: reader, Now: a.env.Now(), Keep: prune.Usual})
		return err
	})
	if err != nil {
		return "", err
	}
	if err := plan.Apply(ctx, repo, "origin"); err != nil {
		return "", err
	}
	var parts []string
	for _, kind := range prune.Kinds() {
		if n := plan.Counts[kind].Removed; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) == 0 {
		return "", nil
	}
	return "taken away, since they are over and nobody needs them: " + strings.Join(parts, ", ") + ".", nil
}

// tidy is gc after a fold, which did what it is for whatever comes of this.
func (a *action) tidy(ctx context.Context, at auditlog.Remote, key signing.Signer, done *auditlog.Fold) (said string) {
	said, err := a.gc(ctx, at, key)
	if err != nil {
		done.Notes = append(done.Notes, "refs that nobody needs could not be taken away: "+strings.TrimSuffix(inert.Error(err), ".")+
			". Where a ruleset keeps "+delegation.GateRefs+" from being deleted, let whoever folds delete there")
	}
	return said
}
