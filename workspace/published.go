package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/delegation"
)

// Which delegations a remote has is remembered as empty files below the repository's git directory,
// so that a push does not ask the remote again. A file too few costs a push of one ref; a remote
// that lost a ref is mended with `git push <remote> refs/remit/delegations/<hex>`.

// ErrNoOrigin means that there is nowhere to publish to.
var ErrNoOrigin = errors.New("there is no remote called origin: it is stored here only")

// Publish pushes delegations to origin. Its error is no more than a note: the pre-push hook tries again
// with the first push that needs them. It wraps [ErrNoOrigin] where there is none. It needs the objects.
func (w *Workspace) Publish(ctx context.Context, digests ...string) error {
	url, err := w.Git(ctx, "remote", "get-url", "--push", "origin")
	if err != nil {
		return ErrNoOrigin
	}
	if err := w.publishTo(ctx, "origin", url, digests); err != nil {
		return fmt.Errorf("the delegation was not published yet: %w", err)
	}
	return nil
}

// PublishNew pushes those of the delegations that were not published yet to a remote, known by its name
// and URL. It needs the objects.
func (w *Workspace) PublishNew(ctx context.Context, remote, url string, digests []string) error {
	digests = slices.DeleteFunc(slices.Clone(digests), func(d string) bool { return w.published(url, d) })
	if len(digests) == 0 {
		return nil
	}
	return w.publishTo(ctx, remote, url, digests)
}

// PublishApproval pushes an approval to origin. Its error wraps [ErrNoOrigin] where there is none. It needs the
// objects.
func (w *Workspace) PublishApproval(ctx context.Context, a *delegation.Signed[delegation.Approval]) error {
	if _, err := w.Git(ctx, "remote", "get-url", "--push", "origin"); err != nil {
		return ErrNoOrigin
	}
	return w.Repo.PublishApproval(ctx, "origin", a)
}

func (w *Workspace) publishedMark(url, digest string) string {
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(w.CommonDir, "remit", "published", hex.EncodeToString(sum[:8]), strings.TrimPrefix(digest, "sha256:"))
}

func (w *Workspace) published(url, digest string) bool {
	_, err := os.Stat(w.publishedMark(url, digest))
	return err == nil
}

// publishTo pushes delegations to a remote, and remembers that it has them.
func (w *Workspace) publishTo(ctx context.Context, remote, url string, digests []string) error {
	if err := w.Repo.PublishBundles(ctx, remote, digests); err != nil {
		return err
	}
	for _, d := range digests {
		mark := w.publishedMark(url, d)
		if err := os.MkdirAll(filepath.Dir(mark), 0o750); err != nil {
			return fmt.Errorf("remembering that %s was published: %w", d, err)
		}
		if err := (atomicfile.Writer{Passing: true}).Replace(mark, nil); err != nil {
			return fmt.Errorf("remembering that %s was published: %w", d, err)
		}
	}
	return nil
}
