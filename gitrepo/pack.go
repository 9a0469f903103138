package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// Bounds on objects made of deltas.
const (
	maxDeltaDepth = 4096            // git itself writes chains of at most 4,095
	maxBaseSize   = int64(64 << 20) // git makes deltas of bases up to 32 times as large as the result
)

var errPack = errors.New("malformed pack")

// pack is one pack file with its index. Chains of deltas are followed here, so that their depth and
// size are bounded before anything is inflated; go-git applies the deltas.
type pack struct {
	path    string // of the .pack file
	number  int    // the same for all readers of it
	index   *packIndex
	file    *os.File
	entries *entryReader
	bases   *cache[packOffset]
}

// packOffset names an entry across the packs of a repository.
type packOffset struct {
	pack   int
	offset int64
}

// open opens both files, the first time it is called.
func (p *pack) open() error {
	if p.index != nil {
		return nil
	}
	index, err := openPackIndex(strings.TrimSuffix(p.path, ".pack") + ".idx")
	if err != nil {
		return err
	}
	file, err := os.Open(p.path)
	if err != nil {
		_ = index.close()
		return err
	}
	p.index, p.file = index, file
	p.entries = &entryReader{file: file}
	return nil
}

func (p *pack) close() error {
	if p.index == nil {
		return nil
	}
	return errors.Join(p.index.close(), p.file.Close())
}

// read returns the object at an offset. It inflates an object of more than limit bytes not at all,
// and for one made of deltas no base of more than maxBaseSize.
func (p *pack) read(offset, limit int64) (object, error) {
	base, chain, err := p.chain(offset, limit)
	if err != nil {
		return object{}, err
	}
	for _, d := range slices.Backward(chain) {
		if base.content, err = packfile.PatchDelta(base.content, d.content); err != nil {
			return object{}, fmt.Errorf("%w: %w", errPack, err)
		}
		p.bases.put(packOffset{p.number, d.offset}, base)
	}
	if int64(len(base.content)) > limit { // it was in the cache
		return object{}, tooLarge(int64(len(base.content)), limit)
	}
	return base, nil
}

// delta is one link of a chain: what it makes stands at offset.
type delta struct {
	offset  int64
	content []byte
}

// chain follows deltas from an offset to the first base that is known or whole.
// The deltas are returned with the object's own first.
func (p *pack) chain(offset, limit int64) (object, []delta, error) {
	var chain []delta
	total := int64(0)
	for {
		if base, ok := p.bases.get(packOffset{p.number, offset}); ok {
			return base, chain, nil
		}
		head, err := p.entries.header(offset)
		if err != nil {
			return object{}, nil, err
		}
		if most := min(limit, maxBaseSize); !head.isDelta() && len(chain) == 0 && head.size > most {
			return object{}, nil, tooLarge(head.size, most)
		}
		if total += head.size; head.size > maxBaseSize || total > 2*maxBaseSize {
			return object{}, nil, tooLarge(total, maxBaseSize)
		}
		content, err := p.entries.content(head.size)
		if err != nil {
			return object{}, nil, err
		}
		if !head.isDelta() {
			base := object{head.kind, content}
			p.bases.put(packOffset{p.number, offset}, base)
			return base, chain, nil
		}
		size, ok := deltaTarget(content)
		if !ok || len(chain) == maxDeltaDepth {
			return object{}, nil, fmt.Errorf("%w: a broken delta, or a chain of more than %d", errPack, maxDeltaDepth)
		}
		most := maxBaseSize
		if len(chain) == 0 {
			most = min(limit, maxBaseSize)
		}
		if size > most {
			return object{}, nil, tooLarge(size, most)
		}
		chain = append(chain, delta{offset, content})
		if offset, err = p.base(head); err != nil {
			return object{}, nil, err
		}
	}
}

// base returns the offset of the entry that a delta is made from; it is in the same pack.
func (p *pack) base(head entry) (int64, error) {
	if head.kind == plumbing.OFSDeltaObject {
		return head.offset, nil
	}
	offset, ok, err := p.index.find(head.base[:])
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, fmt.Errorf("%w: the base of a delta is missing", errPack)
	}
	return offset, nil
}

func tooLarge(size, limit int64) error {
	return fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, size, limit)
}

// deltaTarget returns the size of what a delta makes: the second of two numbers, seven bits a byte.
func deltaTarget(delta []byte) (int64, bool) {
	var size int64
	for range 2 {
		size = 0
		for shift := 0; ; shift += 7 {
			if len(delta) == 0 || shift > 56 {
				return 0, false
			}
			c := delta[0]
			delta = delta[1:]
			size |= int64(c&0x7f) << shift
			if c&0x80 == 0 {
				break
			}
		}
	}
	return size, true
}
