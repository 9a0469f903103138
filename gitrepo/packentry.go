package gitrepo

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
)

// entryReader decodes single entries of a pack (gitformat-pack). go-git's scanner does too, but it
// also hashes whatever it passes over, which costs more than the rest of the reading.
type entryReader struct {
	file   *os.File
	pages  pageReader
	buf    []byte // what is left of the page
	offset int64  // of buf in the file
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
	buf, err := r.pages.at(r.file, offset)
	r.buf, r.offset = buf, offset
	return err
}

// skip passes over n bytes of the page.
func (r *entryReader) skip(n int) {
	r.buf, r.offset = r.buf[n:], r.offset+int64(n)
}

// ReadByte implements io.ByteReader, so that inflating never reads ahead.
func (r *entryReader) ReadByte() (byte, error) {
	if len(r.buf) == 0 {
		if err := r.seek(r.offset); err != nil {
			return 0, err
		}
	}
	c := r.buf[0]
	r.skip(1)
	return c, nil
}

// Read implements io.Reader.
func (r *entryReader) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if err := r.seek(r.offset); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf)
	r.skip(n)
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
