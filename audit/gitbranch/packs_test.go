//go:build unix

package gitbranch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit/log/logtest"
)

func packsIn(t testing.TB, dir string) []string {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	return packs
}

// Packs do not pile up, whatever git does to them in between, and nothing that the branch needs is lost with them.
func TestPacks(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(t *testing.T, dir string, n int){
		"alone": func(*testing.T, string, int) {},
		"beside git's house-keeping": func(t *testing.T, dir string, n int) {
			if n%23 == 5 {
				git(t, dir, "repack", "-q", "-d")
			}
			if n%41 == 11 {
				git(t, dir, "gc", "-q", "--prune=now")
			}
		},
		"with a note that is spoiled": func(t *testing.T, dir string, n int) {
			if n%20 == 7 {
				note := filepath.Join(dir, "objects", "info", "remit-audit-packs")
				if err := os.WriteFile(note, []byte("0 ../../config\n0 "+strings.Repeat("a", 40)+"\nx\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := bare(t)
			l := begun(t, dir, 0)
			most := 0
			for n := range 70 {
				logtest.Append(t, l, logtest.Entry(t, n, ""))
				disturb(t, dir, n)
				most = max(most, len(packsIn(t, dir)))
			}
			logtest.Sound(t, l, 70)
			git(t, dir, "symbolic-ref", "HEAD", "refs/heads/_audit/log") // or it notes that there is none
			if out := git(t, dir, "fsck", "--full", "--no-dangling"); out != "" {
				t.Errorf("fsck: %s", out)
			}
			if limit := 16 + 16; most > limit && !strings.Contains(name, "spoiled") {
				t.Errorf("there were %d packs", most)
			}
			if _, err := os.Lstat(filepath.Join(dir, "config")); err != nil {
				t.Error("a file was taken away that is no pack")
			}
		})
	}
}

// Packs that somebody keeps, or that an index over many packs names, stay.
func TestPacksThatAreKept(t *testing.T) {
	t.Parallel()
	kept := bare(t)
	l := begun(t, kept, 0)
	logtest.Append(t, l, logtest.Entry(t, 0, ""))
	mine := packsIn(t, kept)
	for _, p := range mine {
		if err := os.WriteFile(strings.TrimSuffix(p, ".pack")+".keep", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	indexed := bare(t)
	other := begun(t, indexed, 0)
	logtest.Append(t, other, logtest.Entry(t, 0, ""))
	git(t, indexed, "multi-pack-index", "write")
	for n := 1; n < 40; n++ {
		logtest.Append(t, l, logtest.Entry(t, n, ""))
		logtest.Append(t, other, logtest.Entry(t, n, ""))
	}
	for _, p := range mine {
		if _, err := os.Lstat(p); err != nil {
			t.Errorf("a pack that was kept: %v", err)
		}
	}
	if n := len(packsIn(t, indexed)); n < 40 {
		t.Errorf("%d packs are left below an index", n)
	}
	git(t, indexed, "multi-pack-index", "verify")
	logtest.Sound(t, l, 40)
	logtest.Sound(t, other, 40)
	if n := len(packsIn(t, kept)); n > 20 {
		t.Errorf("there are %d packs", n)
	}
}
