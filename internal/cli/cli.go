// Package cli is the command line: flags, environment, clock, wiring and exit codes.
// It collects, has the checker judge, and reports; it decides nothing itself.
//
// Output rules: what a script reads goes to standard output, everything else to standard error.
// An error says what was being done, and a hint on a line of its own says what to do next.
// Nothing prompts but init and approve, and these at a terminal only. Text that somebody else wrote is shown inert.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// Env is everything that a run takes from its surroundings.
type Env struct {
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
	Environ    []string // "NAME=value"; the last of a name counts
	Dir        string   // the working directory
	Executable string   // absolute path of this program
	Now        func() time.Time
	Wait       func(context.Context, time.Duration) error // before a forge is asked again; nil: a timer
	Terminal   bool                                       // standard output is a terminal
	// Interactive says that somebody can be asked: standard input and error are a terminal.
	Interactive bool
}

// Getenv returns a variable's value, "" where it is not set.
func (e *Env) Getenv(name string) string {
	return e.around().Getenv(name)
}

// Color reports whether output to the terminal may be coloured (https://no-color.org).
func (e *Env) Color() bool {
	return e.Terminal && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}

// Main runs the program and returns its exit code.
func Main() int {
	collectLate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go endAfter(ctx)
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "remit: finding the working directory:", err)
		return verdict.ExitUndecided
	}
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0]
	}
	return Run(ctx, &Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Dir: dir, Executable: exe, Now: time.Now,
		Terminal:    term.IsTerminal(int(os.Stdout.Fd())),
		Interactive: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
	}, os.Args[1:])
}

// graceOfSignal is how long a command may go on after a signal, to clean up. What waits for a pipe, or
// for a program that does not end, never hears of the signal.
const graceOfSignal = time.Second

// endAfter ends the program when it was told to end and did not.
func endAfter(ctx context.Context) {
	<-ctx.Done()
	time.Sleep(graceOfSignal)
	os.Exit(verdict.ExitUndecided)
}

// Run runs one command and returns its exit code.
func Run(ctx context.Context, env *Env, args []string) int {
	// git calls gpg.ssh.program with ssh-keygen's arguments.
	if len(args) > 0 && args[0] == "-Y" {
		return exitCode(env, gitProtocol(ctx, env, args))
	}
	root := newRoot(env)
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return exitCode(env, root.ExecuteContext(ctx))
}

// verdictError carries a verdict to the exit code. The report was printed already.
type verdictError int

func (verdictError) Error() string { return "" }

// exitCode prints an error and turns it into the exit code. An error that says nothing of its
// code means that no verdict was reached: 3.
func exitCode(env *Env, err error) int {
	if err == nil {
		return verdict.ExitAllow
	}
	var v verdictError
	if errors.As(err, &v) {
		return int(v)
	}
	var invalid *policy.InvalidError
	if errors.As(err, &invalid) {
		_ = invalid.Diagnostics.WriteText(env.Stderr, invalid.Source, env.Color()) // nobody is left to tell
	}
	var denied *issue.DeniedError
	if errors.As(err, &denied) {
		for _, each := range denied.Each() {
			sayError(env, each)
		}
	} else {
		sayError(env, err)
	}
	return codeOf(fault.KindOf(err))
}

// sayError prints an error, and what to do about it.
func sayError(env *Env, err error) {
	fmt.Fprintf(env.Stderr, "remit: %s\n", report.Inert(err.Error()))
	if fix := fault.FixOf(err); fix != "" {
		fmt.Fprintf(env.Stderr, "hint: %s\n", report.Inert(fix))
	}
}

// codeOf is the exit code of a kind of fault.
func codeOf(k fault.Kind) int {
	switch k {
	case fault.Usage:
		return verdict.ExitUsage
	case fault.Refused:
		return verdict.ExitDeny
	default:
		return verdict.ExitUndecided
	}
}

// newRoot builds the command tree, from which help, completion and man pages come.
func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "remit",
		Short: "Give every agent its own identity and a short, scoped remit",
		Long: "remit gives every agent its own Ed25519 identity, lets a human delegate a short, scoped\n" +
			"remit down a chain of agents, and checks what they sign against a policy.\n\n" +
			"Exit codes: 0 allow, 1 deny, 2 wrong usage or policy, 3 could not decide, 4 waits for approval.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fault.WithFix(fault.Usagef("%w", err), "see `%s --help`", cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(
		newInit(env), newKey(env), newDelegate(env), newDelegations(env), newShow(env), newUse(env), newSign(env),
		newResign(env), newRevoke(env), newCheck(env), newDeploy(env), newPolicy(env), newWorkflow(env), newHooks(env), newHook(env),
		newPr(env), newRequest(env), newApprove(env), newVerify(env), newAction(env), newDemo(env), newMan(env), newVersion(env),
	)
	return root
}

// newHelp is cobra's help command, except that it knows when a command is not there.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Explain a command", ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fault.WithFix(fault.Usagef("there is no command %q", strings.Join(args, " ")), "see `%s --help`", root.CommandPath())
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

// usageArgs makes cobra's argument checks exit with 2, and says what was expected.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			return nil
		}
		if cmd.HasSubCommands() && len(args) > 0 {
			hint := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
			cmd.SuggestionsMinimumDistance = 2
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
			}
			return fault.WithFix(fault.Usagef("%s has no command %q", cmd.CommandPath(), args[0]), "%s", hint)
		}
		return fault.WithFix(fault.Usagef("%s: wrong number of arguments (%d)", cmd.CommandPath(), len(args)),
			"write `%s`; see `%s --help`", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(children...)
	return c
}
