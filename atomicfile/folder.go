package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// folder is where files are put: an [os.Root], or the whole system.
type folder interface {
	Lstat(name string) (fs.FileInfo, error)
	Link(oldName, newName string) error
	Open(name string) (*os.File, error)
	OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error)
	Remove(name string) error
	Rename(oldName, newName string) error
}

// system takes paths as the system does.
type system struct{}

func (system) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }
func (system) Link(oldName, newName string) error     { return os.Link(oldName, newName) }
func (system) Open(name string) (*os.File, error)     { return os.Open(name) }
func (system) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, mode)
}
func (system) Remove(name string) error             { return os.Remove(name) }
func (system) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// SyncFolder saves a folder, so that the names that were given and taken in it last.
func SyncFolder(path string) error { return syncFolder(system{}, path) }

// syncFolder does nothing on Windows, which has no such call, and where the file system has none.
func syncFolder(dir folder, path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := dir.Open(path)
	if err != nil {
		return fmt.Errorf("saving the folder %s: %w", path, err)
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("saving the folder %s: %w", path, err)
	}
	return nil
}

// ErrNotRegular is wrapped by the error of [NotRegular].
var ErrNotRegular = errors.New("it is no regular file")

// NotRegular says what stands in the place of a regular file.
func NotRegular(m fs.FileMode) error { return fmt.Errorf("%w but a %s", ErrNotRegular, kindOf(m)) }

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	default:
		return "thing that is not read"
	}
}
