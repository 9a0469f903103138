package largelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/folder"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
)

func configOf(t testing.TB, place Place) Config {
	t.Helper()
	l := logtest.Log(t, nil)
	return Config{Signer: l.Signer, Verifier: l.Verifier, Place: place, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// reading is a log for verifying.
type reading struct{ l *Log }

func (r reading) Look(context.Context) (log.View, error)             { return r.l.Reading(), nil }
func (r reading) Commit(context.Context, log.View, log.Change) error { return errNotHere }

func create(t testing.TB, place Place) {
	t.Helper()
	if _, err := Create(t.Context(), configOf(t, place)); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, place Place) *Log {
	t.Helper()
	l, err := Open(t.Context(), configOf(t, place))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func shut(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// vouched is an entry that somebody vouches for.
func vouched(t testing.TB, n int, note string) *audit.Entry {
	t.Helper()
	e := logtest.Entry(t, n, note)
	e.Attestation = audit.Attestation{Kind: "key", By: "SHA256:x"}
	return e
}

// appendAll appends entries at once, and returns what became of each.
func appendAll(t testing.TB, l *Log, entries ...*audit.Entry) []*Appended {
	t.Helper()
	out := make([]*Appended, len(entries))
	var wg sync.WaitGroup
	for i, e := range entries {
		wg.Go(func() {
			a, err := l.Append(context.Background(), e, nil)
			if err != nil {
				t.Error(err)
				return
			}
			out[i] = a
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return out
}

func many(t testing.TB, from, to int) []*audit.Entry {
	t.Helper()
	var out []*audit.Entry
	for n := from; n < to; n++ {
		out = append(out, vouched(t, n, ""))
	}
	return out
}

// proven checks that a receipt is of that entry.
func proven(t testing.TB, a *Appended, e *audit.Entry) {
	t.Helper()
	_, got, err := log.OpenReceipt(a.Receipt.Encode(), configOf(t, nil).Verifier)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != e.ID {
		t.Error("the receipt is of another entry")
	}
}

func sound(t testing.TB, l *Log, size int64, pins ...log.Checkpoint) *log.Verification {
	t.Helper()
	v, err := (&log.Log{Store: reading{l}, Verifier: l.c.Verifier, Pins: pins}).Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !v.OK() || v.Entries != size || v.Checkpoint.Size != size {
		t.Errorf("%d entries by count, %d by checkpoint, want %d; faults: %+v", v.Entries, v.Checkpoint.Size, size, v.Faults)
	}
	return v
}

// everywhere runs a test in every kind of place.
func everywhere(t *testing.T, f func(t *testing.T, place func() Place)) {
	t.Run("folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "log")
		f(t, func() Place { return &Folder{Dir: dir} })
	})
}

func TestAppend(t *testing.T) {
	everywhere(t, func(t *testing.T, place func() Place) {
		create(t, place())
		l := open(t, place())
		entries := many(t, 0, 600)
		seen := map[int64]bool{}
		for i, a := range appendAll(t, l, entries...) {
			proven(t, a, entries[i])
			if a.Again || len(a.Others) > 0 || seen[a.Receipt.Index] {
				t.Errorf("entry %d: again %v, others %v, at %d", i, a.Again, a.Others, a.Receipt.Index)
			}
			seen[a.Receipt.Index] = true
		}
		first := sound(t, l, 600).Checkpoint
		// The same once more, all at once and each twice.
		for i, a := range appendAll(t, l, append(slices.Clone(entries), entries...)...) {
			proven(t, a, entries[i%600])
			if !a.Again {
				t.Errorf("entry %d was kept twice", i)
			}
		}
		sound(t, l, 600, first)
		// Twelve at once that are one.
		var twelve []*audit.Entry
		for range 12 {
			twelve = append(twelve, vouched(t, 600, ""))
		}
		for _, a := range appendAll(t, l, twelve...) {
			if a.Receipt.Index != 600 {
				t.Errorf("it is at %d", a.Receipt.Index)
			}
		}
		// The same identity with other bytes is kept, and flagged.
		other := appendAll(t, l, vouched(t, 3, "another title"))[0]
		if other.Again || len(other.Others) != 1 || !seen[other.Others[0]] {
			t.Errorf("%+v", other)
		}
		if again := appendAll(t, l, entries[3])[0]; !again.Again || !slices.Equal(again.Others, []int64{other.Receipt.Index}) {
			t.Errorf("%+v", again)
		}
		// Somebody else who vouches for the same says nothing else.
		likewise := vouched(t, 4, "")
		likewise.Attestation.By = "SHA256:y"
		if a := appendAll(t, l, likewise)[0]; a.Again || len(a.Others) > 0 {
			t.Errorf("%+v", a)
		}
		v := sound(t, l, 603, first)
		if len(v.Same) != 2 {
			t.Errorf("%+v", v.Same)
		}
		shut(t, l)
		l = open(t, place())
		if again := appendAll(t, l, entries[3])[0]; !again.Again || len(again.Others) != 1 {
			t.Errorf("after a restart: %+v", again)
		}
		appendAll(t, l, vouched(t, 700, ""))
		sound(t, l, 604, first, v.Checkpoint)
		shut(t, l)
	})
}

// A log that is whole is read by whoever reads a log in a folder, too.
func TestReadAsAFolder(t *testing.T) {
	dir := t.TempDir()
	create(t, &Folder{Dir: dir})
	l := open(t, &Folder{Dir: dir})
	appendAll(t, l, many(t, 0, 300)...)
	shut(t, l)
	logtest.Sound(t, logtest.Log(t, folder.Open(dir)), 300)
}

func TestBundles(t *testing.T) {
	everywhere(t, func(t *testing.T, place func() Place) {
		create(t, place())
		l := open(t, place())
		defer shut(t, l)
		e, bundle := logtest.Delegated(t, 1)
		_, other := logtest.Delegated(t, 2)
		for _, bundles := range [][][]byte{nil, {other}, {[]byte("{}")}} {
			if _, err := l.Append(t.Context(), e, bundles); !errors.Is(err, log.ErrNoFile) {
				t.Errorf("without its delegation: %v", err)
			}
		}
		if _, err := l.Append(t.Context(), e, [][]byte{other, bundle}); err != nil {
			t.Fatal(err)
		}
		again, _ := logtest.Delegated(t, 1)
		again.Run.Attempt = 2
		again.ID = again.Identity()
		if _, err := l.Append(t.Context(), again, nil); err != nil {
			t.Errorf("the log has the delegation: %v", err)
		}
		sound(t, l, 2)
		files, err := l.Reading().Read(t.Context(), []string{log.BundlePath(e.Acts.Items[0].Delegation)})
		if err != nil || !bytes.Equal(files[0], bundle) {
			t.Errorf("%q, %v", files, err)
		}
	})
}

// What is not there is never made anew, and what is there is never made again.
func TestNeverMadeAnew(t *testing.T) {
	everywhere(t, func(t *testing.T, place func() Place) {
		if _, err := Open(t.Context(), configOf(t, place())); !errors.Is(err, log.ErrMissing) {
			t.Fatalf("no log: %v", err)
		}
		create(t, place())
		if _, err := Create(t.Context(), configOf(t, place())); !errors.Is(err, log.ErrExist) {
			t.Errorf("a log: %v", err)
		}
		l := open(t, place())
		appendAll(t, l, many(t, 0, 3)...)
		shut(t, l)
		if _, err := Create(t.Context(), configOf(t, place())); !errors.Is(err, log.ErrExist) {
			t.Errorf("a log with entries: %v", err)
		}
		c := configOf(t, place())
		signer, err := log.NewSigner(logtest.Origin, logtest.Key(t, "another"))
		if err != nil {
			t.Fatal(err)
		}
		c.Signer = signer
		if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "another key") {
			t.Errorf("another key: %v", err)
		}
	})
}

// Whatever is lost or altered in the folder while nobody looks, no checkpoint is signed that does not continue the last.
func TestSpoiledFolder(t *testing.T) {
	good := t.TempDir()
	create(t, &Folder{Dir: good})
	l := open(t, &Folder{Dir: good})
	appendAll(t, l, many(t, 0, 300)...)
	first := sound(t, l, 300).Checkpoint
	shut(t, l)
	for name, spoil := range map[string]func(dir string) error{
		"no checkpoint": func(dir string) error { return os.Remove(filepath.Join(dir, "checkpoint")) },
		"no key":        func(dir string) error { return os.Remove(filepath.Join(dir, "key")) },
		"no notes":      func(dir string) error { return os.Remove(filepath.Join(dir, treeFile)) },
		"notes of another tree": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, treeFile), []byte(`{"size":300,"root":"`+strings.Repeat("A", 43)+`="}`), 0o600)
		},
		"notes of fewer": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, treeFile), []byte(`{"size":299,"root":"`+strings.Repeat("A", 43)+`="}`), 0o600)
		},
		"notes of more": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, treeFile), []byte(`{"size":301,"root":"`+strings.Repeat("A", 43)+`="}`), 0o600)
		},
		"an altered checkpoint": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "checkpoint"), bytes.Replace(first.Signed, []byte("300"), []byte("299"), 1), 0o600)
		},
		"an altered tile": func(dir string) error {
			return alter(filepath.Join(dir, "tile/0/001.p/44"))
		},
		"an altered bundle": func(dir string) error { return alter(filepath.Join(dir, "tile/entries/001.p/44")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(filepath.Join(dir, "checkpoint"))
			ctx, end := context.WithTimeout(t.Context(), 3*time.Second)
			defer end()
			l, err := Open(ctx, configOf(t, &Folder{Dir: dir}))
			if err == nil {
				if _, err = l.Append(ctx, vouched(t, 400, ""), nil); err == nil {
					t.Error("an entry was appended")
				}
				_ = l.stop()
			}
			after, _ := os.ReadFile(filepath.Join(dir, "checkpoint"))
			if !bytes.Equal(before, after) {
				t.Errorf("a checkpoint was signed:\n%s", after)
			}
		})
	}
}

func alter(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// The guard, by itself: what continues is signed, what does not is not.
func TestGuard(t *testing.T) {
	dir := t.TempDir()
	create(t, &Folder{Dir: dir})
	l := open(t, &Folder{Dir: dir})
	appendAll(t, l, many(t, 0, 100)...)
	small := sound(t, l, 100).Checkpoint
	appendAll(t, l, many(t, 100, 400)...)
	large := sound(t, l, 400).Checkpoint
	shut(t, l)
	place := &Folder{Dir: dir}
	if err := place.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = place.close() }()
	tree := func(c log.Checkpoint) tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Hash} }
	text := func(n int64, h tlog.Hash) string { return fmt.Sprintf("%s\n%d\n%s\n", logtest.Origin, n, h) }
	other := small.Hash
	other[0] ^= 1
	for name, c := range map[string]struct {
		last tlog.Tree
		text string
		ok   bool
	}{
		"from nothing":           {tlog.Tree{}, text(400, large.Hash), true},
		"grown":                  {tree(small), text(400, large.Hash), true},
		"the same":               {tree(large), text(400, large.Hash), true},
		"rolled back":            {tree(large), text(100, small.Hash), false},
		"rolled back to nothing": {tree(small), text(0, tlog.Hash{}), false},
		"another of that size":   {tree(small), text(100, other), false},
		"another history":        {tlog.Tree{N: 100, Hash: other}, text(400, large.Hash), false},
		"of no tiles":            {tree(small), text(400, other), false},
		"of more than there is":  {tree(small), text(401, large.Hash), false},
		"another log":            {tree(small), strings.Replace(text(400, large.Hash), "shop", "other", 1), false},
		"with an extension":      {tree(small), text(400, large.Hash) + "x\n", false},
		"not at all":             {tree(small), "hello\n", false},
	} {
		g := &guard{Signer: configOf(t, nil).Signer, ctx: t.Context(), place: place, last: c.last, refuse: func(error) {}}
		_, err := note.Sign(&note.Note{Text: c.text}, g)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An index that was lost, cut or left behind is made again from the entries.
func TestIndexIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	create(t, &Folder{Dir: dir})
	l := open(t, &Folder{Dir: dir})
	entries := many(t, 0, 300)
	appendAll(t, l, entries...)
	shut(t, l)
	part := filepath.Join(dir, log.IndexPath(entries[7].ID))
	for name, spoil := range map[string]func() error{
		"lost":   func() error { return os.RemoveAll(filepath.Join(dir, "index")) },
		"behind": func() error { return os.WriteFile(filepath.Join(dir, indexedFile), []byte("0\n"), 0o600) },
		"cut": func() error {
			b, err := os.ReadFile(part)
			return errors.Join(err, os.WriteFile(part, b[:len(b)-3], 0o600), os.WriteFile(filepath.Join(dir, indexedFile), []byte("0\n"), 0o600))
		},
		"ahead":     func() error { return os.WriteFile(filepath.Join(dir, indexedFile), []byte("999\n"), 0o600) },
		"no number": func() error { return os.WriteFile(filepath.Join(dir, indexedFile), []byte("x\n"), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(name, err)
		}
		l := open(t, &Folder{Dir: dir})
		sound(t, l, 300)
		for i, a := range appendAll(t, l, entries[5:10]...) {
			if !a.Again {
				t.Errorf("%s: entry %d was kept twice", name, i)
			}
		}
		shut(t, l)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	create(t, &Folder{Dir: dir})
	l := open(t, &Folder{Dir: dir})
	if _, err := Open(t.Context(), configOf(t, &Folder{Dir: dir})); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second: %v", err)
	}
	shut(t, l)
	shut(t, open(t, &Folder{Dir: dir}))
}

func TestMigrate(t *testing.T) {
	everywhere(t, func(t *testing.T, place func() Place) {
		old := logtest.Log(t, &logtest.Memory{})
		if _, err := old.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		var bundles [][]byte
		var entries []*audit.Entry
		for n := range 700 {
			e, b := logtest.Delegated(t, n%5)
			e.Run.Attempt = n + 1
			e.ID = e.Identity()
			entries, bundles = append(entries, e), append(bundles, b)
		}
		if _, _, err := old.Append(t.Context(), bundles[:5], entries...); err != nil {
			t.Fatal(err)
		}
		was, err := Migrate(t.Context(), configOf(t, place()), old)
		if err != nil {
			t.Fatal(err)
		}
		if was.Size != 700 {
			t.Errorf("%d entries were moved", was.Size)
		}
		l := open(t, place())
		sound(t, l, 700, was)
		more, b := logtest.Delegated(t, 9)
		if _, err := l.Append(t.Context(), more, [][]byte{b}); err != nil {
			t.Fatal(err)
		}
		if a, err := l.Append(t.Context(), entries[3], nil); err != nil || !a.Again || a.Receipt.Index != 3 {
			t.Errorf("%+v, %v", a, err)
		}
		after := &log.Log{Store: reading{l}, Verifier: old.Verifier}
		proof, now, err := after.Consistency(t.Context(), was)
		if err != nil || now.Size != 701 {
			t.Fatalf("%d entries, %v", now.Size, err)
		}
		if err := tlog.CheckTree(proof, now.Size, now.Hash, was.Size, was.Hash); err != nil {
			t.Error(err)
		}
		sound(t, l, 701, was)
		shut(t, l)
		if _, err := Migrate(t.Context(), configOf(t, place()), old); !errors.Is(err, log.ErrExist) {
			t.Errorf("once more: %v", err)
		}
	})
}

func TestMigrateRefuses(t *testing.T) {
	begin := func(t *testing.T) (*log.Log, *logtest.Memory) {
		store := &logtest.Memory{}
		l := logtest.Log(t, store)
		if _, err := l.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		logtest.Append(t, l, logtest.Entries(t, 0, 300)...)
		return l, store
	}
	t.Run("what does not hold together", func(t *testing.T) {
		old, store := begin(t)
		store.Files["tile/entries/000"] = bytes.Replace(store.Files["tile/entries/000"], []byte("agent.coder"), []byte("agent.other"), 1)
		dir := t.TempDir()
		if _, err := Migrate(t.Context(), configOf(t, &Folder{Dir: dir}), old); !errors.Is(err, log.ErrCorrupt) {
			t.Error(err)
		}
		if _, err := Open(t.Context(), configOf(t, &Folder{Dir: dir})); !errors.Is(err, log.ErrMissing) {
			t.Error(err)
		}
	})
	t.Run("a place with another log", func(t *testing.T) {
		old, _ := begin(t)
		dir := t.TempDir()
		create(t, &Folder{Dir: dir})
		if _, err := Migrate(t.Context(), configOf(t, &Folder{Dir: dir}), old); !errors.Is(err, log.ErrExist) {
			t.Error(err)
		}
	})
	t.Run("to another key", func(t *testing.T) {
		old, _ := begin(t)
		c := configOf(t, &Folder{Dir: t.TempDir()})
		signer, err := log.NewSigner(logtest.Origin, logtest.Key(t, "another"))
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := log.NewVerifier(logtest.Origin, logtest.Key(t, "another").SSHPublicKey())
		if err != nil {
			t.Fatal(err)
		}
		c.Signer, c.Verifier = signer, verifier
		if _, err := Migrate(t.Context(), c, old); err == nil {
			t.Error("it was moved")
		}
	})
	t.Run("an empty log goes on", func(t *testing.T) {
		old := logtest.Log(t, &logtest.Memory{})
		if _, err := old.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := Migrate(t.Context(), configOf(t, &Folder{Dir: dir}), old); err != nil {
			t.Fatal(err)
		}
		l := open(t, &Folder{Dir: dir})
		appendAll(t, l, many(t, 0, 2)...)
		sound(t, l, 2)
		shut(t, l)
	})
	t.Run("stopped and run again", func(t *testing.T) {
		old, _ := begin(t)
		dir := t.TempDir()
		c := configOf(t, &Folder{Dir: dir})
		if _, err := Migrate(t.Context(), c, old); err != nil {
			t.Fatal(err)
		}
		// As if it had been killed before its last two steps, and the old log had grown.
		for _, f := range []string{"key", "checkpoint"} {
			if err := os.Remove(filepath.Join(dir, f)); err != nil {
				t.Fatal(err)
			}
		}
		logtest.Append(t, old, logtest.Entries(t, 300, 800)...)
		if was, err := Migrate(t.Context(), configOf(t, &Folder{Dir: dir}), old); err != nil || was.Size != 800 {
			t.Fatalf("%d, %v", was.Size, err)
		}
		l := open(t, &Folder{Dir: dir})
		sound(t, l, 800)
		shut(t, l)
	})
}

func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	create(b, &Folder{Dir: dir})
	l := open(b, &Folder{Dir: dir})
	defer shut(b, l)
	const writers = 1024
	entries := many(b, 0, 20_000)
	next, took := 0, time.Duration(0)
	b.ResetTimer()
	for b.Loop() {
		if next+2000 > len(entries) {
			b.StopTimer()
			entries = append(entries, many(b, len(entries), len(entries)+20_000)...)
			b.StartTimer()
		}
		begun := time.Now()
		work := make(chan *audit.Entry)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for e := range work {
					if _, err := l.Append(context.Background(), e, nil); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for _, e := range entries[next : next+2000] {
			work <- e
		}
		close(work)
		wg.Wait()
		next += 2000
		took += time.Since(begun)
	}
	b.ReportMetric(float64(next)/took.Seconds(), "entries/s")
}
