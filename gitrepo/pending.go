package gitrepo

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// Pending returns the evidence of a commit that is not stored yet: the object that git would store
// if it were signed like this. Its tree and parents must be there.
func (r *Repo) Pending(ctx context.Context, raw []byte, countLines bool) (evidence.Commit, error) {
	head, err := parseHeader(raw, r.format.idSize)
	if err != nil {
		return evidence.Commit{}, fmt.Errorf("reading the commit: %w", err)
	}
	n := &node{id: r.nameOf(raw), content: &content{tree: head.tree, parents: head.parents, raw: raw}, date: head.date, loaded: true}
	c := &collection{Collected: &Collected{}, repo: r, opt: CollectOptions{CountLines: countLines, Limits: Limits{}.withDefaults()}}
	var out evidence.Commit
	err = c.run(func() error {
		w := &reader{collection: c, src: c.src, changes: &atomic.Int64{}}
		made := []evidence.Commit{w.commit(ctx, n)}
		w.settle(ctx, w.waiting, []*node{n}, made)
		out = made[0]
		return nil
	})
	return out, err
}

// nameOf is the object name of a commit.
func (r *Repo) nameOf(raw []byte) oid {
	h := sha1.New()
	if r.format.idSize == sha256Size {
		h = sha256.New()
	}
	fmt.Fprintf(h, "commit %d\x00", len(raw))
	h.Write(raw)
	return makeOID(h.Sum(nil))
}

// EmptyTree is the object name of a tree without entries.
func (r *Repo) EmptyTree() string {
	if r.format.idSize == sha256Size {
		return "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
	}
	return "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
}

// DefaultRef is the full name of the branch that HEAD names, whether it exists or not. The error is
// for a HEAD that names a commit.
func (r *Repo) DefaultRef() (string, error) {
	name, err := r.target(r.namespace() + "HEAD")
	if err != nil {
		return "", fmt.Errorf("following HEAD: %w", err)
	}
	name, inside := strings.CutPrefix(name, r.namespace())
	if !inside || !strings.HasPrefix(name, "refs/heads/") {
		return "", fmt.Errorf("HEAD names no branch: set one with `git symbolic-ref %[1]sHEAD %[1]srefs/heads/main`", r.namespace())
	}
	return name, nil
}

// EverHad reports whether any commit that is reachable from one had a file at a path. It costs what
// the history costs, and is for the rare case that a file which should be there is not.
func (r *Repo) EverHad(ctx context.Context, commit, path string) (bool, error) {
	return r.EverHadAny(ctx, []string{commit}, path)
}

// EverHadAny is [Repo.EverHad] for what is reachable from any of some commits.
func (r *Repo) EverHadAny(ctx context.Context, commits []string, path string) (bool, error) {
	if len(commits) == 0 {
		return false, nil
	}
	var from strings.Builder
	for _, commit := range commits {
		id, err := r.parse(commit)
		if err != nil {
			return false, err
		}
		from.WriteString(id.String() + "\n")
	}
	work, err := r.scratch() // where no grafts or replacement refs hide anything
	if err != nil {
		return false, err
	}
	list := work.command(ctx, "--literal-pathspecs", "rev-list", "-1", "--full-history", "--stdin", "--", path)
	list.Stdin = strings.NewReader(from.String())
	out, err := run(list)
	if err != nil && r.shallowMarks() > 0 {
		return false, errors.New("the history is shallow here")
	}
	if err != nil {
		return false, err
	}
	return len(out) > 0, nil
}

// Touching lists the commits in a commit's history at which a path is not as in any parent, descendants first: each
// content that the path ever had is there at one of them. More than limit of them are an [ErrLimit].
func (r *Repo) Touching(ctx context.Context, commit, path string, limit int) ([]string, error) {
	id, err := r.parse(commit)
	if err != nil {
		return nil, err
	}
	work, err := r.scratch() // where no grafts or replacement refs hide anything
	if err != nil {
		return nil, err
	}
	out, err := run(work.command(ctx, "--literal-pathspecs", "rev-list", "--full-history", "--topo-order", "-n", strconv.Itoa(limit+1), id.String(), "--", path))
	if err != nil && r.shallowMarks() > 0 {
		return nil, errors.New("the history is shallow here")
	}
	if err != nil {
		return nil, err
	}
	commits := strings.Fields(string(out))
	if len(commits) > limit {
		return nil, fmt.Errorf("%w: more than %d commits change %s", errLimit, limit, inert.Quote(path))
	}
	return commits, nil
}

// ParseRawDiff reads the output of `git diff-index --raw -z --no-renames`.
func ParseRawDiff(out string) ([]evidence.Change, error) {
	var changes []evidence.Change
	for rest := out; rest != ""; {
		meta, after, ok := strings.Cut(rest, "\x00")
		path, next, ok2 := strings.Cut(after, "\x00")
		f := strings.Fields(meta)
		if !ok || !ok2 || len(f) != 5 || !strings.HasPrefix(f[0], ":") || path == "" {
			return nil, fmt.Errorf("reading a raw diff: %s is no entry of one", inert.Quote(meta))
		}
		c := evidence.Change{Path: path}
		for _, side := range []struct {
			mode, id string
			into     *evidence.Entry
		}{{f[0][1:], f[2], &c.Old}, {f[1], f[3], &c.New}} {
			mode, err := strconv.ParseUint(side.mode, 8, 32)
			if err != nil {
				return nil, fmt.Errorf("reading a raw diff: %w", err)
			}
			if mode != 0 {
				*side.into = evidence.Entry{Mode: uint32(mode), ID: side.id}
			}
		}
		changes = append(changes, c)
		rest = next
	}
	return changes, nil
}
