package gitrepo

import (
	"context"
	"errors"
	"slices"
)

// span is what is here of a range that may have been cut off.
type span struct {
	commits []*node // reachable from head and, as far as is known here, not from base; parents first
	// lacks says that the range cannot be told from this, or that something asked about it would ask
	// for history that is not here.
	lacks bool
}

// maxMeetings bounds the searches for one merge: of merge bases of merge bases there can be many.
const maxMeetings = 64

// span finds base..head in a history of which parts are missing on purpose. Without a base it is all
// of head's history. It looks at everything that is here of both.
func (g *graph) span(ctx context.Context, base []oid, head oid) (span, error) {
	g.round++
	cut, lacks, err := g.paintAll(base)
	if err != nil || lacks {
		return span{lacks: lacks}, err
	}
	var s span
	var found []*node
	todo := []oid{head}
	for len(todo) > 0 {
		n := g.at(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if n.common || n.done {
			continue
		}
		n.done = true
		if err := g.load(n); errors.Is(err, ErrMissing) {
			s.lacks = true
			continue
		} else if err != nil {
			return span{}, err
		}
		n.forget()
		found = append(found, n)
		todo = append(todo, n.parents...)
	}
	if err := ctx.Err(); err != nil || s.lacks {
		return s, err
	}
	s.commits, _ = g.order([]oid{head}, found)
	g.setAges(s.commits)
	// Where the base's own history is cut off, what is behind the cut may reach into the range. It
	// cannot where it is older than all of that: then the range is what a whole clone would show.
	if len(s.commits) > 0 {
		age := oldest(s.commits)
		if slices.ContainsFunc(cut, func(n *node) bool { return n.date >= age }) {
			return span{commits: s.commits, lacks: true}, nil
		}
	}
	s.lacks, err = g.lacksForMerges(ctx, base, head, s.commits)
	return s, err
}

func oldest(commits []*node) int64 {
	age := commits[0].age
	for _, n := range commits {
		age = min(age, n.age)
	}
	return age
}

// paintAll marks all that is here of some histories as common, and returns the commits whose parents
// are missing. lacks says that a tip itself is.
func (g *graph) paintAll(tips []oid) (cut []*node, lacks bool, err error) {
	type reached struct {
		id    oid
		child *node
	}
	var todo []reached
	for _, id := range tips {
		todo = append(todo, reached{id: id})
	}
	for len(todo) > 0 {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n := g.at(r.id)
		if n.common {
			continue
		}
		err := g.load(n)
		switch {
		case errors.Is(err, ErrMissing) && r.child == nil:
			return nil, true, nil
		case errors.Is(err, ErrMissing):
			cut = append(cut, r.child)
			continue
		case err != nil:
			return nil, false, err
		}
		n.common, n.raw = true, nil
		for _, p := range n.parents {
			todo = append(todo, reached{p, n})
		}
	}
	return cut, false, nil
}

// lacksForMerges reports whether history is missing to find where base and head meet, or to merge the
// parents of a merge in the range again.
func (g *graph) lacksForMerges(ctx context.Context, base []oid, head oid, commits []*node) (bool, error) {
	if len(base) > 0 {
		m, err := g.meet(ctx, base, []oid{head})
		if err != nil || len(m.lost) > 0 {
			return true, err
		}
	}
	for _, n := range commits {
		if len(n.parents) < 2 || len(n.parents) > maxMergedParents {
			continue
		}
		if lacks, err := g.lacksForMerge(ctx, n.parents); lacks || err != nil {
			return lacks, err
		}
	}
	return false, nil
}
