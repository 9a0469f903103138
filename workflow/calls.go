package workflow

import (
	"path"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// callee is the local workflow that a job calls, nil where it cannot be followed.
func (l *loader) callee(doc *document, uses *yaml.Node) *file {
	f, _ := l.find(parseUses(doc, uses))
	return f
}

// find reads the workflow that a "uses" names, or says why it cannot.
func (l *loader) find(u evidence.WorkflowUses) (*file, evidence.UnknownWhy) {
	switch {
	case u.Kind == evidence.UsesRemote:
		return nil, evidence.CalleeRemote
	case u.Kind != evidence.UsesLocal || path.Dir(u.Path) != Dir:
		return nil, evidence.CalleeUnreadable
	case l.files[u.Path] == nil && !l.exists(u.Path):
		return nil, evidence.CalleeMissing
	}
	if f := l.file(u.Path); f != nil && f.parsed {
		return f, 0
	}
	return nil, evidence.CalleeUnreadable
}

// expansion makes the jobs of one workflow that is started.
type expansion struct {
	l     *loader
	root  *file
	jobs  int
	work  int
	ended bool
}

// expand adds every job of a workflow that is started.
func (l *loader) expand(f *file) {
	x := &expansion{l: l, root: f, work: MaxWork}
	for _, j := range f.jobs {
		x.job(nil, j, "")
	}
}

// job adds a job, or those of the workflow that it calls. outer are the calling jobs.
func (x *expansion) job(outer []*job, j *job, prefix string) {
	x.jobs++
	if x.jobs > MaxFileJobs || x.l.jobs >= MaxJobs {
		if !x.ended {
			x.ended = true
			x.l.problem(evidence.ProblemLimit, j.file.place(j.at), "more than %d jobs are started by one workflow, or %d by all", MaxFileJobs, MaxJobs)
			x.l.emitUnknown(x.root, outer, j, prefix+j.id)
		}
		return
	}
	id := prefix + j.id
	if j.uses == nil {
		x.l.emit(x, outer, j, id, nil)
		return
	}
	call := x.l.readCall(j)
	callee, why := x.l.find(call.Uses)
	if callee != nil && len(outer) >= MaxCalls {
		callee, why = nil, evidence.CalleeTooDeep
	}
	for _, o := range outer {
		if callee != nil && o.file == callee || callee == j.file {
			callee, why = nil, evidence.CalleeTooDeep
		}
	}
	if callee == j.file {
		callee, why = nil, evidence.CalleeTooDeep
	}
	if callee == nil {
		x.l.calleeProblem(j, call, why)
		x.l.emit(x, outer, j, id, &evidence.UnknownCallee{Call: call, Why: why})
		return
	}
	chain := append(append([]*job(nil), outer...), j)
	for _, inner := range callee.jobs {
		x.job(chain, inner, id+"/")
	}
}

// calleeProblem records why a local call cannot be followed.
func (l *loader) calleeProblem(j *job, call evidence.WorkflowCall, why evidence.UnknownWhy) {
	switch why {
	case evidence.CalleeRemote: // no fault of the file
	case evidence.CalleeMissing:
		l.problem(evidence.ProblemCallee, call.Uses.At, "the tree has no workflow %s", inert.Quote(call.Uses.Path))
	case evidence.CalleeTooDeep:
		l.problem(evidence.ProblemCallee, call.Uses.At, "workflows call each other in a circle, or more than %d inside each other", MaxCalls)
	case evidence.CalleeUnreadable:
		l.problem(evidence.ProblemCallee, j.file.place(j.uses), "the workflow %s cannot be followed", inert.Quote(call.Uses.Text))
	}
}

// readCall is what a calling job passes.
func (l *loader) readCall(j *job) evidence.WorkflowCall {
	doc := j.file.document
	c := evidence.WorkflowCall{Job: j.id, Uses: parseUses(doc, j.uses), At: doc.place(j.at), Inherit: inherits(j.secrets), Needs: j.needs}
	if c.Uses.Kind == evidence.UsesLocal {
		c.Uses.Found = l.exists(c.Uses.Path)
		if c.Uses.Found {
			c.Uses.File = c.Uses.Path
		}
	}
	return c
}
