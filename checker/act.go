package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

// act is one act under judgement: what was observed, and what attribution concluded.
// Rules read it and never write it.
type act struct {
	judge   *judge
	kind    names.Action // "" for an update that is no act of its own
	subject string
	refs    []string
	seen    evidence.Seen
	changes []evidence.Change

	// One of these is set.
	commit  *evidence.Commit
	tag     *evidence.Tag
	update  *evidence.Update
	pull    *evidence.PullRequest
	step    *evidence.Step
	request *evidence.Request

	pulls []*evidence.PullRequest // those under judgement that hold the act

	object  *gitobject.Commit                          // the parsed commit, nil where it does not parse
	named   *gitobject.Tag                             // the parsed tag, likewise
	opening *delegation.Signed[delegation.PullRequest] // the parsed statement of a pull request, likewise
	asked   *delegation.Signed[delegation.Request]     // the parsed request, likewise
	who     attribution
	touched []*policy.Environment // environments whose paths the act changes
	facts   policy.Facts

	pathList  []string // of changes
	lands     []string // paths that an act without changes of its own puts somewhere; see landing
	waiting   []*policy.Gate
	ballots   []*gateBallot // of waiting, of the default gate and of protected paths
	foreign   bool          // of an update: it brings what others made and its pusher must answer for
	elsewhere bool          // it is what an update puts on its ref and none of its commits changes
	carried   carriage      // of an update that is foreign
	secrets   []string      // shared ones that a change newly reaches
	cover     coverage      // what of the act its grants and its chain do not cover
	flow      *flow         // what it changes in what workflows may do, nil for nothing
	stated    bool          // of a pull request: its signed statement says who answers for it
	tree      bool          // it is one file of a tree of workflows, judged by itself
	foreseen  bool          // nothing was done yet: the chain is judged alone, before it is handed out; see Foresee
}

// acts lists what has to be judged: new commits, tags, and each moved or deleted ref.
func (j *judge) acts() []*act {
	acts := make([]*act, 0, len(j.set.Commits)+len(j.set.Tags)+len(j.set.Updates)+len(j.set.PullRequests))
	holders := j.holders()
	for i := range j.set.Commits {
		c := &j.set.Commits[i]
		a := &act{
			judge: j, kind: names.Commit, subject: c.ID, refs: c.Refs, seen: c.Seen,
			changes: c.Changes, pathList: pathsOf(c.Changes), commit: c, pulls: holders[c.ID],
		}
		a.touched = j.environmentsOf(c.Changes)
		j.byCommit[c.ID] = a
		if !c.New {
			continue // it counts only as part of an update
		}
		acts = append(acts, a)
		for _, ref := range c.Refs {
			j.brought[ref]++
		}
	}
	for i := range j.set.Tags {
		t := &j.set.Tags[i]
		a := &act{judge: j, kind: names.Tag, subject: t.ID, refs: []string{t.Ref}, seen: t.Seen, tag: t}
		j.byTag[t.Ref] = append(j.byTag[t.Ref], a)
		acts = append(acts, a)
	}
	for i := range j.set.Updates {
		u := &j.set.Updates[i]
		if u.Delegations {
			continue // judged as a whole by setRules: it carries no authority of its own
		}
		kind := u.Action()
		if j.set.Surface == evidence.SurfaceCheck && kind != "" {
			kind = "" // a range is judged as if pushed; no ref is moved by looking at it
		}
		a := &act{judge: j, kind: kind, subject: u.Ref, refs: []string{u.Ref}, seen: u.Seen, update: u, flow: newFlow(u.Workflows)}
		if kind == names.Push {
			a.lands, a.touched = pathsOf(u.Landing), j.environmentsOf(u.Landing)
			if u.LongLived { // where others build on it, whoever moves it must be allowed what that brings
				a.changes, a.pathList = u.Landing, a.lands
			}
		}
		acts = append(acts, a)
	}
	for i := range j.set.PullRequests {
		acts = append(acts, j.pullAct(&j.set.PullRequests[i]))
	}
	for i := range j.set.Steps {
		acts = append(acts, j.stepAct(&j.set.Steps[i]))
	}
	for i := range j.set.Requests {
		acts = append(acts, j.requestAct(&j.set.Requests[i]))
	}
	return append(acts, j.treeActs(j.set.Workflows)...)
}

// signedActs are the acts, and the commits below a request beside them: whoever signed one of these
// cannot approve it.
func (j *judge) signedActs(acts []*act) []*act {
	if len(j.set.Requests) == 0 {
		return acts
	}
	all := slices.Clone(acts)
	for i := range j.set.Commits {
		if a := j.byCommit[j.set.Commits[i].ID]; !a.commit.New {
			all = append(all, a)
		}
	}
	return all
}

// holders lists the pull requests that hold each commit.
func (j *judge) holders() map[string][]*evidence.PullRequest {
	holders := map[string][]*evidence.PullRequest{}
	for i := range j.set.PullRequests {
		pr := &j.set.PullRequests[i]
		for _, id := range pr.Commits {
			holders[id] = append(holders[id], pr)
		}
	}
	return holders
}

// pathsOf lists the paths that changes are at.
func pathsOf(changes []evidence.Change) []string {
	paths := make([]string, len(changes))
	for i, c := range changes {
		paths[i] = c.Path
	}
	return paths
}

// environmentsOf lists the environments whose paths the changes touch, in the policy's order.
func (j *judge) environmentsOf(changes []evidence.Change) []*policy.Environment {
	var touched []*policy.Environment
	for _, env := range j.policy.Environments {
		for _, c := range changes {
			if matches(env.Paths, c.Path) {
				touched = append(touched, env)
				break
			}
		}
	}
	return touched
}

// refText is the refs that the act was judged at, for people.
func (a *act) refText() string { return strings.Join(a.refs, ", ") }

// title is the subject line that the actor wrote. It is untrusted text.
func (a *act) title() string {
	message := ""
	switch {
	case a.object != nil:
		message = a.object.Message
	case a.named != nil:
		message = a.named.Message
	case a.pull != nil:
		message = a.pull.Title
	case a.step != nil && a.step.PullRequest != nil:
		message = a.step.PullRequest.Title
	case a.asked != nil:
		message = a.asked.Statement.Reason
	}
	line, _, _ := strings.Cut(message, "\n")
	return line
}

// links is the chain behind the act, as reports show it.
func (a *act) links() []verdict.Link {
	links := make([]verdict.Link, 0, len(a.who.chain))
	for i, l := range a.who.chain {
		links = append(links, verdict.Link{
			Delegator: string(l.Delegator.Name),
			Delegate:  string(l.Delegate.Name),
			Digest:    l.Digest,
			NotAfter:  l.NotAfter,
			Purpose:   l.Purpose,
			Minted:    a.who.minted(i, a.judge.policy),
		})
	}
	return links
}

// leaf is the delegation under which the act was done, nil for none.
func (a *act) leaf() *delegation.Link {
	if len(a.who.chain) == 0 {
		return nil
	}
	return &a.who.chain[len(a.who.chain)-1]
}

// byAgent reports whether an agent did the act, as far as can be told.
// Whoever cannot be named is treated as an agent.
func (a *act) byAgent() bool { return a.who.principal.Kind() != names.Human }
