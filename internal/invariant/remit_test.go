package invariant

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/internal/cli"
)

// ended is how a command of remit ended.
type ended struct {
	code   int
	stdout string
	stderr string
}

// remit runs a command in the history's repository, eight minutes after the delegations begin.
func (h *history) remit(stdin string, extra []string, args ...string) ended {
	h.t.Helper()
	return h.remitWithin(h.t.Context(), stdin, extra, args...)
}

func (h *history) remitWithin(ctx context.Context, stdin string, extra []string, args ...string) ended {
	h.t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, &cli.Env{
		Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
		Environ: append(environ(h.dir), extra...), Dir: h.dir, Executable: "/usr/bin/remit",
		Now: func() time.Time { return dt.Start().Add(8 * time.Minute) },
	}, args)
	return ended{code, stdout.String(), stderr.String()}
}

// serve makes the repository one that a server's hook guards.
func (h *history) serve() {
	h.t.Helper()
	err := hooks.WriteServerConfig(h.dir, hooks.ServerConfig{RootKey: dt.Key("human.alice").AuthorizedKey(), PusherEnv: "PUSHER"})
	if err != nil {
		h.t.Fatal(err)
	}
}

// judged is what a report says.
type judged struct {
	Verdict string
	Acts    []struct {
		Kind, Subject, Verdict, Actor string
		Findings                      []struct{ Rule, Effect, Path, Summary string }
	}
	Findings []struct{ Rule, Effect, Path, Summary string }
}

func readReport(t testing.TB, text string) judged {
	t.Helper()
	var r judged
	if err := json.Unmarshal([]byte(text), &r, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}
