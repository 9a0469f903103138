package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

// What a request says is a statement of whoever signed it. It is held against facts, and every selector of
// a scope, grant, forbid, gate and condition goes by these alone:
//
//	field        deploy                 delete                 rotate                 secret
//	action       the gate's             the gate's             the gate's             the gate's
//	environment  the gate's             the gate's             the gate's, and one    the gate's, and one
//	                                                           that lists the secret  that lists the secret
//	commit       the gate's             -                      -                      -
//	ref          those of deploy_from   -                      -                      -
//	             that reach the commit
//	targets      cover the gate's       cover the gate's       cover the gate's       cover the gate's
//	reason       -                      -                      -                      -
//
// and so, for the dimensions of a selector:
//
//	branches,    the refs that reach    the targets that are   none                   none
//	act.ref      the commit, each       refs, each
//	paths        what differs from      none                   none                   none
//	             what is deployed
//	environments the environment        the environment        the environment        the environment
//
// A dash is a statement that nothing goes by: where a request was made from, and why, is told to people and
// no more. Who signed, the time, and the run that alone may use it are held against facts for all four.
// In a condition deploy.reason is the statement, as its author wrote it.

// requestAct is what a request asks for, to be done at once.
func (j *judge) requestAct(r *evidence.Request) *act {
	return &act{judge: j, kind: r.Action, subject: "request", seen: r.Seen, request: r}
}

// attributeRequest reads a request and finds out who makes it. What is asked for is what the request
// says; whether that is what the gate was to let through is for request-mismatch to say.
func (j *judge) attributeRequest(a *act) {
	r, w := a.request, &a.who
	if len(r.Raw) == 0 {
		w.fail(requestAbsent, "%s", r.Why)
		return
	}
	a.asked = attributeStatement[delegation.Request](j, w, r.Raw)
	if a.asked == nil {
		return
	}
	c := a.asked.Statement
	a.kind, a.subject = c.Action, a.asked.Digest
	if c.Environment != "" {
		env := j.policy.Environment(c.Environment)
		if env == nil {
			env = &policy.Environment{Name: c.Environment} // environment-undeclared denies it
		}
		a.touched = []*policy.Environment{env}
	}
	if c.Action == names.Deploy {
		a.refs, a.lands = a.deployedFrom(), pathsOf(r.Changes)
		return
	}
	if c.Action != names.Delete {
		return // a secret is of an environment, and at no ref
	}
	for _, t := range c.Targets {
		if c.Environment == "" || strings.HasPrefix(t, "refs/") {
			a.refs = append(a.refs, t)
		}
	}
}

// deployedFrom lists the refs that a commit is deployed from: those that reach it and from which the
// policy lets its environment be deployed, whichever of them the request names.
func (a *act) deployedFrom() []string {
	var from []pattern.Pattern
	if len(a.touched) > 0 {
		from = a.touched[0].DeployFrom
	}
	var refs []string
	for _, ref := range a.request.ReachableFrom {
		listed := ref != "" && ref == a.request.DefaultRef
		if len(from) > 0 {
			listed = matches(from, ref)
		}
		if listed && !strings.HasPrefix(ref, delegation.GateRefs) && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// unplaced reports whether no ref is known that a deploy is from. That is denied, or undecided, as such,
// and nothing is made of the refs that it is not from.
func (a *act) unplaced() bool {
	return a.asked != nil && a.kind == names.Deploy && len(a.refs) == 0
}

// environment is the name of the environment that a request is for, "" for none.
func (a *act) environment() string {
	if a.request == nil || len(a.touched) == 0 {
		return ""
	}
	return a.touched[0].Name
}

// requestName is a request in a sentence.
func (a *act) requestName() string {
	if a.asked == nil {
		return "the request"
	}
	c := a.asked.Statement
	text := "the request to " + string(c.Action)
	switch c.Action {
	case names.Deploy:
		text += " " + shortID(c.Commit) + " to " + inert.Word(c.Environment)
	case names.Secret:
		text = "the request for secrets of " + inert.Word(c.Environment)
	default:
		text += " " + list(shown(c.Targets))
		if c.Environment != "" {
			text += " in " + inert.Word(c.Environment)
		}
	}
	return text
}

func shown(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = inert.Word(t)
	}
	return out
}

// A request is covered by its environment, and where it acts on refs by these too, as if they were acted
// on one by one. One outside of all environments acts on refs alone.

// uncoveredByName is the environment of a request where a scope or grant does not cover it.
func (a *act) uncoveredByName(environments []pattern.Pattern) []string {
	if env := a.environment(); env != "" && !matches(environments, env) {
		return []string{env}
	}
	return nil
}

// actsOn lists the refs that a request acts on: those that it would delete. Outside of all environments
// that is each target, whatever it is: request-mismatch says which is no ref.
func (a *act) actsOn() []string {
	if a.asked == nil || a.kind == names.Deploy {
		return nil
	}
	return a.refs
}

// limitsDeploys reports whether the branches of a delegation are those that it lets be deployed from.
// Beside another action that is done to a ref they are of that action: an environment says by itself what
// may be deployed to it.
func limitsDeploys(s *delegation.Scope) bool {
	return len(s.Branches) > 0 && !slices.ContainsFunc(s.Actions, func(k names.Action) bool {
		switch k {
		case names.Deploy, names.Secret, names.Rotate:
			return false
		default:
			return true
		}
	})
}

// asksFor reports whether a request covers a target: a name of a secret in any case.
func asksFor(c *delegation.Request, target string) bool {
	return slices.ContainsFunc(c.Targets, func(t string) bool {
		secret := c.Action == names.Rotate || c.Action == names.Secret
		return t == target || secret && strings.EqualFold(t, target)
	})
}

// unboundTarget is a target of a request without environment that is no full name of a ref to delete, ""
// for none: nothing in a policy could cover it.
func (a *act) unboundTarget() string {
	if a.environment() != "" || a.asked == nil {
		return ""
	}
	if a.kind != names.Delete && len(a.asked.Statement.Targets) > 0 {
		return a.asked.Statement.Targets[0]
	}
	i := slices.IndexFunc(a.asked.Statement.Targets, func(t string) bool {
		return !strings.HasPrefix(t, "refs/") || names.CheckRef(t) != nil
	})
	if i < 0 {
		return ""
	}
	return a.asked.Statement.Targets[i]
}
