package gitrepo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// makeIndex writes a pack index of these names, the i-th at offset i*step.
func makeIndex(names [][]byte, step uint64) []byte {
	var b bytes.Buffer
	b.WriteString(idxHeader)
	at := 0
	for first := range 256 {
		for at < len(names) && int(names[at][0]) <= first {
			at++
		}
		_ = binary.Write(&b, binary.BigEndian, uint32(at))
	}
	for _, name := range names {
		b.Write(name)
	}
	b.Write(make([]byte, 4*len(names)))
	var large []uint64
	for i := range names {
		offset := uint64(i) * step
		if offset >= 1<<31 {
			_ = binary.Write(&b, binary.BigEndian, uint32(1<<31|len(large)))
			large = append(large, offset)
			continue
		}
		_ = binary.Write(&b, binary.BigEndian, uint32(offset))
	}
	_ = binary.Write(&b, binary.BigEndian, large)
	b.Write(make([]byte, idxTrailer))
	return b.Bytes()
}

func writeIndex(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pack.idx")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPackIndex: few first bytes, so that each has more names than a lookup reads at once.
func TestPackIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	var names [][]byte
	for i := range 3000 {
		name := make([]byte, sha1Size)
		for j := range name {
			name[j] = byte(random.IntN(256))
		}
		name[0] = []byte{0, 7, 255}[i%3]
		names = append(names, name)
	}
	slices.SortFunc(names, bytes.Compare)
	const step = 1 << 20 // the later ones need eight bytes
	content := makeIndex(names, step)
	x, err := openPackIndex(writeIndex(t, content))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if offset, ok, err := x.find(name); !ok || err != nil || offset != int64(i)*step {
			t.Fatalf("name %d: offset %d, found %v, error %v", i, offset, ok, err)
		}
		near := slices.Clone(name)
		near[sha1Size-1] ^= 1
		if _, ok, err := x.find(near); ok || err != nil {
			t.Fatalf("near name %d: found %v, error %v", i, ok, err)
		}
	}
	for _, first := range []byte{1, 254} {
		if _, ok, err := x.find(bytes.Repeat([]byte{first}, sha1Size)); ok || err != nil {
			t.Errorf("found %v, error %v", ok, err)
		}
	}
	if err := x.close(); err != nil {
		t.Fatal(err)
	}

	change := func(at int, to ...byte) []byte {
		c := slices.Clone(content)
		copy(c[at:], to)
		return c
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut": content[:len(content)-8*len(names)], "too long": append(slices.Clone(content), make([]byte, 8*3000)...),
		"version 1": content[8:], "version 3": change(7, 3), "fan-out falls": change(8, 0xff), "too many objects": change(8+255*4, 0x7f, 0xff, 0xff, 0xff),
	} {
		if x, err := openPackIndex(writeIndex(t, bad)); !errors.Is(err, errIndex) || x != nil {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// An offset that points behind the table of large ones.
	table := int(idxNames) + 3000*(sha1Size+4)
	x, err = openPackIndex(writeIndex(t, change(table, 0xff, 0xff, 0xff, 0xff)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.find(names[0]); !errors.Is(err, errIndex) {
		t.Errorf("error %v", err)
	}
	_ = x.close()
}

// packEntry writes an entry's header and content.
func packEntry(kind plumbing.ObjectType, size int, base, content []byte) []byte {
	var b bytes.Buffer
	c := byte(kind)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	b.WriteByte(c)
	b.Write(base)
	z := zlib.NewWriter(&b)
	_, _ = z.Write(content)
	_ = z.Close()
	return b.Bytes()
}

// TestPackLimits: no entry, base or chain is inflated beyond what was asked for.
func TestPackLimits(t *testing.T) {
	open := func(entries ...[]byte) (*pack, []int64) {
		content := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01")
		var offsets []int64
		for _, e := range entries {
			offsets = append(offsets, int64(len(content)))
			content = append(content, e...)
		}
		path := writeIndex(t, content)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return &pack{path: path, file: f, entries: &entryReader{file: f}, bases: newCache[packOffset](1 << 20)}, offsets
	}
	blob := packEntry(plumbing.BlobObject, 5, nil, []byte("hello"))
	p, at := open(blob)
	if o, err := p.read(at[0], 5); err != nil || string(o.content) != "hello" || o.kind != plumbing.BlobObject {
		t.Errorf("%v, error %v", o, err)
	}
	if _, err := p.read(at[0], 4); !errors.Is(err, ErrTooLarge) { // from the cache
		t.Errorf("error %v", err)
	}
	p, at = open(blob)
	if _, err := p.read(at[0], 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	for name, bad := range map[string][]byte{
		"longer than it says":  packEntry(plumbing.BlobObject, 4, nil, []byte("hello")),
		"shorter than it says": packEntry(plumbing.BlobObject, 6, nil, []byte("hello")),
		"of type 0":            packEntry(0, 5, nil, []byte("hello")),
		"of type 5":            packEntry(5, 5, nil, []byte("hello")),
		"its own base":         packEntry(plumbing.OFSDeltaObject, 2, []byte{0}, []byte{1, 1}),
		"base before the pack": packEntry(plumbing.OFSDeltaObject, 2, []byte{0x7f}, []byte{1, 1}),
		"endless size":         bytes.Repeat([]byte{0xbf}, 20),
	} {
		p, at := open(bad)
		if o, err := p.read(at[0], 1<<20); !errors.Is(err, errPack) && err == nil || o.content != nil {
			t.Errorf("%s: %v, error %v", name, o, err)
		}
	}
	// A delta of a few bytes that makes a gigabyte: copy 64 KiB over and over.
	delta := []byte{5, 0x80, 0x80, 0x80, 0x80, 4}
	for range 1000 {
		delta = append(delta, 0x80)
	}
	p, at = open(blob, packEntry(plumbing.OFSDeltaObject, len(delta), []byte{byte(len(blob))}, delta))
	if _, err := p.read(at[1], 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	// A chain that is too long: each makes its base again.
	same := packEntry(plumbing.OFSDeltaObject, 4, []byte{0}, []byte{5, 5, 0x90, 5})
	entries := [][]byte{blob}
	for i := range maxDeltaDepth + 1 {
		back := len(same)
		if i == 0 {
			back = len(blob)
		}
		entries = append(entries, packEntry(plumbing.OFSDeltaObject, 4, []byte{byte(back)}, []byte{5, 5, 0x90, 5}))
	}
	p, at = open(entries...)
	if o, err := p.read(at[maxDeltaDepth], 5); err != nil || string(o.content) != "hello" {
		t.Errorf("%v, error %v", o, err)
	}
	p, at = open(entries...)
	if _, err := p.read(at[maxDeltaDepth+1], 5); !errors.Is(err, errPack) {
		t.Errorf("error %v", err)
	}
}

func FuzzPackEntry(f *testing.F) {
	f.Add(packEntry(plumbing.BlobObject, 5, nil, []byte("hello")))
	f.Add(packEntry(plumbing.OFSDeltaObject, 4, []byte{1}, []byte{5, 5, 0x90, 5}))
	f.Add(packEntry(plumbing.REFDeltaObject, 4, make([]byte, sha1Size), []byte{5, 5, 0x90, 5}))
	path := filepath.Join(f.TempDir(), "entry")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		r := &entryReader{file: file}
		e, err := r.header(0)
		if err != nil {
			if e != (entry{}) {
				t.Fatalf("error %v and %+v", err, e)
			}
			return
		}
		if e.size < 0 {
			t.Fatalf("size %d", e.size)
		}
		if e.size > 1<<20 {
			return
		}
		inflated, err := r.content(e.size)
		if err == nil && int64(len(inflated)) != e.size || err != nil && inflated != nil {
			t.Fatalf("%d bytes for %d, error %v", len(inflated), e.size, err)
		}
	})
}
