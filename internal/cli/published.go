package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Which delegations a remote has is remembered as empty files below the repository's git directory,
// so that a push does not ask the remote again. A file too few costs a push of one ref; a remote
// that lost a ref is mended with `git push <remote> refs/remit/delegations/<hex>`.

func (w *workspace) publishedMark(url, digest string) string {
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(w.commonDir, "remit", "published", hex.EncodeToString(sum[:8]), strings.TrimPrefix(digest, "sha256:"))
}

func (w *workspace) published(url, digest string) bool {
	_, err := os.Stat(w.publishedMark(url, digest))
	return err == nil
}

// publishTo pushes delegations to a remote, known by its name or URL, and remembers that it has them.
func (w *workspace) publishTo(ctx context.Context, remote, url string, digests []string) error {
	if err := w.repo.PublishBundles(ctx, remote, digests); err != nil {
		return err
	}
	for _, d := range digests {
		mark := w.publishedMark(url, d)
		if err := os.MkdirAll(filepath.Dir(mark), 0o750); err != nil {
			return fmt.Errorf("remembering that %s was published: %w", d, err)
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return fmt.Errorf("remembering that %s was published: %w", d, err)
		}
	}
	return nil
}
