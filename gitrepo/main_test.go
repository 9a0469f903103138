package gitrepo

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range histories {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}
