package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

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
	a.asked = attributeClaim[delegation.Request](j, w, r.Raw)
	if a.asked == nil {
		return
	}
	c := a.asked.Claim
	a.kind, a.subject, a.refs = c.Action, a.asked.Digest, []string{c.Ref}
	if c.Environment != "" {
		env := j.policy.Environment(c.Environment)
		if env == nil {
			env = &policy.Environment{Name: c.Environment} // environment-undeclared denies it
		}
		a.touched = []*policy.Environment{env}
	}
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
	c := a.asked.Claim
	text := "the request to " + string(c.Action)
	switch c.Action {
	case names.Deploy:
		text += " " + shortID(c.Commit) + " to " + show(c.Environment)
	case names.Secret:
		text = "the request for secrets of " + show(c.Environment)
	default:
		text += " " + list(shown(c.Targets))
		if c.Environment != "" {
			text += " in " + show(c.Environment)
		}
	}
	return text
}

func shown(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = show(t)
	}
	return out
}

// A request is covered by its environment. One outside of all environments names full refs, and is
// covered where these are, as if they were acted on one by one.

// requestMisses is what a scope does not cover of a request.
func (a *act) requestMisses(environments, branches []pattern.Pattern) (envs, refs []string) {
	if env := a.environment(); env != "" {
		if !matches(environments, env) {
			envs = []string{env}
		}
		return envs, nil
	}
	if a.asked == nil {
		return nil, nil
	}
	for _, t := range a.asked.Claim.Targets {
		if !matches(branches, t) {
			refs = append(refs, t)
		}
	}
	return nil, refs
}

// unboundTarget is a target of a request without environment that is no full name of a ref, "" for
// none: nothing in a policy could cover it.
func (a *act) unboundTarget() string {
	if a.environment() != "" || a.asked == nil {
		return ""
	}
	i := slices.IndexFunc(a.asked.Claim.Targets, func(t string) bool {
		return !strings.HasPrefix(t, "refs/") || names.CheckRef(t) != nil
	})
	if i < 0 {
		return ""
	}
	return a.asked.Claim.Targets[i]
}
