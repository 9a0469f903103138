package gitbranch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/log/logtest"
)

// What is read is written again byte for byte, is named by its digest, and vouches for nothing.
func FuzzParseSpooled(f *testing.F) {
	b, err := encodeSpooled(logtest.Entry(f, 1, "title"), []byte("token"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(bytes.Clone(b), "{}\n{}\n"...))
	f.Add(bytes.TrimSuffix(b, []byte("\n")))
	f.Add(append(bytes.Clone(b), '\n'))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSpooled(b)
		if err != nil {
			if s != nil {
				t.Error("an error returns an entry")
			}
			return
		}
		again, err := encodeSpooled(s.Entry, s.Proof, s.Bundles)
		if err != nil || !bytes.Equal(again, b) || s.Name != spoolName(b) || !s.Entry.Attestation.IsZero() {
			t.Errorf("%q is read as %+v, %v", b, s, err)
		}
	})
}

// Of more refs than a fold reads it takes some by chance: nobody can make so many that others are never read.
func TestListTakesSomeByChance(t *testing.T) {
	dir := t.TempDir()
	blob := "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
	cmd := exec.Command("sh", "-c", `cd "$0" && git init -q --bare . && git hash-object -w -t blob /dev/null`, dir)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != blob {
		t.Fatalf("%v: %s", err, out)
	}
	var refs strings.Builder
	refs.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	const more = 500
	for i := range maxSpooled + more {
		fmt.Fprintf(&refs, "%s %s%064x\n", blob, SpoolPrefix, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "packed-refs"), []byte(refs.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{GitDir: dir, Environment: os.Environ(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{} // how often each was left out
	for range 2 {
		refs, err := (&folding{Fold: &Fold{Store: s}}).list(t.Context())
		if err != nil || len(refs) != maxSpooled || !slices.IsSortedFunc(refs, func(a, b spoolRef) int { return strings.Compare(a.name, b.name) }) {
			t.Fatalf("%d refs, %v", len(refs), err)
		}
		listed := map[string]bool{}
		for _, r := range refs {
			listed[r.name] = true
		}
		if len(listed) != maxSpooled {
			t.Fatalf("%d of %d are twice", maxSpooled-len(listed), maxSpooled)
		}
		for i := range maxSpooled + more {
			if name := fmt.Sprintf("%s%064x", SpoolPrefix, i); !listed[name] {
				out[name]++
			}
		}
	}
	if len(out) == more {
		t.Error("the same are left out twice")
	}
}
