package hooks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/remit-sh/remit/atomicfile"
)

// InstallOptions say what to install, and where.
type InstallOptions struct {
	// HooksDir is the absolute path of the directory from which git runs hooks; see [Locate]. It is
	// made if it does not exist. In a drop-in directory (its name is a hook's name and ".d") the
	// script is called remit.
	HooksDir string
	Set      Set    // which hooks
	Remit    string // absolute path of the program that they run
	// GitDir is the bare repository whose server.json Server is written to. Set Server only.
	GitDir string
	// Server configures the server's hook. Nil keeps what GitDir has; having none is an error.
	Server *ServerConfig
}

// Action is what was done about a hook.
type Action string

// The actions of [Install] and [Uninstall].
const (
	Created   Action = "installed"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	Removed   Action = "removed"  // no hook is left
	Restored  Action = "restored" // the earlier hook is back, as it was
)

// Change is what was done about one hook.
type Change struct {
	Hook   string
	Path   string
	Action Action
	Before string // Install: where the earlier hook is kept and run from, "" if there is none
}

// Install puts the hooks of a set in place. Hooks that are there already are kept and run first.
// Doing it again changes nothing, or mends what was broken. Interrupted at any moment, each hook is
// the old one or the new one, and an earlier hook is never lost.
//
// A hook that remit wrote and somebody changed is left alone and reported as an error, as is a hook
// that its server would put back (gitolite's links, Gitea's generated scripts). The other hooks are
// installed all the same; the changes that were made are returned along with the error.
func Install(o InstallOptions) ([]Change, error) { return install(o, nil) }

func install(o InstallOptions, step steps) ([]Change, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Server != nil {
		// First the configuration, which alone does nothing.
		if err := writeServerConfig(o.GitDir, o.Server, step); err != nil {
			return nil, err
		}
	}
	if err := makeHooksDir(o.HooksDir); err != nil {
		return nil, err
	}
	var done []Change
	var failed []error
	for _, p := range placesIn(o.HooksDir, o.Set.Names()) {
		c, err := installOne(p, o.Remit, step)
		if err != nil {
			failed = append(failed, fmt.Errorf("installing the %s hook: %w", p.name, err))
			continue
		}
		done = append(done, c)
	}
	return done, errors.Join(failed...)
}

func (o InstallOptions) check() error {
	if o.Set.Names() == nil {
		return errors.New("installing hooks: no set of hooks was named")
	}
	if err := checkPath("the hooks directory", o.HooksDir); err != nil {
		return err
	}
	if len(placesIn(o.HooksDir, o.Set.Names())) == 0 {
		return fmt.Errorf("installing hooks: %q is a drop-in directory of another hook", o.HooksDir)
	}
	if err := checkPath("remit's path", o.Remit); err != nil {
		return err
	}
	if o.Set != Server {
		if o.Server != nil {
			return errors.New("installing hooks: a server's configuration is for a server's hook")
		}
		return nil
	}
	if err := checkPath("the repository's path", o.GitDir); err != nil {
		return err
	}
	if o.Server == nil {
		if _, err := ReadServerConfig(o.GitDir); err != nil {
			return fmt.Errorf("installing the server's hook needs its configuration: %w", err)
		}
	}
	return nil
}

func installOne(p place, remit string, step steps) (Change, error) {
	v, err := look(p)
	if err != nil {
		return Change{}, err
	}
	c := Change{Hook: p.name, Path: p.path, Action: Created}
	switch {
	case v.wrote == edited:
		return Change{}, fmt.Errorf("%q: %s", p.path, v.Note)
	case v.wrote == intact:
		c.Action = Updated
	case v.Condition == Foreign && isDropIn(filepath.Dir(p.path)):
		return Change{}, fmt.Errorf("%q is not remit's: move it away first", p.path) // kept here, it would run twice
	case v.Condition == Foreign:
		if err := managed(p, v); err != nil {
			return Change{}, err
		}
		if err := keep(p, v.info, step); err != nil {
			return Change{}, err
		}
		v.Before = p.before
	}
	text := directScript(p, remit)
	if v.Before != "" {
		c.Before = p.before
		earlier, readErr := readUpTo(p.before, maxScript)
		if readErr != nil {
			earlier = nil // a large program, or a link to nowhere: nothing to learn from it
		}
		text = afterScript(p, remit, earlier)
	}
	if bytes.Equal(text, v.script) && v.Condition == Installed {
		c.Action = Unchanged
		return c, nil
	}
	if v.linked && v.wrote == intact {
		return Change{}, fmt.Errorf("%q is a link to a hook of remit's: install where it leads", p.path)
	}
	return c, writeFile(p.path, text, 0o755, step)
}

// managed refuses a hook that its server would write again, which would take remit away unseen.
func managed(p place, v view) error {
	if p.name != "pre-receive" {
		return nil
	}
	if bytes.Contains(v.script, []byte("AUTO GENERATED BY GITEA")) {
		return fmt.Errorf("%q belongs to Gitea or Forgejo, which writes it again: install into the folder %q instead", p.path, p.path+".d")
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(filepath.Dir(p.path)), "gl-conf")); err == nil && v.linked {
		return fmt.Errorf("gitolite links %q and would put its link back: install where the link leads, or as a hook of hooks/repo-specific", p.path)
	}
	return nil
}

// keep gives the hook at p.path its second name, p.before. Until the caller replaces p.path, both
// names are the same hook, so that an interruption changes nothing.
func keep(p place, info fs.FileInfo, step steps) error {
	step.at("keep " + p.name)
	var err error
	if info.Mode()&fs.ModeSymlink != 0 {
		var target string // not os.Link, which on some systems would follow it
		if target, err = os.Readlink(p.path); err == nil {
			err = os.Symlink(target, p.before)
		}
	} else if err = os.Link(p.path, p.before); err != nil && !errors.Is(err, fs.ErrExist) {
		err = copyNew(p.path, p.before, step) // a file system without links, or somebody else's file
	}
	if errors.Is(err, fs.ErrExist) {
		// Kept by an interrupted run, or before some tool wrote its hook again.
		same, sameErr := sameHook(p.path, p.before)
		if sameErr == nil && !same {
			return fmt.Errorf("two earlier hooks: %q and %q differ; delete the one that is not needed", p.path, p.before)
		}
		return sameErr
	}
	if err != nil {
		return fmt.Errorf("keeping the earlier hook %q: %w", p.path, err)
	}
	now, err := os.Lstat(p.path)
	if err != nil || !os.SameFile(now, info) {
		return errors.Join(fmt.Errorf("%q was replaced just now: try again", p.path), os.Remove(p.before))
	}
	return syncDir(p.path)
}

// copyNew copies a file with its mode to a name that does not exist.
func copyNew(from, to string, step steps) error {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from) // the caller's own hooks directory
	if err != nil {
		return err
	}
	return writeFile(to, b, info.Mode().Perm(), step)
}

// sameHook reports whether two files are the same hook: the same file, the same link, or the same
// bytes and mode.
func sameHook(a, b string) (bool, error) {
	ai, err := os.Lstat(a)
	if err != nil {
		return false, err
	}
	bi, err := os.Lstat(b)
	if err != nil {
		return false, err
	}
	if os.SameFile(ai, bi) {
		return true, nil
	}
	if ai.Mode() != bi.Mode() {
		return false, nil
	}
	read := os.ReadFile
	if ai.Mode()&fs.ModeSymlink != 0 {
		read = func(path string) ([]byte, error) { s, err := os.Readlink(path); return []byte(s), err }
	}
	ab, err := read(a)
	if err != nil {
		return false, err
	}
	bb, err := read(b)
	return err == nil && bytes.Equal(ab, bb), err
}

// Uninstall takes remit's hooks out of a hooks directory and puts earlier hooks back as they were. It leaves a
// server's configuration in place; see [RemoveServerConfig]. A hook that somebody changed is left
// alone and reported as an error; the other hooks are taken out all the same.
func Uninstall(dir string) ([]Change, error) { return uninstall(dir, nil) }

func uninstall(dir string, step steps) ([]Change, error) {
	var done []Change
	var failed []error
	for _, p := range placesIn(dir, allNames()) {
		c, err := uninstallOne(p, step)
		if err != nil {
			failed = append(failed, fmt.Errorf("taking the %s hook away: %w", p.name, err))
			continue
		}
		done = append(done, c)
	}
	failed = append(failed, removeTemps(dir))
	return done, errors.Join(failed...)
}

func uninstallOne(p place, step steps) (Change, error) {
	v, err := look(p)
	if err != nil {
		return Change{}, err
	}
	c := Change{Hook: p.name, Path: p.path, Action: Unchanged}
	switch {
	case v.wrote == edited:
		return Change{}, fmt.Errorf("%q: %s", p.path, "it is not as remit wrote it: delete it by hand once nothing in it is needed")
	case v.wrote == intact && v.linked:
		return Change{}, fmt.Errorf("%q is a link to a hook of remit's: uninstall where it leads", p.path)
	case v.wrote == intact && v.Before == "":
		step.at("remove " + p.name)
		c.Action, err = Removed, os.Remove(p.path)
	case v.Before == "":
		return c, nil
	case v.Condition == Foreign:
		return c, dropTwin(p, step)
	default: // remit's script over an earlier hook, or the earlier hook alone
		step.at("restore " + p.name)
		c.Action, err = Restored, os.Rename(p.before, p.path)
	}
	if err != nil {
		return Change{}, err
	}
	return c, syncDir(p.path)
}

// dropTwin removes the second name that an interrupted [Install] gave to a hook.
func dropTwin(p place, step steps) error {
	same, err := sameHook(p.path, p.before)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("another tool has replaced remit's script at %q, and the hook from before remit is still kept at %q: delete the one that is not needed", p.path, p.before)
	}
	step.at("drop " + p.name)
	return os.Remove(p.before)
}

// removeTemps takes away what interrupted runs were writing.
func removeTemps(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for leftovers: %w", err)
	}
	for _, f := range files {
		if atomicfile.IsTemp(f.Name()) {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return fmt.Errorf("removing a leftover: %w", err)
			}
		}
	}
	return nil
}
