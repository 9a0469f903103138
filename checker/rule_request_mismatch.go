package checker

import (
	"fmt"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// requestMismatch: a signed statement is for something else than what it is used for.
func requestMismatch(a *act) []verdict.Finding {
	switch {
	case a.opening != nil:
		if why := a.openingMismatch(); why != "" {
			return one(deny(
				"the signed statement of "+a.name()+" is not for it as it is now",
				"Whoever signed it answers for what it says, and for nothing else: "+why+".",
				sentence(a.signAgain()),
			))
		}
	case a.asked != nil:
		fix := "Make one for this with `" + a.renew() + "`, or run the gate for what it asks."
		if a.unboundTarget() != "" {
			fix = "Name the environment (`" + a.renew() + " --environment NAME`), or a ref by its full name."
		}
		var found []verdict.Finding
		for _, why := range a.askedElse() {
			found = append(found, deny(
				a.name()+" is for something else",
				"A request lets through what it names, and nothing else: "+why+".",
				fix,
			))
		}
		return found
	}
	return nil
}

// askedElse says in what a request is not for what the gate is to let through.
func (a *act) askedElse() []string {
	c, r := a.asked.Statement, a.request
	var why []string
	if err := c.ForRepository(a.judge.set.Repository, a.judge.repositoryID()); err != nil {
		why = append(why, err.Error())
	}
	if r.Action != "" && r.Action != c.Action {
		why = append(why, "it asks to "+string(c.Action)+", and this is to "+string(r.Action))
	}
	if len(r.Targets) == 0 && len(c.Targets) > 0 {
		why = append(why, "it names "+list(shown(c.Targets))+" alone, and this is for all there is")
	}
	for _, t := range r.Targets {
		if len(c.Targets) > 0 && !asksFor(&c, t) { // a deploy that names no part is of all
			why = append(why, "it does not name "+inert.Word(t))
		}
	}
	if !strings.EqualFold(r.Environment, c.Environment) {
		why = append(why, "it is for "+environmentText(c.Environment)+", and this is for "+environmentText(r.Environment))
	}
	if r.Commit != "" && r.Commit != c.Commit {
		why = append(why, "it is for the commit "+shortID(c.Commit)+", and this is "+shortID(r.Commit))
	}
	switch {
	case c.RunID == 0:
	case c.RunID != r.RunID:
		why = append(why, fmt.Sprintf("it is for the run %d, and this is %d", c.RunID, r.RunID))
	case c.RunAttempt != 0 && c.RunAttempt != int64(r.RunAttempt):
		why = append(why, fmt.Sprintf("it is for attempt %d of the run, and this is %d", c.RunAttempt, r.RunAttempt))
	case c.Job != "" && c.Job != r.Job:
		why = append(why, "it is for the job "+inert.Word(c.Job)+", and this is "+inert.Word(r.Job))
	}
	switch t := a.unboundTarget(); {
	case t == "":
	case a.kind == names.Rotate || a.kind == names.Secret:
		why = append(why, "it names no environment, and a secret such as "+inert.Word(t)+" is of one: nothing in a policy can cover it")
	default:
		why = append(why, "it names no environment, and "+inert.Word(t)+" is no full name of a ref: nothing in a policy can cover it")
	}
	return why
}

func environmentText(name string) string {
	if name == "" {
		return "no environment"
	}
	return "the environment " + inert.Word(name)
}
