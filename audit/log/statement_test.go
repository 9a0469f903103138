package log_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/statement/statementtest"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/verdict"
)

// deployed is an entry of a deploy for which the key vouches, and the files that it needs: the bundle, and the statement
// by the key of a name.
func deployed(t *testing.T, key string, change func(*verdict.Report, *delegation.Request)) (*audit.Entry, [][]byte) {
	t.Helper()
	e, request, bundle := statementtest.Deploy(t, change)
	s := statementtest.Sign(t, key, e, request)
	e.Attestation = audit.Attestation{Kind: "key", By: "SHA256:x"}
	return e, append([][]byte{bundle}, s.Files()...)
}

func TestStatementsAreKept(t *testing.T) {
	l, store := begun(t, 1)
	e, files := deployed(t, "gate", nil)
	stray, _ := deployed(t, "mallory", nil)
	if err := appendWith(t, l, files, e); err != nil {
		t.Fatal(err)
	}
	logtest.Sound(t, l, 2)
	for i, digest := range e.Statements {
		path := log.StatementPath(digest)
		if string(store.Files[path]) != string(files[1+i]) || !log.IsFile(path) {
			t.Errorf("%s holds %q", path, store.Files[path])
		}
	}
	if store.Files[log.StatementPath(stray.Statements[0])] != nil || log.IsFile("statement/0/0/0/0/"+strings.Repeat("1", 64)) || log.IsFile("statement/x") {
		t.Error("what no entry names is kept, or served")
	}
	if !log.HasFiles(e, files) || log.HasFiles(e, files[:2]) || log.HasFiles(e, files[1:]) {
		t.Error("whether the files are those of an entry is not told apart")
	}
}

// Whoever vouches for an entry vouches for its statement, so that one is of it.
func TestAnEntryNeedsItsStatements(t *testing.T) {
	l, _ := begun(t, 1)
	e, files := deployed(t, "gate", nil)
	other, others := deployed(t, "gate", func(_ *verdict.Report, c *delegation.Request) { c.Commit = delegationtest.Base })
	lent := *e
	lent.Statements = other.Statements
	swapped := *e
	swapped.Statements = []string{e.Statements[1], e.Statements[0]}
	for name, tc := range map[string]struct {
		e     *audit.Entry
		files [][]byte
	}{
		"none":                          {e, files[:1]},
		"the summary alone":             {e, files[:2]},
		"of another deploy":             {e, others},
		"named, of another deploy":      {&lent, slices.Concat(files, others)},
		"named the other way round":     {&swapped, files},
		"without the delegation":        {e, files[1:]},
		"something that is no envelope": {e, append(slices.Clone(files[:2]), []byte("{}"))},
	} {
		if err := appendWith(t, l, tc.files, tc.e); err == nil {
			t.Errorf("%s: it was appended", name)
		}
	}
	logtest.Sound(t, l, 1)
	claimed := *e
	claimed.Attestation = audit.Attestation{}
	if err := appendWith(t, l, nil, &claimed); err != nil {
		t.Errorf("what nobody vouches for: %v", err)
	}
	one := *e
	one.Statements = e.Statements[:1]
	if _, err := one.Encode(); err == nil {
		t.Error("an entry names one statement")
	}
	logtest.Sound(t, l, 2)
}

func TestStatementsAreVerified(t *testing.T) {
	l, store := begun(t, 1)
	e, files := deployed(t, "gate", nil)
	_, others := deployed(t, "gate", func(_ *verdict.Report, c *delegation.Request) { c.Environment = "staging" })
	_, forged := deployed(t, "mallory", nil)
	if err := appendWith(t, l, files, e); err != nil {
		t.Fatal(err)
	}
	sound := maps.Clone(store.Files)
	for i, digest := range e.Statements {
		path := log.StatementPath(digest)
		for name, b := range map[string][]byte{
			"lost": nil, "another's": others[1+i], "by another key": forged[1+i], "cut": files[1+i][:100], "empty": {}, "the other one": files[2-i],
		} {
			store.Files = maps.Clone(sound)
			if store.Files[path] = b; b == nil {
				delete(store.Files, path)
			}
			if kinds := faultsOf(t, l); !slices.Equal(kinds, []log.Kind{log.BadStatement}) {
				t.Errorf("envelope %d, %s: %q", i, name, kinds)
			}
		}
	}
}
