package workspace

import (
	"context"
	"fmt"
	"os"
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
	if w, err := Find(env); err == nil && !w.Bare() && w.isOwnHooks(at.HooksDir) {
		at.HooksDir = w.earlierHooks(ctx)
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
			dir := lines[i]
			if dir != "" && !filepath.IsAbs(dir) {
				dir = filepath.Join(w.Worktree, dir)
			}
			if dir != "" && !w.isOwnHooks(dir) {
				return dir
			}
		}
	}
	return w.usualHooks()
}

func (w *Workspace) isOwnHooks(dir string) bool { return hooks.SameDir(dir, w.ownHooks()) }

// hookChain is remit's own hooks in this work tree, which run the program remit.
func (w *Workspace) hookChain(remit string) (hooks.Chain, error) {
	value, err := w.fromTop(w.ownHooks())
	return hooks.Chain{
		Dir: w.ownHooks(), Value: value, Usual: w.usualHooks(), Remit: remit,
		Undo: "rm -f " + hooks.Quote(w.useFile()),
	}, err
}

// HookStates tells how each hook of remit's stands where git runs hooks here, the folder, and whether that is remit's
// own one of the delegation in force. It changes nothing. A folder that serves other repositories too is a fault.
func (w *Workspace) HookStates(ctx context.Context, remit string) (dir string, own bool, states []hooks.State, err error) {
	at, err := hooks.Locate(ctx, w.env.Dir)
	if err != nil {
		return "", false, nil, err
	}
	if !w.Bare() && w.isOwnHooks(at.HooksDir) {
		c, err := w.hookChain(remit)
		if err != nil {
			return at.HooksDir, true, nil, err
		}
		states, err = c.States(w.earlierHooks(ctx))
		return at.HooksDir, true, states, err
	}
	if at, err = LocateHooks(ctx, w.env, ""); err != nil {
		return at.HooksDir, false, nil, err
	}
	states, err = hooks.Status(at.HooksDir)
	return at.HooksDir, false, states, err
}

// putHooks puts remit's own hooks in place. What stood there, and is not remit's, goes where it would be without
// remit, and is returned.
func (w *Workspace) putHooks(ctx context.Context, remit string) ([]hooks.Adopted, error) {
	earlier := w.earlierHooks(ctx)
	c, err := w.hookChain(remit)
	if err != nil {
		return nil, err
	}
	moved, err := c.Adopt(earlier)
	if err != nil {
		return moved, err
	}
	return moved, c.Write(earlier)
}

// AdoptedWords says what was moved, a sentence each.
func AdoptedWords(moved []hooks.Adopted) []string {
	var said []string
	for _, a := range moved {
		line := fmt.Sprintf("the hook %s, which another tool put among remit's, is now %s, where it runs with and without a delegation", a.Name, a.To)
		if a.Kept != "" {
			line += "; what was there before is kept as " + a.Kept
		}
		said = append(said, line)
	}
	return said
}

// InstallLFS has git-lfs install its hooks, where the repository uses it and remit's own pre-push hook kept it from
// doing so by itself: git-lfs installs none of its hooks if there is another of that name, and then pushes
// nothing. It returns the pre-push hook that it installed, "" if there was no need.
func (w *Workspace) InstallLFS(ctx context.Context, remit string) (prePush string, err error) {
	if info, err := os.Stat(filepath.Join(w.CommonDir, "lfs")); err != nil || !info.IsDir() || w.Bare() {
		return "", nil // not used here
	}
	earlier := w.earlierHooks(ctx)
	if !hooks.Free(earlier, "pre-push") {
		return "", nil
	}
	scratch, err := os.MkdirTemp(w.CommonDir, "remit-lfs-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a folder of this function's own
	if _, err := w.Git(ctx, "-c", "core.hooksPath="+scratch, "lfs", "update"); err != nil {
		return "", fmt.Errorf("installing git-lfs's hooks: %w", err)
	}
	files, err := os.ReadDir(scratch)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		to, err := hooks.AdoptInto(earlier, f.Name(), filepath.Join(scratch, f.Name()), remit)
		if err != nil {
			return "", fmt.Errorf("installing git-lfs's hook %s: %w", f.Name(), err)
		}
		if f.Name() == "pre-push" {
			prePush = to
		}
	}
	return prePush, nil
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
	text, cut := string(message), ""
	comment, scissors := w.cleanup(ctx, text)
	if scissors != "" {
		text, cut = cutBefore(text, scissors)
	}
	named := delegation.AddTrailer(text, name.Value(), comment) + cut
	return atomicfile.Writer{Passing: true}.Replace(w.env.Absolute(file), []byte(named)) // git reads it next
}

// cleanup tells what git is going to remove of a message (git-commit(1), --cleanup): the lines that begin with
// comment, and all from the line scissors on; "" for neither. What somebody gave on git's command line is not
// known here.
func (w *Workspace) cleanup(ctx context.Context, message string) (comment, scissors string) {
	edited := w.env.Getenv("GIT_EDITOR") != ":" // as git says it
	if !edited && !startsLine(message, commentChars) {
		return "", ""
	}
	var mode, char string
	out, _ := w.Git(ctx, "config", "-z", "--get-regexp", `^(commit\.cleanup|core\.comment(char|string))$`) // an error says that there is none
	for _, entry := range strings.Split(out, "\x00") {
		switch key, value, _ := strings.Cut(entry, "\n"); key {
		case "commit.cleanup":
			mode = value
		case "core.commentchar", "core.commentstring": // the same since git 2.45: the last one counts
			char = value
		}
	}
	if !edited && mode != "strip" {
		return "", ""
	}
	switch char {
	case "":
		char = "#"
	case "auto":
		char = autoComment(message)
	}
	if edited {
		scissors = char + " ------------------------ >8 ------------------------"
	}
	switch mode {
	case "verbatim", "whitespace", "scissors":
		return "", scissors
	default:
		return char, scissors
	}
}

// commentChars are those that git chooses from where core.commentChar is auto.
const commentChars = "#;@!$%^&|:"

// startsLine reports whether a line of text starts with one of some characters.
func startsLine(text, chars string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(chars, line[:1]) {
			return true
		}
	}
	return false
}

// autoComment is the character that git chose: the one that its own lines at the end of a message begin with.
func autoComment(message string) string {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	if last := lines[len(lines)-1]; last != "" && strings.Contains(commentChars, last[:1]) {
		return last[:1]
	}
	return "#"
}

// cutBefore splits a message before a line, if it has it.
func cutBefore(message, line string) (text, rest string) {
	pos := 0
	for l := range strings.Lines(message) {
		if strings.TrimRight(l, "\r\n") == line {
			return message[:pos], message[pos:]
		}
		pos += len(l)
	}
	return message, ""
}
