package checker

import (
	"fmt"
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// causes lists what has to be approved for the act, each of it: the pull requests that hold it, the
// pull request that was merged as a step, all that a request would let through, or the refs that a push
// moves.
func (a *act) causes() []cause {
	switch {
	case a.request != nil:
		return a.requestCauses()
	case a.step != nil:
		// Whoever merges takes no part: that is what those who approve do.
		return []cause{a.judge.stepCause(a.step, []names.Action{a.kind})}
	case len(a.pulls) > 0:
		causes := make([]cause, len(a.pulls))
		for i, pr := range a.pulls {
			causes[i] = a.judge.pullCause(pr, a.approvable())
		}
		return causes
	default:
		return a.updateCauses()
	}
}

// approvable lists the actions that a signed approval of the act may name. An update that is judged
// for what others made is shown as a push and waits for the gates of their commits.
func (a *act) approvable() []names.Action {
	if a.kind == "" {
		return []names.Action{names.Push, names.Commit}
	}
	return []names.Action{a.kind}
}

// pullCause asks for the approval of a pull request.
func (j *judge) pullCause(pr *evidence.PullRequest, actions []names.Action, more ...*attribution) cause {
	return cause{
		name: fmt.Sprintf("pull request #%d", pr.Number), pull: pr, actions: actions,
		head: pr.Head, refs: []string{pr.BaseRef}, inside: pr.Commits, bases: j.place(pr).bases, party: j.partyOf(pr, more...), beside: pr,
	}
}

// stepCause asks for the approval of what a branch got at once: of the pull request that the forge
// recorded for it, where merging that again gives the same.
func (j *judge) stepCause(s *evidence.Step, actions []names.Action, more ...*attribution) cause {
	var c cause
	switch {
	case s.Unread != "":
		c = cause{actions: actions, party: newParty().with("what is asked for", more...)}
		c.party.unknown = append(c.party.unknown, "what was merged as "+shortID(s.Commit)+" could not be learned: "+told(s.Unread))
		j.signers(&c.party, s.Commits, func(*act) bool { return false })
	case s.PullRequest == nil:
		c = cause{actions: actions, party: newParty().with("what is asked for", more...)}
		c.why = shortID(s.Commit) + " is no pull request's merge by the forge's record" + because(s.Why)
		j.signers(&c.party, s.Commits, func(*act) bool { return false })
	case !s.Equal:
		c = j.pullCause(s.PullRequest, actions, more...)
		c.pull, c.why = nil, "merging pull request #"+fmt.Sprint(s.PullRequest.Number)+" again does not give "+shortID(s.Commit)+because(s.Merge.Why)
	default:
		c = j.pullCause(s.PullRequest, actions, more...)
		if why := j.changedInside(s.PullRequest, 0); why != "" {
			c.pull, c.why = nil, why
		}
	}
	for _, pr := range s.Also {
		c.also = append(c.also, pr)
		c.party = c.party.and(j.place(pr).party)
	}
	for _, g := range s.Gaps {
		c.party.unknown = append(c.party.unknown, told(g.What)+" could not be read"+because(g.Detail))
	}
	c.name = "the merge of " + mergedName(s)
	c.head, c.refs, c.inside, c.bases = "", nil, nil, nil // a merge is approved by its reviews, or by the request
	return c
}

// requestCauses ask for the approval of every step that a deploy would bring, and of anything else that
// is asked for by itself. A signed approval that names the request, or the commit and the ref to deploy,
// is one of each step.
func (a *act) requestCauses() []cause {
	r := a.request
	actions := []names.Action{a.kind}
	alone := func(why string) []cause {
		c := cause{name: a.name(), why: why, actions: actions, party: newParty().with("the request", &a.who)}
		return a.bound([]cause{c})
	}
	switch {
	case a.asked == nil:
		return alone("there is no request that could be read")
	case a.kind != names.Deploy:
		return alone("a review is of a pull request, and this is none")
	case r.Newer != "":
		return alone("it does not come after " + shortID(r.Newer) + ", which was deployed: the reviews of back then do not say that this should go")
	case a.judge.set.Surface != evidence.SurfaceForge:
		return alone("") // nobody looks for reviews there
	case !a.stepsLead():
		return alone("what lies between the last deploy and " + shortID(a.asked.Statement.Commit) + " could not be gone through step by step" + because(r.StepsWhy))
	}
	causes := make([]cause, len(r.Steps))
	for i := range r.Steps {
		causes[i] = a.judge.stepCause(&r.Steps[i], actions, &a.who)
	}
	return a.bound(causes)
}

// bound has signed approvals name the request, or what it deploys.
func (a *act) bound(causes []cause) []cause {
	for i := range causes {
		causes[i].environment = a.environment()
		if a.request.Newer != "" {
			causes[i].goesBack, causes[i].since = a.request.Newer, a.request.NewerAt
		}
		if a.asked != nil {
			causes[i].request = a.asked.Digest
		}
		if a.asked != nil && a.kind == names.Deploy {
			causes[i].head, causes[i].refs = a.asked.Statement.Commit, a.refs
		}
	}
	return causes
}

// stepsLead reports whether the steps of a deploy lead, without a hole, to the commit that it is of.
func (a *act) stepsLead() bool {
	r := a.request
	if len(r.Steps) == 0 || r.Steps[len(r.Steps)-1].Commit != a.asked.Statement.Commit {
		return false
	}
	for i := range r.Steps[1:] {
		if r.Steps[i+1].Parent != r.Steps[i].Commit {
			return false
		}
	}
	return r.Deployed == a.asked.Statement.Commit || r.Since == "" || r.Steps[0].Parent == r.Since
}

// updateCauses ask for the approval of what a push puts on each ref of the act. Nobody reviews that on
// a forge: signed approvals alone count.
func (a *act) updateCauses() []cause {
	var causes []cause
	j := a.judge
	for i := range j.set.Updates {
		u := &j.set.Updates[i]
		if u.Delegations || !slices.Contains(a.refs, u.Ref) || a.update != nil && a.update != u {
			continue
		}
		at := j.place(u)
		c := cause{
			name: inert.Word(u.Ref), actions: a.approvable(), why: j.noReviews(),
			head: u.New, was: u.Old, refs: []string{u.Ref}, inside: at.ids, bases: at.bases, party: at.party.with(a.name(), &a.who),
		}
		switch {
		case u.New == "":
			c.head = u.Old // what is deleted
		case u.Begins == "" || a.commit == nil:
		case at.before[a.subject]: // it is there already, and was approved as what came there
			c.head, c.bases, c.inside = u.Begins, at.basesBefore, at.idsBefore
		default:
			c.bases, c.inside = at.basesSince, at.idsSince
		}
		causes = append(causes, c)
	}
	return causes
}

// noReviews says why there are no reviews where nothing is known of a pull request. Off the forge
// nobody looks for one.
func (j *judge) noReviews() string {
	if j.set.Surface != evidence.SurfaceForge {
		return ""
	}
	return "there is no pull request whose reviews could be read"
}

// place is what all that goes to one place has in common: a pull request, or the update of a ref.
type place struct {
	ids   []string // of the commits that go there
	bases []string // that a signed approval may have compared the head with
	party party

	// Of an update that is judged whole while a part of it is at the remote: the ids and bases of that part, and of what
	// is still to be pushed.
	before                  map[string]bool
	idsBefore, idsSince     []string
	basesBefore, basesSince []string
}

// place makes the place of a pull request or an update, once.
func (j *judge) place(of any) *place {
	j.tally.mu.Lock()
	defer j.tally.mu.Unlock()
	if j.tally.places == nil {
		j.tally.places = map[any]*place{}
	}
	if at := j.tally.places[of]; at != nil {
		return at
	}
	at := &place{}
	j.tally.places[of] = at
	switch of := of.(type) {
	case *evidence.PullRequest:
		at.ids, at.party = of.Commits, j.pullParty(of)
		at.bases = j.edge(at.ids, of.Base)
	case *evidence.Update:
		at.ids = j.broughtBy(of)
		at.bases, at.party = j.edge(at.ids, of.Old), j.updateParty(of, at.ids)
		if of.Begins != "" {
			at.before = j.upTo(of.Begins, at.ids)
			for _, id := range at.ids {
				if at.before[id] {
					at.idsBefore = append(at.idsBefore, id)
				} else {
					at.idsSince = append(at.idsSince, id)
				}
			}
			at.basesBefore, at.basesSince = j.edge(at.idsBefore, of.Old), j.edge(at.idsSince, of.Begins)
		}
	}
	return at
}

// upTo is the set of those of some commits that are another one of them or come before it.
func (j *judge) upTo(id string, among []string) map[string]bool {
	known := make(map[string]bool, len(among))
	for _, id := range among {
		known[id] = true
	}
	set := map[string]bool{}
	for todo := []string{id}; len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c := j.byCommit[next]
		if !known[next] || set[next] || c == nil {
			continue
		}
		set[next] = true
		todo = append(todo, c.commit.Parents...)
	}
	return set
}

// broughtBy lists the commits that an update brings to its ref.
func (j *judge) broughtBy(u *evidence.Update) []string {
	ids := slices.Clone(u.Carried)
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	for i := range j.set.Commits {
		if c := &j.set.Commits[i]; c.New && !known[c.ID] && slices.Contains(c.Refs, u.Ref) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// edge lists the commits that a signed approval may have compared a head with: where the ref was, and
// the parents of what comes to it that it has already.
func (j *judge) edge(ids []string, tip string) []string {
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	var bases []string
	add := func(id string) {
		if id != "" && !known[id] {
			known[id] = true
			bases = append(bases, id)
		}
	}
	add(tip)
	for _, id := range ids {
		if c := j.byCommit[id]; c != nil {
			for _, parent := range c.commit.Parents {
				add(parent)
			}
		}
	}
	return bases
}
