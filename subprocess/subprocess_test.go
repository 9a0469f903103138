//go:build unix

package subprocess_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/remit-sh/remit/subprocess"
)

// calledOff starts a shell, calls it off once it says that it is ready, and returns what it ended with and the rest
// of what it said.
func calledOff(t *testing.T, script string, patience time.Duration) (syscall.WaitStatus, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	subprocess.AskToEnd(cmd, patience)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("it says %q", lines.Text())
	}
	cancel()
	said := ""
	for lines.Scan() {
		said += lines.Text()
	}
	_ = cmd.Wait() // the state says it
	return cmd.ProcessState.Sys().(syscall.WaitStatus), said
}

// What is called off cleans up; what does not end is ended.
func TestAskToEnd(t *testing.T) {
	if state, said := calledOff(t, `trap 'echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.01; done`, time.Minute); state.ExitStatus() != 3 || said != "cleaned" {
		t.Errorf("one that cleans up: %v, %q", state, said)
	}
	if state, said := calledOff(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`, 50*time.Millisecond); !state.Signaled() || state.Signal() != syscall.SIGKILL || said != "" {
		t.Errorf("one that does not listen: %v, %q", state, said)
	}
	cmd := exec.CommandContext(t.Context(), "true")
	subprocess.AskToEnd(cmd, time.Minute)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Cancel(); !errors.Is(err, os.ErrProcessDone) { // which package exec passes over
		t.Errorf("one that has ended: %v", err)
	}
}
