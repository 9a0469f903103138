package log

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/statement"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/signing"
)

// BundlePath is where the delegation bundle is whose last link has a digest.
func BundlePath(leaf string) string {
	return delegation.ArchivePath(leaf)
}

// StatementPath is where the envelope of a deploy statement is that has a digest.
func StatementPath(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return "statement/" + hex[0:1] + "/" + hex[1:2] + "/" + hex[2:3] + "/" + hex[3:4] + "/" + hex
}

// FilesOf lists the files beside the tiles that an entry needs, each once: the bundles of the delegations that it names,
// and the statements.
func FilesOf(e *audit.Entry) []string {
	var paths []string
	for _, c := range e.Chains.Items {
		if path := BundlePath(c.Links[len(c.Links)-1].Digest); !c.Forged && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	for _, digest := range e.Statements {
		paths = append(paths, StatementPath(digest))
	}
	return paths
}

// HasFiles reports whether files are those that an entry needs, all of them, and the statements are of that entry.
func HasFiles(e *audit.Entry, files [][]byte) bool {
	given := Beside(files)
	return !slices.ContainsFunc(FilesOf(e), func(path string) bool { return given[path] == nil }) && Stated(e, given) == nil
}

// Beside keeps the files that may be kept beside the tiles, by their paths: bundles that are what the digests of their
// last links stand for, and envelopes of statements. Whoever put together another bundle of the same digest must not
// have it kept in the place of the true one.
func Beside(files [][]byte) map[string][]byte {
	out := map[string][]byte{}
	for _, b := range files {
		if chain, err := delegation.ParseBundle(b); err == nil && chain.Authentic() == nil {
			out[BundlePath(chain.Digest())] = b
		} else if env, err := signing.ParseEnvelope(b); err == nil && env.PayloadType == delegation.PayloadType && bytes.Equal(env.Marshal(), b) {
			out[StatementPath(audit.Digest(b))] = b
		}
	}
	return out
}

// Stated says why the statements that an entry names are not signed as they say, or are not of this entry; nil: they are,
// or it names none.
func Stated(e *audit.Entry, files map[string][]byte) error {
	if len(e.Statements) == 0 {
		return nil
	}
	envelopes := make([][]byte, len(e.Statements))
	for i, digest := range e.Statements {
		b := files[StatementPath(digest)]
		if b == nil || audit.Digest(b) != digest {
			return fmt.Errorf("the statement %s is not there", digest)
		}
		envelopes[i] = b
	}
	s, err := statement.Parse(envelopes...)
	if err != nil {
		return err
	}
	return s.Fits(e)
}

// keepFiles adds the files beside the tiles that fresh entries need and the log does not have, or not as they were.
func (s *snapshot) keepFiles(change *Change, given map[string][]byte, fresh []item) error {
	put := map[string][]byte{}
	for _, it := range fresh {
		have := map[string][]byte{}
		for _, path := range FilesOf(it.entry) {
			kept, whole := Beside([][]byte{s.beside[path]})[path], given[path]
			switch {
			case kept != nil:
				have[path] = kept
			case whole != nil:
				have[path], put[path] = whole, whole
			case it.vouched:
				return fmt.Errorf("%w: %s", ErrNoFile, path)
			}
		}
		if err := Stated(it.entry, have); err != nil && it.vouched {
			return err
		}
	}
	for _, path := range sortedKeys(put) {
		change.Put = append(change.Put, File{path, put[path]})
	}
	return nil
}

// wrongKey says what is wrong with the file with the log's key, "" for nothing.
func wrongKey(file, signed []byte, origin string) string {
	if file == nil {
		return "the file with the log's key is missing"
	}
	key, err := ParseKeyFile(file)
	if err != nil {
		return err.Error()
	}
	// That it opens the checkpoint too says more than its short hash.
	if _, err := OpenCheckpoint(signed, key); err != nil || key.Name() != origin {
		return "the key that it has is not the one that signs the log"
	}
	return ""
}

// ErrNoFile says that an entry for which somebody vouches names a delegation or statement that is neither with it nor in
// the log.
var ErrNoFile = errors.New("what the entry names is not there")

// named is a chain that entries name.
type named struct {
	links []audit.Link
	index int64 // of the first that does
}

// nameFiles notes the chains and statements of an entry that somebody vouches for.
func (w *verifying) nameFiles(e *audit.Entry, index int64) {
	if e.Attestation.IsZero() {
		return
	}
	if len(e.Statements) > 0 {
		w.stating = append(w.stating, stating{e, index})
	}
	for _, c := range e.Chains.Items {
		leaf := c.Links[len(c.Links)-1].Digest
		if !c.Forged && !slices.ContainsFunc(w.chains[leaf], func(n named) bool { return slices.Equal(n.links, c.Links) }) {
			w.chains[leaf] = append(w.chains[leaf], named{c.Links, index})
		}
	}
}

// stating is an entry that names statements.
type stating struct {
	entry *audit.Entry
	index int64
}

// compareStatements holds the statements that entries name against these.
func (w *verifying) compareStatements() error {
	for part := range slices.Chunk(w.stating, readAtOnce) {
		var paths []string
		for _, s := range part {
			for _, digest := range s.entry.Statements {
				paths = append(paths, StatementPath(digest))
			}
		}
		files, err := w.view.Read(w.ctx, paths)
		if err != nil {
			return err
		}
		given := map[string][]byte{}
		for i, path := range paths {
			given[path] = files[i]
		}
		for _, s := range part {
			if err := Stated(s.entry, given); err != nil {
				w.v.fault(BadStatement, StatementPath(s.entry.Statements[0]), s.index, "the deploy statement of entry %d does not hold: %v", s.index, err)
			}
		}
	}
	return nil
}

// compareBundles holds the chains that entries name against the bundles.
func (w *verifying) compareBundles() error {
	for part := range slices.Chunk(sortedKeys(w.chains), readAtOnce) {
		paths := make([]string, len(part))
		for i, leaf := range part {
			paths[i] = BundlePath(leaf)
		}
		files, err := w.view.Read(w.ctx, paths)
		if err != nil {
			return err
		}
		for i, leaf := range part {
			for _, n := range w.chains[leaf] {
				if why := differs(n.links, files[i]); why != "" {
					w.v.fault(BadDelegation, paths[i], n.index, "entry %d rests on the delegation %s, and %s", n.index, leaf, why)
				}
			}
		}
	}
	return nil
}

// differs says, as a clause, why a bundle is not that of a chain as an entry has it; "": it is.
func differs(links []audit.Link, bundle []byte) string {
	if bundle == nil {
		return "its bundle is missing"
	}
	chain, err := delegation.ParseBundle(bundle)
	if err == nil {
		err = chain.Authentic()
	}
	if err != nil {
		return "its bundle does not hold: " + err.Error()
	}
	if len(chain) != len(links) {
		return fmt.Sprintf("its bundle has %d links, and the entry names %d", len(chain), len(links))
	}
	for i, l := range links {
		d := &chain[i]
		if d.Digest != l.Digest || string(d.Delegator.Name) != l.Delegator || string(d.Delegate.Name) != l.Delegate || !d.NotAfter.Equal(l.NotAfter) {
			return fmt.Sprintf("link %d of its bundle is not the one that the entry names", i+1)
		}
	}
	return ""
}
