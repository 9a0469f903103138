package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

const (
	maxDeleted = 1000 // refs of one push
	maxTrailer = 256  // bytes of a line that may name a delegation
)

// NamedDelegations are the digests of the delegations that commits and tags name which any ref leads to. It reads all of
// their history.
func (r *Repo) NamedDelegations(ctx context.Context) (map[string]bool, error) {
	// What the repository's settings say of patterns and texts is not for this.
	commits := r.command(ctx, "log", "--encoding=UTF-8", "--basic-regexp", "--regexp-ignore-case", "--grep=^"+delegation.TrailerKey, "--format=%B",
		"--exclude="+remitRefs+"*", "--all")
	if _, err := r.resolve("HEAD"); err == nil {
		commits.Args = append(commits.Args, "HEAD")
	}
	named := &trailers{digests: map[string]bool{}}
	for _, cmd := range []*exec.Cmd{commits, r.command(ctx, "for-each-ref", "--format=%(contents)", "refs/tags/")} {
		var complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = named, &limitedWriter{&complaints, maxErrorOutput}
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("finding the delegations that are named: %s: %s: %w", commandOf(cmd), oneLine(complaints.String()), err)
		}
	}
	return named.digests, nil
}

// trailers finds the digests of delegations in the lines that are written to it: those of trailers that are refused
// too, since nothing is lost where one more is found.
type trailers struct {
	line    []byte
	digests map[string]bool
}

func (t *trailers) Write(b []byte) (int, error) {
	for part := range bytes.Lines(b) {
		if len(t.line) <= maxTrailer {
			t.line = append(t.line, part...)
		}
		if part[len(part)-1] != '\n' {
			break
		}
		key, value, ok := strings.Cut(string(t.line), ":")
		if digest := strings.TrimSpace(value); ok && strings.EqualFold(strings.TrimSpace(key), delegation.TrailerKey) && names.CheckDigest(digest) == nil {
			t.digests[digest] = true
		}
		t.line = t.line[:0]
	}
	return len(b), nil
}

// DeleteRefs deletes refs, each if it still names what it did, of this repository (remote "") or of a remote. It says
// which could not be deleted.
func (r *Repo) DeleteRefs(ctx context.Context, remote string, refs map[string]string) error {
	if remote != "" && remote[0] == '-' {
		return fmt.Errorf("deleting refs: %s is not the name of a remote", inert.Word(remote))
	}
	ordered := slices.Sorted(maps.Keys(refs))
	if remote == "" {
		var input strings.Builder
		for _, ref := range ordered {
			fmt.Fprintf(&input, "delete %s %s\n", ref, refs[ref])
		}
		cmd := r.command(ctx, "update-ref", "--no-deref", "--stdin")
		cmd.Stdin = strings.NewReader(input.String())
		if _, err := run(cmd); err != nil {
			return fmt.Errorf("deleting refs: %w", err)
		}
		return nil
	}
	if _, _, err := r.pushPlace(ctx, remote); err != nil {
		return fmt.Errorf("deleting refs of %s: %w", inert.Word(remote), err)
	}
	var errs []error
	for part := range slices.Chunk(ordered, maxDeleted) {
		args := []string{"push", "--quiet", "--no-verify", "--no-follow-tags"}
		for _, ref := range part {
			args = append(args, "--force-with-lease="+ref+":"+refs[ref])
		}
		args = append(args, "--", remote)
		for _, ref := range part {
			args = append(args, ":"+ref)
		}
		if _, err := run(r.usersOwn(ctx, args...)); err != nil {
			errs = append(errs, fmt.Errorf("deleting refs of %s: %w", inert.Word(remote), err))
		}
	}
	return errors.Join(errs...)
}
