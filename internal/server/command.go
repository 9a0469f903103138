package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/folder"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/server/largelog"
	"github.com/remit-sh/remit/policy"
)

// Exit codes.
const (
	exitOK     = 0
	exitUsage  = 2 // wrong usage, or a configuration that cannot be used
	exitFailed = 3
)

// Env is what a command gets from outside.
type Env struct {
	Stdout, Stderr io.Writer
	Environ        []string
	Now            func() time.Time
	// Listening is told the address that is served. Nil: nobody is.
	Listening func(net.Addr)
}

func (e *Env) getenv(name string) string {
	for _, v := range slices.Backward(e.Environ) {
		if key, value, ok := strings.Cut(v, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// Main runs the program and returns its exit code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, &Env{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Now: time.Now}, os.Args[1:])
}

// Run runs one command and returns its exit code.
func Run(ctx context.Context, env *Env, args []string) int {
	root := newRoot(env)
	root.SetArgs(args)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var invalid *policy.InvalidError
	if errors.As(err, &invalid) {
		_ = invalid.Diagnostics.WriteText(env.Stderr, invalid.Source, false) // nobody is left to tell
		return exitUsage
	}
	fmt.Fprintf(env.Stderr, "remit-server: %s\n", inert.Lines(err.Error()))
	if fix := fault.FixOf(err); fix != "" {
		fmt.Fprintf(env.Stderr, "hint: %s\n", inert.Lines(fix))
	}
	if fault.KindOf(err) == fault.Usage {
		return exitUsage
	}
	return exitFailed
}

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "remit-server",
		Short: "Keep the audit logs of repositories that have outgrown their own",
		Long: "remit-server keeps audit logs for repositories and their writers, by HTTP.\n\n" +
			"Exit codes: 0 done, 2 wrong usage or configuration, 3 not done.",
		Version: versionText(), SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("remit-server {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fault.Usagef("%w", err) })
	root.AddCommand(newServe(env), newCheck(env), newLog(env), &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(env.Stdout, "remit-server", versionText())
			return nil
		},
	})
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return fault.Usagef("%w", err)
	}
	return nil
}

// withConfig is a command that reads a configuration first.
func withConfig(env *Env, c *cobra.Command, run func(ctx context.Context, config *Config) error) *cobra.Command {
	var path string
	c.Args = noArgs
	c.Flags().StringVar(&path, "config", "", "read the configuration in `FILE`")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if path == "" {
			return fault.WithFix(fault.Usagef("no configuration is named"), "name one by --config FILE; docs/server.md shows one")
		}
		config, err := ReadConfig(path, env.getenv)
		if err != nil {
			return fault.Usagef("%w", err)
		}
		return run(c.Context(), config)
	}
	return c
}

func newCheck(env *Env) *cobra.Command {
	return withConfig(env, &cobra.Command{
		Use: "check --config FILE", Short: "Read a configuration and its secrets, and say what is wrong",
	}, func(_ context.Context, c *Config) error {
		fmt.Fprintf(env.Stdout, "The configuration is sound. It serves %d logs on %s:\n", len(c.Logs), c.Listen)
		for _, l := range c.Logs {
			key, err := log.KeyFile(l.Signer)
			if err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "  %s/log/%s\n    key %s", c.PublicURL, l.Origin, key)
			if !l.Public && l.Token == "" {
				fmt.Fprintf(env.Stdout, "    nobody may read it: neither public nor a token of readers is given\n")
			}
		}
		return nil
	})
}

func newServe(env *Env) *cobra.Command {
	return withConfig(env, &cobra.Command{
		Use: "serve --config FILE", Short: "Serve what a configuration says, until the program is told to end",
		Long: "Serve what a configuration says, until the program is told to end (SIGTERM or SIGINT): then what was begun is\n" +
			"answered first. What happens is logged as JSON on standard error.",
	}, func(ctx context.Context, c *Config) error {
		logger := slog.New(slog.NewJSONHandler(env.Stderr, nil))
		s, err := Open(ctx, c, logger, env.Now)
		if err != nil {
			return err
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
		if err != nil {
			return errors.Join(fmt.Errorf("serving: %w", err), s.Close(ctx))
		}
		logger.Info("serving", "address", listener.Addr().String(), "url", c.PublicURL)
		if env.Listening != nil {
			env.Listening(listener.Addr())
		}
		return s.Serve(ctx, listener)
	})
}

func newLog(env *Env) *cobra.Command {
	c := &cobra.Command{Use: "log", Short: "Make logs, and move them here", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newLogCreate(env), newLogMigrate(env))
	return c
}

func newLogCreate(env *Env) *cobra.Command {
	var repository string
	c := withConfig(env, &cobra.Command{
		Use: "create --config FILE --repository NAME", Short: "Make the empty log of a repository",
		Long: "Make the empty log of a repository that the configuration has. A log that was lost must not read as an empty one:\n" +
			"no other command makes one.",
	}, func(ctx context.Context, c *Config) error {
		l, err := c.logOf(func(l *LogConfig) bool { return l.Repository == repository }, repository)
		if err != nil {
			return err
		}
		made, err := largelog.Create(ctx, l.config(env))
		if err != nil {
			return err
		}
		_, err = env.Stdout.Write(made.Signed)
		return err
	})
	c.Flags().StringVar(&repository, "repository", "", "of the repository `NAME`, such as github.com/acme/shop")
	return c
}

func (c *Config) logOf(is func(*LogConfig) bool, what string) (*LogConfig, error) {
	for _, l := range c.Logs {
		if is(l) {
			return l, nil
		}
	}
	return nil, fault.WithFix(fault.Usagef("the configuration has no log of %s", inert.Quote(what)), "write a block repository for it")
}

func (l *LogConfig) config(env *Env) largelog.Config {
	return largelog.Config{Signer: l.Signer, Verifier: l.Verifier, Place: l.Place(), Logger: slog.New(slog.NewJSONHandler(env.Stderr, nil))}
}

func newLogMigrate(env *Env) *cobra.Command {
	var from string
	c := withConfig(env, &cobra.Command{
		Use: "migrate --config FILE --from DIR", Short: "Move a log from a folder, or from a branch of a git repository, to where the configuration says",
		Long: "Move a log that nobody writes any more: from its folder, or from the branch refs/heads/_audit/log of a git\n" +
			"repository. Entries, tiles, key and checkpoint are the same afterwards, and what is recorded next continues them;\n" +
			"both are verified as a whole. The log that it was is left as it is.",
	}, func(ctx context.Context, c *Config) error {
		store, err := openStore(ctx, env, from)
		if err != nil {
			return err
		}
		origin, err := originOf(ctx, store)
		if err != nil {
			return err
		}
		l, err := c.logOf(func(l *LogConfig) bool { return l.Origin == origin }, strings.TrimSuffix(origin, "/audit"))
		if err != nil {
			return err
		}
		moved, err := largelog.Migrate(ctx, l.config(env), &log.Log{Store: store, Verifier: l.Verifier})
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stdout, "Moved %d entries. The log goes on from this checkpoint; keep it as a pin:\n\n", moved.Size)
		_, err = env.Stdout.Write(moved.Signed)
		return err
	})
	c.Flags().StringVar(&from, "from", "", "the log in the folder or git repository `DIR`")
	return c
}

// openStore is the log in a folder, or in a git repository.
func openStore(ctx context.Context, env *Env, dir string) (log.Store, error) {
	if dir == "" {
		return nil, fault.WithFix(fault.Usagef("no log is named"), "name its folder or git repository by --from DIR")
	}
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return !errors.Is(err, fs.ErrNotExist)
	}
	switch {
	case has("checkpoint"):
		return folder.Open(dir), nil
	case has("objects") && has("HEAD"):
	case has(".git"):
		dir = filepath.Join(dir, ".git")
	default:
		return nil, fault.Usagef("%s is neither a log's folder nor a git repository", inert.Word(dir))
	}
	return gitbranch.Open(ctx, gitbranch.Config{GitDir: dir, Environment: env.Environ, Now: env.Now})
}

// originOf is the name that a log's checkpoint has, which nobody has verified.
func originOf(ctx context.Context, store log.Store) (string, error) {
	view, err := store.Look(ctx)
	if err != nil {
		return "", err
	}
	files, err := view.Read(ctx, []string{"checkpoint"})
	if err != nil {
		return "", err
	}
	origin, _, ok := strings.Cut(string(files[0]), "\n")
	if !ok {
		return "", log.ErrCorrupt
	}
	return origin, nil
}
