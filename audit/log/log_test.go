package log_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
)

// begun is a new log with so many entries, appended in batches.
func begun(t testing.TB, batches ...int) (*log.Log, *logtest.Memory) {
	t.Helper()
	store := &logtest.Memory{}
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, size := range batches {
		logtest.Append(t, l, logtest.Entries(t, n, n+size)...)
		n += size
	}
	return l, store
}

func encoded(t testing.TB, e *audit.Entry) []byte {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The files are those of C2SP tlog-tiles, whatever the sizes of the batches, and every size of the log verifies.
func TestAppend(t *testing.T) {
	one, all := begun(t, 700)
	several, parts := begun(t, 1, 1, 254, 1, 255, 100, 88)
	if !maps.EqualFunc(all.Files, parts.Files, bytes.Equal) {
		t.Errorf("the log depends on its batches: %q and %q", keys(all), keys(parts))
	}
	logtest.Sound(t, one, 700)
	logtest.Sound(t, several, 700)
	var tiles []string
	for _, p := range keys(all) {
		if !strings.HasPrefix(p, "index/") {
			tiles = append(tiles, p)
		}
	}
	want := []string{
		"checkpoint", "key", "tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2",
		"tile/entries/000", "tile/entries/001", "tile/entries/002.p/188",
	}
	if !slices.Equal(tiles, want) {
		t.Errorf("files: %q", tiles)
	}
	// By hand, from the specification: two bytes of length, then the entry; and the leaf's hash.
	first := encoded(t, logtest.Entry(t, 0, ""))
	bundle := all.Files["tile/entries/000"]
	if int(bundle[0])<<8|int(bundle[1]) != len(first) || !bytes.HasPrefix(bundle[2:], first) {
		t.Errorf("the bundle begins %q", bundle[:20])
	}
	if h := tlog.RecordHash(first); !bytes.HasPrefix(all.Files["tile/0/000"], h[:]) {
		t.Error("the tile does not begin with the hash of the first entry")
	}
}

func keys(m *logtest.Memory) []string { return slices.Sorted(maps.Keys(m.Files)) }

func TestEveryEntryIsFoundAndProven(t *testing.T) {
	l, _ := begun(t, 300, 5)
	for _, n := range []int{0, 1, 255, 256, 299, 300, 304} {
		e := logtest.Entry(t, n, "")
		at, err := l.Find(t.Context(), e.ID)
		if err != nil || !slices.Equal(at, []int64{int64(n)}) {
			t.Errorf("entry %d is at %v, %v", n, at, err)
		}
		b, err := l.Entry(t.Context(), int64(n))
		if err != nil || !bytes.Equal(b, encoded(t, e)) {
			t.Errorf("entry %d: %v", n, err)
		}
	}
	if at, err := l.Find(t.Context(), logtest.Entry(t, 305, "").ID); err != nil || len(at) != 0 {
		t.Errorf("what is not there is at %v, %v", at, err)
	}
	if _, err := l.Find(t.Context(), "x"); err == nil {
		t.Error("what is no identity was looked for")
	}
	for _, n := range []int64{-1, 305} {
		if b, err := l.Entry(t.Context(), n); err == nil || b != nil {
			t.Errorf("entry %d was read", n)
		}
	}
}

// What is sent again is not appended again; what has the same identity and says something else is, and both are named.
func TestAppendKnowsEntries(t *testing.T) {
	l, _ := begun(t, 3)
	got, c := logtest.Append(t, l, logtest.Entry(t, 1, ""), logtest.Entry(t, 3, ""), logtest.Entry(t, 3, ""), logtest.Entry(t, 1, "squatted"), logtest.Entry(t, 3, "too"))
	want := []log.Appended{{Index: 1, Again: true}, {Index: 3}, {Index: 3, Again: true}, {Index: 4, Others: []int64{1}}, {Index: 5, Others: []int64{3}}}
	if fmt.Sprint(got) != fmt.Sprint(want) || c.Size != 6 {
		t.Errorf("got  %+v, size %d\nwant %+v", got, c.Size, want)
	}
	before := c
	got, c = logtest.Append(t, l, logtest.Entry(t, 1, ""), logtest.Entry(t, 1, "squatted"))
	if want := []log.Appended{{Index: 1, Again: true, Others: []int64{4}}, {Index: 4, Again: true, Others: []int64{1}}}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent again: %+v, want %+v", got, want)
	}
	if c.Size != before.Size || c.Hash != before.Hash {
		t.Error("what was there already changed the log")
	}
	logtest.Sound(t, l, 6)
	v, err := l.Verify(t.Context())
	if err != nil || len(v.Same) != 2 || !v.Same[0].Differ || !v.Same[1].Differ {
		t.Errorf("verify names %+v, %v", v.Same, err)
	}
	if at, err := l.Find(t.Context(), logtest.Entry(t, 1, "").ID); err != nil || !slices.Equal(at, []int64{1, 4}) {
		t.Errorf("both are at %v, %v", at, err)
	}
	if got, _ := logtest.Append(t, l); len(got) != 0 {
		t.Error("nothing was appended")
	}
}

// Who vouches for an entry is kept beside one for which nobody did, and they do not contradict each other.
func TestVouchedForLater(t *testing.T) {
	l, _ := begun(t, 2)
	vouched := logtest.Entry(t, 1, "")
	vouched.Attestation = audit.Attestation{Kind: "hook", By: "x"}
	untrue := logtest.Entry(t, 1, "not true")
	untrue.Attestation = vouched.Attestation
	got, _ := logtest.Append(t, l, vouched, untrue)
	if want := []log.Appended{{Index: 2}, {Index: 3, Others: []int64{1, 2}}}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	v, err := l.Verify(t.Context())
	if err != nil || !v.OK() || len(v.Same) != 1 || !v.Same[0].Differ || len(v.Same[0].Indexes) != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	l, _ = begun(t, 2)
	logtest.Append(t, l, vouched)
	if v, err := l.Verify(t.Context()); err != nil || len(v.Same) != 1 || v.Same[0].Differ {
		t.Errorf("%+v, %v", v, err)
	}
}

// A log that is not there is never begun but by Create, and Create never makes a second one.
func TestAMissingLogIsNotBegun(t *testing.T) {
	store := &logtest.Memory{}
	l := logtest.Log(t, store)
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 1, "")); !errors.Is(err, log.ErrMissing) {
		t.Errorf("appending: %v", err)
	}
	if _, err := l.Verify(t.Context()); !errors.Is(err, log.ErrMissing) {
		t.Errorf("verifying: %v", err)
	}
	if _, err := l.Checkpoint(t.Context()); !errors.Is(err, log.ErrMissing) {
		t.Errorf("reading: %v", err)
	}
	if len(store.Files) != 0 {
		t.Errorf("files were made: %q", keys(store))
	}
	c, err := l.Create(t.Context())
	if err != nil || c.Size != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	logtest.Sound(t, l, 0)
	logtest.Append(t, l, logtest.Entry(t, 1, ""))
	if _, err := l.Create(t.Context()); !errors.Is(err, log.ErrExist) {
		t.Errorf("creating it again: %v", err)
	}
	logtest.Sound(t, l, 1)
	delete(store.Files, "checkpoint")
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 2, "")); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("appending without a checkpoint: %v", err)
	}
}

func TestOnlyTheLogsKeyAppends(t *testing.T) {
	l, store := begun(t, 2)
	before := maps.Clone(store.Files)
	other, err := log.NewSigner(logtest.Origin, logtest.Key(t, "another"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := log.NewSigner("github.com/acme/other/audit", logtest.Key(t, "log"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]note.Signer{"none": nil, "another key": other, "another log's name": elsewhere} {
		l.Signer = s
		if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 5, "")); err == nil {
			t.Errorf("%s: it was appended", name)
		}
	}
	if !maps.EqualFunc(before, store.Files, bytes.Equal) {
		t.Error("the log was changed")
	}
	if _, _, err := (&log.Log{}).Append(t.Context(), nil, logtest.Entry(t, 5, "")); err == nil {
		t.Error("the zero log was appended to")
	}
	var bad audit.Entry
	if _, _, err := logtest.Log(t, store).Append(t.Context(), nil, &bad); err == nil {
		t.Error("an entry that says nothing was appended")
	}
}

// Writers at once lose nothing and keep nothing twice.
func TestWritersAtOnce(t *testing.T) {
	l, _ := begun(t)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			for try := 0; ; try++ {
				_, _, err := l.Append(t.Context(), nil, logtest.Entry(t, i, ""), logtest.Entry(t, 100, ""))
				if err == nil {
					return
				}
				if !errors.Is(err, log.ErrConflict) || try == 50 {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	logtest.Sound(t, l, 11)
}

func TestPins(t *testing.T) {
	l, store := begun(t, 5)
	early, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	backup := maps.Clone(store.Files)
	logtest.Append(t, l, logtest.Entries(t, 5, 300)...)
	late, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proof, now, err := l.Consistency(t.Context(), early)
	if err != nil || tlog.CheckTree(proof, now.Size, now.Hash, early.Size, early.Hash) != nil {
		t.Errorf("the proof of consistency: %v", err)
	}
	l.Pins = []log.Checkpoint{early, late}
	logtest.Append(t, l, logtest.Entry(t, 300, ""))
	logtest.Sound(t, l, 301)

	// Rolled back, as by a forced push: whoever has no pin cannot see it.
	store.Files = maps.Clone(backup)
	blind := logtest.Log(t, store)
	logtest.Sound(t, blind, 5)
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 301, "")); !errors.Is(err, log.ErrRolledBack) {
		t.Errorf("appending to a log that was rolled back: %v", err)
	}
	faulty(t, l, log.RolledBack, "checkpoint", -1)

	// And grown again: another history.
	logtest.Append(t, blind, logtest.Entries(t, 1000, 1400)...)
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 301, "")); !errors.Is(err, log.ErrForked) {
		t.Errorf("appending to a fork: %v", err)
	}
	faulty(t, l, log.Forked, "checkpoint", -1)
	logtest.Sound(t, blind, 405)
	blind.Pins = []log.Checkpoint{early} // which both continue
	logtest.Sound(t, blind, 405)

	other := early
	other.Origin = "github.com/acme/other/audit"
	blind.Pins = []log.Checkpoint{other}
	if _, err := blind.Checkpoint(t.Context()); !errors.Is(err, log.ErrForked) {
		t.Errorf("a pin of another log: %v", err)
	}
}

// faulty checks that verifying finds a fault of a kind, in a file, of an entry.
func faulty(t testing.TB, l *log.Log, kind log.Kind, path string, index int64) {
	t.Helper()
	v, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(v.Faults, func(f log.Fault) bool { return f.Kind == kind && f.Path == path && f.Index == index }) {
		t.Errorf("no fault %s of entry %d in %q, but %+v", kind, index, path, v.Faults)
	}
}

// splice takes entries of a bundle out and puts others in.
func splice(t testing.TB, bundle []byte, change func([][]byte) [][]byte) []byte {
	t.Helper()
	var list [][]byte
	for b := bundle; len(b) > 0; {
		n := int(b[0])<<8 | int(b[1])
		list, b = append(list, b[2:2+n]), b[2+n:]
	}
	var out []byte
	for _, e := range change(list) {
		out = append(out, byte(len(e)>>8), byte(len(e)))
		out = append(out, e...)
	}
	return out
}

// Whatever is done to the files, verifying says to which file and which entry.
func TestVerifyAccuses(t *testing.T) {
	l, store := begun(t, 600)
	sound := maps.Clone(store.Files)
	const first, last = "tile/entries/000", "tile/entries/002.p/88"
	for name, c := range map[string]struct {
		harm  func()
		kind  log.Kind
		path  string
		index int64
	}{
		"an entry altered": {func() {
			store.Files[first] = bytes.Replace(sound[first], []byte("coder"), []byte("codex"), 1)
		}, log.Altered, first, 0},
		"an entry of the last bundle altered": {func() {
			store.Files[last] = splice(t, sound[last], func(e [][]byte) [][]byte {
				e[7] = bytes.Replace(e[7], []byte("coder"), []byte("codex"), 1)
				return e
			})
		}, log.Altered, last, 519},
		"an entry replaced by another": {func() {
			store.Files[first] = splice(t, sound[first], func(e [][]byte) [][]byte { e[9] = encoded(t, logtest.Entry(t, 7777, "")); return e })
		}, log.Altered, first, 9},
		"two entries exchanged": {func() {
			store.Files[first] = splice(t, sound[first], func(e [][]byte) [][]byte { e[3], e[4] = e[4], e[3]; return e })
		}, log.Moved, first, 3},
		"an entry taken out": {func() {
			store.Files[first] = splice(t, sound[first], func(e [][]byte) [][]byte { return append(e[:3:3], e[4:]...) })
		}, log.Lost, first, 3},
		"the last entry taken out": {func() {
			store.Files[last] = splice(t, sound[last], func(e [][]byte) [][]byte { return e[:87] })
		}, log.Lost, last, 599},
		"a bundle taken away":    {func() { delete(store.Files, first) }, log.BadBundle, first, -1},
		"a bundle cut":           {func() { store.Files[first] = sound[first][:1000] }, log.BadBundle, first, -1},
		"a tile altered":         {func() { store.Files["tile/0/001"] = flipped(sound["tile/0/001"], 40) }, log.BadTile, "tile/0/001", -1},
		"a tile above altered":   {func() { store.Files["tile/1/000.p/2"] = flipped(sound["tile/1/000.p/2"], 0) }, log.BadTile, "tile/1/000.p/2", -1},
		"the last tile altered":  {func() { store.Files["tile/0/002.p/88"] = flipped(sound["tile/0/002.p/88"], 0) }, log.BadTile, "tile/0/002.p/88", -1},
		"a tile cut":             {func() { store.Files["tile/0/000"] = sound["tile/0/000"][:64] }, log.BadTile, "tile/0/000", -1},
		"a tile taken away":      {func() { delete(store.Files, "tile/0/000") }, log.BadTile, "tile/0/000", -1},
		"a tile above taken":     {func() { delete(store.Files, "tile/1/000.p/2") }, log.BadTile, "tile/1/000.p/2", -1},
		"the checkpoint altered": {func() { store.Files["checkpoint"] = flipped(sound["checkpoint"], 30) }, log.BadCheckpoint, "checkpoint", -1},
		"the checkpoint taken":   {func() { delete(store.Files, "checkpoint") }, log.BadCheckpoint, "checkpoint", -1},
		"an entry and its tile": {func() {
			e := encoded(t, logtest.Entry(t, 7777, ""))
			store.Files[first] = splice(t, sound[first], func(list [][]byte) [][]byte { list[9] = e; return list })
			h := tlog.RecordHash(e)
			store.Files["tile/0/000"] = slices.Concat(sound["tile/0/000"][:9*32], h[:], sound["tile/0/000"][10*32:])
		}, log.BadTile, "tile/0/000", -1},
		"all but the checkpoint": {func() {
			fork, files := begun(t)
			logtest.Append(t, fork, append([]*audit.Entry{logtest.Entry(t, 7777, "")}, logtest.Entries(t, 1, 600)...)...)
			store.Files = maps.Clone(files.Files)
			store.Files["checkpoint"] = sound["checkpoint"]
		}, log.Rewritten, "checkpoint", -1},
		"the index taken away": {func() { delete(store.Files, indexOf(t, 3)) }, log.BadIndex, indexOf(t, 3), -1},
		"the index altered":    {func() { store.Files[indexOf(t, 3)] = flipped(sound[indexOf(t, 3)], 2) }, log.BadIndex, indexOf(t, 3), -1},
	} {
		t.Run(name, func(t *testing.T) {
			store.Files = maps.Clone(sound)
			c.harm()
			faulty(t, l, c.kind, c.path, c.index)
		})
	}
	store.Files = maps.Clone(sound)
	logtest.Sound(t, l, 600)
}

func flipped(b []byte, at int) []byte {
	out := bytes.Clone(b)
	out[at] ^= 1
	return out
}

func indexOf(t testing.TB, n int) string {
	hex := strings.TrimPrefix(logtest.Entry(t, n, "").ID, "sha256:")
	return "index/" + strings.Join(strings.Split(hex[:4], ""), "/")
}

// Any byte of any file: verifying names the file, and appending never builds on it.
func TestAnyByte(t *testing.T) {
	l, store := begun(t, 2, 1)
	e, bundle := logtest.Delegated(t, 3)
	if err := appendWith(t, l, [][]byte{bundle}, e); err != nil {
		t.Fatal(err)
	}
	sound := maps.Clone(store.Files)
	for path, content := range sound {
		for at := range content {
			for _, mask := range []byte{1, 0x20, 0x80} {
				store.Files = maps.Clone(sound)
				store.Files[path] = bytes.Clone(content)
				store.Files[path][at] ^= mask
				v, err := l.Verify(t.Context())
				if err != nil || !slices.ContainsFunc(v.Faults, func(f log.Fault) bool { return f.Path == path }) {
					t.Fatalf("byte %d of %s with mask %x: %+v, %v", at, path, mask, v, err)
				}
				if proves := strings.HasPrefix(path, "tile/") || path == "checkpoint"; !proves || at%16 != 0 {
					continue
				}
				if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 9, "")); err == nil {
					t.Fatalf("byte %d of %s with mask %x: it was appended to", at, path, mask)
				}
			}
		}
	}
}

// What a writer left that was stopped before its checkpoint is no fault, and is not taken for an entry.
func TestStoppedBeforeTheCheckpoint(t *testing.T) {
	l, store := begun(t, 3)
	sound := maps.Clone(store.Files)
	logtest.Append(t, l, logtest.Entry(t, 3, "stopped"), logtest.Entry(t, 4, "stopped"))
	left := maps.Clone(store.Files)
	maps.Copy(left, sound) // the old checkpoint and what it needs, beside the new files
	for p, b := range store.Files {
		if strings.HasPrefix(p, "index/") {
			left[p] = b
		}
	}
	store.Files = left
	logtest.Sound(t, l, 3)
	got, _ := logtest.Append(t, l, logtest.Entry(t, 5, ""))
	if got[0].Index != 3 || got[0].Again || len(got[0].Others) != 0 {
		t.Errorf("%+v", got)
	}
	got, _ = logtest.Append(t, l, logtest.Entry(t, 3, "stopped"), logtest.Entry(t, 4, ""))
	if fmt.Sprint(got) != fmt.Sprint([]log.Appended{{Index: 4}, {Index: 5}}) {
		t.Errorf("sent again: %+v", got)
	}
	logtest.Sound(t, l, 6)
}

// A log whose index was taken away grows on; what is appended twice then is named.
func TestWithoutAnIndex(t *testing.T) {
	l, store := begun(t, 3)
	maps.DeleteFunc(store.Files, func(p string, _ []byte) bool { return strings.HasPrefix(p, "index/") })
	got, _ := logtest.Append(t, l, logtest.Entry(t, 1, ""))
	if got[0].Again || got[0].Index != 3 {
		t.Errorf("%+v", got)
	}
	v, err := l.Verify(t.Context())
	if err != nil || len(v.Same) != 1 || v.Same[0].Differ {
		t.Errorf("%+v, %v", v, err)
	}
}

// Random batches, with things sent again, against a plain list.
func TestAgainstAList(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 7))
		l, _ := begun(t)
		var list [][]byte
		for range 15 {
			var batch []*audit.Entry
			for range rng.IntN(80) {
				batch = append(batch, logtest.Entry(t, rng.IntN(1200), []string{"", "x"}[rng.IntN(2)]))
			}
			got, c := logtest.Append(t, l, batch...)
			for i, e := range batch {
				b := encoded(t, e)
				at := slices.IndexFunc(list, func(have []byte) bool { return bytes.Equal(have, b) })
				if again := at >= 0; again != got[i].Again {
					t.Fatalf("seed %d: again %v, want %v", seed, got[i].Again, again)
				}
				if at < 0 {
					at, list = len(list), append(list, b)
				}
				if got[i].Index != int64(at) {
					t.Fatalf("seed %d: at %d, want %d", seed, got[i].Index, at)
				}
			}
			if c.Size != int64(len(list)) {
				t.Fatalf("seed %d: size %d, want %d", seed, c.Size, len(list))
			}
		}
		logtest.Sound(t, l, int64(len(list)))
		for i, want := range list {
			if b, err := l.Entry(t.Context(), int64(i)); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("seed %d: entry %d: %v", seed, i, err)
			}
		}
	}
}

// Benchmarks of the log itself, in memory. The time of an append should not depend on the log's size; that of verifying
// should be the same for each entry.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{0, 1000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, _ := begun(b, size)
			for n := size; b.Loop(); n++ {
				logtest.Append(b, l, logtest.Entry(b, n, ""))
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, _ := begun(b, size)
			for b.Loop() {
				logtest.Sound(b, l, int64(size))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/entry")
		})
	}
}

// counting counts how often something is read.
type counting struct {
	log.Store
	reads int
}

type countingView struct {
	log.View
	store *counting
}

func (c *counting) Look(ctx context.Context) (log.View, error) {
	v, err := c.Store.Look(ctx)
	return countingView{v, c}, err
}

func (v countingView) Read(ctx context.Context, paths []string) ([][]byte, error) {
	v.store.reads++
	return v.View.Read(ctx, paths)
}

func (c *counting) Commit(ctx context.Context, base log.View, change log.Change) error {
	if v, ok := base.(countingView); ok {
		base = v.View
	}
	return c.Store.Commit(ctx, base, change)
}

// Whatever the log's size, an append reads the checkpoint, and then all that it needs at once: behind a server each of
// the two is a request.
func TestAppendReadsTwice(t *testing.T) {
	store := &counting{Store: &logtest.Memory{}}
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, size := range []int{1, 254, 1, 1, 255, 700} { // 0, 1, 255, 256, 257 and 512 entries before them
		store.reads = 0
		logtest.Append(t, l, logtest.Entries(t, n, n+size)...)
		if store.reads != 2 {
			t.Errorf("appending to %d entries reads %d times", n, store.reads)
		}
		n += size
	}
	logtest.Sound(t, l, int64(n))
}
