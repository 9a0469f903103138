package gitrepo

import (
	"fmt"
	"sync/atomic"
)

// Bounds on what one decision looks at. Objects are shared, so that a few of them can make trees and
// histories that are larger than anybody can go through: what counts is what is looked at, however often
// it was before.
const (
	maxLooks      = 100_000_000 // entries of trees, and commits, in all
	maxLooksOnce  = 3_000_000   // for one commit
	maxLineBytes  = 512 << 20   // of contents whose lines are counted, in all
	maxTagBytes   = 64 << 20    // of tag objects and delegations that a push brings
	maxDiffsKept  = 1 << 16     // counts of lines that are remembered
	lookAtCommits = 4           // a commit counts as much as so many entries
)

// budget is what is left of a decision's looks. Its zero value is full.
type budget struct{ spent atomic.Int64 }

// take spends some looks. The error wraps errLimit.
func (b *budget) take(n int) error {
	if b.spent.Add(int64(n)) > maxLooks {
		return fmt.Errorf("%w: more than %d entries of directories and commits", errLimit, maxLooks)
	}
	return nil
}

// looks counts what is looked at for one commit, and takes it from the decision's budget. A nil budget is
// none.
type looks struct {
	all  *budget
	once int
}

func (l *looks) take(n int) error {
	if l.once += n; l.once > maxLooksOnce {
		return fmt.Errorf("%w: more than %d entries of directories for one commit", errLimit, maxLooksOnce)
	}
	if l.all == nil {
		return nil
	}
	return l.all.take(n)
}
