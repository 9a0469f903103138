package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newMan(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "man", Short: "Print the manual page", Args: usageArgs(cobra.NoArgs),
		Long:    "Prints the manual page of all commands, in man(7) form.",
		Example: "  remit man > ~/.local/share/man/man1/remit.1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var b strings.Builder
			manual(&b, cmd.Root())
			_, err := io.WriteString(env.Stdout, b.String())
			return err
		},
	}
}

// manual writes the page of a command tree: what help says, in the same words.
func manual(b *strings.Builder, root *cobra.Command) {
	fmt.Fprintf(b, ".TH REMIT 1 \"\" \"remit %s\"\n.SH NAME\nremit \\- %s\n", roff(version), roff(root.Short))
	b.WriteString(".SH SYNOPSIS\n.B remit\n.I command\n[flags]\n.SH DESCRIPTION\n")
	paragraph(b, root.Long)
	b.WriteString(".SH COMMANDS\n")
	describe(b, root)
	b.WriteString(".SH FILES\n.TP\n.I policies.hcl\nthe policy, at the root of the default branch\n" +
		".TP\n.I $REMIT_HOME/keys\nthe keys; by default in the user's config folder\n")
}

func describe(b *strings.Builder, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if c.HasAvailableSubCommands() {
			describe(b, c)
			continue
		}
		fmt.Fprintf(b, ".SS %s\n", roff(c.UseLine()))
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		paragraph(b, text)
		if flags := c.NonInheritedFlags().FlagUsagesWrapped(72); flags != "" {
			verbatim(b, flags)
		}
		if c.Example != "" {
			verbatim(b, c.Example)
		}
	}
}

func verbatim(b *strings.Builder, text string) {
	fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(strings.TrimRight(text, "\n")))
}

func paragraph(b *strings.Builder, text string) {
	fmt.Fprintf(b, ".PP\n%s\n", strings.ReplaceAll(roff(text), "\n\n", "\n.PP\n"))
}

// roff escapes text: backslashes, hyphens, and what a line must not begin with.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
