package checker

import (
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// historyIncomplete: an object, a parent or a time that the decision needs is not there.
func historyIncomplete(a *act) []verdict.Finding {
	var found []verdict.Finding
	switch {
	case a.tree:
		return nil // workflow-unjudged says what of it is missing
	case a.commit != nil:
		found = a.unexamined()
	case a.update != nil:
		found = append(gapFindings(a.update.LandingGaps, evidence.GapHistory, a.name()), a.leftOut()...)
	case a.pull != nil:
		found = append(gapFindings(a.pull.Gaps, evidence.GapHistory, a.name()), a.notShown()...)
	case a.step != nil:
		found = gapFindings(a.step.Gaps, evidence.GapHistory, a.name())
	case a.request != nil:
		found = gapFindings(a.request.Gaps, evidence.GapHistory, a.name())
	}
	if (a.who.problem == objectUnread || a.who.problem == notTried) && (a.commit == nil || len(a.commit.Gaps) == 0) {
		found = one(undecided(
			a.name()+" could not be read",
			"Nothing can be said about what nobody has seen.",
			"Fetch it where this check runs.",
		))
	}
	if a.seen.Time.IsZero() && a.who.problem != requestAbsent {
		found = append(found, undecided(
			"it is not known when "+a.name()+" was first seen",
			"A delegation holds between two times, and nobody who is trusted says when this was first seen. A committer's date is no evidence.",
			"Run the check where a clock is known: in the server's hook, or with a forge that records pushes.",
		))
	}
	return found
}

// unexamined says what of a commit was not looked at: then what it changes is not known.
func (a *act) unexamined() []verdict.Finding {
	found := gapFindings(a.commit.Gaps, evidence.GapHistory, a.name())
	parents := a.commit.Parents
	if a.object != nil {
		parents = a.object.Parents
	}
	switch m := a.commit.Merge; {
	case !slices.Equal(parents, a.commit.Parents):
		found = append(found, undecided(
			a.name()+" was not compared with its own parents",
			"What a commit changes is what differs from the parents that it names, and it was compared with others.",
			"Run the check on a repository of which nothing is replaced or grafted.",
		))
	case len(parents) > 1 && (m == nil || !m.Recomputed) && !a.octopusDenied():
		why := "nobody did"
		if m != nil {
			why = told(m.Why)
		}
		found = append(found, undecided(
			"the merge "+shortID(a.subject)+" could not be recomputed",
			"What a merge adds of its own is what differs from the merge of its parents, made again: "+why+".",
			"Use git 2.38 or newer where this check runs, and fetch all parents of the merge.",
		))
	}
	return found
}

// notShown says what commits of a pull request nobody showed: they would come in without being judged.
func (a *act) notShown() []verdict.Finding {
	for _, id := range a.pull.Commits {
		if c := a.judge.byCommit[id]; c != nil && c.commit.New {
			continue
		}
		return one(undecided(
			"commit "+shortID(id)+", which "+a.name()+" brings, was not read",
			"Each commit of a pull request is judged by its own signature.",
			"Fetch it where this check runs.",
		))
	}
	if len(a.pull.Commits) == 0 && len(a.pull.Changes) > 0 || len(a.pull.Commits) > 0 && a.pull.Commits[len(a.pull.Commits)-1] != a.pull.Head {
		return one(undecided(
			"the commits of "+a.name()+" were not read up to its head",
			"Each commit of a pull request is judged by its own signature.",
			"Run the check again.",
		))
	}
	return nil
}

// leftOut says what an update brings that nobody showed: it would come in without being judged.
// Where something is known to be missing, that is said once, for the whole.
func (a *act) leftOut() []verdict.Finding {
	u := a.update
	if u.New == "" || len(a.judge.set.Gaps) > 0 {
		return nil
	}
	what := ""
	switch {
	case u.Object == "tag" && a.judge.tag(u) == nil:
		what = "the tag that " + inert.Word(u.Ref) + " would hold"
	case a.judge.brought[u.Ref] < u.NewCommits:
		what = "a commit that comes in by " + inert.Word(u.Ref)
	default:
		return nil
	}
	return one(undecided(
		what+" was not read",
		"Each new commit and tag is judged by its own signature.",
		"Fetch what is missing where this check runs.",
	))
}
