//go:build unix

package gitrepo

import (
	"os/exec"
	"syscall"
)

// endWhole makes calling a command off end what it started too: git's helpers would go on for as long
// as a server keeps them waiting. They are asked to, so that they clean up.
func endWhole(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = gracePeriod
}
