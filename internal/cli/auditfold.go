package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/oidc"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// foldOptions are the flags of audit fold.
type foldOptions struct {
	key, remote, repository string
	create                  bool
	jwks, issuer, branch    string
	workflows               []string
}

func newAuditFold(env *Env) *cobra.Command {
	var o foldOptions
	c := &cobra.Command{
		Use:   "fold [--key FILE] [--create]",
		Short: "Bring entries that wait into the audit log",
		Long: "Brings the entries that wait in refs/remit/audit/spool/ into the audit log, in the branch _audit/log, and takes\n" +
			"them away from where they waited. Whoever runs it holds the log's key: a file, or the text of one in " + auditlog.KeyVariable + ";\n" +
			"in a server's repository that is its own key. Several at once do no harm, nor does being stopped.\n" +
			"A log that is not there is made with --create, and never otherwise: one that is gone must not read as empty.",
		Example: "  remit audit fold --key audit.key --create\n  " + auditlog.KeyVariable + "=\"$KEY\" remit audit fold",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.fold(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "the private key of the log, a `FILE` (default: "+auditlog.KeyVariable+", then the server's own)")
	f.StringVar(&o.remote, "remote", "", "the `REMOTE` whose log it is (default: origin where there is one, else this repository; none, and in a server's repository: this one)")
	f.StringVar(&o.repository, "repository", "", "`REPOSITORY` as host/owner/name, for --create (default: the policy's)")
	f.StringVar(&o.jwks, "jwks", "", "the keys that sign workflows' identity tokens, a `FILE` or an https address: entries that came with a token of these are vouched for")
	f.StringVar(&o.issuer, "issuer", oidc.GitHub, "the `URL` of who makes these tokens")
	f.StringVar(&o.branch, "branch", "", "the default `BRANCH`, whose workflow files are believed")
	f.StringArrayVar(&o.workflows, "workflow", nil, "a workflow `FILE` that is believed, such as remit.yml (repeatable)")
	f.BoolVar(&o.create, "create", false, "make the log where there is none")
	return c
}

func (w *workspace) fold(ctx context.Context, o foldOptions) error {
	remote, err := w.gateRemote(ctx, o.remote)
	if err != nil {
		return err
	}
	key, err := w.auditKey(o.key)
	if err != nil {
		return err
	}
	place := w.auditPlace("hook")
	if _, err := os.Lstat(place.KeyPath()); err == nil && o.remote == "" {
		remote = "" // a server's repository, wherever it was cloned from
	}
	if remote != "" {
		if key == nil {
			return w.noAuditKey()
		}
		at, err := w.auditRemote(ctx, remote)
		if err != nil {
			return err
		}
		return at.With(ctx, func(store *gitbranch.Store) error { return w.foldInto(ctx, store, key, o) })
	}
	if key == nil {
		if _, key, err = place.Open(ctx); errors.Is(err, auditlog.ErrNone) {
			return w.noAuditKey()
		}
		if err != nil {
			return err
		}
	}
	store, err := place.Store(ctx)
	if err != nil {
		return err
	}
	return w.foldInto(ctx, store, key, o)
}

func (w *workspace) noAuditKey() error {
	return fault.WithFix(fault.Usagef("the audit log's key is not here"),
		"name it with --key FILE, or put the text of the file into %s; for a new log, `ssh-keygen -t ed25519 -N '' -f audit.key` makes one", auditlog.KeyVariable)
}

func (w *workspace) foldInto(ctx context.Context, store *gitbranch.Store, key signing.Signer, o foldOptions) error {
	f := &auditlog.Folding{Store: store, Key: key}
	if o.create {
		f.Create = func(ctx context.Context) (string, error) { return w.auditedRepository(ctx, o.repository) }
	}
	var err error
	if f.Tokens, err = w.foldTokens(ctx, o); err != nil {
		return err
	}
	done, err := f.Run(ctx)
	if done.Begun != "" {
		fmt.Fprintf(w.env.Stderr, "begun: the audit log %s, which is verified with %s\n", done.Origin, done.Begun)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(w.env.Stdout, done.Summary())
	for _, n := range done.Notes {
		fmt.Fprintf(w.env.Stderr, "note: %s\n", n)
	}
	return nil
}

// foldTokens is by what tokens entries are believed; nil without --jwks.
func (w *workspace) foldTokens(ctx context.Context, o foldOptions) (*auditlog.Tokens, error) {
	if o.jwks == "" {
		return nil, nil
	}
	if o.branch == "" || len(o.workflows) == 0 {
		return nil, fault.WithFix(fault.Usagef("--jwks says who signs tokens, and not which workflows are believed"),
			"name the default branch and the files that run remit there: --branch main --workflow remit.yml")
	}
	name, err := w.auditedRepository(ctx, o.repository)
	if err != nil {
		return nil, err
	}
	if err := auditlog.CheckWorkflows(o.workflows, name, o.branch); err != nil {
		return nil, fault.Usagef("--workflow: %w", err)
	}
	host, _, _ := strings.Cut(name, "/")
	t := &auditlog.Tokens{
		Issuer: oidc.Issuer{URL: o.issuer, Host: host}, Workflows: o.workflows, Branch: o.branch,
		Keys: func(ctx context.Context) (*oidc.Keys, error) { return auditlog.KeysAt(ctx, w.env.HTTP, o.jwks) },
	}
	if !strings.Contains(o.jwks, "://") {
		text, err := w.env.around().ReadNamed(o.jwks, oidc.MaxKeys)
		if err != nil {
			return nil, fault.Usagef("--jwks: %w", err)
		}
		keys, err := oidc.ParseKeys(text)
		if err != nil {
			return nil, fault.Usagef("--jwks: %w", err)
		}
		t.Older, t.Keys = true, func(context.Context) (*oidc.Keys, error) { return keys, nil }
	}
	return t, nil
}

// auditKey is the audit log's key that was handed over: a file, else the text in the environment; nil for none.
func (w *workspace) auditKey(file string) (signing.Signer, error) {
	if file != "" {
		key, err := keystore.LoadFile(w.env.around().Absolute(file), nil)
		if err != nil {
			return nil, fault.Usagef("--key: %w", err)
		}
		return key, nil
	}
	text := w.env.Getenv(auditlog.KeyVariable)
	if text == "" {
		return nil, nil
	}
	return auditlog.ParseKey(auditlog.KeyVariable, text)
}

// auditPlace is the log of the repository that is here; by is who vouches for what is appended.
func (w *workspace) auditPlace(by string) auditlog.Place {
	return auditlog.Place{GitDir: w.CommonDir, Environ: w.env.Environ, Now: w.env.Now, Vouch: by}
}

// auditRemote is the log of the repository behind a remote.
func (w *workspace) auditRemote(ctx context.Context, remote string) (auditlog.Remote, error) {
	url, err := w.Git(ctx, "remote", "get-url", "--push", remote) // what is pushed is read back
	if err != nil {
		return auditlog.Remote{}, fault.Undecidedf("finding the URL of %s: %w", remote, err)
	}
	format, err := w.Git(ctx, "rev-parse", "--show-object-format")
	if err != nil {
		return auditlog.Remote{}, fault.Undecidedf("finding the form of object ids: %w", err)
	}
	return auditlog.Remote{URL: w.absoluteURL(url), Format: format, Environ: w.env.Environ, Now: w.env.Now}, nil
}

// auditedRepository is what the repository of a new log is called.
func (w *workspace) auditedRepository(ctx context.Context, flag string) (string, error) {
	p, err := decide.IssuingPolicy(ctx, w.Repo)
	if err != nil && flag == "" {
		return "", err
	}
	return w.repositoryName(ctx, flag, p)
}

// absoluteURL is a remote's URL as git takes it anywhere: a folder counts from here.
func (w *workspace) absoluteURL(url string) string {
	if strings.Contains(url, "://") || filepath.IsAbs(url) {
		return url
	}
	base := w.Worktree
	if base == "" {
		base = w.GitDir
	}
	host, _, scp := strings.Cut(url, ":") // git takes a colon before any slash for a host's
	if scp && !strings.Contains(host, "/") {
		return url
	}
	return filepath.Join(base, url)
}
