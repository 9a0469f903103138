package gitrepo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
)

// The layout of a pack index, version 2 (gitformat-pack): header, fan-out table, sorted names,
// checksums, offsets of four bytes, offsets of eight bytes for those that need them, two hashes.
const (
	idxHeader  = "\377tOc\x00\x00\x00\x02"
	idxFanout  = int64(len(idxHeader))
	idxNames   = idxFanout + 256*4
	idxTrailer = 2 * sha1Size
	idxWindow  = 256 // names that a lookup reads at once
)

// packIndex finds objects in a pack without loading the index: a lookup reads a few kilobytes,
// however long the history is. go-git's own index loads, hashes and inverts all of it, which
// costs more than judging a hundred commits does.
type packIndex struct {
	file   *os.File
	size   int64
	fanout [256]uint32
	window [idxWindow * sha1Size]byte
}

var errIndex = errors.New("malformed pack index")

func openPackIndex(path string) (*packIndex, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	x := &packIndex{file: f}
	if err := x.readHeader(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return x, nil
}

func (x *packIndex) readHeader() error {
	info, err := x.file.Stat()
	if err != nil {
		return err
	}
	x.size = info.Size()
	var head [idxNames]byte
	if err := x.read(head[:], 0); err != nil {
		return err
	}
	if string(head[:idxFanout]) != idxHeader {
		return fmt.Errorf("%w: it is not of version 2 (git repack -ad writes one that is)", errIndex)
	}
	for i := range x.fanout {
		x.fanout[i] = binary.BigEndian.Uint32(head[idxFanout+int64(i)*4:])
		if i > 0 && x.fanout[i] < x.fanout[i-1] {
			return fmt.Errorf("%w: its fan-out table falls", errIndex)
		}
	}
	least := idxNames + x.count()*(sha1Size+4+4) + idxTrailer
	if x.size < least || x.size > least+x.count()*8 {
		return fmt.Errorf("%w: %d bytes do not fit %d objects", errIndex, x.size, x.count())
	}
	return nil
}

func (x *packIndex) count() int64 { return int64(x.fanout[255]) }

// find returns the object's offset in the pack.
func (x *packIndex) find(id []byte) (offset int64, ok bool, err error) {
	names, first, err := x.names(id)
	if err != nil {
		return 0, false, err
	}
	at := func(i int) []byte { return names[i*sha1Size : (i+1)*sha1Size] }
	count := len(names) / sha1Size
	i := sort.Search(count, func(i int) bool { return bytes.Compare(at(i), id) >= 0 })
	if i == count || !bytes.Equal(at(i), id) {
		return 0, false, nil
	}
	offset, err = x.offset(first + int64(i))
	return offset, err == nil, err
}

// names returns a run of names among which id is if it is anywhere, and the position of the first.
// It is good until the next call.
func (x *packIndex) names(id []byte) (names []byte, first int64, err error) {
	low, high := int64(0), int64(x.fanout[id[0]])
	if id[0] > 0 {
		low = int64(x.fanout[id[0]-1])
	}
	for high-low > idxWindow {
		middle := low + (high-low)/2
		name := x.window[:sha1Size]
		if err := x.read(name, idxNames+middle*sha1Size); err != nil {
			return nil, 0, err
		}
		if bytes.Compare(name, id) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	names = x.window[:(high-low)*sha1Size]
	return names, low, x.read(names, idxNames+low*sha1Size)
}

// read fills p from an offset of the file.
func (x *packIndex) read(p []byte, offset int64) error {
	if _, err := x.file.ReadAt(p, offset); err != nil {
		return fmt.Errorf("%w: %w", errIndex, err)
	}
	return nil
}

// offset returns the pack offset of the object with this position in the index.
func (x *packIndex) offset(position int64) (int64, error) {
	const large = 1 << 31
	var buf [8]byte
	table := idxNames + x.count()*(sha1Size+4)
	if err := x.read(buf[:4], table+position*4); err != nil {
		return 0, err
	}
	offset := int64(binary.BigEndian.Uint32(buf[:4]))
	if offset&large == 0 {
		return offset, nil
	}
	at := table + x.count()*4 + (offset&^large)*8
	if at > x.size-idxTrailer-8 {
		return 0, fmt.Errorf("%w: an offset lies outside of it", errIndex)
	}
	if err := x.read(buf[:], at); err != nil {
		return 0, err
	}
	wide := binary.BigEndian.Uint64(buf[:])
	if wide >= 1<<62 {
		return 0, fmt.Errorf("%w: an offset is too large", errIndex)
	}
	return int64(wide), nil
}

func (x *packIndex) close() error { return x.file.Close() }
