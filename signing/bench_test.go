package signing

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"
)

// BenchmarkVerifySSHSIG verifies armored signatures of an enrolled key over a commit of usual size,
// from the raw bytes on, on all processors. "%bare" is its throughput as a share of the throughput
// of crypto/ed25519 alone, measured in the same run: parsing may cost no more than the rest.
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
			bare := parallel(b, func() bool { return ed25519.Verify(k.ed, signed, raw) })
			b.ReportAllocs()
			b.ResetTimer()
			whole := parallel(b, func() bool {
				s, err := ParseSSHSIG(armored)
				return err == nil && bench.verify(s) == nil
			})
			b.ReportMetric(100*float64(bare)/float64(whole), "%bare")
		})
	}
}

func parallel(b *testing.B, one func() bool) time.Duration {
	start := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !one() {
				b.Error("it does not verify")
				return
			}
		}
	})
	return time.Since(start)
}
