package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

// carriedChange: whoever pushes answers for the whole of what the push brings to a ref, what others
// made included. An agent that carries somebody else's change must be allowed to make it.
func carriedChange(a *act) []verdict.Finding {
	if len(delegationMissing(a)) > 0 {
		return nil // it names nothing that it could bring anything under, which denies already
	}
	var found []verdict.Finding
	for _, id := range a.carried.missing {
		found = append(found, undecided(
			"commit "+shortID(id)+", which "+a.name()+" brings along, was not read",
			a.answers()+".",
			"Fetch the commit where the check runs.",
		))
	}
	for _, c := range a.carried.acts {
		found = append(found, a.carries(c)...)
	}
	return limit(found)
}

// carriage is what an update brings along that somebody else made.
type carriage struct {
	acts        []*act         // as if the pusher did them at the update's ref; nobody is named yet
	missing     []string       // ids of commits that the evidence does not have
	authorities []*attribution // those that the pusher may bring it under
	ownPaths    []string       // what [act.ownPaths] found; nil until it looked
}

// carriedBy makes the carriage of an update.
func (j *judge) carriedBy(a *act) carriage {
	c := carriage{authorities: j.authorities(a)}
	whole := j.whole
	refs := a.refs
	if a.pull != nil {
		refs = []string{a.pull.HeadRef} // a commit is judged where it comes in
	}
	for _, id := range j.foreign(a) {
		made := j.byCommit[id]
		if made == nil {
			c.missing = append(c.missing, id)
			continue
		}
		as := &act{
			judge: j, kind: names.Commit, subject: made.subject, refs: refs, seen: a.seen, pulls: a.pulls,
			changes: made.changes, pathList: made.pathList, touched: made.touched, commit: made.commit, object: made.object,
		}
		if !made.commit.New { // it was judged when it came in, and is not counted yet
			as.object = j.oldObject(made)
			whole = addCounts(whole, as.changes, as.commit.Lines)
		}
		c.acts = append(c.acts, as)
	}
	for _, tag := range j.foreignTags(a) {
		c.acts = append(c.acts, &act{
			judge: j, kind: names.Tag, subject: tag.subject, refs: a.refs, seen: a.seen, tag: tag.tag, named: tag.named,
		})
	}
	if landed := j.landed(a); len(landed) > 0 {
		c.acts = append(c.acts, &act{
			judge: j, kind: names.Commit, subject: a.subject, refs: refs, seen: a.seen, elsewhere: true,
			changes: landed, pathList: pathsOf(landed), touched: j.environmentsOf(landed),
		})
	}
	for _, as := range c.acts {
		as.facts = as.factsOf(whole)
	}
	return c
}

// oldObject is what a commit says that was judged when it came in; nothing where it is malformed.
func (j *judge) oldObject(made *act) *gitobject.Commit {
	if known, ok := j.old.Load(made); ok {
		return known.(*gitobject.Commit)
	}
	object, err := gitobject.ParseCommit(made.commit.Raw)
	if err != nil {
		object = nil
	}
	j.old.Store(made, object)
	return object
}

// landed lists what an update changes at a long-lived ref and none of the commits that it brings does: what
// others put elsewhere, on the default branch say, and whoever pushes puts here. On any other ref such a
// change is catching up, and nobody's.
func (j *judge) landed(a *act) []evidence.Change {
	if a.update == nil || !a.update.LongLived || a.kind == names.Push || a.kind == names.Delete ||
		a.who.problem == pusherUnattested || a.who.problem == pusherUnlisted {
		return nil // a push is held against all of it as it is
	}
	changed := map[string]bool{}
	for _, id := range j.broughtBy(a.update) {
		if c := j.byCommit[id]; c != nil {
			for _, p := range c.pathList {
				changed[p] = true
			}
		}
	}
	var landed []evidence.Change
	for _, c := range a.update.Landing {
		if !changed[c.Path] {
			landed = append(landed, c)
		}
	}
	return landed
}

// foreign lists the commits that an update brings and that do not answer for themselves.
func (j *judge) foreign(a *act) []string {
	if a.who.problem == pusherUnattested || a.who.problem == pusherUnlisted {
		return nil // the head has nobody's name, or pusher-unknown denies: nothing is let through
	}
	var ids []string
	for _, id := range a.brings() {
		if c := j.byCommit[id]; c == nil || !j.answersForItself(a, c) {
			ids = append(ids, id)
		}
	}
	return ids
}

// foreignTags lists the tags that an update brings and that somebody else than its pusher signed:
// an agent that pushes a human's tag to where the human never pushed it makes the release.
func (j *judge) foreignTags(a *act) []*act {
	if a.update == nil || j.set.Pusher == nil || a.who.problem == pusherUnattested || a.who.problem == pusherUnlisted {
		return nil
	}
	var tags []*act
	for _, t := range j.byTag[a.update.Ref] {
		if t.who.problem == attributed && t.who.principal != a.who.principal {
			tags = append(tags, t)
		}
	}
	return tags
}

// answersForItself reports whether a carried commit was judged on its own under an authority that
// the pusher has anyway: the pusher's own new commits, and where nobody attests who pushes anything, those of
// every agent in the push. A server that names who pushes, and did not this time, lends nobody's authority.
func (j *judge) answersForItself(a, c *act) bool {
	if !c.commit.New || c.who.problem != attributed {
		return c.commit.New // not attributed: denied on its own
	}
	if j.set.Pusher == nil && a.pull == nil && j.set.PusherUnsaid == "" {
		return c.byAgent()
	}
	return c.who.principal == a.who.principal
}

// brings lists the commits that an update or a pull request brings to a ref.
func (a *act) brings() []string {
	switch {
	case a.update != nil:
		return a.update.Carried
	case a.pull != nil:
		return a.pull.Commits
	default:
		return nil
	}
}

// authorities lists under what the pusher may bring others' changes: its own attribution, and the
// chains of the new commits in the push that it made itself.
func (j *judge) authorities(a *act) []*attribution {
	all := []*attribution{&a.who}
	seen := map[string]bool{a.who.trailer.Digest: true}
	for _, id := range a.brings() {
		c := j.byCommit[id]
		if c == nil || !c.commit.New || c.who.problem != attributed || c.who.principal != a.who.principal || seen[c.who.trailer.Digest] {
			continue
		}
		seen[c.who.trailer.Digest] = true
		all = append(all, &c.who)
	}
	return all
}

// carries judges what somebody else made as if the pusher had made it at the ref.
func (a *act) carries(c *act) []verdict.Finding {
	if c.commit != nil {
		if found := append(c.unexamined(), limitExceeded(c)...); len(found) > 0 {
			return found
		}
	}
	var paths []string
	var forbids []verdict.Finding
	var short *coverage // of the first authority, which the pusher named
	for _, who := range a.carried.authorities {
		as := c.by(who)
		// A pull request is covered as a whole, by what it changes in all.
		var cover coverage
		if a.pull == nil {
			cover = a.judge.covering(as)
		}
		if c.elsewhere && !cover.none() { // or as a push
			push := c.by(who)
			push.kind = names.Push
			if other := a.judge.covering(push); other.none() {
				as, cover = push, other
			}
		}
		if short == nil && who.sound() {
			short = &cover
		}
		if !who.sound() || !cover.none() {
			if paths == nil {
				paths = cover.paths()
			}
			continue
		}
		if forbids = forbidden(as); len(forbids) > 0 {
			continue
		}
		if a.pull != nil {
			return nil
		}
		return append(pathUnsafe(as), a.carriedProtected(c)...)
	}
	f := deny(
		string(a.who.principal)+" brings "+c.name()+" along, which it could not have made",
		a.answers()+", and "+string(a.who.principal)+" has no authority for "+what(paths)+".",
		a.leaveOut(c),
	)
	if c.elsewhere {
		f.Summary = string(a.who.principal) + " puts changes onto " + inert.Word(a.update.Ref) + " that others put elsewhere"
		f.Reason = a.answers() + ", and " + string(a.who.principal) + " may neither commit " + what(paths) + " to " +
			inert.Word(a.update.Ref) + " nor put them there with the action push."
		f.Fix = "Push only commits that are made on top of " + inert.Word(a.update.Ref) + " (`git cherry-pick` onto it), or have somebody bring them there who may."
	}
	if a.own(c) {
		to := inert.Word(a.update.Ref)
		f.Summary = string(a.who.principal) + " brings " + c.name() + " of its own to " + to + ", and has no authority for it there"
		f.Reason = "It made it under another authority than it pushes with, or for other branches: what it pushes with does not cover " + what(paths) + " at " + to + "."
		f.Fix = a.lacking(short)
		if len(forbids) > 0 {
			f.Fix = "Leave it out: nothing lifts a forbid."
		}
	}
	if len(paths) > 0 {
		f.Path = paths[0]
	}
	if len(forbids) > 0 {
		f.Reason = a.answers() + ", and " + forbids[0].Summary + ". " + forbids[0].Reason
		f.Path, f.Location = forbids[0].Path, forbids[0].Location
	}
	return one(f)
}

// own reports whether what an update carries is a commit that its pusher made itself, by its signature.
func (a *act) own(c *act) bool {
	if c.commit == nil || a.update == nil || c.elsewhere {
		return false
	}
	made := a.judge.made(c.commit.ID)
	return made != nil && made.who.sound() && made.who.principal == a.who.principal
}

// lacking says what it takes to bring commits of one's own to another ref, by what a pusher's authority lacks of it.
// A tag is such a ref: what is released from there is not what an agent has on a branch of its own.
func (a *act) lacking(c *coverage) string {
	ref, tag := inert.Word(a.update.Ref), strings.HasPrefix(a.update.Ref, "refs/tags/")
	where := "branches for " + ref
	if paths := a.ownPaths(); len(paths) > 0 {
		where += " and paths for " + list(paths)
	}
	var fix []string
	if c == nil || len(c.links) > 0 {
		ask := "ask for one"
		if c != nil {
			ask = "ask " + string(c.links[0].link.Delegator.Name) + " for one"
		}
		fix = append(fix, "Name a delegation with the push that covers it there (`git push -o delegation=DIGEST …`), or "+ask+
			": of the action commit, with "+where+" (--action commit --branch … --path …).")
	}
	if c != nil {
		for _, g := range slices.Concat(c.grants, c.root) {
			fix = append(fix, "Have a maintainer add a grant to "+string(g.who)+" of the action commit, with "+where+": the policy has none that covers them.")
		}
	}
	if tag {
		fix = append(fix, "Without that, tag a commit that the default branch has: that takes the action tag alone.")
	}
	return strings.Join(fix, " ")
}

// ownPaths are the first of the paths that the commits change which an update carries and its pusher made. They are the
// same for each of these, so that a report says once what all of them lack.
func (a *act) ownPaths() []string {
	const (
		most  = 3
		looks = 100 // commits whose signatures are verified for it
	)
	if a.carried.ownPaths != nil {
		return a.carried.ownPaths
	}
	paths := []string{}
	for i, c := range a.carried.acts {
		if i == looks || len(paths) > most {
			break
		}
		if !a.own(c) {
			continue
		}
		for _, p := range c.pathList {
			if word := inert.Word(p); !slices.Contains(paths, word) && len(paths) <= most {
				paths = append(paths, word)
			}
		}
	}
	if len(paths) > most {
		paths[most] = "more"
	}
	a.carried.ownPaths = paths
	return paths
}

// answers says who answers for what comes along.
func (a *act) answers() string {
	if a.pull != nil {
		return "Whoever opens a pull request answers for all of it"
	}
	return "Whoever pushes answers for all of it"
}

// leaveOut says how to do without what an act carries.
func (a *act) leaveOut(c *act) string {
	how := "leave it out (`git rebase`)."
	if c.commit != nil {
		if before, at, ok := a.broughtInAt(c.commit.ID); ok {
			how = "leave it out: `git rebase --rebase-merges --onto " + shortID(before) + " " + shortID(at) + "`."
		}
	}
	if a.pull != nil {
		return "Have the person whose change it is open the pull request, or " + how
	}
	return "Have the person whose change it is push it, or " + how
}

// broughtInAt finds the commit of a branch's own line (first parents) with which an older one came to it: that one
// itself, or a merge of it; and what was there before. False where the evidence does not reach that far.
func (a *act) broughtInAt(id string) (before, at string, ok bool) {
	var head string
	var ids []string
	switch {
	case a.update != nil:
		head, ids = a.update.New, a.judge.broughtBy(a.update)
	case a.pull != nil:
		head, ids = a.pull.Head, a.pull.Commits
	}
	brought := make(map[string]*evidence.Commit, len(ids))
	for _, id := range ids {
		if made := a.judge.byCommit[id]; made != nil {
			brought[id] = made.commit
		}
	}
	for next := head; brought[next] != nil && len(brought[next].Parents) > 0; {
		c := brought[next]
		delete(brought, next) // the line goes on, whatever a merge's other parents lead to
		if next == id || reachesAmong(brought, c.Parents[1:], id) {
			before, at, ok = c.Parents[0], next, true
		}
		next = c.Parents[0]
	}
	return before, at, ok
}

// reachesAmong reports whether some commits lead to another one, through those given alone.
func reachesAmong(commits map[string]*evidence.Commit, from []string, to string) bool {
	seen := map[string]bool{}
	for todo := slices.Clone(from); len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c := commits[id]; c != nil && !seen[id] {
			seen[id] = true
			todo = append(todo, c.Parents...)
		}
	}
	return seen[to]
}

// by is the act as if somebody did it.
func (a *act) by(who *attribution) *act {
	as := *a
	as.who = *who
	return &as
}

// gates lists the gates that match what an update brings along.
func (c *carriage) gates() []*policy.Gate {
	var gates []*policy.Gate
	for _, made := range c.acts {
		for _, who := range c.authorities {
			for _, g := range made.by(who).gates() {
				if !slices.Contains(gates, g) {
					gates = append(gates, g)
				}
			}
		}
	}
	return gates
}

// carriedProtected says which protected paths a carried commit changes: they wait for a human,
// whoever made the commit.
func (a *act) carriedProtected(c *act) []verdict.Finding {
	var found []verdict.Finding
	for _, change := range c.changes {
		pat, ok := a.judge.protectedBy(change)
		if !ok {
			continue
		}
		summary := string(a.who.principal) + " brings " + c.name() + " along, which changes " + inert.Word(change.Path)
		if c.elsewhere {
			summary = string(a.who.principal) + " puts a change to " + inert.Word(change.Path) + " onto " + inert.Word(a.update.Ref)
		}
		found = append(found, a.protectedFinding(change.Path, summary,
			"A change to "+inert.Word(pat)+" that an agent brings in needs a human's approval, whoever made it (settings.protected)."))
	}
	return found
}

// none reports whether nothing is lacking.
func (c coverage) none() bool { return len(c.links)+len(c.grants)+len(c.root) == 0 }

// paths lists some of the paths that a link or grant does not cover, or not with such a mode.
func (c coverage) paths() []string {
	var paths []string
	add := func(p string) {
		if !slices.Contains(paths, p) && len(paths) < maxListed {
			paths = append(paths, p)
		}
	}
	for _, s := range c.links {
		for _, p := range s.paths {
			add(p)
		}
	}
	for _, g := range c.grants {
		for _, p := range g.paths {
			add(p)
		}
		for _, m := range g.modes {
			add(m.path)
		}
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
		shown = append(shown, inert.Word(p))
	}
	if len(shown) == 0 {
		return "it"
	}
	return "changes to " + list(shown)
}
