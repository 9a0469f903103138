package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// finder runs the script that gets the action's program, with the environment that it has there and
// programs in place of the machine's.
type finder struct {
	t       *testing.T
	rig     *rig
	temp    string // RUNNER_TEMP
	bin     string // before the rest of PATH
	path    string // the rest of it
	jobPath string // PATH of the job, where the script may look for go
}

func newFinder(t *testing.T) *finder {
	t.Helper()
	f := &finder{t: t, rig: theRig(t), temp: t.TempDir(), bin: t.TempDir(), path: os.Getenv("PATH")}
	return f
}

// fake puts a program before the real one.
func (f *finder) fake(name, script string) {
	f.t.Helper()
	write(f.t, filepath.Join(f.bin, name), "#!/bin/sh\n"+script+"\n")
	if err := os.Chmod(filepath.Join(f.bin, name), 0o700); err != nil {
		f.t.Fatal(err)
	}
}

// only leaves nothing in PATH but these programs.
func (f *finder) only(names ...string) {
	f.t.Helper()
	for _, name := range names {
		program, err := exec.LookPath(name)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(f.bin, name)); err != nil {
			f.t.Fatal(err)
		}
	}
	f.path = ""
}

// released is a folder with the step's script, and a changed action-release.txt: no source.
func (f *finder) released(change func(string) string) string {
	f.t.Helper()
	dir := f.t.TempDir()
	for name, change := range map[string]func(string) string{".github/action/binary": strings.Clone, "action-release.txt": change} {
		text, err := os.ReadFile(filepath.Join(f.rig.action, name))
		if err != nil {
			f.t.Fatal(err)
		}
		write(f.t, filepath.Join(dir, name), change(string(text)))
	}
	return dir
}

// find runs the script of the action in a folder. It gives the program's path, what the script wrote, and
// how it ended.
func (f *finder) find(action string) (program, log string, code int) {
	f.t.Helper()
	private, err := os.MkdirTemp(f.temp, "remit.")
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command("/bin/bash", "-p", filepath.Join(action, ".github", "action", "binary"), private)
	cmd.Dir = f.t.TempDir()
	cmd.Env = []string{"PATH=" + f.bin + ":" + f.path, "HOME=" + private, "RUNNER_TEMP=" + f.temp, "JOB_PATH=" + f.jobPath}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), stderr.String(), cmd.ProcessState.ExitCode()
}

func same(t *testing.T, a, b string) bool {
	t.Helper()
	var contents [2][]byte
	for i, name := range []string{a, b} {
		var err error
		if contents[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(contents[0], contents[1])
}

func TestBinaryOfRelease(t *testing.T) {
	f := newFinder(t)
	f.fake("go", "echo a release needs no go >&2; exit 1")
	program, log, code := f.find(f.rig.action)
	if code != 0 || !same(t, program, f.rig.remit) {
		t.Fatalf("exit %d: %s", code, log)
	}
	if out := run(t, f.temp, nil, program, "version"); !strings.Contains(out, testRelease) {
		t.Errorf("it calls itself %q", out)
	}

	// What is there from another step of the job, and may have been changed, is not taken.
	write(t, program, "#!/bin/sh\necho mine\n")
	if again, log, code := f.find(f.rig.action); code != 0 || again == program || !same(t, again, f.rig.remit) {
		t.Errorf("the second time: exit %d, %q: %s", code, again, log)
	}
}

func TestBinaryThatIsNotTheReleased(t *testing.T) {
	f := newFinder(t)
	other := f.released(func(text string) string {
		return strings.ReplaceAll(text, runtime.GOARCH+" ", runtime.GOARCH+" "+strings.Repeat("0", 64)+" ")
	})
	program, log, code := f.find(other)
	if code != 3 || program != "" || !strings.Contains(log, "::error title=remit::") || !strings.Contains(log, "is not the file that was released") {
		t.Errorf("exit %d, %q: %s", code, program, log)
	}
	err := filepath.WalkDir(f.temp, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Where the download fails, and where no release is for this machine, the same source is built.
func TestBinaryWithoutDownload(t *testing.T) {
	for name, fake := range map[string][2]string{
		"no download": {"curl", "exit 22"},
		"no such cpu": {"uname", `case $1 in -m) echo riscv64 ;; *) echo Linux ;; esac`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFinder(t)
			f.fake(fake[0], fake[1])
			program, log, code := f.find(f.rig.action)
			if code != 0 || !strings.Contains(log, "building remit from") {
				t.Fatalf("exit %d: %s", code, log)
			}
			if out := run(t, f.temp, nil, program, "version"); out == "" {
				t.Error("what was built does not run")
			}
		})
	}
}

func TestBinaryFromSource(t *testing.T) {
	f := newFinder(t)
	f.fake("curl", "echo a branch has nothing to download >&2; exit 1")
	program, log, code := f.find(f.rig.source)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, log)
	}
	if out := run(t, f.temp, nil, program, "version"); out == "" {
		t.Error("what was built does not run")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(program), "go")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what go needed was left behind: %v", err)
	}
	// What is there from another step of the job, and may have been changed, is not taken.
	write(t, program, "#!/bin/sh\necho mine\n")
	if again, log, code := f.find(f.rig.source); code != 0 || again == program || !strings.Contains(log, "building remit from") {
		t.Errorf("the second time: exit %d, %q: %s", code, again, log)
	}
}

func TestBinarySaysWhatIsMissing(t *testing.T) {
	t.Run("go", func(t *testing.T) {
		f := newFinder(t)
		f.only("dirname", "uname", "sha256sum", "cut")
		text, err := os.ReadFile(filepath.Join(f.rig.source, ".github/action/binary"))
		if err != nil {
			t.Fatal(err)
		}
		source := t.TempDir()
		write(t, filepath.Join(source, ".github/action/binary"), strings.ReplaceAll(string(text), "/usr/local/go", "/nowhere"))
		program, log, code := f.find(source)
		if code != 2 || program != "" || !strings.Contains(log, "there is no go here") || !strings.Contains(log, "remit-sh/remit@") {
			t.Errorf("exit %d, %q: %s", code, program, log)
		}
	})
	t.Run("windows", func(t *testing.T) {
		f := newFinder(t)
		f.fake("uname", "echo MINGW64_NT-10.0-20348")
		program, log, code := f.find(f.rig.action)
		if code != 2 || program != "" || !strings.Contains(log, "does not run on Windows") || !strings.Contains(log, "ubuntu-latest") {
			t.Errorf("exit %d, %q: %s", code, program, log)
		}
	})
}
