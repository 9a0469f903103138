package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/remit-sh/remit/inert"
)

// Bounds on recomputing merges. One repository is opened for one decision, so what all of its merges may
// take together is a decision's budget. A history can be made in which each merge costs twice as much as
// the one below it: git merges the places where the sides met before it merges the sides.
const (
	maxMergedParents = 16
	mergeTimeout     = 10 * time.Second // for one merge
	mergesTimeout    = time.Minute      // for all merges of a repository, whichever processor they run on
	fetchingFactor   = 6                // how many times as long they may take where git fetches meanwhile
	maxMergeObjects  = 200_000          // that git may leave in the scratch directory
	slowMerge        = time.Second      // after one that takes longer its objects are counted
	maxConflicts     = 10_000           // paths
)

// errMergeBudget is wrapped where merges of a decision take more than they may.
var errMergeBudget = fmt.Errorf("%w: merging again what was merged", errLimit)

// errParents is wrapped where a merge has more parents than are merged again.
var errParents = errors.New("too many parents")

// exitUsage is git's exit status for an option that it does not know.
const exitUsage = 129

// mergeBudget is what is left for merging again. Its zero value is full.
type mergeBudget struct {
	spent atomic.Int64 // nanoseconds
	over  atomic.Bool
}

// take runs a merge in a directory within what is left.
func (b *mergeBudget) take(ctx context.Context, work *scratch, merge func(context.Context) error) error {
	most, one := mergesTimeout, mergeTimeout
	if work.fetches {
		most, one = fetchingFactor*most, fetchingFactor*one
	}
	left := most - time.Duration(b.spent.Load())
	if b.over.Load() || left <= 0 {
		return errMergeBudget
	}
	limited, cancel := context.WithTimeout(ctx, min(left, one))
	defer cancel()
	start := time.Now()
	err := merge(limited)
	took := time.Since(start)
	b.spent.Add(int64(took))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if limited.Err() != nil || took > slowMerge && !work.fetches && countObjects(work.objects()) > maxMergeObjects {
		b.over.Store(true)
		return errMergeBudget
	}
	return err
}

// countObjects counts the loose objects of a directory, and stops counting where they are too many.
func countObjects(dir string) int {
	n := 0
	folders, err := os.ReadDir(dir)
	if err != nil {
		return maxMergeObjects + 1
	}
	for _, f := range folders {
		if !f.IsDir() || n > maxMergeObjects {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, f.Name()))
		if err != nil {
			return maxMergeObjects + 1
		}
		n += len(files)
	}
	return n
}

// remade is a merge that was made again.
type remade struct {
	tree      oid
	conflicts []string // paths that git could not merge, in order
}

func (m remade) clean(tree oid) bool { return m.tree == tree && len(m.conflicts) == 0 }

// recompute merges a commit's parents again, once, as git and forges do, in the scratch directory, where
// neither configuration nor attributes nor merge drivers of anybody count. What one side changed in a file,
// or added to a folder, goes wherever the other side moved it. A conflict gives a tree too: with git's
// marks, or with one of the sides.
//
// More than two parents are merged one after the other, as git's octopus strategy does.
func (r *Repo) recompute(ctx context.Context, parents []oid) (remade, error) {
	work, err := r.scratch()
	if err != nil {
		return remade{}, err
	}
	return r.recomputeIn(ctx, work, parents)
}

// recomputeIn is recompute in a git directory of the caller's, which has at least the objects that the
// scratch directory has and a configuration that is ours too.
func (r *Repo) recomputeIn(ctx context.Context, work *scratch, parents []oid) (remade, error) {
	var ids strings.Builder
	for _, p := range parents {
		ids.WriteString(p.String())
	}
	r.mu.Lock()
	m, known := r.remade[ids.String()]
	r.mu.Unlock()
	if known && !work.fetches {
		return m, nil
	}
	m = remade{} // what is known is shared, and nothing may be added to it
	if len(parents) > maxMergedParents {
		return remade{}, fmt.Errorf("%w: it has %d, at most %d are merged again", errParents, len(parents), maxMergedParents)
	}
	err := r.merging.take(ctx, work, func(ctx context.Context) error {
		ours := parents[0]
		for i, theirs := range parents[1:] {
			var err error
			if i > 0 {
				if ours, err = r.interim(ctx, work, m.tree, parents[:i+1]); err != nil {
					return err
				}
			}
			var more []string
			if m.tree, more, err = r.mergeTwo(ctx, work, ours, theirs); err != nil {
				return err
			}
			m.conflicts = append(m.conflicts, more...)
		}
		return nil
	})
	if err != nil {
		return remade{}, err
	}
	slices.Sort(m.conflicts)
	m.conflicts = slices.Compact(m.conflicts)
	if work.fetches {
		return m, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.remade == nil {
		r.remade = map[string]remade{}
	}
	r.remade[ids.String()] = m
	return m, nil
}

// mergeTwo is one git merge-tree: the tree, and the paths in conflict.
//
// Where history is missing, git takes the parents for unrelated (2.39 does) and merges them all the
// same, after an "error:" line. What comes out then is no merge of theirs.
func (r *Repo) mergeTwo(ctx context.Context, work *scratch, ours, theirs oid) (oid, []string, error) {
	out, complaints, err := runAndListen(work.command(ctx, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages",
		"--allow-unrelated-histories", ours.String(), theirs.String()))
	var exit *exec.ExitError
	conflicted := errors.As(err, &exit) && exit.ExitCode() == 1
	if err != nil && !conflicted {
		return oid{}, nil, err
	}
	for line := range strings.Lines(complaints) {
		if strings.HasPrefix(line, "error:") || strings.HasPrefix(line, "fatal:") {
			return oid{}, nil, fmt.Errorf("git merge-tree: %s", inert.Quote(strings.TrimSpace(line)))
		}
	}
	name, rest, _ := bytes.Cut(out, []byte{0})
	tree, parseErr := r.parse(string(name))
	if parseErr != nil {
		return oid{}, nil, errors.Join(errors.New("git merge-tree named no tree"), err)
	}
	var conflicts []string
	for path := range bytes.SplitSeq(rest, []byte{0}) {
		if len(path) == 0 {
			continue
		}
		if len(conflicts) == maxConflicts {
			return oid{}, nil, fmt.Errorf("%w: more than %d paths in conflict", errChanges, maxConflicts)
		}
		conflicts = append(conflicts, string(path))
	}
	if conflicted && len(conflicts) == 0 {
		return oid{}, nil, errors.New("git merge-tree found a conflict and does not say where")
	}
	return tree, conflicts, nil
}

// interim makes a commit of what was merged so far, for git merges commits and not trees.
func (r *Repo) interim(ctx context.Context, work *scratch, tree oid, parents []oid) (oid, error) {
	args := []string{"commit-tree", tree.String(), "-m", "interim"}
	for _, p := range parents {
		args = append(args, "-p", p.String())
	}
	cmd := work.command(ctx, args...)
	cmd.Env = append(slices.Clone(cmd.Env), interimDate)
	out, err := run(cmd)
	if err != nil {
		return oid{}, err
	}
	return r.parse(strings.TrimSpace(string(out)))
}

// interimDate makes git look at the interim commit before all others when it searches for where the
// histories meet. If it were the oldest, git would first walk the whole history of the other side.
const interimDate = "GIT_COMMITTER_DATE=@4102444800 +0000" // in the year 2100

// whyNotMerged says why there is no recomputed tree, and what to do about it.
func (r *Repo) whyNotMerged(err error) string {
	var exit *exec.ExitError
	switch {
	case errors.Is(err, errMergeBudget):
		return fmt.Sprintf("merging again takes more than one decision may spend on it (%v for one merge, %v for all): %v", mergeTimeout, mergesTimeout, err)
	case errors.Is(err, errParents):
		return err.Error()
	case errors.Is(err, exec.ErrNotFound):
		return "git is not installed; git 2.38 or newer merges its parents again"
	case errors.As(err, &exit) && exit.ExitCode() == exitUsage:
		return "this git is too old to merge its parents again: install git 2.38 or newer"
	case r.mirror:
		return "its parents could not be merged again: " + fixMirror + ": " + err.Error()
	case r.isPartial():
		return "its parents could not be merged again: " + fixPartial + ": " + err.Error()
	case r.shallowMarks() > 0:
		return "its parents could not be merged again: " + fixShallow + ": " + err.Error()
	default:
		return "its parents could not be merged again: " + err.Error()
	}
}
