package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The command line carries nothing that only the server needs.
func TestLinksNoServer(t *testing.T) {
	list := func(of string) string {
		t.Helper()
		out, err := exec.Command("go", "list", "-deps", of).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	own, server := list("."), list("../remit-server")
	for _, prefix := range []string{
		"github.com/remit-sh/remit/internal/server", "github.com/transparency-dev/", "github.com/aws/", "github.com/go-sql-driver/", "database/sql", "k8s.io/", "go.opentelemetry.io/",
	} {
		if at := strings.Index("\n"+own, "\n"+prefix); at >= 0 {
			name, _, _ := strings.Cut(own[at:], "\n")
			t.Errorf("it links %s", name)
		}
		if !strings.Contains("\n"+server, "\n"+prefix) {
			t.Errorf("the server does not link %s: this test looks for nothing", prefix)
		}
	}
}
