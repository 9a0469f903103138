//go:build !unix

package gitrepo

import "os/exec"

// endWhole makes calling a command off not wait for what it started. There are no process groups to
// end here.
func endWhole(cmd *exec.Cmd) { cmd.WaitDelay = gracePeriod }
