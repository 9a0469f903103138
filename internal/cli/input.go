package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	ws "github.com/remit-sh/remit/workspace"
)

// judgedAt is the time as of which is judged, and whose clock says so: --at, else this machine's.
func judgedAt(env *Env, at string) (decide.Clock, error) {
	if at == "" {
		return decide.Clock{Time: env.Now(), Source: decide.ClockHere}, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return decide.Clock{}, fault.Usagef("--at is no RFC 3339 time, such as 2026-11-22T14:03:00Z: %w", err)
	}
	return decide.Clock{Time: t, Source: decide.ClockFlag}, nil
}

// readArgument reads a file, or standard input for "-".
func readArgument(env *Env, name string) ([]byte, error) {
	if name == "-" {
		return readLimited(env.Stdin, "standard input")
	}
	return readBounded(env, name)
}

// readBounded reads a file that a caller names. A relative name counts from env.Dir.
func readBounded(env *Env, name string) ([]byte, error) { return env.around().ReadInput(name) }

// readLimited reads a stream to its end, as far as what a caller names is read.
func readLimited(r io.Reader, name string) ([]byte, error) {
	return ws.ReadStream(r, name, ws.MaxInput)
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r")
}

// readStatement reads a signed statement's file: its JSON or that in base64url, from a file, from
// standard input, or from the argument itself. "" is none.
func readStatement(env *Env, argument string) ([]byte, error) {
	if argument == "" {
		return nil, nil
	}
	if file, err := delegation.DecodeText(argument); err == nil && len(argument) > 100 {
		return file, nil
	}
	b, err := readArgument(env, argument)
	if err != nil {
		return nil, err
	}
	if file, ok, err := delegation.FindSigned(b); ok && err == nil {
		return file, nil
	}
	return b, nil // whatever it is, the checker says what is wrong with it
}

// readApprovals reads the signed approvals that --approval names.
func readApprovals(env *Env, names []string, now time.Time) ([]evidence.SignedApproval, error) {
	var approvals []evidence.SignedApproval
	for i, name := range names {
		raw, err := readStatement(env, name)
		if err != nil {
			return nil, err
		}
		approvals = append(approvals, evidence.SignedApproval{
			Raw: raw, Source: fmt.Sprintf("--approval number %d", i+1), Seen: evidence.Seen{Time: now, By: decide.ClockHere},
		})
	}
	return approvals, nil
}

// absolute is a path that somebody wrote, from the working directory.
func absolute(env *Env, name string) string { return env.around().Absolute(name) }
