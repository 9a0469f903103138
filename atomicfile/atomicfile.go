// Package atomicfile puts files in place in one step: whoever reads one, at whatever moment the program
// that writes it is killed or the machine loses power, finds the old content or the new, whole.
//
// The content goes into a temporary file of the same folder, or of another one of the same disk that the writer
// names, which is saved to the disk and then takes the file's name; at last the folder is saved, so that the name lasts too. A program that is killed
// before leaves at most a temporary file, which nothing reads: see [TempPattern].
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// defaultMode is what a new file gets: it is for its owner alone.
const defaultMode fs.FileMode = 0o600

// Writer says how files are put in place. The zero value keeps the permissions of what is replaced.
type Writer struct {
	// Root is a folder out of which no link leads. Paths are below it, with slashes. Nil: paths are the
	// system's.
	Root *os.Root
	// Mode is the file's permissions. 0 means those of the regular file that is replaced, else 0600.
	Mode fs.FileMode
	// Umask has the process's umask take from Mode, as where any program makes a file. Without it the
	// file gets Mode exactly, and nobody else can read it before it is whole.
	Umask bool
	// NoLinks lets [Writer.Create] go on where the file system has no hard links. Another program can
	// then come in between its look at the name and its taking of it.
	NoLinks bool
	// Passing says that the file is read at once and not kept, as what a program hands to another. Nothing
	// then waits for the disk, which takes longer than all the rest: whoever reads still finds the old
	// content or the new, but for a loss of power.
	Passing bool
	// Aside is a folder for the temporary file, where one that a killed program leaves is in nobody's way: a work
	// tree's git directory, of which git adds nothing. Where it cannot be used, or is on another disk, it is the
	// file's own folder, as it is for "".
	Aside string
	// Step, where it is set, is called before each lasting change to the disk; tests stop the program there.
	Step func(what string)
}

// Replace is [Writer.Replace] with the zero Writer.
func Replace(path string, content []byte) error { return Writer{}.Replace(path, content) }

// Replace puts new content in the place of a file, or makes it. A link is replaced and not followed.
// What is no regular file stays: the error wraps [ErrNotRegular].
func (w Writer) Replace(path string, content []byte) error {
	dir := w.folder()
	mode := w.Mode
	info, err := dir.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("writing %s: %w", path, err)
	case info.Mode().IsRegular():
		if mode == 0 {
			mode = info.Mode().Perm()
		}
	case info.Mode()&fs.ModeSymlink == 0:
		return fmt.Errorf("writing %s: %w", path, NotRegular(info.Mode()))
	}
	return w.put(dir, path, content, mode, func(temp string) error {
		w.at("rename " + filepath.Base(path))
		return dir.Rename(temp, path)
	})
}

// Create makes a file, and never over anything, not even over a link to nothing: the error wraps
// [fs.ErrExist]. Of several that make one file at once, one does.
func (w Writer) Create(path string, content []byte) error {
	return w.create(w.folder(), path, content)
}

func (w Writer) create(dir folder, path string, content []byte) error {
	return w.put(dir, path, content, w.Mode, func(temp string) error {
		w.at("link " + filepath.Base(path))
		err := dir.Link(temp, path)
		switch {
		case err == nil || errors.Is(err, fs.ErrExist):
			return err
		case !w.NoLinks:
			return fmt.Errorf("the folder must be on a file system with hard links: %w", err)
		}
		switch _, statErr := dir.Lstat(path); {
		case statErr == nil:
			return fs.ErrExist
		case !errors.Is(statErr, fs.ErrNotExist):
			return errors.Join(err, statErr)
		}
		return dir.Rename(temp, path)
	})
}

// put writes a temporary file, has take give it its name, and saves the folder.
func (w Writer) put(dir folder, path string, content []byte, mode fs.FileMode, take func(temp string) error) error {
	own := filepath.Dir(path)
	if w.Aside != "" {
		placed, err := w.putFrom(dir, w.Aside, path, content, mode, take)
		if placed || errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	_, err := w.putFrom(dir, own, path, content, mode, take)
	return err
}

// putFrom is put by way of one folder. It reports whether the file got its name, which it has then even where
// the folder could not be saved.
func (w Writer) putFrom(dir folder, by, path string, content []byte, mode fs.FileMode, take func(temp string) error) (placed bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if mode == 0 {
		mode = defaultMode
	}
	w.at("create temporary file")
	f, temp, err := makeTemp(dir, by, w.firstMode(mode))
	if err != nil {
		return false, err
	}
	defer func() {
		// It is gone already where it was renamed.
		if rmErr := dir.Remove(temp); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("removing the temporary file: %w", rmErr))
		}
	}()
	w.at("fill temporary file")
	_, err = f.Write(content)
	if err == nil && !w.Umask {
		err = f.Chmod(mode)
	}
	if err == nil && !w.Passing {
		w.at("save temporary file")
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	if err := take(temp); err != nil {
		return false, err
	}
	if w.Passing {
		return true, nil
	}
	w.at("save folder")
	return true, syncFolder(dir, filepath.Dir(path))
}

// firstMode is the mode with which the temporary file is made.
func (w Writer) firstMode(mode fs.FileMode) fs.FileMode {
	if w.Umask {
		return mode
	}
	return defaultMode
}

func (w Writer) at(what string) {
	if w.Step != nil {
		w.Step(what)
	}
}

func (w Writer) folder() folder {
	if w.Root != nil {
		return w.Root
	}
	return system{}
}
