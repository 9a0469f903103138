package log_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
)

func appendWith(t *testing.T, l *log.Log, bundles [][]byte, entries ...*audit.Entry) error {
	t.Helper()
	_, _, err := l.Append(t.Context(), bundles, entries...)
	return err
}

// faultsOf is the kinds of what verifying finds.
func faultsOf(t *testing.T, l *log.Log) (kinds []log.Kind) {
	t.Helper()
	v, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Faults {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// forged is a bundle of the digest of another whose last link somebody else signed.
func forged(t *testing.T, b []byte) []byte {
	t.Helper()
	chain, err := delegation.ParseBundle(b)
	if err != nil {
		t.Fatal(err)
	}
	last := len(chain) - 1
	chain[last] = delegationtest.Forge(t, chain[last].Delegation, delegationtest.Signer("mallory"))
	return chain.Marshal()
}

func TestBundlesAreKeptOnce(t *testing.T) {
	l, store := begun(t, 1)
	e, bundle := logtest.Delegated(t, 1)
	if err := appendWith(t, l, [][]byte{bundle}, e); err != nil {
		t.Fatal(err)
	}
	leaf := e.Acts.Items[0].Delegation
	path := log.BundlePath(leaf)
	if log.BundlePath(leaf) != path || !bytes.Equal(store.Files[path], bundle) {
		t.Errorf("%s holds %q", path, store.Files[path])
	}
	logtest.Sound(t, l, 2)
	// The log has it: another entry of the same delegation does not bring it again.
	other, _ := logtest.Delegated(t, 1)
	other.Run.Attempt = 2
	other.ID = other.Identity()
	if err := appendWith(t, l, nil, other); err != nil {
		t.Fatal(err)
	}
	logtest.Sound(t, l, 3)
	// What no entry names is not kept.
	_, stray := logtest.Delegated(t, 7)
	if err := appendWith(t, l, [][]byte{stray, []byte("{}")}, logtest.Entry(t, 8, "")); err != nil {
		t.Fatal(err)
	}
	if n := len(slices.DeleteFunc(keys(store), func(p string) bool { return !strings.HasPrefix(p, "bundle/") })); n != 1 {
		t.Errorf("%d bundles are kept", n)
	}
}

// Whoever vouches for an entry has its delegations; of what nobody vouches for the log may have none.
func TestAnEntryNeedsItsBundles(t *testing.T) {
	l, _ := begun(t, 1)
	e, bundle := logtest.Delegated(t, 1)
	for name, bundles := range map[string][][]byte{"none": nil, "another": {other(t)}, "a forged one": {forged(t, bundle)}} {
		if err := appendWith(t, l, bundles, e); err == nil {
			t.Errorf("%s: it was appended", name)
		}
	}
	logtest.Sound(t, l, 1)
	claimed := *e
	claimed.Attestation = audit.Attestation{}
	if err := appendWith(t, l, nil, &claimed); err != nil {
		t.Errorf("what nobody vouches for: %v", err)
	}
	binding := *e
	binding.Chains = audit.List[audit.Chain]{Items: slices.Clone(e.Chains.Items)}
	binding.Chains.Items[0].Forged = true
	if err := appendWith(t, l, nil, &binding); err != nil {
		t.Errorf("a chain that binds nobody: %v", err)
	}
	logtest.Sound(t, l, 3)
	if log.HasFiles(e, nil) || log.HasFiles(e, [][]byte{forged(t, bundle)}) || !log.HasFiles(e, [][]byte{other(t), bundle}) || !log.HasFiles(&binding, nil) {
		t.Error("whether the bundles are those of an entry is not told apart")
	}
}

func other(t *testing.T) []byte {
	t.Helper()
	_, b := logtest.Delegated(t, 99)
	return b
}

func TestBundlesAreVerified(t *testing.T) {
	l, store := begun(t, 1)
	e, bundle := logtest.Delegated(t, 1)
	if err := appendWith(t, l, [][]byte{bundle}, e); err != nil {
		t.Fatal(err)
	}
	path := log.BundlePath(e.Acts.Items[0].Delegation)
	sound := maps.Clone(store.Files)
	for name, b := range map[string][]byte{
		"lost": nil, "another": other(t), "forged": forged(t, bundle), "cut": bundle[:len(bundle)-1], "empty": {},
		"shorter": delegationtest.Bundle(t, "human.alice", delegationtest.Step{To: names.Principal("agent.planner")}),
	} {
		store.Files = maps.Clone(sound)
		if store.Files[path] = b; b == nil {
			delete(store.Files, path)
		}
		if kinds := faultsOf(t, l); !slices.Equal(kinds, []log.Kind{log.BadDelegation}) {
			t.Errorf("%s: %q", name, kinds)
		}
		// The next that brings it puts it right.
		again, _ := logtest.Delegated(t, 1)
		again.Run.Attempt = 2
		again.ID = again.Identity()
		if err := appendWith(t, l, [][]byte{bundle}, again); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		logtest.Sound(t, l, 3)
	}
	// An entry that says something else of a delegation than its bundle does.
	store.Files = maps.Clone(sound)
	lie, _ := logtest.Delegated(t, 1)
	lie.Run.Attempt = 3
	lie.ID = lie.Identity()
	lie.Chains.Items[0].Links[1].Delegate = "agent.mallory"
	if err := appendWith(t, l, nil, lie); err != nil {
		t.Fatal(err)
	}
	if kinds := faultsOf(t, l); !slices.Equal(kinds, []log.Kind{log.BadDelegation}) {
		t.Errorf("an entry with another delegate: %q", kinds)
	}
}

func TestTheKeyIsKept(t *testing.T) {
	l, store := begun(t, 2)
	want, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "log").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(store.Files["key"]); got != want+"\n" {
		t.Errorf("the file has %q", got)
	}
	v, err := log.ParseKeyFile(store.Files["key"])
	if err != nil {
		t.Fatal(err)
	}
	blank := &log.Log{Store: store, Verifier: v}
	logtest.Sound(t, blank, 2)
	another, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "another").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := log.VerifierKey("github.com/acme/other/audit", logtest.Key(t, "log").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"lost": nil, "another": []byte(another + "\n"), "of another log": []byte(elsewhere + "\n"), "no line": []byte(want), "two lines": []byte(want + "\n\n")} {
		if store.Files["key"] = b; b == nil {
			delete(store.Files, "key")
		}
		if kinds := faultsOf(t, l); !slices.Equal(kinds, []log.Kind{log.BadKey}) {
			t.Errorf("%s: %q", name, kinds)
		}
	}
	if _, err := log.ParseKeyFile(nil); err == nil {
		t.Error("no file is a key")
	}
	// A signer of somebody else's cannot say what its key is.
	if _, err := (&log.Log{Store: &logtest.Memory{}, Verifier: l.Verifier, Signer: nil}).Create(t.Context()); err == nil || errors.Is(err, log.ErrExist) {
		t.Errorf("without a key: %v", err)
	}
}
