// Package subprocess is how programs that were started are ended.
package subprocess

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Patience is how long a command that was called off usually may take to clean up. It is less than a program waits
// that was itself told to end.
const Patience = 500 * time.Millisecond

// AskToEnd makes calling a command off ask it to end, and end it only where it has not after a while: git then takes
// away the locks that it holds, which nobody else does. It is for commands that were not started yet.
func AskToEnd(cmd *exec.Cmd, patience time.Duration) {
	cmd.Cancel = func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return cmd.Process.Kill() // where there is no such signal
		}
		return err
	}
	cmd.WaitDelay = patience
}
