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

// pageReader reads files that do not change. Its zero value shares pages with nobody.
type pageReader struct {
	shared *cache[filePage]
	number int // of the file, the same for all its readers

	last    int64 // the page that was used last, as the next is mostly the same
	current []byte
}

// at returns what the page around an offset holds from there on: one byte at least.
func (r *pageReader) at(file *os.File, offset int64) ([]byte, error) {
	n := offset / pageSize
	if r.current == nil || n != r.last {
		page, err := r.page(file, n)
		if err != nil {
			return nil, err
		}
		r.last, r.current = n, page
	}
	from := offset - n*pageSize
	if from >= int64(len(r.current)) {
		return nil, io.ErrUnexpectedEOF
	}
	return r.current[from:], nil
}

func (r *pageReader) page(file *os.File, n int64) ([]byte, error) {
	key := filePage{r.number, n}
	if r.shared != nil {
		if o, ok := r.shared.get(key); ok {
			return o.content, nil
		}
	}
	page := make([]byte, pageSize)
	got, err := file.ReadAt(page, n*pageSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if r.shared != nil {
		r.shared.put(key, object{content: page[:got]})
	}
	return page[:got], nil
}

// fill reads exactly len(p) bytes.
func (r *pageReader) fill(file *os.File, p []byte, offset int64) error {
	for len(p) > 0 {
		from, err := r.at(file, offset)
		if err != nil {
			return err
		}
		n := copy(p, from)
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}
