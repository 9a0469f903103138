// Package cli is the command line: flags, environment, clock, wiring and exit codes.
// It collects, has the checker judge, and reports; it decides nothing itself.
//
// Output rules: what a script reads goes to standard output, everything else to standard error.
// An error says what was being done, and a hint on a line of its own says what to do next.
// Nothing prompts but init and approve, and git where it reaches a remote, and these at a terminal only. Text that somebody else wrote is shown inert.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

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

// sayError prints an error, and what to do about it.
func sayError(env *Env, err error) {
	fmt.Fprintf(env.errors(), "remit: %s\n", report.Inert(worded(err)))
	if fix := fault.FixOf(err); fix != "" {
		fmt.Fprintf(env.errors(), "hint: %s\n", report.Inert(fix))
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
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := findWorkspace(env); err != nil {
				return cmd.Help()
			}
			return showStatus(cmd.Context(), env, "text")
		},
	}
	root.SetVersionTemplate("remit {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().FuncP("directory", "C", "run as if remit was started in `DIR`", env.goTo)
	root.PersistentFlags().BoolFuncP("quiet", "q", "print no notes: results and errors only", env.hush)
	_ = root.MarkPersistentFlagDirname("directory") // fails only for a flag that is not there
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetHelpCommand(newHelp(root))
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"start", "Start here:", []*cobra.Command{newInit(env), newStatus(env), newDoctor(env), newDemo(env)}},
		{"delegations", "Keys and delegations:", []*cobra.Command{newKey(env), newDelegate(env), newDelegations(env), newShow(env), newUse(env), newResign(env), newRevoke(env)}},
		{"statements", "Pull requests, requests and approvals:", []*cobra.Command{newPr(env), newRequest(env), newApprove(env), newVerify(env)}},
		{"judge", "What is allowed:", []*cobra.Command{newCheck(env), newDeploy(env), newWorkflow(env), newPolicy(env)}},
		{"audit", "What was decided:", []*cobra.Command{newAudit(env)}},
		{"set-up", "Set-up:", []*cobra.Command{newHooks(env), newMan(env), newVersion(env)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	for _, c := range []*cobra.Command{newSign(env), newHook(env), newAction(env)} { // what git and workflows call
		c.Hidden = true
		root.AddCommand(c)
	}
	completeFlags(env, root)
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil && completion != root {
		alone(completion)
	}
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

// plainFlag says of a length of time that is none how one is written.
func plainFlag(err error) error {
	cause := errors.Unwrap(err)
	if cause == nil || !strings.HasPrefix(cause.Error(), "time: ") {
		return err
	}
	return errors.New(strings.TrimSuffix(err.Error(), cause.Error()) + "it is no length of time: write hours, minutes and seconds, such as 72h or 1h30m")
}
