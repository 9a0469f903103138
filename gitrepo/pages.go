package gitrepo

import (
	"errors"
	"io"
	"os"
)

// pageSize is how much of a pack or its index is read at once: what a decision needs of them is
// small and lies near together, and a system call for each piece costs more than the bytes do.
const pageSize = 16 << 10

// filePage names a page across the packs and indexes of a repository.
type filePage struct {
	file int
	page int64
}

// pagedFile reads a file that does not change. Pages are shared with other readers of the same file.
type pagedFile struct {
	file   *os.File
	number int // of the file, the same for all its readers
	pages  *cache[filePage]

	last    int64 // what was used last, as the next is mostly the same
	current []byte
}

// at returns what the page around an offset holds from there on: one byte at least.
func (f *pagedFile) at(offset int64) ([]byte, error) {
	n := offset / pageSize
	if f.current == nil || n != f.last {
		page, err := f.read(n)
		if err != nil {
			return nil, err
		}
		f.last, f.current = n, page
	}
	from := offset - n*pageSize
	if from >= int64(len(f.current)) {
		return nil, io.ErrUnexpectedEOF
	}
	return f.current[from:], nil
}

func (f *pagedFile) read(n int64) ([]byte, error) {
	key := filePage{f.number, n}
	if o, ok := f.pages.get(key); ok {
		return o.content, nil
	}
	page := make([]byte, pageSize)
	got, err := f.file.ReadAt(page, n*pageSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	f.pages.put(key, object{content: page[:got]})
	return page[:got], nil
}

// fill reads exactly len(p) bytes.
func (f *pagedFile) fill(p []byte, offset int64) error {
	for len(p) > 0 {
		from, err := f.at(offset)
		if err != nil {
			return err
		}
		n := copy(p, from)
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}
