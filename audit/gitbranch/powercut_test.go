//go:build unix

package gitbranch_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/invariant"
	"github.com/remit-sh/remit/internal/powercut"
)

// The power is lost before and after each change that making a log, appending, handing over and folding make to the
// disk, by us and by git: the log verifies, and all that was acknowledged is in it, or comes in by the next fold.
func TestPropertyPowerCuts(t *testing.T) { invariant.Property(t, 1, powerCuts) }

func powerCuts(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	want := invariant.Count(t, "REMIT_SOAK_CUTS", 40)
	cuts, made, before := 0, 0, 0
	for cuts < want {
		dir := bare(t)
		disk := powercut.New(t, dir)
		begun, waits, acknowledged := false, false, []int(nil)
		check := func() {
			if made++; want < 1000 && rng.IntN(10) > 0 {
				return // enough of it where there is little time
			}
			cuts++
			left := t.TempDir()
			disk.Write(t, rng, left)
			removeLocks(t, left)
			l := in(t, left)
			v, err := l.Verify(t.Context())
			if !begun && errors.Is(err, log.ErrMissing) {
				before++
				return
			}
			if err != nil || !v.OK() || len(v.Same) > 0 {
				t.Fatalf("cut %d: %+v, %v; not saved:\n%s", cuts, v, err, disk)
			}
			if waits { // else there is nothing but what is in the log
				if _, err := (&gitbranch.Fold{Store: opened(t, left), Log: l, Attest: byToken}).Run(t.Context()); err != nil {
					t.Fatalf("cut %d: folding: %v; not saved:\n%s", cuts, err, disk)
				}
			}
			for _, n := range acknowledged {
				if at, err := l.Find(t.Context(), logtest.Entry(t, n, "").ID); err != nil || len(at) != 1 {
					t.Fatalf("cut %d: the acknowledged entry %d is at %v, %v; not saved:\n%s", cuts, n, at, err, disk)
				}
			}
			if cuts%5 == 0 { // and it goes on from there
				logtest.Append(t, l, logtest.Entry(t, 1000, ""))
			}
			_ = os.RemoveAll(left) // it goes at the end in any case
		}
		step := func(role string, entries ...int) {
			n := 0
			if len(entries) > 0 {
				n = entries[0]
			}
			waits = waits || role == "fold once"
			disk.Run(t, child(dir, role, n), check)
			waits = role == "spool one" || waits && role != "fold once"
			begun, acknowledged = true, append(acknowledged, entries...)
			check()
		}
		step("create")
		step("append one", 0)
		step("spool one", 1)
		step("spool one", 2)
		step("fold once")
		step("append one", 3)
		step("spool one", 4) // its folders were taken away with what was folded
		logtest.Sound(t, in(t, dir), 4)
		if made < 100 {
			t.Fatalf("only %d changes were seen", made)
		}
	}
	if before == 0 && want >= 1000 {
		t.Error("no cut was before the log was made")
	}
	t.Logf("%d cuts, at %d changes", cuts, made)
}

// oneStep is a child that makes one step and ends.
func oneStep(t *testing.T, dir, role string, n int) {
	t.Helper()
	switch role {
	case "create":
		begun(t, dir, 0)
	case "append one":
		logtest.Append(t, in(t, dir), logtest.Entry(t, n, ""))
	case "spool one":
		add(t, &gitbranch.Spool{Store: opened(t, dir)}, logtest.Entry(t, n, ""), "token")
	case "fold once":
		run(t, &gitbranch.Fold{Store: opened(t, dir), Log: in(t, dir), Attest: byToken})
	case "full disk":
		fullDisk(t, dir)
	case "full disk, spool":
		fullDiskSpool(t, dir)
	case "read only":
		readOnly(t, dir)
	default:
		t.Fatalf("there is no %q", role)
	}
}
