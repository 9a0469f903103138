package auditlog_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/auditlog"
)

func keep(t testing.TB, p auditlog.Place, n int) error {
	t.Helper()
	_, err := p.Keep(t.Context(), logtest.Entry(t, n, ""), nil)
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sound(t testing.TB, p auditlog.Place, size int64) {
	t.Helper()
	l, _, err := p.Open(t.Context())
	must(t, err)
	logtest.Sound(t, l, size)
}

func git(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

func TestTheFirstDecisionBeginsTheLog(t *testing.T) {
	dir := bare(t)
	p := place(dir)
	if now, err := p.Look(t.Context()); err != nil || !now.None {
		t.Errorf("%+v, %v", now, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "remit")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking made something")
	}
	must(t, keep(t, p, 0))
	must(t, keep(t, p, 1))
	sound(t, p, 2)
	now, err := p.Look(t.Context())
	if err != nil || now.None || now.Size != 2 || !strings.HasPrefix(now.VerifierKey, "github.com/acme/shop/audit+") {
		t.Errorf("%+v, %v", now, err)
	}
	if name := p.Repository(t.Context()); name != "github.com/acme/shop" {
		t.Errorf("it is the log of %q", name)
	}
	info, err := os.Lstat(p.KeyPath())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestSeveralBeginOneLog(t *testing.T) {
	for range 5 {
		p := place(bare(t))
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				if err := keep(t, p, n); err != nil {
					t.Errorf("entry %d: %v", n, err)
				}
			})
		}
		wg.Wait()
		sound(t, p, 6)
	}
}

// Whoever was stopped while the log was made leaves what the next goes on with.
func TestStoppedWhileItWasBegun(t *testing.T) {
	whole := bare(t)
	must(t, keep(t, place(whole), 0))
	text, err := os.ReadFile(place(whole).KeyPath())
	must(t, err)

	for name, left := range map[string]func(p auditlog.Place){
		"with a key": func(p auditlog.Place) {
			must(t, os.Mkdir(filepath.Dir(p.KeyPath()), 0o700))
			must(t, os.WriteFile(p.KeyPath()+".new", text, 0o600))
		},
		"with a key and the log": func(p auditlog.Place) {
			must(t, os.Mkdir(filepath.Dir(p.KeyPath()), 0o700))
			must(t, os.WriteFile(p.KeyPath()+".new", text, 0o600))
			git(t, p.GitDir, "fetch", "-q", whole, "refs/heads/_audit/log:refs/heads/_audit/log")
		},
		"with both and a copy": func(p auditlog.Place) {
			must(t, os.Mkdir(filepath.Dir(p.KeyPath()), 0o700))
			must(t, os.WriteFile(p.KeyPath()+".new", text, 0o600))
			must(t, os.WriteFile(p.KeyPath(), text, 0o600))
			git(t, p.GitDir, "fetch", "-q", whole, "refs/heads/_audit/log:refs/heads/_audit/log")
		},
	} {
		p := place(bare(t))
		left(p)
		if err := keep(t, p, 0); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		must(t, keep(t, p, 1))
		if now, err := p.Look(t.Context()); err != nil || now.Size != 2 {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
}

// What was lost is not made anew, and it says how it is put back.
func TestLost(t *testing.T) {
	begun := func() auditlog.Place {
		p := place(bare(t))
		must(t, keep(t, p, 0))
		return p
	}
	another := begun()
	for name, tc := range map[string]struct {
		spoil func(p auditlog.Place)
		fix   string
	}{
		"the key": {func(p auditlog.Place) { must(t, os.Remove(p.KeyPath())) }, "puts the key back"},
		"the log": {func(p auditlog.Place) { git(t, p.GitDir, "update-ref", "-d", gitbranch.Branch) }, "puts the log back"},
		"its own key": {func(p auditlog.Place) {
			text, err := os.ReadFile(another.KeyPath())
			must(t, err)
			must(t, os.WriteFile(p.KeyPath(), text, 0o600))
		}, "puts the log's own key back"},
		"who may read the key": {func(p auditlog.Place) { must(t, os.Chmod(p.KeyPath(), 0o644)) }, "chmod 600"},
	} {
		p := begun()
		tc.spoil(p)
		err := keep(t, p, 1)
		if err == nil || !strings.Contains(fault.FixOf(err), tc.fix) {
			t.Errorf("%s: %v; %s", name, err, fault.FixOf(err))
		}
		if _, lookErr := p.Look(t.Context()); lookErr == nil || lookErr.Error() != err.Error() {
			t.Errorf("%s: looking says %v", name, lookErr)
		}
		if name == "the log" {
			continue
		}
		store, err := p.Store(t.Context())
		must(t, err)
		l := logtest.Log(t, store)
		if c, err := l.Checkpoint(t.Context()); err == nil || errors.Is(err, log.ErrMissing) {
			t.Errorf("%s: another log was begun: %+v, %v", name, c, err)
		}
	}
}

// A namespace is a repository of its own.
func TestNamespaces(t *testing.T) {
	dir := bare(t)
	one, two := place(dir), place(dir)
	one.Namespace, two.Namespace = "team", "team/b"
	must(t, keep(t, one, 0))
	must(t, keep(t, two, 0))
	must(t, keep(t, two, 1))
	sound(t, one, 1)
	sound(t, two, 2)
	if one.Branch() != "refs/namespaces/team/refs/heads/_audit/log" || two.Branch() != "refs/namespaces/team/refs/namespaces/b/refs/heads/_audit/log" {
		t.Errorf("%s, %s", one.Branch(), two.Branch())
	}
	if now, err := place(dir).Look(t.Context()); err != nil || !now.None {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestLogin(t *testing.T) {
	got := strings.Join(auditlog.Login([]string{
		"HOME=/h", "GIT_DIR=/x", "GIT_WORK_TREE=/x", "GIT_QUARANTINE_PATH=/q", "GIT_SSH_COMMAND=ssh -i k", "GIT_CONFIG_COUNT=0", auditlog.KeyVariable + "=secret", auditlog.GateKeyVariable + "=secret", "SSH_AUTH_SOCK=/s",
	}), " ")
	if want := "HOME=/h GIT_SSH_COMMAND=ssh -i k GIT_CONFIG_COUNT=0 SSH_AUTH_SOCK=/s GIT_CONFIG_GLOBAL=/h/.gitconfig"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
