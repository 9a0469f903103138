package workspace

import (
	"context"
	"path/filepath"
	"strings"
)

// include is a line of git's configuration that includes the file of settings.
type include struct{ scope, key, path string }

// includes lists the two lines that make a file be read for this work tree alone. The first stands in
// the configuration that all work trees share, under a condition that holds for this one's git
// directory, wherever the repository is moved to. The second stands in the work tree's own
// configuration, which git reads last, where the user has switched that on.
func (w *Workspace) includes() []include {
	common := filepath.Base(w.CommonDir)
	shared := include{"--local", common, UseFile}
	if w.GitDir != w.CommonDir {
		name := filepath.Join("worktrees", filepath.Base(w.GitDir))
		shared.key, shared.path = filepath.Join(common, name), filepath.Join(name, UseFile)
	} else if common != ".git" {
		shared.key = w.GitDir // a name that a work tree could have as well
	}
	shared.key = "includeIf.gitdir:" + strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(filepath.ToSlash(shared.key)) + ".path"
	shared.path = filepath.ToSlash(shared.path)
	return []include{shared, {"--worktree", "include.path", UseFile}}
}

// includeConfig makes the work tree's git read the file of settings.
func (w *Workspace) includeConfig(ctx context.Context) error {
	i := w.includes()[0]
	if w.ownConfig(ctx) {
		i = w.includes()[1]
	}
	if w.hasInclude(ctx, i) {
		return nil
	}
	_, err := w.Git(ctx, "config", i.scope, "--add", i.key, i.path)
	return err
}

func (w *Workspace) hasInclude(ctx context.Context, i include) bool {
	if i.scope == "--worktree" && !w.ownConfig(ctx) {
		return false // git would look into the configuration that is shared
	}
	for line := range strings.Lines(w.readConfig(ctx, i)) {
		if strings.TrimSpace(line) == i.path {
			return true
		}
	}
	return false
}

// readConfig lists the files that stand behind the key of an include, a line each.
func (w *Workspace) readConfig(ctx context.Context, i include) string {
	out, err := w.Git(ctx, "config", i.scope, "--no-includes", "--get-all", i.key)
	if err != nil {
		return ""
	}
	return out
}

// ownConfig reports whether work trees have configurations of their own here.
func (w *Workspace) ownConfig(ctx context.Context) bool {
	return w.ConfigValue(ctx, "--type=bool", "extensions.worktreeConfig") == "true"
}
