package gitrepo

import (
	"fmt"
	"testing"
)

// BenchmarkLanding works out what merging 100 and 5,000 commits into a branch that went on would change, after
// the range itself was collected, which a check does too.
func BenchmarkLanding(b *testing.B) {
	r := history(b, 50_000)
	for _, commits := range []int{100, 5000} {
		b.Run(fmt.Sprint(commits), func(b *testing.B) {
			fork, head := r.run("rev-parse", fmt.Sprintf("main~%d", commits)), r.run("rev-parse", "main")
			tree := r.run("rev-parse", fork+"^{tree}")
			tip := r.input(fmt.Sprintf("tree %s\nparent %s\nauthor C <c@example.com> %d +0000\ncommitter C <c@example.com> %[3]d +0000\n\nwent on\n",
				tree, fork, testEpoch+60*50_001), "hash-object", "-t", "commit", "-w", "--stdin")
			for b.Loop() {
				repo, err := Open(Options{GitDir: r.dir})
				if err != nil {
					b.Fatal(err)
				}
				if l := repo.Landing(b.Context(), tip, head); len(l.Gaps) > 0 || len(l.Changes) == 0 {
					b.Fatalf("%+v", l)
				}
				if err := repo.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
