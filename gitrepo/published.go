package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// ErrSquatted means that the remote has a bundle at a delegation's ref which does not hold.
var ErrSquatted = errors.New("the remote holds a bundle there that does not hold")

// PublishBundles pushes the refs of these delegations, and nothing else, to a remote, given by its
// name or URL. This is the user's own push: the user's configuration says how to reach the remote.
// Hooks do not run. What does not hold is not pushed. A ref that the remote has with other content is
// refused by it; where that holds too, it is published, and else the error is [ErrSquatted].
func (r *Repo) PublishBundles(ctx context.Context, remote string, digests []string) error {
	if remote == "" || remote[0] == '-' {
		return fmt.Errorf("publishing delegations: %s is not the name of a remote", inert.Word(remote))
	}
	for _, d := range digests {
		if err := r.publishable(d); err != nil {
			return fmt.Errorf("publishing delegation %s: %w", inert.Quote(d), err)
		}
	}
	for part := range slices.Chunk(digests, maxPublished) {
		args := []string{"push", "--no-verify", "--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no", "--", remote}
		for _, d := range part {
			ref := delegation.RefName(d)
			args = append(args, ref+":"+ref)
		}
		if _, err := run(r.usersOwn(ctx, args...)); err != nil {
			if why := r.there(ctx, remote, part); why != nil {
				if errors.Is(why, ErrSquatted) {
					err = why
				}
				return fmt.Errorf("publishing delegations to %s: %w", inert.Word(remote), err)
			}
		}
	}
	return nil
}

// publishable reports whether this repository's own ref of a delegation holds what belongs there.
func (r *Repo) publishable(digest string) error {
	ref := delegation.RefName(digest)
	if ref == "" {
		return errors.New("it is not a digest")
	}
	id, err := r.resolve(ref)
	if err != nil {
		return err
	}
	if !r.holdsAuthentic(id, digest) {
		return fmt.Errorf("%s does not hold the delegation that its name says", ref)
	}
	return nil
}

// holdsAuthentic reports whether a blob is the authentic bundle of a delegation.
func (r *Repo) holdsAuthentic(id oid, digest string) bool {
	authentic := false
	err := r.with(func(s *remembering) (err error) {
		_, authentic, err = readAuthentic(s, id, digest)
		return err
	})
	return err == nil && authentic
}

// there reports whether a remote has these delegations, whatever a push of them said: each by the bytes
// that are here, or by others that hold too.
func (r *Repo) there(ctx context.Context, remote string, digests []string) error {
	args := []string{"ls-remote", "--quiet", "--", remote}
	for _, d := range digests {
		args = append(args, delegation.RefName(d))
	}
	out, err := run(r.usersOwn(ctx, args...))
	if err != nil {
		return err
	}
	has := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			has[ref] = id
		}
	}
	var other []string
	for _, d := range digests {
		ref := delegation.RefName(d)
		mine, err := r.resolve(ref)
		switch {
		case err != nil:
			return err
		case has[ref] == "":
			return fmt.Errorf("%s is not there", ref)
		case has[ref] != mine.String():
			other = append(other, d)
		}
	}
	if len(other) == 0 {
		return nil
	}
	args = []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--recurse-submodules=no", "--", remote}
	for _, d := range other {
		args = append(args, delegation.RefName(d))
	}
	if _, err := run(r.usersOwn(ctx, args...)); err != nil {
		return err
	}
	for _, d := range other {
		ref := delegation.RefName(d)
		if id, err := r.parse(has[ref]); err != nil || !r.holdsAuthentic(id, d) {
			return fmt.Errorf("%w: put the one that does in its place with `git push --force %s %s`", ErrSquatted, remote, ref)
		}
	}
	return nil
}

// held is what a ref under refs/remit/ holds before a push.
func (p *push) held(ref string, id oid) evidence.Bundle {
	b := evidence.Bundle{Source: ref}
	o, err := p.src.read(id, delegation.MaxBundleSize)
	switch {
	case errors.Is(err, ErrTooLarge), err == nil && o.kind != plumbing.BlobObject:
		b.Raw = []byte{}
	case err != nil:
		b.Why = err.Error()
	default:
		b.Raw = append([]byte{}, o.content...)
	}
	return b
}
