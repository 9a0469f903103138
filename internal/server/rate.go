package server

import (
	"sync"
	"time"
)

// maxBuckets is how many runs are counted at once.
const maxBuckets = 100_000

// bucket lets so many through a second, and so many at once after a rest.
type bucket struct {
	left float64
	at   time.Time
}

func (b *bucket) take(rate, burst float64, now time.Time) bool {
	switch rest := now.Sub(b.at).Seconds(); {
	case b.at.IsZero():
		b.left = burst
	case rest > 0:
		b.left = min(burst, b.left+rest*rate)
	}
	b.at = now // also where the clock went back
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// limits counts by name.
type limits struct {
	rate, burst float64

	mu sync.Mutex
	by map[string]*bucket
}

func newLimits(rate, burst float64) *limits {
	return &limits{rate: rate, burst: burst, by: map[string]*bucket{}}
}

// allow reports whether one more of that name may pass now.
func (l *limits) allow(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.by[name]
	if b == nil {
		if len(l.by) >= maxBuckets {
			l.forget(now)
		}
		if len(l.by) >= maxBuckets {
			return false
		}
		b = &bucket{}
		l.by[name] = b
	}
	return b.take(l.rate, l.burst, now)
}

// forget drops those that have rested, which are as new.
func (l *limits) forget(now time.Time) {
	for name, b := range l.by {
		if b.left+now.Sub(b.at).Seconds()*l.rate >= l.burst {
			delete(l.by, name)
		}
	}
}
