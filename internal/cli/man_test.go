package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
			if sub.IsAvailableCommand() && !sub.HasAvailableSubCommands() && !strings.Contains(page, ".SS "+roff(usage(sub))+"\n") {
				t.Errorf("the manual has no section on %q", sub.CommandPath())
			}
			walk(sub)
		}
	}
	walk(root)
	known := []string{".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".I ", ".IR ", ".BR ", ".nf", ".fi"}
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
	for _, want := range []string{".SH EXIT STATUS\n.TP\n.B 0\n", ".SH ENVIRONMENT\n.TP\n.B REMIT_HOME\n", ".SH OPTIONS\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("the manual lacks %q", want)
		}
	}
	if roff(".x\n-") != "\\&.x\n\\-" {
		t.Errorf("roff does not escape: %q", roff(".x\n-"))
	}
}

// TestMetavariables: what a flag takes has a name in capitals, in help and in the manual.
func TestMetavariables(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name, text := pflag.UnquoteUsage(f); name != strings.ToUpper(name) || text == "" {
				t.Errorf("%s --%s takes %q: %q", c.CommandPath(), f.Name, name, text)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&Env{}))
}
