package gitrepo

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// mergedHistory is a packed repository of so many merges of a branch into main, each of one commit on both
// sides. Where they touch, both sides change one file in different lines.
func mergedHistory(b *testing.B, merges int, touch bool) *testRepo {
	r := newTestRepo(b, "--bare")
	var s strings.Builder
	file := func(name, content string) {
		fmt.Fprintf(&s, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
	}
	at := testEpoch
	commit := func(ref, from, merge string) {
		at++
		fmt.Fprintf(&s, "commit %s\nmark :%d\ncommitter C <c@example.com> %d +0000\ndata 2\nx\n", ref, at-testEpoch, at)
		if from != "" {
			fmt.Fprintf(&s, "from %s\n", from)
		}
		if merge != "" {
			fmt.Fprintf(&s, "merge %s\n", merge)
		}
	}
	last := func() string { return fmt.Sprintf(":%d", at-testEpoch) }
	lines := strings.Split(strings.Repeat("line\n", 40), "\n")
	shared := func() string { return strings.Join(lines, "\n") }
	commit("refs/heads/main", "", "")
	for i := range 400 {
		file(fmt.Sprintf("src/d%d/f%d", i%20, i), "base\n")
	}
	file("shared", shared())
	tip := last()
	for i := range merges {
		commit("refs/heads/side", tip, "")
		file(fmt.Sprintf("src/d%d/f%d", i%20, i%400), fmt.Sprintf("side %d\n", i))
		if touch {
			old := lines[5]
			lines[5] = fmt.Sprintf("side %d", i)
			file("shared", shared())
			lines[5] = old
		}
		side := last()
		commit("refs/heads/main", tip, "")
		file(fmt.Sprintf("src/d%d/f%d", (i+7)%20, (i+7)%400), fmt.Sprintf("main %d\n", i))
		if touch {
			lines[30] = fmt.Sprintf("main %d", i)
			file("shared", shared())
		}
		main := last()
		commit("refs/heads/main", main, side)
		file(fmt.Sprintf("src/d%d/f%d", i%20, i%400), fmt.Sprintf("side %d\n", i))
		if touch {
			lines[5] = fmt.Sprintf("side %d", i)
			file("shared", shared())
		}
		tip = last()
	}
	r.input(s.String(), "fast-import", "--quiet")
	r.run("repack", "-adq")
	return r
}

// BenchmarkMerges judges what 100 clean merges change, and also reports how long one git merge-tree for each
// of them takes, one after the other, and the ratio of the two.
func BenchmarkMerges(b *testing.B) {
	for name, touch := range map[string]bool{"apart": false, "in-one-file": true} {
		b.Run(name, func(b *testing.B) {
			r := mergedHistory(b, 100, touch)
			base, head := r.run("rev-list", "--max-parents=0", "main"), r.run("rev-parse", "main")
			merges := strings.Fields(r.run("rev-list", "--merges", "main"))
			start := time.Now()
			for _, m := range merges {
				cmd := exec.Command("git", "merge-tree", "--write-tree", m+"^1", m+"^2")
				cmd.Dir = r.dir
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
			}
			git := time.Since(start)
			b.ResetTimer()
			for b.Loop() {
				repo, err := Open(Options{GitDir: r.dir})
				if err != nil {
					b.Fatal(err)
				}
				c := collectRange(b, repo, base, head, CollectOptions{})
				for _, m := range c.Commits {
					if m.Merge != nil && (!m.Merge.Recomputed || len(m.Changes) > 0) {
						b.Fatalf("%+v", m.Merge)
					}
				}
				if err := repo.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(git.Microseconds())/1000, "git-ms")
			b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/float64(git), "x-git")
		})
	}
}
