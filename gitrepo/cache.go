package gitrepo

import (
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// object is an object's type and content. Content is shared and must not be written to.
type object struct {
	kind    plumbing.ObjectType
	content []byte
}

// cache keeps about max bytes of what was read last. It holds two generations: what is read again
// moves to the young one, and when that is full the old one goes. All readers of a repository share
// one: what one has decoded the others need not, and memory does not grow with processors.
type cache[K comparable] struct {
	mu         sync.Mutex
	young, old map[K]object
	size, max  int // of the young generation; max is of both
}

// entryOverhead is what an entry costs beside its content, roughly.
const entryOverhead = 128

// memory is what the readers of a repository share.
type memory struct {
	bases *cache[packOffset] // objects of packs, as bases of deltas
	trees *cache[oid]        // because consecutive commits share nearly all of theirs

	mu    sync.Mutex
	files map[string]int // numbers of packs, by path
}

func newMemory() *memory {
	return &memory{
		bases: newCache[packOffset](baseCacheSize), trees: newCache[oid](treeCacheSize),
		files: map[string]int{},
	}
}

// number returns the number by which a pack's bytes are known to all readers.
func (m *memory) number(path string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.files[path]
	if !ok {
		n = len(m.files)
		m.files[path] = n
	}
	return n
}

// forget drops everything: what is judged once it was read needs the room.
func (m *memory) forget() {
	m.bases.forget()
	m.trees.forget()
}

func newCache[K comparable](limit int) *cache[K] {
	return &cache[K]{young: map[K]object{}, old: map[K]object{}, max: limit}
}

// forget drops everything.
func (c *cache[K]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.size = map[K]object{}, map[K]object{}, 0
}

func (c *cache[K]) get(k K) (object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.young[k]; ok {
		return o, true
	}
	o, ok := c.old[k]
	if ok {
		c.keep(k, o)
	}
	return o, ok
}

func (c *cache[K]) put(k K, o object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(k, o)
}

// keep puts what is read into the young generation.
func (c *cache[K]) keep(k K, o object) {
	cost := len(o.content) + entryOverhead
	if cost > c.max/4 {
		return // one large object would throw out all the others
	}
	if c.size+cost > c.max/2 {
		c.young, c.old, c.size = map[K]object{}, c.young, 0
	}
	c.young[k] = o
	c.size += cost
}
