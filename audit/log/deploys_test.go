package log_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/verdict"
)

// deploy is the entry of a deploy that was let through, and that somebody vouches for.
func deploy(t *testing.T, n int, environment string, change func(*audit.Entry)) *audit.Entry {
	e := logtest.Entry(t, n, "")
	e.Question = audit.Question{Kind: "deploy", Subject: audit.Digest(fmt.Append(nil, n)), Environment: environment, Nonce: fmt.Sprintf("%032x", n)}
	e.Verdict, e.Attestation = verdict.Allowed, audit.Attestation{Kind: "hook", By: "SHA256:x"}
	if change != nil {
		change(e)
	}
	e.ID = e.Identity()
	return e
}

// TestDeploys: what was let through to an environment last is found, whatever else there is, and nothing that was not
// let through or that nobody vouches for.
func TestDeploys(t *testing.T) {
	store := &logtest.Memory{}
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []int64
	n := 0
	for range 7 {
		var batch []*audit.Entry
		for range 21 {
			n++
			switch n % 7 {
			case 1:
				batch = append(batch, deploy(t, n, "Production", nil))
				want = append(want, int64(n-1))
			case 2:
				batch = append(batch, deploy(t, n, "staging", nil))
			case 3:
				batch = append(batch, deploy(t, n, "production", func(e *audit.Entry) { e.Verdict = verdict.Denied }))
			case 4:
				batch = append(batch, deploy(t, n, "production", func(e *audit.Entry) { e.Attestation = audit.Attestation{} }))
			case 5:
				batch = append(batch, deploy(t, n, "production", func(e *audit.Entry) { e.Question.Kind = "rotate" }))
			case 6:
				batch = append(batch, deploy(t, n, "production", nil))
				want = append(want, int64(n-1))
			default:
				batch = append(batch, logtest.Entry(t, n, ""))
			}
		}
		logtest.Append(t, l, batch...)
	}
	indexes := func(environment string) (at []int64) {
		found, err := l.Deploys(t.Context(), environment)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			at = append(at, f.Index)
		}
		return at
	}
	if got := indexes("production"); !slices.Equal(got, want) {
		t.Errorf("deploys %v, want %v", got, want)
	}
	if got := indexes("prod"); got != nil {
		t.Errorf("deploys of an environment that has none: %v", got)
	}
	if v, err := l.Verify(t.Context()); err != nil || !v.OK() {
		t.Errorf("%v, %+v", err, v)
	}

	// Of very many it has the last ones.
	for range 5 {
		var batch []*audit.Entry
		for range 20 {
			n++
			batch = append(batch, deploy(t, n, "production", nil))
		}
		logtest.Append(t, l, batch...)
	}
	if got := indexes("production"); len(got) != 64 || got[63] != int64(n-1) || got[0] != int64(n-64) {
		t.Errorf("%d deploys, from %d to %d", len(got), got[0], got[len(got)-1])
	}
	// One that is left out is told.
	for path, content := range store.Files {
		if line := fmt.Sprintf(" %d\n", n-1); strings.HasPrefix(path, "index/") && bytes.Count(content, []byte("\n")) > 60 {
			lines := slices.Collect(strings.Lines(string(content)))
			store.Files[path] = []byte(strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasSuffix(l, line) }), ""))
		}
	}
	if v, err := l.Verify(t.Context()); err != nil || v.OK() || v.Faults[0].Kind != log.BadIndex {
		t.Errorf("a deploy that the index leaves out: %v, %+v", err, v)
	}
}
