package hooks

import (
	"bytes"
	"crypto/sha256"
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
	if err := makeHooksDir(c.Dir); err != nil {
		return err
	}
	names := append(passedNames(), chainedNames()...)
	for _, name := range passedIfPresent() {
		if _, err := os.Stat(filepath.Join(earlier, name)); err == nil && !isGuard(filepath.Join(earlier, name)) {
			names = append(names, name)
		} else if err := os.Remove(filepath.Join(c.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a hook that is not passed through any more: %w", err)
		}
	}
	for _, name := range names {
		text, err := c.script(name)
		if err != nil {
			return err
		}
		if err := putScript(filepath.Join(c.Dir, name), text); err != nil {
			return err
		}
	}
	list, err := c.inventory()
	if err != nil {
		return err
	}
	return atomicfile.Replace(c.inventoryFile(), list)
}

// RemoveChain removes a chain's directory, and what the chain keeps beside it.
func RemoveChain(dir string) error {
	return errors.Join(os.RemoveAll(dir), os.RemoveAll(dir+".list"), os.RemoveAll(filepath.Join(filepath.Dir(dir), "earlier")))
}

// inventoryFile tells how the directory was left, so that a look at the names is enough where nothing changed.
func (c Chain) inventoryFile() string { return c.Dir + ".list" }

// inventory is a line for the chain, then one for each file.
func (c Chain) inventory() ([]byte, error) {
	text, err := c.script(sampleName)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%x %s\n", sha256.Sum256(text), c.Remit)
	files, err := os.ReadDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("looking at remit's hooks: %w", err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return nil, fmt.Errorf("looking at remit's hooks: %w", err)
		}
		fmt.Fprintf(&b, "%s %v %d %d\n", f.Name(), info.Mode(), info.Size(), info.ModTime().UnixNano())
	}
	return b.Bytes(), nil
}

// untouched reports whether the directory is as it was left.
func (c Chain) untouched() bool {
	was, err := readUpTo(c.inventoryFile(), maxScript)
	if err != nil {
		return false
	}
	line, _, _ := bytes.Cut(was, []byte("\n"))
	_, remit, ok := bytes.Cut(line, []byte(" "))
	if info, err := os.Stat(string(remit)); !ok || err != nil || !info.Mode().IsRegular() {
		return false
	}
	c.Remit = string(remit)
	is, err := c.inventory()
	return err == nil && bytes.Equal(is, was)
}

// sampleName is the hook that tells for all which remit wrote them.
const sampleName = "prepare-commit-msg"

// chainedNames lists the hooks in which remit has something to do while a delegation is in force:
// commit-msg keeps the line that prepare-commit-msg wrote the last one of the message.
func chainedNames() []string { return append(Client.Names(), "commit-msg") }

// Chained reports whether remit itself has something to do in a hook while a delegation is in force.
func Chained(name string) bool { return slices.Contains(chainedNames(), name) }

// script is the text of one of the chain's files.
func (c Chain) script(name string) ([]byte, error) {
	usual, err := relative(c.Dir, c.Usual)
	if err != nil {
		return nil, err
	}
	v := values{remit: c.Remit, own: c.Value, usual: usual, run: `"$remit_before"`, undo: c.Undo}
	if !Chained(name) {
		return render(name, earlierPart+passPart, v), nil
	}
	if name == "commit-msg" {
		// Nobody touched the message since prepare-commit-msg: no editor, and no hook.
		v.alone = "[ \"${GIT_EDITOR-}\" != : ] || exit 0\n\t"
	}
	return render(name, findPart+earlierPart+throughPart+thenPart(name), v), nil
}

// relative is a path as it is found from a folder, links on the way to both resolved: the system resolves
// them when it follows "..".
func relative(from, to string) (string, error) {
	return filepath.Rel(resolved(from), resolved(to))
}

// resolved is a path with its links resolved, as far as it exists.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
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
	if c.untouched() {
		return s, nil
	}
	files, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("looking at remit's hooks: %w", err)
	}
	missing := map[string]bool{}
	for _, name := range append(passedNames(), chainedNames()...) {
		missing[name] = true
	}
	for _, f := range files {
		name, path := f.Name(), filepath.Join(c.Dir, f.Name())
		ours := missing[name] || slices.Contains(passedIfPresent(), name)
		if ours && isIntact(name, path) || atomicfile.IsTemp(name) {
			delete(missing, name)
			continue
		}
		if isOurs(path) { // under another name, or not to be run
			s.Stale = append(s.Stale, name)
			continue
		}
		s.Foreign = append(s.Foreign, name)
	}
	for name := range missing {
		s.Lost = append(s.Lost, name)
	}
	slices.Sort(s.Lost)
	// Each is as some remit wrote it. Whether that was this one, one of them tells for all.
	if !missing[sampleName] {
		want, err := c.asWritten().script(sampleName)
		if err != nil {
			return s, err
		}
		if !holds(filepath.Join(c.Dir, sampleName), want) {
			s.Stale = append(s.Stale, sampleName)
		}
	}
	return s, nil
}

// States tells how each of remit's client hooks stands in the chain, behind which the directory earlier is. It changes
// nothing.
func (c Chain) States(earlier string) ([]State, error) {
	strays, err := c.Strays()
	if err != nil {
		return nil, err
	}
	var list []State
	for _, name := range Client.Names() {
		s := State{Hook: name, Path: filepath.Join(c.Dir, name), Condition: Installed}
		if !Free(earlier, name) {
			s.Before = filepath.Join(earlier, name)
		}
		script, err := readUpTo(s.Path, maxOwnScript)
		switch {
		case slices.Contains(strays.Foreign, name):
			s.Condition = Foreign
		case err != nil || slices.Contains(strays.Lost, name):
			s.Condition = Absent
		default:
			s.Remit = recordedRemit(script)
			if _, err := os.Stat(s.Remit); err != nil {
				s.Note = noProgram(s.Remit)
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// asWritten is the chain with the program that its scripts run, if that is still there: another remit that works
// here too, say in a container, is no reason to write them again.
func (c Chain) asWritten() Chain {
	b, err := readUpTo(filepath.Join(c.Dir, sampleName), maxScript)
	if err != nil || author(sampleName, b) != intact {
		return c
	}
	if info, err := os.Stat(recordedRemit(b)); err == nil && info.Mode().IsRegular() {
		c.Remit = recordedRemit(b)
	}
	return c
}

// isIntact reports whether a file is a script of remit's as remit wrote it, under its own name, and git runs it.
func isIntact(name, path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 || info.Size() > maxOwnScript {
		return false
	}
	b, err := os.ReadFile(path) // the caller's own hooks directory
	return err == nil && author(name, b) == intact
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
