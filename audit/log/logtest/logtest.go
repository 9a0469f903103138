// Package logtest makes entries, keys and stores for tests of the audit log, and holds what every store must keep to.
package logtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// Origin is what the logs of tests are called.
const Origin = "github.com/acme/shop/audit"

// Noon is when the entries of tests were made.
var Noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Entry is entry number n; note makes another entry of the same identity.
func Entry(t testing.TB, n int, note string) *audit.Entry {
	t.Helper()
	r := &verdict.Report{
		Repository: "github.com/acme/shop", At: Noon.Add(time.Duration(n) * time.Second), AtSource: "the server's clock",
		Acts: []verdict.Act{{Kind: "commit", Subject: fmt.Sprintf("%040x", n), Ref: "refs/heads/main", Title: note, Actor: "agent.coder"}},
	}
	r.Settle()
	e, err := audit.New(r, audit.Facts{
		Surface:  "pre-receive",
		Question: audit.Question{Kind: "push", Subject: "refs/heads/main", Head: fmt.Sprintf("%040x", n)},
		Run:      audit.Run{Event: "push", ID: fmt.Sprint(n), Attempt: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Delegated is entry number n, for which the server's hook vouches, with an act that rests on a delegation of its own,
// and that delegation's bundle.
func Delegated(t testing.TB, n int) (*audit.Entry, []byte) {
	t.Helper()
	chain := delegationtest.MakeChain(t, "human.alice", delegationtest.Step{To: "agent.planner"}, delegationtest.Step{
		To: "agent.coder", Change: func(d *delegation.Delegation) { d.Nonce = fmt.Sprintf("%032x", n) },
	})
	r := &verdict.Report{
		Repository: "github.com/acme/shop", At: Noon.Add(time.Duration(n) * time.Second), AtSource: "the server's clock",
		Acts: []verdict.Act{{Kind: "commit", Subject: fmt.Sprintf("%040x", n), Ref: "refs/heads/main", Actor: "agent.coder"}},
	}
	for _, l := range chain {
		r.Acts[0].Chain = append(r.Acts[0].Chain, verdict.Link{
			Delegator: string(l.Delegator.Name), Delegate: string(l.Delegate.Name), Digest: l.Digest, NotAfter: l.NotAfter, Purpose: l.Purpose,
		})
	}
	r.Settle()
	e, err := audit.New(r, audit.Facts{
		Surface:  "pre-receive",
		Question: audit.Question{Kind: "push", Subject: "refs/heads/main", Head: fmt.Sprintf("%040x", n)},
		Run:      audit.Run{Event: "push", ID: fmt.Sprint(n), Attempt: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Attestation = audit.Attestation{Kind: "hook", By: "SHA256:x"}
	return e, chain.Marshal()
}

// Entries are those from number from up to number to.
func Entries(t testing.TB, from, to int) []*audit.Entry {
	t.Helper()
	var out []*audit.Entry
	for n := from; n < to; n++ {
		out = append(out, Entry(t, n, ""))
	}
	return out
}

// Key is a signer of that name.
func Key(t testing.TB, name string) signing.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	s, err := signing.NewEd25519Signer(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Log is a log in a store, with the key of tests. It is not created.
func Log(t testing.TB, store log.Store) *log.Log {
	t.Helper()
	signer, err := log.NewSigner(Origin, Key(t, "log"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := log.NewVerifier(Origin, Key(t, "log").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return &log.Log{Store: store, Verifier: verifier, Signer: signer}
}

// Append appends entries, which must work.
func Append(t testing.TB, l *log.Log, entries ...*audit.Entry) ([]log.Appended, log.Checkpoint) {
	t.Helper()
	out, c, err := l.Append(t.Context(), nil, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return out, c
}

// Sound checks that a log verifies and has so many entries.
func Sound(t testing.TB, l *log.Log, size int64) {
	t.Helper()
	v, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !v.OK() || v.Checkpoint.Size != size || v.Entries != size {
		t.Errorf("the log has %d entries by its checkpoint and %d by count, want %d; faults: %+v", v.Checkpoint.Size, v.Entries, size, v.Faults)
	}
}

// Memory is a store in memory. Its files may be altered between calls.
type Memory struct {
	mu    sync.Mutex
	Files map[string][]byte
}

// Look takes a copy of all files.
func (m *Memory) Look(context.Context) (log.View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, begun := m.Files[log.KeyPath]; len(m.Files) == 0 || begun && len(m.Files) == 1 { // without a checkpoint none was made
		return nil, log.ErrMissing
	}
	return memoryView(maps.Clone(m.Files)), nil
}

type memoryView map[string][]byte

func (v memoryView) Read(_ context.Context, paths []string) ([][]byte, error) {
	out := make([][]byte, len(paths))
	for i, p := range paths {
		out[i] = v[p]
	}
	return out, nil
}

// Commit compares the checkpoints.
func (m *Memory) Commit(_ context.Context, base log.View, change log.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _ := base.(memoryView)
	if !bytes.Equal(m.Files["checkpoint"], v["checkpoint"]) {
		return log.ErrConflict
	}
	if m.Files == nil {
		m.Files = map[string][]byte{}
	}
	for _, f := range change.Put {
		m.Files[f.Path] = f.Content
	}
	for _, p := range change.Drop {
		delete(m.Files, p)
	}
	return nil
}

// Store holds a store to what [log.Store] says. It must be empty.
func Store(t *testing.T, s log.Store) {
	ctx := t.Context()
	if _, err := s.Look(ctx); !errors.Is(err, log.ErrMissing) {
		t.Fatalf("looking where nothing is: %v", err)
	}
	put := func(base log.View, checkpoint string, drop []string, files ...log.File) error {
		return s.Commit(ctx, base, log.Change{Put: append(files, log.File{Path: "checkpoint", Content: []byte(checkpoint)}), Drop: drop, Summary: "x"})
	}
	read := func(v log.View, want map[string]string) {
		t.Helper()
		var paths []string
		for p := range want {
			paths = append(paths, p)
		}
		files, err := v.Read(ctx, paths)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range paths {
			if (files[i] == nil) != (want[p] == "-") || files[i] != nil && string(files[i]) != want[p] {
				t.Errorf("%s holds %.80q, want %.80q", p, files[i], want[p])
			}
		}
	}
	look := func() log.View {
		t.Helper()
		v, err := s.Look(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if err := put(nil, "one\n", nil); err != nil {
		t.Fatal(err)
	}
	if err := put(nil, "other\n", nil); !errors.Is(err, log.ErrConflict) {
		t.Errorf("making a log where one is: %v", err)
	}
	first := look()
	read(first, map[string]string{"checkpoint": "one\n", "tile/0/000.p/1": "-"})
	// Any bytes, an empty file, a long one, one of the shape of git's own syntax.
	long := string(bytes.Repeat([]byte("long \x00\n"), 60_000))
	if err := put(first, "two\n", nil, log.File{Path: "tile/0/000.p/1", Content: []byte("a")}, log.File{Path: "tile/0/x001/000", Content: []byte(long)},
		log.File{Path: "index/a/b/c/d", Content: nil}, log.File{Path: "tile/entries/000", Content: []byte("EOT\ncommit refs/heads/main\ndone\n\xff")}); err != nil {
		t.Fatal(err)
	}
	if err := put(first, "fork\n", nil); !errors.Is(err, log.ErrConflict) {
		t.Errorf("a commit on an old view: %v", err)
	}
	second := look()
	read(second, map[string]string{
		"checkpoint": "two\n", "tile/0/000.p/1": "a", "tile/0/x001/000": long, "index/a/b/c/d": "", "tile/entries/000": "EOT\ncommit refs/heads/main\ndone\n\xff",
		"tile": "-", "tile/0": "-", "none": "-", "tile/0/000.p/1/x": "-",
	})
	if err := put(second, "three\n", []string{"tile/0/000.p/1"}, log.File{Path: "tile/0/000.p/2", Content: []byte("ab")}, log.File{Path: "index/a/b/c/d", Content: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	read(look(), map[string]string{"checkpoint": "three\n", "tile/0/000.p/1": "-", "tile/0/000.p/2": "ab", "index/a/b/c/d": "x"})

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Commit(cancelled, look(), log.Change{Put: []log.File{{Path: "checkpoint", Content: []byte("four\n")}}}); err == nil {
		t.Error("a commit that was called off was made")
	}
	read(look(), map[string]string{"checkpoint": "three\n"})

	// Of several on one view, one wins.
	base := look()
	var wg sync.WaitGroup
	won := make(chan string, 8)
	for i := range cap(won) {
		wg.Go(func() {
			text := fmt.Sprintf("writer %d\n", i)
			switch err := put(base, text, nil, log.File{Path: "who", Content: []byte(text)}); {
			case err == nil:
				won <- text
			case !errors.Is(err, log.ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d of %d won", len(won), cap(won))
	}
	winner := <-won
	read(look(), map[string]string{"checkpoint": winner, "who": winner})
}
