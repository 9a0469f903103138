package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/verdict"
)

// TestGroups: a command that only holds others does nothing by itself, nor with one that it does not hold, and says so
// by its exit code. A gate that is misspelt in a script must not let anything through. But for remit itself, which
// shows the status.
func TestGroups(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (code int, stdout, stderr string) {
		var out, errors bytes.Buffer
		code = Run(context.Background(), &Env{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errors, Dir: t.TempDir(), Executable: os.Args[0], Now: time.Now,
		}, args)
		return code, out.String(), errors.String()
	}
	found := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if !c.HasSubCommands() {
			return
		}
		path := strings.Fields(c.CommandPath())[1:]
		first := c.Commands()[0].Name()
		wrong := append(append([]string{}, path...), first[1:]+first[:1])
		if code, stdout, stderr := run(wrong...); code != verdict.ExitUsage || stdout != "" || !strings.Contains(stderr, "has no command") {
			t.Errorf("remit %v: exit %d, %q, %q", wrong, code, stdout, stderr)
		}
		if !c.HasParent() {
			return
		}
		found++
		if code, stdout, stderr := run(path...); code != verdict.ExitUsage || stdout != "" || !strings.Contains(stderr, first) {
			t.Errorf("remit %v: exit %d, %q, %q", path, code, stdout, stderr)
		}
		if code, stdout, stderr := run(append(path, "--help")...); code != verdict.ExitAllow || stdout == "" || stderr != "" {
			t.Errorf("remit %v --help: exit %d, %q, %q", path, code, stdout, stderr)
		}
	}
	walk(newRoot(&Env{}))
	if found < 8 { // completion, deploy, hooks, key, policy, pr, request, workflow
		t.Errorf("%d groups", found)
	}
	if code, stdout, _ := run(); code != verdict.ExitAllow || stdout == "" {
		t.Errorf("remit: exit %d, %q", code, stdout)
	}
}
