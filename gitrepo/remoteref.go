package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// RemoteRefs lists those refs of a remote, given by its name, that match one of some patterns, by full name.
// It reaches the remote as the user does.
func (r *Repo) RemoteRefs(ctx context.Context, remote string, patterns ...string) (map[string]string, error) {
	if remote == "" || remote[0] == '-' {
		return nil, fmt.Errorf("listing refs: %s is not the name of a remote", inert.Word(remote))
	}
	out, err := run(r.usersOwn(ctx, append([]string{"ls-remote", "--refs", "--", remote}, patterns...)...))
	if err != nil {
		return nil, fmt.Errorf("listing the refs of %s: %w", inert.Word(remote), err)
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			refs[ref] = id
		}
	}
	return refs, nil
}

// CreateRef makes a ref that must not be there yet, in a remote or, for "", in this repository. Of all that try
// one wins; created is false where it is there already. An error says that nobody knows.
func (r *Repo) CreateRef(ctx context.Context, remote, ref, commit string) (created bool, err error) {
	id, err := r.parse(commit)
	if err != nil {
		return false, fmt.Errorf("making %s: %w", inert.Word(ref), err)
	}
	if remote == "" {
		_, err := run(r.usersOwn(ctx, "update-ref", "--no-deref", ref, id.String(), strings.Repeat("0", len(commit))))
		if err == nil {
			return true, nil
		}
		if refs, readErr := r.Refs(ref); readErr == nil && refs[ref] != "" {
			return false, nil
		}
		return false, fmt.Errorf("making %s: %w", inert.Word(ref), err)
	}
	if remote[0] == '-' {
		return false, errors.New("making a ref: " + inert.Word(remote) + " is not the name of a remote")
	}
	// A push of what is there already is no failure to git: only a new ref has won.
	out, err := run(r.usersOwn(ctx, "push", "--porcelain", "--no-verify", "--no-follow-tags", "--force-with-lease="+ref+":", "--", remote, id.String()+":"+ref))
	if err == nil {
		return strings.Contains("\n"+string(out), "\n*\t"), nil
	}
	if there, listErr := r.RemoteRefs(ctx, remote, ref); listErr == nil && there[ref] != "" {
		return false, nil
	}
	return false, fmt.Errorf("making %s in %s: %w", inert.Word(ref), inert.Word(remote), err)
}
