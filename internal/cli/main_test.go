package cli_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/remit-sh/remit/internal/cli"
)

// clockVariable names a file that holds the time, RFC 3339, which remit takes for now. Only the
// program that TestMain makes of this test binary knows it. Hooks and servers that git starts
// inherit the variable, so that everything in a test lives at the same time.
const clockVariable = "REMIT_TEST_CLOCK"

func TestMain(m *testing.M) {
	// Or testscript puts its folders where Go builds, and not where all other tests do.
	if err := os.Unsetenv("GOTMPDIR"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"remit": remitMain})
}

// remitMain is cmd/remit with the test's clock.
func remitMain() {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	os.Exit(cli.Run(context.Background(), &cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Dir: dir, Executable: exe, Now: clock(os.Getenv(clockVariable)),
	}, os.Args[1:]))
}

// clock reads the time from a file, and is the machine's where there is none.
func clock(file string) func() time.Time {
	return func() time.Time {
		if file == "" {
			return time.Now()
		}
		b, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			return time.Now()
		}
		if err != nil {
			panic(err)
		}
		t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(b)))
		if err != nil {
			panic(err)
		}
		return t
	}
}
