package hooks_test

import (
	"path/filepath"
	"testing"

	"github.com/remit-sh/remit/hooks"
)

// Each commit looks whether remit's hooks are as they were written.
func BenchmarkStrays(b *testing.B) {
	dir := b.TempDir()
	c := hooks.Chain{Dir: filepath.Join(dir, "remit", "hooks"), Value: "remit/hooks", Usual: filepath.Join(dir, "hooks"), Remit: "/bin/true"}
	if err := c.Write(c.Usual); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if s, err := c.Strays(); err != nil || s.Any() {
			b.Fatalf("%+v, %v", s, err)
		}
	}
}
