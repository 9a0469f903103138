package vectors

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/remit-sh/remit/signing"
)

// The edge cases of Ed25519 that C2SP/CCTV publishes, in the module from which Go's own tests of
// crypto/ed25519 read them. It is a program, which cannot be imported, so that the go command
// downloads it by name; the checksum database vouches for its content.
const edgeModule = "filippo.io/mostly-harmless/ed25519vectors@v0.0.0-20210322192420-30a2d7243a94"

// refusedFlags are the properties for which remit refuses a signature. Go's verifier accepts some
// of them: keys of low order, and keys and points that are not encoded canonically. What is left to
// be accepted is low-order components beside a full-order one (LowOrderComponentA and R), which only
// the key's owner can make.
var refusedFlags = []string{"LowOrderA", "NonCanonicalA", "NonCanonicalR", "LowOrderResidue"}

func TestEdgeCasesEd25519(t *testing.T) {
	out, err := exec.Command("go", "mod", "download", "-json", edgeModule).Output()
	if err != nil {
		t.Fatalf("downloading %s: %v\n%s", edgeModule, err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(module.Dir, "ed25519vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		A, R, S, M string
		Flags      []string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	accepted, stricter := 0, 0
	for i, v := range vectors {
		point, message := unhex(t, v.A), []byte(v.M)
		sig := append(unhex(t, v.R), unhex(t, v.S)...)
		want := !slices.ContainsFunc(v.Flags, func(f string) bool { return slices.Contains(refusedFlags, f) })
		key, err := signing.ParsePublicKey(wire("ssh-ed25519", point))
		if err == nil {
			err = key.Verifier().VerifySignature(bytes.NewReader(sig), bytes.NewReader(message))
		}
		if want != (err == nil) {
			t.Errorf("vector %d %v: accepted %t: %v", i, v.Flags, err == nil, err)
		}
		if err == nil {
			accepted++
		}
		switch byGo := ed25519.Verify(point, message, sig); {
		case byGo && err != nil:
			stricter++
		case !byGo && err == nil:
			t.Errorf("vector %d %v: accepted, and refused by crypto/ed25519", i, v.Flags)
		}
	}
	t.Logf("%d vectors, %d accepted; in %d remit is stricter than crypto/ed25519", len(vectors), accepted, stricter)
	if len(vectors) < 500 || accepted == 0 || stricter == 0 {
		t.Errorf("these are not the vectors that this test is about")
	}
}
