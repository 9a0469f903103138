package cli_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/remit-sh/remit/internal/cli"
)

// TestApproveAsks: at a terminal nothing is approved that was not said yes to, and it is read out before.
func TestApproveAsks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	asked := s.ok("bob", "shop", "remit", "request", "deploy", "--environment", "production", "--why", "SHOP-1412")
	for name, test := range map[string]struct {
		answers string
		args    []string
		yes     bool
	}{
		"y":                 {"y\n", nil, true},
		"yes":               {" YES \n", nil, true},
		"at the second try": {"well\ny\n", nil, true},
		"without an end":    {"y", nil, true},
		"Enter":             {"\n", nil, false},
		"n":                 {"n\n", nil, false},
		"nobody there":      {"", nil, false},
		"never clear":       {"j\nok\nsure\ny\n", nil, false},
		"unclear, then end": {"sure", nil, false},
		"--yes":             {"n\n", []string{"--yes"}, true},
	} {
		var stdout, stderr bytes.Buffer
		code := cli.Run(context.Background(), &cli.Env{
			Stdin: strings.NewReader(test.answers), Stdout: &stdout, Stderr: &stderr, Environ: environment(s.dir, "alice"),
			Dir: s.path("shop"), Executable: os.Args[0], Now: clock(s.path("clock")), Interactive: true,
		}, append([]string{"approve", asked}, test.args...))
		if want := map[bool]int{true: 0, false: 1}[test.yes]; code != want || (stdout.Len() > 0) != test.yes {
			t.Errorf("%s: exit %d, %q, %s", name, code, &stdout, &stderr)
		}
		before, _, found := strings.Cut(stderr.String(), "Approve this? [y/N] ")
		if found != (test.args == nil) || !strings.Contains(before, "human.bob asks to deploy") || !strings.Contains(before, "human.alice approves") {
			t.Errorf("%s: it says %s", name, &stderr)
		}
	}
}
