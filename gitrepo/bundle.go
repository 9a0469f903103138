package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing/gitobject"
)

// Where delegations live, one blob a ref.
const (
	remitRefs      = "refs/remit/"
	delegationRefs = "refs/remit/delegations/"
)

// maxPublished bounds the delegations of one push, so that a command line holds them.
const maxPublished = 500

// ErrOtherContent means that the ref of a delegation holds something else already. It is never
// changed.
var ErrOtherContent = errors.New("the ref of that delegation already holds something else")

// Bundle finds a delegation's bundle by its digest ("sha256:…"), at its ref. What it returns was
// parsed and has that digest; whether its links hold is for the checker to say.
func (r *Repo) Bundle(digest string) evidence.Bundle {
	var b evidence.Bundle
	err := r.with(func(s *remembering) error {
		b = r.findBundle(s, digest, nil)
		return nil
	})
	if err != nil {
		return evidence.Bundle{Why: err.Error()}
	}
	return b
}

// findBundle looks at the ref, and where that has nothing usable, or a bundle that somebody spoiled, at
// the blob that comes in.
func (r *Repo) findBundle(src source, digest string, incoming map[string]string) evidence.Bundle {
	ref := delegation.RefName(digest)
	if ref == "" {
		return evidence.Bundle{Why: "that is not a digest"}
	}
	found := evidence.Bundle{Source: ref}
	authentic := false
	id, err := r.resolve(r.namespace() + ref)
	if err == nil {
		found.Raw, authentic, err = readAuthentic(src, id, digest)
		if authentic {
			return found
		}
	}
	if name, ok := incoming[digest]; ok {
		id, incomingErr := r.parse(name)
		var raw []byte
		if incomingErr == nil {
			raw, authentic, incomingErr = readAuthentic(src, id, digest)
		}
		if authentic || raw != nil && found.Raw == nil {
			return evidence.Bundle{Raw: raw, Source: ref + " of this push"}
		}
		if found.Raw == nil {
			err = incomingErr
		}
	}
	if found.Raw != nil {
		return found
	}
	found.Why = err.Error()
	if errors.Is(err, errNoRef) {
		found.Why = "there is no such ref here"
	}
	return found
}

// readAuthentic is readBundle, and tells whether the bundle is authentic.
func readAuthentic(src source, id oid, digest string) (raw []byte, authentic bool, err error) {
	raw, chain, err := readBundle(src, id, digest, delegation.ParseBundle)
	return raw, err == nil && chain.Authentic() == nil, err
}

// readBundle reads a blob that must be the bundle with this digest. No more of it is read than a bundle may have.
func readBundle(src source, id oid, digest string, parse func([]byte) (delegation.Chain, error)) ([]byte, delegation.Chain, error) {
	raw, err := readKind(src, id, plumbing.BlobObject, delegation.MaxBundleSize)
	if err != nil {
		return nil, nil, err
	}
	chain, err := parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("blob %s is no delegation bundle: %w", id, err)
	}
	if got := chain.Digest(); got != digest {
		return nil, nil, fmt.Errorf("blob %s is the bundle of another delegation, %s", id, got)
	}
	return raw, chain, nil
}

// bundles resolves every delegation that a commit or tag names by digest.
func (c *collection) bundles(incoming map[string]string) error {
	wanted := map[string]bool{}
	for _, d := range c.opt.Delegations {
		wanted[d] = true
	}
	for i := range c.Collected.Commits {
		_, message, _ := bytes.Cut(c.Collected.Commits[i].Raw, []byte("\n\n"))
		want(wanted, string(message))
	}
	for i := range c.Tags {
		if t, err := gitobject.ParseTag(c.Tags[i].Raw); err == nil {
			want(wanted, t.Message)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if most := c.opt.Limits.MaxDelegationRef; len(wanted) > most {
		c.Gaps = append(c.Gaps, c.repo.gap("the delegations", oid{}, fmt.Errorf("%w: %d delegations, at most %d", errLimit, len(wanted), most)))
		return nil
	}
	c.Bundles = make(map[string]evidence.Bundle, len(wanted))
	for digest := range wanted {
		c.Bundles[digest] = c.repo.findBundle(c.src, digest, incoming)
	}
	return nil
}

// want adds the digest that a message names. A trailer that is refused names nothing: the checker
// refuses it too.
func want(wanted map[string]bool, message string) {
	if ref, ok, err := delegation.ParseTrailer(message); err == nil && ok && ref.Inline == nil {
		wanted[ref.Digest] = true
	}
}

// DigestsLike lists, in order, the digests of the delegations that begin as a digest does which was cut short: those
// that have a ref here, and those that updates bring. Whether a delegation stands there is not looked at.
func (r *Repo) DigestsLike(short string, updates []RefUpdate) ([]string, error) {
	prefix := r.namespace() + delegationRefs
	refs, err := r.refs(prefix, "")
	if err != nil {
		return nil, fmt.Errorf("listing delegations: %w", err)
	}
	found := map[string]bool{}
	add := func(name string, ok bool) {
		if digest := "sha256:" + name; ok && strings.HasPrefix(digest, short) && names.CheckDigest(digest) == nil {
			found[digest] = true
		}
	}
	for ref := range refs {
		add(strings.CutPrefix(ref, prefix))
	}
	for _, u := range updates {
		if u.New != "" {
			add(strings.CutPrefix(u.Ref, delegationRefs))
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// LocalDelegations lists the delegations of this repository's own refs, by digest, and one error for
// each ref under refs/remit/delegations/ that holds none.
func (r *Repo) LocalDelegations() ([]delegation.Chain, []error) {
	refs, err := r.refs(delegationRefs, "")
	if err != nil {
		return nil, []error{fmt.Errorf("listing delegations: %w", err)}
	}
	names := slices.Sorted(maps.Keys(refs))
	chains, failed := make([]delegation.Chain, len(names)), make([]error, len(names))
	workers := min(runtime.GOMAXPROCS(0), len(names)/preloadFrom+1)
	errs := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			errs[w] = r.with(func(s *remembering) error {
				var reader delegation.Reader
				for i := w; i < len(names); i += workers {
					_, chains[i], failed[i] = readBundle(s, refs[names[i]].id, "sha256:"+strings.TrimPrefix(names[i], delegationRefs), reader.ParseBundle)
				}
				return nil
			})
		})
	}
	wait.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	for i, err := range errs {
		errs[i] = fmt.Errorf("listing delegations: %w", err)
	}
	for i, err := range failed {
		if err != nil {
			errs = append(errs, fmt.Errorf("reading delegation %s: %w", inert.Quote(names[i]), err))
		}
	}
	return slices.DeleteFunc(chains, func(c delegation.Chain) bool { return c == nil }), errs
}

// StoreBundle writes a chain as a blob and creates its local ref. A ref that holds it already is
// fine; one that holds anything else stays as it is, and the error is [ErrOtherContent].
func (r *Repo) StoreBundle(ctx context.Context, c delegation.Chain) error {
	digest := c.Digest()
	ref := delegation.RefName(digest)
	if ref == "" {
		return errors.New("storing a delegation: the chain is empty")
	}
	bundle := c.Marshal()
	if _, err := delegation.ParseBundle(bundle); err != nil {
		return fmt.Errorf("storing delegation %s, which nobody could read again: %w", digest, err)
	}
	write := r.command(ctx, "hash-object", "-w", "-t", "blob", "--no-filters", "--stdin")
	write.Stdin = bytes.NewReader(bundle)
	out, err := run(write)
	if err != nil {
		return fmt.Errorf("storing delegation %s: %w", digest, err)
	}
	id, err := r.parse(strings.TrimSpace(string(out)))
	if err != nil {
		return fmt.Errorf("storing delegation %s: %w", digest, err)
	}
	create := r.command(ctx, "update-ref", "--no-deref", "--stdin")
	create.Stdin = strings.NewReader("create " + ref + " " + id.String() + "\n")
	if _, err = run(create); err == nil {
		return nil
	}
	switch there, refErr := r.resolve(ref); {
	case refErr == nil && (there == id || r.holdsAuthentic(there, digest)):
		return nil // a signature of some kinds of key has more than one form
	case refErr == nil:
		return fmt.Errorf("storing delegation %s at %s: %w", digest, ref, ErrOtherContent)
	default:
		return fmt.Errorf("storing delegation %s: %w", digest, err)
	}
}

// top is where git takes the relative paths of remotes to begin: the work tree, or in a bare
// repository the git directory.
func (r *Repo) top() string {
	switch {
	case r.commonDir != r.gitDir:
		here, err := os.Getwd()
		if err != nil {
			here = r.gitDir
		}
		if tree := linkedWorktree(r.gitDir, here); tree != "" {
			return tree
		}
	case filepath.Base(r.gitDir) == ".git":
		return filepath.Dir(r.gitDir)
	}
	return r.gitDir
}

// usersOwn is a command of git by which the user reaches a remote.
func (r *Repo) usersOwn(ctx context.Context, args ...string) *exec.Cmd {
	cmd := r.command(ctx, args...)
	cmd.Dir, cmd.Env = r.top(), r.userEnvironment()
	return cmd
}

// userEnvironment is the caller's own environment, pointed at this repository and told not to ask, unless somebody
// is there.
func (r *Repo) userEnvironment() []string {
	var out []string
	for _, v := range r.env {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		// What a hook's git set for the operation under way is not for this one.
		case "GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX",
			"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE":
			continue
		}
		out = append(out, v)
	}
	if !r.asks {
		out = append(out, "GIT_TERMINAL_PROMPT=0")
	}
	return append(out, "GIT_DIR="+r.gitDir, "LC_ALL=C")
}
