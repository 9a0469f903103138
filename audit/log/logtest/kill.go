//go:build unix

package logtest

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
)

// AppendForever is what a program does that is to be killed: it appends to a log, and says "acknowledged N" of each
// entry that was, by its number.
func AppendForever(t testing.TB, l *log.Log) {
	t.Helper()
	c, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// From some before the end: what was appended and not acknowledged is sent again.
	for n := max(int(c.Size)-5, 0); ; n += 3 {
		Append(t, l, Entries(t, n, n+3)...)
		for i := range 3 {
			fmt.Printf("acknowledged %d\n", n+i)
		}
	}
}

// Kills starts programs and kills each at some moment of its work, with all that it started.
type Kills struct {
	Kills    int // how many are killed
	Together int // how many work at once; 0: one
	// Command is the program that is started as number n. It says "acknowledged N" of each entry that was, or "works"
	// where it acknowledges none, and ends only when it is killed.
	Command func(n int) *exec.Cmd
	Within  time.Duration // after it began to work, or was started, in which it is killed
	Clean   func()        // before the log is looked at: what its messages tell an administrator to do
	// Note is the note of the entries, for [Entry].
	Note string
}

// Run kills, and looks after each time whether the log verifies and has nothing twice, and at the end, once settle has
// brought in what still waits, whether all that was acknowledged is in it, once. Entries may be in it that were not.
func (k Kills) Run(t *testing.T, l *log.Log, seed uint64, settle func()) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	acknowledged, killed, began := map[int]bool{}, 0, 0
	for killed < k.Kills {
		if began++; began > 2*k.Kills+20 {
			t.Fatalf("%d programs were started, and only %d killed", began-1, killed)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range max(k.Together, 1) {
			cmd, early := k.Command(began*max(k.Together, 1)+i), began%2 == 1
			after := time.Duration(rng.Int64N(int64(k.Within)))
			wg.Go(func() {
				entries, dead, err := kill(cmd, early, after)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				for _, n := range entries {
					acknowledged[n] = true
				}
				if dead {
					killed++
				}
			})
		}
		wg.Wait()
		if k.Clean != nil {
			k.Clean()
		}
		v, err := l.Verify(t.Context())
		if err != nil || !v.OK() || len(v.Same) > 0 {
			t.Fatalf("after %d kills: %+v, %v", killed, v, err)
		}
		if t.Failed() {
			return
		}
	}
	if settle != nil {
		settle()
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged: nothing was tried")
	}
	entries := make(map[string]*audit.Entry, len(acknowledged))
	var ids []string
	for n := range acknowledged {
		e := Entry(t, n, k.Note)
		entries[e.ID], ids = e, append(ids, e.ID)
	}
	found, err := l.Lookup(t.Context(), ids...)
	if err != nil {
		t.Fatal(err)
	}
	for id, e := range entries {
		if len(found[id]) != 1 {
			t.Errorf("the acknowledged entry of %s is in the log %d times", e.Question.Head, len(found[id]))
		}
	}
	c, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d killed; %d entries acknowledged, all there; %d more there", killed, len(acknowledged), c.Size-int64(len(acknowledged)))
}

// stuck is after how long a program is killed that does not begin to work.
const stuck = time.Minute

// kill runs a program and kills it: a while after it began to work, or, early, a while after it was started.
func kill(cmd *exec.Cmd, early bool, after time.Duration) (acknowledged []int, killed bool, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, false, err
	}
	if err := cmd.Start(); err != nil {
		return nil, false, err
	}
	end := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	timer, works := time.AfterFunc(stuck, end), early
	if early {
		timer.Reset(after)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n int
		if _, scanErr := fmt.Sscanf(lines.Text(), "acknowledged %d", &n); scanErr == nil {
			acknowledged = append(acknowledged, n)
		} else if lines.Text() != "" && lines.Text() != "works" {
			err = fmt.Errorf("the program says %q", lines.Text())
		}
		if !works {
			works = true
			timer.Reset(after)
		}
	}
	timer.Stop() // its number may be another's soon
	var exit *exec.ExitError
	waitErr := cmd.Wait()
	if errors.As(waitErr, &exit) {
		state, ok := exit.Sys().(syscall.WaitStatus)
		killed = ok && state.Signaled() && state.Signal() == syscall.SIGKILL
	}
	return acknowledged, killed, err
}
