package signing

import (
	"crypto/ed25519"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkVerifySSHSIG verifies armored signatures over a commit of usual size, from the raw bytes
// on, on all processors, in turn with crypto/ed25519 alone, so that both meet the same load. "%bare"
// is its throughput as a share of the latter's: reading a signature may cost little beside
// verifying it.
func BenchmarkVerifySSHSIG(b *testing.B) {
	_, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := NewEd25519Signer(priv)
	if err != nil {
		b.Fatal(err)
	}
	k := signer.SSHPublicKey()
	message := []byte(strings.Repeat("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n", 8))
	armored := mustSign(b, signer, NamespaceGit, message)
	signed := sshsigMessage(NamespaceGit, hashSHA512, message)
	raw := mustParse(b, armored).sig

	for _, bench := range []struct {
		name   string
		verify func(s *Signature) error
	}{
		{"enrolled", func(s *Signature) error { return s.VerifyWith(k, message, NamespaceGit) }},
		{"unknown", func(s *Signature) error { return s.Verify(message, NamespaceGit) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var bare, whole atomic.Int64 // nanoseconds
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					start := time.Now()
					ok := ed25519.Verify(k.ed, signed, raw)
					middle := time.Now()
					s, err := ParseSSHSIG(armored)
					if !ok || err != nil || bench.verify(s) != nil {
						b.Error("it does not verify")
						return
					}
					bare.Add(int64(middle.Sub(start)))
					whole.Add(int64(time.Since(middle)))
				}
			})
			b.ReportMetric(float64(whole.Load())/float64(b.N), "ns/whole")
			b.ReportMetric(float64(bare.Load())/float64(b.N), "ns/bare")
			b.ReportMetric(100*float64(bare.Load())/float64(whole.Load()), "%bare")
		})
	}
}
