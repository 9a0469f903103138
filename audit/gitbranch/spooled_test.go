package gitbranch

import (
	"bytes"
	"testing"

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
