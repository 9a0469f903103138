package log

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/delegation"
)

// BundlePath is where the delegation bundle is whose last link has a digest.
func BundlePath(leaf string) string {
	hex := strings.TrimPrefix(leaf, "sha256:")
	return "bundle/" + hex[:1] + "/" + hex[1:2] + "/" + hex[2:3] + "/" + hex[3:4] + "/" + hex
}

// bundlesOf lists the bundles that an entry needs, by the digests of their last links.
func bundlesOf(e *audit.Entry) []string {
	var leaves []string
	for _, c := range e.Chains.Items {
		if leaf := c.Links[len(c.Links)-1].Digest; !c.Forged && !slices.Contains(leaves, leaf) {
			leaves = append(leaves, leaf)
		}
	}
	return leaves
}

// HasBundles reports whether bundles are those of the delegations that an entry names, all of them.
func HasBundles(e *audit.Entry, bundles [][]byte) bool {
	given := authentic(bundles)
	return !slices.ContainsFunc(bundlesOf(e), func(leaf string) bool { return given[leaf] == nil })
}

// authentic keeps the bundles that are what the digests of their last links stand for, by these. Whoever put together
// another of the same digest must not have it kept in the place of the true one.
func authentic(bundles [][]byte) map[string][]byte {
	out := map[string][]byte{}
	for _, b := range bundles {
		if chain, err := delegation.ParseBundle(b); err == nil && chain.Authentic() == nil {
			out[chain.Digest()] = b
		}
	}
	return out
}

// keepBundles adds the bundles that fresh entries need and the log does not have, or not as it was.
func (s *snapshot) keepBundles(change *Change, given map[string][]byte, fresh []item) error {
	put := map[string][]byte{}
	for _, it := range fresh {
		for _, leaf := range it.needs {
			path := BundlePath(leaf)
			kept, whole := s.beside[path], given[leaf]
			switch {
			case whole == nil && it.vouched && authentic([][]byte{kept})[leaf] == nil:
				return fmt.Errorf("the delegation %s is named and its bundle is not there", leaf)
			case whole != nil && !bytes.Equal(kept, whole) && authentic([][]byte{kept})[leaf] == nil:
				put[path] = whole
			}
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

// named is a chain that entries name.
type named struct {
	links []audit.Link
	index int64 // of the first that does
}

// nameChains notes the chains of an entry that somebody vouches for.
func (w *verifying) nameChains(e *audit.Entry, index int64) {
	if e.Attestation.IsZero() {
		return
	}
	for _, c := range e.Chains.Items {
		leaf := c.Links[len(c.Links)-1].Digest
		if !c.Forged && !slices.ContainsFunc(w.chains[leaf], func(n named) bool { return slices.Equal(n.links, c.Links) }) {
			w.chains[leaf] = append(w.chains[leaf], named{c.Links, index})
		}
	}
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
