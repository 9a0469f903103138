// Package checker judges evidence against a policy.
//
// [Check] is pure and total: it reads no clock, file, network or environment, it gives the same
// report for the same input, and it gives one for every input. What it does not know it denies,
// or calls undecided where something that it should have been told is missing.
//
// How it goes: each act is attributed to a principal and its chain of delegations (attribute.go),
// what these do not cover is worked out (coverage.go), and then every rule looks at it. One rule is one file, rule_<id>.go, and its
// page is docs/rules/<id>.md. A rule returns findings and never sees what other rules found;
// all findings are reported, and the worst decides.
package checker

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// rule is one rule: its stable id, and what it finds wrong with an act.
type rule struct {
	id    string
	judge func(*act) []verdict.Finding
}

// rules lists every rule that judges acts, in the order in which a report shows their findings:
// who acted, on what authority, what was done, and then what waits for approval.
func rules() []rule {
	return []rule{
		{"limit-exceeded", limitExceeded},
		{"history-incomplete", historyIncomplete},
		{"unsigned", unsigned},
		{"signature-malformed", signatureMalformed},
		{"signature-invalid", signatureInvalid},
		{"unknown-key", unknownKey},
		{"key-not-allowed", keyNotAllowed},
		{"pusher-unknown", pusherUnknown},
		{"forge-unattributed", forgeUnattributed},
		{"request-missing", requestMissing},
		{"statement-malformed", statementMalformedRule},
		{"request-mismatch", requestMismatch},
		{"request-expired", requestExpired},
		{"request-replayed", requestReplayed},
		{"key-revoked", keyRevoked},
		{"delegation-missing", delegationMissing},
		{"delegation-unresolved", delegationUnresolved},
		{"delegation-malformed", delegationMalformed},
		{"delegation-forged", delegationForged},
		{"delegation-spliced", delegationSpliced},
		{"delegation-wrong-repository", delegationWrongRepository},
		{"delegator-not-allowed", delegatorNotAllowed},
		{"delegation-widened", delegationWidened},
		{"delegation-too-deep", delegationTooDeep},
		{"delegation-too-long", delegationTooLong},
		{"delegation-revoked", delegationRevoked},
		{"delegation-not-yet-valid", delegationNotYetValid},
		{"delegation-expired", delegationExpired},
		{"backdated", backdated},
		{"ref-unsafe", refUnsafe},
		{"workflow-unjudged", workflowUnjudged},
		{"environment-undeclared", environmentUndeclared},
		{"environment-dynamic", environmentDynamic},
		{"secret-cross-environment", secretCrossEnvironment},
		{"secret-undeclared", secretUndeclared},
		{"secret-dynamic", secretDynamic},
		{"secret-inherited", secretInherited},
		{"deploy-ungated", deployUngated},
		{"trigger-unsafe", triggerUnsafe},
		{"permissions-widened", permissionsWidened},
		{"deploy-ref", deployRef},
		{"scope-action", scopeAction},
		{"scope-branch", scopeBranch},
		{"scope-path", scopePath},
		{"scope-environment", scopeEnvironment},
		{"not-granted", notGranted},
		{"mode-change", modeChange},
		{"forbidden", forbidden},
		{"path-unsafe", pathUnsafe},
		{"octopus-merge", octopusMerge},
		{"evil-merge", evilMerge},
		{"identity-mismatch", identityMismatch},
		{"carried-change", carriedChange},
		{"protected-path", protectedPath},
		{"changes-requested", changesRequested},
		{"approval-missing", approvalMissing},
		{"approval-stale", approvalStale},
		{"approval-ineligible", approvalIneligible},
		{"approval-expired", approvalExpired},
	}
}

// updateRules are those that look at an update which only brings its pusher's own new commits. Such
// an update is no act: the commits are.
func updateRules() []string {
	return []string{"limit-exceeded", "history-incomplete", "pusher-unknown", "ref-unsafe"}
}

// RuleIDs lists the ids of the rules, in the order of a report.
func RuleIDs() []string {
	var ids []string
	for _, r := range append(setRules(), rules()...) {
		if !slices.Contains(ids, r.id) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// Check judges everything in e against p. Neither is changed. The report is settled:
// its verdict is the worst of its acts and of the findings about the whole.
func Check(p *policy.Policy, e *evidence.Set) *verdict.Report {
	j := newJudge(p, e)
	acts := j.acts()

	// Signatures are what costs time, and each act stands alone until the totals are needed.
	signed := j.signedActs(acts)
	parallel(len(signed), func(i int) { j.attribute(signed[i]) })
	j.total(acts)
	j.assign(acts)
	j.follow(acts)

	judged := make([]verdict.Act, len(acts))
	parallel(len(acts), func(i int) { judged[i] = judgeAct(acts[i]) })

	r := &verdict.Report{
		Observe:    p.Settings.Observe && j.takeover() == nil,
		Repository: e.Repository,
		Policy:     p.Digest,
		PolicyFrom: p.File,
		At:         e.At,
		AtSource:   e.AtSource,
		Gates:      j.gates(acts),

		MayGoUnrecorded: p.Settings.AuditBestEffort,
	}
	j.askedTeams = j.teamsAsked(acts)
	j.approvalsAsked = slices.ContainsFunc(acts, func(a *act) bool {
		return slices.ContainsFunc(a.ballots, func(b *gateBallot) bool { return !b.waived })
	})
	whole := &act{judge: j}
	for _, rule := range setRules() {
		r.Findings = append(r.Findings, run(rule, whole)...)
	}
	for i := range judged {
		// An update that only brings new commits is no act of its own: it is shown only
		// where what it carries is not its pusher's to bring.
		switch {
		case acts[i].tree:
			judged[i].Kind = workflowKind
		case acts[i].kind == "":
			if len(judged[i].Findings) == 0 {
				continue
			}
			judged[i].Kind = string(names.Push)
		}
		r.Acts = append(r.Acts, judged[i])
	}
	r.Settle()
	if r.Verdict != verdict.Allowed {
		r.Findings = append(r.Findings, run(rule{"policy-lost", takenOver}, whole)...)
	}
	return r
}

// Preview judges a commit that is still to be made, as if the delegate of the chain made it and
// nothing were wrong with its signature. It is advice: what comes of it is judged by [Check].
func Preview(p *policy.Policy, e *evidence.Set, chain delegation.Chain, c evidence.Commit) *verdict.Report {
	c.New = true
	set := *e
	set.Commits, set.Tags, set.Updates = []evidence.Commit{c}, nil, nil
	j := newJudge(p, &set)
	a := j.acts()[0]
	if leaf := chain.Leaf(); len(chain) > 0 { // without one nobody is named
		a.who = attribution{
			problem: attributed, principal: leaf.Delegate.Name, block: p.Principal(leaf.Delegate.Name), key: leaf.Delegate.Key,
			evidence: "the delegation in force", trailer: delegation.Ref{Digest: chain.Digest()},
			chain: chain, problems: chain.Problems(e.Repository, j.repositoryID()),
		}
		j.keysDisputed(&a.who)
	}
	j.total([]*act{a})
	r := &verdict.Report{
		Observe: p.Settings.Observe, Repository: e.Repository, Policy: p.Digest, PolicyFrom: p.File,
		At: e.At, AtSource: e.AtSource, Acts: []verdict.Act{judgeAct(a)},
	}
	r.Gates = j.gates([]*act{a})
	r.Settle()
	return r
}

// judgeAct runs every rule over one act.
func judgeAct(a *act) verdict.Act {
	if a.foreign {
		a.carried = a.judge.carriedBy(a)
	}
	a.waiting = a.waitsFor()
	a.ballots = a.castBallots()
	a.cover = a.judge.covering(a)
	v := verdict.Act{
		Kind:     string(a.kind),
		Subject:  a.subject,
		Ref:      a.refText(),
		Title:    a.title(),
		Actor:    string(a.who.principal),
		Key:      a.who.fingerprint(),
		Evidence: a.who.evidence,
		Seen:     a.seen.Time,
		SeenBy:   a.seen.By,
		Chain:    a.links(),
	}
	v.Paths, _ = a.landing()
	if len(a.who.chain) > 0 {
		v.Bundle = a.who.chain.Marshal()
	}
	if a.tree { // a file is there, and was not seen to come
		v.Seen, v.SeenBy = time.Time{}, ""
	}
	for _, r := range rules() {
		if a.isFor(r.id) {
			v.Findings = append(v.Findings, run(r, a)...)
		}
	}
	return v
}

// isFor reports whether a rule looks at an act.
func (a *act) isFor(id string) bool {
	switch {
	case a.tree:
		return slices.Contains(workflowRules(), id)
	case a.kind != "" || a.foreign || a.flow.asks():
		return true
	case a.flow != nil && (slices.Contains(workflowRules(), id) || slices.Contains(approvalRules(), id)):
		return true
	default:
		return slices.Contains(updateRules(), id)
	}
}

// run gives a rule's findings its id, so that no rule can speak for another.
func run(r rule, a *act) []verdict.Finding {
	found := r.judge(a)
	for i := range found {
		found[i].Rule = r.id
	}
	return found
}

// parallel calls f for 0 … n-1 on all cores and waits.
func parallel(n int, f func(int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wait.Wait()
}
