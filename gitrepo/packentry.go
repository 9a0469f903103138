package gitrepo

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// windowSize is how much of a pack is read at once: entries are small, and those that a decision
// needs lie near each other. Some windows are kept: a delta and its base may lie apart.
const (
	windowSize = 16 << 10
	windows    = 8
)

// entryReader decodes single entries of a pack (gitformat-pack). go-git's scanner does too, but it
// also hashes whatever it passes over, which costs more than the rest of the reading.
type entryReader struct {
	file   *os.File
	kept   [windows]window
	next   int // the window that is given up next
	window     // the one in use
	pos    int // what is read next, in the window
	zlib   interface {
		io.Reader
		zlib.Resetter
	}
}

// entry is one entry of a pack.
type entry struct {
	kind   plumbing.ObjectType
	size   int64         // of content
	offset int64         // of the base, for an offset delta
	base   plumbing.Hash // for a reference delta
}

func (e entry) isDelta() bool {
	return e.kind == plumbing.OFSDeltaObject || e.kind == plumbing.REFDeltaObject
}

// window is a part of the file.
type window struct {
	buf    []byte
	offset int64 // of buf in the file
}

// holds reports whether the byte at an offset of the file is in the window.
func (w window) holds(offset int64) bool {
	return offset >= w.offset && offset-w.offset < int64(len(w.buf))
}

// seek makes the entry at an offset the next thing to read.
func (r *entryReader) seek(offset int64) error {
	if !r.holds(offset) {
		i := slices.IndexFunc(r.kept[:], func(w window) bool { return w.holds(offset) })
		if i < 0 {
			var err error
			if i, err = r.fill(offset); err != nil {
				return err
			}
		}
		r.window = r.kept[i]
	}
	r.pos = int(offset - r.offset)
	return nil
}

// fill reads the window around an offset in place of the one that was read longest ago.
func (r *entryReader) fill(offset int64) (int, error) {
	i := r.next
	w := &r.kept[i]
	if w.buf == nil {
		w.buf = make([]byte, windowSize)
	}
	w.offset = offset - offset%windowSize
	n, err := r.file.ReadAt(w.buf[:windowSize], w.offset)
	w.buf, r.window, r.pos = w.buf[:n], window{}, 0 // it may have been the one in use
	if !w.holds(offset) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	r.next = (i + 1) % windows
	return i, nil
}

// ReadByte implements io.ByteReader, so that inflating never reads ahead.
func (r *entryReader) ReadByte() (byte, error) {
	if r.pos == len(r.buf) {
		if err := r.seek(r.offset + int64(r.pos)); err != nil {
			return 0, err
		}
	}
	r.pos++
	return r.buf[r.pos-1], nil
}

// Read implements io.Reader.
func (r *entryReader) Read(p []byte) (int, error) {
	if r.pos == len(r.buf) {
		if err := r.seek(r.offset + int64(r.pos)); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.pos:])
	r.pos += n
	return n, nil
}

// header reads the header of the entry at an offset: type and size, and what a delta is made from.
func (r *entryReader) header(offset int64) (entry, error) {
	if err := r.seek(offset); err != nil {
		return entry{}, err
	}
	c, err := r.ReadByte()
	if err != nil {
		return entry{}, err
	}
	e := entry{kind: plumbing.ObjectType(c >> 4 & 7), size: int64(c & 15)}
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = r.ReadByte(); err != nil {
			return entry{}, err
		}
		if shift > 56 {
			return entry{}, fmt.Errorf("%w: an entry's size is too large", errPack)
		}
		e.size |= int64(c&0x7f) << shift
	}
	switch e.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	case plumbing.OFSDeltaObject:
		back, err := r.distance()
		if err != nil {
			return entry{}, err
		}
		if back <= 0 || back >= offset {
			return entry{}, fmt.Errorf("%w: the base of a delta lies outside of it", errPack)
		}
		e.offset = offset - back
	case plumbing.REFDeltaObject:
		if _, err := io.ReadFull(r, e.base[:]); err != nil {
			return entry{}, err
		}
	default:
		return entry{}, fmt.Errorf("%w: an entry of unknown type", errPack)
	}
	return e, nil
}

// distance reads how far before a delta its base lies: seven bits a byte, the highest first, with
// one added for each further byte.
func (r *entryReader) distance() (int64, error) {
	var d int64
	for i := 0; ; i++ {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		d |= int64(c & 0x7f)
		if c&0x80 == 0 {
			return d, nil
		}
		if i == 7 {
			return 0, fmt.Errorf("%w: the base of a delta is too far away", errPack)
		}
		d = (d + 1) << 7
	}
}

// content inflates what follows a header. It must be exactly as long as the header said.
func (r *entryReader) content(size int64) ([]byte, error) {
	if r.zlib == nil {
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, err
		}
		r.zlib = z.(interface {
			io.Reader
			zlib.Resetter
		})
	} else if err := r.zlib.Reset(r, nil); err != nil {
		return nil, err
	}
	content := make([]byte, size+1)
	n, err := io.ReadFull(r.zlib, content)
	if int64(n) != size || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: an entry does not inflate to its size", errPack)
	}
	return content[:size:size], nil
}
