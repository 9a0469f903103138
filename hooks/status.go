package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Condition is how a hook stands. The zero value is none of them.
type Condition string

// The conditions of a hook.
const (
	Absent    Condition = "absent"    // there is no hook of that name
	Installed Condition = "installed" // remit's, as remit wrote it, and git runs it
	Changed   Condition = "changed"   // remit's, but it does not work as written; Note says why
	Foreign   Condition = "foreign"   // somebody else's hook, and remit does not run
)

// State is how one hook stands.
type State struct {
	Hook      string    // "pre-push"
	Path      string    // the file that git runs
	Condition Condition // never empty
	Remit     string    // the program that the script was given, "" if remit did not write it
	Before    string    // where an earlier hook is kept, "" if there is none
	Note      string    // what is wrong or worth knowing and what to do, "" if nothing
}

// Status tells how each of remit's hooks stands in a hooks directory. It changes nothing.
func Status(dir string) ([]State, error) {
	var list []State
	for _, p := range placesIn(dir, allNames()) {
		v, err := look(p)
		if err != nil {
			return nil, err
		}
		list = append(list, v.State)
	}
	return list, nil
}

func noProgram(remit string) string {
	return "there is no remit at " + remit + " any more, so it looks in PATH: install again"
}

// view is a State with what Install and Uninstall need besides.
type view struct {
	State
	script []byte      // what stands at the path, link followed; nil if absent or not readable
	info   fs.FileInfo // of the path itself, nil if absent
	wrote  authorship
	linked bool // the path is a symbolic link
}

func look(p place) (view, error) {
	v := view{State: State{Hook: p.name, Path: p.path, Condition: Absent}}
	if _, err := os.Lstat(p.before); err == nil {
		v.Before = p.before
	} else if !errors.Is(err, fs.ErrNotExist) {
		return view{}, fmt.Errorf("looking at hook %q: %w", p.before, err)
	}
	info, err := os.Lstat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		if v.Before != "" {
			v.Note = "an earlier hook is kept at " + v.Before + ", which git does not run: install or uninstall puts it back to work"
		}
		return v, nil
	}
	if err != nil {
		return view{}, fmt.Errorf("looking at hook %q: %w", p.path, err)
	}
	v.info, v.linked = info, info.Mode()&fs.ModeSymlink != 0
	if !info.Mode().IsRegular() && !v.linked {
		return view{}, fmt.Errorf("hook %q is a %s, not a file: move it away first", p.path, kindOf(info))
	}
	v.Condition = Foreign
	v.script, err = readUpTo(p.path, maxScript)
	unreadable := errors.Is(err, errTooLong) || v.linked && err != nil // a large program, or a link to nowhere
	if unreadable {
		return v, nil // whatever it is, remit did not write it: that is the answer
	}
	if err != nil {
		return view{}, fmt.Errorf("reading hook %q: %w", p.path, err)
	}
	v.wrote = author(p.name, v.script)
	if v.wrote != foreign {
		v.judge()
	}
	return v, nil
}

// judge fills in the condition of a script that remit wrote.
func (v *view) judge() {
	v.Condition = Changed
	if v.wrote == edited {
		v.Note = "it is not as remit wrote it: move what was added to a hook of its own, delete the file, and install again"
		return
	}
	v.Remit = recordedRemit(v.script)
	switch info, err := os.Stat(v.Path); {
	case err != nil:
		v.Note = err.Error()
	case info.Mode().Perm()&0o111 == 0:
		v.Note = "it is not executable, so git does not run it: install again"
	case runsEarlier(v.script) && v.Before == "" && !v.linked:
		v.Note = "the earlier hook that it runs first is gone, so it stops everything: put that back, or install again to go on without it"
	default:
		v.Condition = Installed
		if _, err := os.Stat(v.Remit); err != nil {
			v.Note = noProgram(v.Remit)
		}
	}
}

func kindOf(info fs.FileInfo) string {
	if info.IsDir() {
		return "folder"
	}
	return "special file"
}
