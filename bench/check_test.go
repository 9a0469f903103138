package bench

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// agentRef is the branch that the signed commits are judged at.
const agentRef = "refs/heads/agent/pay"

// check is `remit check` of the first n signed commits.
func (s shop) check(n int) func() time.Duration {
	s.tb.Helper()
	return s.process("", build(s.tb).remit, "check", "--ref", agentRef, s.revisions(n))
}

// BenchmarkCheckAgainstGit judges 1,000 signed and delegated commits, and has git verify the
// signatures of the same commits with the same keys, which takes so long that it is done once.
// Half of the samples are taken before that and half after, so that both meet the same load. remit
// uses every processor and git one: what the ratio is of processor time is reported beside.
func BenchmarkCheckAgainstGit(b *testing.B) {
	const commits = 1000
	s := newShop(b, 1000, commits)
	check := s.check(commits)
	before := samples(b, check)[0]
	git, gitCPU, out := s.measured("git", "log", "--format=%G?", s.revisions(commits))
	if good := strings.Count(out, "G\n"); good != commits {
		b.Fatalf("git finds %d of %d signatures good", good, commits)
	}
	remit := median(append(before, samples(b, check)[0]...))
	_, remitCPU, _ := s.measured(build(b).remit, "check", "--ref", agentRef, s.revisions(commits))
	report(b, git, "git-ms", remit, "remit-ms", ratio(git, remit), "x-faster",
		gitCPU, "git-cpu-ms", remitCPU, "remit-cpu-ms", ratio(gitCPU, remitCPU), "x-less-cpu")
}

// measured is one run of a program: its time, the processor time of it and of all that it started,
// and its output.
func (s shop) measured(name string, args ...string) (wall, processor time.Duration, out string) {
	s.tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.dir, environ()
	start := time.Now()
	text, err := cmd.Output()
	wall = time.Since(start)
	if err != nil {
		s.tb.Fatal(err)
	}
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), string(text)
}

// BenchmarkHistory judges 100 commits on top of 1,000 commits of history and on top of 50,000.
func BenchmarkHistory(b *testing.B) {
	small, large := newShop(b, 1000, 100), newShop(b, 50_000, 100)
	t := inTurn(b, small.check(100), large.check(100))
	report(b, t[0], "of-1k-ms", t[1], "of-50k-ms", ratio(t[1], t[0]), "x-slower")
}

// BenchmarkRange judges ranges of 1,000 and of 5,000 commits of one repository.
func BenchmarkRange(b *testing.B) {
	s := newShop(b, 1000, 5000)
	t := inTurn(b, s.check(1000), s.check(5000))
	report(b, t[0], "1000-ms", t[1], "5000-ms", ratio(t[1], t[0]), "x-slower",
		s.peak(5000), "5000-peak-MiB", s.peak(1000), "1000-peak-MiB", s.peak(1), "1-peak-MiB")
}

// peak is the most memory that judging n commits takes, in MiB: the worst of some runs.
func (s shop) peak(n int) float64 {
	s.tb.Helper()
	const runs = 5
	worst := 0
	for range runs {
		p := build(s.tb)
		kib, err := strconv.Atoi(s.run(p.peak, p.remit, "check", "--ref", agentRef, s.revisions(n)))
		if err != nil {
			s.tb.Fatal(err)
		}
		worst = max(worst, kib)
	}
	return float64(worst) / 1024
}

// BenchmarkLoose judges 1,000 commits whose objects are not packed yet, as after making them.
func BenchmarkLoose(b *testing.B) {
	const commits = 1000
	s := newShop(b, 1000, commits)
	loose := s
	loose.dir = s.dir + "-loose"
	s.run("git", "init", "-q", loose.dir)
	loose.run("git", "-c", "fetch.unpackLimit=1000000", "fetch", "-q", "--update-head-ok", s.dir, "refs/*:refs/*")
	t := inTurn(b, s.check(commits), loose.check(commits))
	report(b, t[0], "packed-ms", t[1], "loose-ms", ratio(t[1], t[0]), "x-slower")
}

// BenchmarkFar judges 5 commits of a branch that the base left 100,000 commits behind, and has git list them: both
// go through the base's side by the commit-graph.
func BenchmarkFar(b *testing.B) {
	const behind = 100_000
	s := newShop(b, 1000, 5)
	far := s
	far.dir = s.dir + "-far"
	s.run("git", "clone", "-q", "--mirror", s.dir, far.dir)
	var trunk strings.Builder
	at := time.Now().Unix()
	for i := range behind {
		fmt.Fprintf(&trunk, "commit refs/heads/trunk\ncommitter x <x@shop.example> %d +0000\ndata 2\nx\n", at+int64(i))
		if i == 0 {
			fmt.Fprintf(&trunk, "from %s\n", s.base)
		}
	}
	far.input(trunk.String(), "git", "fast-import", "--quiet")
	far.run("git", "repack", "-adq")
	far.run("git", "commit-graph", "write", "--reachable")
	revisions := "refs/heads/trunk.." + s.head
	t := inTurn(b, far.process("", "git", "rev-list", revisions), far.process("", build(b).remit, "check", "--ref", agentRef, revisions))
	report(b, t[0], "git-ms", t[1], "remit-ms", ratio(t[1], t[0]), "x-slower")
}
