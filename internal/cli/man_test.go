package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestManual: the manual has every command that help has, and no text that roff would take for a request.
func TestManual(t *testing.T) {
	var out bytes.Buffer
	env := &Env{Stdout: &out}
	root := newRoot(env)
	var b strings.Builder
	manual(&b, root)
	page := b.String()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && !sub.HasAvailableSubCommands() && !strings.Contains(page, ".SS "+roff(sub.UseLine())+"\n") {
				t.Errorf("the manual has no section on %q", sub.CommandPath())
			}
			walk(sub)
		}
	}
	walk(root)
	known := []string{".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".I ", ".nf", ".fi"}
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, ".") {
			continue
		}
		ok := false
		for _, k := range known {
			ok = ok || strings.HasPrefix(line, k)
		}
		if !ok {
			t.Errorf("the manual has the request %q", line)
		}
	}
	if roff(".x\n-") != "\\&.x\n\\-" {
		t.Errorf("roff does not escape: %q", roff(".x\n-"))
	}
}
