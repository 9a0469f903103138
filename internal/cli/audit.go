package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/folder"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/pin"
	"github.com/remit-sh/remit/audit/remote"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
)

// readersVariable is the environment variable with the token of who reads a log at a server.
const readersVariable = "REMIT_AUDIT_TOKEN"

func newAudit(env *Env) *cobra.Command {
	return group("audit", "The audit log: what was decided, and on whose authority",
		newAuditLog(env), newAuditShow(env), newAuditVerify(env), newAuditExport(env), newAuditServe(env), newAuditFold(env), newAuditMigrate(env))
}

// auditSource is where the log is that somebody reads, and whose it is.
type auditSource struct {
	dir, key, remote string
	fetch            bool
}

// flags gives a command what all that read the log have.
func (s *auditSource) flags(env *Env, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.dir, "log", "", "read the log in a folder or at a server, `DIR` or URL, and not that of this repository")
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

	env     *Env
	key     string // its verifier key
	keyFrom string // who says so
	pins    pin.File
	place   string   // by which it is pinned
	pinned  *pin.Pin // what was seen before; nil for nothing
	remote  string   // that it is read from, as git calls it; "" for none
	copied  string   // what brings this copy of the log up to date; "" where it is the log itself
}

// withAudit calls f with the log, the key that it must be signed with, and what was seen of it before.
func withAudit(ctx context.Context, env *Env, source *auditSource, f func(*auditLog) error) error {
	a := &auditLog{Log: &log.Log{}, env: env}
	w, err := openWorkspace(env)
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
	ready := func() error {
		if err := a.trust(ctx, w, source); err != nil {
			return err
		}
		if a.Verifier, err = log.ParseVerifier(a.key); err != nil {
			return fault.Usagef("%w", err)
		}
		if a.pinned != nil {
			a.Pins = []log.Checkpoint{a.pinned.Checkpoint}
		}
		return f(a)
	}
	if source.dir == "" {
		return a.withBranch(ctx, w, source, ready)
	}
	if source.fetch || source.remote != "" {
		return fault.Usagef("--log names a folder, and --fetch and --remote are about a repository")
	}
	if strings.Contains(source.dir, "://") {
		a.Store, a.place = &remote.Store{URL: source.dir, Token: env.Getenv(readersVariable)}, "server "+source.dir
		return ready()
	}
	dir := env.around().Absolute(source.dir)
	a.Store, a.place = folder.Open(dir), "folder "+dir
	return ready()
}

// withBranch finds the branch: this repository's own, else the one that was fetched, or the remote's as it is now.
func (a *auditLog) withBranch(ctx context.Context, w *workspace, source *auditSource, ready func() error) error {
	a.place = gitbranch.Branch
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
	config := gitbranch.Config{GitDir: w.CommonDir, Environment: a.env.Environ, Now: a.env.Now}
	branch := strings.TrimPrefix(gitbranch.Branch, "refs/heads/")
	switch {
	case source.fetch && !known:
		return fault.WithFix(fault.Usagef("there is no remote to read the audit log from"), "leave --fetch out, or name the remote with --remote")
	case source.fetch:
		a.remote = inert.Word(remote)
		at, err := w.readingRemote(ctx, remote)
		if err != nil {
			return err
		}
		return at.With(ctx, func(store *gitbranch.Store) error {
			a.Store = store
			return ready()
		})
	case own[gitbranch.Branch] != "" && source.remote == "":
		if !w.Bare() {
			a.copied = "`git branch -D " + branch + "`, which is a branch of this clone alone, or --fetch"
		}
	case known:
		config.Ref = "refs/remotes/" + remote + "/" + branch
		a.copied = "`git fetch " + inert.Word(remote) + " " + branch + "`, or --fetch"
	}
	store, err := gitbranch.Open(ctx, config)
	if err != nil {
		return fault.Undecidedf("%w", err)
	}
	a.Store = store
	return ready()
}

// readingRemote is the log behind a remote, for whoever only reads it.
func (w *workspace) readingRemote(ctx context.Context, remote string) (auditlog.Remote, error) {
	at, err := w.auditRemote(ctx, remote)
	if err != nil {
		return at, err
	}
	url, err := w.Git(ctx, "remote", "get-url", remote)
	if err != nil {
		return at, fault.Undecidedf("finding the URL of %s: %w", inert.Word(remote), err)
	}
	at.URL = w.absoluteURL(url)
	at.Environ = append(slices.DeleteFunc(slices.Clone(at.Environ), func(kv string) bool { return strings.HasPrefix(kv, "GIT_CONFIG") }), w.loginSettings(ctx)...)
	return at, nil
}

// loginSettings is what git's configuration says here of logging in, wherever it says so, this clone's own too. Git is
// told nothing else of it.
func (w *workspace) loginSettings(ctx context.Context) []string {
	out := []string{"GIT_CONFIG_GLOBAL=" + os.DevNull}
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
		if a.keyFrom = "named by the policy, as settings.audit_key"; strings.TrimSpace(source.key) != "" {
			a.keyFrom = "named on the command line, with --key"
		}
		return nil
	case a.pinned != nil:
		a.key, a.keyFrom = a.pinned.Key, "as this clone saw it before"
		return nil
	}
	if a.key, err = a.own(ctx, w, source); a.key != "" || err != nil {
		a.keyFrom = "that of this server's own log"
		return err
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

// own is the key of a server's own log, which is at hand there; "" elsewhere.
func (a *auditLog) own(ctx context.Context, w *workspace, source *auditSource) (string, error) {
	if w == nil || source.dir != "" || source.fetch || source.remote != "" {
		return "", nil
	}
	own, key, err := w.auditPlace("").Open(ctx)
	if own == nil {
		return "", nil // whoever reads it says what is wrong with it
	}
	if err != nil {
		return "", err
	}
	return log.VerifierKey(own.Verifier.Name(), key.SSHPublicKey())
}

// pinFile is where a clone keeps what it has seen of the log.
const pinFile = "remit/audit.json"

// trustFirst trusts the key that the log itself comes with, where nobody names one and none was seen.
func (a *auditLog) trustFirst(ctx context.Context, repository string) error {
	view, err := a.Store.Look(ctx)
	if err != nil {
		return a.words(err)
	}
	files, err := view.Read(ctx, []string{log.KeyPath})
	if err != nil {
		return a.words(err)
	}
	const ask = "ask whoever runs the log for its key, and name it with --key, or in the policy as settings.audit_key"
	if files[0] == nil {
		return fault.WithFix(fault.Usagef("it is not known with which key the audit log must be signed: it does not say, and nothing else does"), ask)
	}
	a.key = strings.TrimSuffix(string(files[0]), "\n")
	v, err := log.ParseKeyFile(files[0])
	if err != nil {
		return fault.WithFix(fault.Refusedf("the audit log comes with no readable key: %w", err), ask)
	}
	if repository != "" && v.Name() != auditlog.Origin(repository) {
		return fault.WithFix(fault.Refusedf("the audit log comes with the key of %s, and not of %s", inert.Quote(v.Name()), auditlog.Origin(repository)), ask)
	}
	a.keyFrom = "from the log itself, seen for the first time: compare it with what whoever runs the log publishes"
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
