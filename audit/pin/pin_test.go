package pin_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/pin"
)

const place = "refs/heads/_audit/log"

// states are checkpoints of a log as it grows, by their sizes.
func states(t *testing.T, sizes ...int) []pin.Pin {
	t.Helper()
	store := &logtest.Memory{}
	l := audittest.Fill(t, store, nil)
	out := make([]pin.Pin, len(sizes))
	done := 0
	for i, n := range sizes {
		audittest.Grow(t, store, audittest.Many(t, done, n))
		done = n
		c, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out[i] = pin.Pin{Place: place, Key: audittest.Key(t), Checkpoint: c}
	}
	return out
}

// TestForward: a pin is kept, moves forward, and never back.
func TestForward(t *testing.T) {
	t.Parallel()
	f := pin.File{Path: filepath.Join(t.TempDir(), "remit", "audit.json")}
	p := states(t, 3, 5, 9)
	read := func(want int64) *pin.Pin {
		t.Helper()
		got, err := f.Read(place)
		if err != nil || got == nil && want > 0 || got != nil && (got.Checkpoint.Size != want || got.Key != p[0].Key || got.Place != place) {
			t.Fatalf("%+v, %v; want %d entries", got, err, want)
		}
		return got
	}
	keep := func(before *pin.Pin, now pin.Pin) {
		t.Helper()
		if err := f.Keep(t.Context(), before, now); err != nil {
			t.Fatal(err)
		}
	}
	read(0)
	keep(nil, p[1])
	first := read(5)
	keep(first, p[2])
	latest := read(9)
	if err := f.Keep(t.Context(), latest, p[0]); !errors.Is(err, log.ErrRolledBack) {
		t.Errorf("moved back: %v", err)
	}
	keep(first, p[1]) // who read before the other moved it
	keep(nil, p[0])   // and before it was there
	read(9)
	other := p[0]
	other.Place = "folder /srv/log"
	keep(nil, other)
	read(9)
	if _, err := os.Stat(f.Path + ".lock"); err == nil {
		t.Error("the lock is left")
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestAltered: a pin file that is not as it was written is an error that says so, and not a log that was never seen.
func TestAltered(t *testing.T) {
	t.Parallel()
	f := pin.File{Path: filepath.Join(t.TempDir(), "audit.json")}
	p := states(t, 3)
	if err := f.Keep(t.Context(), nil, p[0]); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "other size": strings.Replace(string(whole), `\n3\n`, `\n2\n`, 1), "unknown member": strings.Replace(string(whole), `"place"`, `"plaice"`, 1),
		"other key": strings.Replace(string(whole), `+9919f3c1+`, `+9919f3c2+`, 1), "other version": strings.Replace(string(whole), `"version": 1`, `"version": 2`, 1),
	} {
		if text == string(whole) {
			t.Fatalf("%s: nothing was altered", name)
		}
		if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Read(place); err == nil || got != nil || !strings.Contains(err.Error(), f.Path) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if err := os.WriteFile(f.Path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(place); err != nil || got == nil {
		t.Errorf("as it was: %v", err)
	}
	link := pin.File{Path: filepath.Join(t.TempDir(), "audit.json")}
	if err := os.Symlink(f.Path, link.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := link.Read(place); err == nil {
		t.Error("a link is read")
	}
}

// TestAtOnce: of several that move a pin at once from one state, one does, and the file is whole.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	f := pin.File{Path: filepath.Join(t.TempDir(), "audit.json")}
	p := states(t, 1, 2, 3, 4, 5, 6)
	if err := f.Keep(t.Context(), nil, p[0]); err != nil {
		t.Fatal(err)
	}
	before, err := f.Read(place)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, now := range p[1:] {
		wg.Go(func() {
			if err := f.Keep(t.Context(), before, now); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := f.Read(place); err != nil || got.Checkpoint.Size < 2 {
		t.Errorf("%+v, %v", got, err)
	}
}
