package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// BenchmarkStart is what programs cost that have nothing to judge.
func BenchmarkStart(b *testing.B) {
	s := newShop(b, 1000, 100)
	p := build(b)
	t := inTurn(b,
		s.process("", p.empty),
		s.process("", p.remit, "version"),
		s.process("", p.remit, "check", "--ref", agentRef, s.base+".."+s.base),
		s.check(1))
	report(b, t[0], "empty-process-ms", t[1], "version-ms", t[2], "check-of-none-ms", t[3], "check-of-one-ms")
}

// BenchmarkParts takes a check of 1,000 commits apart.
func BenchmarkParts(b *testing.B) {
	const commits = 1000
	s := newShop(b, 1000, commits)
	source := []byte(policySource(b))
	set, p := s.collect(commits), s.policy(source)
	t := inTurn(b,
		timed(func() { s.policy(source) }),
		timed(func() { s.collect(commits) }),
		timed(func() {
			if v := checker.Check(p, set).Verdict; v != verdict.Allowed {
				b.Errorf("the verdict is %v", v)
			}
		}))
	report(b, t[0], "policy-ms", t[1], "read-objects-ms", t[2], "judge-ms")
}

func (s shop) policy(source []byte) *policy.Policy {
	s.tb.Helper()
	p, diags := policy.Parse(source, policy.FileName)
	if diags.HasErrors() {
		s.tb.Fatal(diags)
	}
	return p
}

// collect reads what the judge needs to know of the first n signed commits.
func (s shop) collect(n int) *evidence.Set {
	s.tb.Helper()
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: s.dir + "/.git", Env: environ()})
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	head := s.revisions(n)[len(s.base)+len(".."):]
	found, err := repo.CollectRange(s.tb.Context(), s.base, head, agentRef, gitrepo.CollectOptions{})
	if err != nil {
		s.tb.Fatal(err)
	}
	now := time.Now()
	set := &evidence.Set{Repository: "git.example/acme/shop", At: now, AtSource: "the benchmark", Surface: evidence.SurfaceCheck}
	found.AddTo(set)
	seen := evidence.Seen{Time: now, By: set.AtSource}
	for i := range set.Commits {
		set.Commits[i].Seen = seen
	}
	for i := range set.Updates {
		set.Updates[i].Seen = seen
	}
	if len(set.Commits) != n || len(set.Gaps) > 0 {
		s.tb.Fatalf("%d commits, gaps %v", len(set.Commits), set.Gaps)
	}
	return set
}

// allocated is how many bytes f asks for, on all goroutines.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
