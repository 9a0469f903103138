package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// Bounds on reading packed-refs.
const (
	maxPackedRefs   = 512 << 20 // bytes that are read at once; a ref takes about 100
	packedWhole     = 32 << 10  // bytes of a file that is read whole rather than searched
	packedWindow    = 1 << 10   // bytes on each side that are read to find a record
	maxPackedWindow = 1 << 20
)

// errPackedRefs is wrapped by complaints about the form of packed-refs.
var errPackedRefs = errors.New("malformed packed-refs")

// packedRefs is the file of that name: a line a ref, in the order of their names where its first line says so. Then it
// is searched, as git does, so that what it costs to find a few refs does not grow with all that there are.
type packedRefs struct {
	f      *os.File
	idSize int
	first  int64 // where the first record begins
	size   int64
	sorted bool
}

// openPackedRefs opens the file; nil where there is none.
func (r *Repo) openPackedRefs() (*packedRefs, error) {
	f, size, err := openRegular(filepath.Join(r.commonDir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading packed refs: %w", err)
	}
	p := &packedRefs{f: f, idSize: r.format.idSize, size: size}
	head, err := p.read(0, min(p.size, packedWindow))
	if err != nil {
		p.close()
		return nil, err
	}
	if line, _, whole := bytes.Cut(head, []byte{'\n'}); whole && bytes.HasPrefix(line, []byte("# pack-refs with:")) {
		p.sorted = bytes.Contains(append(line, ' '), []byte(" sorted "))
		p.first = int64(len(line)) + 1
	}
	return p, nil
}

func (p *packedRefs) close() { _ = p.f.Close() } // only read from

func (p *packedRefs) read(from, to int64) ([]byte, error) {
	if to-from > maxPackedRefs {
		return nil, fmt.Errorf("reading packed refs: %w: there are more than %d bytes of them", errLimit, maxPackedRefs)
	}
	b := make([]byte, to-from)
	if _, err := io.ReadFull(io.NewSectionReader(p.f, from, to-from), b); err != nil {
		return nil, fmt.Errorf("reading packed refs: %w", err)
	}
	return b, nil
}

// add adds the refs that begin with prefix and not with skip ("" for none).
func (p *packedRefs) add(refs map[string]refValue, prefix, skip string) error {
	parts := [][2]string{{prefix, following(prefix)}}
	if skip != "" && strings.HasPrefix(skip, prefix) {
		parts = [][2]string{{prefix, skip}, {following(skip), following(prefix)}}
	}
	for _, part := range parts {
		content, err := p.section(part[0], part[1])
		if err != nil {
			return err
		}
		if err := parsePackedRefs(content, p.idSize, prefix, skip, refs); err != nil {
			return fmt.Errorf("reading packed refs: %w", err)
		}
		if p.whole() {
			break
		}
	}
	return nil
}

// whole reports whether the file is read whole, however little of it is wanted.
func (p *packedRefs) whole() bool { return !p.sorted || p.size < packedWhole }

// section is the records of names from one on ("": the first) and before another ("": none), and more where the file is
// read whole.
func (p *packedRefs) section(from, before string) (_ []byte, err error) {
	start, end := p.first, p.size
	if from != "" && !p.whole() {
		if start, err = p.search(from); err != nil {
			return nil, err
		}
	}
	if before != "" && !p.whole() {
		if end, err = p.search(before); err != nil {
			return nil, err
		}
	}
	return p.read(start, max(start, end))
}

// following is the first name that is behind all that begin with a prefix; "" where that is none.
func following(prefix string) string {
	if prefix == "" || prefix[len(prefix)-1] == 0xff {
		return ""
	}
	return prefix[:len(prefix)-1] + string([]byte{prefix[len(prefix)-1] + 1})
}

// find looks for one ref.
func (p *packedRefs) find(name string) (oid, error) {
	content, err := p.section(name, name+"\x00")
	if err != nil {
		return oid{}, err
	}
	refs := map[string]refValue{}
	if err := parsePackedRefs(content, p.idSize, name, name+"/", refs); err != nil {
		return oid{}, fmt.Errorf("reading packed refs: %w", err)
	}
	if v, ok := refs[name]; ok {
		return v.id, nil
	}
	return oid{}, fmt.Errorf("ref %s: %w", inert.Quote(name), errNoRef)
}

// search is where the first record begins whose name is not before a name; the file's size where there is none.
func (p *packedRefs) search(name string) (int64, error) {
	from, to := p.first, p.size // what begins before from is before the name; what begins at to or later is not
	for from < to {
		start, end, at, err := p.record(from, to, from+(to-from)/2)
		if err != nil {
			return 0, err
		}
		if at < name {
			from = end
		} else {
			to = start
		}
	}
	return from, nil
}

// record is the record that a place is in, of those from one that begins at from to one that ends at to: its line, and
// one after it for what its tag leads to.
func (p *packedRefs) record(from, to, place int64) (start, end int64, name string, err error) {
	for window := int64(packedWindow); window <= maxPackedWindow; window *= 4 {
		first, last := max(from, place-window), min(to, place+window)
		b, err := p.read(first, last)
		if err != nil {
			return 0, 0, "", err
		}
		begin := beginning(b, int(place-first), first == from)
		if begin < 0 {
			continue
		}
		rest := b[begin:]
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		for whole && len(after) > 0 && after[0] == '^' {
			_, after, whole = bytes.Cut(after, []byte{'\n'})
		}
		if last < to && (!whole || len(after) == 0) {
			continue // it goes on
		}
		width := 2 * p.idSize
		if len(line) < width+2 || line[width] != ' ' {
			return 0, 0, "", fmt.Errorf("reading packed refs: %w: line %s", errPackedRefs, inert.Quote(string(line)))
		}
		return first + int64(begin), last - int64(len(after)), string(line[width+1:]), nil
	}
	return 0, 0, "", fmt.Errorf("reading packed refs: %w: a line is longer than %d bytes", errPackedRefs, maxPackedWindow)
}

// beginning is where the record begins that a place is in, -1 where that is before all that was read. whole says that a
// record begins at the beginning.
func beginning(b []byte, place int, whole bool) int {
	for i := min(place, len(b)-1); i >= 0; i-- {
		if i == 0 && whole || i > 0 && b[i-1] == '\n' && b[i] != '^' {
			return i
		}
	}
	return -1
}

// parsePackedRefs adds the refs that begin with prefix and not with skip ("" for none): lines "<id> <name>", each of which may be
// followed by "^<id>" for what its tag leads to.
func parsePackedRefs(content []byte, idSize int, prefix, skip string, refs map[string]refValue) error {
	width, last := 2*idSize, ""
	for len(content) > 0 {
		var line []byte
		line, content, _ = bytes.Cut(content, []byte{'\n'})
		switch {
		case len(line) == 0 || line[0] == '#':
			continue
		case line[0] == '^':
			id, ok := parseOID(string(line[1:]))
			if !ok || int(id.n) != idSize {
				return fmt.Errorf("%w: line %s", errPackedRefs, inert.Quote(string(line)))
			}
			if v, ok := refs[last]; ok {
				v.peeled = id
				refs[last] = v
			}
			continue
		case len(line) < width+2 || line[width] != ' ':
			return fmt.Errorf("%w: line %s", errPackedRefs, inert.Quote(string(line)))
		}
		last = ""
		if name := line[width+1:]; !bytes.HasPrefix(name, []byte(prefix)) || skip != "" && bytes.HasPrefix(name, []byte(skip)) {
			continue
		}
		id, ok := parseOID(string(line[:width]))
		if !ok {
			return fmt.Errorf("%w: line %s", errPackedRefs, inert.Quote(string(line)))
		}
		last = string(line[width+1:])
		refs[last] = refValue{id: id}
	}
	return nil
}
