package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/verdict"
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
	b.WriteString(".SH SYNOPSIS\n.B remit\n[\\-C\n.IR DIR ]\n[\\-q]\n.I COMMAND\n[flags]\n.PP\n.B remit\n.SH DESCRIPTION\n")
	paragraph(b, root.Long)
	paragraph(b, "Inside a repository remit alone says what `remit status` says.")
	b.WriteString(".SH OPTIONS\nThese go with every command.\n")
	verbatim(b, root.PersistentFlags().FlagUsagesWrapped(72))
	b.WriteString(".SH COMMANDS\n")
	describe(b, root)
	b.WriteString(".SH EXIT STATUS\n")
	for _, e := range exitCodes() {
		tagged(b, fmt.Sprint(e.code), e.means)
	}
	b.WriteString(".SH ENVIRONMENT\n")
	for _, v := range variables() {
		tagged(b, v.name, v.means)
	}
	b.WriteString(".SH FILES\n")
	tagged(b, "policies.hcl", "The policy, at the root of the default branch.")
	tagged(b, "$REMIT_HOME/keys", "The keys; by default in the user's config folder.")
	tagged(b, ".git/remit", "What is in force in a work tree, and what was published.")
	b.WriteString(".SH SEE ALSO\n.BR git (1),\n.BR ssh\\-keygen (1)\n")
}

type exitStatus struct {
	code  int
	means string
}

// exitCodes are those of every command.
func exitCodes() []exitStatus {
	return []exitStatus{
		{verdict.ExitAllow, "Allowed, or done. Also where a policy observes, and where there was nothing to judge."},
		{verdict.ExitDeny, "Denied: by the policy, by a delegation, or because a signature or statement does not hold."},
		{verdict.ExitUsage, "Wrong usage: flags, a name or file that is not there, a policy that cannot be used."},
		{verdict.ExitUndecided, "Could not decide: something that is needed could not be learned. Also where resign had nothing to sign."},
		{verdict.ExitPending, "Waits for somebody's approval."},
	}
}

type variable struct{ name, means string }

// variables are what remit reads of its environment.
func variables() []variable {
	return []variable{
		{"REMIT_HOME", "Absolute path of remit's folder, with the keys in it."},
		{"REMIT_DELEGATION", "Digest of the delegation in force, whatever the work tree says."},
		{"SSH_AUTH_SOCK", "Socket of the ssh-agent whose keys count as at hand."},
		{"GITHUB_TOKEN, GH_TOKEN", "Token for GitHub's API, the first that is set; --token-env names another variable."},
		{"GITHUB_API_URL", "Where GitHub's API is, for GitHub Enterprise Server."},
		{auditlog.KeyVariable, "The private key of the audit log, as the text of an OpenSSH key file."},
		{auditlog.GateKeyVariable, "The private key with which a gate signs deploy statements where it does not have that one, likewise."},
		{"NO_COLOR", "Where it is set, nothing is coloured. Nor is it where TERM is dumb."},
		{"GIT_PUSH_OPTION_COUNT, GIT_PUSH_OPTION_n", "What git tells the server's hook of `git push -o delegation=DIGEST`."},
	}
}

func tagged(b *strings.Builder, tag, text string) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(tag), roff(text))
}

// usage is how a command is called. All of them take flags.
func usage(c *cobra.Command) string { return strings.TrimSuffix(c.UseLine(), " [flags]") }

func describe(b *strings.Builder, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if c.HasAvailableSubCommands() {
			describe(b, c)
			continue
		}
		fmt.Fprintf(b, ".SS %s\n", roff(usage(c)))
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
