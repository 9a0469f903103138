package log_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
)

// TestReader: a walk meets each entry once, in either order and over any part, and each has a receipt that verifies.
func TestReader(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 255, 256, 257, 700, 5000} {
		l := logtest.Log(t, &logtest.Memory{})
		if _, err := l.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := logtest.Entries(t, 0, size)
		logtest.Append(t, l, all...)
		r, err := l.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][2]int{{0, size}, {size / 3, size - size/5}, {size - 1, size}, {size, size}, {0, 1}} {
			for _, lastFirst := range []bool{false, true} {
				var got []int64
				err := r.Walk(t.Context(), int64(part[0]), int64(part[1]), lastFirst, func(index int64, b []byte) error {
					got = append(got, index)
					e, err := audit.Parse(b)
					if err != nil || e.ID != all[index].ID {
						t.Fatalf("entry %d is another one: %v", index, err)
					}
					if size > 700 && index%97 != 0 {
						return nil
					}
					receipt, err := r.Receipt(t.Context(), index, b)
					if err != nil {
						t.Fatal(err)
					}
					if one, err := l.Receipt(t.Context(), index); err != nil || !bytes.Equal(receipt.Encode(), one.Encode()) {
						t.Fatalf("the receipt of entry %d of %d is another one than by itself: %v", index, size, err)
					}
					if _, _, err := log.OpenReceipt(receipt.Encode(), l.Verifier); err != nil {
						t.Fatal(err)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if lastFirst {
					slices.Reverse(got)
				}
				if len(got) != part[1]-part[0] || len(got) > 0 && (got[0] != int64(part[0]) || !slices.IsSorted(got)) {
					t.Errorf("of %d entries, %v, last first %v: met %d", size, part, lastFirst, len(got))
				}
			}
		}
		if err := r.Walk(t.Context(), 0, int64(size)+1, false, nil); err == nil {
			t.Error("a walk beyond the end")
		}
		stop := errors.New("enough")
		if err := r.Walk(t.Context(), 0, int64(size), true, func(int64, []byte) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("stopped with %v", err)
		}
		if _, err := r.Receipt(t.Context(), 0, []byte("other")); !errors.Is(err, log.ErrCorrupt) {
			t.Errorf("a receipt of what is not in the log: %v", err)
		}
	}
}

// TestReaderAltered: a walk does not go past an entry that was altered, and gives none of its bundle.
func TestReaderAltered(t *testing.T) {
	t.Parallel()
	store := &logtest.Memory{}
	l := logtest.Log(t, store)
	if _, err := l.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, l, logtest.Entries(t, 0, 600)...)
	store.Files["tile/entries/001"] = bytes.Replace(store.Files["tile/entries/001"], []byte("agent.coder"), []byte("agent.other"), 1)
	r, err := l.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	err = r.Walk(t.Context(), 0, 600, false, func(index int64, _ []byte) error { last = index; return nil })
	if !errors.Is(err, log.ErrCorrupt) || last >= 256 {
		t.Errorf("walked up to %d, %v", last, err)
	}
}

// TestReaderMeanwhile: what a writer takes away while somebody reads is found in what it became, and a log that was
// exchanged meanwhile is no such thing.
func TestReaderMeanwhile(t *testing.T) {
	t.Parallel()
	for _, fork := range []bool{false, true} {
		store := &live{}
		l := logtest.Log(t, store)
		if _, err := l.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		logtest.Append(t, l, logtest.Entries(t, 0, 300)...)
		r, err := l.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		from := 300
		if fork {
			*store = live{}
			if _, err := l.Create(t.Context()); err != nil {
				t.Fatal(err)
			}
			from = 1
		}
		logtest.Append(t, l, logtest.Entries(t, from, 700)...)
		count := 0
		err = r.Walk(t.Context(), 0, 300, true, func(int64, []byte) error { count++; return nil })
		if fork && !errors.Is(err, log.ErrForked) || !fork && (err != nil || count != 300 || r.Checkpoint().Size != 700) {
			t.Errorf("fork %v: %d entries, %v, by a checkpoint of %d", fork, count, err, r.Checkpoint().Size)
		}
	}
}

// live is a store whose views are of what is there when they read, as those of a folder.
type live struct{ logtest.Memory }

func (s *live) Look(ctx context.Context) (log.View, error) {
	if _, err := s.Memory.Look(ctx); err != nil {
		return nil, err
	}
	return liveView{s}, nil
}

func (s *live) Commit(ctx context.Context, base log.View, change log.Change) error {
	if base == nil {
		return s.Memory.Commit(ctx, nil, change)
	}
	now, err := s.Memory.Look(ctx)
	if err != nil {
		return err
	}
	return s.Memory.Commit(ctx, now, change)
}

type liveView struct{ store *live }

func (v liveView) Read(_ context.Context, paths []string) ([][]byte, error) {
	files := maps.Clone(v.store.Files)
	out := make([][]byte, len(paths))
	for i, p := range paths {
		out[i] = files[p]
	}
	return out, nil
}

func BenchmarkWalk(b *testing.B) {
	l := logtest.Log(b, &logtest.Memory{})
	if _, err := l.Create(b.Context()); err != nil {
		b.Fatal(err)
	}
	logtest.Append(b, l, logtest.Entries(b, 0, 10_000)...)
	for _, receipts := range []bool{false, true} {
		b.Run(fmt.Sprintf("receipts=%v", receipts), func(b *testing.B) {
			for b.Loop() {
				r, err := l.Read(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				err = r.Walk(b.Context(), 0, 10_000, true, func(index int64, entry []byte) error {
					if receipts {
						_, err := r.Receipt(b.Context(), index, entry)
						return err
					}
					_, err := audit.Parse(entry)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
