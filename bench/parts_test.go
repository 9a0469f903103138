package bench

import (
	"testing"
)

// BenchmarkStart is what a process costs that has nothing to do.
func BenchmarkStart(b *testing.B) {
	s := newShop(b, 1000, 1000)
	p := build(b)
	t := inTurn(b, s.process("", p.empty), s.process("", p.remit, "version"), s.check(1), s.process("", p.remit, "check", "--ref", agentRef, s.base+".."+s.base))
	report(b, t[0], "empty-ms", t[1], "version-ms", t[2], "check-1-ms", t[3], "check-0-ms")
}
