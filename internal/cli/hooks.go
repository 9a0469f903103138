package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	ws "github.com/remit-sh/remit/workspace"
)

func newHooks(env *Env) *cobra.Command {
	return group("hooks", "Install git hooks beside those that are there",
		newHooksInstall(env), newHooksUninstall(env), newHooksStatus(env))
}

func newHooksInstall(env *Env) *cobra.Command {
	var (
		server                                   bool
		rootKey, pusherEnv, repository, hooksDir string
		polRepository, polRef                    string
	)
	c := &cobra.Command{
		Use:   "install",
		Short: "Install the client's hooks, or with --server the server's",
		Long: "Installs prepare-commit-msg, pre-commit and pre-push in a work tree's repository: advice, so that\n" +
			"an agent learns early. With --server it installs pre-receive in a bare repository, which enforces.\n" +
			"Hooks that are there already are kept and run first.",
		Example: "  remit hooks install\n  remit hooks install --server --root-key alice.pub --pusher-env GL_USER",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := ws.LocateHooks(cmd.Context(), env.around(), hooksDir)
			if err != nil {
				return err
			}
			o := hooks.InstallOptions{HooksDir: at.HooksDir, Set: hooks.Client, Remit: env.Executable}
			if !server && (rootKey != "" || pusherEnv != "" || repository != "" || polRepository != "" || polRef != "") {
				return fault.Usagef("--root-key, --pusher-env, --repository and --policy-repository go with --server")
			}
			if !server && at.Bare {
				return fault.WithFix(fault.Usagef("this is a bare repository"), "a server's hook is installed with --server --root-key FILE")
			}
			if server {
				config, err := serverConfig(env, rootKey, pusherEnv, repository, polRepository, polRef)
				if err != nil {
					return err
				}
				o.Set, o.GitDir, o.Server = hooks.Server, at.CommonDir, config
				if pusherEnv == "" {
					fmt.Fprintln(env.Stderr, "note: without --pusher-env nobody attests who pushes: forced updates, deletions and moved refs are all denied")
				}
			}
			changes, err := hooks.Install(o)
			printChanges(env, changes)
			if err == nil && server {
				sayWhereThePolicyIs(env, o)
				notePushOptions(cmd.Context(), env, at.CommonDir)
			}
			return err
		},
	}
	c.Flags().BoolVar(&server, "server", false, "install the server's hook (pre-receive)")
	c.Flags().StringVar(&rootKey, "root-key", "", "public key `FILE` of the human whose signature the first policy needs")
	c.Flags().StringVar(&pusherEnv, "pusher-env", "", "environment variable in which the server names who pushes (GL_USER, REMOTE_USER, …)")
	c.Flags().StringVar(&repository, "repository", "", "this repository as host/owner/name, where the policy rules several")
	c.Flags().StringVar(&polRepository, "policy-repository", "", "absolute path of the repository on this server that holds the policy")
	c.Flags().StringVar(&polRef, "policy-ref", "", "full ref of the policy in --policy-repository (default: its default branch)")
	c.Flags().StringVar(&hooksDir, "hooks-dir", "", "install into `DIR` instead of where git looks for hooks")
	return c
}

// notePushOptions says how an agent can name the delegation for an act that no commit carries.
func notePushOptions(ctx context.Context, env *Env, gitDir string) {
	out, err := env.around().Git(ctx, gitDir, "config", "--file", filepath.Join(gitDir, "config"), "--type=bool", "--get", "receive.advertisePushOptions")
	if err != nil || out != "true" {
		fmt.Fprintln(env.Stderr, "note: for `git push -o delegation=DIGEST` to work, run `git config receive.advertisePushOptions true` here")
	}
}

// sayWhereThePolicyIs names the branch whose policy the hook enforces: a bare repository's HEAD may
// name another one than its users push to.
func sayWhereThePolicyIs(env *Env, o hooks.InstallOptions) {
	if o.Server.PolicyRepository != "" {
		return
	}
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: o.GitDir, Env: env.Environ})
	if err != nil {
		return // the hook says so at the first push
	}
	defer func() { _ = repo.Close() }() // only read from
	if ref, err := repo.DefaultRef(); err == nil {
		fmt.Fprintf(env.Stderr, "the policy is read from %s, where this repository's HEAD points.\n", ref)
	}
}

// serverConfig is what the server's hook is told. Nil keeps what an earlier installation was told.
func serverConfig(env *Env, rootKey, pusherEnv, repository, polRepository, polRef string) (*hooks.ServerConfig, error) {
	if rootKey == "" {
		return nil, fault.WithFix(fault.Usagef("--server needs --root-key FILE"),
			"it is the public key of a human: whoever signs the first policy that is pushed")
	}
	b, err := readBounded(env, rootKey)
	if err != nil {
		return nil, err
	}
	key, err := signing.ParseAuthorizedKey(firstLine(b))
	if err != nil {
		return nil, fault.Usagef("reading --root-key %s: %w", rootKey, err)
	}
	c := &hooks.ServerConfig{RootKey: key.AuthorizedKey(), PusherEnv: pusherEnv, PolicyRepository: polRepository, PolicyRef: polRef}
	if repository != "" {
		if c.Repository, err = names.ParseRepository(repository); err != nil {
			return nil, fault.Usagef("--repository: %w", err)
		}
	}
	return c, nil
}

func newHooksUninstall(env *Env) *cobra.Command {
	var hooksDir string
	c := &cobra.Command{
		Use: "uninstall", Short: "Take remit's hooks away and put earlier hooks back", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := ws.LocateHooks(cmd.Context(), env.around(), hooksDir)
			if err != nil {
				return err
			}
			changes, err := hooks.Uninstall(at.HooksDir)
			printChanges(env, changes)
			return err
		},
	}
	c.Flags().StringVar(&hooksDir, "hooks-dir", "", "look in `DIR` instead of where git looks for hooks")
	return c
}

func newHooksStatus(env *Env) *cobra.Command {
	var hooksDir string
	c := &cobra.Command{
		Use: "status", Short: "Say how each hook stands", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := ws.LocateHooks(cmd.Context(), env.around(), hooksDir)
			if err != nil {
				return err
			}
			states, err := hooks.Status(at.HooksDir)
			if err != nil {
				return err
			}
			for _, s := range states {
				line := fmt.Sprintf("%-18s %s", s.Hook, s.Condition)
				if s.Before != "" {
					line += ", after " + s.Before
				}
				if s.Note != "" {
					line += ": " + s.Note
				}
				fmt.Fprintln(env.Stdout, line)
			}
			return nil
		},
	}
	c.Flags().StringVar(&hooksDir, "hooks-dir", "", "look in `DIR` instead of where git looks for hooks")
	return c
}

func printChanges(env *Env, changes []hooks.Change) {
	for _, c := range changes {
		line := fmt.Sprintf("%s: %s", c.Hook, c.Action)
		if c.Before != "" {
			line += ", runs " + filepath.Base(c.Before) + " first"
		}
		fmt.Fprintln(env.Stderr, line)
	}
}
