package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
)

// markerKey is set by the settings: where git's configuration does not have it, git does not read them.
const markerKey = "remit.delegation"

// PutInForce puts a delegation in force for this work tree, which is not to be a bare repository: its git
// signs as the delegate by the program remit, an absolute path, and names the delegation in commits.
// Whether the delegation holds, and whether its key is here, is for the caller to know. Interrupted at any
// moment it leaves what was in force before, or the new one: the included file is replaced in one step,
// and comes last. It returns what it moved out of remit's hooks: see [hooks.Chain.Adopt].
func (w *Workspace) PutInForce(ctx context.Context, chain delegation.Chain, inline bool, remit string) ([]hooks.Adopted, error) {
	if err := checkClientGit(ctx, w); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(w.ownDir(), 0o750); err != nil {
		return nil, err
	}
	key := chain.Leaf().Delegate.Key.AuthorizedKey()
	text, err := w.settings(Use{chain.Digest(), inline}, key, remit)
	if err != nil {
		return nil, err
	}
	moved, err := w.putHooks(ctx, remit)
	if err != nil {
		return moved, fmt.Errorf("setting up hooks: %w", err)
	}
	if err := w.writeKey(key); err != nil {
		return moved, err
	}
	if err := w.includeConfig(ctx); err != nil {
		return moved, err
	}
	if err := atomicfile.Replace(w.useFile(), text); err != nil {
		return moved, err
	}
	return moved, errors.Join(w.removeKeys(keyFile(key)), hooks.Guard(w.usualHooks(), UseFile, markerKey))
}

// PutNoneInForce undoes [Workspace.PutInForce]. The included file goes first: without it git is as it was
// before. What somebody put into remit's hooks goes where it would be without remit, and is returned.
func (w *Workspace) PutNoneInForce(ctx context.Context, remit string) ([]hooks.Adopted, error) {
	earlier := w.earlierHooks(ctx) // while git still knows which folder is remit's
	if err := os.Remove(w.useFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := w.removeIncludes(ctx); err != nil {
		return nil, err
	}
	var moved []hooks.Adopted
	if _, err := os.Lstat(w.ownHooks()); err == nil {
		c, err := w.hookChain(remit)
		if err != nil {
			return nil, err
		}
		if moved, err = c.Adopt(earlier); err != nil {
			return moved, err
		}
	}
	var guard error
	if !w.anyInForce() {
		guard = hooks.RemoveGuard(w.usualHooks())
	}
	if err := hooks.RemoveChain(w.ownHooks()); err != nil {
		return moved, err
	}
	return moved, errors.Join(w.removeKeys(""), guard)
}

// anyInForce reports whether a delegation is in force for any work tree of the repository.
func (w *Workspace) anyInForce() bool {
	files, err := filepath.Glob(filepath.Join(escapeGlob(w.CommonDir), "worktrees", "*", filepath.FromSlash(UseFile)))
	if err != nil || len(files) > 0 {
		return true
	}
	_, err = os.Lstat(filepath.Join(w.CommonDir, filepath.FromSlash(UseFile)))
	return err == nil
}

func (w *Workspace) useFile() string { return filepath.Join(w.GitDir, filepath.FromSlash(UseFile)) }

// ownDir is what remit keeps for this work tree.
func (w *Workspace) ownDir() string { return filepath.Dir(w.useFile()) }

// ownHooks is where git looks for hooks while a delegation is in force.
func (w *Workspace) ownHooks() string { return filepath.Join(w.ownDir(), "hooks") }

// usualHooks is where git looks for hooks without any core.hooksPath.
func (w *Workspace) usualHooks() string { return filepath.Join(w.CommonDir, "hooks") }

// fromTop is the path of something of remit's from the top of the work tree, where git is when it runs hooks and
// signs. It still holds where the work tree is moved together with its git directory, or is mounted
// elsewhere.
func (w *Workspace) fromTop(path string) (string, error) {
	top, err := filepath.EvalSymlinks(w.Worktree)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(w.GitDir)
	if err != nil {
		return "", err
	}
	below, err := filepath.Rel(w.GitDir, path)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(top, filepath.Join(dir, below))
	return filepath.ToSlash(rel), err
}

// keyFile is the name of the file that holds a delegate's public key, a line of authorized_keys. Git knows no other form of a key in
// every version, and leaves none behind for each commit.
func keyFile(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "signing-" + hex.EncodeToString(sum[:8]) + ".pub"
}

func (w *Workspace) writeKey(key string) error {
	return atomicfile.Writer{Mode: 0o644}.Replace(filepath.Join(w.ownDir(), keyFile(key)), []byte(key+"\n"))
}

// removeKeys removes the keys of earlier delegates.
func (w *Workspace) removeKeys(but string) error {
	files, err := os.ReadDir(w.ownDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range files {
		if ok, _ := filepath.Match("signing-*.pub", f.Name()); ok && f.Name() != but {
			if err := os.Remove(filepath.Join(w.ownDir(), f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// settings is the text of the included file.
func (w *Workspace) settings(use Use, key, remit string) ([]byte, error) {
	record, err := json.Marshal(useRecord{useVersion, use.Delegation, use.Inline})
	if err != nil {
		return nil, err
	}
	hooksPath, err := w.fromTop(w.ownHooks())
	if err != nil {
		return nil, err
	}
	keyPath, err := w.fromTop(filepath.Join(w.ownDir(), keyFile(key)))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", useLine, record)
	fmt.Fprintf(&b, "# Written by `remit use`; removed by `remit use --none`.\n")
	section, name, _ := strings.Cut(markerKey, ".")
	fmt.Fprintf(&b, "[%s]\n\t%s = %s\n", section, name, use.Delegation)
	fmt.Fprintf(&b, "[gpg]\n\tformat = ssh\n[gpg \"ssh\"]\n\tprogram = %s\n", configQuote(programFor(remit)))
	fmt.Fprintf(&b, "[commit]\n\tgpgsign = true\n[tag]\n\tforceSignAnnotated = true\n")
	fmt.Fprintf(&b, "[user]\n\tsigningkey = %s\n", configQuote(keyPath))
	fmt.Fprintf(&b, "[core]\n\thooksPath = %s\n", configQuote(hooksPath))
	return []byte(b.String()), nil
}

// programFor is how git is told of remit: by its name where that finds it, so that it is found too where the
// work tree is mounted elsewhere, and else by its path.
func programFor(remit string) string {
	found, err := exec.LookPath("remit")
	if err != nil {
		return remit
	}
	a, aErr := os.Stat(found)
	b, bErr := os.Stat(remit)
	if aErr != nil || bErr != nil || !os.SameFile(a, b) {
		return remit
	}
	return "remit"
}

// configQuote writes a value for git's configuration (git-config(1), "Values").
func configQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

// Standing is how what [Workspace.PutInForce] set up stands in this work tree, where a delegation is in force.
type Standing struct {
	// Lost are hooks that git should run while the delegation is in force, and does not: some tool removed
	// them, or put its own in their place.
	Lost []string
	// Foreign are files that tools installed into remit's hooks. They run, and the next commit moves them to
	// where they would be without remit.
	Foreign []string
	// Settings is what is wrong with what git reads, "" if nothing: it does not read the settings, or they are
	// of another place, so that hooks do not run and nothing is signed by the delegate.
	Settings string
}

// OK reports whether all of it stands.
func (s Standing) OK() bool { return len(s.Lost)+len(s.Foreign) == 0 && s.Settings == "" }

// Standing tells how the hooks and the settings of the delegation in force stand. It changes nothing. Where none is
// in force by [Workspace.PutInForce] all is well.
func (w *Workspace) Standing(ctx context.Context, remit string) (Standing, error) {
	var s Standing
	use, ok, err := readUseFile(w.GitDir)
	if err != nil || !ok || w.Worktree == "" {
		return s, err
	}
	c, err := w.hookChain(remit)
	if err != nil {
		return s, err
	}
	strays, err := c.Strays()
	if err != nil {
		return s, err
	}
	s.Lost, s.Foreign = strays.Lost, strays.Foreign
	switch {
	case w.ConfigValue(ctx, markerKey) != use.Delegation:
		s.Settings = "git does not read " + w.useFile()
	case w.ConfigValue(ctx, "core.hooksPath") != c.Value:
		s.Settings = "git looks for hooks in " + w.ConfigValue(ctx, "core.hooksPath") + ", and not in " + c.Value
	}
	return s, nil
}

// Mend puts right what [Standing] tells of, at the moment when git works here under the delegation in force.
// said is what somebody should know of it. again says that what git does just now, it does without some hook or
// with settings of another place: it has to be done again. chain is what is in force; without it the
// settings are not looked at.
func (w *Workspace) Mend(ctx context.Context, chain delegation.Chain, remit string) (said []string, again bool, err error) {
	use, ok, err := readUseFile(w.GitDir)
	if err != nil || !ok || w.Worktree == "" {
		return nil, false, err
	}
	c, err := w.hookChain(remit)
	if err != nil {
		return nil, false, err
	}
	strays, err := c.Strays()
	if err != nil {
		return nil, false, err
	}
	if strays.Any() {
		moved, err := w.putHooks(ctx, remit)
		said = AdoptedWords(moved)
		if err != nil {
			return said, false, err
		}
	}
	again = slices.ContainsFunc(strays.Lost, hooks.Chained)
	gone := slices.DeleteFunc(strays.Lost, func(name string) bool { return slices.Contains(strays.Foreign, name) })
	if len(gone) > 0 {
		said = append(said, "another tool had removed or changed these of remit's hooks, which are back: "+strings.Join(gone, ", "))
	}
	if chain == nil || chain.Digest() != use.Delegation {
		return said, again, nil
	}
	key := chain.Leaf().Delegate.Key.AuthorizedKey()
	is, err := ReadFile(w.useFile(), maxUseFile)
	if err != nil {
		return said, again, err
	}
	want, err := w.settings(use, key, remit)
	if err != nil {
		return said, again, err
	}
	_, err = os.Lstat(filepath.Join(w.ownDir(), keyFile(key)))
	if err == nil && settingOf(is, "hooksPath") == settingOf(want, "hooksPath") && settingOf(is, "signingkey") == settingOf(want, "signingkey") {
		return said, again, nil
	}
	if err := w.writeKey(key); err != nil {
		return said, again, err
	}
	said = append(said, "the settings that git reads here were of another place, and are set anew")
	return said, true, atomicfile.Replace(w.useFile(), want)
}

// SignedElsewhere finds the setting by which git would sign what is committed now with something else than what
// [Workspace.PutInForce] set up, and its value; "" where there is none, and where none is in force.
func (w *Workspace) SignedElsewhere(ctx context.Context) (name, value string, err error) {
	_, ok, err := readUseFile(w.GitDir)
	if err != nil || !ok || w.Worktree == "" {
		return "", "", err
	}
	ours, err := ReadFile(w.useFile(), maxUseFile)
	if err != nil {
		return "", "", err
	}
	out, err := w.Git(ctx, "config", "-z", "--get-regexp", `^(gpg\.format|gpg\.ssh\.program|user\.signingkey)$`)
	if err != nil {
		return "", "", fault.Undecidedf("reading git's settings: %w", err)
	}
	read := map[string]string{} // the last one counts
	for entry := range strings.SplitSeq(out, "\x00") {
		if name, value, ok := strings.Cut(entry, "\n"); ok {
			read[name] = value
		}
	}
	for _, name := range []string{"gpg.format", "gpg.ssh.program", "user.signingkey"} {
		short := name[strings.LastIndexByte(name, '.')+1:]
		if _, want, _ := strings.Cut(strings.TrimSuffix(settingOf(ours, short), "\n"), " = "); want != read[name] && want != configQuote(read[name]) {
			return name, read[name], nil
		}
	}
	return "", "", nil
}

// settingOf is the line of a file of settings that sets a name.
func settingOf(text []byte, name string) string {
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "\t"+name+" = ") {
			return line
		}
	}
	return ""
}
