package checker_test

import (
	"bytes"
	"maps"
	"slices"
	"testing/fstest"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/workflow"
)

// Lines about workflow files:
//
//	workflows                                the case's files, judged by themselves
//	workflows as=agent.coder files=a.yml     with the base where the case has one, or says "base"
//	workflows on=refs/heads/agent/pay        the push to the ref changes them
//	workflows pull=7                         the pull request does

// workflowLine is such a line; what it is about is only there at the end.
type workflowLine struct {
	ref    string
	pull   int
	change evidence.WorkflowChange
}

func (s *scenario) workflows(args []string) {
	o := s.options(args)
	w := workflowLine{ref: o.text("on", ""), pull: int(o.number("pull", 0)), change: s.workflowChange()}
	if w.change.Base == nil && (o.flag("base") || w.ref != "" || w.pull != 0) {
		w.change.Base = workflow.Load(fstest.MapFS{}, workflow.Options{})
	}
	if g := o.text("gap", ""); g != "" {
		w.change.Gaps = append(w.change.Gaps, s.gap([]string{g, "the tree of the base", "detail=object not found"}))
	}
	as := names.Principal(o.text("as", ""))
	files, _ := o.list("files")
	o.done()
	if w.ref == "" && w.pull == 0 {
		s.set.Workflows = &evidence.WorkflowTree{WorkflowChange: w.change, As: as, Files: files}
		return
	}
	s.trees = append(s.trees, w)
}

// workflowChange is what the files of the case say.
func (s *scenario) workflowChange() evidence.WorkflowChange {
	c := evidence.WorkflowChange{Head: workflow.Load(s.head, workflow.Options{})}
	if len(s.base) > 0 {
		c.Base = workflow.Load(s.base, workflow.Options{})
	}
	for path, file := range s.head {
		if old := s.base[path]; old == nil || !bytes.Equal(old.Data, file.Data) {
			c.Changed = append(c.Changed, path)
		}
	}
	for path := range maps.Keys(s.base) {
		if s.head[path] == nil {
			c.Changed = append(c.Changed, path)
		}
	}
	slices.Sort(c.Changed)
	return c
}

// workflowChanges hands the changes to what makes them.
func (s *scenario) workflowChanges() {
	for _, w := range s.trees {
		found := false
		for i := range s.set.Updates {
			if u := &s.set.Updates[i]; u.Ref == w.ref {
				u.Workflows, found = &w.change, true
			}
		}
		for i := range s.set.PullRequests {
			if pr := &s.set.PullRequests[i]; pr.Number == w.pull {
				pr.Workflows, found = &w.change, true
			}
		}
		if !found {
			s.t.Fatalf("nothing changes the workflows: there is no %s or #%d", w.ref, w.pull)
		}
	}
}
