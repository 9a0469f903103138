package checker

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// A condition, and a runner that an expression names, go by things that stand in other places: outputs
// of jobs that are needed, and inputs. Who changes those changes the condition.

var (
	needRead  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\bneeds\b` + property + property + property) })
	inputRead = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\binputs\b` + property) })
	stepRead  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\bsteps\b` + property) })
)

// property is one index of a context, as .name or ['name'], or none that can be read.
const property = `(?:(?:\.|\[')([a-z0-9_*-]+)(?:'\])?)?`

// The bounds on what is looked up for one text: what it reads, and what is read in turn.
const (
	maxDecided      = 50
	maxDecidedDepth = 4
	maxLookups      = 100_000 // steps, outputs and jobs that are gone through for one text
)

// decidedElsewhere is what a text goes by that stands in another place and differs there now: an output of
// a job that this one needs, or an input. It is "" where there is nothing of that kind.
func (a *act) decidedElsewhere(job, was *evidence.WorkflowJob, text string) string {
	frame := len(job.Calls)
	if i := strings.LastIndex(text, ofJob); i >= 0 {
		frame, text = frameOf(job, text[i+len(ofJob):]), text[:i]
	}
	before := a.judge.decided(a.flow.change.Base, was, text, frame)
	for _, d := range a.judge.decided(a.flow.change.Head, job, text, frame) {
		if !slices.Contains(before, d) {
			return d.what
		}
	}
	return ""
}

// ofJob stands in [evidence.WorkflowJob.Guards] before the name of the calling job that a condition is of.
const ofJob = " of job "

// decides are the things that a text of a job goes by, as [flaw.by] takes them.
func (j *judge) decides(w *evidence.Workflows, job *evidence.WorkflowJob, text string) []string {
	var all []string
	for _, d := range j.decided(w, job, text, len(job.Calls)) {
		all = append(all, d.what+" "+d.value)
	}
	return all
}

// decided is what a text goes by that stands at a job, or at one that calls it at a depth. Of more than can
// be gone through, any change of the file is one.
func (j *judge) decided(w *evidence.Workflows, job *evidence.WorkflowJob, text string, frame int) []decided {
	left := maxLookups
	l := lookup{j, w, job, &left}
	list := l.all(text, frame, 0)
	if left > 0 {
		return list
	}
	content := ""
	for i := range w.Files {
		if w.Files[i].Path == job.File {
			content = w.Files[i].Content
		}
	}
	return []decided{{"something of " + inert.Word(job.File), content}}
}

// decided is a thing that a text goes by, and what it is.
type decided struct{ what, value string }

// lookup finds what texts of a job go by.
type lookup struct {
	judge *judge
	in    *evidence.Workflows
	job   *evidence.WorkflowJob
	left  *int // how much more may be gone through
}

// all are the things that a text goes by which stands at a job, or at the one that calls it at a depth.
func (l lookup) all(text string, frame, depth int) []decided {
	if depth > maxDecidedDepth {
		*l.left = 0
	}
	if *l.left <= 0 {
		return nil
	}
	text = strings.Join(strings.Fields(text), "")
	var list []decided
	for _, m := range needRead().FindAllStringSubmatch(text, maxDecided) {
		if m[2] == "result" {
			continue
		}
		needs := []string{m[1]}
		if m[1] == "" || m[1] == "*" {
			needs = inFrame(l.job, frame).Needs
		}
		for _, need := range needs {
			list = append(list, l.outputs(frame, need, m[3])...)
		}
	}
	for _, m := range inputRead().FindAllStringSubmatch(text, maxDecided) {
		list = append(list, l.inputs(frame, m[1], depth)...)
	}
	return list
}

// frameOf is how many jobs call the one that a condition stands at: all those of the job's own, fewer for
// one of a calling job.
func frameOf(job *evidence.WorkflowJob, caller string) int {
	if caller != "" {
		for i := range job.Calls {
			if job.Calls[i].Job == caller {
				return i
			}
		}
	}
	return len(job.Calls)
}

// inFrame is a job, or in its place the one that calls it at a depth.
func inFrame(job *evidence.WorkflowJob, frame int) *evidence.WorkflowJob {
	if frame >= len(job.Calls) {
		return job
	}
	caller := *job
	var ids []string
	for _, c := range job.Calls[:frame+1] {
		ids = append(ids, c.Job)
	}
	caller.ID, caller.Needs = strings.Join(ids, "/"), job.Calls[frame].Needs
	return &caller
}

// outputs are those of a job that another needs, each with the step that makes it. Name "" is all, and "*"
// is too.
func (l lookup) outputs(frame int, need, name string) []decided {
	here := inFrame(l.job, frame)
	g := gated{judge: l.judge, all: l.in, job: here}
	*l.left -= len(l.in.Jobs)
	own := here.ID[:strings.LastIndexByte(here.ID, '/')+1] + need
	what := "the output " + inert.Word(need+"."+name) + " that it goes by"
	if name == "" || name == "*" {
		name, what = "", "an output of "+inert.Word(need)+" that it goes by"
	}
	var list []decided
	told := map[string]bool{}
	for _, other := range g.siblings(need) {
		called := !strings.EqualFold(other.ID, own)
		if file := other.At.File; called && !told[file] {
			told[file] = true
			for _, v := range l.calledOutputs(file) {
				if name == "" || strings.EqualFold(v.Name, name) {
					list = append(list, decided{what, v.Name + " " + v.Text})
				}
			}
		}
		for _, v := range other.Outputs {
			if *l.left--; *l.left <= 0 {
				return nil
			}
			if !called && name != "" && !strings.EqualFold(v.Name, name) {
				continue
			}
			list = append(list, decided{what, v.Name + " " + valueOf(v)})
			for _, m := range stepRead().FindAllStringSubmatch(v.Text, maxDecided) {
				for i := range other.Cases {
					if *l.left -= len(other.Cases[i].Steps); *l.left <= 0 {
						return nil
					}
					for k := range other.Cases[i].Steps {
						if s := &other.Cases[i].Steps[k]; m[1] != "" && strings.EqualFold(s.ID, m[1]) {
							for _, text := range g.does(s) {
								list = append(list, decided{what, text})
							}
						}
					}
				}
			}
		}
	}
	if len(list) == 0 {
		list = append(list, decided{what, ""}) // it is empty
	}
	return list
}

// calledOutputs are the outputs that a called workflow makes of those of its jobs.
func (l lookup) calledOutputs(path string) []evidence.WorkflowValue {
	for i := range l.in.Files {
		if l.in.Files[i].Path == path {
			return l.in.Files[i].Outputs
		}
	}
	return nil
}

// inputs are what an input is given, by the caller or else by the workflow itself, with what that goes by.
func (l lookup) inputs(frame int, name string, depth int) []decided {
	what := "the input " + inert.Word(name) + " that it goes by"
	triggers, event := l.job.Triggers, ""
	if frame > 0 && frame <= len(l.job.Calls) {
		call := &l.job.Calls[frame-1]
		var list []decided
		for _, v := range call.With {
			if name == "" || strings.EqualFold(v.Name, name) {
				list = append(list, decided{what, v.Name + " " + valueOf(v)})
				list = append(list, l.all(v.Text, frame-1, depth+1)...)
			}
		}
		if len(list) > 0 && name != "" {
			return list
		}
		for i := range l.in.Files {
			if f := &l.in.Files[i]; f.Path == call.Uses.File {
				triggers, event = f.Triggers, "workflow_call"
			}
		}
	}
	var list []decided
	for _, t := range triggers {
		for _, in := range t.Inputs {
			if (event == "" || event == t.Event) && (name == "" || strings.EqualFold(in.Name, name)) {
				list = append(list, decided{what, in.Name + " " + in.Type + " " + in.Default})
			}
		}
	}
	if len(list) == 0 {
		list = append(list, decided{what, ""})
	}
	return list
}
