package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// This file warns of what is valid and yet hardly meant: rules that can never apply, gates that
// can never open, agents that can never act.

// reviewed looks over the whole policy. It finds nothing wrong, only strange.
func (d *decoder) reviewed() {
	if d.failed() {
		return
	}
	for _, g := range d.policy.Grants {
		d.reviewGrant(g)
	}
	d.reviewAgents()
	d.reviewOpenings()
	d.reviewGateCommits()
	d.reviewAccounts()
}

// DefaultGateAction is the step that gates a deploy where the policy names no other.
const DefaultGateAction = "remit-sh/remit"

// NoCommit stands where the commit id of a release has yet to be written: no commit has it.
const NoCommit = "0000000000000000000000000000000000000000"

// CommitUnwritten is the summary of the warning about gate_commits with [NoCommit].
const CommitUnwritten = "Commit yet to be written"

// reviewGateCommits warns where any commit may be the gate's, or none can. The forge finds a commit of a fork by the
// name of what was forked, so that a full commit id alone does not say that the action's owners wrote it.
func (d *decoder) reviewGateCommits() {
	w := &d.policy.Workflows
	at := w.Position
	if slices.Contains(w.GateCommits, NoCommit) {
		d.warnf(d.on(at), CommitUnwritten, "gate_commits has zeros where the commit id of a release of %s belongs: no commit has that id, and a job with it fails. Write the same commit id here and in the workflows.", inert.Quote(w.Gate()))
	}
	_, own, _ := strings.Cut(d.policy.Repository, "/")
	if w.GateCommits != nil || strings.EqualFold(own, w.Gate()) { // its own gate is at the commit that is judged
		return
	}
	if w.GateAction == "" {
		gate := d.policy.gateOfJobs()
		if gate == nil {
			return
		}
		if at == (Position{}) {
			at = gate.Position
		}
	}
	d.warnf(d.on(at), "Gate at any commit", "A gate may be at any commit of %s, and the forge takes one of anybody's fork for one of it. List those of its releases that you use, in the workflows block: gate_commits = [\"…\"].", inert.Quote(w.Gate()))
}

// Gate is the action that is the gate's step.
func (w *Workflows) Gate() string { return cmp.Or(w.GateAction, DefaultGateAction) }

// gateOfJobs is the first gate that jobs of an environment of the policy have to begin with, nil for none.
func (p *Policy) gateOfJobs() *Gate {
	for _, g := range p.Gates {
		deploys := slices.Contains(g.Actions, names.Deploy)
		for _, e := range p.Environments {
			if (g.Actions == nil || deploys) && (pattern.Any(g.Environments, e.Name) || g.Environments == nil && deploys) {
				return g
			}
		}
	}
	return nil
}

// AccountUnpinned is the summary of the warning about humans whose account only its name tells.
const AccountUnpinned = "Account without its id"

// reviewAccounts warns, once, of humans whose account only its name tells: whoever gets that name is them.
func (d *decoder) reviewAccounts() {
	var loose []names.Principal
	for _, q := range d.policy.sortedPrincipals() {
		if q.Name.Kind() == names.Human && q.GitHub != "" && q.GitHubID == 0 {
			loose = append(loose, q.Name)
		}
	}
	if len(loose) == 0 {
		return
	}
	first := d.policy.Principals[loose[0]]
	who, more := string(loose[0]), ""
	if n := len(loose) - 1; n > 0 {
		more = fmt.Sprintf(" The same goes for %d more.", n)
	}
	d.warnf(d.declared[first.Name], AccountUnpinned, "%s is whoever has the name %s on the forge, and names are given up and taken by others. Add github_id = the account's number: `gh api users/%s --jq .id`, or \"id\" in https://api.github.com/users/%s.%s",
		who, inert.Quote(first.GitHub), first.GitHub, first.GitHub, more)
}

// on is the range of the word at a position.
func (d *decoder) on(p Position) hcl.Range {
	start := d.lines[p.Line-1] + p.Column - 1
	end := start
	for end < len(d.bytes) && identifier(d.bytes[end]) {
		end++
	}
	return hcl.Range{Start: hcl.Pos{Byte: start}, End: hcl.Pos{Byte: end}}
}

func (d *decoder) reviewGrant(g *Grant) {
	warn := func(format string, args ...any) {
		d.warnf(d.on(g.Position), "Grant covers nothing", format, args...)
	}
	if len(g.To) == 0 {
		warn("The grant %s names nobody: add to = [agent.NAME].", inert.Quote(g.Name))
		return
	}
	if len(g.Actions) == 0 {
		warn("The grant %s names no actions: add actions = [\"commit\"].", inert.Quote(g.Name))
		return
	}
	for _, a := range g.Actions {
		if missing := g.lacks(a); missing != "" {
			warn("The grant %s covers no %s, because it leaves out %s, and what a grant leaves out covers nothing.", inert.Quote(g.Name), a, missing)
		}
	}
	if len(g.Secrets) > 0 && !slices.Contains(g.Actions, names.Secret) {
		warn("The grant %s lists secrets, which count with the action secret alone: add it to its actions, or take them out.", inert.Quote(g.Name))
	}
	if g.Standing {
		for _, p := range g.To {
			if q := d.policy.Principals[p]; q != nil && p.Kind() == names.Agent && !q.Pinned() {
				warn("The grant %s is standing, and only a pinned key can act under it: %s has none.", inert.Quote(g.Name), p)
			}
		}
	}
}

// lacks names the dimension without which a grant covers no act of a kind, "" for none.
func (g *Grant) lacks(a names.Action) string {
	switch a {
	case names.Commit:
		switch {
		case len(g.Branches) == 0:
			return "branches"
		case len(g.Paths) == 0:
			return "paths"
		}
	case names.PullRequest, names.Push, names.Tag:
		if len(g.Branches) == 0 {
			return "branches"
		}
	case names.Delete:
		if len(g.Branches)+len(g.Environments) == 0 {
			return "branches and environments"
		}
	case names.Deploy, names.Rotate:
		if len(g.Environments) == 0 {
			return "environments"
		}
	case names.Secret:
		if len(g.Environments)+len(g.Secrets) == 0 {
			return "environments and secrets"
		}
	}
	return ""
}

// openings checks that each gate can be opened by somebody.
func (d *decoder) openings() {
	for _, g := range d.policy.Gates {
		d.opens(g)
	}
}

func (d *decoder) opens(g *Gate) {
	able, open := 0, false // open: the forge's team, whose members are not known here
	for _, p := range d.policy.Expand(g.Approvers) {
		if p.Kind() == names.Team {
			open = true
			continue
		}
		if why := d.policy.cannotApprove(g, p); why != "" {
			d.warnf(d.on(g.Position), "Not an approver", "An approver of the gate %s is %s, whose approval never counts: %s.", inert.Quote(g.Name), p, why)
			continue
		}
		able++
	}
	if !open && able < g.Approvals {
		d.errorf(d.on(g.Position), "Gate never opens", "The gate %s has approvals = %d, and the humans who may and can approve are %d: what it is about could never be done. Ask for fewer approvals, list more approvers, or write a forbid if that is meant.",
			inert.Quote(g.Name), g.Approvals, able)
	}
}

// cannotApprove says why somebody's approval never counts at a gate, "" where it can.
func (p *Policy) cannotApprove(g *Gate, who names.Principal) string {
	q := p.Principals[who]
	signs := q != nil && slices.ContainsFunc(q.Keys, func(k signing.PublicKey) bool { return !q.Presence || k.Hardware() })
	switch {
	case who.Kind() != names.Human || q == nil:
		return "only humans approve"
	case slices.Equal(g.To, []names.Principal{who}) && !g.AllowDelegator:
		return "the gate is about the acts of " + string(who) + " alone, and nobody approves what they have a part in"
	case g.Signed && !signs:
		return "only signed approvals count, and the policy lists no key that could sign one"
	case !signs && q.GitHub == "" && q.GitHubID == 0:
		return "the policy lists neither an account (github) nor a key"
	default:
		return ""
	}
}

// reviewAgents looks for agents that can do nothing.
func (d *decoder) reviewAgents() {
	p := d.policy
	delegates := map[names.Principal]bool{} // somebody's delegators list it
	granted := map[names.Principal]bool{}
	standing := map[names.Principal]bool{}
	for _, q := range p.Principals {
		for _, by := range q.Delegators {
			delegates[by] = true
		}
	}
	for _, g := range p.Grants {
		for _, q := range g.To {
			granted[q] = true
			standing[q] = standing[q] || g.Standing
		}
	}
	rooted := p.rooted(names.Human, names.Workflow)
	for _, q := range p.sortedPrincipals() {
		if q.Name.Kind() != names.Agent {
			continue
		}
		switch {
		case !q.Pinned() && len(q.Delegators) == 0:
			d.warnf(d.declared[q.Name], "Agent without a key", "%s has neither keys nor delegators who could mint one, so it can never act.", q.Name)
		case !rooted[q.Name] && !standing[q.Name]:
			d.warnf(d.declared[q.Name], "Agent without delegators", "No chain from a human or a workflow leads to %s, so nobody can delegate to it. Add delegators, or a grant with standing = true.", q.Name)
		case !granted[q.Name] && !delegates[q.Name]:
			d.warnf(d.declared[q.Name], "Agent without a grant", "No grant names %s, and it may delegate to nobody, so it can do nothing.", q.Name)
		}
	}
}

// rooted lists the principals that a chain of delegations from one of these kinds can lead to.
func (p *Policy) rooted(from ...names.Kind) map[names.Principal]bool {
	after := map[names.Principal][]names.Principal{} // delegator to delegates
	var next []names.Principal
	rooted := map[names.Principal]bool{}
	for name, q := range p.Principals {
		if slices.Contains(from, name.Kind()) {
			rooted[name] = true
			next = append(next, name)
		}
		for _, by := range q.Delegators {
			after[by] = append(after[by], name)
		}
	}
	for len(next) > 0 {
		by := next[0]
		next = next[1:]
		for _, q := range after[by] {
			if !rooted[q] {
				rooted[q] = true
				next = append(next, q)
			}
		}
	}
	return rooted
}

// revocations checks that each revokes something.
func (d *decoder) revocations() {
	for _, r := range d.policy.Revocations {
		at := d.on(r.Position)
		if len(r.Keys)+len(r.Agents)+len(r.Delegations) == 0 {
			d.errorf(at, "Nothing revoked", "The revocation %s names nothing: add keys, agents or delegations.", inert.Quote(r.Name))
		}
		for _, fp := range r.Keys {
			if d.policy.KeyOwner(fp) == nil {
				d.warnf(at, "Unknown key", "No principal lists the key %s that %s revokes. That is as it should be where the key was minted, or is gone.", fp, inert.Quote(r.Name))
			}
		}
	}
}

// landings warns of forbids and gates that name paths on a branch where what lands is nobody's: catching up with the
// default branch is held against no rule there, unless settings.bases lists the branch.
func (d *decoder) landings() {
	said := map[string]bool{}
	look := func(kind, name string, actions []names.Action, branches, paths []pattern.Pattern, at Position) {
		if len(paths) == 0 || len(actions) > 0 && !slices.Contains(actions, names.Commit) {
			return
		}
		for _, b := range branches {
			ref, plain := b.Literal()
			if !strings.HasPrefix(ref, "refs/") {
				ref = "refs/heads/" + ref
			}
			short, isBranch := strings.CutPrefix(ref, "refs/heads/")
			if !plain || !isBranch || short == "main" || short == "master" || said[ref] || d.policy.Settings.IsBase(ref) {
				continue
			}
			said[ref] = true
			d.warnf(d.on(at), "Branch that catches up", "The %s %s names paths on %s, and settings.bases does not list that branch: what others put at these paths on the default branch comes there by catching up, which is held against nobody. Add %s to bases, unless it is the default branch.",
				kind, inert.Quote(name), inert.Quote(short), inert.Quote(short))
		}
	}
	for _, f := range d.policy.Forbids {
		look("forbid", f.Name, f.Actions, f.Branches, f.Paths, f.Position)
	}
	for _, g := range d.policy.Gates {
		look("gate", g.Name, g.Actions, g.Branches, g.Paths, g.Position)
	}
}
