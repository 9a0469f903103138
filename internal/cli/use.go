package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

func newUse(env *Env) *cobra.Command {
	var none, inline bool
	c := &cobra.Command{
		Use:   "use DIGEST | --none",
		Short: "Put a delegation in force for this work tree",
		Long: "Puts a delegation in force for this work tree: git signs commits and tags here as the delegate\n" +
			"and names the delegation in a trailer. Only this work tree's own configuration changes, existing\n" +
			"hooks go on running, and user.name and user.email are left alone. --none undoes all of it.",
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if none == (len(args) == 1) {
				return fault.Usagef("name a delegation, or --none")
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.close()
			if w.worktree == "" {
				return fault.Usagef("this is a bare repository: a delegation is put in force for a work tree")
			}
			if none {
				return w.useNone(cmd.Context())
			}
			digest, err := w.fullDigest(args[0])
			if err != nil {
				return err
			}
			return w.use(cmd.Context(), digest, inline)
		},
	}
	c.Flags().BoolVar(&none, "none", false, "put no delegation in force, and restore git's configuration")
	c.Flags().BoolVar(&inline, "inline", false, "carry the whole delegation in each commit message, for remotes that refuse refs/remit/")
	return c
}

// use puts a delegation in force. Interrupted at any moment it leaves what was in force before, or
// the new one: the included file is replaced in one step, and comes last.
func (w *workspace) use(ctx context.Context, digest string, inline bool) error {
	chain, err := w.chainOf(digest)
	if err != nil {
		return err
	}
	leaf := chain.Leaf()
	if chain.StateAt(w.env.Now(), 0) != delegation.Live {
		return fault.WithFix(fault.Refusedf("the delegation %s is %s", digest, chain.StateAt(w.env.Now(), 0).Words()),
			"ask %s for a new one", leaf.Delegator.Name)
	}
	ring, err := openKeyring(w.env)
	if err != nil {
		return err
	}
	defer ring.Close()
	if _, err := issue.DelegateSigner(ring, leaf, "the delegation can be used only where that key is"); err != nil {
		return err
	}

	dir := filepath.Join(w.gitDir, "remit")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	hooksDir := filepath.Join(dir, "hooks")
	if err := hooks.Chain(hooksDir, w.earlierHooks(ctx), w.env.Executable); err != nil {
		return fmt.Errorf("setting up hooks: %w", err)
	}
	state, err := json.Marshal(useState{Version: useVersion, Delegation: digest, Inline: inline})
	if err != nil {
		return err
	}
	if err := w.includeConfig(ctx); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(w.gitDir, useFile), useConfig(state, w.env.Executable, hooksDir, leaf)); err != nil {
		return err
	}
	fmt.Fprintf(w.env.Stderr, "%s signs here as %s until %s.\n", filepath.Base(w.worktree), leaf.Delegate.Name, names.Stamp(leaf.NotAfter))
	return nil
}

// useNone undoes use. The included file goes first: without it git is as it was before.
func (w *workspace) useNone(ctx context.Context) error {
	if err := os.Remove(filepath.Join(w.gitDir, useFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, i := range w.includes() {
		if !w.hasInclude(ctx, i) {
			continue
		}
		if _, err := w.git(ctx, "config", i.scope, "--fixed-value", "--unset-all", i.key, i.path); err != nil {
			return err
		}
		if w.readConfig(ctx, i) == "" {
			// git leaves the header of an empty section where a comment stands above it. Where it
			// left none there is nothing to remove, and it says so.
			_, _ = w.git(ctx, "config", i.scope, "--remove-section", strings.TrimSuffix(i.key, ".path"))
		}
	}
	return os.RemoveAll(filepath.Join(w.gitDir, "remit", "hooks"))
}

// useConfig is the text of the included settings.
func useConfig(state []byte, remit, hooksDir string, leaf delegation.Link) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", useLine, state)
	fmt.Fprintf(&b, "# Written by `remit use`; removed by `remit use --none`.\n")
	fmt.Fprintf(&b, "[gpg]\n\tformat = ssh\n[gpg \"ssh\"]\n\tprogram = %s\n", configQuote(remit))
	fmt.Fprintf(&b, "[commit]\n\tgpgsign = true\n[tag]\n\tforceSignAnnotated = true\n")
	fmt.Fprintf(&b, "[user]\n\tsigningkey = %s\n", configQuote("key::"+leaf.Delegate.Key.AuthorizedKey()))
	fmt.Fprintf(&b, "[core]\n\thooksPath = %s\n", configQuote(hooksDir))
	return []byte(b.String())
}

// configQuote writes a value for git's configuration (git-config(1), "Values").
func configQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

// include is a line of git's configuration that includes the file of settings.
type include struct{ scope, key, path string }

// includes lists the two lines that make a file be read for this work tree alone. The first stands in
// the configuration that all work trees share, under a condition that holds for this one's git
// directory, wherever the repository is moved to. The second stands in the work tree's own
// configuration, which git reads last, where the user has switched that on.
func (w *workspace) includes() []include {
	common := filepath.Base(w.commonDir)
	shared := include{"--local", common, useFile}
	if w.gitDir != w.commonDir {
		name := filepath.Join("worktrees", filepath.Base(w.gitDir))
		shared.key, shared.path = filepath.Join(common, name), filepath.Join(name, useFile)
	} else if common != ".git" {
		shared.key = w.gitDir // a name that a work tree could have as well
	}
	shared.key = "includeIf.gitdir:" + strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(filepath.ToSlash(shared.key)) + ".path"
	shared.path = filepath.ToSlash(shared.path)
	return []include{shared, {"--worktree", "include.path", useFile}}
}

// includeConfig makes the work tree's git read the file of settings.
func (w *workspace) includeConfig(ctx context.Context) error {
	i := w.includes()[0]
	if w.ownConfig(ctx) {
		i = w.includes()[1]
	}
	if w.hasInclude(ctx, i) {
		return nil
	}
	_, err := w.git(ctx, "config", i.scope, "--add", i.key, i.path)
	return err
}

func (w *workspace) hasInclude(ctx context.Context, i include) bool {
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
func (w *workspace) readConfig(ctx context.Context, i include) string {
	out, err := w.git(ctx, "config", i.scope, "--no-includes", "--get-all", i.key)
	if err != nil {
		return ""
	}
	return out
}

// ownConfig reports whether work trees have configurations of their own here.
func (w *workspace) ownConfig(ctx context.Context) bool {
	return w.configValue(ctx, "--type=bool", "extensions.worktreeConfig") == "true"
}

func (w *workspace) configValue(ctx context.Context, key ...string) string {
	v, err := w.git(ctx, append([]string{"config", "--get"}, key...)...)
	if err != nil {
		return ""
	}
	return v
}

// earlierHooks is where git would find hooks if no delegation were in force.
func (w *workspace) earlierHooks(ctx context.Context) string {
	ours := filepath.Join(w.gitDir, "remit", "hooks")
	out, err := w.git(ctx, "config", "--type=path", "--get-all", "core.hooksPath")
	if err == nil {
		lines := strings.Split(out, "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i] != "" && lines[i] != ours {
				if filepath.IsAbs(lines[i]) {
					return lines[i]
				}
				return filepath.Join(w.worktree, lines[i])
			}
		}
	}
	return filepath.Join(w.commonDir, "hooks")
}

// useInForce returns the chain in force here, nil for none.
func (w *workspace) useInForce() (delegation.Chain, useState, error) {
	use, ok, err := readUse(w.env, w.gitDir)
	if err != nil || !ok {
		return nil, use, err
	}
	chain, err := w.chainOf(use.Delegation)
	return chain, use, err
}

// isDelegate reports whether a key is the one that a chain was made out to.
func isDelegate(c delegation.Chain, key signing.PublicKey) bool {
	return c.Leaf().Delegate.Key.Equal(key) && c.Leaf().Delegate.Name.Kind() == names.Agent
}
