package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/folder"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/pin"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
)

func newAudit(env *Env) *cobra.Command {
	return group("audit", "Read the audit log and verify it", newAuditLog(env), newAuditShow(env), newAuditVerify(env), newAuditExport(env))
}

// auditSource is where the log is that somebody reads, and whose it is.
type auditSource struct {
	dir, key, remote string
	fetch            bool
}

// flags gives a command what all that read the log have.
func (s *auditSource) flags(env *Env, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.dir, "log", "", "read the log in a folder, `DIR`, and not that of this repository")
	f.BoolVar(&s.fetch, "fetch", false, "read it from the remote, as little of it as is needed, and not as it was fetched last")
	f.StringVar(&s.remote, "remote", "", "the `REMOTE` whose log it is (default: origin)")
	f.StringVar(&s.key, "key", "", "the log's verifier key, `VKEY` (default: settings.audit_key of the policy, else the one that was seen first)")
	_ = c.MarkFlagDirname("log") // fails only for a flag that is not there
	_ = c.RegisterFlagCompletionFunc("remote", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		w, err := openQuietly(env)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer w.Close()
		remotes, _ := w.Git(cmd.Context(), "remote") // none are completed then
		return strings.Fields(remotes), cobra.ShellCompDirectiveNoFileComp
	})
	_ = c.RegisterFlagCompletionFunc("key", cobra.NoFileCompletions)
}

// auditLog is a log that is read.
type auditLog struct {
	*log.Log

	env    *Env
	key    string // its verifier key
	pins   pin.File
	place  string   // by which it is pinned
	pinned *pin.Pin // what was seen before; nil for nothing
	remote string   // that it is read from, as git calls it; "" for none
	copied string   // what brings this copy of the log up to date; "" where it is the log itself
	close  func()
}

// openAudit finds the log and the key that it must be signed with, and what was seen of it before.
func openAudit(ctx context.Context, env *Env, source *auditSource) (*auditLog, error) {
	a := &auditLog{Log: &log.Log{}, env: env, close: func() {}}
	if err := a.open(ctx, source); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *auditLog) open(ctx context.Context, source *auditSource) error {
	w, err := openWorkspace(a.env)
	switch {
	case err == nil:
		defer w.Close()
		a.pins.Path = filepath.Join(w.CommonDir, pinFile)
		if _, missing := os.Stat(filepath.Dir(a.pins.Path)); missing != nil && w.Bare() {
			a.pins.Path = "" // the server's own folder is not made by whoever reads
		}
	case source.dir == "" || !errors.Is(err, gitrepo.ErrNoRepository):
		return err
	default:
		w = nil
	}
	if source.dir != "" {
		if source.fetch || source.remote != "" {
			return fault.Usagef("--log names a folder, and --fetch and --remote are about a repository")
		}
		dir := a.env.around().Absolute(source.dir)
		a.Store, a.place = folder.Open(dir), "folder "+dir
	} else if err := a.openBranch(ctx, w, source); err != nil {
		return err
	}
	if err := a.trust(ctx, w, source); err != nil {
		return err
	}
	if a.Verifier, err = log.ParseVerifier(a.key); err != nil {
		return fault.Usagef("%w", err)
	}
	if a.pinned != nil {
		a.Pins = []log.Checkpoint{a.pinned.Checkpoint}
	}
	return nil
}

// openBranch finds the branch: this repository's own, else the one that was fetched, or the remote's as it is now.
func (a *auditLog) openBranch(ctx context.Context, w *workspace, source *auditSource) error {
	a.place = gitbranch.Branch
	config := gitbranch.Config{GitDir: w.CommonDir, Environment: a.env.Environ, Now: a.env.Now}
	remote := cmp.Or(source.remote, "origin")
	known := w.HasRemote(ctx, remote)
	if !known && source.remote == "" {
		if other := w.OtherRemote(ctx); other != "" {
			remote, known = other, true
		}
	}
	if source.remote != "" && !known {
		return fault.Usagef("there is no remote %s", inert.Quote(source.remote))
	}
	own, err := w.Repo.Refs(gitbranch.Branch)
	if err != nil {
		return fault.Undecidedf("looking for the audit log: %w", err)
	}
	tracking := "refs/remotes/" + remote + strings.TrimPrefix(gitbranch.Branch, "refs/heads")
	branch := strings.TrimPrefix(gitbranch.Branch, "refs/heads/")
	switch {
	case source.fetch && !known:
		return fault.WithFix(fault.Usagef("there is no remote to read the audit log from"), "leave --fetch out, or name the remote with --remote")
	case source.fetch:
		a.remote = inert.Word(remote)
		if config, err = a.fetching(ctx, w, remote); err != nil {
			return err
		}
	case own[gitbranch.Branch] != "" && source.remote == "":
		if !w.Bare() {
			a.copied = "`git branch -D " + branch + "`, which is a branch of this clone alone, or --fetch"
		}
	case known:
		config.Ref = tracking
		a.copied = "`git fetch " + inert.Word(remote) + " " + branch + "`, or --fetch"
	}
	store, err := gitbranch.Open(ctx, config)
	if err != nil {
		return fault.Undecidedf("%w", err)
	}
	a.Store = store
	return nil
}

// fetching is how the remote's branch is read: by a repository that lasts as long as the command. In the clone itself
// so little could not be fetched without making it a shallow and partial one.
func (a *auditLog) fetching(ctx context.Context, w *workspace, remote string) (gitbranch.Config, error) {
	url, err := w.Git(ctx, "remote", "get-url", remote)
	if err != nil {
		return gitbranch.Config{}, fault.Undecidedf("reading where %s is: %w", inert.Word(remote), err)
	}
	if path := filepath.FromSlash(url); !strings.Contains(url, ":") && !filepath.IsAbs(path) {
		url = filepath.Join(cmp.Or(w.Worktree, w.GitDir), path)
	}
	format, err := w.Git(ctx, "rev-parse", "--show-object-format")
	if err != nil {
		return gitbranch.Config{}, fault.Undecidedf("%w", err)
	}
	dir, err := os.MkdirTemp("", "remit-audit-")
	if err != nil {
		return gitbranch.Config{}, fault.Undecidedf("making a folder to fetch into: %w", err)
	}
	a.close = func() { _ = os.RemoveAll(dir) } // nothing of it is read again
	if _, err := a.env.around().Git(ctx, dir, "init", "--quiet", "--bare", "--template=", "--object-format="+format, "."); err != nil {
		return gitbranch.Config{}, fault.Undecidedf("%w", err)
	}
	return gitbranch.Config{
		GitDir: dir, Remote: url, Environment: a.env.Environ, Now: a.env.Now, RemoteEnv: loginEnvironment(ctx, w),
	}, nil
}

// loginEnvironment is what git needs to log in at a remote as whoever runs the command would.
func loginEnvironment(ctx context.Context, w *workspace) []string {
	var out []string
	for _, name := range []string{
		"HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT",
		"GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY",
	} {
		if v := w.env.Getenv(name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	if w.env.Interactive {
		out = append(out, "GIT_TERMINAL_PROMPT=1")
	}
	settings, err := w.Git(ctx, "config", "--null", "--get-regexp", `^(credential|http|ssh|core\.(sshcommand|askpass|gitproxy))`)
	if err != nil {
		return out // there are none
	}
	count := 0
	for _, kv := range strings.Split(settings, "\x00") {
		if name, value, ok := strings.Cut(kv, "\n"); ok {
			out = append(out, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", count, name), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", count, value))
			count++
		}
	}
	return append(out, fmt.Sprintf("GIT_CONFIG_COUNT=%d", count))
}

// trust finds the key that the log must be signed with, and what was seen of it before.
func (a *auditLog) trust(ctx context.Context, w *workspace, source *auditSource) (err error) {
	if a.pins.Path != "" {
		if a.pinned, err = a.pins.Read(a.place); err != nil {
			return err
		}
	}
	named, repository, err := a.named(ctx, w, source)
	if err != nil {
		return err
	}
	switch {
	case named != "":
		if a.pinned != nil && a.pinned.Key != named {
			a.env.note([]string{"the audit log was seen before with another key, " + a.pinned.Key + ": the one that is named now counts"})
		}
		a.key = named
		return nil
	case a.pinned != nil:
		a.key = a.pinned.Key
		return nil
	}
	return a.trustFirst(ctx, repository)
}

// named is the key that --key or the policy names, if any, and the repository that this is, if that is known.
func (a *auditLog) named(ctx context.Context, w *workspace, source *auditSource) (key, repository string, err error) {
	if key = strings.TrimSpace(source.key); key != "" {
		return key, "", nil
	}
	if w == nil || source.dir != "" {
		return "", "", nil
	}
	p, err := w.issuingPolicy("")
	switch {
	case errors.Is(err, decide.ErrNoPolicy):
		return "", w.address(ctx, ""), nil
	case err != nil:
		return "", "", fault.WithFix(fmt.Errorf("whose audit log counts is for the policy to say: %w", err), "name the log's key with --key")
	}
	return p.Settings.AuditKey, cmp.Or(p.Repository, w.address(ctx, "")), nil
}

// pinFile is where a clone keeps what it has seen of the log.
const pinFile = "remit/audit.json"

// keyFile is where a log has its verifier key.
const keyFile = "key"

// trustFirst trusts the key that the log itself comes with, where nobody names one and none was seen.
func (a *auditLog) trustFirst(ctx context.Context, repository string) error {
	view, err := a.Store.Look(ctx)
	if err != nil {
		return a.words(err)
	}
	files, err := view.Read(ctx, []string{keyFile})
	if err != nil {
		return a.words(err)
	}
	const ask = "ask whoever runs the log for its key, and name it with --key, or in the policy as settings.audit_key"
	if files[0] == nil {
		return fault.WithFix(fault.Usagef("it is not known with which key the audit log must be signed: it does not say, and nothing else does"), ask)
	}
	a.key = strings.TrimSpace(string(files[0]))
	v, err := log.ParseVerifier(a.key)
	if err != nil {
		return fault.WithFix(fault.Refusedf("the audit log comes with no readable key: %w", err), ask)
	}
	if repository != "" && v.Name() != repository+"/audit" {
		return fault.WithFix(fault.Refusedf("the audit log comes with the key of %s, and not of %s/audit", inert.Quote(v.Name()), repository), ask)
	}
	where := "it is trusted for this once: name it with --key to be sure"
	if a.pins.Path != "" {
		where = "it is trusted from now on, and kept in " + a.pins.Path
	}
	a.env.note([]string{"the key of the audit log is seen for the first time: " + a.key + ". Compare it with what whoever runs the log publishes; " + where})
	return nil
}

// keep moves the pin forward to a checkpoint that was proven to continue it. That it could not is no more than a note.
func (a *auditLog) keep(ctx context.Context, c log.Checkpoint) {
	if a.pins.Path == "" {
		return
	}
	now := pin.Pin{Place: a.place, Key: a.key, Checkpoint: c}
	if err := a.pins.Keep(context.WithoutCancel(ctx), a.pinned, now); err != nil {
		a.env.note([]string{worded(err)})
		return
	}
	a.pinned = &now
}

// look reads the log as it is now, against what was seen of it before, and keeps that.
func (a *auditLog) look(ctx context.Context) (*log.Reader, error) {
	r, err := a.Read(ctx)
	if err != nil {
		return nil, a.words(err)
	}
	a.keep(ctx, r.Checkpoint())
	return r, nil
}

// words says of an error what it means and what to do about it.
func (a *auditLog) words(err error) error {
	switch {
	case errors.Is(err, log.ErrMissing) && a.copied != "":
		return fault.WithFix(fault.Usagef("%w", err), "fetch it: %s", a.copied)
	case errors.Is(err, log.ErrMissing):
		return fault.WithFix(fault.Usagef("%w", err), "name the folder that it is in with --log, or go to the repository that it is in")
	case errors.Is(err, log.ErrRolledBack) && a.copied != "":
		return fault.WithFix(fault.Refusedf("%w", err), "this is a copy, which may only be old: bring it up to date with %s. If the same is said then, the log was rolled back: %s", a.copied, a.evidence())
	case errors.Is(err, log.ErrRolledBack):
		return fault.WithFix(fault.Refusedf("%w", err), "entries were taken away from its end, or an old state was restored: %s", a.evidence())
	case errors.Is(err, log.ErrForked):
		return fault.WithFix(fault.Refusedf("%w", err), "whoever holds its key shows two histories, or it was begun anew: %s", a.evidence())
	case errors.Is(err, log.ErrCorrupt):
		return fault.WithFix(fault.Refusedf("%w", err), "`remit audit verify` says what is wrong with it; if it is the key that is another one, name the right one with --key")
	case a.remote != "" && fault.FixOf(err) == "":
		return fault.WithFix(err, "see that `git ls-remote %s` works here", a.remote)
	}
	return err
}

// evidence is what to do where a log does not hold.
func (a *auditLog) evidence() string {
	return "keep a copy of the log as it is, and of " + cmp.Or(a.pins.Path, "the checkpoint that was seen") + ", and tell whoever runs the log"
}

// pause waits between two looks, until the context ends.
func pause(ctx context.Context, env *Env, d time.Duration) error {
	if env.Wait != nil {
		return env.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
