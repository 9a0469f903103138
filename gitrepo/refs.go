package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// Bounds on reading refs.
const (
	maxLooseRef = 4 << 10 // bytes
	maxSymbolic = 5       // refs that lead on to a ref; git's bound
)

// Refs returns the object that each ref names whose full name begins with prefix ("" for all), from
// loose and packed refs. Refs that name nothing are left out. In a receive hook these are the
// values from before the push.
func (r *Repo) Refs(prefix string) (map[string]string, error) { return r.namesOf(prefix, "") }

// PlainRefs is all refs but those below refs/remit/, of which there may be as many as there were delegations.
func (r *Repo) PlainRefs() (map[string]string, error) { return r.namesOf("refs/", remitRefs) }

func (r *Repo) namesOf(prefix, skip string) (map[string]string, error) {
	refs, err := r.refs(prefix, skip)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(refs))
	for name, ref := range refs {
		out[name] = ref.id.String()
	}
	return out, nil
}

// refValue is what a ref names.
type refValue struct {
	id     oid
	peeled oid // what an annotated tag leads to, where packed-refs says so
}

// refs lists the refs under prefix, without those under skip where that is not "".
func (r *Repo) refs(prefix, skip string) (map[string]refValue, error) {
	if r.format.reftable {
		return r.refsByGit(prefix, skip)
	}
	refs := map[string]refValue{}
	packed, err := r.openPackedRefs()
	if err != nil {
		return nil, err
	}
	if packed != nil {
		defer packed.close()
		if err := packed.add(refs, prefix, skip); err != nil {
			return nil, err
		}
	}
	// Only what stands below the last slash of the prefix has to be walked.
	top := prefix[:strings.LastIndexByte(prefix, '/')+1]
	if !strings.HasPrefix(top, "refs/") {
		top = "refs/"
	}
	roots := []string{r.commonDir}
	if r.gitDir != r.commonDir {
		roots = append(roots, r.gitDir) // refs/bisect, refs/worktree
	}
	for _, root := range roots {
		if err := r.looseRefs(root, top, prefix, skip, refs); err != nil {
			return nil, fmt.Errorf("reading refs: %w", err)
		}
	}
	return refs, nil
}

func (r *Repo) looseRefs(root, top, prefix, skip string, refs map[string]refValue) error {
	return filepath.WalkDir(filepath.Join(root, filepath.FromSlash(top)), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile, or never there
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		if e.IsDir() {
			if skip != "" && strings.HasPrefix(name+"/", skip) || !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, ".lock") {
			return nil
		}
		id, err := r.resolve(name)
		if err == nil {
			refs[name] = refValue{id: id}
		} else if !errors.Is(err, errNoRef) {
			return err
		}
		return nil
	})
}

var errNoRef = errors.New("no such ref")

// resolve returns what one ref, given by its full name or as HEAD, names. The error wraps errNoRef.
func (r *Repo) resolve(name string) (oid, error) {
	_, id, err := r.follow(name)
	return id, err
}

// follow is resolve, and names the ref at the end of symbolic ones, which need not exist.
func (r *Repo) follow(name string) (string, oid, error) {
	if !safeRefName(name) {
		return name, oid{}, fmt.Errorf("ref %s: %w: not a ref's name", inert.Quote(name), errNoRef)
	}
	if r.format.reftable {
		return r.followByGit(name)
	}
	for range maxSymbolic {
		content, err := r.looseRef(name)
		if errors.Is(err, fs.ErrNotExist) {
			id, err := r.packedRef(name)
			return name, id, err
		} else if err != nil {
			return name, oid{}, fmt.Errorf("reading ref %s: %w", inert.Quote(name), err)
		}
		target, symbolic := strings.CutPrefix(content, "ref:")
		if !symbolic {
			id, ok := parseOID(content)
			if !ok || int(id.n) != r.format.idSize {
				return name, oid{}, fmt.Errorf("ref %s: %w: it holds no object name", inert.Quote(name), errNoRef)
			}
			return name, id, nil
		}
		if name = strings.TrimSpace(target); !safeRefName(name) {
			return name, oid{}, fmt.Errorf("ref %s: %w: not a ref's name", inert.Quote(name), errNoRef)
		}
	}
	return name, oid{}, fmt.Errorf("ref %s: %w: refs that lead in a circle", inert.Quote(name), errNoRef)
}

// looseRef reads the file of a ref, of this work tree or of the common directory.
func (r *Repo) looseRef(name string) (string, error) {
	dir := r.commonDir
	if !strings.HasPrefix(name, "refs/") || strings.HasPrefix(name, "refs/bisect/") || strings.HasPrefix(name, "refs/worktree/") || strings.HasPrefix(name, "refs/rewritten/") {
		dir = r.gitDir
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	// An old way to write a symbolic ref, which git still reads.
	if link, err := os.Readlink(path); err == nil && strings.HasPrefix(link, "refs/") && safeRefName(link) {
		return "ref: " + link, nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fs.ErrNotExist
	} else if err != nil {
		return "", fs.ErrNotExist
	}
	content, err := readSmall(path, maxLooseRef)
	return strings.TrimRight(string(content), " \t\r\n"), err
}

func (r *Repo) packedRef(name string) (oid, error) {
	packed, err := r.openPackedRefs()
	if err != nil {
		return oid{}, err
	}
	if packed == nil {
		return oid{}, fmt.Errorf("ref %s: %w", inert.Quote(name), errNoRef)
	}
	defer packed.close()
	return packed.find(name)
}

// safeRefName reports whether a name may be looked up as a file: HEAD-like, or under refs/ and by
// git's rules (git-check-ref-format) as far as they keep it inside.
func safeRefName(name string) bool {
	if !strings.HasPrefix(name, "refs/") {
		return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
	}
	if strings.ContainsAny(name, "\x00\\\n :?*[~^") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' || strings.HasSuffix(segment, ".lock") {
			return false
		}
	}
	return true
}

// refsByGit lists refs that are not kept in files.
func (r *Repo) refsByGit(prefix, skip string) (map[string]refValue, error) {
	out, err := run(r.command(context.Background(), "for-each-ref", "--format=%(objectname) %(refname)"))
	if err != nil {
		return nil, fmt.Errorf("reading refs: %w", err)
	}
	refs := map[string]refValue{}
	if err := parsePackedRefs(out, r.format.idSize, prefix, skip, refs); err != nil {
		return nil, fmt.Errorf("reading refs: %w", err)
	}
	return refs, nil
}

func (r *Repo) followByGit(name string) (string, oid, error) {
	target := name
	if out, err := run(r.command(context.Background(), "symbolic-ref", "--quiet", name)); err == nil {
		target = strings.TrimSpace(string(out))
	}
	out, err := run(r.command(context.Background(), "rev-parse", "--verify", "--quiet", "--end-of-options", target))
	if err != nil {
		return target, oid{}, fmt.Errorf("ref %s: %w", inert.Quote(name), errNoRef)
	}
	id, err := r.parse(strings.TrimSpace(string(out)))
	return target, id, err
}
