// Package auditlog is the audit log that a repository keeps of itself: in a branch of it, under a key that lies beside.
//
// A server's hook begins both at its first decision. The key is made under another name, the log then, and last the key
// gets its own: whoever finds a key without a log, or a log without its key, knows that one of them was lost, and
// records nothing until an administrator has looked. A log that is gone never reads as one that is empty.
package auditlog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// KeyVariable is the environment variable that may hold the log's key, as the text of an OpenSSH key file.
const KeyVariable = "REMIT_AUDIT_KEY"

// GateKeyVariable is the environment variable that may hold the key with which a gate signs what it says of deploys, where
// it does not have the log's, likewise.
const GateKeyVariable = "REMIT_GATE_KEY"

// Unsigned says how a gate comes to sign what it says of deploys.
const Unsigned = "There is no deploy statement of this, because no key is at hand to sign one. Put the text of a key file of its own into " + GateKeyVariable +
	" of the gate (the action's input gate-key), such as `ssh-keygen -t ed25519 -N '' -f gate.key` makes it; a gate that holds the audit log's key signs with that."

// ParseKey reads a key from the text of an OpenSSH key file that an environment variable holds: plain Ed25519, without a
// passphrase. No error quotes it.
func ParseKey(variable, text string) (signing.Signer, error) {
	key, err := keystore.Parse([]byte(text), nil)
	if err == nil {
		err = key.SSHPublicKey().AgentKey()
	}
	if err != nil {
		return nil, fault.WithFix(fault.Usagef("%s holds no key that can be used: %w", variable, err),
			"put the whole text of an OpenSSH key file of Ed25519 without a passphrase into it, all of its lines")
	}
	return key, nil
}

// Origin is what the log of a repository, "host/owner/name", is called.
func Origin(repository string) string { return repository + "/audit" }

// Place is a repository that is here and keeps a log of itself.
type Place struct {
	GitDir    string // its git directory; of a work tree the one that all of them share
	Namespace string // git's; each has a log of its own
	Environ   []string
	Now       func() time.Time
	Vouch     string // how it is known that what is appended is true: "hook", "key"
}

// Branch is the full name of the branch that the log is in.
func (p Place) Branch() string {
	ref := gitbranch.Branch
	parts := strings.Split(p.Namespace, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] != "" {
			ref = "refs/namespaces/" + parts[i] + "/" + ref
		}
	}
	return ref
}

// KeyPath is the file of the log's key.
func (p Place) KeyPath() string {
	name := "audit.key"
	if p.Namespace != "" {
		sum := sha256.Sum256([]byte(p.Namespace))
		name = "audit-" + hex.EncodeToString(sum[:8]) + ".key"
	}
	return filepath.Join(p.GitDir, "remit", name)
}

// begun is the file of the key of a log that is being made.
func (p Place) begun() string { return p.KeyPath() + ".new" }

// Store is where the log's files are, whether they are there or not.
func (p Place) Store(ctx context.Context) (*gitbranch.Store, error) {
	return gitbranch.Open(ctx, gitbranch.Config{GitDir: p.GitDir, Ref: p.Branch(), Environment: p.Environ, Now: p.Now})
}

// ErrNone says that neither the log nor its key is there: the first decision begins both.
var ErrNone = errors.New("there is no audit log here yet")

// Open opens the log. Where neither it nor its key is there the error wraps [ErrNone]; where one of them is, or they do
// not fit, it says how an administrator mends it.
func (p Place) Open(ctx context.Context) (*log.Log, signing.Signer, error) {
	store, err := p.Store(ctx)
	if err != nil {
		return nil, nil, err
	}
	return p.open(ctx, store)
}

func (p Place) open(ctx context.Context, store *gitbranch.Store) (*log.Log, signing.Signer, error) {
	key, err := keystore.LoadFile(p.KeyPath(), nil)
	if errors.Is(err, keystore.ErrNoKey) {
		_, unfinished := os.Lstat(p.begun())
		if _, err := store.Look(ctx); errors.Is(err, log.ErrMissing) || err == nil && unfinished == nil {
			return nil, nil, ErrNone
		}
		key, err = keystore.LoadFile(p.KeyPath(), nil) // somebody may just have made it
		if errors.Is(err, keystore.ErrNoKey) {
			return nil, nil, p.keyLost()
		}
	}
	if err != nil {
		return nil, nil, fault.WithFix(fault.Undecidedf("the key of the audit log cannot be read: %w", err),
			"an administrator of this server gives %s to the account that pushes are served by, for it alone (`chown ACCOUNT`, `chmod 600`)", p.KeyPath())
	}
	l, err := Under(ctx, store, key)
	switch {
	case errors.Is(err, log.ErrMissing):
		return nil, nil, p.logLost()
	case errors.Is(err, ErrAnotherKey):
		return nil, nil, fault.WithFix(fault.Undecidedf("%w", err),
			"an administrator of this server puts the log's own key back as %s, from a backup; where it is lost for good: `git update-ref %s.lost %s && git update-ref -d %s && mv %s %s` keeps both aside, and a new log begins",
			p.KeyPath(), p.Branch(), p.Branch(), p.Branch(), Quote(p.KeyPath()), Quote(p.KeyPath()+".lost"))
	case err != nil:
		return nil, nil, err
	}
	return l, key, nil
}

func (p Place) keyLost() error {
	return fault.WithFix(fault.Undecidedf("the audit log is there, in %s, and its key is not: %s is missing", p.Branch(), p.KeyPath()),
		"an administrator of this server puts the key back from a backup; where it is lost for good: `git update-ref %s.lost %s && git update-ref -d %s` keeps the log aside, and a new one begins under a new key",
		p.Branch(), p.Branch(), p.Branch())
}

func (p Place) logLost() error {
	return fault.WithFix(fault.Undecidedf("the key of the audit log is there, and the log is not: %s is missing", p.Branch()),
		"an administrator of this server puts the log back: `git fetch CLONE refs/remotes/origin/_audit/log:%s` from a clone that has it, or from a backup; where it is lost for good: `mv %s %s`, and a new one begins under a new key",
		p.Branch(), Quote(p.KeyPath()), Quote(p.KeyPath()+".lost"))
}

// Quote writes a path for a shell.
func Quote(path string) string {
	if strings.ContainsAny(path, " '\"\\$`!*?[](){}<>|&;#~\t\n") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// ErrAnotherKey says that a log is not that of a key.
var ErrAnotherKey = errors.New("the audit log is of another key than the one that is here")

// maxBack is how many states before the current one are looked at for the key that a log is of.
const maxBack = 100

// Under is the log in a store, for whoever holds its key: it is called what its own file of the key says. Where that file
// was spoiled, a state before says it: the log goes on from there.
func Under(ctx context.Context, store log.Store, key signing.Signer) (*log.Log, error) {
	view, err := store.Look(ctx)
	if err != nil {
		return nil, err
	}
	l, spoiled := under(ctx, store, view, key)
	err = spoiled
	for back := 0; err != nil; back++ {
		older, ok := view.(interface {
			Before(ctx context.Context) (log.View, error)
		})
		if !ok || !errors.Is(err, log.ErrCorrupt) && !errors.Is(err, ErrAnotherKey) || back == maxBack {
			return nil, spoiled
		}
		if view, err = older.Before(ctx); err != nil || view == nil {
			return nil, errors.Join(spoiled, err)
		}
		l, err = under(ctx, store, view, key)
	}
	return l, nil
}

func under(ctx context.Context, store log.Store, view log.View, key signing.Signer) (*log.Log, error) {
	files, err := view.Read(ctx, []string{log.KeyPath})
	if err != nil {
		return nil, err
	}
	there, err := log.ParseKeyFile(files[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", log.ErrCorrupt, err)
	}
	own, err := named(store, there.Name(), key)
	if err != nil {
		return nil, err
	}
	if own.Verifier.KeyHash() != there.KeyHash() {
		return nil, ErrAnotherKey
	}
	return own, nil
}

// named is a log of that name under a key, whether it is there or not.
func named(store log.Store, origin string, key signing.Signer) (*log.Log, error) {
	signer, err := log.NewSigner(origin, key)
	if err != nil {
		return nil, err
	}
	verifier, err := log.NewVerifier(origin, key.SSHPublicKey())
	if err != nil {
		return nil, err
	}
	return &log.Log{Store: store, Signer: signer, Verifier: verifier}, nil
}

// Begin makes the log of a repository in a store under a key. Where one is, the error wraps [log.ErrExist].
func Begin(ctx context.Context, store log.Store, repository string, key signing.Signer) (*log.Log, error) {
	l, err := named(store, Origin(repository), key)
	if err != nil {
		return nil, err
	}
	if _, err := l.Create(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// begin makes the log and its key. Several that do so at once make one.
func (p Place) begin(ctx context.Context, store *gitbranch.Store, repository string) (*log.Log, signing.Signer, error) {
	cannot := func(err error) error {
		return fault.WithFix(fault.Undecidedf("the audit log cannot be begun: %w", err),
			"an administrator of this server lets the account that pushes are served by write in %s", filepath.Dir(p.KeyPath()))
	}
	if err := os.Mkdir(filepath.Dir(p.KeyPath()), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, nil, cannot(err)
	}
	// Before the log is there: a loss of power must not take its key with the folder.
	if err := atomicfile.SyncFolder(p.GitDir); err != nil {
		return nil, nil, cannot(err)
	}
	made, err := keystore.Mint("audit log of "+repository, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := made.Write(p.begun()); err != nil && !errors.Is(err, keystore.ErrExists) {
		return nil, nil, cannot(err)
	}
	key, err := keystore.LoadFile(p.begun(), nil)
	var text []byte
	if err == nil {
		text, err = os.ReadFile(p.begun())
	}
	if err == nil {
		key, err = keystore.Parse(text, nil) // of what is put in place below
	}
	if err != nil {
		return p.finished(ctx, store, cannot(err))
	}
	if _, err := Begin(ctx, store, repository, key); err != nil && !errors.Is(err, log.ErrExist) {
		return nil, nil, err
	}
	if _, err := Under(ctx, store, key); err != nil {
		return p.finished(ctx, store, err)
	}
	// It takes no other's place: whoever was first has made the key of the log that is there.
	if err := (atomicfile.Writer{Mode: 0o600}).Create(p.KeyPath(), text); err != nil {
		return p.finished(ctx, store, cannot(err))
	}
	return p.finished(ctx, store, nil)
}

// finished is the log where it is whole by now, whoever made it, else the error.
func (p Place) finished(ctx context.Context, store *gitbranch.Store, cause error) (*log.Log, signing.Signer, error) {
	l, key, err := p.open(ctx, store)
	if err != nil {
		return nil, nil, cmp.Or(cause, err)
	}
	_ = os.Remove(p.begun()) // a copy of the key, or one that no log is of
	return l, key, nil
}

// Keep is for [record.Sink]: it appends to the log, for which the account that the hook runs as vouches, and begins it
// where neither it nor its key is there.
func (p Place) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (where string, err error) {
	store, err := p.Store(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = store.Close() }() // only read from
	end := turn(ctx, p.KeyPath()+".lock")
	defer func() { end() }()
	l, key, err := p.open(ctx, store)
	if errors.Is(err, ErrNone) {
		l, key, err = p.begin(ctx, store, e.Repository)
		end()
		end = turn(ctx, p.KeyPath()+".lock") // its folder may be new
	}
	if err != nil {
		return "", err
	}
	sink := record.Log{Log: l, Vouch: audit.Attestation{Kind: p.Vouch, By: key.SSHPublicKey().Fingerprint()}}
	return sink.Keep(ctx, e, bundles)
}

// Repository is what the repository is called whose log it is; "" where there is none that can be read.
func (p Place) Repository(ctx context.Context) string {
	l, _, err := p.Open(ctx)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(l.Verifier.Name(), Origin(""))
}

// State is how the log of a place stands.
type State struct {
	None        bool   // there is none yet: it is begun at the first decision
	VerifierKey string // as other tools take it
	Size        int64  // entries
}

// Look looks at the log. An error says why nothing is recorded there.
func (p Place) Look(ctx context.Context) (State, error) {
	l, key, err := p.Open(ctx)
	if errors.Is(err, ErrNone) {
		return State{None: true}, nil
	}
	if err != nil {
		return State{}, err
	}
	c, err := l.Checkpoint(ctx)
	if err != nil {
		return State{}, err
	}
	text, err := log.VerifierKey(c.Origin, key.SSHPublicKey())
	return State{VerifierKey: text, Size: c.Size}, err
}
