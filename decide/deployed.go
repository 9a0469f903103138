package decide

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
)

const (
	maxCompared = 8         // commits of which each could be what an environment has
	maxAhead    = time.Hour // that another gate's clock may be ahead of this one's
)

// letThrough is a commit that a gate let through to an environment. At is when, by that gate's clock; zero
// where nobody can tell.
type letThrough struct {
	commit string
	at     time.Time
}

// letThroughTo lists what was let through to an environment, by the refs that tell of it: the latest last.
// A time that no clock can have had by now is none.
func letThroughTo(environment string, refs map[string]string, now time.Time) []letThrough {
	prefix := delegation.DeployedRefs(environment)
	var all []letThrough
	for ref, id := range refs {
		if prefix == "" || !strings.HasPrefix(ref, prefix) {
			continue
		}
		d := letThrough{id, delegation.DeployedAt(ref)}
		if d.at.After(now.Add(maxAhead)) {
			d.at = time.Time{}
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b letThrough) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.commit, b.commit)
	})
	return all
}

// latest is what an environment has: what was let through last. It could be any of those of the same
// second, and of all where no gate wrote down when.
func latest(all []letThrough) []letThrough {
	if len(all) == 0 {
		return nil
	}
	last := all[len(all)-1].at
	i := slices.IndexFunc(all, func(d letThrough) bool { return d.at.Equal(last) })
	return slices.CompactFunc(slices.Clone(all[i:]), func(a, b letThrough) bool { return a.commit == b.commit })
}

// goesBack notes that a request takes a commit away that was let through before; of several, the one of
// which it is known that it came last.
func goesBack(r *evidence.Request, from letThrough) {
	if r.Newer == "" || from.at.After(r.NewerAt) {
		r.Newer, r.NewerAt = from.commit, from.at
	}
}

// landsOn fills in what a deploy changes: what differs between what the environment has and the commit.
func landsOn(ctx context.Context, r *evidence.Request, has []letThrough, commit string, diff func(context.Context, string, string) ([]evidence.Change, []evidence.Gap)) {
	if len(has) > maxCompared {
		r.ChangesWhy = "no gate wrote down which of many commits the environment has"
		return
	}
	if len(has) == 0 {
		has = []letThrough{{}} // all of it is new
	}
	seen := map[string]bool{}
	for _, was := range has {
		changes, gaps := diff(ctx, was.commit, commit)
		if len(gaps) > 0 {
			r.Changes, r.ChangesWhy = nil, gaps[0].What+": "+gaps[0].Detail
			return
		}
		for _, c := range changes {
			if !seen[c.Path] {
				seen[c.Path] = true
				r.Changes = append(r.Changes, c)
			}
		}
	}
	r.ChangesKnown = true
}
