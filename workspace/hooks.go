package workspace

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
)

// LocateHooks finds where git looks for hooks; dir is a folder that somebody named instead, "" for none.
// While a delegation is in force git looks in a folder of remit's own, behind which the repository's hooks
// are; those are meant. A folder that serves other repositories too is a fault, unless it was named.
func LocateHooks(ctx context.Context, env Env, dir string) (hooks.Location, error) {
	at, err := hooks.Locate(ctx, env.Dir)
	if err != nil {
		return at, fault.WithFix(fault.Usagef("%w", err), "run this inside a repository")
	}
	if dir != "" {
		at.HooksDir = env.Absolute(dir)
		return at, nil
	}
	if earlier, err := hooks.ChainedTo(at.HooksDir); err == nil {
		at.HooksDir = earlier
		return at, nil
	}
	if at.Shared() {
		return at, fault.WithFix(fault.Usagef("the hooks of this repository are in %s, which serves other repositories too (core.hooksPath)", at.HooksDir),
			"set core.hooksPath for this repository alone, or name the folder with --hooks-dir")
	}
	return at, nil
}

// earlierHooks is where git would find hooks if no delegation were in force.
func (w *Workspace) earlierHooks(ctx context.Context) string {
	out, err := w.Git(ctx, "config", "--type=path", "--get-all", "core.hooksPath")
	if err == nil {
		lines := strings.Split(out, "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i] != "" && lines[i] != w.ownHooks() {
				if filepath.IsAbs(lines[i]) {
					return lines[i]
				}
				return filepath.Join(w.Worktree, lines[i])
			}
		}
	}
	return filepath.Join(w.CommonDir, "hooks")
}

// NameInMessage names the delegation in force in the message of a commit that is being made, once. file is
// the one that git handed to the hook. Where none is in force the message stays as it is. It opens the
// objects if it needs them.
func (w *Workspace) NameInMessage(ctx context.Context, file string) error {
	use, ok, err := w.Use()
	if err != nil || !ok {
		return err
	}
	name := delegation.Ref{Digest: use.Delegation}
	if use.Inline {
		if w.Repo == nil {
			if err := w.OpenObjects(); err != nil {
				return err
			}
		}
		chain, err := w.Chain(use.Delegation)
		if err != nil {
			return err
		}
		name.Inline = chain.Marshal()
	}
	message, err := w.env.ReadGits(file)
	if err != nil {
		return err
	}
	comment := "" // git keeps every line of a message that is not edited, and says so
	if w.env.Getenv("GIT_EDITOR") != ":" {
		comment = "#"
		if c := w.ConfigValue(ctx, "core.commentChar"); c != "" && c != "auto" {
			comment = c
		}
	}
	named := delegation.AddTrailer(string(message), name.Value(), comment)
	return atomicfile.Writer{Passing: true}.Replace(w.env.Absolute(file), []byte(named)) // git reads it next
}
