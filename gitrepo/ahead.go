package gitrepo

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	aheadFrom = 64   // commits that a walk finds before it is worth another reader
	aheadRoom = 1024 // commits that may wait for it; what has no room is compared afterwards
)

// ahead compares the trees of commits while the walk that finds them goes on: a walk learns of each
// commit from the one before, so that it keeps one processor busy and no more. It is only a head
// start: what it did not get to is compared afterwards, and what the walk drops again is not used.
type ahead struct {
	jobs    chan aheadJob
	stopped atomic.Bool
	wait    sync.WaitGroup
	done    map[oid]differ // by commit; nobody reads it before stop
}

type aheadJob struct{ commit, before, after oid }

// startAhead returns nil where there is no other processor.
func (c *collection) startAhead() *ahead {
	if runtime.GOMAXPROCS(0) < 2 {
		return nil
	}
	a := &ahead{jobs: make(chan aheadJob, aheadRoom), done: map[oid]differ{}}
	a.wait.Go(func() {
		job, more := <-a.jobs
		if !more {
			return
		}
		// Without a source nothing is done ahead, and whoever reads next learns why.
		_ = c.repo.with(func(s *remembering) error {
			total := 0
			for more {
				d := differ{src: s, idSize: c.repo.format.idSize, limit: c.opt.Limits.MaxChanges, looks: looks{all: &c.repo.budget}}
				d.run(job.before, job.after)
				a.done[job.commit] = d
				if total += len(d.changes); a.stopped.Load() || total > c.opt.Limits.MaxChangesInAll {
					return nil
				}
				job, more = <-a.jobs
			}
			return nil
		})
	})
	return a
}

// offer gives a commit with one parent to the reader, if it has room.
func (a *ahead) offer(n, parent *node) {
	select {
	case a.jobs <- aheadJob{n.id, parent.tree, n.tree}:
	default:
	}
}

// stop ends the reader, after which done may be read.
func (a *ahead) stop() {
	if a == nil {
		return
	}
	a.stopped.Store(true)
	close(a.jobs)
	a.wait.Wait()
}
