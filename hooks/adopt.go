package hooks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Adopted is a file that [Chain.Adopt] or [AdoptInto] moved to where it would be without remit.
type Adopted struct {
	Name string
	To   string // the file's path now
	Kept string // where what stood there before is kept, "" if nothing did
}

// Adopt moves what somebody put into the chain's directory to earlier, the directory to which the chain leads,
// and drops what tools made of remit's own scripts. [Chain.Write] puts the chain back afterwards.
// Interrupted at any moment nothing is lost: doing it again goes on.
//
// What stands at the place of a hook that is moved is kept beside it: without remit the tool would have
// replaced it. Where that is a hook of remit's, the one that is moved runs first, as after [Install].
func (c Chain) Adopt(earlier string) ([]Adopted, error) {
	s, err := c.Strays()
	if err != nil {
		return nil, err
	}
	for _, name := range s.Stale {
		if err := os.Remove(filepath.Join(c.Dir, name)); err != nil {
			return nil, fmt.Errorf("removing a copy of a hook of remit's: %w", err)
		}
	}
	var done []Adopted
	for _, name := range s.Foreign {
		if err := c.keepAppended(name); err != nil {
			return done, err
		}
		a, err := adoptOne(filepath.Join(c.Dir, name), earlier, name, c.Remit)
		if err != nil {
			return done, fmt.Errorf("moving %q out of remit's hooks: %w", name, err)
		}
		if a.Name != "" {
			done = append(done, a)
		}
	}
	return done, nil
}

// keepAppended makes a hook of its own of what a tool added to the end of a script of remit's: the script
// never comes so far.
func (c Chain) keepAppended(name string) error {
	path := filepath.Join(c.Dir, name)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() > maxScript {
		return err
	}
	b, err := readUpTo(path, maxScript)
	if err != nil {
		return err
	}
	rest, ok := appended(b)
	if !ok || len(bytes.TrimSpace(rest)) == 0 {
		return nil
	}
	return writeFile(path, append([]byte("#!/bin/sh\n"), rest...), 0o755, nil)
}

// Free reports whether a hook of a name can be put into a directory without taking the place of another: there is
// none, or one of remit's that runs no other before it.
func Free(dir, name string) bool {
	v, err := look(placeOf(dir, name))
	return err == nil && v.Before == "" && (v.Condition == Absent || v.wrote == intact && !v.linked)
}

// AdoptInto moves a hook that was made elsewhere to a hooks directory, as [Chain.Adopt] does, where [Free] says that
// its name is. It returns the hook's path there, "" where it was not moved.
func AdoptInto(dir, name, from, remit string) (string, error) {
	if !Free(dir, name) {
		return "", nil
	}
	a, err := adoptOne(from, dir, name, remit)
	return a.To, err
}

// adoptOne moves one file. The zero Adopted says that the same one was there already.
func adoptOne(from, dir, name, remit string) (Adopted, error) {
	if err := makeHooksDir(dir); err != nil {
		return Adopted{}, err
	}
	to := filepath.Join(dir, name)
	a := Adopted{Name: name, To: to}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		return a, moveFile(from, to)
	} else if err != nil {
		return Adopted{}, err
	}
	if same, err := sameHook(from, to); err == nil && same {
		return Adopted{}, os.RemoveAll(from)
	}
	if isIntact(name, to) {
		before := to + beforeSuffix
		if same, err := sameHook(from, before); err == nil && same {
			return Adopted{}, os.RemoveAll(from)
		}
		var err error
		if a.Kept, err = setAside(before); err != nil {
			return Adopted{}, err
		}
		if err := moveFile(from, before); err != nil {
			return Adopted{}, err
		}
		a.To = before
		_, err = installOne(placeOf(dir, name), remit, nil)
		return a, err
	}
	var err error
	if a.Kept, err = setAside(to); err != nil {
		return Adopted{}, err
	}
	return a, moveFile(from, to)
}

// maxAside bounds the names that are tried.
const maxAside = 1000

// setAside renames what is at a path, if anything is, and returns its new name.
func setAside(path string) (string, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	for n := 1; n <= maxAside; n++ {
		to := path + ".replaced"
		if n > 1 {
			to += "." + strconv.Itoa(n)
		}
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.Rename(path, to)
		}
	}
	return "", fmt.Errorf("%q has been replaced too often: delete what is not needed of %q", path, path+".replaced*")
}

// moveFile renames a file or folder, across file systems where it is one file.
func moveFile(from, to string) error {
	err := os.Rename(from, to)
	var link *os.LinkError
	if err == nil || !errors.As(err, &link) {
		return err
	}
	if info, statErr := os.Lstat(from); statErr != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := copyNew(from, to, nil); err != nil {
		return err
	}
	return os.Remove(from)
}
