package checker

import (
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// carriedChange: whoever pushes answers for the whole of what the push brings to a ref, commits of
// others included. An agent that carries somebody else's change must be allowed to make it.
func carriedChange(a *act) []verdict.Finding {
	if !a.foreign {
		return nil
	}
	authorities := a.judge.authorities(a)
	var found []verdict.Finding
	for _, id := range a.judge.foreign(a) {
		c := a.judge.byCommit[id]
		if c == nil {
			found = append(found, verdict.Finding{
				Effect:  verdict.Undecided,
				Summary: "commit " + shortID(id) + ", which " + a.name() + " brings along, was not read",
				Reason:  "Whoever pushes answers for all of it.",
				Fix:     "Fetch the commit where the check runs.",
			})
			continue
		}
		found = append(found, a.judge.carries(a, c, authorities)...)
	}
	return limit(found)
}

// foreign lists the commits that an update brings and that do not answer for themselves.
func (j *judge) foreign(a *act) []string {
	if a.who.problem == pusherUnattested || a.who.problem == pusherUnlisted {
		return nil // the head commit has nobody's name, or pusher-unknown denies: nothing is let through
	}
	var ids []string
	for _, id := range a.update.Carried {
		if c := j.byCommit[id]; c == nil || !j.answersForItself(a, c) {
			ids = append(ids, id)
		}
	}
	return ids
}

// answersForItself reports whether a carried commit was judged on its own under an authority that
// the pusher has anyway: the pusher's own new commits, and where nobody attests the pusher, those of
// every agent in the push.
func (j *judge) answersForItself(a, c *act) bool {
	if !c.commit.New || c.who.problem != attributed {
		return c.commit.New // not attributed: denied on its own
	}
	if j.set.Pusher == nil {
		return c.byAgent()
	}
	return c.who.principal == a.who.principal
}

// authorities lists under what the pusher may bring others' changes: its own attribution, and the
// chains of the new commits in the push that it made itself.
func (j *judge) authorities(a *act) []*attribution {
	all := []*attribution{&a.who}
	seen := map[string]bool{a.who.trailer.Digest: true}
	for _, id := range a.update.Carried {
		c := j.byCommit[id]
		if c == nil || !c.commit.New || c.who.problem != attributed || !c.byAgent() || seen[c.who.trailer.Digest] {
			continue
		}
		if j.set.Pusher != nil && c.who.principal != a.who.principal {
			continue
		}
		seen[c.who.trailer.Digest] = true
		all = append(all, &c.who)
	}
	return all
}

// carries judges a commit of somebody else as if the pusher had made it at the ref.
func (j *judge) carries(a, c *act, authorities []*attribution) []verdict.Finding {
	var paths []string
	for _, who := range authorities {
		as := &act{
			judge: j, kind: names.Commit, subject: c.subject, refs: a.refs, seen: a.seen,
			changes: c.changes, commit: c.commit, object: c.object, who: *who, touched: c.touched, facts: a.facts,
		}
		as.facts.Action = names.Commit
		cover := j.covering(as)
		if !who.sound() || len(cover.links)+len(cover.grants)+len(cover.root) > 0 {
			if paths == nil {
				paths = cover.paths()
			}
			continue
		}
		return a.carriedProtected(c)
	}
	f := deny(
		string(a.who.principal)+" brings "+c.name()+" along, which it could not have made",
		"Whoever pushes answers for all of it, and "+string(a.who.principal)+" has no authority for "+what(paths)+".",
		"Have the person whose change it is push it, or leave it out (`git rebase`).",
	)
	if len(paths) > 0 {
		f.Path = paths[0]
	}
	return one(f)
}

// carriedProtected says which protected paths a carried commit changes: they wait for a human,
// whoever made the commit.
func (a *act) carriedProtected(c *act) []verdict.Finding {
	var found []verdict.Finding
	for _, p := range c.paths() {
		pat, ok := a.judge.protects(p)
		if !ok {
			continue
		}
		f := at(verdict.Finding{
			Effect:  verdict.Pending,
			Summary: string(a.who.principal) + " brings " + c.name() + " along, which changes " + show(p),
			Reason:  "A change to " + show(pat) + " that an agent brings in needs a human's approval, whoever made it (settings.protected).",
			Fix:     "Have a human approve it, or have the person whose change it is push it.",
		}, a.judge.policy.Settings.Position)
		f.Path = p
		found = append(found, f)
	}
	return found
}

// paths lists the paths that some link or grant does not cover.
func (c coverage) paths() []string {
	var paths []string
	for _, s := range c.links {
		paths = append(paths, s.paths...)
	}
	for _, g := range c.grants {
		paths = append(paths, g.paths...)
	}
	return paths
}

func what(paths []string) string {
	shown := make([]string, 0, 4)
	for i, p := range paths {
		if i == 3 {
			shown = append(shown, "more")
			break
		}
		shown = append(shown, show(p))
	}
	if len(shown) == 0 {
		return "it"
	}
	return "changes to " + list(shown)
}
