package gitrepo

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
)

// hookVariable, when set, makes the test binary a pre-receive hook that writes what it collected to
// the file that the variable names.
const hookVariable = "REMIT_TEST_HOOK"

func TestMain(m *testing.M) {
	if path := os.Getenv(hookVariable); path != "" {
		if err := preReceive(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	for _, dir := range histories {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func preReceive(path string) error {
	updates, err := ParseUpdates(os.Stdin, 100)
	if err != nil {
		return err
	}
	_, gitDir, _, err := Discover(".")
	if err != nil {
		return err
	}
	repo, err := Open(Options{GitDir: gitDir})
	if err != nil {
		return err
	}
	c, err := repo.CollectPush(context.Background(), updates, CollectOptions{})
	if err != nil {
		return err
	}
	out, err := json.Marshal(received{*c, repo.dirs})
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		return err
	}
	return repo.Close()
}

// received is what the hook saw.
type received struct {
	Collected Collected
	Dirs      []string
}
