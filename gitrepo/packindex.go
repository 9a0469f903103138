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
	window [idxWindow * (sha1Size + 4)]byte
	kept   [256]idxRun // by first byte
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
	r, err := x.run(id)
	if err != nil {
		return 0, false, err
	}
	at := func(i int) []byte { return r.names[i*sha1Size : (i+1)*sha1Size] }
	count := len(r.names) / sha1Size
	i := sort.Search(count, func(i int) bool { return bytes.Compare(at(i), id) >= 0 })
	if i == count || !bytes.Equal(at(i), id) {
		return 0, false, nil
	}
	offset, err = x.offset(binary.BigEndian.Uint32(r.offsets[i*4:]))
	return offset, err == nil, err
}

// idxRun is a part of the sorted names, and what the table of offsets has for them.
type idxRun struct {
	names, offsets []byte
}

// run returns names among which id is if it is anywhere. Where all names with its first byte are
// few they are kept; else what it returns is good until the next call.
func (x *packIndex) run(id []byte) (idxRun, error) {
	if kept := x.kept[id[0]]; kept.names != nil {
		return kept, nil
	}
	low, high := int64(0), int64(x.fanout[id[0]])
	if id[0] > 0 {
		low = int64(x.fanout[id[0]-1])
	}
	keep := high-low <= idxWindow
	for high-low > idxWindow {
		middle := low + (high-low)/2
		name := x.window[:sha1Size]
		if err := x.read(name, idxNames+middle*sha1Size); err != nil {
			return idxRun{}, err
		}
		if bytes.Compare(name, id) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	space := x.window[:]
	if keep {
		space = make([]byte, (high-low)*(sha1Size+4))
	}
	names, offsets := (high-low)*sha1Size, (high-low)*4
	r := idxRun{space[:names], space[names : names+offsets]}
	if err := x.read(r.names, idxNames+low*sha1Size); err != nil {
		return idxRun{}, err
	}
	if err := x.read(r.offsets, idxNames+x.count()*(sha1Size+4)+low*4); err != nil {
		return idxRun{}, err
	}
	if keep {
		x.kept[id[0]] = r
	}
	return r, nil
}

// read fills p from an offset of the file.
func (x *packIndex) read(p []byte, offset int64) error {
	if _, err := x.file.ReadAt(p, offset); err != nil {
		return fmt.Errorf("%w: %w", errIndex, err)
	}
	return nil
}

// offset makes sense of what the table of offsets has for an object: the offset in the pack, or
// where in the second table it stands.
func (x *packIndex) offset(entry uint32) (int64, error) {
	const large = 1 << 31
	offset := int64(entry)
	if offset&large == 0 {
		return offset, nil
	}
	at := idxNames + x.count()*(sha1Size+4+4) + (offset&^large)*8
	if at > x.size-idxTrailer-8 {
		return 0, fmt.Errorf("%w: an offset lies outside of it", errIndex)
	}
	var buf [8]byte
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
