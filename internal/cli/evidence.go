package cli

import (
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
)

// Whose clock says when something was seen.
const (
	clockHere   = "this machine's clock"
	clockServer = "server clock"
	clockFlag   = "--at"
)

// judgedAt is the time as of which is judged, and whose clock says so: --at, else this machine's.
func judgedAt(env *Env, at string) (time.Time, string, error) {
	if at == "" {
		return env.Now(), clockHere, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}, "", fault.Usagef("--at is no RFC 3339 time, such as 2026-11-22T14:03:00Z: %w", err)
	}
	return t, clockFlag, nil
}

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
