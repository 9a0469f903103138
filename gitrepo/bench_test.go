package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// history makes a packed repository of n commits by fast-import, once for each n.
var history = func() func(testing.TB, int) *testRepo {
	var mu sync.Mutex
	made := map[int]*testRepo{}
	return func(t testing.TB, n int) *testRepo {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if r, ok := made[n]; ok {
			return &testRepo{t: t, dir: r.dir, home: r.home}
		}
		top, err := os.MkdirTemp("", "remit-history-")
		if err != nil {
			t.Fatal(err)
		}
		histories = append(histories, top)
		r := &testRepo{t: t, dir: filepath.Join(top, "repo"), home: top}
		r.run("init", "-q", "--bare", "-b", "main", r.dir)
		random := rand.New(rand.NewPCG(7, 7))
		var b strings.Builder
		file := func(i, commit int) {
			content := fmt.Sprintf("package x // %d %d\n", i, commit)
			for range 15 {
				content += fmt.Sprintf("line %d\n", random.IntN(1000))
			}
			fmt.Fprintf(&b, "M 100644 inline src/d%d/f%d.go\ndata %d\n%s\n", i%40, i, len(content), content)
		}
		for i := range n {
			message := fmt.Sprintf("commit %d\n\nwith a body\n", i)
			fmt.Fprintf(&b, "commit refs/heads/main\ncommitter C <c@example.com> %d +0000\ndata %d\n%s\n", testEpoch+60*i, len(message), message)
			if i == 0 {
				for f := range 1500 {
					file(f, i)
				}
			}
			file(random.IntN(1500), i)
			file(random.IntN(1500), i)
		}
		r.input(b.String(), "fast-import", "--quiet")
		r.run("repack", "-adq")
		made[n] = r
		return &testRepo{t: t, dir: r.dir, home: r.home}
	}
}()

// histories are directories to remove when the tests are over.
var histories []string

func benchmarkRange(b *testing.B, commits, depth int) {
	r := history(b, depth)
	base, head := r.run("rev-parse", fmt.Sprintf("main~%d", commits)), r.run("rev-parse", "main")
	b.ReportAllocs()
	for b.Loop() {
		repo, err := Open(Options{GitDir: r.dir})
		if err != nil {
			b.Fatal(err)
		}
		c := collectRange(b, repo, base, head, CollectOptions{})
		if len(c.Commits) != commits || len(c.Gaps) != 0 || len(c.Commits[0].Changes) == 0 {
			b.Fatalf("%d commits, gaps %v", len(c.Commits), c.Gaps)
		}
		if err := repo.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCollectRange100At1k(b *testing.B)  { benchmarkRange(b, 100, 1_001) }
func BenchmarkCollectRange100At50k(b *testing.B) { benchmarkRange(b, 100, 50_000) }

// BenchmarkCollect1000 also reports how long git log --raw takes over the same commits, and the
// ratio of the two: machines differ, the ratio hardly does.
func BenchmarkCollect1000(b *testing.B) {
	r := history(b, 50_000)
	start := time.Now()
	const rounds = 5
	for range rounds {
		cmd := exec.Command("git", "log", "--raw", "-n", "1000", "main")
		cmd.Dir = r.dir
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
	git := time.Since(start) / rounds
	benchmarkRange(b, 1000, 50_000)
	ours := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(git.Microseconds())/1000, "git-ms")
	b.ReportMetric(float64(ours)/float64(git), "x-git")
}

// BenchmarkMirror5000 fetches 5,000 commits from a history of ten times as many, with the contents of
// all that they change, and collects them.
func BenchmarkMirror5000(b *testing.B) {
	r := history(b, 50_000).filtering()
	base, head := r.run("rev-parse", "main~5000"), r.run("rev-parse", "main")
	for b.Loop() {
		m := openMirror(b, r.fileURL(), "")
		c := collectRange(b, fetchRange(b, m, base, head, RangeOptions{Hint: 5000, Lines: true}), base, head, CollectOptions{CountLines: true})
		noGaps(b, c)
		if len(c.Commits) != 5000 {
			b.Fatalf("%d commits", len(c.Commits))
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
