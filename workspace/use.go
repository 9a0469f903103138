package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/hooks"
)

// PutInForce puts a delegation in force for this work tree, which is not to be a bare repository: its git
// signs as the delegate by the program remit, an absolute path, and names the delegation in commits.
// Whether the delegation holds, and whether its key is here, is for the caller to know. Interrupted at any
// moment it leaves what was in force before, or the new one: the included file is replaced in one step,
// and comes last.
func (w *Workspace) PutInForce(ctx context.Context, chain delegation.Chain, inline bool, remit string) error {
	if err := os.MkdirAll(filepath.Join(w.GitDir, "remit"), 0o750); err != nil {
		return err
	}
	hooksDir := w.ownHooks()
	if err := hooks.Chain(hooksDir, w.earlierHooks(ctx), remit); err != nil {
		return fmt.Errorf("setting up hooks: %w", err)
	}
	record, err := json.Marshal(useRecord{useVersion, chain.Digest(), inline})
	if err != nil {
		return err
	}
	if err := w.includeConfig(ctx); err != nil {
		return err
	}
	return atomicfile.Replace(w.useFile(), useConfig(record, remit, hooksDir, chain.Leaf()))
}

// PutNoneInForce undoes [Workspace.PutInForce]. The included file goes first: without it git is as it was
// before.
func (w *Workspace) PutNoneInForce(ctx context.Context) error {
	if err := os.Remove(w.useFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
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
	return os.RemoveAll(w.ownHooks())
}

func (w *Workspace) useFile() string { return filepath.Join(w.GitDir, filepath.FromSlash(UseFile)) }

// ownHooks is where git looks for hooks while a delegation is in force.
func (w *Workspace) ownHooks() string { return filepath.Join(w.GitDir, "remit", "hooks") }

// useConfig is the text of the included settings.
func useConfig(record []byte, remit, hooksDir string, leaf delegation.Link) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", useLine, record)
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
