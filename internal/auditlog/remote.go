package auditlog

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/signing"
)

// Remote is a repository behind a remote that keeps a log of itself.
type Remote struct {
	URL     string
	Format  string // of its object ids, as git calls it: "sha1" or "sha256"
	Environ []string
	Now     func() time.Time
	Login   []string // what git needs to log in there; nil: [Login] of Environ
}

// With calls f with the store of the log's branch. What is fetched for it is in a folder of its own, that is removed
// afterwards: fetching as little as this would leave a clone that lacks what it should have.
func (r Remote) With(ctx context.Context, f func(*gitbranch.Store) error) (err error) {
	dir, err := os.MkdirTemp("", "remit-audit-")
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a copy
	cmd := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", "--template=", "--object-format="+r.Format, dir)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(slices.Clone(r.Environ), func(kv string) bool { return strings.HasPrefix(kv, "GIT_") }), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("opening the audit log: git init: %w: %s", err, inert.Line(strings.TrimSpace(string(out))))
	}
	login := r.Login
	if login == nil {
		login = Login(r.Environ)
	}
	store, err := gitbranch.Open(ctx, gitbranch.Config{GitDir: dir, Environment: r.Environ, Now: r.Now, Remote: r.URL, RemoteEnv: login})
	if err != nil {
		return err
	}
	return f(store)
}

// Login is what of an environment git needs to log in at a remote as whoever it is would: all but what says which
// repository is meant, and the keys of the log and of a gate.
func Login(environ []string) []string {
	var out []string
	home, global := "", false
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if name == KeyVariable || name == GateKeyVariable || strings.HasPrefix(name, "GIT_") && !strings.HasPrefix(name, "GIT_SSH") && !strings.HasPrefix(name, "GIT_CONFIG") && name != "GIT_ASKPASS" {
			continue
		}
		if name == "HOME" {
			home = value
		}
		global = global || name == "GIT_CONFIG_GLOBAL"
		out = append(out, kv)
	}
	if !global && home != "" {
		out = append(out, "GIT_CONFIG_GLOBAL="+filepath.Join(home, ".gitconfig"))
	}
	return out
}

// Keyed is a sink that appends to the log in a store, for which whoever holds its key vouches.
type Keyed struct {
	Store log.Store
	Key   signing.Signer
}

// Keep is for [record.Sink].
func (k Keyed) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (where string, err error) {
	l, err := Under(ctx, k.Store, k.Key)
	if err != nil {
		return "", err
	}
	return record.Log{Log: l, Vouch: audit.Attestation{Kind: "key", By: k.Key.SSHPublicKey().Fingerprint()}}.Keep(ctx, e, bundles)
}

// Keep is for [record.Sink], with a key that is given.
func (r Remote) Keep(ctx context.Context, key signing.Signer, e *audit.Entry, bundles [][]byte) (where string, err error) {
	err = r.With(ctx, func(store *gitbranch.Store) error {
		where, err = Keyed{store, key}.Keep(ctx, e, bundles)
		return err
	})
	return where, err
}
