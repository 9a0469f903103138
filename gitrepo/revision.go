package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/subprocess"
)

// Bounds on revisions.
const (
	maxRevision = 1024    // bytes
	maxBack     = 100_000 // steps of rev~N
	maxPeel     = 10      // tags that name a tag
)

// ErrRevision means that the revision names no commit here.
var ErrRevision = errors.New("it names no commit of this repository")

// ErrAmbiguous means that the revision is the short name of more than one ref.
var ErrAmbiguous = errors.New("more than one ref has that short name; write the full one, such as refs/heads/NAME")

// ResolveRevision returns the full name of the commit that a revision means: a full id, a ref's full
// or short name, HEAD, any of them with ^, ^N, ~N or ^{commit} behind it, and, through git, what else
// git rev-parse knows, such as @{upstream} and abbreviated ids. A short name that a branch and a tag
// share is refused with [ErrAmbiguous]; what is not there is [ErrRevision].
func (r *Repo) ResolveRevision(rev string) (string, error) {
	id, err := r.revision(rev)
	if err != nil {
		return "", fmt.Errorf("resolving revision %s: %w", inert.Quote(rev), err)
	}
	return id.String(), nil
}

func (r *Repo) revision(rev string) (oid, error) {
	if rev == "" || len(rev) > maxRevision || rev[0] == '-' || strings.IndexByte(rev, 0) >= 0 {
		return oid{}, ErrRevision
	}
	name, steps, plain := cutSteps(rev)
	if plain {
		id, err := r.named(name)
		if err == nil || !errors.Is(err, errNoRef) {
			return r.back(id, steps, err)
		}
	}
	out, err := run(r.command(context.Background(), "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}"))
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return oid{}, ErrRevision
		}
		return oid{}, err
	}
	id, err := r.parse(strings.TrimSpace(string(out)))
	if err != nil {
		return oid{}, err
	}
	return r.back(id, nil, nil) // it is there, and it is what it claims to be
}

// step is one ^N (a parent) or ~N (first parents).
type step struct {
	first bool // ~
	n     int
}

// cutSteps splits a revision into a name and what follows it; plain is false where git is needed.
func cutSteps(rev string) (name string, steps []step, plain bool) {
	end := strings.IndexAny(rev, "^~")
	if end < 0 {
		end = len(rev)
	}
	name, rest := rev[:end], rev[end:]
	if strings.ContainsAny(name, "@{:") && name != "@" {
		return "", nil, false
	}
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "^{commit}"); ok {
			rest = after
			continue
		}
		digits := 1
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n := 1
		if digits > 1 {
			var err error
			if n, err = strconv.Atoi(rest[1:digits]); err != nil || n > maxBack {
				return "", nil, false
			}
		}
		if rest[0] != '^' && rest[0] != '~' {
			return "", nil, false
		}
		steps = append(steps, step{rest[0] == '~', n})
		rest = rest[digits:]
	}
	return name, steps, true
}

// named resolves a full id, HEAD, or a ref's name by git's rules for short ones.
func (r *Repo) named(name string) (oid, error) {
	if id, ok := parseOID(name); ok && int(id.n) == r.format.idSize {
		return id, nil
	}
	if name == "@" {
		name = "HEAD"
	}
	var found oid
	matches := 0
	for _, rule := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		full := strings.Replace(rule, "%s", name, 1)
		if !safeRefName(full) {
			continue
		}
		id, err := r.resolve(full)
		if errors.Is(err, errNoRef) {
			continue
		} else if err != nil {
			return oid{}, err
		}
		if full == name {
			return id, nil // the full name is never ambiguous
		}
		matches++
		found = id
	}
	switch matches {
	case 0:
		return oid{}, errNoRef
	case 1:
		return found, nil
	default:
		return oid{}, ErrAmbiguous
	}
}

// back peels tags and goes back from there.
func (r *Repo) back(id oid, steps []step, err error) (oid, error) {
	if err != nil {
		return oid{}, err
	}
	err = r.with(func(s *remembering) error {
		target, err := peel(s, id)
		if err != nil {
			return err
		}
		if target.kind != plumbing.CommitObject {
			return fmt.Errorf("%w: it is a %s", ErrRevision, target.kind)
		}
		id = target.id
		g := newGraph(r, s)
		for _, st := range steps {
			times, parent := 1, st.n
			if st.first {
				times, parent = st.n, 1
			}
			for ; times > 0 && parent > 0; times-- {
				n := g.at(id)
				if err := g.load(n); err != nil {
					return err
				}
				if len(n.parents) < parent {
					return fmt.Errorf("%w: commit %s has %d parents", ErrRevision, id, len(n.parents))
				}
				id = n.parents[parent-1]
			}
		}
		return g.load(g.at(id))
	})
	return id, err
}

// target is what a ref leads to behind any annotated tags.
type target struct {
	id   oid
	kind plumbing.ObjectType
	tags []tagObject // the outermost first
}

type tagObject struct {
	id  oid
	raw []byte
}

// peel follows annotated tags. A blob or tree too large to read still has its kind told apart from
// a commit: the error says so.
func peel(s source, id oid) (target, error) {
	t := target{id: id}
	for range maxPeel {
		o, err := s.read(t.id, MaxCommitSize)
		if err != nil {
			return t, err
		}
		t.kind = o.kind
		if o.kind != plumbing.TagObject {
			return t, nil
		}
		t.tags = append(t.tags, tagObject{t.id, o.content})
		next, _, ok := cutID(o.content, "object ", int(t.id.n))
		if !ok {
			return t, &ObjectError{ID: t.id.String(), Err: fmt.Errorf("%w: the tag does not begin with an object", ErrCorrupt)}
		}
		t.id = next
	}
	return t, &ObjectError{ID: id.String(), Err: fmt.Errorf("%w: more than %d tags behind each other", ErrTooLarge, maxPeel)}
}

// command prepares git to run in the repository itself, for what only its refs and its own
// configuration can tell. Nothing in that configuration that names a program is reached by the
// commands that are used, and what could be is switched off all the same.
func (r *Repo) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "core.commitGraph=false"}, args...)
	cmd := exec.CommandContext(ctx, r.git, args...)
	cmd.Dir = r.gitDir
	cmd.Env = append(r.env.kept(), cleanGit(os.DevNull)...)
	cmd.Env = append(cmd.Env, "GIT_DIR="+r.gitDir, "GIT_COMMON_DIR="+r.commonDir)
	subprocess.AskToEnd(cmd, subprocess.Patience)
	return cmd
}
