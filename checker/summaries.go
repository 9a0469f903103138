package checker

// RuleSummary says in one sentence what a rule is about, "" for an id that no rule has. It is the
// first sentence of the rule's page.
func RuleSummary(id string) string {
	for _, s := range summaries() {
		if s.id == id {
			return s.text
		}
	}
	return ""
}

// summary is one rule in one sentence.
type summary struct{ id, text string }

func summaries() []summary {
	return []summary{
		{"approval-expired", "Somebody approved, and that is longer ago than the gate takes, or outside of the time that it was for."},
		{"approval-ineligible", "Somebody approved whose approval does not count for this."},
		{"approval-missing", "A gate asks for somebody's approval, and nobody has given it yet."},
		{"approval-stale", "Somebody approved something else than what is there now."},
		{"backdated", "The committer's date and the time at which the commit was first seen tell different stories."},
		{"carried-change", "A push brings in what somebody else made, and whoever pushes could not have made it."},
		{"changes-requested", "A reviewer whose approval would count asks for changes."},
		{"delegation-expired", "A delegation had ended when the act was first seen."},
		{"delegation-forged", "A delegation is not signed by whoever it says it is from."},
		{"delegation-malformed", "A delegation, or the line that names it, is not in the one form that is accepted."},
		{"delegation-missing", "An agent acted without saying on whose behalf."},
		{"delegation-not-yet-valid", "The act was seen before a delegation of its chain begins."},
		{"delegation-ref", "A push would put something else under refs/remit/ than the delegation or approval that belongs there."},
		{"delegation-revoked", "A delegation, or an agent that it went through, was taken back."},
		{"delegation-spliced", "Two delegations that do not belong together were put into one chain."},
		{"delegation-too-deep", "A delegation was passed on more often than its delegator allowed."},
		{"delegation-too-long", "A delegation lasts longer than the policy lets it."},
		{"delegation-unresolved", "The commit names a delegation that cannot be found."},
		{"delegation-widened", "A delegation gives more than its delegator had to give."},
		{"delegation-wrong-repository", "A delegation is for another repository."},
		{"delegator-not-allowed", "Somebody delegated to an agent to whom the policy does not let them delegate."},
		{"deploy-ref", "A commit is to be deployed from where the policy does not let it be, or does not come after what was deployed."},
		{"deploy-ungated", "A job of an environment that a gate is for does not begin with the gate, or gets around it."},
		{"environment-dynamic", "Which environment a job runs in cannot be known before it runs."},
		{"environment-undeclared", "A request or a workflow's job is for an environment that the policy does not have."},
		{"evil-merge", "A merge commit changes something that none of its parents has."},
		{"forbidden", "A forbid of the policy matches, and nothing lifts it."},
		{"forge-unattributed", "The forge names an account, and nobody on the policy has it."},
		{"history-incomplete", "Something that the decision needs could not be read, so nothing was decided."},
		{"identity-mismatch", "A commit names somebody else as author, committer or co-author than the one who signed it."},
		{"key-not-allowed", "The signature is made with a key that its maker may not use for this."},
		{"key-revoked", "A key behind the act was revoked."},
		{"limit-exceeded", "There is more to judge than one check takes, so nothing was decided."},
		{"mode-change", "An agent adds or changes a symlink, a submodule or an executable file, and its grant does not say that it may."},
		{"not-granted", "No single grant of the policy covers everything that the act does."},
		{"octopus-merge", "A merge has more than two parents."},
		{"path-unsafe", "A path means one thing here and another on somebody else's file system or screen."},
		{"permissions-widened", "A change gives a job's token more, starts a workflow by more events, or lets a job reach more secrets."},
		{"policy-lost", "A ref that its own policy rules would be left without one that can be read, or that somebody could change."},
		{"policy-repository", "The policy is for another repository than the one that is judged."},
		{"protected-path", "An agent changes a file that governs what agents may do."},
		{"pusher-unknown", "A ref is deleted, forced or moved, and nobody on the policy is known to have asked for it."},
		{"ref-unsafe", "A branch or tag has a name, or would hold something, that two readers take for two things."},
		{"request-expired", "A request is used outside of the minutes that it is for."},
		{"request-mismatch", "A signed statement is used for something else than what it says."},
		{"request-missing", "Something is to be done that takes a signed request, and there is none."},
		{"request-replayed", "A request was used before."},
		{"scope-action", "A delegation does not cover this kind of act."},
		{"scope-branch", "A delegation does not cover this branch or tag."},
		{"scope-environment", "A delegation does not cover an environment whose files the commit changes."},
		{"scope-path", "A delegation does not cover a file that the commit changes."},
		{"secret-cross-environment", "A job reaches a secret that the policy lists for other environments than the one that it runs in."},
		{"secret-dynamic", "Which secrets a job reaches cannot be known before it runs."},
		{"secret-inherited", "A job hands all secrets to a workflow that was not read."},
		{"secret-undeclared", "A job reaches a secret that no list of the policy has."},
		{"signature-invalid", "The signature does not fit what it is said to sign."},
		{"signature-malformed", "A commit, a tag or its signature is not in the one form that is accepted."},
		{"statement-malformed", "A signed request or pull request is not in the one form that is accepted."},
		{"trigger-unsafe", "An event that anybody can cause runs a stranger's code or text with the repository's rights."},
		{"unknown-key", "The signature is good, and nobody on the policy has its key."},
		{"unsigned", "A commit or tag is not signed, so that nobody can be named for it."},
		{"workflow-unjudged", "Something of a workflow file could not be worked out, or nothing leads to it."},
	}
}
