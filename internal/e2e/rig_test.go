package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// The version that the rig releases.
const testRelease = "v0.0.1"

// rig is what all tests share: act, and the action both as a release and as a branch has it.
type rig struct {
	dir    string
	act    string // the program
	path   string // $PATH of workflows
	source string // folder of the action without a release, as a branch has it
	action string // folder of the action as the tag of a release has it
	remit  string // the released program
}

var sharedRig = sync.OnceValues(newRig)

func TestMain(m *testing.M) {
	code := m.Run()
	if r, err := sharedRig(); err == nil {
		_ = os.RemoveAll(r.dir) // a temporary folder
	}
	os.Exit(code)
}

var errNoAct = errors.New("act is not installed: run make e2e")

// theRig is the rig. Without act the test is skipped, or fails if REMIT_CI=1.
func theRig(t *testing.T) *rig {
	t.Helper()
	r, err := sharedRig()
	if errors.Is(err, errNoAct) && os.Getenv("REMIT_CI") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newRig() (_ *rig, err error) {
	act := os.Getenv("ACT")
	if act == "" {
		if act, err = exec.LookPath("act"); err != nil {
			return nil, errNoAct
		}
	}
	dir, err := os.MkdirTemp("", "remit-e2e-")
	if err != nil {
		return nil, err
	}
	r := &rig{dir: dir, act: act, source: filepath.Join(dir, "source"), action: filepath.Join(dir, "action")}
	for _, step := range []func() error{r.shim, r.export, r.adapt, r.release} {
		if err := step(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return r, nil
}

// shim puts a bash before the real one, which keeps what steps write in $E2E_LOG, as it comes: act gives
// each step a terminal, and drops what is still in it when a step fails. GitHub's runner gives it a
// pipe, and loses nothing.
func (r *rig) shim() error {
	bash, err := exec.LookPath("bash")
	if err != nil {
		return err
	}
	bin := filepath.Join(r.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	r.path = bin + ":" + os.Getenv("PATH")
	tee, err := exec.LookPath("tee")
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!%s -p\n%s \"$@\" </dev/null 2>&1 | %s -a \"$E2E_LOG\"\nexit ${PIPESTATUS[0]}\n", bash, bash, tee)
	return os.WriteFile(filepath.Join(bin, "bash"), []byte(script), 0o700)
}

// export copies the files of this repository twice: nothing that is ignored, and no history, as
// GitHub's runner gets an action.
func (r *rig) export() error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("listing the files of the repository: %w", err)
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file", name)
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		for _, dir := range []string{r.source, r.action} {
			to := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
				return err
			}
		}
	}
	return nil
}

// adapt changes in the exported action what this machine cannot give it: a log of the step, see shim, and
// the module proxy, whose files are in this machine's cache. What go compiled is taken from there, too.
func (r *rig) adapt() error {
	changes := map[string]map[string]string{
		"action.yml": {"shell: /bin/bash ": "shell: " + filepath.Join(r.dir, "bin", "bash") + " "},
		".github/action/binary": {
			"GOPROXY=https://proxy.golang.org": "GOPROXY=file://" + goCache("GOMODCACHE") + "/cache/download",
			`GOCACHE="$private/go/cache"`:      "GOCACHE=" + goCache("GOCACHE"),
		},
	}
	for name, list := range changes {
		for _, dir := range []string{r.source, r.action} {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for from, to := range list {
				if strings.Count(string(text), from) != 1 {
					return fmt.Errorf("%s does not say %q once", name, from)
				}
				text = []byte(strings.Replace(string(text), from, to, 1))
			}
			if err := os.WriteFile(path, text, 0o700); err != nil {
				return err
			}
		}
	}
	return nil
}

func goCache(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return "/nowhere"
	}
	return strings.TrimSpace(string(out))
}

// release makes a release of the exported action, for this machine alone, and serves its files.
func (r *rig) release() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	prepare := exec.Command(".ci/release", "prepare", testRelease, "http://"+listener.Addr().String(), runtime.GOOS+"/"+runtime.GOARCH)
	prepare.Dir = r.action
	if out, err := prepare.CombinedOutput(); err != nil {
		return fmt.Errorf("making a release: %w: %s", err, out)
	}
	dist := filepath.Join(r.dir, "dist")
	if err := os.Rename(filepath.Join(r.action, "dist"), dist); err != nil {
		return err
	}
	r.remit = filepath.Join(dist, "remit-"+runtime.GOOS+"-"+runtime.GOARCH)
	go func() { _ = http.Serve(listener, http.FileServer(http.Dir(dist))) }() // until the tests end
	return nil
}

// run runs a program and fails the test unless it succeeds. It gives its standard output.
func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
