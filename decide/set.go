package decide

import (
	"maps"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/gitrepo"
)

// Whose clock says when something was seen.
const (
	ClockHere   = "this machine's clock"
	ClockServer = "server clock"
	ClockJudge  = "judge's clock" // of whoever judges on a forge
	ClockFlag   = "--at"
)

// Clock is the time as of which is judged, and whose clock says so.
type Clock struct {
	Time   time.Time
	Source string
}

// seen is when something was first seen, by that clock.
func (c Clock) seen() evidence.Seen { return evidence.Seen{Time: c.Time, By: c.Source} }

// newSet makes the evidence of one decision out of what was collected; nil: nothing was. What was not seen
// before is seen now, by the clock that is named.
func newSet(c *gitrepo.Collected, surface evidence.Surface, repository string, at Clock) *evidence.Set {
	set := &evidence.Set{Repository: repository, At: at.Time, AtSource: at.Source, Surface: surface}
	if c != nil {
		c.AddTo(set)
	}
	set.Bundles = maps.Clone(set.Bundles)
	if set.Bundles == nil {
		set.Bundles = map[string]evidence.Bundle{}
	}
	see := func(s *evidence.Seen) {
		if s.Time.IsZero() {
			*s = at.seen()
		}
	}
	for i := range set.Commits {
		see(&set.Commits[i].Seen)
	}
	for i := range set.Tags {
		see(&set.Tags[i].Seen)
	}
	for i := range set.Updates {
		see(&set.Updates[i].Seen)
	}
	return set
}

// namedBy lists the delegation that a push names for itself, which has to be resolved too.
func namedBy(p *evidence.Pusher) []string {
	if p == nil || p.Delegation == "" {
		return nil
	}
	return []string{p.Delegation}
}
