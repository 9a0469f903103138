package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
)

// maxApprovals bounds the published approvals that are read at once.
const maxApprovals = 500

// PublishedApproval is what a ref below [delegation.ApprovalRefs] holds.
type PublishedApproval struct {
	Ref string
	Raw []byte
}

// Approvals reads the approvals of objects that are published here, of those that are named first first. What
// cannot be read is left out, as is what is over the limit of 500: no approval is none.
func (r *Repo) Approvals(objects []string) ([]PublishedApproval, error) {
	prefix := r.namespace() + delegation.ApprovalRefs
	refs, err := r.refs(prefix, "")
	if err != nil {
		return nil, fmt.Errorf("listing approvals: %w", err)
	}
	if len(refs) == 0 {
		return nil, nil
	}
	of := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		object, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "/")
		of[object] = append(of[object], name)
	}
	var found []PublishedApproval
	err = r.with(func(s *remembering) error {
		for _, object := range objects {
			for _, name := range of[object] {
				if len(found) == maxApprovals {
					return nil
				}
				if raw, err := readKind(s, refs[name].id, plumbing.BlobObject, delegation.MaxSignedSize); err == nil {
					found = append(found, PublishedApproval{strings.TrimPrefix(name, r.namespace()), bytes.Clone(raw)})
				}
			}
			delete(of, object) // named twice it is read once
		}
		return nil
	})
	return found, err
}

// EachApproval reads the approvals that are published here and calls f for each, in order, with what its ref names; raw
// is nil where that cannot be read.
func (r *Repo) EachApproval(f func(ref, id string, raw []byte)) error {
	refs, err := r.refs(delegation.ApprovalRefs, "")
	if err != nil {
		return fmt.Errorf("listing approvals: %w", err)
	}
	return r.with(func(s *remembering) error {
		for _, name := range slices.Sorted(maps.Keys(refs)) {
			raw, err := readKind(s, refs[name].id, plumbing.BlobObject, delegation.MaxSignedSize)
			if err != nil {
				raw = nil
			}
			f(name, refs[name].id.String(), raw)
		}
		return nil
	})
}

// StoreApproval writes an approval as a blob, and its ref. One that is there already stays.
func (r *Repo) StoreApproval(ctx context.Context, a *delegation.Signed[delegation.Approval]) error {
	ref := delegation.ApprovalRef(a)
	if ref == "" {
		return errors.New("storing an approval: it is of no commit")
	}
	write := r.command(ctx, "hash-object", "-w", "-t", "blob", "--no-filters", "--stdin")
	write.Stdin = bytes.NewReader(a.Marshal())
	out, err := run(write)
	if err != nil {
		return fmt.Errorf("storing an approval: %w", err)
	}
	if _, err := run(r.command(ctx, "update-ref", "--no-deref", ref, strings.TrimSpace(string(out)))); err != nil {
		return fmt.Errorf("storing an approval: %w", err)
	}
	return nil
}

// PublishApproval pushes the ref of an approval, and nothing else, to a remote, given by its name or URL. It is
// the user's own push, and hooks do not run.
func (r *Repo) PublishApproval(ctx context.Context, remote string, a *delegation.Signed[delegation.Approval]) error {
	if remote == "" || remote[0] == '-' {
		return fmt.Errorf("publishing an approval: %s is not the name of a remote", inert.Quote(remote))
	}
	ref := delegation.ApprovalRef(a)
	if _, err := run(r.usersOwn(ctx, "push", "--no-verify", "--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no", "--", remote, ref+":"+ref)); err != nil {
		return fmt.Errorf("publishing an approval to %s: %w", inert.Quote(remote), err)
	}
	return nil
}

// Object is the id of what a ref, given by its full or short name, or an id means, without following an
// annotated tag to its commit. The error is [ErrRevision] where there is none here.
func (r *Repo) Object(ctx context.Context, name string) (string, error) {
	if name == "" || len(name) > maxRevision || name[0] == '-' || strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("resolving revision %s: %w", inert.Quote(name), ErrRevision)
	}
	out, err := run(r.command(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{object}"))
	if err != nil {
		return "", fmt.Errorf("resolving revision %s: %w", inert.Quote(name), ErrRevision)
	}
	return strings.TrimSpace(string(out)), nil
}
