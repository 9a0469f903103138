package cli_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/internal/auditlog"
)

// Several pushes at once all come through, each with its entry, and the first of them make one log between them.
func TestPushesAtOnce(t *testing.T) {
	t.Parallel()
	const pushes = 10
	s := newShop(t)
	s.ok("alice", "shop.git", "remit", "hooks", "install", "--server", "--root-key", s.path("home/alice/keys/alice.pub"), "--pusher-env", "PUSHER")
	for round := range 2 { // the first begins the log
		var wg sync.WaitGroup
		failed := make(chan string, pushes)
		for n := range pushes {
			wg.Go(func() {
				if r := s.run("alice", "shop", []string{"PUSHER=alice"}, "git", "push", "-q", "origin", fmt.Sprintf("main:refs/heads/agent/%d-%d", round, n)); r.code != 0 {
					failed <- r.stderr
				}
			})
		}
		wg.Wait()
		close(failed)
		for why := range failed {
			t.Errorf("round %d: a push failed: %s", round, why)
		}
	}
	place := auditlog.Place{GitDir: s.path("shop.git"), Environ: os.Environ(), Now: time.Now}
	l, _, err := place.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.Verify(t.Context())
	if err != nil || !v.OK() || v.Entries != 2*pushes || len(v.Same) > 0 {
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
