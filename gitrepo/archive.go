package gitrepo

import (
	"context"
	"errors"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
)

// A delegation whose ref was taken away, because it is long over, is read from the audit log's branch, where there is
// one: its digest says whether it is the one that is looked for, so that it does not matter who may write there.

// archivedBundle is a bundle from the audit log.
type archivedBundle struct {
	evidence.Bundle
	authentic bool
}

// archived looks for a delegation in the audit log's branch: this repository's, else those that were fetched.
func (r *Repo) archived(src source, digest string) (archivedBundle, bool) {
	path := delegation.ArchivePath(digest)
	if path == "" {
		return archivedBundle{}, false
	}
	tips := map[string]oid{}
	if id, err := r.resolve(r.namespace() + names.AuditBranch); err == nil {
		tips[names.AuditBranch] = id
	} else if refs, err := r.refs("refs/remotes/", ""); err == nil {
		for name, ref := range refs {
			if strings.HasSuffix(name, strings.TrimPrefix(names.AuditBranch, "refs/heads")) {
				tips[name] = ref.id
			}
		}
	}
	var best archivedBundle
	for name, tip := range tips {
		e, err := r.entryAt(src, tip, path)
		if err != nil {
			continue
		}
		raw, authentic, err := readAuthentic(src, makeOID(e.id), digest)
		if err == nil && (best.Raw == nil || authentic && !best.authentic) {
			best = archivedBundle{evidence.Bundle{Raw: raw, Source: path + " of " + name}, authentic}
		}
	}
	return best, best.Raw != nil
}

// archived fills in what the branch of the audit log, which is at a commit ("": there is none), has of the bundles that
// were not found.
func (m *Mirror) archived(ctx context.Context, tip string, found map[string]evidence.Bundle) error {
	var missing []string
	for d, b := range found {
		if b.Raw == nil && delegation.ArchivePath(d) != "" {
			missing = append(missing, d)
		}
	}
	if tip == "" || len(missing) == 0 {
		return nil
	}
	if err := m.Fetch(ctx, tip); err != nil {
		return notFound(err)
	}
	repo, blobs := m.Repo(), map[string]oid{}
	at, err := repo.parse(tip)
	if err != nil {
		return err
	}
	var ids []string
	err = repo.with(func(s *remembering) error {
		for _, d := range missing {
			if e, err := repo.entryAt(s, at, delegation.ArchivePath(d)); err == nil {
				blobs[d] = makeOID(e.id)
				ids = append(ids, blobs[d].String())
			}
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	if err := m.FetchBlobs(ctx, ids...); err != nil {
		return notFound(err)
	}
	return repo.with(func(s *remembering) error {
		for d, id := range blobs {
			if raw, _, err := readBundle(s, id, d, delegation.ParseBundle); err == nil {
				found[d] = evidence.Bundle{Raw: raw, Source: delegation.ArchivePath(d) + " of " + names.AuditBranch + " of " + m.where()}
			}
		}
		return nil
	})
}

// notFound is an error of fetching, nil where something was just not there.
func notFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
