package checker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
)

// listing is what the policy says of a secret that a job reaches.
type listing uint8

// The zero value is that no list has it.
const (
	listedNowhere   listing = iota
	listedElsewhere         // for other environments than the one that the job runs in
	listedPerhaps           // for some environment, and which one the job runs in is not known
	listedHere
	listedShared
)

// listingOf says where the policy lists a secret that a job reaches by its name, and for which
// environments.
func (j *judge) listingOf(job *evidence.WorkflowJob, c *evidence.JobCase, u *evidence.SecretUse) (listing, []*policy.Environment) {
	if u.Kind == evidence.SecretToken || matches(j.policy.Workflows.SharedSecrets, u.Name) {
		return listedShared, nil
	}
	var lists []*policy.Environment
	for _, e := range j.policy.Environments {
		if matches(e.Secrets, u.Name) {
			lists = append(lists, e)
		}
	}
	if own := j.environmentOf(c.Environment); own != nil && matches(own.Secrets, u.Name) {
		return listedHere, []*policy.Environment{own}
	}
	switch {
	case len(lists) == 0:
		return listedNowhere, nil
	case c.Environment.Kind == evidence.EnvironmentDynamic:
		// environment-dynamic denies the job; where that is let pass, the job may be anywhere.
		if _, passes := j.waiver("environment-dynamic", job.File, c.Environment.At.File); !passes {
			return listedPerhaps, lists
		}
	}
	return listedElsewhere, lists
}

// unreachable reports whether there is nothing behind a name: a called workflow names a secret that
// only the environment of its job could have, and the job has none.
func unreachable(c *evidence.JobCase, u *evidence.SecretUse) bool {
	return u.From == evidence.SecretOfEnvironment && c.Environment.Kind == evidence.EnvironmentNone
}

// passed reports whether a name that a called workflow looks up in its job's environment is one under
// which the caller passes a secret. The one that is passed is judged; that the environment may have one
// of that name too, which comes before it, is for whoever fills the environment.
func passed(c *evidence.JobCase, u *evidence.SecretUse) bool {
	return u.From == evidence.SecretOfEnvironment && slices.ContainsFunc(c.Secrets, func(p evidence.SecretUse) bool {
		return p.From == evidence.SecretPassed && strings.EqualFold(cmp.Or(p.As, p.Name), u.Name)
	})
}

// eachNamed calls f for each secret that a job reaches by a name that is known.
func (j *judge) eachNamed(w *evidence.Workflows, f func(*evidence.WorkflowJob, *evidence.JobCase, *evidence.SecretUse)) {
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		for i := range c.Secrets {
			if u := &c.Secrets[i]; u.Kind == evidence.SecretNamed && !unreachable(c, u) && !passed(c, u) {
				f(job, c, u)
			}
		}
	})
}

// environmentKey is an environment where two are compared: without case, "" for none, "*" where it
// cannot be known.
func environmentKey(e evidence.JobEnvironment) string {
	switch e.Kind {
	case evidence.EnvironmentNamed:
		return strings.ToLower(e.Name)
	case evidence.EnvironmentNone:
		return ""
	default:
		return "*"
	}
}

// secretKey is a secret where two are compared: without case, "*" where it cannot be known.
func secretKey(u *evidence.SecretUse) string {
	switch u.Kind {
	case evidence.SecretNamed:
		return strings.ToUpper(u.Name)
	case evidence.SecretToken:
		return "GITHUB_TOKEN"
	default:
		return "*"
	}
}

// named lists environments in a sentence.
func named(environments []*policy.Environment) string {
	var texts []string
	for _, e := range environments {
		texts = append(texts, inert.Word(e.Name))
	}
	return list(texts)
}
