package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/evidence"
)

// Bounds on recomputing merges.
const (
	maxMergedParents = 16
	mergeTimeout     = time.Minute // for one merge
	maxConflicts     = 10_000      // paths
)

// exitUsage is git's exit status for an option that it does not know.
const exitUsage = 129

// recompute merges a commit's parents again, in the scratch directory, where neither configuration
// nor attributes nor merge drivers of anybody count, and returns the tree that comes out. A conflict
// gives a tree too: what the merge commit has there instead is its own change.
//
// More than two parents are merged one after the other, as git's octopus strategy does.
func (r *Repo) recompute(ctx context.Context, parents []oid) (oid, evidence.Merge) {
	if len(parents) > maxMergedParents {
		return oid{}, evidence.Merge{Why: fmt.Sprintf("it has %d parents; at most %d are merged again", len(parents), maxMergedParents)}
	}
	work, err := r.scratch()
	if err != nil {
		return oid{}, evidence.Merge{Why: err.Error()}
	}
	return r.recomputeIn(ctx, work, parents)
}

// recomputeIn is recompute in a git directory of the caller's, which has at least the objects that the
// scratch directory has and a configuration that is ours too.
func (r *Repo) recomputeIn(ctx context.Context, work *scratch, parents []oid) (oid, evidence.Merge) {
	ctx, cancel := context.WithTimeout(ctx, mergeTimeout)
	defer cancel()
	var conflicts []string
	var tree oid
	var err error
	ours := parents[0]
	for i, theirs := range parents[1:] {
		if i > 0 {
			if ours, err = r.interim(ctx, work, tree, parents[:i+1]); err != nil {
				return oid{}, evidence.Merge{Why: r.whyNotMerged(ctx, err)}
			}
		}
		var more []string
		if tree, more, err = r.mergeTwo(ctx, work, ours, theirs); err != nil {
			return oid{}, evidence.Merge{Why: r.whyNotMerged(ctx, err)}
		}
		conflicts = append(conflicts, more...)
	}
	slices.Sort(conflicts)
	return tree, evidence.Merge{Recomputed: true, Conflicts: slices.Compact(conflicts)}
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
			return oid{}, nil, fmt.Errorf("git merge-tree: %s", quote(strings.TrimSpace(line)))
		}
	}
	name, rest, _ := bytes.Cut(out, []byte{0})
	tree, parseErr := r.parse(string(name))
	if parseErr != nil {
		return oid{}, nil, errors.Join(errors.New("git merge-tree named no tree"), err)
	}
	var conflicts []string
	for path := range bytes.SplitSeq(rest, []byte{0}) {
		if len(path) > 0 && len(conflicts) < maxConflicts {
			conflicts = append(conflicts, string(path))
		}
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
func (r *Repo) whyNotMerged(ctx context.Context, err error) string {
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("merging its parents again took more than %v", mergeTimeout)
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
