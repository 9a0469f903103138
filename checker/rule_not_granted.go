package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// notGranted: no single grant of the policy covers the act. What is missing is said against the
// grant that comes closest.
func notGranted(a *act) []verdict.Finding {
	found := a.reachUngranted()
	for _, g := range a.cover.grants {
		found = append(found, a.ungrantedFindings(g)...)
	}
	for _, g := range a.cover.root {
		found = append(found, a.ungrantedFindings(g)...)
	}
	return limit(found)
}

func (a *act) ungrantedFindings(g grantShortage) []verdict.Finding {
	ask := "Have a maintainer widen the policy, or "
	if g.grant == nil {
		more := ""
		if len(a.cover.links) == 0 { // else scope-action says so
			more = a.withoutPush()
		}
		f := deny(
			"no grant lets "+string(g.who)+" "+phrase(a.kind),
			"What the policy does not grant is denied, and it has no grant to "+string(g.who)+" for the action "+string(a.kind)+".",
			"Have a maintainer add a grant to "+inert.Word(a.judge.policy.File)+", or have somebody act who has one."+more,
		)
		return one(f)
	}
	grant := "The grant " + quoted(g.grant.Name) + " to " + string(g.who)
	var found []verdict.Finding
	if g.noWay && !a.anyStanding() {
		return nil // delegation-missing says so
	}
	if g.noWay {
		found = append(found, deny(a.name()+" by "+string(g.who)+" needs a delegation",
			grant+" holds only under a delegation (standing is not set).", "Get a delegation and put it in force with `remit use <digest>`."))
	}
	if g.branch {
		fix, why := "use a branch that it covers.", onlyNamed(g.grant.Branches, g.ref)
		if a.request != nil && a.kind == names.Deploy {
			why = ", and a deploy is from each ref of deploy_from that leads to its commit"
			fix = "deploy a commit to which only such refs lead as it covers."
		}
		switch {
		case a.request != nil:
		case g.ref == "HEAD":
			ask, fix = "", a.onBranch()+"."
		case strings.HasPrefix(g.ref, "refs/tags/"):
			fix = "give the tag a name that it covers."
		}
		found = append(found, deny(inert.Word(g.ref)+" is not granted to "+string(g.who),
			grant+" "+covers("branches", g.grant.Branches)+why+".", ask+fix))
	}
	for _, p := range g.paths {
		f := deny(inert.Word(p)+" is not granted to "+string(g.who),
			grant+" "+covers("paths", g.grant.Paths)+".", ask+"take the change to "+inert.Word(p)+" out of the commit.")
		f.Path = p
		found = append(found, f)
	}
	for _, e := range g.envs {
		why, fix := "The change touches paths of "+inert.Word(e)+". ", "take those paths out of the change."
		if a.request != nil {
			why, fix = "", "ask for an environment that it covers."
		}
		found = append(found, deny("the environment "+inert.Word(e)+" is not granted to "+string(g.who),
			why+grant+" "+covers("environments", g.grant.Environments)+".", ask+fix))
	}
	if g.when != "" {
		found = append(found, deny(a.name()+" is not granted to "+string(g.who),
			grant+" does not apply: "+g.when+".", ask+"change what the condition is about, such as the size of the commit."))
	}
	for i := range found {
		found[i] = at(found[i], g.grant.Position)
	}
	return found
}

// anyStanding reports whether some grant lets the actor do this kind of act without a delegation.
func (a *act) anyStanding() bool {
	return slices.ContainsFunc(a.judge.policy.Grants, func(g *policy.Grant) bool {
		return a.stands(g) && slices.Contains(g.To, a.who.principal) && slices.Contains(g.Actions, a.kind)
	})
}

// phrase is an action as a verb.
func phrase(k names.Action) string {
	switch k {
	case names.PullRequest:
		return "open pull requests"
	case names.Push:
		return "move refs (push)"
	case names.Delete:
		return "delete refs"
	case names.Secret:
		return "reach secrets"
	default:
		return string(k)
	}
}
