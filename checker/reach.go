package checker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// reach is the act of letting jobs get at the secrets of an environment, or at a shared secret, which
// they did not get at before, by a change of workflow files. It takes the same authority as a request for
// them.
type reach struct {
	act  *act // of the kind secret, for one environment or one shared secret
	uses []reachedUse
}

// reachedUse is one place by which something new is reached.
type reachedUse struct {
	at      evidence.Place
	started string
	text    string // what it reaches, as a clause: "the job deploy reach PROD_TOKEN by step 3 with.token"
}

// reachedSecret is a secret that a job can read in an environment, in a form in which two trees can be
// compared: the environment in lower case, "*" where it cannot be known; the secret in upper case, "*"
// for one that cannot be known or all of them.
type reachedSecret struct {
	Workflow, Job, Environment, Secret string
}

// reachedSet is what the jobs of a tree reach.
type reachedSet map[reachedSecret]bool

// calleeEnvironment stands for whatever environments the jobs of a called workflow have that was not read.
const calleeEnvironment = "?"

func reachedEnvironment(e evidence.JobEnvironment) string {
	if e.Kind == evidence.EnvironmentOfCallee {
		return calleeEnvironment
	}
	return environmentKey(e)
}

// reachedBy lists what the jobs of a tree reach. An environment that a job may prove itself from, with
// a token for other services, is reached even without a secret.
func reachedBy(w *evidence.Workflows) reachedSet {
	all := reachedSet{}
	if w == nil {
		return all
	}
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		env := reachedEnvironment(c.Environment)
		for i := range c.Secrets {
			all[reachedSecret{job.File, job.ID, env, secretKey(&c.Secrets[i])}] = true
			all[reachedSecret{job.File, job.ID, anywhere, secretKey(&c.Secrets[i])}] = true
		}
		if provesItself(job) {
			all[reachedSecret{job.File, job.ID, env, ""}] = true
		}
	})
	return all
}

// anywhere is in the place of an environment where it does not matter which one it is.
const anywhere = "\x00"

// has reports whether a job reached a secret in an environment. One that could reach any secret, or run in
// any environment, could reach this one there: to say which is to reach less.
func (r reachedSet) has(job *evidence.WorkflowJob, env, secret string) bool {
	in := func(env, secret string) bool { return r[reachedSecret{job.File, job.ID, env, secret}] }
	for _, e := range []string{env, "*"} {
		if e == "*" && env == calleeEnvironment {
			break
		}
		if in(e, secret) || secret != "" && in(e, "*") {
			return true
		}
	}
	return false
}

// provesItself reports whether a job may ask for a token in which the forge says who it is.
func provesItself(job *evidence.WorkflowJob) bool {
	return job.Permissions.Access("id-token") == evidence.AccessWrite
}

// reaches works out what a change newly reaches of the environments of the policy, and of the secrets that
// it shares, and makes an act of each of them.
func (j *judge) reaches(a *act) []*reach {
	v := a.flow
	if v == nil || v.change.Head == nil || v.who != nil && v.who.principal.Kind() == names.Human && v.change.Base == nil {
		return nil
	}
	human := v.who != nil && v.who.principal.Kind() == names.Human
	before := reachedBy(v.change.Base)
	var all []*reach
	byName := map[string]*reach{}
	add := func(name string, as func() *act, use reachedUse) {
		r := byName[name]
		if r == nil {
			r = &reach{act: as()}
			byName[name] = r
			all = append(all, r)
		}
		if !slices.Contains(r.uses, use) {
			r.uses = append(r.uses, use)
		}
	}
	of := func(env *policy.Environment) (string, func() *act) {
		return "environment " + env.Name, func() *act { return j.reachAct(a, v.who, env) }
	}
	eachCase(v.change.Head, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		key := reachedEnvironment(c.Environment)
		for i := range c.Secrets {
			u := &c.Secrets[i]
			if u.Loose || before.has(job, key, secretKey(u)) || unreachable(c, u) || v.hadAll(job, key) {
				continue
			}
			use := reachedUse{u.At, job.File, jobName(job) + " reach " + secretName(u) + " by " + way(job, u)}
			for _, env := range j.ownersOf(job, c, u) {
				name, as := of(env)
				add(name, as, use)
			}
			// A human needs no authority for it, and any job may have it.
			if !human && u.Kind == evidence.SecretNamed && j.isShared(u.Name) && !before.has(job, anywhere, secretKey(u)) {
				add("secret "+secretKey(u), func() *act { return j.reachSharedAct(a, v.who, secretKey(u)) }, use)
			}
		}
		if provesItself(job) && !before.has(job, key, "") {
			if env := j.environmentOf(c.Environment); env != nil {
				name, as := of(env)
				add(name, as, reachedUse{c.Environment.At, job.File, jobName(job) + " prove to other services that it is " + inert.Word(env.Name) + " (id-token: write)"})
			}
		}
	})
	return all
}

// isShared reports whether the policy lists a secret for every job.
func (j *judge) isShared(name string) bool { return matches(j.policy.Workflows.SharedSecrets, name) }

// secretName is a secret in a sentence.
func secretName(u *evidence.SecretUse) string {
	if u.Kind == evidence.SecretNamed {
		return inert.Word(u.Name)
	}
	return "secrets that are not known before the run"
}

// ownersOf lists the environments whose secret a use reaches: the job's own, else all that it could be
// of. A secret that any job may have is nobody's.
func (j *judge) ownersOf(job *evidence.WorkflowJob, c *evidence.JobCase, u *evidence.SecretUse) []*policy.Environment {
	if u.Kind == evidence.SecretToken {
		return nil
	}
	own := j.environmentOf(c.Environment)
	if u.Kind != evidence.SecretNamed {
		if own != nil && u.Kind == evidence.SecretDynamic {
			return []*policy.Environment{own}
		}
		return j.policy.Environments
	}
	switch where, lists := j.listingOf(job, c, u); {
	case where == listedShared:
		return nil
	case where == listedNowhere && own != nil:
		return []*policy.Environment{own}
	default:
		return lists
	}
}

// reachAct is the act of reaching an environment's secrets by what an act changes, done by somebody; nil
// is nobody who could be named.
func (j *judge) reachAct(a *act, who *attribution, env *policy.Environment) *act {
	return j.reaching(a, who, &act{
		touched: []*policy.Environment{env}, request: &evidence.Request{Action: names.Secret, Environment: env.Name},
	})
}

// reachSharedAct is the act of reaching a secret that every job may have.
func (j *judge) reachSharedAct(a *act, who *attribution, secret string) *act {
	return j.reaching(a, who, &act{secrets: []string{secret}, request: &evidence.Request{Action: names.Secret}})
}

func (j *judge) reaching(a *act, who *attribution, as *act) *act {
	as.judge, as.kind, as.subject, as.refs, as.seen, as.pulls = j, names.Secret, a.subject, a.refs, a.seen, a.pulls
	if len(as.refs) == 0 {
		as.refs = []string{""}
	}
	if who != nil {
		as.who = *who
	}
	as.facts = a.facts
	as.facts.Action, as.facts.DeployEnvironment = names.Secret, as.request.Environment
	as.cover = j.covering(as)
	return as
}

// answersForWorkflows is who answers for what a change lets workflows do: whoever answers for the whole
// change. Where that is only known from the head of a push, and somebody put a commit on top of an
// agent's, it is the agent. It is nil where nobody can be named.
func (j *judge) answersForWorkflows(a *act) *attribution {
	if a.update != nil && j.set.Pusher == nil {
		for _, id := range slices.Backward(a.update.Carried) {
			c := j.byCommit[id]
			if c == nil || !c.commit.New || c.who.problem != attributed || c.who.principal.Kind() == names.Human {
				continue
			}
			if slices.ContainsFunc(a.flow.change.Changed, func(p string) bool { return slices.Contains(c.pathList, p) }) {
				return &c.who
			}
		}
	}
	if a.who.problem != attributed {
		return nil
	}
	return &a.who
}

// reachedHere lists what the act newly reaches, as far as it is told of here.
func (a *act) reachedHere() []*reach {
	if a.flow == nil || !a.tree {
		return a.reachedAll()
	}
	var here []*reach
	for _, r := range a.flow.reached {
		mine := slices.DeleteFunc(slices.Clone(r.uses), func(u reachedUse) bool { return !a.isHome(u.at, u.started) })
		if len(mine) > 0 {
			here = append(here, &reach{r.act, mine})
		}
	}
	return here
}

func (a *act) reachedAll() []*reach {
	if a.flow == nil {
		return nil
	}
	return a.flow.reached
}

// asks reports whether a change newly reaches something for which an agent needs authority.
func (v *flow) asks() bool {
	return v != nil && len(v.reached) > 0 && (v.who == nil || v.who.principal.Kind() != names.Human)
}

// forEnvironment words that somebody's authority does not cover an environment's secrets.
func (r *reach) forEnvironment(summary, reason, fix string) verdict.Finding {
	u := r.uses[0]
	text := "The change lets " + u.text
	if n := len(r.uses) - 1; n > 0 {
		var more []string
		for _, other := range r.uses[1:] {
			more = append(more, inert.Word(other.at.File)+" line "+strconv.Itoa(other.at.Line))
		}
		text += " (and more at " + list(more) + ")"
	}
	f := deny(summary, text+". "+reason, fix)
	f.Path, f.Line, f.Column = u.at.File, u.at.Line, u.at.Column
	return f
}

// what is reached, in a sentence: "secrets of staging", "the shared secret NPM_TOKEN".
func (r *reach) what() string {
	if len(r.act.secrets) > 0 {
		return "the shared secret " + inert.Word(r.act.secrets[0])
	}
	return "secrets of " + inert.Word(r.act.touched[0].Name)
}

// scope is what a delegation, or a grant, needs beside the action secret; "" for nothing.
func (r *reach) scope() string {
	if len(r.act.secrets) > 0 {
		return ""
	}
	return " --environment " + inert.Word(r.act.touched[0].Name)
}

// who is who reaches them, in a sentence.
func (r *reach) who() string {
	if r.act.who.principal == "" {
		return "whoever made the change"
	}
	return r.act.doer()
}

// leaveOut is how an agent goes on that may not reach an environment's secrets.
func (r *reach) leaveOut() string {
	return "leave " + r.what() + " out of the workflow, or have a human make this change."
}

// reachBeyondAction: a link of the chain does not delegate reaching secrets.
func (a *act) reachBeyondAction() []verdict.Finding {
	var found []verdict.Finding
	for _, r := range a.reachedHere() {
		for _, s := range r.act.cover.links {
			if s.action {
				found = append(found, r.forEnvironment(
					r.who()+" was not delegated the action secret, and the change reaches "+r.what(),
					"The "+strings.TrimPrefix(linkText(s.link), "the ")+" covers "+list(s.link.Scope.Actions)+".",
					"Ask "+string(s.link.Delegator.Name)+" for a delegation with --action secret"+r.scope()+", or "+r.leaveOut()))
			}
		}
	}
	return found
}

// reachBeyondEnvironment: a link of the chain does not cover the environment whose secrets are reached.
func (a *act) reachBeyondEnvironment() []verdict.Finding {
	var found []verdict.Finding
	for _, r := range a.reachedHere() {
		for _, s := range r.act.cover.links {
			if len(s.envs) > 0 {
				found = append(found, at(r.forEnvironment(
					r.what()+" are outside the delegation",
					"The "+strings.TrimPrefix(linkText(s.link), "the ")+" "+covers("environments", s.link.Scope.Environments)+".",
					"Ask "+string(s.link.Delegator.Name)+" for a delegation with"+r.scope()+", or "+r.leaveOut()),
					r.act.touched[0].Position))
			}
		}
	}
	return found
}

// reachUngranted: no grant of the policy lets whoever changed the workflows reach what they reach now.
func (a *act) reachUngranted() []verdict.Finding {
	var found []verdict.Finding
	for _, r := range a.reachedHere() {
		who := &r.act.who
		switch {
		case who.problem == attributed && who.sound():
		case who.problem != attributed && a.tree:
			continue // nobody is said to have made it
		default:
			found = append(found, r.forEnvironment(
				"nobody who may reach "+r.what()+" answers for this change",
				"Nobody could be named for it, and whoever cannot be named is taken for an agent without any grant.",
				"Sign the change and the push so that somebody answers for it, or "+r.leaveOut()))
			continue
		}
		for _, g := range append(slices.Clone(r.act.cover.grants), r.act.cover.root...) {
			found = append(found, r.ungranted(g))
		}
	}
	return found
}

func (r *reach) ungranted(g grantShortage) verdict.Finding {
	who := string(g.who)
	whatFor, are := inert.Word(r.act.request.Environment), " are not granted to "
	if len(r.act.secrets) > 0 {
		whatFor, are = "secrets = "+asHCL(r.act.secrets), " is not granted to "
	}
	if g.grant == nil {
		return r.forEnvironment(
			"no grant lets "+who+" reach "+r.what(),
			"What the policy does not grant is denied, and it has no grant to "+who+" for the action secret.",
			"Have a maintainer grant "+who+" the action secret for "+whatFor+" in "+inert.Word(r.act.judge.policy.File)+", or "+r.leaveOut())
	}
	grant := "The grant " + quoted(g.grant.Name) + " to " + who
	var lacks []string
	if len(g.envs) > 0 {
		lacks = append(lacks, covers("environments", g.grant.Environments))
	}
	if len(g.secret) > 0 {
		lacks = append(lacks, covers("shared secrets", g.grant.Secrets))
	}
	if g.noWay {
		lacks = append(lacks, "holds only under a delegation (standing is not set)")
	}
	if g.ttl {
		lacks = append(lacks, "takes delegations of at most "+span(g.grant.MaxTTL))
	}
	if g.when != "" {
		lacks = append(lacks, "does not apply: "+g.when)
	}
	widen := "Have a maintainer widen the policy, or "
	if len(g.secret) > 0 {
		widen = "Have a maintainer add " + whatFor + " to it, or "
	}
	return at(r.forEnvironment(
		r.what()+are+who,
		grant+" "+strings.Join(lacks, ", and ")+".",
		widen+r.leaveOut()), g.grant.Position)
}

// asHCL writes names as the policy does.
func asHCL(list []string) string {
	var quotes []string
	for _, s := range list {
		quotes = append(quotes, quoted(s))
	}
	return "[" + strings.Join(quotes, ", ") + "]"
}

// reachForbidden: a forbid of the policy matches what is newly reached.
func (a *act) reachForbidden() []verdict.Finding {
	var found []verdict.Finding
	for _, r := range a.reachedHere() {
		for _, f := range forbidden(r.act) {
			u := r.uses[0]
			f.Reason = "The change lets " + u.text + ". " + f.Reason
			f.Path, f.Line, f.Column = u.at.File, u.at.Line, u.at.Column
			found = append(found, f)
		}
	}
	return found
}

// permitted reports whether whoever answers for a change may reach the secrets of all of some
// environments. Of none means: of all that the policy has, and not where it has none.
func (a *act) permitted(environments []*policy.Environment) bool {
	who := a.flow.who
	if who == nil || who.problem != attributed || !who.sound() {
		return false
	}
	if len(environments) == 0 {
		environments = a.judge.policy.Environments
	}
	for _, env := range environments {
		as := a.judge.reachAct(a, who, env)
		if len(as.cover.links)+len(as.cover.grants)+len(as.cover.root) > 0 {
			return false
		}
	}
	return len(environments) > 0
}
