package cli_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/internal/invariant"
)

// Several pushes at once to a real server, near and far away, all come through, each with its entry, and the first of
// them make one log between them.
func TestPushesAtOnce(t *testing.T) {
	t.Parallel()
	pushes := invariant.Count(t, "REMIT_SOAK_PUSHES", 10)
	far := time.Duration(invariant.Count(t, "REMIT_SOAK_DELAY", 30)) * time.Millisecond
	s := serve(t, "http")
	delays := []time.Duration{0, 0, far} // the first begins the log
	for round, delay := range delays {
		s.server.Delay(delay)
		var wg sync.WaitGroup
		failed, took := make(chan string, pushes), make(chan time.Duration, pushes)
		begin := time.Now()
		for n := range pushes {
			wg.Go(func() {
				begin := time.Now()
				if r := s.push("alice", "shop", "-q", fmt.Sprintf("main:refs/heads/agent/%d-%d", round, n)); r.code != 0 {
					failed <- r.stderr
				}
				took <- time.Since(begin)
			})
		}
		wg.Wait()
		all := time.Since(begin)
		close(failed)
		close(took)
		for why := range failed {
			t.Errorf("round %d: a push failed: %s", round, why)
		}
		var times []time.Duration
		for d := range took {
			times = append(times, d)
		}
		slices.Sort(times)
		t.Logf("%v a request: %d pushes at once, %.1f a second, median %v, p95 %v", delay, pushes, float64(pushes)/all.Seconds(),
			times[len(times)/2].Round(time.Millisecond), times[len(times)*95/100].Round(time.Millisecond))
	}
	place := auditlog.Place{GitDir: s.path("shop.git"), Environ: os.Environ(), Now: time.Now}
	l, _, err := place.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.Verify(t.Context())
	if err != nil || !v.OK() || v.Entries != int64(len(delays)*pushes) || len(v.Same) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
	entries, err := os.ReadDir(s.path("shop.git/remit"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "audit.key audit.key.lock policy-ref server.json" {
		t.Errorf("the server keeps %s", got)
	}
}

// BenchmarkRecording is the server's hook with its log, and without: the policy lets a push in that cannot be recorded,
// and it cannot, since the log's key is there and the log is not.
func BenchmarkRecording(b *testing.B) {
	for _, recorded := range []bool{false, true} {
		b.Run(fmt.Sprintf("recorded=%v", recorded), func(b *testing.B) {
			s := newShop(b)
			s.ok("alice", "shop.git", "remit", "hooks", "install", "--server", "--root-key", s.path("home/alice/keys/alice.pub"), "--pusher-env", "PUSHER")
			policy, err := os.ReadFile(s.path("shop/policies.hcl"))
			if err != nil {
				b.Fatal(err)
			}
			s.write("shop/policies.hcl", string(policy)+"\nsettings {\n  audit = \"best-effort\"\n}\n")
			s.git("alice", "commit -q -a -m lenient")
			head := s.git("alice", "rev-parse HEAD")
			s.git("alice", "--git-dir="+s.path("shop.git")+" fetch -q "+s.path("shop")+" main:main") // around the hook
			input := fmt.Sprintf("<%040d %s refs/heads/agent/x\n", 0, head)
			hook := func() {
				if r := s.run("alice", "shop.git", []string{"PUSHER=alice", input}, "remit", "hook", "pre-receive"); r.code != 0 || recorded == strings.Contains(r.stderr, "in no audit log") {
					b.Fatalf("exit %d: %s", r.code, r.stderr)
				}
			}
			if !recorded {
				s.run("alice", "shop.git", []string{"PUSHER=alice", input}, "remit", "hook", "pre-receive")
				s.git("alice", "--git-dir="+s.path("shop.git")+" update-ref -d refs/heads/_audit/log")
			}
			for b.Loop() {
				hook()
			}
		})
	}
}
