package checker

import (
	"cmp"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// policyLost: a ref whose own policy rules it would be left without one that can be read, or with one that nobody
// could change. Nothing could be decided there after that, or nothing else, so that nobody could put it back.
func policyLost(a *act) []verdict.Finding {
	var found []verdict.Finding
	for i := range a.judge.set.Updates {
		if u := &a.judge.set.Updates[i]; u.Policy != nil {
			found = append(found, lost(u.Ref, u.Policy, "push")...)
		}
	}
	for i := range a.judge.set.PullRequests {
		if pr := &a.judge.set.PullRequests[i]; pr.Policy != nil {
			found = append(found, lost(pr.BaseRef, pr.Policy, "merge")...)
		}
	}
	for i := range a.judge.set.Steps {
		if s := &a.judge.set.Steps[i]; s.Policy != nil && s.PullRequest != nil {
			found = append(found, lost(s.PullRequest.BaseRef, s.Policy, "merge")...)
		}
	}
	return limit(found)
}

func lost(ref string, left *evidence.PolicyLeft, act string) []verdict.Finding {
	reason := ""
	switch left.State {
	case evidence.PolicyKept:
		return nil
	case evidence.PolicyUnread:
		where := "the default branch"
		if left.Base {
			where = inert.Word(ref)
		}
		fix := sentence(cmp.Or(left.Fix, "try again where it can be read"))
		f := undecided("it is not known whether "+where+" would be left with a policy that can be read",
			"The policy that the "+act+" brings could not be read: "+told(strings.TrimSuffix(left.Detail, "."))+".", fix)
		f.Path = policy.FileName
		return []verdict.Finding{f}
	case evidence.PolicyLocked:
		return []verdict.Finding{locked(ref, left, act)}
	case evidence.PolicyInvalid:
		reason = "The policy that the " + act + " brings is not valid: " + told(strings.TrimSuffix(left.Detail, ".")) + "."
	case evidence.PolicyOfOther:
		reason = "The policy that the " + act + " brings is for another repository: " + told(left.Detail) + "."
	case evidence.PolicyRefDeleted:
		if left.Base {
			return nil // whoever may delete a base takes its policy with it
		}
		reason = "The " + act + " deletes the default branch, and the policy with it: nothing could be decided after that."
	default:
		reason = "The " + act + " " + withoutPolicy(ref, left) + ", and nothing would say what is allowed after that."
	}
	where, keep := "the default branch", "Keep"
	if left.Base {
		where = inert.Word(ref)
	}
	summary := where + " would be left without a policy that can be read"
	if left.Created {
		summary, keep = where+" would be made without a policy that can be read", "Bring"
	}
	f := deny(summary, reason, keep+" a valid "+policy.FileName+". To stop blocking, set mode = \"observe\" in it.")
	if left.Base {
		f = deny(summary, reason+" The default branch's policy lists the branch in settings.bases, so that its own policy rules it.",
			keep+" a valid "+policy.FileName+" there, or have a maintainer take the branch out of settings.bases first.")
	}
	if left.State == evidence.PolicyRefDeleted {
		f = deny("the default branch would be deleted, and the policy with it", reason,
			"Leave it. Where another branch is to take its place, have whoever administers the server make that the default one first.")
	}
	if left.State == evidence.PolicyOfOther {
		f.Fix += " Before a repository is renamed, merge one with repositories = [old name, new name] or with its repository_id; after it, one with the new name."
	}
	f.Path = policy.FileName
	return []verdict.Finding{f}
}

// takeover is what an act leaves of a policy where it is judged as if that enforced although it observes; nil where no
// act does.
func (j *judge) takeover() *evidence.PolicyLeft {
	if !j.policy.Settings.Observe {
		return nil
	}
	var all []*evidence.PolicyLeft
	for i := range j.set.Updates {
		all = append(all, j.set.Updates[i].Policy)
	}
	for i := range j.set.PullRequests {
		all = append(all, j.set.PullRequests[i].Policy)
	}
	for i := range j.set.Steps {
		all = append(all, j.set.Steps[i].Policy)
	}
	for _, left := range all {
		if left != nil && left.Takeover != "" {
			return left
		}
	}
	return nil
}

// takenOver says why something blocks though the policy observes.
func takenOver(a *act) []verdict.Finding {
	left := a.judge.takeover()
	if left == nil {
		return nil
	}
	f := deny("this is judged as if the policy enforced, though it observes",
		"It changes what blocks from then on, or who decides that. Of the "+policy.FileName+" that it brings: "+left.Takeover+".",
		"Leave that change of "+policy.FileName+" out, and nothing is blocked. A human of the policy in force makes it, in a commit that they sign and push by itself; "+
			"an agent's waits until a human approves it as said here.")
	f.Effect, f.Path = verdict.Warn, policy.FileName
	return []verdict.Finding{f}
}

// withoutPolicy says, as what an act does, how a ref comes to have no policy.
func withoutPolicy(ref string, left *evidence.PolicyLeft) string {
	switch {
	case left.Created:
		return "makes " + inert.Word(ref) + " without a " + policy.FileName
	case left.Lacked:
		return "brings no " + policy.FileName + ", and " + inert.Word(ref) + " has none"
	default:
		return "removes " + policy.FileName
	}
}

// locked denies a policy that nobody could change.
func locked(ref string, left *evidence.PolicyLeft, act string) verdict.Finding {
	where := "the default branch"
	if left.Base {
		where = inert.Word(ref)
	}
	f := deny("nobody could change the policy of "+where+" any more",
		"With the policy that the "+act+" brings nobody could change it, or take it back: "+told(strings.TrimSuffix(left.Detail, "."))+".",
		policy.LockoutFix+" `remit policy validate` says whether it can be changed.")
	f.Path = policy.FileName
	return f
}
