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
	if got := strings.Join(names, " "); got != "audit.key policy-ref server.json" {
		t.Errorf("the server keeps %s", got)
	}
}
