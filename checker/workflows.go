package checker

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// Rules about workflow files look at what the jobs of a tree can do. What the change brings has the
// rule's effect. What was there before it is only warned about: whoever changes something else cannot
// mend it, and it does nothing that it did not do yesterday.
//
// What a change lets jobs reach is an act too: whoever answers for the change needs the authority for
// the action secret, see reach.go.

// workflowKind is what reports call the act of a workflow file that is judged by itself.
const workflowKind = "workflow"

// workflowRules judge the files of a tree, and an update of which the commits are judged on their own.
func workflowRules() []string {
	return []string{
		"limit-exceeded", "history-incomplete", "workflow-unjudged",
		"environment-undeclared", "environment-dynamic",
		"secret-cross-environment", "secret-undeclared", "secret-dynamic", "secret-inherited",
		"deploy-ungated", "trigger-unsafe", "permissions-widened",
		"scope-action", "scope-environment", "not-granted", "forbidden",
	}
}

// approvalRules say what gates wait for.
func approvalRules() []string {
	return []string{"changes-requested", "approval-missing", ruleStale, ruleIneligible, ruleExpired}
}

// flow is a change of workflow files under judgement.
type flow struct {
	change  *evidence.WorkflowChange
	files   []string          // the only ones that are judged; nil: all
	homes   []string          // of a tree: those that findings are told of, sorted
	who     *attribution      // who answers for the change; nil: nobody who could be named
	reached []*reach          // what the change newly reaches, by environment
	renames map[string]string // files that have another name now, by that

	followed bool

	mu    sync.Mutex
	found map[string][]flaw // what is wrong with the head, by rule
}

// flaw is what a rule finds wrong in a tree of workflow files.
type flaw struct {
	verdict.Finding
	at      evidence.Place
	started string // the file of the workflow that leads there; "" where none does
	job     string // of it, as a sentence names it; "" where it is about the file
	// key is the same before and after a change, wherever the flaw stands: it names the workflow, the
	// job and what is wrong. What tells two flaws at one place apart.
	key, what string
	// values are what makes it as bad as it is: it was there before only where each of them was. None
	// for what is as bad whatever stands there.
	values []string
	// settled says of an undecided flaw that it does not depend on what else its file says.
	settled bool
	// names is set where it is that a job reaches a secret by its name.
	names *evidence.WorkflowJob
	in    string // the environment that it runs in then, as [environmentKey] has it
}

// newFlow is the flow of a change, nil where there is none.
func newFlow(c *evidence.WorkflowChange) *flow {
	if c == nil {
		return nil
	}
	change := *c
	v := &flow{change: &change, found: map[string][]flaw{}, renames: map[string]string{}}
	if c.Base != nil && c.Head != nil {
		for from, to := range renamedFiles(c.Base.Files, c.Head.Files) {
			v.renames[to] = from
		}
	}
	change.Base = renamed(c)
	return v
}

// treeActs has one act for each file of a tree that is judged by itself.
func (j *judge) treeActs(t *evidence.WorkflowTree) []*act {
	if t == nil {
		return nil
	}
	whole := newFlow(&t.WorkflowChange)
	whole.files = t.Files
	var who attribution
	if t.As != "" {
		who = attribution{
			problem: attributed, principal: t.As, block: j.policy.Principal(t.As), assumed: true,
			evidence: "--as; nothing is signed, and grants alone count",
		}
		whole.who = &who
	}
	var acts []*act
	whole.homes = whole.told()
	for _, path := range whole.homes {
		acts = append(acts, &act{
			judge: j, subject: path, tree: true, flow: whole, who: who,
			seen: evidence.Seen{Time: j.set.At, By: j.set.AtSource},
		})
	}
	return acts
}

// follow works out who answers for what acts change in workflows, and what that newly reaches. It comes
// once all acts are attributed.
func (j *judge) follow(acts []*act) {
	for _, a := range acts {
		if a.flow == nil || a.flow.followed {
			continue
		}
		a.flow.followed = true
		if !a.tree {
			a.flow.who = j.answersForWorkflows(a)
		}
		a.flow.reached = j.reaches(a)
	}
}

// told lists the files that findings are told of, in order.
func (v *flow) told() []string {
	w := v.change.Head
	if w == nil {
		return nil
	}
	var all []string
	for _, f := range w.Files {
		all = append(all, f.Path)
	}
	for _, p := range w.Problems {
		all = append(all, p.At.File)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if v.files == nil {
		return all
	}
	// What the files lead to is judged with them.
	leads := map[string]bool{}
	for _, f := range v.files {
		leads[f] = true
	}
	for i := range w.Jobs {
		if job := &w.Jobs[i]; slices.Contains(v.files, job.File) {
			leads[job.At.File] = true
			for _, c := range job.Calls {
				leads[c.At.File] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(p string) bool { return !leads[p] })
}

// isHome reports whether an act is where a flaw is told of: the file that it stands in, else the
// workflow that leads there.
func (a *act) isHome(at evidence.Place, started string) bool {
	if !a.tree {
		return true
	}
	if v := a.flow; v.files != nil && !slices.Contains(v.files, at.File) && !slices.Contains(v.files, started) {
		return false
	}
	if a.subject == at.File {
		return true
	}
	_, isFile := slices.BinarySearch(a.flow.homes, at.File)
	return !isFile && a.subject == started
}

// flaws is what a rule finds in the workflow files that the act changes.
func (a *act) flaws(id string, find func(*judge, *evidence.Workflows) []flaw) []verdict.Finding {
	if a.flow == nil {
		return nil
	}
	var found []verdict.Finding
	for _, f := range a.flow.flaws(a.judge, id, find) {
		if a.isHome(f.at, f.started) {
			found = append(found, f.Finding)
		}
	}
	return limit(found)
}

// flaws runs a rule once for all acts: what it finds in the head, each place once, in the order of
// places, with the effect that it has for this change.
func (v *flow) flaws(j *judge, id string, find func(*judge, *evidence.Workflows) []flaw) []flaw {
	v.mu.Lock()
	defer v.mu.Unlock()
	if all, ok := v.found[id]; ok {
		return all
	}
	before := map[string]verdict.Effect{} // the worst of each
	if v.change.Base != nil {
		for _, f := range find(j, v.change.Base) {
			for _, key := range f.keys() {
				if old, ok := before[key]; !ok || f.Effect < old {
					before[key] = f.Effect
				}
			}
		}
	}
	var all []flaw
	if v.change.Head != nil {
		all = find(j, v.change.Head)
	}
	for i := range all {
		f := &all[i]
		f.Path, f.Line, f.Column = f.at.File, f.at.Line, f.at.Column
		// What was only warned of and is denied now is another thing: a guard is gone, or a secret has come.
		had := !slices.ContainsFunc(f.keys(), func(key string) bool {
			old, ok := before[key]
			return !ok || old > f.Effect
		})
		if had && !v.touched(f) || f.names != nil && v.hadAll(f.names, f.in) {
			f.stood()
		}
		j.waive(id, f)
	}
	all = eachPlaceOnce(all)
	v.found[id] = all
	return all
}

// touched reports whether a flaw that was there before counts as new all the same: nobody knows what
// is in a file that could not be read, so that it may hold something else now.
func (v *flow) touched(f *flaw) bool {
	return f.Effect == verdict.Undecided && !f.settled && slices.Contains(v.change.Changed, f.at.File)
}

// stood makes a flaw that was there before the change milder.
func (f *flaw) stood() {
	if f.Effect == verdict.Warn || f.Effect == verdict.Note {
		f.Effect = verdict.Note
	} else {
		f.Effect = verdict.Warn
	}
	f.Reason += " It was so before this change."
}

// waive makes a flaw that the policy lets pass a note.
func (j *judge) waive(id string, f *flaw) {
	w, holds := j.waiver(id, f.at.File, f.started)
	switch {
	case w == nil || f.Effect == verdict.Note:
	case holds:
		f.Effect = verdict.Note
		f.Reason += " The policy lets it pass until " + clock(w.Until) + ": " + quoted(w.Reason) + "."
		f.Finding = at(f.Finding, w.Position)
	default:
		f.Reason += " The policy let it pass until " + clock(w.Until) + ", and that is over."
		f.Finding = at(f.Finding, w.Position)
	}
}

// waiver is the waiver of a rule for one of the files that lasts longest, nil for none, and whether it
// still holds.
func (j *judge) waiver(id string, files ...string) (w *policy.Waiver, holds bool) {
	for i := range j.policy.Workflows.Allow {
		a := &j.policy.Workflows.Allow[i]
		if a.Rule == id && slices.Contains(files, a.File) && (w == nil || a.Until.After(w.Until)) {
			w = a
		}
	}
	return w, w != nil && !j.set.At.IsZero() && j.set.At.Before(w.Until)
}

// eachPlaceOnce merges flaws that are the same thing at one place, which several jobs or choices lead
// to: the worst one stands, and names the jobs.
func eachPlaceOnce(all []flaw) []flaw {
	slices.SortStableFunc(all, func(f, g flaw) int {
		return cmp.Or(strings.Compare(f.at.File, g.at.File), cmp.Compare(f.at.Line, g.at.Line), cmp.Compare(f.at.Column, g.at.Column),
			strings.Compare(f.what, g.what), cmp.Compare(f.Effect, g.Effect))
	})
	var out []flaw
	for i := 0; i < len(all); {
		f := all[i]
		var others []string
		for i++; i < len(all) && all[i].at == f.at && all[i].what == f.what; i++ {
			if job := all[i].job; job != f.job && !slices.Contains(others, job) {
				others = append(others, job)
			}
		}
		if len(others) > 0 {
			f.Reason += " So it is for " + list(others) + "."
		}
		out = append(out, f)
	}
	return out
}

// flawed is a flaw that denies.
func flawed(p evidence.Place, summary, reason, fix string) flaw {
	return flaw{Finding: deny(summary, reason, fix), at: p}
}

// of says in which job a flaw is, and what it is: what has to be the same for it to be the same flaw.
func (f flaw) of(job *evidence.WorkflowJob, what ...string) flaw {
	f.started, f.job = job.File, jobName(job)
	f.key = strings.Join(append([]string{job.File, job.ID}, what...), "\x00")
	return f
}

// by says what makes a flaw as bad as it is.
func (f *flaw) by(values ...string) { f.values = append(f.values, values...) }

// keys are what has to have been there before for it to be an old flaw: it with each of its values.
func (f *flaw) keys() []string {
	all := []string{f.key}
	for _, v := range f.values {
		all = append(all, f.key+"\x00\x00"+v)
	}
	return all
}

// valueOf is a value for [flaw.by]: as it is written, and what that comes to.
func valueOf(v evidence.WorkflowValue) string { return v.Text + "\x00" + v.Value }

// calls names what is used, without what makes no difference in how it is written.
func calls(u *evidence.WorkflowUses) string {
	if u.Kind != evidence.UsesRemote {
		return u.Text
	}
	return u.Repository + "/" + u.Path + "@" + u.Ref
}

// jobName is a job in a sentence.
func jobName(job *evidence.WorkflowJob) string { return "the job " + inert.Word(job.ID) }

// eachCase calls f for each run of each job.
func eachCase(w *evidence.Workflows, f func(*evidence.WorkflowJob, *evidence.JobCase)) {
	for i := range w.Jobs {
		for k := range w.Jobs[i].Cases {
			f(&w.Jobs[i], &w.Jobs[i].Cases[k])
		}
	}
}

// when says for which choice a case is, "" where there is none: ", where matrix.target is staging".
func when(c *evidence.JobCase) string {
	if len(c.When) == 0 {
		return ""
	}
	var parts []string
	for _, v := range c.When {
		if v.Other {
			parts = append(parts, inert.Word(v.Name)+" is something else")
		} else {
			parts = append(parts, inert.Word(v.Name)+" is "+inert.Word(v.Value))
		}
	}
	return ", where " + list(parts)
}

// runsIn says in which environment a case runs.
func runsIn(e evidence.JobEnvironment) string {
	switch e.Kind {
	case evidence.EnvironmentNamed:
		return "runs in " + inert.Word(e.Name)
	case evidence.EnvironmentNone:
		return "runs in no environment"
	case evidence.EnvironmentOfCallee:
		return "calls a workflow that was not read"
	default:
		return "runs in an environment that is not known before the run"
	}
}

// environmentOf is the policy's block of a case's environment, nil where it has none.
func (j *judge) environmentOf(e evidence.JobEnvironment) *policy.Environment {
	if e.Kind != evidence.EnvironmentNamed {
		return nil
	}
	return j.policy.Environment(e.Name)
}

// way is how a secret gets to a job: "workflow env.TOKEN → job deploy → step 3 with.token".
func way(job *evidence.WorkflowJob, u *evidence.SecretUse) string {
	var hops []string
	inJob := false
	for _, h := range u.Flow {
		text := hopText(h)
		if h.Kind != evidence.HopWorkflowEnv && h.Kind != evidence.HopCall && h.Kind != evidence.HopOutput && !inJob {
			inJob = true
			hops = append(hops, "job "+inert.Word(job.ID))
		}
		if len(hops) < maxListed {
			hops = append(hops, text)
		}
	}
	if !inJob {
		hops = append(hops, "job "+inert.Word(job.ID))
	}
	return strings.Join(hops, " → ")
}

var (
	stepPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^jobs\.([^.\[]+)\.steps\[(\d+)\]\.?(.*)$`) })
	jobPath  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^jobs\.([^.\[]+)\.?(.*)$`) })
)

// hopText is a place on a secret's way, in the words of whoever edits the file.
func hopText(h evidence.SecretHop) string {
	switch h.Kind {
	case evidence.HopWorkflowEnv:
		return "workflow " + inert.Word(h.Key)
	case evidence.HopCall, evidence.HopOutput:
		if m := jobPath().FindStringSubmatch(h.Key); m != nil {
			return "job " + inert.Word(m[1]) + " " + inert.Word(m[2])
		}
		return inert.Word(h.Key)
	default: // a place in a step or a job, which its path tells
	}
	if m := stepPath().FindStringSubmatch(h.Key); m != nil {
		if n, err := strconv.Atoi(m[2]); err == nil {
			return strings.TrimSpace(fmt.Sprintf("step %d ", n+1) + showPart(m[3]))
		}
	}
	if m := jobPath().FindStringSubmatch(h.Key); m != nil {
		return showPart(m[2])
	}
	return inert.Word(h.Key)
}

func showPart(s string) string {
	if s == "" {
		return ""
	}
	return inert.Word(s)
}
