package decide

import (
	"context"
	"io/fs"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// Files asks what the workflow files of a tree let jobs reach.
type Files struct {
	Head  fs.FS
	Base  fs.FS    // the tree before the change; nil: everything is judged
	Named []string // the only files that are judged; none: all
	// As is the agent that the change is judged as, by its grants alone; "" for nobody.
	As         names.Principal
	Policy     *policy.Policy
	Repository string
}

func (q Files) decide(_ context.Context, src Sources) Outcome {
	set := newSet(nil, evidence.SurfaceCheck, q.Repository, Clock{src.Now(), ClockHere})
	set.Workflows = &evidence.WorkflowTree{WorkflowChange: *workflowChange(q.Head, q.Base, q.Named...), Files: q.Named, As: q.As}
	r := checker.Check(q.Policy, set)
	if len(r.Acts)+len(r.Findings) == 0 {
		r.Nothing = "there is no job of a workflow here"
	}
	return Outcome{Report: r}
}
