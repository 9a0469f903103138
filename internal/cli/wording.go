package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// worded is an error's text, with what the system says of files and programs in words that say what is wrong.
func worded(err error) string {
	text := err.Error()
	var (
		path *fs.PathError
		link *os.LinkError
		call *os.SyscallError
		prog *exec.Error
	)
	switch {
	case errors.As(err, &path):
		return strings.Replace(text, path.Error(), path.Path+": "+ofSystem(path.Err), 1)
	case errors.As(err, &link):
		return strings.Replace(text, link.Error(), link.New+": "+ofSystem(link.Err), 1)
	case errors.As(err, &prog):
		return strings.Replace(text, prog.Error(), ofProgram(prog), 1)
	case errors.As(err, &call):
		return strings.Replace(text, call.Error(), ofSystem(call.Err), 1)
	}
	return text
}

func ofProgram(e *exec.Error) string {
	if errors.Is(e.Err, exec.ErrNotFound) {
		return fmt.Sprintf("the program %s is not installed, or not in a folder of PATH", e.Name)
	}
	return fmt.Sprintf("the program %s cannot be started: %s", e.Name, ofSystem(e.Err))
}

// ofSystem words the system's own errors that people meet.
func ofSystem(err error) string {
	var no syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file or folder"
	case errors.Is(err, syscall.EROFS):
		return "it is on a file system that is read-only"
	case errors.Is(err, syscall.ENOSPC):
		return "no space is left on the device"
	case errors.Is(err, syscall.ENOTDIR):
		return "a part of its path is a file, and no folder"
	case errors.Is(err, syscall.EISDIR):
		return "it is a folder, and no file"
	case errors.Is(err, fs.ErrPermission):
		return "this account may not do that (permission denied)"
	case errors.Is(err, fs.ErrExist):
		return "it is there already"
	case errors.As(err, &no):
		return no.Error()
	default:
		return err.Error()
	}
}
