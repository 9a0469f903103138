//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the child below is told: the file, what to do with it, and before which lasting change it kills
// itself, as by power loss; -1 has it write for ever.
const (
	childFile  = "ATOMICFILE_TEST_FILE"
	childAside = "ATOMICFILE_TEST_ASIDE"
	childDo    = "ATOMICFILE_TEST_DO"
	childAt    = "ATOMICFILE_TEST_AT"
)

const oldText, newText = "old\n", "new\n"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		os.Exit(child(path, os.Getenv(childDo), os.Getenv(childAt)))
	}
	os.Exit(m.Run())
}

func child(path, do, moment string) int {
	syscall.Umask(0)
	at, err := strconv.Atoi(moment)
	if err != nil {
		return 2
	}
	n := 0
	w := Writer{Aside: os.Getenv(childAside), Step: func(what string) {
		if n == at {
			fmt.Println("killed before: " + what)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		n++
	}}
	for {
		if do == "create" {
			err = w.Create(path, []byte(newText))
		} else {
			err = w.Replace(path, []byte(newText))
		}
		switch {
		case err != nil:
			fmt.Println(err)
			return 1
		case at >= 0:
			return 0
		}
		if err := w.Replace(path, []byte(oldText)); err != nil {
			return 1
		}
	}
}

func command(path, do string, at int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path, childDo+"="+do, childAt+"="+strconv.Itoa(at))
	return cmd
}

// text is what stands in a file, "" where there is none.
func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// Killed before each lasting change, it leaves the old content, and none where there was none; but for the
// last, when the new content has its name. What lies around then is a temporary file for its owner alone, which hinders nobody.
func TestKilledBeforeEachStep(t *testing.T) {
	for _, c := range []struct{ do, old string }{{"replace", oldText}, {"replace", ""}, {"create", ""}} {
		t.Run(c.do+" "+strconv.Itoa(len(c.old)), func(t *testing.T) {
			for n := 0; ; n++ {
				dir := t.TempDir()
				path := filepath.Join(dir, "a")
				if c.old != "" {
					write(t, path, c.old, 0o640)
				}
				out, err := command(path, c.do, n).CombinedOutput()
				t.Logf("step %d: %s", n, strings.TrimSpace(string(out)))
				if err == nil {
					if n < 5 || text(t, path) != newText {
						t.Errorf("%d steps, and the file holds %q", n, text(t, path))
					}
					return
				}
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("%v: %s", err, out)
				}
				want := c.old
				if strings.Contains(string(out), "save folder") {
					want = newText
				}
				if got := text(t, path); got != want {
					t.Errorf("step %d: it holds %q, want %q", n, got, want)
				}
				files, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					info, err := f.Info()
					if err != nil || f.Name() != "a" && (!IsTemp(f.Name()) || info.Mode() != 0o600 && info.Mode() != 0o640) {
						t.Errorf("step %d: it left %s, %v, %v", n, f.Name(), info, err)
					}
				}
				if err := Replace(path, []byte(newText)); err != nil || text(t, path) != newText {
					t.Errorf("step %d: the next one: %v", n, err)
				}
			}
		})
	}
}

// Killed before each lasting change, one that has a folder aside leaves nothing beside the file.
func TestKilledWithAFolderAside(t *testing.T) {
	for _, do := range []string{"replace", "create"} {
		dir, aside := t.TempDir(), t.TempDir()
		path := filepath.Join(dir, "a")
		for n := 0; ; n++ {
			cmd := command(path, do, n)
			cmd.Env = append(cmd.Env, childAside+"="+aside)
			_, err := cmd.CombinedOutput()
			files, readErr := os.ReadDir(dir)
			if readErr != nil {
				t.Fatal(readErr)
			}
			for _, f := range files {
				if f.Name() != "a" {
					t.Errorf("%s, step %d: it left %s", do, n, f.Name())
				}
			}
			if err == nil {
				break
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		files, err := os.ReadDir(aside)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no temporary file was left aside: %v", do, err)
		}
	}
}

// Killed at any moment, and read all the time, a file holds the old or the new content.
func TestKilledAtAnyMoment(t *testing.T) {
	seen := map[string]int{}
	for round := range 10 {
		path := filepath.Join(t.TempDir(), "a")
		write(t, path, oldText, 0o644)
		cmd := command(path, "replace", -1)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Duration(20+7*round) * time.Millisecond); time.Now().Before(deadline); {
			seen[text(t, path)]++
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		seen[text(t, path)]++
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
			t.Errorf("its mode is %v, %v", info, err)
		}
	}
	if len(seen) != 2 || seen[oldText] == 0 || seen[newText] == 0 {
		t.Errorf("seen: %v", seen)
	}
}

func TestPermissionsWhateverTheUmask(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		umask int
		w     Writer
		want  fs.FileMode
	}{
		{0, Writer{}, 0o600},
		{0o077, Writer{Mode: 0o755}, 0o755},
		{0o027, Writer{Mode: 0o644, Umask: true}, 0o640},
		{0, Writer{Mode: 0o644, Umask: true}, 0o644},
	} {
		before := syscall.Umask(c.umask)
		path := filepath.Join(dir, "a")
		err := c.w.Create(path, []byte("x"))
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, path, "x", c.want)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
