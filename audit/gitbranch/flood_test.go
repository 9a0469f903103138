//go:build unix

package gitbranch_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log/logtest"
)

// flood hands over many things that nobody vouches for, faster than a spool does.
func flood(t testing.TB, dir string, contents [][]byte) {
	t.Helper()
	var names, refs bytes.Buffer
	folder := t.TempDir()
	for i, b := range contents {
		path := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&names, path)
	}
	cmd := exec.Command("git", "-c", "core.fsync=none", "-C", dir, "hash-object", "-w", "--stdin-paths")
	cmd.Stdin = &names
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, id := range strings.Fields(string(out)) {
		lines = append(lines, fmt.Sprintf("%s%s %s", gitbranch.SpoolPrefix, strings.TrimPrefix(audit.Digest(contents[i]), "sha256:"), id))
	}
	slices.Sort(lines)
	refs.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for _, line := range lines {
		name, id, _ := strings.Cut(line, " ")
		fmt.Fprintf(&refs, "%s %s\n", id, name)
	}
	write(t, filepath.Join(dir, "packed-refs"), refs.String())
}

// spooled is an entry as it waits, without a proof.
func spooled(t testing.TB, e *audit.Entry) []byte {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return append(b, "\n\n"...)
}

// Many entries of one true entry's identity: the log takes as many as show that there are several, the others stay, and
// the true one comes in, before and after.
func TestAFloodOfOneIdentity(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	var all [][]byte
	for i := range gitbranch.MaxClaims + 20 {
		all = append(all, spooled(t, logtest.Entry(t, 0, fmt.Sprint("false ", i))))
	}
	flood(t, dir, all)
	add(t, spool, logtest.Entry(t, 0, ""), "token")
	add(t, spool, logtest.Entry(t, 1, ""), "")
	id := logtest.Entry(t, 0, "").ID
	got := run(t, f)
	want(t, got, gitbranch.Folded{Appended: gitbranch.MaxClaims + 2, Unattested: gitbranch.MaxClaims + 1, Squatted: []string{id}, Left: 20, Why: got.Why})
	if len(got.Why) != 1 || !strings.Contains(got.Why[0], "20 entries stay") {
		t.Errorf("why: %q", got.Why)
	}
	logtest.Sound(t, f.Log, gitbranch.MaxClaims+2)

	// Once the log has them, nothing of it grows; what somebody vouches for does, and what is there is known.
	found, err := f.Log.Lookup(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found[id] {
		if parsed, err := audit.Parse(e.Bytes); err == nil && parsed.Attestation.IsZero() {
			add(t, spool, parsed, "")
			break
		}
	}
	add(t, spool, logtest.Entry(t, 0, "another that is true"), "token")
	got = run(t, f)
	want(t, got, gitbranch.Folded{Appended: 1, Again: 1, Squatted: []string{id}, Left: 20, Why: got.Why})
	if n := len(waiting(t, dir)); n != 20 {
		t.Errorf("%d wait", n)
	}
	logtest.Sound(t, f.Log, gitbranch.MaxClaims+3)
}

// As many as the log takes, and no more: nothing stays.
func TestNoFlood(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	for i := range gitbranch.MaxClaims {
		add(t, spool, logtest.Entry(t, 0, fmt.Sprint(i)), "")
	}
	want(t, run(t, f), gitbranch.Folded{Appended: gitbranch.MaxClaims, Unattested: gitbranch.MaxClaims, Squatted: []string{logtest.Entry(t, 0, "").ID}})
	if rest := waiting(t, dir); len(rest) > 0 {
		t.Errorf("%q wait", rest)
	}
}

// More than one fold takes of what nobody vouches for: the next one goes on, and no entry of an honest writer waits.
func TestAFlood(t *testing.T) {
	t.Parallel()
	if os.Getenv("REMIT_SOAK_FLOOD") == "" {
		t.Skip("it makes thousands of entries: `make soak-audit`")
	}
	dir, spool, f := folding(t)
	const most, more = 5_000, 40
	var all [][]byte
	for i := range most + more {
		all = append(all, spooled(t, logtest.Entry(t, 100+i, "")))
	}
	flood(t, dir, all)
	for n := range 3 {
		add(t, spool, logtest.Entry(t, n, ""), "token")
	}
	got := run(t, f)
	want(t, got, gitbranch.Folded{Appended: most + 3, Unattested: most, Left: more, Why: got.Why})
	if len(got.Why) != 1 || !strings.Contains(got.Why[0], "40 entries stay") {
		t.Errorf("why: %q", got.Why)
	}
	for n := range 3 {
		if at, err := f.Log.Find(t.Context(), logtest.Entry(t, n, "").ID); err != nil || len(at) != 1 {
			t.Errorf("the honest entry %d is at %v, %v", n, at, err)
		}
	}
	want(t, run(t, f), gitbranch.Folded{Appended: more, Unattested: more})
	logtest.Sound(t, f.Log, most+more+3)
}

// A ref whose lock a killed git left stays in the spool, and it is said so; its entry is in the log once.
func TestAStaleLockInTheSpool(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for the lock")
	}
	dir, spool, f := folding(t)
	name := add(t, spool, logtest.Entry(t, 0, ""), "token")
	add(t, spool, logtest.Entry(t, 1, ""), "token")
	lock := filepath.Join(dir, gitbranch.SpoolPrefix+name+".lock")
	write(t, lock, "")
	got := run(t, f)
	want(t, got, gitbranch.Folded{Appended: 2, Why: got.Why})
	if len(got.Why) != 1 || !strings.Contains(got.Why[0], "remove what ends in .lock below "+dir) {
		t.Errorf("why: %q", got.Why)
	}
	if rest := waiting(t, dir); !slices.Equal(rest, []string{name}) {
		t.Errorf("%q wait", rest)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	want(t, run(t, f), gitbranch.Folded{Again: 1})
	logtest.Sound(t, f.Log, 2)
}
