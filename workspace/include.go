package workspace

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/atomicfile"
)

// include is a line of git's configuration that includes the file of settings.
type include struct{ scope, key, path string }

// mainIncludeFile leads git to the settings of the main work tree; below the common git directory.
const mainIncludeFile = "remit/include"

// includes lists the two lines that make a file be read for this work tree alone. The first stands in
// the configuration that all work trees share. It holds wherever the repository is moved to: for a linked work
// tree by a condition that is relative to the configuration, for the main one by way of
// [mainIncludeText]. The second stands in the work tree's own configuration, which git reads last, where
// the user has switched that on.
func (w *Workspace) includes() []include {
	shared := include{"--local", "include.path", mainIncludeFile}
	if w.GitDir != w.CommonDir {
		name := "worktrees/" + filepath.Base(w.GitDir)
		shared.key, shared.path = "includeIf.gitdir:./"+escapeGlob(name)+".path", name+"/"+UseFile
	}
	return []include{shared, {"--worktree", "include.path", UseFile}}
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// mainIncludeText includes the settings in the main work tree only. Git's conditions cannot say "not", and
// cannot say that the git directory is the one that holds the configuration: so they list what is not the
// git directory of a linked work tree, which is <common directory>/worktrees/NAME.
func mainIncludeText(commonDir string) []byte {
	const folder = "worktrees"
	const last = "/*[!.]"                                               // inside of a git directory git calls it NAME/. too
	patterns := []string{"**/.git", last, "**/" + folder + "?*" + last} // git names no linked work tree .git
	for i := range len(folder) {
		if i > 0 {
			patterns = append(patterns, "**/"+folder[:i]+last)
		}
		patterns = append(patterns, "**/"+folder[:i]+"[!"+folder[i:i+1]+"]*"+last)
	}
	if filepath.Base(filepath.Dir(commonDir)) == folder && filepath.Base(commonDir) != ".git" {
		patterns = append(patterns, escapeGlob(filepath.ToSlash(commonDir)))
	}
	var b strings.Builder
	b.WriteString("# Written by `remit use`: the main work tree reads the settings beside this file, and no other does.\n")
	for _, p := range patterns {
		fmt.Fprintf(&b, "[includeIf %s]\n\tpath = %s\n", configQuote("gitdir:"+p), filepath.Base(UseFile))
	}
	return []byte(b.String())
}

// includeConfig makes the work tree's git read the file of settings.
func (w *Workspace) includeConfig(ctx context.Context) error {
	i := w.includes()[0]
	if w.ownConfig(ctx) {
		i = w.includes()[1]
	} else if w.GitDir == w.CommonDir {
		if err := atomicfile.Replace(filepath.Join(w.CommonDir, filepath.FromSlash(mainIncludeFile)), mainIncludeText(w.CommonDir)); err != nil {
			return err
		}
	}
	if w.hasInclude(ctx, i) {
		return nil
	}
	_, err := w.Git(ctx, "config", i.scope, "--add", i.key, i.path)
	return err
}

// removeIncludes undoes [Workspace.includeConfig].
func (w *Workspace) removeIncludes(ctx context.Context) error {
	for _, i := range w.includes() {
		if !w.hasInclude(ctx, i) {
			continue
		}
		if _, err := w.Git(ctx, "config", i.scope, "--fixed-value", "--unset-all", i.key, i.path); err != nil {
			return err
		}
		if w.readConfig(ctx, i) == "" {
			// git leaves the header of an empty section where a comment stands above it. Where it
			// left none there is nothing to remove, and it says so.
			_, _ = w.Git(ctx, "config", i.scope, "--remove-section", strings.TrimSuffix(i.key, ".path"))
		}
	}
	if w.GitDir == w.CommonDir {
		return os.RemoveAll(filepath.Join(w.CommonDir, filepath.FromSlash(mainIncludeFile)))
	}
	return nil
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
