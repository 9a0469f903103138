package cli

import (
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/gitrepo"
)

// Whose clock says when something was seen.
const (
	clockHere   = "this machine's clock"
	clockServer = "server clock"
	clockFlag   = "--at"
)

// newSet makes the evidence of one decision out of what a repository collected. Everything in it
// was first seen now, by the clock that is named.
func newSet(c *gitrepo.Collected, surface evidence.Surface, repository string, now time.Time, clock string) *evidence.Set {
	set := &evidence.Set{Repository: repository, At: now, AtSource: clock, Surface: surface}
	c.AddTo(set)
	seen := evidence.Seen{Time: now, By: clock}
	for i := range set.Commits {
		set.Commits[i].Seen = seen
	}
	for i := range set.Tags {
		set.Tags[i].Seen = seen
	}
	for i := range set.Updates {
		set.Updates[i].Seen = seen
	}
	if set.Bundles == nil {
		set.Bundles = map[string]evidence.Bundle{}
	}
	return set
}
