package gitrepo

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
)

// windowSize is how much of a pack is read at once: entries are small, and those that a decision
// needs lie near each other.
const windowSize = 16 << 10

// entryReader decodes single entries of a pack (gitformat-pack). go-git's scanner does too, but it
// also hashes whatever it passes over, which costs more than the rest of the reading.
type entryReader struct {
	file   *os.File
	buf    []byte
	offset int64 // of buf in the file
	pos    int   // what is read next, in buf
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

// seek makes the entry at an offset the next thing to read.
func (r *entryReader) seek(offset int64) error {
	if at := offset - r.offset; at >= 0 && at < int64(len(r.buf)) {
		r.pos = int(at)
		return nil
	}
	return r.fill(offset)
}

func (r *entryReader) fill(offset int64) error {
	if r.buf == nil {
		r.buf = make([]byte, windowSize)
	}
	n, err := r.file.ReadAt(r.buf[:windowSize], offset)
	if n == 0 {
		if r.buf = r.buf[:0]; err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	r.buf, r.offset, r.pos = r.buf[:n], offset, 0
	return nil
}

// ReadByte implements io.ByteReader, so that inflating never reads ahead.
func (r *entryReader) ReadByte() (byte, error) {
	if r.pos == len(r.buf) {
		if err := r.fill(r.offset + int64(r.pos)); err != nil {
			return 0, err
		}
	}
	r.pos++
	return r.buf[r.pos-1], nil
}

// Read implements io.Reader.
func (r *entryReader) Read(p []byte) (int, error) {
	if r.pos == len(r.buf) {
		if err := r.fill(r.offset + int64(r.pos)); err != nil {
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
