package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/internal/setup"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	ws "github.com/remit-sh/remit/workspace"
)

func newHooks(env *Env) *cobra.Command {
	return group("hooks", "Install git hooks beside those that are there",
		newHooksInstall(env), newHooksUninstall(env), newHooksStatus(env))
}

func newHooksInstall(env *Env) *cobra.Command {
	var (
		server      bool
		hooksDir    string
		replaceRoot bool
	)
	c := &cobra.Command{
		Use:   "install",
		Short: "Install the client's hooks, or with --server the server's",
		Long: "Installs prepare-commit-msg, pre-commit and pre-push in a work tree's repository: advice, so that\n" +
			"an agent learns early. With --server it installs pre-receive in a bare repository, which enforces.\n" +
			"Hooks that are there already are kept and run first. Installed again, what no flag says stays as it was.",
		Example: "  remit hooks install\n  remit hooks install --server --root-key alice.pub --pusher-env GL_USER",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := ws.LocateHooks(cmd.Context(), env.around(), hooksDir)
			if err != nil {
				return err
			}
			o := hooks.InstallOptions{HooksDir: at.HooksDir, Set: hooks.Client, Remit: env.Executable}
			if !server && slices.ContainsFunc(serverFlags(), cmd.Flags().Changed) {
				return fault.Usagef("--root-key, --pusher-env, --repository, --policy-repository and --audit-server go with --server")
			}
			if !server && at.Bare {
				return fault.WithFix(fault.Usagef("this is a bare repository"), "a server's hook is installed with --server --root-key FILE")
			}
			var changed []string
			var config *hooks.ServerConfig
			if server {
				if _, err := env.around().CheckGit(cmd.Context(), ws.MinServerGit, "to recompute merges"); err != nil {
					fmt.Fprintf(env.Stderr, "note: %v: until then every merge that is pushed is refused\n", err)
				}
				var differs []string
				if config, differs, err = serverConfig(env, at.CommonDir, cmd, replaceRoot); err != nil {
					return err
				}
				o.Set, o.GitDir, o.Server, changed = hooks.Server, at.CommonDir, config, differs
				chosen := slices.ContainsFunc([]string{"policy-repository", "policy-ref"}, cmd.Flags().Changed)
				if err := canBePushedTo(cmd.Context(), env, o, chosen); err != nil {
					return err
				}
				if config.PusherEnv == "" {
					fmt.Fprintln(env.Stderr, "note: without --pusher-env nobody attests who pushes: forced updates, deletions and moved refs are all denied")
				}
			}
			changes, err := hooks.Install(o)
			printChanges(env, changes)
			if err == nil && server {
				for _, c := range changed {
					fmt.Fprintf(env.Stderr, "changed: %s\n", c)
				}
				sayWhereThePolicyIs(env, o)
				if err := sayWhereTheLogIs(cmd.Context(), env, at.CommonDir, config); err != nil {
					return err
				}
				notePushOptions(cmd.Context(), env, at.CommonDir)
				noteNamespaces(env, at.CommonDir)
			}
			return err
		},
	}
	c.Flags().BoolVar(&server, "server", false, "install the server's hook (pre-receive)")
	c.Flags().String("root-key", "", "public key `FILE` of the human whose signature the first policy needs")
	c.Flags().BoolVar(&replaceRoot, "replace-root-key", false, "let --root-key name another key than an earlier installation did")
	c.Flags().String("pusher-env", "", "environment `VARIABLE` in which the server names who pushes (GL_USER, REMOTE_USER, …)")
	c.Flags().String("repository", "", "this `REPOSITORY` as host/owner/name, where the policy rules several")
	c.Flags().String("policy-repository", "", "absolute path `DIR` of the repository on this server that holds the policy")
	c.Flags().String("policy-ref", "", "full `REF` of the policy in --policy-repository (default: its default branch)")
	c.Flags().String("audit-server", "", "the `URL` of a server that keeps the audit log, https://host, in place of this repository")
	c.Flags().String("audit-key", "", "the `VKEY` with which that log is signed, as `remit-server check` prints it")
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

// sayWhereTheLogIs says where decisions are recorded, and by which key others verify that.
func sayWhereTheLogIs(ctx context.Context, env *Env, gitDir string, config *hooks.ServerConfig) error {
	if config.AuditServer != "" {
		key, err := auditlog.WriterKey(gitDir)
		if err != nil {
			return fault.Undecidedf("making the key by which entries are handed to %s: %w", inert.Word(config.AuditServer), err)
		}
		fmt.Fprintf(env.Stderr, "every decision is recorded at %s. List this key there, among the writers of the repository:\n%s\n", inert.Word(config.AuditServer), key.AuthorizedKey())
		return nil
	}
	place := auditlog.Place{GitDir: gitDir, Environ: env.Environ, Now: env.Now}
	switch now, err := place.Look(ctx); {
	case err != nil:
		fmt.Fprintf(env.Stderr, "note: no decision is recorded here: %s\nhint: %s\n", report.Inert(err.Error()), report.Inert(fault.FixOf(err)))
	case now.None:
		fmt.Fprintf(env.Stderr, "every decision is recorded in the branch %s, which the first of them begins; its key will be %s: keep a copy of it.\n", place.Branch(), place.KeyPath())
	default:
		fmt.Fprintf(env.Stderr, "every decision is recorded in the branch %s, under the key %s, and is verified with\n%s\n", place.Branch(), place.KeyPath(), now.VerifierKey)
	}
	return nil
}

// canBePushedTo refuses to install a hook that would refuse every push, the one that mends what is wrong too, and one
// that would enforce what anybody may have pushed. Where the hook is there already, that is said, and what to do.
// chosen says that it is told just now where the policy is.
func canBePushedTo(ctx context.Context, env *Env, o hooks.InstallOptions, chosen bool) error {
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: o.GitDir, Env: env.Environ})
	if err != nil {
		return nil // the hook says so at the first push
	}
	defer func() { _ = repo.Close() }() // only read from
	q, err := setup.Receiving(o.Server, o.GitDir, "")
	if err != nil {
		return err
	}
	there, err := hookIsThere(o)
	if err != nil {
		return err
	}
	now, err := q.Rules(ctx, decide.Sources{Now: env.Now, Repo: repo, Bare: true})
	if now.Lost != "" {
		fmt.Fprintf(env.Stderr, "note: %s\n", now.Lost)
	}
	if err == nil {
		return wasBrought(env, &now, there)
	}
	var misplaced *decide.PlaceError
	elsewhere := o.Server.PolicyRepository != "" && !(errors.As(err, &misplaced) && (chosen || !there)) // which this hook does not guard
	if there && misplaced == nil || elsewhere {
		fmt.Fprintf(env.Stderr, "note: every push is refused here: %v\n", err)
		switch fix := fault.FixOf(err); {
		case now.Why != "":
			fmt.Fprintf(env.Stderr, "hint: `remit doctor` here prints the commands that mend it; or take the hook away (`remit hooks uninstall`), push a valid %s to the default branch, and install it again\n", policy.FileName)
		case fix != "":
			fmt.Fprintf(env.Stderr, "hint: %s\n", fix)
		}
		return nil
	}
	fix := fault.FixOf(err)
	if now.Why != "" {
		fix = fmt.Sprintf("push a valid %s to %s while the hook is not here, and install it then; `git show %s:%s | remit policy validate -` here says what is wrong with one that is there",
			policy.FileName, now.Ref, now.Ref, policy.FileName)
	}
	if err = fault.Usagef("with this hook every push would be refused: %w", err); fix == "" {
		return err
	}
	return fault.WithFix(err, "%s", fix)
}

// wasBrought refuses to enforce a policy that the root key has nothing to do with, and names one that it did not sign
// as it is.
func wasBrought(env *Env, now *decide.Receiving, there bool) error {
	show := fmt.Sprintf("`git show %s:%s`", now.Ref, policy.FileName)
	switch {
	case now.Planted != "" && there:
		fmt.Fprintf(env.Stderr, "note: %s\nhint: %s\n", now.Planted, setup.PlantedFix(now.Ref))
	case now.Planted != "":
		return fault.WithFix(fault.Usagef("%s", now.Planted),
			"read it (%s); where it is right, name the key of a human whom it lists (--root-key FILE); else have the holder of the root key push one that lists it, and install the hook then", show)
	case now.Unvouched != "" && !there:
		fmt.Fprintf(env.Stderr, "note: the %s that is there counts from now on, and the root key did not sign commit %s, which changed it last: read it (%s)\n",
			policy.FileName, now.Unvouched[:min(len(now.Unvouched), 10)], show)
	}
	return nil
}

// hookIsThere reports whether a hook of remit's judges pushes already.
func hookIsThere(o hooks.InstallOptions) (bool, error) {
	states, err := hooks.Status(o.HooksDir)
	return slices.ContainsFunc(states, func(s hooks.State) bool {
		return s.Hook == "pre-receive" && (s.Condition == hooks.Installed || s.Condition == hooks.Changed)
	}), err
}

// serverFlags are the flags of install that say what the server's hook is told.
func serverFlags() []string {
	return []string{"root-key", "replace-root-key", "pusher-env", "repository", "policy-repository", "policy-ref", "audit-server", "audit-key"}
}

// serverConfig is what the server's hook is told: what the flags say, and for the rest what an earlier
// installation was told, and what that changes.
func serverConfig(env *Env, gitDir string, cmd *cobra.Command, replaceRoot bool) (_ *hooks.ServerConfig, changed []string, _ error) {
	flags := cmd.Flags()
	was, err := hooks.ReadServerConfig(gitDir)
	there := err == nil
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, nil, fault.WithFix(fault.Usagef("reading what an earlier installation was told: %w", err),
			"mend %s, or move it away and name all settings again", hooks.ServerConfigPath(gitDir))
	}
	c := was
	if c.RootKey, err = rootKeyOf(env, flags.Lookup("root-key").Value.String(), was.RootKey, replaceRoot); err != nil {
		return nil, nil, err
	}
	for name, field := range map[string]*string{
		"pusher-env": &c.PusherEnv, "repository": &c.Repository, "policy-repository": &c.PolicyRepository, "policy-ref": &c.PolicyRef,
		"audit-server": &c.AuditServer, "audit-key": &c.AuditKey,
	} {
		if flags.Changed(name) {
			*field = flags.Lookup(name).Value.String()
		}
	}
	if c.Repository != "" {
		if c.Repository, err = names.ParseRepository(c.Repository); err != nil {
			return nil, nil, fault.Usagef("--repository: %w", err)
		}
	}
	if c.PolicyRepository == "" {
		c.PolicyRef, c.PolicyFile = flags.Lookup("policy-ref").Value.String(), ""
	}
	if _, err := c.Marshal(); err != nil {
		return nil, nil, fault.Usagef("%w", err)
	}
	if c.AuditServer != "" {
		if err := auditServer(&c, gitDir).Check(); err != nil {
			return nil, nil, fault.Usagef("--audit-server, --audit-key: %w", err)
		}
	}
	if there {
		for _, s := range []struct{ name, was, is string }{
			{"root key", was.RootKey, c.RootKey},
			{"--pusher-env", was.PusherEnv, c.PusherEnv},
			{"--repository", was.Repository, c.Repository},
			{"--policy-repository", was.PolicyRepository, c.PolicyRepository},
			{"--policy-ref", was.PolicyRef, c.PolicyRef},
			{"--audit-server", was.AuditServer, c.AuditServer},
			{"--audit-key", was.AuditKey, c.AuditKey},
		} {
			if s.was != s.is {
				changed = append(changed, fmt.Sprintf("%s is %s, and was %s", s.name, orNone(s.is), orNone(s.was)))
			}
		}
	}
	return &c, changed, nil
}

func orNone(setting string) string {
	if setting == "" {
		return "not set"
	}
	return inert.Quote(setting)
}

// rootKeyOf is the key that --root-key names, else the one from before. Another one than before takes a flag of
// its own: whoever holds it brings the first policy.
func rootKeyOf(env *Env, file, was string, replace bool) (string, error) {
	if file == "" {
		if was != "" {
			return was, nil
		}
		return "", fault.WithFix(fault.Usagef("--server needs --root-key FILE"),
			"it is the public key of a human: whoever signs the first policy that is pushed")
	}
	b, err := readBounded(env, file)
	if err != nil {
		return "", err
	}
	key, err := signing.ParseAuthorizedKey(firstLine(b))
	if err != nil {
		return "", fault.Usagef("reading --root-key %s: %w", file, err)
	}
	if before, err := signing.ParseAuthorizedKey(was); err == nil && !before.Equal(key) && !replace {
		return "", fault.WithFix(fault.Usagef("the root key of this repository is %s, and --root-key names %s", before.Fingerprint(), key.Fingerprint()),
			"leave --root-key out to keep it, or add --replace-root-key if the other is meant")
	}
	return key.AuthorizedKey(), nil
}

// noteNamespaces names the namespaces of a repository that have no HEAD: nothing can be decided there.
func noteNamespaces(env *Env, gitDir string) {
	entries, err := os.ReadDir(filepath.Join(gitDir, "refs", "namespaces"))
	if err != nil {
		return
	}
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(gitDir, "refs", "namespaces", e.Name(), "HEAD")); err != nil && e.IsDir() {
			fmt.Fprintf(env.Stderr, "note: the namespace %s has no HEAD, so that no push to it can be judged: run `git symbolic-ref refs/namespaces/%s/HEAD refs/namespaces/%s/refs/heads/main` here\n",
				inert.Quote(e.Name()), inert.Word(e.Name()), inert.Word(e.Name()))
		}
	}
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
	var hooksDir, format string
	c := &cobra.Command{
		Use: "status", Short: "Say how each hook stands", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, own, states, err := hookStates(cmd.Context(), env, hooksDir)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(env, hooksJSON{1, dir, hookRows(states)})
			}
			for _, s := range states {
				line := fmt.Sprintf("%-18s %s", s.Hook, s.Condition)
				if own {
					line += ", of the delegation in force"
				}
				if s.Before != "" {
					line += ", after " + s.Before
				}
				if s.Note != "" {
					line += ": " + s.Note
				}
				fmt.Fprintln(env.Stdout, line)
			}
			return printStanding(cmd.Context(), env)
		},
	}
	c.Flags().StringVar(&hooksDir, "hooks-dir", "", "look in `DIR` instead of where git looks for hooks")
	return withFormat(c, &format)
}

// hookStates tells how the hooks stand where git runs them, or in a folder that somebody named.
func hookStates(ctx context.Context, env *Env, hooksDir string) (dir string, own bool, states []hooks.State, err error) {
	if hooksDir != "" {
		at, err := ws.LocateHooks(ctx, env.around(), hooksDir)
		if err != nil {
			return "", false, nil, err
		}
		states, err = hooks.Status(at.HooksDir)
		return at.HooksDir, false, states, err
	}
	w, err := findWorkspace(env)
	if err != nil {
		return "", false, nil, err
	}
	return w.HookStates(ctx, env.Executable)
}

// hooksJSON is how hooks stand, for programs.
type hooksJSON struct {
	Version  int       `json:"version"`
	HooksDir string    `json:"hooks_dir"`
	Hooks    []hookRow `json:"hooks"`
}

// printStanding says which of remit's own hooks do not run while a delegation is in force.
func printStanding(ctx context.Context, env *Env) error {
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	s, err := w.Standing(ctx, env.Executable)
	if err != nil {
		return err
	}
	if s.Settings != "" {
		fmt.Fprintf(env.Stdout, "%s: run `remit use DIGEST` again, or `remit use --none`\n", s.Settings)
	}
	for _, name := range s.Lost {
		how := "removed"
		if slices.Contains(s.Foreign, name) {
			how = "replaced"
		}
		fmt.Fprintf(env.Stdout, "%-18s %s by another tool among the hooks of the delegation in force: the next commit puts it back\n", name, how)
	}
	return nil
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
