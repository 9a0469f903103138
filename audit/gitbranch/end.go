package gitbranch

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// askToEnd makes calling a command off ask git to end, and end it only where it does not: git then takes away the
// locks that it holds, which nobody else does.
func askToEnd(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return cmd.Process.Kill() // where there is no such signal
		}
		return err
	}
	cmd.WaitDelay = patience
}
