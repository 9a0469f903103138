//go:build unix

package gitbranch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
)

// A disk that is full: what was acknowledged stays, nothing else is, and with room again it goes on.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"full disk", "full disk, spool"} {
		dir := t.TempDir()
		logtest.OnSmallDisk(t, dir, 1_500_000, childDir+"="+dir, childRole+"="+role+": 0")
	}
}

func fullDisk(t *testing.T, dir string) {
	l := in(t, gitIn(t, dir))
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	write(t, filler, strings.Repeat("x", 500_000))
	logtest.FullDisk(t, l, func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	})
}

// gitIn makes a repository on a small disk.
func gitIn(t *testing.T, dir string) string {
	t.Helper()
	repository := filepath.Join(dir, "shop.git")
	git(t, dir, "init", "-q", "--bare", "--template=", repository)
	return repository
}

func fullDiskSpool(t *testing.T, dir string) {
	repository := gitIn(t, dir)
	filler := filepath.Join(dir, "filler")
	write(t, filler, strings.Repeat("x", 500_000))
	l := in(t, repository)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	spool := &gitbranch.Spool{Store: opened(t, repository)}
	acknowledged := 0
	for {
		if _, err := spool.Add(t.Context(), logtest.Entry(t, acknowledged, strings.Repeat("x", 500)), []byte("token")); err != nil {
			break
		}
		acknowledged++
	}
	f := &gitbranch.Fold{Store: opened(t, repository), Log: l, Attest: byToken}
	if _, err := f.Run(t.Context()); err == nil {
		t.Error("it was folded on a full disk")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	removeLocks(t, repository)
	run(t, f)
	logtest.Sound(t, l, int64(acknowledged))
	if rest := waiting(t, repository); acknowledged < 10 || len(rest) > 0 {
		t.Errorf("%d were acknowledged; %d wait", acknowledged, len(rest))
	}
}

// A repository in which nobody may write: nothing is acknowledged, and reading goes on.
func TestAReadOnlyRepository(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	l := begun(t, dir, 2)
	add(t, &gitbranch.Spool{Store: opened(t, dir)}, logtest.Entry(t, 2, ""), "token")
	logtest.ReadOnly(t, dir, childDir+"="+dir, childRole+"=read only: 0")
	logtest.Sound(t, l, 2)
	if n := len(waiting(t, dir)); n != 1 {
		t.Errorf("%d wait", n)
	}
}

func readOnly(t *testing.T, dir string) {
	l := in(t, dir)
	logtest.Sound(t, l, 2)
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 3, "")); err == nil || !strings.Contains(err.Error(), "ead-only") {
		t.Errorf("appending: %v", err)
	}
	if _, err := (&gitbranch.Spool{Store: opened(t, dir)}).Add(t.Context(), logtest.Entry(t, 3, ""), nil); err == nil {
		t.Error("an entry was handed over")
	}
	if _, err := (&gitbranch.Fold{Store: opened(t, dir), Log: l, Attest: byToken}).Run(t.Context()); err == nil {
		t.Error("it was folded")
	}
	logtest.Sound(t, l, 2)
}

// A clock that jumps, by years and to times that git knows no dates of: entries keep their order, and their times are
// those that were observed.
func TestAClockThatJumps(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	now := time.Now()
	s, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: dir, Environment: os.Environ(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	l := logtest.Log(t, s)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	noon := logtest.Noon
	times := []time.Time{noon, noon.AddDate(-50, 0, 0), noon.AddDate(70, 0, 0), {}, noon.AddDate(-60, 0, 0), noon.Add(-time.Second), noon}
	for n, at := range times {
		now = at
		e := logtest.Entry(t, n, "")
		if at.Year() >= 1970 { // an entry says no other time, and is refused
			e.Time = at
		}
		logtest.Append(t, l, e)
	}
	logtest.Sound(t, l, int64(len(times)))
	for n, at := range times {
		b, err := l.Entry(t.Context(), int64(n))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := audit.Parse(b); err != nil || at.Year() >= 1970 && !e.Time.Equal(at) || e.Question.Head != fmt.Sprintf("%040x", n) {
			t.Errorf("entry %d: %v, %v", n, e, err)
		}
	}
	git(t, dir, "fsck", "--strict", "--no-dangling")
}

// A part of the index that somebody has filled gets no more of what nobody vouches for, and all that somebody does.
func TestACrowdedIndex(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	logtest.Append(t, f.Log, logtest.Entry(t, 0, ""))
	honest, claimed, elsewhere := logtest.Entry(t, 1, ""), logtest.Entry(t, 1, "claimed"), logtest.Entry(t, 2, "")
	path := log.IndexPath(honest.ID)
	var lines strings.Builder
	for i := range 4096 {
		other := logtest.Entry(t, 0, "").ID
		fmt.Fprint(&lines, log.IndexLine(other[:len(other)-6]+fmt.Sprintf("%06x", i), 0))
	}
	work := filepath.Join(t.TempDir(), "work")
	git(t, filepath.Dir(dir), "clone", "-q", "-b", "_audit/log", dir, work)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(work, path)), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(work, path), lines.String())
	git(t, work, "add", "-A")
	git(t, work, "commit", "-qm", "fill")
	git(t, work, "push", "-q")

	crowded := add(t, spool, claimed, "")
	add(t, spool, honest, "token")
	add(t, spool, elsewhere, "")
	got := run(t, f)
	want(t, got, gitbranch.Folded{Appended: 2, Unattested: 1, Left: 1, Why: got.Why})
	if rest := waiting(t, dir); !slices.Equal(rest, []string{crowded}) {
		t.Errorf("%q wait", rest)
	}
}
