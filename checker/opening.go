package checker

import (
	"fmt"
	"slices"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// attributePull says who answers for a pull request as a whole: whoever signed its opening; without
// that, an agent whose commits it has; and where there is no agent, the account that opened it.
func (j *judge) attributePull(a *act) {
	pr, w := a.pull, &a.who
	switch {
	case pr.StatementWhy != "":
		w.fail(statementMalformed, "%s", pr.StatementWhy)
		return
	case pr.Statement != nil:
		a.opening = attributeStatement[delegation.PullRequest](j, w, pr.Statement)
		a.stated = a.opening != nil
		a.opened()
		return
	}
	if c := j.agentIn(pr); c != nil {
		a.answersAs(c, "no signed statement")
		return
	}
	if w.block = j.owner(pr.Author); w.block == nil {
		w.fail(accountUnlisted, "%s opened it, and no principal of the policy has that account", accountName(pr.Author))
		return
	}
	w.principal, w.problem = w.block.Name, attributed
	w.evidence = fmt.Sprintf("the forge's word: %q opened it", pr.Author.Login)
}

// agentIn is the newest commit of a pull request that an agent signed, nil for none.
func (j *judge) agentIn(pr *evidence.PullRequest) *act {
	for _, id := range slices.Backward(pr.Commits) {
		if c := j.byCommit[id]; c != nil && c.who.problem == attributed && c.who.principal.Kind() == names.Agent {
			return c
		}
	}
	return nil
}

// opened says of what time a pull request is that carries a signed statement, and who answers for it where
// the statement does no more. A statement has no time that anybody can trust: it is of the pull request's
// creation, unless it cannot have been there yet.
func (a *act) opened() {
	if a.opening == nil || a.who.problem != attributed {
		return
	}
	for _, push := range slices.Backward(a.pull.Pushes) { // the oldest first
		if push.After == a.opening.Statement.Head {
			a.movedTo(pushOf(push.After, push))
			break
		}
	}
	a.movedToBeginning()
	if at := a.opening.Statement.At; a.pastEnd(at) { // against its signer what it says counts
		a.movedTo(evidence.Seen{Time: at, By: "what the signed statement says"})
	}
	if a.pastEnd(a.seen.Time) {
		return // it never counted
	}
	// It goes on counting for what its signer pushes while its delegation holds. What the same agent pushes
	// later is under another delegation, which must do for a pull request.
	for _, c := range slices.Backward(a.beyondSigned()) {
		if c.who.problem == attributed && c.who.principal == a.who.principal && a.pastEnd(c.seen.Time) {
			a.answersAs(c, "its signed statement does not count for what was pushed after its delegation had ended")
			return
		}
	}
}

// answersAs makes the maker of a commit answer for a pull request, as of the push of that commit where
// that came after its creation.
func (a *act) answersAs(c *act, why string) {
	a.who, a.stated = c.who, false
	a.who.evidence = why + "; judged as by " + string(c.who.principal) + ", who signed " + c.name()
	if c.commit.Push != nil {
		a.movedTo(pushOf(c.subject, *c.commit.Push))
		return
	}
	a.movedToBeginning() // that the push is not known is for the commit's own act to say
}

func pushOf(commit string, push evidence.Push) evidence.Seen {
	return evidence.Seen{Time: push.At, By: "the push of " + shortID(commit) + ", by the activity log"}
}

// movedTo moves the time of a pull request on, never back.
func (a *act) movedTo(seen evidence.Seen) {
	if !a.seen.Time.IsZero() && seen.Time.After(a.seen.Time) {
		a.seen, a.facts.Time = seen, seen.Time
	}
}

// movedToBeginning moves the time of a pull request on to where the delegations begin that it names, and
// never beyond now: what names a delegation was not made before it was.
func (a *act) movedToBeginning() {
	for i := range a.who.chain {
		begins := evidence.Seen{Time: a.who.chain[i].NotBefore, By: "the beginning of its delegation"}
		if begins.Time.After(a.judge.set.At) {
			begins = evidence.Seen{Time: a.judge.set.At, By: a.judge.set.AtSource}
		}
		a.movedTo(begins)
	}
}

// pastEnd reports whether a delegation behind a pull request had ended at a time.
func (a *act) pastEnd(t time.Time) bool {
	return slices.ContainsFunc(a.who.chain, func(l delegation.Link) bool {
		return l.StateAt(t, a.judge.policy.Settings.ClockSkew) == delegation.Expired
	})
}

// beyondSigned lists the commits that a pull request brings and that the head does not reach which its
// statement signs.
func (a *act) beyondSigned() []*act {
	there := map[string]bool{}
	for todo := []string{a.opening.Statement.Head}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c := a.judge.byCommit[id]; c != nil && !there[id] {
			todo = append(todo, c.commit.Parents...)
		}
		there[id] = true
	}
	var beyond []*act
	for _, id := range a.pull.Commits {
		if c := a.judge.byCommit[id]; c != nil && !there[id] {
			beyond = append(beyond, c)
		}
	}
	return beyond
}

// openingMismatch says in what a pull request is not the one that its statement is for, "" for nothing.
func (a *act) openingMismatch() string {
	c, pr := a.opening.Statement, a.pull
	if err := c.ForRepository(a.judge.set.Repository, a.judge.repositoryID()); err != nil {
		return err.Error()
	}
	switch {
	case c.BaseRef != pr.BaseRef:
		return "it is for the base " + inert.Word(c.BaseRef) + ", and the base is " + inert.Word(pr.BaseRef)
	case c.HeadRef != pr.HeadRef:
		return "it is for the branch " + inert.Word(c.HeadRef) + ", and the pull request is of " + inert.Word(pr.HeadRef)
	case c.Head == pr.Head:
		return ""
	case a.judge.policy.Settings.PinHead:
		return "it signs the head " + shortID(c.Head) + ", the head is " + shortID(pr.Head) + ", and the policy asks for a new signature after each push (pin_head)"
	case !slices.Contains(pr.Commits, c.Head):
		return "it signs the head " + shortID(c.Head) + ", which is no ancestor of the head " + shortID(pr.Head)
	case !pr.PushesUnread && !wasTip(pr, c.Head):
		return "it signs the head " + shortID(c.Head) + ", and no push brought " + inert.Word(pr.HeadRef) + " there, by the activity log"
	}
	if other := a.othersBeyond(); other != nil {
		return "it signs the head " + shortID(c.Head) + ", after which came " + other.name() + " by " + string(other.who.principal) +
			"; of later pushes a signer answers for none but their own"
	}
	return ""
}

// wasTip reports whether the log of pushes knows a commit as the tip of a pull request's branch.
func wasTip(pr *evidence.PullRequest, commit string) bool {
	return slices.ContainsFunc(pr.Pushes, func(p evidence.Push) bool { return p.After == commit || p.Before == commit })
}

// othersBeyond is a commit that somebody else than the signer of a pull request's statement added to what
// the statement signs, nil for none. Merging the base in adds nothing.
func (a *act) othersBeyond() *act {
	if a.who.problem != attributed {
		return nil // nobody is named whose it could be
	}
	for _, c := range a.beyondSigned() {
		if c.who.problem == attributed && c.who.principal != a.who.principal &&
			(!sameMerge(c.commit) || !a.judge.bringsBase(a.pull, c.commit)) {
			return c
		}
	}
	return nil
}
