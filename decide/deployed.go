package decide

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
)

const (
	maxCompared = 8         // commits of which each could be what an environment has
	maxAhead    = time.Hour // that another gate's clock may be ahead of this one's
)

// Deploys is what the audit log says of deploys. Whoever may make tags can make one that says that something was
// deployed; what the log says, somebody whom it vouches for has said.
type Deploys interface {
	// Deployed lists what was let through to an environment last, by a log that is signed with a key: the one that the
	// policy names, or where it names none ("") one that is at hand. known is false where there is no log that counts.
	Deployed(ctx context.Context, key, environment string) (list []Deploy, known bool, err error)
}

// Deploy is a commit that was let through.
type Deploy struct {
	Commit, Nonce string // of the request
	At            time.Time
}

// letThrough is a commit that a gate let through to an environment. At is when, by that gate's clock; zero
// where nobody can tell.
type letThrough struct {
	commit string
	at     time.Time
	nonce  string // of the request, "" where the mark does not tell
	sure   bool   // it counts as what the environment had; else it may just be said
}

// letThrough lists what was let through to an environment, the latest last: what the audit log says, which is sure, and
// the marks that it does not have. These may be somebody's invention, or of a deploy that the log does not have yet or
// lost: they hold a deploy back and hide nothing. Where there is no log that counts, all marks are believed.
func (g *gate) letThrough(ctx context.Context, environment string, marks map[string]string) ([]letThrough, error) {
	now := g.clock().Time
	all := letThroughTo(environment, marks, now)
	if g.deploys == nil {
		return all, nil
	}
	logged, known, err := g.deploys.Deployed(ctx, g.policy.Settings.AuditKey, environment)
	if err != nil {
		return nil, fault.Undecidedf("reading what the audit log says was deployed: %w", err)
	}
	if !known || len(logged) == 0 {
		return all, nil
	}
	said := map[Deploy]bool{}
	for _, d := range logged {
		said[Deploy{Commit: d.Commit, Nonce: d.Nonce}] = true
	}
	all = slices.DeleteFunc(all, func(d letThrough) bool { return said[Deploy{Commit: d.commit, Nonce: d.nonce}] })
	for i := range all {
		all[i].sure = false
	}
	for _, d := range logged {
		all = append(all, letThrough{commit: d.Commit, at: d.At.Truncate(time.Second), nonce: d.Nonce, sure: true})
	}
	slices.SortFunc(all, compareDeploys)
	return all, nil
}

func compareDeploys(a, b letThrough) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.commit, b.commit))
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
		d := letThrough{commit: id, at: delegation.DeployedAt(ref), nonce: delegation.MarkNonce(ref), sure: true}
		if d.at.After(now.Add(maxAhead)) {
			d.at = time.Time{}
		}
		all = append(all, d)
	}
	slices.SortFunc(all, compareDeploys)
	return all
}

// latest is what an environment may have: what was let through last. It could be any of those of the same
// second, of all where no gate wrote down when, and whatever somebody just says was let through.
func latest(all []letThrough) []letThrough {
	var last time.Time
	for _, d := range all {
		if d.sure {
			last = d.at
		}
	}
	var has []letThrough
	for _, d := range all {
		if (!d.sure || d.at.Equal(last)) && !slices.ContainsFunc(has, func(other letThrough) bool { return other.commit == d.commit }) {
			has = append(has, d)
		}
	}
	return has
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
