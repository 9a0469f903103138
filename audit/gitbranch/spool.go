package gitbranch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/inert"
)

// SpoolPrefix is where refs are that wait to be folded into the log. Each is at a blob and named by its SHA-256.
const SpoolPrefix = "refs/remit/audit/spool/"

// The limits of a spool.
const (
	MaxProof     = 16 << 10 // bytes
	maxBundles   = 1 << 20  // bytes of the delegation bundles of one entry
	maxSpoolSize = audit.MaxSize + MaxProof + 2 + maxBundles
	maxSpooled   = 100_000                // refs that one fold reads
	pushTries    = 5                      // of a server that is busy
	pushPause    = 100 * time.Millisecond // before the second of them, and twice as long before each other
)

// ErrRefused says that the remote does not let whoever asks write there, so that asking again is of no use.
var ErrRefused = errors.New("the remote does not let this program write there")

// Spooled is an entry on its way into the log, with what shows where it comes from.
type Spooled struct {
	Name  string // of its ref, below [SpoolPrefix]
	Entry *audit.Entry
	Proof []byte // such as a workflow's OIDC token whose audience is the entry's digest; printable ASCII, or none
	// Bundles are those of the delegations that the entry names, and the statements that it names.
	Bundles [][]byte
}

// encodeSpooled is an entry, its proof and its delegation bundles, a line each.
func encodeSpooled(e *audit.Entry, proof []byte, bundles [][]byte) ([]byte, error) {
	if !e.Attestation.IsZero() {
		return nil, errors.New("the entry vouches for itself: only who folds it says whether it is attested")
	}
	if err := checkProof(proof); err != nil {
		return nil, err
	}
	b, err := e.Encode()
	if err != nil {
		return nil, err
	}
	b = append(append(append(b, '\n'), proof...), '\n')
	for size := 0; len(bundles) > 0; bundles = bundles[1:] {
		if size += len(bundles[0]) + 1; size > maxBundles {
			return nil, fmt.Errorf("its delegations have more than %d bytes", maxBundles)
		}
		if err := checkBundle(bundles[0]); err != nil {
			return nil, err
		}
		b = append(append(b, bundles[0]...), '\n')
	}
	return b, nil
}

func checkBundle(b []byte) error {
	if len(b) == 0 || bytes.ContainsRune(b, '\n') {
		return errors.New("a delegation bundle of it is not one line")
	}
	return nil
}

// parseSpooled reads what encodeSpooled wrote, and nothing else.
func parseSpooled(b []byte) (*Spooled, error) {
	if len(b) > maxSpoolSize {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), maxSpoolSize)
	}
	entry, rest, ok := bytes.Cut(b, []byte("\n"))
	proof, behind, whole := bytes.Cut(rest, []byte("\n"))
	if !ok || !whole || len(behind) > 0 && behind[len(behind)-1] != '\n' {
		return nil, errors.New("it does not have whole lines")
	}
	var bundles [][]byte
	for line := range bytes.Lines(behind) {
		line = line[:len(line)-1]
		if err := checkBundle(line); err != nil {
			return nil, err
		}
		bundles = append(bundles, line)
	}
	if err := checkProof(proof); err != nil {
		return nil, err
	}
	e, err := audit.Parse(entry)
	if err != nil {
		return nil, err
	}
	if !e.Attestation.IsZero() {
		return nil, errors.New("it vouches for itself")
	}
	return &Spooled{Name: spoolName(b), Entry: e, Proof: proof, Bundles: bundles}, nil
}

func checkProof(proof []byte) error {
	if len(proof) > MaxProof {
		return fmt.Errorf("its proof has %d bytes, at most %d are read", len(proof), MaxProof)
	}
	if bytes.ContainsFunc(proof, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("its proof is not printable ASCII")
	}
	return nil
}

// spoolName is the name of the ref of some bytes: whoever takes a name that is not theirs is found out.
func spoolName(b []byte) string { return strings.TrimPrefix(audit.Digest(b), "sha256:") }

// Spool is where entries wait. Writers never hinder each other: each makes a ref of its own.
type Spool struct {
	Store *Store
	// Remote is where the spool is, as git takes it; "": the store's own repository. RemoteEnv is what git needs
	// beside that to log in there, such as GIT_SSH_COMMAND or a header by GIT_CONFIG_COUNT.
	Remote    string
	RemoteEnv []string
}

// Add hands an entry over, with the bundles of the delegations that it names, and returns the name of its ref. When it returns without an error the entry lasts, as long
// as nobody who may delete refs does: that it was folded is seen by [log.Log.Find] with its identity. Handing the same
// over again does no harm.
func (s *Spool) Add(ctx context.Context, e *audit.Entry, proof []byte, bundles ...[]byte) (name string, err error) {
	b, err := encodeSpooled(e, proof, bundles)
	if err != nil {
		return "", fmt.Errorf("spooling an audit entry: %w", err)
	}
	out, err := s.Store.run(ctx, bytes.NewReader(b), "hash-object", "-w", "--stdin")
	id := strings.TrimSpace(out)
	if err == nil && s.Remote == "" {
		err = s.Store.saveObject(id)
	}
	if err == nil {
		name = spoolName(b)
		err = s.put(ctx, SpoolPrefix+name, id)
	}
	if err != nil {
		return "", fmt.Errorf("spooling an audit entry: %w", err)
	}
	return name, nil
}

func (s *Spool) put(ctx context.Context, ref, id string) error {
	if s.Remote != "" {
		return s.push(ctx, ref, id)
	}
	_, err := s.Store.run(ctx, nil, "update-ref", ref, id, s.Store.none)
	if err != nil {
		// The same entry may be there already.
		if now, readErr := s.Store.run(ctx, nil, "rev-parse", "--verify", "--quiet", ref); readErr != nil || strings.TrimSpace(now) != id {
			return err
		}
	}
	return s.Store.saveRef(ref)
}

// push makes the ref on the remote. Whether it is there is read from the remote and not from what git says.
func (s *Spool) push(ctx context.Context, ref, id string) (err error) {
	for try, pause := 1, pushPause; ; try, pause = try+1, pause*2 {
		if _, err = s.remote(ctx, "push", "--quiet", "--no-verify", "--force-with-lease="+ref+":", s.Remote, id+":"+ref); err == nil {
			return nil
		}
		if now, readErr := s.remote(ctx, "ls-remote", "--quiet", s.Remote, ref); readErr == nil && now == id+"\t"+ref+"\n" {
			return nil
		}
		if refused(err) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if try == pushTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// refused reports whether an error of git says that a web server does not take the login.
func refused(err error) bool {
	for _, said := range []string{"returned error: 401", "returned error: 403", "Authentication failed", "could not read Username"} {
		if strings.Contains(err.Error(), said) {
			return true
		}
	}
	return false
}

// remote runs a command of git that reaches the remote.
func (s *Spool) remote(ctx context.Context, args ...string) (string, error) {
	return s.Store.runRemote(ctx, s.RemoteEnv, nil, args...)
}

// saveRef saves the folder that a ref is in, and those above it: git makes them where it needs them, takes them away with
// the last ref, and saves none.
func (s *Store) saveRef(ref string) error {
	for dir := filepath.Dir(filepath.FromSlash(ref)); dir != "."; dir = filepath.Dir(dir) {
		if err := ignoreAbsent(atomicfile.SyncFolder(filepath.Join(s.common, dir))); err != nil {
			return err
		}
	}
	return nil
}

// saveObject saves the name of an object that has a file of its own, which git does not. One that has none was there
// before, in a pack.
func (s *Store) saveObject(id string) error {
	objects := filepath.Join(s.common, "objects")
	if len(id) != len(s.none) {
		return fmt.Errorf("git hash-object answers %s", inert.Quote(id))
	}
	return errors.Join(ignoreAbsent(atomicfile.SyncFolder(filepath.Join(objects, id[:2]))), atomicfile.SyncFolder(objects))
}
