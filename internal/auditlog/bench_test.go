package auditlog_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/auditlog"
)

func bare(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", "--bare", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func place(dir string) auditlog.Place {
	return auditlog.Place{GitDir: dir, Environ: os.Environ(), Now: time.Now, Vouch: "hook"}
}

// BenchmarkKeep is what a decision costs a server's hook.
func BenchmarkKeep(b *testing.B) {
	dir := bare(b)
	p := place(dir)
	n := 0
	for b.Loop() {
		e := logtest.Entry(b, n, "")
		if _, err := p.Keep(b.Context(), e, nil); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkGit is what one process of git costs.
func BenchmarkGit(b *testing.B) {
	dir := bare(b)
	for b.Loop() {
		if err := exec.Command("git", "-C", dir, "rev-parse", "--git-dir").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
