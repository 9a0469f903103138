package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// BenchmarkLarge reads a policy of 1,000 agents with a key and a grant each, in turn with the HCL parser alone on the
// same text, which decodes nothing.
func BenchmarkLarge(b *testing.B) {
	src := largePolicy(1000)
	var ours, theirs time.Duration
	for b.Loop() {
		begin := time.Now()
		if p, found := Parse(src, FileName); p == nil {
			b.Fatal(found)
		}
		between := time.Now()
		if _, diags := hclsyntax.ParseConfig(src, FileName, hcl.InitialPos); diags.HasErrors() {
			b.Fatal(diags)
		}
		ours, theirs = ours+between.Sub(begin), theirs+time.Since(between)
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "policy-ms")
	b.ReportMetric(float64(theirs.Milliseconds())/float64(b.N), "hcl-ms")
	b.ReportMetric(float64(ours)/float64(theirs), "x-of-hcl")
}

func largePolicy(agents int) []byte {
	var b strings.Builder
	key := func(i int) string {
		seed := binary.BigEndian.AppendUint64(make([]byte, ed25519.SeedSize-8), uint64(i))
		public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		wire := "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + string(public)
		return "ssh-ed25519 " + base64.StdEncoding.EncodeToString([]byte(wire))
	}
	fmt.Fprintf(&b, "repository = \"github.com/acme/shop\"\n\nhuman \"alice\" {\n  keys = [%q]\n}\n", key(0))
	for i := 1; i <= agents; i++ {
		fmt.Fprintf(&b, "agent \"a%d\" {\nkeys = [%q]\ndelegators = [human.alice]\n}\n", i, key(i))
		fmt.Fprintf(&b, "grant \"g%d\" {\nto = [agent.a%[1]d]\nactions = [\"commit\"]\nbranches = [\"agent/a%[1]d/**\"]\npaths = [\"src/m%[1]d/**\"]\nmax_ttl = \"1h\"\n}\n", i)
	}
	return []byte(b.String())
}
