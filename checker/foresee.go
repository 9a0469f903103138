package checker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// foreseenKind is the kind of the one act in the report of [Foresee]: a delegation, with nothing done under
// it yet.
const foreseenKind = "delegation"

// chainRules lists the rules that look at nothing but a chain, the policy and the time. What they deny is
// denied whatever the delegate does.
func chainRules() []string {
	return []string{
		"unknown-key", "key-not-allowed", "key-revoked",
		delegation.RuleMalformed, delegation.RuleForged, delegation.RuleSpliced, delegation.RuleWrongRepository,
		"delegator-not-allowed", delegation.RuleWidened, delegation.RuleTooDeep, "delegation-too-long",
		"delegation-revoked", "delegation-not-yet-valid", "delegation-expired",
	}
}

// Foresee judges a chain before it is handed out, at the time of e and for its repository: it denies what
// any first use of it at that time would be denied for, whatever was done. Neither p nor e is changed; of e
// only the repository and the time are looked at. What it allows may still cover too little: that is for
// [Check] to say of each act.
//
// How long the last link may last depends on what will be done under it. One that can be passed on is bound
// by max_chain_ttl. Any other is denied where every grant to the delegate of one of its actions has a
// shorter max_ttl.
func Foresee(p *policy.Policy, e *evidence.Set, chain delegation.Chain) *verdict.Report {
	j := newJudge(p, &evidence.Set{Repository: e.Repository, RepositoryID: e.RepositoryID, At: e.At, AtSource: e.AtSource, Surface: e.Surface})
	leaf := chain.Leaf()
	a := &act{judge: j, foreseen: true, subject: leaf.Digest, seen: evidence.Seen{Time: e.At, By: e.AtSource}}
	a.who = attribution{
		problem: attributed, unissued: true, principal: leaf.Delegate.Name, block: p.Principal(leaf.Delegate.Name), key: leaf.Delegate.Key,
		trailer: delegation.Ref{Digest: leaf.Digest}, chain: chain, problems: chain.Problems(e.Repository, j.repositoryID()),
	}
	j.keysDisputed(&a.who)

	r := &verdict.Report{
		Observe: p.Settings.Observe, Repository: e.Repository, Policy: p.Digest, PolicyFrom: p.File, At: e.At, AtSource: e.AtSource,
		Findings: run(rule{"policy-repository", policyRepository}, &act{judge: j, foreseen: true}),
	}
	judged := verdict.Act{
		Kind: foreseenKind, Subject: a.subject, Actor: string(leaf.Delegate.Name), Key: a.who.fingerprint(),
		Seen: e.At, SeenBy: e.AtSource, Chain: a.links(),
	}
	for _, rule := range rules() {
		if slices.Contains(chainRules(), rule.id) {
			judged.Findings = append(judged.Findings, run(rule, a)...)
		}
	}
	if e.At.IsZero() { // no rule can say anything of time
		judged.Findings = append(judged.Findings, verdict.Finding{
			Rule: "delegation-not-yet-valid", Effect: verdict.Undecided, Summary: "it is not known whether the chain holds",
			Reason: "Nobody said what time it is.", Fix: "Judge it at a time.",
		})
	}
	r.Acts = []verdict.Act{judged}
	r.Settle()
	return r
}

// whileIssuing is what whoever makes the last link of a chain can do about a problem of that link; "" where
// the chain was like that before, and for what is not foreseen.
func (a *act) whileIssuing(p delegation.Problem) string {
	last := len(a.who.chain) - 1
	if !a.foreseen || p.Link != last || last < 0 {
		return ""
	}
	if p.Rule == delegation.RuleMalformed {
		return "Delegate to an agent that has no part in the chain yet, with an Ed25519 key of its own."
	}
	if last == 0 {
		return ""
	}
	parent, leaf := &a.who.chain[last-1], &a.who.chain[last]
	switch p.Rule {
	case delegation.RuleWidened:
		var do []string
		if leaf.NotAfter.After(parent.NotAfter) {
			if left := parent.NotAfter.Sub(leaf.NotBefore); left > 0 {
				do = append(do, "use --for "+span(left)+" or less")
			} else {
				do = append(do, "ask "+string(parent.Delegator.Name)+" for one that still holds")
			}
		}
		if slices.ContainsFunc(leaf.Scope.Actions, func(n names.Action) bool { return !slices.Contains(parent.Scope.Actions, n) }) || len(do) == 0 {
			do = append(do, "give only what `remit show "+shortDigest(parent.Digest)+"` reads out")
		}
		return sentence(strings.Join(do, ", and "))
	case delegation.RuleTooDeep:
		if parent.Scope.Depth <= 0 {
			return "Ask " + string(parent.Delegator.Name) + " for a delegation that may be passed on (`remit delegate --depth 1 …`)."
		}
		if parent.Scope.Depth == 1 {
			return "Leave --depth out: this one cannot be passed on again."
		}
		return fmt.Sprintf("Use --depth %d or less.", parent.Scope.Depth-1)
	default:
		return ""
	}
}

// tooLongToIssue denies a last link that lasts longer than anything lets it, whatever will be done under it.
func (a *act) tooLongToIssue() []verdict.Finding {
	l := a.leaf()
	if l == nil {
		return nil
	}
	if l.Scope.Depth > 0 {
		most := a.judge.policy.Settings.MaxChainTTL
		if lifetime(l) <= most {
			return nil
		}
		return one(at(a.tooLong(l, most, "The policy lets a delegation that can be passed on last "+span(most)+" at most (max_chain_ttl)."), a.judge.policy.Settings.Position))
	}
	var longest *policy.Grant
	for _, g := range a.judge.policy.Grants {
		covers := slices.ContainsFunc(g.Actions, func(n names.Action) bool { return slices.Contains(l.Scope.Actions, n) })
		if covers && slices.Contains(g.To, l.Delegate.Name) && (longest == nil || g.MaxTTL > longest.MaxTTL) {
			longest = g
		}
	}
	if longest == nil || lifetime(l) <= longest.MaxTTL {
		return nil
	}
	return one(at(a.tooLong(l, longest.MaxTTL, "No grant to "+string(l.Delegate.Name)+" lets a delegation last longer than "+span(longest.MaxTTL)+" (max_ttl)."), longest.Position))
}

func (a *act) tooLong(l *delegation.Link, most time.Duration, reason string) verdict.Finding {
	return deny(a.linkText(l)+" lasts "+span(lifetime(l)), reason, "Use --for "+span(most)+" or less.")
}
