package gitbranch

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/atomicfile"
)

// The objects of a commit are kept as one pack, of which two files are saved and not one for each object: on a disk
// that takes a millisecond to save a file that is what an append costs. So that packs do not pile up, which makes every
// git slower, so many of one size become one of the next; the largest are left to git's own house-keeping. Which packs
// are ours is only noted, and what is not noted is left alone.
const (
	packsTogether = 16 // of one size, that become one of the next
	packSizes     = 2  // that are put together; larger ones are left alone
	maxPack       = 64 << 20
	maxPackList   = 64 << 10
)

// ownPack is a pack that an append, or putting packs together, has made.
type ownPack struct {
	size int // 0: of one append
	name string
}

func (s *Store) packFolder() string { return filepath.Join(s.common, "objects", "pack") }

// keepPack has git keep a pack, saves it and returns its name.
func (s *Store) keepPack(ctx context.Context, pack []byte) (string, error) {
	out, err := s.run(ctx, bytes.NewReader(pack), "-c", "pack.writeReverseIndex=false", "index-pack", "--stdin")
	if err != nil {
		return "", err
	}
	_, name, ok := strings.Cut(strings.TrimSpace(out), "\t")
	if !ok || len(name) != len(s.none) || strings.Trim(name, "0123456789abcdef") != "" {
		return "", fmt.Errorf("git index-pack answers %q", out)
	}
	return name, atomicfile.SyncFolder(s.packFolder())
}

// packList is the file in which it is noted which packs are ours.
func (s *Store) packList() string {
	return filepath.Join(s.common, "objects", "info", "remit-audit-packs")
}

func (s *Store) ownPacks() []ownPack {
	f, err := os.Open(s.packList())
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read from
	b, err := io.ReadAll(io.LimitReader(f, maxPackList))
	if err != nil {
		return nil
	}
	var out []ownPack
	for line := range strings.Lines(string(b)) {
		size, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.Atoi(size)
		if err == nil && n >= 0 && n < packSizes && len(name) == len(s.none) && strings.Trim(name, "0123456789abcdef") == "" {
			out = append(out, ownPack{n, name})
		}
	}
	return out
}

// notePacks is not saved: what is lost of it leaves packs to git's own house-keeping.
func (s *Store) notePacks(packs []ownPack) error {
	var b strings.Builder
	for _, p := range packs {
		fmt.Fprintf(&b, "%d %s\n", p.size, p.name)
	}
	temp := fmt.Sprintf("%s.%d", s.packList(), os.Getpid())
	if err := os.WriteFile(temp, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, s.packList())
}

// tidy notes a pack that was just made, and puts packs together where there are enough of one size. The log is whole
// whatever comes of it.
func (s *Store) tidy(ctx context.Context, made string) error {
	packs := append(s.ownPacks(), ownPack{0, made})
	for size := range packSizes {
		var some, rest []ownPack
		for _, p := range packs {
			if p.size == size {
				some = append(some, p)
			} else {
				rest = append(rest, p)
			}
		}
		if len(some) < packsTogether {
			continue
		}
		name, err := s.together(ctx, some)
		if err != nil {
			return err
		}
		if packs = rest; name != "" && size+1 < packSizes {
			packs = append(packs, ownPack{size + 1, name})
		}
	}
	return s.notePacks(packs)
}

// together makes one pack of several, takes these away and returns its name; "" where there is nothing to do.
func (s *Store) together(ctx context.Context, packs []ownPack) (string, error) {
	// An index over many packs names those that it is of: whoever made it looks after them.
	if _, err := os.Lstat(filepath.Join(s.packFolder(), "multi-pack-index")); err == nil {
		return "", nil
	}
	w := &writing{store: s}
	seen := map[string]bool{}
	var read []ownPack
	total := 0
	for _, p := range packs {
		path := filepath.Join(s.packFolder(), "pack-"+p.name)
		if _, err := os.Lstat(path + ".keep"); err == nil {
			continue
		}
		b, err := os.ReadFile(path + ".pack")
		if errors.Is(err, os.ErrNotExist) {
			continue // git has put it together with others
		}
		if err != nil {
			return "", err
		}
		if total += len(b); total > maxPack {
			return "", nil
		}
		if err := w.addPack(b, seen); err != nil {
			return "", err
		}
		read = append(read, p)
	}
	if len(read) < 2 {
		return "", nil
	}
	name, err := s.keepPack(ctx, w.pack())
	if err != nil {
		return "", err
	}
	for _, p := range read {
		if p.name == name {
			continue
		}
		path := filepath.Join(s.packFolder(), "pack-"+p.name)
		for _, end := range []string{".idx", ".rev", ".pack"} { // without the first, nobody opens the last
			if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
				return name, err
			}
		}
	}
	return name, nil
}

// addPack adds the objects of a pack of ours, which has no deltas, as they stand in it.
func (w *writing) addPack(b []byte, seen map[string]bool) error {
	sum := w.store.hash()
	bad := errors.New("it is no pack of ours")
	if len(b) < 12+sum.Size() || !bytes.HasPrefix(b, []byte("PACK\x00\x00\x00\x02")) {
		return bad
	}
	count := binary.BigEndian.Uint32(b[8:])
	b = b[:len(b)-sum.Size()]
	at := 12
	for range count {
		begins := at
		if at >= len(b) {
			return bad
		}
		number, size, shift := b[at]>>4&7, int64(b[at]&0x0f), 4
		for at++; b[at-1]&0x80 != 0; at++ {
			if at >= len(b) || shift > 40 {
				return bad
			}
			size |= int64(b[at]&0x7f) << shift
			shift += 7
		}
		kinds := []string{packCommit: "commit", packTree: "tree", packBlob: "blob"}
		if int(number) >= len(kinds) || kinds[number] == "" || size > maxPack {
			return bad
		}
		id, used, err := w.inflated(b[at:], kinds[number], size)
		if err != nil {
			return err
		}
		at += used
		if !seen[id] {
			seen[id] = true
			w.objects, w.count = append(w.objects, slices.Clip(b[begins:at])), w.count+1
		}
	}
	if at != len(b) {
		return bad
	}
	return nil
}

// inflated is the id of the object whose compressed content some bytes begin with, and how many of them it takes.
func (w *writing) inflated(b []byte, kind string, size int64) (id string, used int, err error) {
	in := bytes.NewReader(b) // which reads single bytes, so that nothing is read beyond the end
	z, err := zlib.NewReader(in)
	if err != nil {
		return "", 0, err
	}
	h := w.store.hash()
	fmt.Fprintf(h, "%s %d\x00", kind, size)
	n, err := io.Copy(h, io.LimitReader(z, size+1))
	if err == nil {
		err = z.Close()
	}
	if err == nil && n != size {
		err = errors.New("an object of it has another size than it says")
	}
	return hex.EncodeToString(h.Sum(nil)), len(b) - in.Len(), err
}
