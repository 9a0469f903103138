package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWorkDoesNotGrowWithHistory: what stands behind the base of a range is not read. Memory that
// is asked for counts what is read, on a busy machine too.
func TestWorkDoesNotGrowWithHistory(t *testing.T) {
	short, long := newShop(t, 100, 50), newShop(t, 4000, 50)
	few := allocated(func() { short.collect(50) })
	many := allocated(func() { long.collect(50) })
	if limit := 4 * few; many > limit {
		t.Errorf("50 commits on 4,000 ask for %d bytes, on 100 for %d", many, few)
	}
}

// TestWorkGrowsWithRange: twice the commits are twice the work and no more.
func TestWorkGrowsWithRange(t *testing.T) {
	s := newShop(t, 100, 800)
	half := allocated(func() { s.collect(400) })
	whole := allocated(func() { s.collect(800) })
	if limit := 2*half + half/2; whole > limit {
		t.Errorf("800 commits ask for %d bytes, 400 for %d", whole, half)
	}
}

// TestProgramsThatHooksStart: each git that a hook starts costs its user as much as the judging.
func TestProgramsThatHooksStart(t *testing.T) {
	v := newSite(t, 100)
	remit := build(t).remit
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>'%s'\nexec '%s' \"$@\"\n", log, git)
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte("Pay by card\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ref := "refs/heads/agent/pay"
	for _, c := range []struct {
		name  string
		in    repository
		env   []string
		stdin string
		args  []string
		want  int // programs
	}{
		{"pre-commit", v.remit, nil, "", []string{"hook", "pre-commit"}, 2}, // config: who would sign; diff-index: what is staged
		{"pre-commit of commit -m", v.remit, []string{"GIT_EDITOR=:"}, "", []string{"hook", "pre-commit"}, 1},
		{"prepare-commit-msg of commit -m", v.remit, []string{"GIT_EDITOR=:"}, "", []string{"hook", "prepare-commit-msg", message, "message"}, 0},
		{"sign", v.remit, nil, "", []string{"-Y", "sign", "-n", "git", "-f", keyFile("coder") + ".pub", v.payload(t)}, 0},
		{"pre-push", v.remit, nil, fmt.Sprintf("%s %s %s %s\n", ref, v.next, ref, v.pushed), []string{"hook", "pre-push", "origin", v.server.dir}, 0},
		// cat-file, index-pack, update-ref: what the audit log takes.
		{"pre-receive", v.server, nil, fmt.Sprintf("%s %s %s\n", v.pushed, v.next, ref), []string{"hook", "pre-receive"}, 3},
		{"check", v.remit, nil, "", []string{"check", "--ref", ref, v.pushed + ".." + v.next}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(log, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			in := c.in
			in.tb = t
			in.env = slices.Concat(in.env, c.env, []string{"PATH=" + bin + ":" + os.Getenv("PATH")})
			in.input(c.stdin, remit, c.args...)
			calls, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(calls), "\n"); n != c.want {
				t.Errorf("%d programs, and %d are needed:\n%s", n, c.want, calls)
			}
		})
	}
}
