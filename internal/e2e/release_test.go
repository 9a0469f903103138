package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Whoever builds a release again, elsewhere and with settings of their own, gets the same bytes; from
// other source they do not.
func TestReleaseIsReproducible(t *testing.T) {
	r := theRig(t)
	dir := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(dir, os.DirFS(r.action)); err != nil {
		t.Fatal(err)
	}
	verify := func() (string, error) {
		cmd := exec.Command(".ci/release", "verify", testRelease)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-tags=mine", "GOAMD64=v3", "GOARM64=v8.1", "CGO_ENABLED=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil || !strings.Contains(out, "byte for byte") {
		t.Fatalf("%v: %s", err, out)
	}
	if program := filepath.Join(dir, "dist", "remit-"+runtime.GOOS+"-"+runtime.GOARCH); !same(t, program, r.remit) {
		t.Error("another program")
	}

	main := filepath.Join(dir, "cmd", "remit", "main.go")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	write(t, main, strings.Replace(string(text), "func main() {", "func main() {\n\tprintln()\n", 1))
	if out, err := verify(); err == nil || !strings.Contains(out, "nothing may be published") {
		t.Errorf("of other source: %v: %s", err, out)
	}
}
