package gitrepo

import "github.com/go-git/go-git/v5/plumbing"

// object is an object's type and content. Content is shared and must not be written to.
type object struct {
	kind    plumbing.ObjectType
	content []byte
}

// cache keeps about max bytes of what was read last. It holds two generations: what is read again
// moves to the young one, and when that is full the old one goes.
type cache[K comparable] struct {
	young, old map[K]object
	size, max  int // of the young generation; max is of both
}

// entryOverhead is what an entry costs beside its content, roughly.
const entryOverhead = 128

func newCache[K comparable](limit int) *cache[K] {
	return &cache[K]{young: map[K]object{}, old: map[K]object{}, max: limit}
}

// forget drops everything.
func (c *cache[K]) forget() {
	c.young, c.old, c.size = map[K]object{}, map[K]object{}, 0
}

func (c *cache[K]) get(k K) (object, bool) {
	if o, ok := c.young[k]; ok {
		return o, true
	}
	o, ok := c.old[k]
	if ok {
		c.put(k, o)
	}
	return o, ok
}

func (c *cache[K]) put(k K, o object) {
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
