package workflow

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/workflow/expression"
)

// emit adds a job as it can run.
func (l *loader) emit(x *expansion, outer []*job, j *job, id string, unknown *evidence.UnknownCallee) {
	l.jobs++
	a := &analysis{l: l, root: x.root, work: &x.work}
	var f *frame
	for _, o := range outer {
		f = a.frame(frameKey{parent: f, file: o.file, job: o})
	}
	a.leaf = a.frame(frameKey{parent: f, file: j.file, job: j})
	out := a.describe(outer, id, unknown)
	cases, ok := a.cases(unknown)
	if !ok || x.work <= 0 {
		if x.work <= 0 && !x.ended {
			x.ended = true
			l.problem(evidence.ProblemLimit, j.file.place(j.at), "working out what the jobs can reach takes too long")
		} else if x.work > 0 {
			l.problem(evidence.ProblemLimit, j.file.place(j.at), "the job %s has more than %d cases", inert.Quote(id), MaxCases)
		}
		out.TooManyCases = true
		cases = []evidence.JobCase{a.unknownCase()}
	}
	out.Cases = cases
	l.out.Jobs = append(l.out.Jobs, out)
}

// emitUnknown adds a job of which nothing was worked out.
func (l *loader) emitUnknown(root *file, outer []*job, j *job, id string) {
	none := 0
	l.emit(&expansion{l: l, root: root, work: none, ended: true}, outer, j, id, nil)
}

// unknownCase is the one case of a job that has too many: any environment, any secret.
func (a *analysis) unknownCase() evidence.JobCase {
	j := a.leaf.job
	at := j.file.place(j.at)
	return evidence.JobCase{
		Environment: evidence.JobEnvironment{Text: cut(environmentText(j)), At: at},
		Secrets: []evidence.SecretUse{{
			Kind: evidence.SecretDynamic, At: at, Step: -1,
			Flow: []evidence.SecretHop{{Key: "jobs." + j.id, At: at}},
		}},
	}
}

// describe is what does not depend on the case.
func (a *analysis) describe(outer []*job, id string, unknown *evidence.UnknownCallee) evidence.WorkflowJob {
	j := a.leaf.job
	out := evidence.WorkflowJob{
		File: a.root.path, ID: id, At: j.file.place(j.at), Name: cut(j.name), Callee: unknown,
		Triggers: a.root.triggers, Permissions: j.permissions, Needs: j.needs, RunsOn: cut(j.runsOn),
		Container: cut(j.container), Services: j.services, Content: contentOf(outer, j),
	}
	for _, k := range j.keys {
		out.Keys = append(out.Keys, cut(k))
	}
	r := a.run(&state{})
	for f := a.leaf.parent; f != nil; f = f.parent {
		out.Permissions = within(f.job.permissions, out.Permissions)
	}
	for i, o := range outer {
		call := a.l.readCall(o)
		a.fillCall(r, a.frames[i], &call)
		out.Calls = append(out.Calls, call)
	}
	if unknown != nil {
		a.fillCall(r, a.leaf, &unknown.Call)
	}
	s := r.scope(a.leaf)
	a.surroundings(s, &out)
	out.Env = append(s.values(j.file.document, j.file.env, nil), s.values(j.file.document, j.env, nil)...)
	return out
}

// fillCall adds to a call what is passed, as far as it is the same in every case.
func (a *analysis) fillCall(r *run, f *frame, call *evidence.WorkflowCall) {
	s := r.scope(f)
	call.With = s.values(f.file.document, f.job.with, nil)
	if !call.Inherit {
		call.Secrets = s.values(f.file.document, f.job.secrets, nil)
	}
	call.If = s.condition(f.file.document, f.job.condition)
}

func (a *analysis) run(st *state) *run { return &run{a: a, st: st, tables: map[int]*table{}} }

// enumerate runs a plan in a state, and where something has to be chosen, in each state that comes
// of it. done is called for every state in which the plan came to its end. It says whether all were
// gone through.
func (a *analysis) enumerate(st *state, plan func(*run), done func(*run)) bool {
	stack := []*state{st}
	ends := 0
	for runs := 0; len(stack) > 0; runs++ {
		if runs > 8*MaxCases || ends > MaxCases || *a.work <= 0 {
			return false
		}
		r := a.run(stack[len(stack)-1])
		stack = stack[:len(stack)-1]
		r.split = true
		plan(r)
		*a.work -= 4
		if !r.forked {
			ends++
			done(r)
			continue
		}
		for i := len(r.forks) - 1; i >= 0; i-- {
			stack = append(stack, r.forks[i])
		}
	}
	return ends <= MaxCases && *a.work > 0
}

// choice is a state in which the environment is worked out.
type choice struct {
	st  *state
	env evidence.JobEnvironment
}

// cases tells the runs of the job apart. ok is false where there are too many.
func (a *analysis) cases(unknown *evidence.UnknownCallee) (cases []evidence.JobCase, ok bool) {
	if *a.work <= 0 {
		return nil, false
	}
	choices, ok := a.choices(&state{}, false, unknown)
	if !ok {
		return nil, false
	}
	var refined []choice
	for _, c := range choices {
		if c.env.Kind == evidence.EnvironmentDynamic {
			// Perhaps the job's condition says what the environment can be.
			if more, ok := a.choices(c.st, true, unknown); ok && slices.ContainsFunc(more, func(c choice) bool { return c.env.Kind != evidence.EnvironmentDynamic }) ||
				ok && len(more) == 0 {
				refined = append(refined, more...)
				continue
			}
		}
		refined = append(refined, c)
	}
	if len(refined) > MaxCases {
		return nil, false
	}
	for _, c := range refined {
		cases = append(cases, a.caseOf(c, unknown))
		if *a.work <= 0 {
			return nil, false
		}
	}
	return cases, true
}

// choices works out the environment in every state that decides it. Where the conditions of the job
// are false the job does not run. by says that they are to be decided first.
func (a *analysis) choices(st *state, by bool, unknown *evidence.UnknownCallee) ([]choice, bool) {
	var list []choice
	var env evidence.JobEnvironment
	never := false
	ok := a.enumerate(st, func(r *run) {
		never = by && r.never()
		if !r.forked && !never {
			env = r.environment(unknown)
		}
	}, func(r *run) {
		r.split = false
		if !never && !r.never() {
			list = append(list, choice{r.st, env})
		}
	})
	return list, ok
}

// never says that the job's condition, or a caller's, is false whatever happens.
func (r *run) never() bool {
	for f := r.a.leaf; f != nil; f = f.parent {
		if f.job.condition == nil {
			continue
		}
		s := r.scope(f)
		if c := s.condition(f.file.document, f.job.condition); c.OnSuccess == evidence.No && c.AfterFailure == evidence.No {
			return true
		}
		if r.forked {
			return false
		}
	}
	return false
}

// environment works out the job's environment.
func (r *run) environment(unknown *evidence.UnknownCallee) evidence.JobEnvironment {
	f := r.a.leaf
	j := f.job
	env := evidence.JobEnvironment{Text: cut(environmentText(j)), At: j.file.place(j.environment)}
	if unknown != nil {
		env.Kind, env.At = evidence.EnvironmentOfCallee, evidence.Place{}
		return env
	}
	if isNull(j.environment) {
		return evidence.JobEnvironment{Kind: evidence.EnvironmentNone}
	}
	s := r.scope(f)
	n := j.environment
	if n.Kind == yaml.MappingNode {
		if n = get(n, "name"); n == nil {
			return env
		}
		env.At = j.file.place(n)
	}
	v := s.node(j.file.document, n)
	if v.Type == expression.Object {
		name, _ := v.Property(expression.TextValue("name"))
		v = name
	}
	if v.Type == expression.Array || v.Type == expression.Object {
		return env
	}
	name, ok := v.AsText()
	switch {
	case !ok:
		return env
	case name == "":
		return evidence.JobEnvironment{Kind: evidence.EnvironmentNone, Text: env.Text}
	}
	env.Kind, env.Name = evidence.EnvironmentNamed, cut(name)
	return env
}

// environmentText is the environment as it is written.
func environmentText(j *job) string {
	n := j.environment
	if n != nil && n.Kind == yaml.MappingNode {
		n = get(n, "name")
	}
	return scalar(n)
}

// caseOf works out what the job reaches in a state.
func (a *analysis) caseOf(c choice, unknown *evidence.UnknownCallee) evidence.JobCase {
	r := a.run(c.st)
	a.inEnv = c.env.Kind != evidence.EnvironmentNone
	s := r.scope(a.leaf)
	j := a.leaf.job
	doc := j.file.document
	out := evidence.JobCase{
		When: r.when(), Environment: c.env,
		If: s.condition(doc, j.condition), ContinueOnError: s.flag(doc, j.tolerated),
	}
	g := &gatherer{a: a, st: c.st, seen: map[useKey]bool{}}
	g.all(a.leaf, a.leaf.file.common, -1, nil)
	for f := a.leaf.parent; f != nil; f = f.parent {
		g.all(f, f.job.exprs, -1, nil)
	}
	g.all(a.leaf, j.exprs, -1, nil)
	for i, st := range j.steps {
		g.step(a.leaf, st, i, nil)
	}
	if unknown != nil {
		g.passed(a.leaf)
	}
	slices.SortStableFunc(g.uses, func(x, y evidence.SecretUse) int { return comparePlaces(x.At, y.At) })
	out.Secrets = g.uses
	for _, st := range j.steps {
		out.Steps = append(out.Steps, s.buildStep(st, 0))
	}
	out.Untrusted = s.settings(unknown != nil)
	return out
}

// gatherer collects what a case reaches.
type gatherer struct {
	a    *analysis
	st   *state
	uses []evidence.SecretUse
	seen map[useKey]bool
}

// guard is the condition of a step.
type guard struct {
	document  *document
	condition *yaml.Node
	frame     *frame
}

func (g *gatherer) all(f *frame, list []*located, step int, guards []guard) {
	for _, e := range list {
		g.one(f, e, step, guards)
	}
}

// one adds what a text takes, where its guards let it be taken.
func (g *gatherer) one(f *frame, e *located, step int, guards []guard) {
	r := g.a.run(g.st)
	if shut(r, guards) {
		return
	}
	found := g.take(r, f, e, step)
	if !slices.ContainsFunc(found, func(u evidence.SecretUse) bool { return u.Kind == evidence.SecretDynamic }) {
		g.add(found)
		return
	}
	// A name that is not known in this case: perhaps each of its values is.
	var all, last []evidence.SecretUse
	ok := g.a.enumerate(g.st, func(r *run) { last = g.take(r, f, e, step) }, func(r *run) {
		r.split = false
		r.uses = nil
		if !shut(r, guards) && !r.never() {
			all = append(all, last...)
		}
	})
	if ok {
		found = all
	}
	g.add(found)
}

// take works a text out in one run.
func (g *gatherer) take(r *run, f *frame, e *located, step int) []evidence.SecretUse {
	var found []evidence.SecretUse
	*g.a.work -= 8
	r.uses = &found
	r.at = []context{{e: e, step: step}}
	r.text(f, e)
	r.uses, r.at = nil, nil
	return found
}

func shut(r *run, guards []guard) bool {
	for _, guard := range guards {
		c := r.scope(guard.frame).condition(guard.document, guard.condition)
		if c.OnSuccess == evidence.No && c.AfterFailure == evidence.No {
			return true
		}
	}
	return false
}

// add takes up what was found, each thing once.
func (g *gatherer) add(found []evidence.SecretUse) {
	for _, use := range found {
		if len(g.uses) > maxUses {
			return
		}
		if len(g.uses) == maxUses { // whatever comes behind these
			use = evidence.SecretUse{Kind: evidence.SecretDynamic, At: use.At, Flow: use.Flow, Step: -1}
		}
		key := useKey{
			kind: use.Kind, name: use.Name, from: use.From, as: use.As, step: use.Step, at: use.At,
			ifEmpty: strings.Join(use.IfEmpty, " "), loose: use.Loose, last: use.Flow[len(use.Flow)-1], hops: len(use.Flow),
		}
		if !g.seen[key] {
			g.seen[key] = true
			g.uses = append(g.uses, use)
		}
	}
}

// useKey is what tells two uses apart.
type useKey struct {
	kind       evidence.SecretKind
	name, as   string
	from       evidence.SecretSource
	step, hops int
	at         evidence.Place
	ifEmpty    string
	loose      bool
	last       evidence.SecretHop
}

// step adds what a step takes, with what is inside it.
func (g *gatherer) step(f *frame, s *step, index int, guards []guard) {
	if s.condition != nil {
		guards = append(slices.Clip(guards), guard{s.document, s.condition, f})
	}
	g.all(f, s.exprs, index, guards)
	for _, inner := range s.inner {
		g.step(f, inner, index, guards)
	}
	// No secret stands in an action of its own right; the forge refuses one that names any.
	if a := g.a.l.local(s); a != nil {
		in := g.a.frame(frameKey{parent: f.parent, file: f.file, job: f.job, action: true})
		g.action(in, a, index, guards, map[*action]bool{})
	}
}

// action adds what the file of a local action takes.
func (g *gatherer) action(f *frame, a *action, index int, guards []guard, seen map[*action]bool) {
	if *g.a.work--; seen[a] || *g.a.work <= 0 {
		return
	}
	seen[a] = true
	g.all(f, a.exprs, index, guards)
	for _, s := range a.steps {
		g.all(f, s.exprs, index, guards)
		if inner := g.a.l.local(s); inner != nil {
			g.action(f, inner, index, guards, seen)
		}
	}
}

// local is the local action of a step, nil for none.
func (l *loader) local(s *step) *action {
	if s.used == nil || s.used.Kind != evidence.UsesLocal {
		return nil
	}
	if s.action == nil {
		s.action = l.action(s.used.Path)
		switch {
		case s.action.path == "" && s.used.Own: // ./path may be there once a step has put it there
			l.problem(evidence.ProblemCallee, s.used.At, "the tree has no action %s", inert.Quote(s.used.Path))
		case l.twofold(s.used):
			l.problem(evidence.ProblemCallee, s.used.At, "the tree has the folder %s, whose name has the separators in it", inert.Quote(s.used.Text))
		}
	}
	return s.action
}

// twofold says that a path with backslashes is the name of a folder too, so that it depends on the
// runner what is used.
func (l *loader) twofold(u *evidence.WorkflowUses) bool {
	if !strings.Contains(u.Text, `\`) {
		return false
	}
	p := path.Clean(strings.TrimLeft(u.Text[1:], "/"))
	return strings.Contains(p, `\`) && fs.ValidPath(p) && l.exists(p) || fs.ValidPath(u.Text) && l.exists(u.Text)
}

// passed adds what a job passes to a workflow that was not read.
func (g *gatherer) passed(f *frame) {
	j := f.job
	doc := j.file.document
	if inherits(j.secrets) {
		at := doc.place(j.secrets)
		g.add([]evidence.SecretUse{{
			Kind: evidence.SecretInherited, Text: cut(scalar(j.uses)), At: at, Step: -1,
			Flow: []evidence.SecretHop{{Kind: evidence.HopCall, Key: "jobs." + j.id + ".secrets", At: at}},
		}})
		return
	}
	if j.secrets == nil || j.secrets.Kind != yaml.MappingNode {
		return // it was walked with the rest of the job
	}
	var list []*located
	find := &finder{l: g.a.l, doc: doc, out: &list, path: []string{"jobs", j.id, "secrets"}, kind: evidence.HopCall, literal: true}
	find.walk(j.secrets)
	g.all(f, list, -1, nil)
}
