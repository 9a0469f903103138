package hooks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/remit-sh/remit/atomicfile"
)

// Chain is a directory of remit's own, to which core.hooksPath can point for as long as a delegation is in
// force. It changes no other hooks directory.
//
// Its client hooks run the hook of the same name that git would run without remit first, and then remit. Its
// other hooks only run that one. All look at the moment when git runs them, both for a core.hooksPath that
// was set meanwhile and for what stands in that directory; like git, they ignore files that are not
// executable. If the other hook is remit's own, it runs alone.
//
// Tools that ask git where hooks are find this directory and install into it. [Chain.Strays] tells what
// they left, and [Chain.Adopt] moves it to where it would be without remit.
type Chain struct {
	Dir   string // absolute
	Value string // core.hooksPath while the chain is in force, as git's configuration has it
	Usual string // absolute; where git looks for hooks without any core.hooksPath
	Remit string // absolute; the program that the hooks run
	Undo  string // a shell's command that takes the chain out of force, where there is no remit to do it
}

// Write puts the hooks in place. Each file is written in one step, and Dir is made if need be. Doing it again
// changes nothing, or mends what was changed: what is not remit's has to be adopted before, or is lost.
//
// The hooks that [passedIfPresent] lists are passed through only if earlier, the directory to which the
// chain leads now, has them.
func (c Chain) Write(earlier string) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil { // #nosec G301 -- as git makes it
		return fmt.Errorf("making the hooks directory: %w", err)
	}
	scripts, err := c.scripts()
	if err != nil {
		return err
	}
	for _, name := range passedIfPresent() {
		if _, err := os.Stat(filepath.Join(earlier, name)); err == nil && !isGuard(filepath.Join(earlier, name)) {
			continue
		}
		delete(scripts, name)
		if err := os.Remove(filepath.Join(c.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a hook that is not passed through any more: %w", err)
		}
	}
	for name, text := range scripts {
		if err := putScript(filepath.Join(c.Dir, name), text); err != nil {
			return err
		}
	}
	return nil
}

// chainedNames lists the hooks in which remit has something to do while a delegation is in force:
// commit-msg keeps the line that prepare-commit-msg wrote the last one of the message.
func chainedNames() []string { return append(Client.Names(), "commit-msg") }

// Chained reports whether remit itself has something to do in a hook while a delegation is in force.
func Chained(name string) bool { return slices.Contains(chainedNames(), name) }

// scripts are the files of the chain by their names.
func (c Chain) scripts() (map[string][]byte, error) {
	usual, err := relative(c.Dir, c.Usual)
	if err != nil {
		return nil, err
	}
	v := values{remit: c.Remit, own: c.Value, usual: usual, run: `"$remit_before"`, undo: c.Undo}
	all := map[string][]byte{}
	for _, name := range append(passedNames(), passedIfPresent()...) {
		all[name] = render(name, earlierPart+passPart, v)
	}
	for _, name := range chainedNames() {
		one := v
		if name == "commit-msg" {
			// Nobody touched the message since prepare-commit-msg: no editor, and no hook.
			one.alone = "[ \"${GIT_EDITOR-}\" != : ] || exit 0\n\t"
		}
		all[name] = render(name, findPart+earlierPart+throughPart+thenPart(name), one)
	}
	return all, nil
}

// relative is a path as it is found from a folder, links on the way to both resolved: the system resolves
// them when it follows "..".
func relative(from, to string) (string, error) {
	return filepath.Rel(resolved(from), resolved(to))
}

// resolved is a path with its links resolved, as far as it exists.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
}

// putScript writes a script unless it is there already.
func putScript(path string, text []byte) error {
	if holds(path, text) {
		return nil
	}
	return writeFile(path, text, 0o755, nil)
}

// holds reports whether a script that git runs is there with this text.
func holds(path string, text []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return false
	}
	old, err := readUpTo(path, maxScript)
	return err == nil && bytes.Equal(old, text)
}

func (c Chain) check() error {
	for _, p := range []struct{ what, path string }{{"the directory", c.Dir}, {"remit's path", c.Remit}, {"the usual directory", c.Usual}} {
		if err := checkPath(p.what, p.path); err != nil {
			return fmt.Errorf("chaining to other hooks: %w", err)
		}
	}
	if err := checkText("core.hooksPath", c.Value); err != nil {
		return fmt.Errorf("chaining to other hooks: %w", err)
	}
	if SameDir(c.Dir, c.Usual) {
		return errors.New("chaining to other hooks: that is the chain itself: its hooks would run themselves for ever")
	}
	return nil
}

// SameDir reports whether two paths lead to one directory.
func SameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ai, aErr := os.Stat(a)
	bi, bErr := os.Stat(b)
	return aErr == nil && bErr == nil && os.SameFile(ai, bi)
}

// Strays are what is not as [Chain.Write] left it.
type Strays struct {
	Lost    []string // hooks of remit's that are gone, or that something else stands in the place of
	Foreign []string // files that somebody else put there
	Stale   []string // remit's own scripts, from another remit or under another name
}

// Any reports whether there are any.
func (s Strays) Any() bool { return len(s.Lost)+len(s.Foreign)+len(s.Stale) > 0 }

// Strays compares the directory with what the chain would write. It changes nothing.
func (c Chain) Strays() (Strays, error) {
	var s Strays
	scripts, err := c.asWritten().scripts()
	if err != nil {
		return s, err
	}
	files, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("looking at remit's hooks: %w", err)
	}
	for _, f := range files {
		name, path := f.Name(), filepath.Join(c.Dir, f.Name())
		text, ours := scripts[name]
		delete(scripts, name)
		switch {
		case ours && holds(path, text), atomicfile.IsTemp(name):
		case isOurs(path):
			s.Stale = append(s.Stale, name)
			if ours && !isIntact(name, path) {
				s.Lost = append(s.Lost, name)
			}
		default:
			s.Foreign = append(s.Foreign, name)
			if ours {
				s.Lost = append(s.Lost, name)
			}
		}
	}
	for _, name := range passedIfPresent() {
		delete(scripts, name)
	}
	for name := range scripts {
		s.Lost = append(s.Lost, name)
	}
	slices.Sort(s.Lost)
	return s, nil
}

// asWritten is the chain with the program that its scripts run, if that is still there: another remit that works
// here too, say in a container, is no reason to write them again.
func (c Chain) asWritten() Chain {
	for _, name := range chainedNames() {
		b, err := readUpTo(filepath.Join(c.Dir, name), maxScript)
		if err != nil || author(name, b) != intact {
			continue
		}
		if info, err := os.Stat(recordedRemit(b)); err == nil && info.Mode().IsRegular() {
			c.Remit = recordedRemit(b)
		}
		break
	}
	return c
}

// isIntact reports whether a file is a script of remit's as remit wrote it, under its own name, and git runs it.
func isIntact(name, path string) bool {
	b, err := readUpTo(path, maxScript)
	info, statErr := os.Stat(path)
	return err == nil && statErr == nil && info.Mode().Perm()&0o111 != 0 && author(name, b) == intact
}

// isOurs reports whether a file is a script that remit wrote, under whatever name, and nothing but that.
func isOurs(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	b, err := readUpTo(path, maxScript)
	return err == nil && wholeScript(b)
}
