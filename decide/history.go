package decide

import (
	"context"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
)

// pushLog tells of commits that a log of pushes names how they stand to what came to a branch. What it is asked
// about it fetches, and so what was pushed and pushed away again: that may be what brought a commit first.
type pushLog struct {
	*forgeSide

	fetched map[string]bool // the range to this head was
	failed  int             // commits that had to be fetched by themselves
	said    map[[3]string]bool
}

func (f *forgeSide) newPushLog() *pushLog {
	return &pushLog{forgeSide: f, fetched: map[string]bool{}, said: map[[3]string]bool{}}
}

// history is what git tells of the pushes of a pull request, with its base as it is now, or as it was at a given
// commit.
func (f *forgeSide) history(ctx context.Context, base string) forge.History {
	p := f.newPushLog()
	from := func(pr *evidence.PullRequest) string {
		if base != "" {
			return base
		}
		tip, _ := f.tipOf(ctx, pr.BaseRef) // what is not known is a gap of the pull request
		return tip
	}
	return forge.History{
		Counts: func() func(evidence.Account) bool { return f.mayCount(ctx) },
		InBase: func(pr *evidence.PullRequest, commit string) bool { return p.inBase(ctx, from(pr), pr.Head, commit) },
		Holds:  func(pr *evidence.PullRequest, commit string) bool { return p.holds(ctx, from(pr), pr.Head, commit) },
	}
}

// here fetches what it takes to compare a commit with base..head, and reports whether it could.
func (p *pushLog) here(ctx context.Context, base, head, commit string) bool {
	if base == "" {
		return false
	}
	done, tried := p.fetched[head]
	if !tried {
		done = p.mirror.FetchRange(ctx, base, head, gitrepo.RangeOptions{}) == nil
		p.fetched[head] = done
	}
	if !done {
		return false
	}
	if _, err := p.mirror.Repo().IsAncestor(ctx, commit, base); err == nil {
		return true
	}
	if p.failed == maxLostHeads {
		return false
	}
	p.failed++ // a commit that the branch does not reach, such as one that was pushed away
	return p.mirror.FetchRange(ctx, base, commit, gitrepo.RangeOptions{}) == nil
}

// inBase reports whether a base reaches a commit. What cannot be told it takes for no: then more of the
// log of pushes counts.
func (p *pushLog) inBase(ctx context.Context, base, head, commit string) bool {
	return p.once("base", head, commit, func() bool {
		if !p.here(ctx, base, head, commit) {
			return false
		}
		yes, err := p.mirror.Repo().IsAncestor(ctx, commit, base)
		return err == nil && yes
	})
}

// holds reports whether a commit is one of base..head, or reaches one. What cannot be told it takes for yes.
func (p *pushLog) holds(ctx context.Context, base, head, commit string) bool {
	return p.once("holds", head, commit, func() bool {
		if !p.here(ctx, base, head, commit) {
			return true
		}
		common, err := p.mirror.Repo().MergeBases(ctx, commit, head)
		if err != nil {
			return true
		}
		for _, id := range common {
			if yes, err := p.mirror.Repo().IsAncestor(ctx, id, base); err != nil || !yes {
				return true
			}
		}
		return false
	})
}

func (p *pushLog) once(what, head, commit string, ask func() bool) bool {
	key := [3]string{what, head, commit}
	yes, known := p.said[key]
	if !known {
		yes = ask()
		p.said[key] = yes
	}
	return yes
}
