package gitrepo

import (
	"context"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
)

// maxAside bounds the commits beside the given ones that [Repo.FirstPushes] passes through in all: those that a
// forced push left behind, and what the ref was at before.
const maxAside = 50_000

// FirstPush is the push that first contained a commit, as far as the pushes tell whose objects are here.
type FirstPush struct {
	evidence.Push

	// Unread is an older push by somebody else whose objects are not here; nil: none.
	Unread *evidence.Push
}

// FirstPushes tells for each of the commits which push first contained it: the oldest whose After
// reaches it. pushes are of one ref, the newest first, as the forge lists them. commits are a range: no
// path leads from one of them to another through a commit that is not of them.
//
// Pushes whose objects are not here are passed over, of which the result tells, and a path that leads through missing history
// is not followed: a commit is then given a later push or none, never an earlier one. A commit that
// no push is known for is not in the result.
func (r *Repo) FirstPushes(ctx context.Context, pushes []evidence.Push, commits []string) (map[string]FirstPush, error) {
	ids, err := r.parseAll(commits)
	if err != nil {
		return nil, fmt.Errorf("finding the pushes of commits: %w", err)
	}
	wanted := make(map[oid]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	first := make(map[string]FirstPush, len(ids))
	err = r.with(func(s *remembering) error {
		g := newGraph(r, s)
		seen := map[oid]bool{} // by an older push, which all behind it has been given to
		aside := 0
		var unread []*evidence.Push
		for i := len(pushes) - 1; i >= 0 && len(first) < len(wanted); i-- {
			if err := ctx.Err(); err != nil {
				return err
			}
			tip, err := r.parse(pushes[i].After)
			if err != nil {
				continue // the ref was deleted
			}
			if g.load(g.at(tip)) != nil {
				unread = append(unread, &pushes[i])
				continue
			}
			won := FirstPush{Push: pushes[i]}
			if k := slices.IndexFunc(unread, func(u *evidence.Push) bool { return u.By.ID != pushes[i].By.ID || u.By.ID == 0 }); k >= 0 {
				won.Unread = unread[k]
			}
			todo := []oid{tip}
			for len(todo) > 0 {
				id := todo[len(todo)-1]
				todo = todo[:len(todo)-1]
				if seen[id] {
					continue
				}
				seen[id] = true
				n := g.at(id)
				if g.load(n) != nil {
					continue
				}
				n.forget()
				if wanted[id] {
					first[id.String()] = won
				} else if aside++; aside > maxAside {
					continue
				}
				for _, p := range n.parents {
					if wanted[p] || !wanted[id] { // what is behind the given commits is not for them
						todo = append(todo, p)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("finding the pushes of commits: %w", err)
	}
	return first, nil
}
