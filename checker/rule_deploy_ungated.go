package checker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// deployUngated: a job of an environment that a gate of the policy is for does not begin with the
// gate, or gets around it.
func deployUngated(a *act) []verdict.Finding {
	if a.request != nil {
		return a.unlistedGate()
	}
	return a.flaws("deploy-ungated", ungated)
}

// unlistedGate holds the gate that asks to what its workflow is held to as a file, see [gated.pinned]: the
// file that runs may be one that nobody judged, of another branch or from before the commit was taken off the list.
func (a *act) unlistedGate() []verdict.Finding {
	r, w := a.request, &a.judge.policy.Workflows
	if !r.ByAction || w.GateCommits == nil || slices.Contains(w.GateCommits, strings.ToLower(r.ActionRef)) {
		return nil
	}
	ref := inert.Word(r.ActionRef)
	if r.ActionRef == "" {
		ref = "a place that is not known"
	}
	return one(at(deny(
		"the gate that asks is at a commit that the policy does not list",
		"The job's gate is at "+ref+", and gate_commits of the workflows block lists "+list(shown(w.GateCommits))+". Another one may let through what this policy does not.",
		"Pin the gate's step to one of those, or have a maintainer add this one to gate_commits. Then ask again: `"+a.renew()+"`.",
	), w.Position))
}

func ungated(j *judge, w *evidence.Workflows) []flaw {
	var found []flaw
	eachCase(w, func(job *evidence.WorkflowJob, c *evidence.JobCase) {
		env := j.environmentOf(c.Environment)
		if env == nil || job.Callee != nil {
			return
		}
		gate := j.gateOf(env)
		if gate == nil {
			return
		}
		g := gated{judge: j, all: w, job: job, c: c, env: env, gate: gate}
		g.look()
		found = append(found, g.found...)
	})
	return found
}

// gateOf is the policy's gate of deploys to an environment, nil for none. It names the environment, or
// names deploys and no environment: then it is for all. A gate that names neither is for something else.
func (j *judge) gateOf(env *policy.Environment) *policy.Gate {
	for _, g := range j.policy.Gates {
		deploys := slices.Contains(g.Actions, names.Deploy)
		if (g.Actions == nil || deploys) && (matches(g.Environments, env.Name) || g.Environments == nil && deploys) {
			return g
		}
	}
	return nil
}

// gated looks at one run of a job that has to begin with the gate.
type gated struct {
	judge *judge
	all   *evidence.Workflows
	job   *evidence.WorkflowJob
	c     *evidence.JobCase
	env   *policy.Environment
	gate  *policy.Gate
	found []flaw
}

// lacks adds what is wrong at a place. Code tells it from what else is wrong with the job. What is
// returned holds until the next one.
func (g *gated) lacks(p evidence.Place, code, summary, reason, fix string) *flaw {
	if p.Line == 0 {
		p = g.job.At
	}
	f := flawed(p, jobName(g.job)+" of "+inert.Word(g.env.Name)+" "+summary, reason+when(g.c)+".", fix)
	f.Finding = at(f.Finding, g.gate.Position)
	f.what = code
	g.found = append(g.found, f.of(g.job, environmentKey(g.c.Environment), code))
	return &g.found[len(g.found)-1]
}

// action is the gate's step as a workflow names it, without its version.
func (g *gated) action() string { return g.judge.policy.Workflows.Gate() }

// reaches says how a request gets to the gate, without which the job can never pass.
const reaches = " A request has to get to it: by `workflow_dispatch` with an input `request`, handed on as `request: ${{ inputs.request }}`, or by `on: deployment`; " +
	"on a push there is none. The job needs `permissions: { contents: write, pull-requests: read, deployments: read, actions: read }`."

// stepText is the step that a job should begin with.
func (g *gated) stepText() string {
	return fmt.Sprintf("`uses: %s@<commit>` with `id: gate`, `mode: deploy` and `environment: %s`", inert.Word(g.action()), inert.Word(g.env.Name))
}

func (g *gated) look() {
	if g.job.Container != "" {
		g.startsBefore("container", g.job.Container, g.job.ContainerText)
	}
	if len(g.job.Services) > 0 {
		g.startsBefore("services", strings.Join(g.job.Services, " "), g.job.ServicesText)
	}
	g.mounts()
	if g.c.ContinueOnError != evidence.No {
		g.lacks(g.job.At, "job-continue-on-error", "counts as done when its gate refuses it",
			"With continue-on-error on the job, what needs it runs after a refusal as if the deploy had been let through",
			"Take continue-on-error off the job.").by(strconv.Itoa(int(g.c.ContinueOnError)))
	}
	if len(g.c.Steps) == 0 {
		g.lacks(g.job.At, "no-gate", "does not begin with the gate", g.why()+": it has no steps", "Make this the job's first step: "+g.stepText()+"."+reaches).by(g.brings()...)
		return
	}
	first := &g.c.Steps[0]
	if !g.isGate(first) {
		g.lacks(first.At, "no-gate", "does not begin with the gate",
			g.why()+": its first step is "+stepName(first)+". A gate in another job does not count, since running this job again would not ask it; nor does one after other steps, which would have run already",
			"Make this the job's first step: "+g.stepText()+". Nothing may come before it, not even a step that gets a token."+reaches).by(g.brings()...)
		return
	}
	g.holds(first)
	g.pinned(first)
	for i := range g.c.Steps[1:] {
		s := &g.c.Steps[i+1]
		g.after(first, s, false)
		g.startsEarly(s, i+1, true)
	}
	g.takes(first)
}

// why says what asks for the gate.
func (g *gated) why() string {
	return "The policy's gate " + quoted(g.gate.Name) + " is for deploys to " + inert.Word(g.env.Name) + ", and only a job's own first step can stop all of it"
}

// isGate reports whether a step is the gate's action, whatever it is told.
func (g *gated) isGate(s *evidence.JobStep) bool {
	if s.Uses == nil {
		return false
	}
	switch s.Uses.Kind {
	case evidence.UsesRemote:
		name := s.Uses.Repository
		if s.Uses.Path != "" {
			name += "/" + s.Uses.Path
		}
		return strings.EqualFold(name, g.action())
	case evidence.UsesLocal: // of the action's own repository
		_, own, ok := strings.Cut(g.judge.set.Repository, "/")
		return ok && s.Uses.Path == "" && strings.EqualFold(own, g.action())
	default:
		return false
	}
}

// holds says what keeps the gate's step from stopping the job.
func (g *gated) holds(s *evidence.JobStep) {
	place := s.At
	if v, ok := input(s, "mode"); !ok || !v.Known || strings.TrimSpace(v.Value) != "deploy" {
		g.lacks(v.At, "mode", "has a gate that gates nothing", "Its first step is the gate, and its mode is "+valueText(v, ok)+" instead of deploy", "Write `mode: deploy`.").by(g.values(v)...)
	}
	if v, ok := input(s, "environment"); !ok || !v.Known || g.judge.policy.Environment(strings.TrimSpace(v.Value)) != g.env {
		g.lacks(v.At, "environment", "has a gate for another environment", "Its first step asks for "+valueText(v, ok)+", and the job runs in "+inert.Word(g.env.Name),
			"Write `environment: "+inert.Word(g.env.Name)+"`, the same as the job's.").by(g.values(v)...)
	}
	g.asksAsIs(s)
	if s.If.Text != "" && (s.If.OnSuccess != evidence.Yes) {
		g.lacks(s.If.At, "if", "has a gate that may be left out", "The gate's step runs only if "+inert.Word(s.If.Text)+", and a step that is left out refuses nothing",
			"Take the condition off the gate, or put it on the job.").by(s.If.Text, strconv.Itoa(int(s.If.OnSuccess)))
	}
	if s.ContinueOnError != evidence.No {
		g.lacks(place, "continue-on-error", "goes on when its gate refuses it", "The gate's step has continue-on-error", "Take continue-on-error off the gate.").by(strconv.Itoa(int(s.ContinueOnError)))
	}
	if s.Aside {
		g.lacks(place, "aside", "does not wait for its gate", "The gate's step runs beside other steps", "Make the gate a step of its own, before all others.")
	}
	g.variables(s)
}

// asksAsIs says what inputs make the gate's step ask something else than whether this may be deployed: by
// another policy, for another repository, or before another action, which no review has to precede.
func (g *gated) asksAsIs(s *evidence.JobStep) {
	given := func(name string) (evidence.WorkflowValue, bool) {
		v, ok := input(s, name)
		return v, ok && (!v.Known || strings.TrimSpace(v.Value) != "")
	}
	if v, ok := given("action"); ok && (!v.Known || strings.TrimSpace(v.Value) != string(names.Deploy)) {
		g.lacks(v.At, "action", "has a gate before something else", "Its first step is the gate, and its action is "+valueText(v, ok)+" instead of deploy",
			"Take the action off the gate, or make what it is for a job without this environment.").by(g.values(v)...)
	}
	p := g.judge.policy
	if v, ok := given("policy-repository"); ok && (!v.Known || p.Repository != "") {
		g.lacks(v.At, "policy-repository", "has a gate that goes by another policy", "Its gate takes the policy of "+valueText(v, ok)+", and this one is for "+inert.Word(g.judge.set.Repository)+" alone",
			"Take policy-repository off the gate.").by(g.values(v)...)
	}
	if v, ok := given("repository"); ok {
		if name, err := names.ParseRepository(strings.TrimSpace(v.Value)); !v.Known || err != nil || name != g.judge.set.Repository {
			g.lacks(v.At, "repository", "has a gate for another repository", "Its gate judges requests for "+valueText(v, ok)+", and this is "+inert.Word(g.judge.set.Repository),
				"Take repository off the gate.").by(g.values(v)...)
		}
	}
}

// input is what a step hands to an action.
func input(s *evidence.JobStep, name string) (evidence.WorkflowValue, bool) {
	for _, v := range s.With {
		if strings.EqualFold(v.Name, name) {
			return v, true
		}
	}
	return evidence.WorkflowValue{At: s.At}, false
}

func valueText(v evidence.WorkflowValue, ok bool) string {
	switch {
	case !ok:
		return "not written"
	case v.Known:
		return inert.Word(v.Value)
	default:
		return inert.Word(v.Text) + ", which is not known before the run,"
	}
}

// waits reports whether a condition of the job's own cannot hold unless the gate has let something through.
func waits(gate *evidence.JobStep, c *evidence.Condition) bool {
	if gate.ID == "" {
		return false
	}
	own := "steps." + strings.ToLower(gate.ID) + "."
	for _, term := range c.Terms {
		term = strings.ToLower(term)
		for _, sure := range [][3]string{{"outcome", "==", "'success'"}, {"conclusion", "==", "'success'"}, {"outputs.verdict", "==", "'allow'"}, {"outputs.commit", "!=", "''"}} {
			if term == own+sure[0]+" "+sure[1]+" "+sure[2] || term == sure[2]+" "+sure[1]+" "+own+sure[0] {
				return true
			}
		}
	}
	return false
}

// after looks at a step behind the gate. held says that what it is inside of waits for the gate anyway.
func (g *gated) after(gate, s *evidence.JobStep, held bool) {
	held = held || !g.inAction(s) && waits(gate, &s.If)
	if s.If.AfterFailure != evidence.No && !held {
		g.lacks(s.If.At, "after "+stepName(s), "has a step that runs when its gate refuses it",
			stepName(s)+" runs only if "+inert.Word(s.If.Text)+", which can hold after the gate has refused, in a job that has the environment's secrets",
			g.orAfterAllow(gate)+"Put it into another job, without the environment, that needs this one: there `if: failure()` does no harm. Or leave always(), failure(), cancelled() and !cancelled() out.").by(g.does(s)...)
	}
	g.getsCode(gate, s)
	g.reads(s)
	for i := range s.Steps {
		g.after(gate, &s.Steps[i], held)
	}
}

// orAfterAllow is how a step may run after another one has failed, but not after the gate has.
func (g *gated) orAfterAllow(gate *evidence.JobStep) string {
	if gate.ID == "" {
		return ""
	}
	return "If it is for what fails after the gate, such as a rollback, add `&& steps." + inert.Word(gate.ID) + ".outcome == 'success'` to the whole condition (in brackets where it has ||), outside of any local action. "
}

// isOwn reports whether a checkout's repository is the one that is judged.
func (g *gated) isOwn(v evidence.WorkflowValue) bool {
	_, own, ok := strings.Cut(g.judge.set.Repository, "/")
	return ok && v.Known && strings.EqualFold(v.Value, own)
}

// startsBefore says that something runs before the first step can refuse.
func (g *gated) startsBefore(what, image string, whole evidence.WorkflowValue) {
	hop := evidence.HopService
	if what == "container" {
		hop = evidence.HopContainer
	}
	place, secret := g.job.At, ""
	for _, u := range g.c.Secrets {
		for _, h := range u.Flow {
			if h.Kind == hop && secret == "" {
				place, secret = u.At, secretName(&u)
			}
		}
	}
	switch {
	case what == "container":
		g.lacks(place, what, "runs its gate inside an image", "The image "+inert.Word(image)+" is started before the gate, and the gate's programs run inside of it: the image decides what they do",
			"Run the job without `container`, and start the image in a step after the gate (`docker run`).").by(g.values(whole)...)
	case secret != "":
		g.lacks(place, what, "hands a secret out before its gate", "The services "+inert.Word(image)+" are started before the first step, and get "+secret,
			"Start them in a step after the gate, or give them no secret.").by(g.values(whole)...)
	default:
		g.lacks(place, what, "starts services before its gate", "The services "+inert.Word(image)+" run beside the gate, whatever it decides. They get no secret",
			"Start them in a step after the gate if they should not run when it refuses.").warn()
	}
}

// does is all that makes a step do what it does, each thing apart.
func (g *gated) does(s *evidence.JobStep) []string {
	all := []string{"if " + s.If.Text, "run " + valueOf(s.Run), "shell " + s.Shell}
	if s.Uses != nil {
		all = append(all, "uses "+calls(s.Uses))
	}
	for _, values := range [][]evidence.WorkflowValue{s.With, s.Env} {
		for _, v := range values {
			all = append(all, v.Name+" "+valueOf(v))
		}
	}
	for _, v := range g.job.Env {
		if v.Name != "" && strings.Contains(s.Run.Text, v.Name) {
			all = append(all, v.Name+" "+valueOf(v))
		}
	}
	for i := range s.Steps {
		all = append(all, g.does(&s.Steps[i])...)
	}
	return all
}

// brings is the code that a job without a gate takes, each place apart.
func (g *gated) brings() []string {
	var all []string
	eachStep(g.c.Steps, func(s *evidence.JobStep) {
		if s.Checkout != nil {
			all = append(all, g.checkedOut(s.Checkout)...)
		}
	})
	return all
}

// checkedOut is a checkout as [flaw.by] takes it.
func (g *gated) checkedOut(c *evidence.Checkout) []string {
	whole := "checkout " + valueOf(c.Repository) + "\x00" + valueOf(c.Ref) + "\x00" + c.Commit
	return append([]string{whole}, g.judge.decides(g.all, g.job, c.Repository.Text+" "+c.Ref.Text)...)
}

// values are a value and what it goes by, as [flaw.by] takes them.
func (g *gated) values(v evidence.WorkflowValue) []string {
	return append([]string{valueOf(v)}, g.judge.decides(g.all, g.job, v.Text)...)
}

// stepName is a step in a sentence.
func stepName(s *evidence.JobStep) string {
	switch {
	case s.Name != "":
		return "the step " + inert.Word(s.Name)
	case s.Uses != nil:
		return "the step that uses " + inert.Word(s.Uses.Text)
	case s.ID != "":
		return "the step " + inert.Word(s.ID)
	case s.Run.Text != "":
		line, _, _ := strings.Cut(s.Run.Text, "\n")
		return "the step that runs " + inert.Word(line)
	default:
		return "the step in line " + strconv.Itoa(s.At.Line)
	}
}
